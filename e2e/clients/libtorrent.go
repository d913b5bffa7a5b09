package clients

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/caduceus-bio/caduceus/e2e/netns"
)

//go:embed libtorrent.py
var libtorrentScript string

// python is Debian's own: another one in PATH lacks Debian's modules.
const python = "/usr/bin/python3"

// Kind says which versions of the protocol a torrent speaks (BEP 3, BEP 52).
type Kind string

// The kinds.
const (
	V1     Kind = "v1"
	V2     Kind = "v2"
	Hybrid Kind = "hybrid"
)

// Made is a torrent that libtorrent made.
type Made struct {
	File   []byte // the .torrent
	V1, V2 string // info-hashes in hexadecimal, "" where there is none
	Size   int64
}

// Make lets libtorrent make a torrent of the file or folder at path, with pieces
// of 16 KiB.
func Make(ctx context.Context, kind Kind, path, dir string) (Made, error) {
	out := filepath.Join(dir, "made.torrent")
	cmd := exec.CommandContext(ctx, python, "-I", "-c", libtorrentScript, "make", string(kind), path, "16384", out)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	said, err := cmd.Output()
	if err != nil {
		return Made{}, fmt.Errorf("libtorrent did not make a torrent: %w\n%s", err, stderr.String())
	}
	var m Made
	if err := json.Unmarshal(said, &m); err != nil {
		return Made{}, fmt.Errorf("libtorrent said %q: %w", said, err)
	}
	m.File, err = os.ReadFile(out)
	return m, err
}

// LibTorrent is a libtorrent session on a host of the lab.
//
// It announces once for each address that it listens on and each info-hash, with the
// same peer-id, key and figures: twice for a tracker with addresses of both families,
// four times if the torrent is a hybrid. An address of one family never announces to
// the other. The peer-id differs for each torrent. It counts payload, and sends
// "completed" and "stopped" at once.
type LibTorrent struct {
	*process
	again func() error // starts the process
	dir   string
	input io.WriteCloser // its end asks the session to end
	added atomic.Int64
}

// LibTorrentState is one thing that a session said.
type LibTorrentState struct {
	ID           string
	State        string
	Seeding      bool
	Uploaded     int64  // payload
	Downloaded   int64  // payload, without what came twice
	Stopped      bool   // what was asked for, not what a tracker heard
	TrackerError string `json:"tracker_error"`
	TrackerReply *int   `json:"tracker_reply"` // peers in an answer
	TorrentError string `json:"torrent_error"`
}

// StartLibTorrent starts a session that keeps data in downloads. A fingerprint
// makes it another client, such as "-XX1000-"; "" is libtorrent's own.
func StartLibTorrent(ctx context.Context, h *netns.Host, dir, downloads, fingerprint string) (*LibTorrent, error) {
	const port = "6881"
	listen := net.JoinHostPort(h.IP.String(), port) + "," + net.JoinHostPort(h.IP6.String(), port)
	l := &LibTorrent{dir: dir}
	l.again = func() (err error) {
		cmd := h.Command(ctx, python, "-I", "-c", libtorrentScript, "run", listen, downloads, fingerprint)
		if l.input, err = cmd.StdinPipe(); err != nil {
			return err
		}
		l.process, err = start(cmd)
		return err
	}
	return l, l.again()
}

// Add implements Client.
func (l *LibTorrent) Add(ctx context.Context, torrent []byte) (id string, err error) {
	return l.AddSlow(ctx, torrent, 0)
}

// AddSlow is Add with a limit of what it sends each second, which Hurry lifts. It
// returns once the files are checked. Debian's libtorrent 2.0.8 crashes now and then
// while it does that, before it announces: then a new session takes the torrent.
func (l *LibTorrent) AddSlow(ctx context.Context, torrent []byte, limit int) (id string, err error) {
	n := l.added.Add(1)
	id = strconv.FormatInt(n, 10)
	file := filepath.Join(l.dir, id+".torrent")
	if err := os.WriteFile(file, torrent, 0o600); err != nil {
		return "", err
	}
	for try := 1; ; try++ {
		err = l.order(map[string]any{"add": id, "file": file, "limit": limit})
		if err == nil {
			_, err = l.waitFor(ctx, id, "libtorrent does not take a torrent", LibTorrentState.checked)
		}
		if err == nil || n > 1 || try == crashes || !l.ended() {
			return id, err
		}
		if err := l.again(); err != nil {
			return "", err
		}
	}
}

