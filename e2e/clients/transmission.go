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

	"github.com/caduceus-bio/caduceus/e2e/netns"
)

// Transmission is a transmission-daemon on a host of the lab.
type Transmission struct {
	*process
	url     string
	session string
}

// StartTransmission starts a daemon that keeps its settings in dir and data in
// downloads.
func StartTransmission(ctx context.Context, h *netns.Host, dir, downloads string) (*Transmission, error) {
	ip := h.IP.String()
	p, err := start(h.Command(ctx, "transmission-daemon", "--foreground", "--config-dir", dir, "--download-dir", downloads,
		"--no-auth", "--allowed", "10.77.*.*", "--port", "9091", "--rpc-bind-address", ip, "--bind-address-ipv4", ip,
		"--peerport", "51413", "--no-dht", "--no-lpd", "--no-portmap", "--no-utp", "--no-incomplete-dir"))
	if err != nil {
		return nil, err
	}
	t := &Transmission{process: p, url: "http://" + ip + ":9091/transmission/rpc"}
	err = until(ctx, "transmission-daemon does not answer", func() (bool, error) {
		if p.ended() {
			return false, fmt.Errorf("transmission-daemon ended: %w\n%s", p.err, p.out.String())
		}
		return t.call(ctx, "session-get", nil, nil) == nil, nil
	})
	if err != nil {
		return nil, errors.Join(err, p.cmd.Process.Kill())
	}
	return t, nil
}

// Add adds a .torrent and returns its number.
func (t *Transmission) Add(ctx context.Context, torrent []byte) (id int, err error) {
	var out struct {
		Added     struct{ ID int } `json:"torrent-added"`
		Duplicate struct{ ID int } `json:"torrent-duplicate"`
	}
	err = t.call(ctx, "torrent-add", map[string]any{"metainfo": base64.StdEncoding.EncodeToString(torrent)}, &out)
	if err == nil && out.Added.ID == 0 {
		err = fmt.Errorf("transmission has this torrent already, as %d", out.Duplicate.ID)
	}
	return out.Added.ID, err
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
	transmissionSeeding = 6
)

// State asks for the state of one torrent.
func (t *Transmission) State(ctx context.Context, id int) (TransmissionState, error) {
	var out struct{ Torrents []TransmissionState }
	err := t.call(ctx, "torrent-get", map[string]any{"ids": []int{id}, "fields": []string{"percentDone", "leftUntilDone",
		"uploadedEver", "downloadedEver", "status", "error", "errorString", "trackerStats"}}, &out)
	if err == nil && len(out.Torrents) != 1 {
		err = fmt.Errorf("transmission knows no torrent %d", id)
	}
	if err != nil {
		return TransmissionState{}, err
	}
	return out.Torrents[0], nil
}

// WaitSeeding returns when the torrent is complete and the tracker knows.
func (t *Transmission) WaitSeeding(ctx context.Context, id int) error {
	var st TransmissionState
	err := until(ctx, "transmission does not seed", func() (done bool, err error) {
		st, err = t.State(ctx, id)
		return st.Status == transmissionSeeding && st.LeftUntilDone == 0 &&
			len(st.TrackerStats) > 0 && st.TrackerStats[0].LastAnnounceSucceeded, err
	})
	if err != nil {
		return fmt.Errorf("%w: %+v", err, st)
	}
	return nil
}

// WaitAnnounced returns when the tracker has answered well.
func (t *Transmission) WaitAnnounced(ctx context.Context, id int) error {
	return until(ctx, "transmission does not announce", func() (bool, error) {
		st, err := t.State(ctx, id)
		return len(st.TrackerStats) > 0 && st.TrackerStats[0].LastAnnounceSucceeded, err
	})
}

// WaitTrackerError returns what the tracker answered once it has refused.
func (t *Transmission) WaitTrackerError(ctx context.Context, id int) (text string, err error) {
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
func (t *Transmission) Reannounce(ctx context.Context, id int) error {
	return t.call(ctx, "torrent-reannounce", map[string]any{"ids": []int{id}}, nil)
}

// StopTorrent stops one torrent, which tells the tracker, and returns its last
// state.
func (t *Transmission) StopTorrent(ctx context.Context, id int) (st TransmissionState, err error) {
	if err := t.call(ctx, "torrent-stop", map[string]any{"ids": []int{id}}, nil); err != nil {
		return st, err
	}
	err = until(ctx, "transmission does not stop a torrent", func() (done bool, err error) {
		st, err = t.State(ctx, id)
		return st.Status == transmissionStopped, err
	})
	return st, err
}

// Close ends the daemon. Torrents that still run announce that they stop.
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
		req.Header.Set(sessionHeader, t.session)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		raw, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		if resp.StatusCode == http.StatusConflict {
			t.session = resp.Header.Get(sessionHeader)
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
