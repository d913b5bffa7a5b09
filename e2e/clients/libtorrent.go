package clients

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

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
		return Made{}, fmt.Errorf("libtorrent makes no torrent: %w\n%s", err, stderr.String())
	}
	var m Made
	if err := json.Unmarshal(said, &m); err != nil {
		return Made{}, fmt.Errorf("libtorrent said %q: %w", said, err)
	}
	m.File, err = os.ReadFile(out)
	return m, err
}

// LibTorrent is a libtorrent session with one torrent on a host of the lab.
type LibTorrent struct {
	*process
	input io.Closer // its end asks the session to end
}

// LibTorrentState is one thing that a session said.
type LibTorrentState struct {
	State                string
	Seeding              bool
	Done                 int64
	Uploaded, Downloaded int64  // payload
	TrackerError         string `json:"tracker_error"`
	TrackerReply         *int   `json:"tracker_reply"` // peers in an answer
	TorrentError         string `json:"torrent_error"`
	Ended                bool
	Unheard              int // farewells that the tracker did not answer
}

// StartLibTorrent seeds or fetches torrent in downloads. A fingerprint makes it
// another client, such as "-XX1000-"; "" is libtorrent's own.
func StartLibTorrent(ctx context.Context, h *netns.Host, dir, downloads string, torrent []byte, fingerprint string) (*LibTorrent, error) {
	file := filepath.Join(dir, "libtorrent.torrent")
	if err := os.WriteFile(file, torrent, 0o600); err != nil {
		return nil, err
	}
	cmd := h.Command(ctx, python, "-I", "-c", libtorrentScript, "run", h.IP.String(), file, downloads, fingerprint)
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p, err := start(cmd)
	if err != nil {
		return nil, err
	}
	return &LibTorrent{process: p, input: input}, nil
}

// waitFor returns the first thing said that pleases is true of.
func (l *LibTorrent) waitFor(ctx context.Context, what string, pleases func(LibTorrentState) bool) (st LibTorrentState, err error) {
	err = until(ctx, what, func() (bool, error) {
		gone := l.ended() // before reading: what was said last must be read
		for line := range strings.Lines(l.out.String()) {
			st = LibTorrentState{}
			if json.Unmarshal([]byte(line), &st) == nil && pleases(st) {
				return true, nil
			}
		}
		if gone {
			return false, errors.New("libtorrent ended")
		}
		return false, nil
	})
	if err != nil {
		err = fmt.Errorf("%w; it said:\n%s", err, l.out.String())
	}
	return st, err
}

// WaitSeeding returns when the torrent is complete and the tracker has answered.
func (l *LibTorrent) WaitSeeding(ctx context.Context) error {
	if _, err := l.waitFor(ctx, "libtorrent does not seed", func(st LibTorrentState) bool { return st.Seeding }); err != nil {
		return err
	}
	_, err := l.waitFor(ctx, "the tracker does not answer libtorrent", func(st LibTorrentState) bool { return st.TrackerReply != nil })
	return err
}

// WaitTrackerError returns what the tracker answered when it refused.
func (l *LibTorrent) WaitTrackerError(ctx context.Context) (string, error) {
	st, err := l.waitFor(ctx, "the tracker does not refuse libtorrent", func(st LibTorrentState) bool { return st.TrackerError != "" })
	return st.TrackerError, err
}

// Close leaves the swarm and returns what the session has moved.
func (l *LibTorrent) Close(ctx context.Context) (LibTorrentState, error) {
	if err := l.input.Close(); err != nil {
		return LibTorrentState{}, err
	}
	st, err := l.waitFor(ctx, "libtorrent does not end", func(st LibTorrentState) bool { return st.Ended })
	return st, errors.Join(err, l.wait(ctx))
}