// crashes is how many crashes of a session are put up with.
const crashes = 4

// checked reports whether libtorrent has looked at the files of a torrent.
func (st LibTorrentState) checked() bool {
	return st.TorrentError != "" || st.State != "" && !strings.Contains(st.State, "check")
}

// Hurry lifts the limit of AddSlow.
func (l *LibTorrent) Hurry(id string) error {
	return l.order(map[string]any{"limit": id, "to": 0})
}

func (l *LibTorrent) order(what map[string]any) error {
	line, err := json.Marshal(what)
	if err == nil {
		_, err = l.input.Write(append(line, '\n')) // one write: orders don't mix
	}
	return err
}

// said calls each with whatever was said of a torrent so far until it returns
// false.
func (l *LibTorrent) said(id string, each func(LibTorrentState) bool) {
	for line := range strings.Lines(l.out.String()) {
		st := LibTorrentState{}
		if json.Unmarshal([]byte(line), &st) == nil && st.ID == id && !each(st) {
			return
		}
	}
}

// waitFor returns the first state for which pleases is true.
func (l *LibTorrent) waitFor(ctx context.Context, id, what string, pleases func(LibTorrentState) bool) (found LibTorrentState, err error) {
	err = until(ctx, what, func() (ok bool, err error) {
		gone := l.ended() // before reading: what was said last must be read
		l.said(id, func(st LibTorrentState) bool {
			if pleases(st) {
				found, ok = st, true
			}
			return !ok
		})
		if gone && !ok {
			return false, errors.New("libtorrent ended")
		}
		return ok, nil
	})
	if err != nil {
		err = fmt.Errorf("%w; it said:\n%s", err, l.out.String())
	}
	return found, err
}

// Figures implements Client.
func (l *LibTorrent) Figures(_ context.Context, id string) (f Figures, err error) {
	if l.ended() {
		return f, errors.Join(fmt.Errorf("libtorrent ended; it said:\n%s", l.out.String()), l.err)
	}
	l.said(id, func(st LibTorrentState) bool {
		if st.TorrentError != "" {
			err = fmt.Errorf("libtorrent: %s", st.TorrentError)
		}
		if st.State != "" {
			f = st.figures()
		}
		return true
	})
	return f, err
}

func (st LibTorrentState) figures() Figures {
	return Figures{Complete: st.Seeding, Uploaded: st.Uploaded, Downloaded: st.Downloaded}
}

// WaitSeeding returns when a torrent is complete and the tracker has answered.
func (l *LibTorrent) WaitSeeding(ctx context.Context, id string) error {
	if err := WaitComplete(ctx, l, id); err != nil {
		return fmt.Errorf("%w; libtorrent said:\n%s", err, l.out.String())
	}
	_, err := l.waitFor(ctx, id, "the tracker does not answer libtorrent", func(st LibTorrentState) bool { return st.TrackerReply != nil })
	return err
}

// WaitTrackerError returns what the tracker answered when it refused.
func (l *LibTorrent) WaitTrackerError(ctx context.Context, id string) (string, error) {
	st, err := l.waitFor(ctx, id, "the tracker does not refuse libtorrent", func(st LibTorrentState) bool { return st.TrackerError != "" })
	return st.TrackerError, err
}

// Stop implements Client.
func (l *LibTorrent) Stop(ctx context.Context, id string) (Figures, error) {
	if err := l.order(map[string]any{"stop": id}); err != nil {
		return Figures{}, err
	}
	st, err := l.waitFor(ctx, id, "libtorrent does not stop", func(st LibTorrentState) bool { return st.Stopped })
	return st.figures(), err
}

// Close implements Client. It waits a few seconds for the tracker's answers.
func (l *LibTorrent) Close(ctx context.Context) error {
	return errors.Join(l.input.Close(), l.wait(ctx))
}
