// Package clients drives real BitTorrent clients for tests, on hosts of a lab
// network: Debian's transmission-daemon, qbittorrent-nox, rtorrent, deluged, aria2c,
// ktorrent and python3-libtorrent, and anacrolix/torrent in this process. All of them
// are told to find peers through the tracker alone. The comment of each type says how
// that client announces.
//
// Concurrency: each client belongs to the test that started it, but its torrents
// may be used by parallel tests.
package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/anacrolix/torrent/metainfo"
)

// Client is a program with a host of the lab to itself. It keeps all data in one
// folder.
type Client interface {
	// Add gives it a .torrent to fetch, or to seed if the data is in its folder
	// already, and returns what it calls the torrent.
	Add(ctx context.Context, torrent []byte) (id string, err error)
	// Figures asks what it has moved so far.
	Figures(ctx context.Context, id string) (Figures, error)
	// Stop makes it leave the swarm of a torrent, and returns the last figures.
	Stop(ctx context.Context, id string) (Figures, error)
	// Close ends the program.
	Close(ctx context.Context) error
}

// Figures is what a client itself says of a torrent.
type Figures struct {
	Complete             bool
	Uploaded, Downloaded int64 // as it tells the tracker
}

// WaitComplete returns when c has a whole torrent.
func WaitComplete(ctx context.Context, c Client, id string) error {
	var f Figures
	err := until(ctx, "the torrent is not complete", func() (_ bool, err error) {
		f, err = c.Figures(ctx, id)
		return f.Complete, err
	})
	if err != nil {
		return fmt.Errorf("%w: %+v", err, f)
	}
	return nil
}

// infoHash returns the v1 info-hash of a .torrent in lower-case hexadecimal.
func infoHash(torrent []byte) (string, error) {
	mi, err := metainfo.Load(bytes.NewReader(torrent))
	if err != nil {
		return "", fmt.Errorf("read a .torrent: %w", err)
	}
	return mi.HashInfoBytes().HexString(), nil
}

// poll is how often a client is asked for its state. Every wait ends with its
// context.
const poll = 50 * time.Millisecond

// startLimit is how long a client may take to start on a busy machine.
const startLimit = time.Minute

// until calls done again and again until it reports true, fails, or ctx ends.
func until(ctx context.Context, what string, done func() (bool, error)) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		ok, err := done()
		if err != nil || ok {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-tick.C:
		}
	}
}

// process is a running program whose output is kept.
type process struct {
	cmd  *exec.Cmd
	out  output
	done chan struct{} // closed when it has ended
	err  error
}

func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.out, &p.out
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// untilReady waits until ask no longer fails, and ends a process that doesn't get
// there.
func (p *process) untilReady(ctx context.Context, ask func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	var last error
	err := until(ctx, p.cmd.Args[0]+" does not answer", func() (bool, error) {
		if p.ended() {
			return false, fmt.Errorf("%s ended: %w\n%s", p.cmd.Args, p.err, p.out.String())
		}
		last = ask()
		return last == nil, nil
	})
	if err != nil && !p.ended() {
		err = errors.Join(err, last, p.cmd.Process.Kill())
	}
	return err
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// wait returns how the process ended.
func (p *process) wait(ctx context.Context) error {
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return fmt.Errorf("%s does not end: %w\n%s", p.cmd.Args, ctx.Err(), p.out.String())
	}
}

// terminate asks the process to end, and kills it if it doesn't.
func (p *process) terminate(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !p.ended() {
		return err
	}
	if err := p.wait(ctx); ctx.Err() != nil {
		return errors.Join(err, p.cmd.Process.Kill())
	}
	return nil
}

// fetch makes a request and returns the body of the answer and its status.
func fetch(c *http.Client, req *http.Request) (body []byte, status int, err error) {
	resp, err := c.Do(req)
	if err != nil {
		return nil, 0, err
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	return body, resp.StatusCode, errors.Join(err, resp.Body.Close())
}

// output is what a program wrote so far.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// homeIn is the environment of a program that keeps whatever it keeps in dir.
func homeIn(dir string) []string {
	return append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CACHE_HOME="+dir, "XDG_RUNTIME_DIR="+dir)
}
