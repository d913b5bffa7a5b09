package clients

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/caduceus-bio/caduceus/e2e/netns"
)

// Aria2 is an aria2c on a host of the lab.
//
// It announces over one family, IPv6 when the tracker has both, with a peer-id and a
// key of raw bytes that are the same for all torrents. It announces every "min
// interval" rather than every "interval". When "pause" stops it, it tells the tracker
// at once. Version 1.36 can't read hybrids.
type Aria2 struct {
	*process
	url, log, downloads string

	mu     sync.Mutex
	hashes map[string]string // by what aria2 calls a torrent
}

// StartAria2 starts an aria2c that keeps data in downloads. dir is for its own
// files; more are further arguments.
func StartAria2(ctx context.Context, h *netns.Host, dir, downloads string, more ...string) (*Aria2, error) {
	a := &Aria2{
		url: "http://" + h.IP.String() + ":6800/jsonrpc", log: filepath.Join(dir, "aria2.log"),
		downloads: downloads, hashes: map[string]string{},
	}
	args := []string{
		"--no-conf", "--enable-rpc", "--rpc-listen-all", "--rpc-listen-port=6800", "--listen-port=6881",
		"--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
		"--seed-ratio=0.0", "--allow-overwrite=true", "--log", a.log, "--log-level=info", "--show-console-readout=false",
	}
	var err error
	if a.process, err = start(h.Command(ctx, "aria2c", append(args, more...)...)); err != nil {
		return nil, err
	}
	return a, a.untilReady(ctx, func() error { return a.call(ctx, "aria2.getVersion", nil) })
}

// call makes one call of the JSON interface.
func (a *Aria2) call(ctx context.Context, method string, out any, params ...any) error {
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": "1", "method": method, "params": append([]any{}, params...)})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	raw, _, err := fetch(http.DefaultClient, req) // refusals come as 400
	if err != nil {
		return err
	}
	answer := struct {
		Result any
		Error  struct{ Message string }
	}{Result: out}
	if err := json.Unmarshal(raw, &answer); err != nil || answer.Error.Message != "" {
		return fmt.Errorf("%s: %w: %s", method, err, raw)
	}
	return nil
}

// Add implements Client.
func (a *Aria2) Add(ctx context.Context, torrent []byte) (id string, err error) {
	hash, err := infoHash(torrent)
	if err != nil {
		return "", err
	}
	err = a.call(ctx, "aria2.addTorrent", &id, base64.StdEncoding.EncodeToString(torrent), []string{}, map[string]string{"dir": a.downloads})
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hashes[id] = hash
	return id, err
}

// ariaStatus is a download as the interface tells it; all of it is text.
type ariaStatus struct {
	Status, ErrorMessage         string
	CompletedLength, TotalLength string
}

// Figures implements Client. aria2 itself reports only what it has and what it has
// sent. How much it fetched, which is more when it had to ask for a part again, is
// taken from its announces.
func (a *Aria2) Figures(ctx context.Context, id string) (f Figures, err error) {
	var st ariaStatus
	if err := a.call(ctx, "aria2.tellStatus", &st, id); err != nil {
		return f, err
	}
	if st.Status == "error" {
		return f, fmt.Errorf("aria2c: %s", st.ErrorMessage)
	}
	f.Complete = st.CompletedLength == st.TotalLength && st.TotalLength != "0"
	said, err := a.Announces(id)
	if len(said) > 0 {
		last := said[len(said)-1]
		f.Uploaded, f.Downloaded = last.Uploaded, last.Downloaded
	}
	return f, err
}

// Stop implements Client.
func (a *Aria2) Stop(ctx context.Context, id string) (f Figures, err error) {
	if err := a.call(ctx, "aria2.pause", nil, id); err != nil {
		return f, err
	}
	err = until(ctx, "aria2c does not stop a torrent", func() (bool, error) {
		var st ariaStatus
		err := a.call(ctx, "aria2.tellStatus", &st, id)
		return st.Status == "paused", err // once the tracker has answered
	})
	if err != nil {
		return f, err
	}
	return a.Figures(ctx, id)
}

// WaitLog returns the first line of the log that contains text.
func (a *Aria2) WaitLog(ctx context.Context, text string) (line string, err error) {
	err = until(ctx, fmt.Sprintf("aria2c does not say %q", text), func() (bool, error) {
		raw, err := os.ReadFile(a.log)
		if err != nil && !os.IsNotExist(err) {
			return false, err
		}
		for l := range strings.Lines(string(raw)) {
			if strings.Contains(l, text) {
				line = strings.TrimSpace(l)
				return true, nil
			}
		}
		if a.ended() {
			return false, fmt.Errorf("aria2c ended and never said %q: %w\n%s", text, a.err, a.out.String())
		}
		return false, nil
	})
	return line, err
}

// Announce is what a client told the tracker.
type Announce struct {
	Event                      string
	Uploaded, Downloaded, Left int64
}

var ariaAnnounce = regexp.MustCompile(`(?m)^GET \S+/announce\?(\S+) HTTP`)

// Announces returns everything that aria2 has told the tracker of a torrent so
// far.
func (a *Aria2) Announces(id string) ([]Announce, error) {
	raw, err := os.ReadFile(a.log)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	hash := a.hashes[id]
	a.mu.Unlock()
	var out []Announce
	for _, m := range ariaAnnounce.FindAllSubmatch(raw, -1) {
		query, err := url.ParseQuery(string(m[1]))
		if err != nil {
			return nil, err
		}
		if hex.EncodeToString([]byte(query.Get("info_hash"))) != hash {
			continue
		}
		said := Announce{Event: query.Get("event")}
		for key, to := range map[string]*int64{"uploaded": &said.Uploaded, "downloaded": &said.Downloaded, "left": &said.Left} {
			if *to, err = strconv.ParseInt(query.Get(key), 10, 64); err != nil {
				return nil, fmt.Errorf("aria2c announced %s: %w", m[1], err)
			}
		}
		out = append(out, said)
	}
	return out, nil
}

// Close implements Client.
func (a *Aria2) Close(ctx context.Context) error { return a.terminate(ctx) }
