package clients

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"github.com/caduceus-bio/caduceus/e2e/netns"
)

// Transmission is a transmission-daemon on a host of the lab.
//
// It announces over one family: IPv6 when the tracker has both. The peer-id differs
// for each torrent, the key is the same for all. Once complete it announces without
// an event first, and "completed" a second later. It unchokes every ten seconds, so a
// fetch takes that long. What it counts as uploaded includes the 13 bytes of head of
// each message that carries data.
type Transmission struct {
	*process
	url     string
	session atomic.Value // of string: its name for this test
}

// StartTransmission starts a daemon that keeps its settings in dir and data in
// downloads.
func StartTransmission(ctx context.Context, h *netns.Host, dir, downloads string) (*Transmission, error) {
	p, err := start(h.Command(ctx, "transmission-daemon", "--foreground", "--config-dir", dir, "--download-dir", downloads,
		"--no-auth", "--allowed", "10.77.*.*", "--port", "9091",
		"--peerport", "51413", "--no-dht", "--no-lpd", "--no-portmap", "--no-utp", "--no-incomplete-dir"))
	if err != nil {
		return nil, err
	}
	t := &Transmission{process: p, url: "http://" + h.IP.String() + ":9091/transmission/rpc"}
	return t, t.untilReady(ctx, func() error { return t.call(ctx, "session-get", nil, nil) })
}

// Add implements Client.
func (t *Transmission) Add(ctx context.Context, torrent []byte) (id string, err error) {
	var out struct {
		Added struct{ HashString string } `json:"torrent-added"`
	}
	err = t.call(ctx, "torrent-add", map[string]any{"metainfo": base64.StdEncoding.EncodeToString(torrent)}, &out)
	if err == nil && out.Added.HashString == "" {
		err = errors.New("transmission has this torrent already")
	}
	return out.Added.HashString, err
}

// TransmissionState is what the daemon says of one torrent.
type TransmissionState struct {
	PercentDone    float64
	LeftUntilDone  int64
	UploadedEver   int64
	DownloadedEver int64
	Status         int // 0 stopped, 2 checking, 4 downloading, 6 seeding
	Error          int
	ErrorString    string
	TrackerStats   []struct {
		HasAnnounced          bool
		LastAnnounceSucceeded bool
		LastAnnounceResult    string
		SeederCount           int
		LeecherCount          int
	}
}

const (
	transmissionStopped = 0
	transmissionChecks  = 2
	transmissionSeeding = 6

	transmissionLocalError = 3 // others are the tracker's
)

// State asks for the state of one torrent.
func (t *Transmission) State(ctx context.Context, id string) (TransmissionState, error) {
	var out struct{ Torrents []TransmissionState }
	err := t.call(ctx, "torrent-get", map[string]any{"ids": []string{id}, "fields": []string{"percentDone", "leftUntilDone",
		"uploadedEver", "downloadedEver", "status", "error", "errorString", "trackerStats"}}, &out)
	if err == nil && len(out.Torrents) != 1 {
		err = fmt.Errorf("transmission knows no torrent %s", id)
	}
	if err != nil {
		return TransmissionState{}, err
	}
	return out.Torrents[0], nil
}

// WaitSeeding returns when the torrent is complete and the tracker knows.
func (t *Transmission) WaitSeeding(ctx context.Context, id string) error {
	var st TransmissionState
	err := until(ctx, "transmission does not seed", func() (done bool, err error) {
		st, err = t.State(ctx, id)
		return st.Status == transmissionSeeding && st.LeftUntilDone == 0 && len(st.TrackerStats) > 0 && st.TrackerStats[0].LastAnnounceSucceeded, err
	})
	if err != nil {
		return fmt.Errorf("%w: %+v", err, st)
	}
	return nil
}

// WaitAnnounced returns when the tracker has answered well.
func (t *Transmission) WaitAnnounced(ctx context.Context, id string) error {
	return until(ctx, "transmission does not announce", func() (bool, error) {
		st, err := t.State(ctx, id)
		return len(st.TrackerStats) > 0 && st.TrackerStats[0].LastAnnounceSucceeded, err
	})
}

// WaitTrackerError returns what the tracker answered once it has refused.
func (t *Transmission) WaitTrackerError(ctx context.Context, id string) (text string, err error) {
	err = until(ctx, "the tracker does not refuse transmission", func() (bool, error) {
		st, err := t.State(ctx, id)
		if err != nil || len(st.TrackerStats) == 0 {
			return false, err
		}
		ts := st.TrackerStats[0]
		text = ts.LastAnnounceResult
		return ts.HasAnnounced && !ts.LastAnnounceSucceeded && text != "", nil
	})
	return text, err
}

// Reannounce asks the tracker for more peers now.
func (t *Transmission) Reannounce(ctx context.Context, id string) error {
	return t.call(ctx, "torrent-reannounce", map[string]any{"ids": []string{id}}, nil)
}

// Figures implements Client.
func (t *Transmission) Figures(ctx context.Context, id string) (Figures, error) {
	st, err := t.State(ctx, id)
	if err == nil && st.Error == transmissionLocalError {
		err = fmt.Errorf("transmission: %s", st.ErrorString)
	}
	return st.figures(), err
}

func (st TransmissionState) figures() Figures {
	return Figures{Complete: st.LeftUntilDone == 0 && st.Status != transmissionChecks, Uploaded: st.UploadedEver, Downloaded: st.DownloadedEver}
}

// Stop implements Client.
func (t *Transmission) Stop(ctx context.Context, id string) (f Figures, err error) {
	if err := t.call(ctx, "torrent-stop", map[string]any{"ids": []string{id}}, nil); err != nil {
		return f, err
	}
	err = until(ctx, "transmission does not stop a torrent", func() (bool, error) {
		st, err := t.State(ctx, id)
		f = st.figures()
		return st.Status == transmissionStopped, err
	})
	return f, err
}

// Close implements Client. Torrents that still run announce that they stop.
func (t *Transmission) Close(ctx context.Context) error {
	if err := t.call(ctx, "session-close", nil, nil); err != nil && !t.ended() {
		return errors.Join(err, t.terminate(ctx))
	}
	return t.terminate(ctx)
}

// call makes one call of the JSON interface.
func (t *Transmission) call(ctx context.Context, method string, arguments map[string]any, out any) error {
	body, err := json.Marshal(map[string]any{"method": method, "arguments": arguments})
	if err != nil {
		return err
	}
	const sessionHeader = "X-Transmission-Session-Id"
	for range 2 { // the first answer may only name the session
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		session, _ := t.session.Load().(string)
		req.Header.Set(sessionHeader, session)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		raw, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if resp.StatusCode == http.StatusConflict {
			t.session.Store(resp.Header.Get(sessionHeader))
			continue
		}
		answer := struct {
			Result    string
			Arguments any
		}{Arguments: out}
		if err := json.Unmarshal(raw, &answer); err != nil {
			return fmt.Errorf("transmission %s: %s: %s", method, resp.Status, raw)
		}
		if answer.Result != "success" {
			return fmt.Errorf("transmission %s: %s", method, answer.Result)
		}
		return nil
	}
	return fmt.Errorf("transmission %s: it opens no session", method)
}
