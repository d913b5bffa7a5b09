package clients

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/e2e/netns"
)

// Aria2 is an aria2c that fetches one torrent on a host of the lab.
type Aria2 struct {
	*process
	log string
}

// StartAria2 starts a download into downloads that ends by itself when it is
// complete. dir is for its own files; more are further arguments.
func StartAria2(ctx context.Context, h *netns.Host, dir, downloads string, torrent []byte, more ...string) (*Aria2, error) {
	file := filepath.Join(dir, "aria2.torrent")
	if err := os.WriteFile(file, torrent, 0o600); err != nil {
		return nil, err
	}
	a := &Aria2{log: filepath.Join(dir, "aria2.log")}
	args := append([]string{"--no-conf", "--dir", downloads, "--interface", h.IP.String(), "--listen-port", "6881",
		"--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false", "--enable-peer-exchange=false",
		"--seed-time=0", "--disable-ipv6=true",
		"--log", a.log, "--log-level=info", "--show-console-readout=false"}, more...)
	var err error
	a.process, err = start(h.Command(ctx, "aria2c", append(args, file)...))
	return a, err
}

// Wait returns when the download is complete and aria2 has left the swarm.
func (a *Aria2) Wait(ctx context.Context) error {
	if err := a.wait(ctx); err != nil {
		return fmt.Errorf("aria2c: %w\n%s", err, a.out.String())
	}
	return nil
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

// Announces returns everything that aria2 has told the tracker so far. Its
// downloaded is more than the data when it had to ask for a part of it again.
func (a *Aria2) Announces() ([]Announce, error) {
	raw, err := os.ReadFile(a.log)
	if err != nil {
		return nil, err
	}
	var out []Announce
	for _, m := range ariaAnnounce.FindAllSubmatch(raw, -1) {
		query, err := url.ParseQuery(string(m[1]))
		if err != nil {
			return nil, err
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

// Close ends it, whatever it does.
func (a *Aria2) Close(ctx context.Context) error { return a.terminate(ctx) }
