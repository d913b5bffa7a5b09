package clients

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/caduceus-bio/caduceus/e2e/netns"
)

// QBittorrent is a qbittorrent-nox on a host of the lab.
//
// It announces as libtorrent does (see LibTorrent): once for each address that it
// listens on, with equal figures. What it received twice it counts once.
type QBittorrent struct {
	*process
	url string
}

// StartQBittorrent starts a program that keeps its settings in dir and data in
// downloads.
func StartQBittorrent(ctx context.Context, h *netns.Host, dir, downloads string) (*QBittorrent, error) {
	settings := filepath.Join(dir, "qBittorrent", "config")
	if err := os.MkdirAll(settings, 0o700); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(`[BitTorrent]
Session\AddTrackersEnabled=false
Session\BTProtocol=TCP
Session\DHTEnabled=false
Session\DefaultSavePath=%s
Session\LSDEnabled=false
Session\PeXEnabled=false
Session\Port=6881
Session\QueueingSystemEnabled=false
[LegalNotice]
Accepted=true
[Network]
PortForwardingEnabled=false
[Preferences]
WebUI\Address=%s
WebUI\AuthSubnetWhitelist=10.77.0.0/16
WebUI\AuthSubnetWhitelistEnabled=true
WebUI\CSRFProtection=false
WebUI\Port=8080
WebUI\UseUPnP=false
`, downloads, h.IP)
	if err := os.WriteFile(filepath.Join(settings, "qBittorrent.conf"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd := h.Command(ctx, "qbittorrent-nox", "--profile="+dir)
	cmd.Env = homeIn(dir)
	p, err := start(cmd)
	if err != nil {
		return nil, err
	}
	q := &QBittorrent{process: p, url: "http://" + h.IP.String() + ":8080/api/v2/"}
	return q, q.untilReady(ctx, func() error { return q.post(ctx, "app/version", nil, nil) })
}

// post sends a form and decodes the answer into out.
func (q *QBittorrent) post(ctx context.Context, path string, form url.Values, out any) error {
	return q.send(ctx, path, "application/x-www-form-urlencoded", []byte(form.Encode()), out)
}

func (q *QBittorrent) send(ctx context.Context, path, contentType string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, q.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	raw, status, err := fetch(http.DefaultClient, req)
	if err != nil {
		return err
	}
	if status != http.StatusOK || bytes.HasPrefix(raw, []byte("Fails")) {
		return fmt.Errorf("qbittorrent %s: %d %s", path, status, raw)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(raw, out)
}

// Add implements Client.
func (q *QBittorrent) Add(ctx context.Context, torrent []byte) (id string, err error) {
	if id, err = infoHash(torrent); err != nil {
		return "", err
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("torrents", "dataset.torrent")
	if err == nil {
		_, err = file.Write(torrent)
	}
	if err := errors.Join(err, form.Close()); err != nil {
		return "", err
	}
	if err := q.send(ctx, "torrents/add", form.FormDataContentType(), body.Bytes(), nil); err != nil {
		return "", err
	}
	return id, until(ctx, "qbittorrent does not take a torrent", func() (bool, error) {
		st, err := q.state(ctx, id)
		return st != nil, err
	})
}

// qbState is what the program says of a torrent.
type qbState struct {
	State      string
	AmountLeft int64 `json:"amount_left"`
	Uploaded   int64 `json:"uploaded_session"`
	Completed  int64
}

// state returns nil for a torrent that the program does not have yet.
func (q *QBittorrent) state(ctx context.Context, id string) (*qbState, error) {
	var list []qbState
	err := q.post(ctx, "torrents/info", url.Values{"hashes": {id}}, &list)
	if err != nil || len(list) != 1 {
		return nil, err
	}
	return &list[0], nil
}

// Figures implements Client.
func (q *QBittorrent) Figures(ctx context.Context, id string) (Figures, error) {
	st, err := q.state(ctx, id)
	switch {
	case err != nil:
		return Figures{}, err
	case st == nil:
		return Figures{}, fmt.Errorf("qbittorrent knows no torrent %s", id)
	case st.State == "error" || st.State == "missingFiles":
		return Figures{}, fmt.Errorf("qbittorrent: %s", st.State)
	}
	seeds := strings.HasSuffix(st.State, "UP") && !strings.HasPrefix(st.State, "checking")
	return Figures{Complete: seeds && st.AmountLeft == 0, Uploaded: st.Uploaded, Downloaded: st.Completed}, nil
}

// Stop implements Client.
func (q *QBittorrent) Stop(ctx context.Context, id string) (f Figures, err error) {
	if err := q.post(ctx, "torrents/pause", url.Values{"hashes": {id}}, nil); err != nil {
		return f, err
	}
	err = until(ctx, "qbittorrent does not stop a torrent", func() (bool, error) {
		st, err := q.state(ctx, id)
		return st != nil && strings.HasPrefix(st.State, "paused"), err
	})
	if err != nil {
		return f, err
	}
	return q.Figures(ctx, id)
}

// Close implements Client.
func (q *QBittorrent) Close(ctx context.Context) error { return q.terminate(ctx) }
