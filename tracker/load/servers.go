package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/caduceus-bio/caduceus/internal/gauge"
)

const (
	startLimit = 30 * time.Second
	stopLimit  = 15 * time.Second
)

// server is a running tracker.
type server struct {
	name    string
	addr    netip.AddrPort
	paths   []string // of each member; one for all where members are not known
	closes  bool     // after every answer
	env     []string // besides ours
	lasts   bool     // it keeps its clients over a restart
	cmd     *exec.Cmd
	dbPID   int // 0 is no database process
	cleanup func() error
}

func (s *server) path(member int) string { return s.paths[member%len(s.paths)] }

// startAll starts and fills the servers that the options name. It returns those that run,
// even if there is an error.
func startAll(ctx context.Context, o options, dir string, pop *population) (servers []*server, err error) {
	add := func(s *server, err error) error {
		if s != nil {
			servers = append(servers, s)
		}
		return err
	}
	for i, b := range o.binaries {
		name, rest, ok := strings.Cut(b, "=")
		if !ok {
			name, rest = "caduceus", b
		}
		words := strings.Split(rest, ",")
		if err := add(startCaduceus(ctx, o, filepath.Join(dir, strconv.Itoa(i)), name, words[0], words[1:], pop)); err != nil {
			return servers, fmt.Errorf("%s: %w", name, err)
		}
	}
	if o.opentracker != "" {
		if err := add(startOpentracker(ctx, o, dir, pop)); err != nil {
			return servers, fmt.Errorf("opentracker (Debian has a package of that name; -opentracker '' does without): %w", err)
		}
	}
	for _, s := range servers {
		begun := time.Now()
		if err := preload(ctx, o, s, pop); err != nil {
			return servers, fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %d clients are in after %v\n", s.name, len(pop.peers), time.Since(begun).Round(time.Millisecond))
	}
	if o.hello {
		for _, engine := range []string{"net/http", "fasthttp", "front"} {
			if err := add(startHello(ctx, engine)); err != nil {
				return servers, err
			}
		}
	}
	return servers, nil
}

// command starts a server's process.
func (s *server) command(out io.Writer, dir, path string, args ...string) error {
	s.cmd = exec.Command(path, args...) //nolint:gosec,noctx // the operator names the programs; they are stopped in order, by a signal
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, out, out
	return s.cmd.Start()
}

// await waits until the server accepts connections.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		d := net.Dialer{Timeout: time.Second}
		conn, err := d.DialContext(ctx, "tcp", s.addr.String())
		if err == nil {
			return conn.Close()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it does not open: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop stops the server and removes its data.
func (s *server) stop() error {
	var err error
	if s.cmd != nil && s.cmd.Process != nil {
		err = s.cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(stopLimit, func() { _ = s.cmd.Process.Kill() }) // it may have ended
		_ = s.cmd.Wait()                                                       // by a signal, as it should be
		kill.Stop()
	}
	if s.cleanup != nil {
		err = errors.Join(err, s.cleanup())
	}
	return err
}

// usage is what a server and its database have used so far.
type usage struct {
	cpu, db time.Duration
	all     time.Duration // of the whole machine, without the server, its database and this program
	rss     int64
}

func (s *server) usage() (u usage, err error) {
	if u.cpu, err = gauge.CPUOf(s.cmd.Process.Pid); err != nil {
		return u, err
	}
	if s.dbPID > 0 {
		if u.db, err = gauge.CPUOf(s.dbPID); err != nil {
			return u, err
		}
	}
	all, err := cpuOfAll()
	if err != nil {
		return u, err
	}
	own, err := gauge.CPUOf(os.Getpid())
	if err != nil {
		return u, err
	}
	u.all = all - own - u.cpu - u.db
	u.rss, err = gauge.RSSOf(s.cmd.Process.Pid)
	return u, err
}

// cpuOfAll reads the user and system time of the whole machine.
func cpuOfAll() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(b[:bytes.IndexByte(b, '\n')])
	const user, nice, system, irq, softirq = 1, 2, 3, 6, 7
	if len(fields) <= softirq {
		return 0, errors.New("/proc/stat is too short")
	}
	return gauge.Ticks(fields[user], fields[nice], fields[system], fields[irq], fields[softirq])
}

// freePort finds a port on loopback that nobody uses at the moment.
func freePort(ctx context.Context) (netip.AddrPort, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return netip.AddrPort{}, err
	}
	a := l.Addr().(*net.TCPAddr).AddrPort()
	return a, l.Close()
}

func startOpentracker(ctx context.Context, o options, dir string, pop *population) (s *server, err error) {
	path, err := exec.LookPath(o.opentracker)
	if err != nil {
		return nil, err
	}
	s = &server{name: "opentracker", paths: []string{"/announce"}, closes: true}
	if s.addr, err = freePort(ctx); err != nil {
		return nil, err
	}
	own := filepath.Join(dir, "opentracker")
	if err := os.Mkdir(own, 0o755); err != nil { //nolint:gosec // opentracker gives up its rights before it reads its list
		return nil, err
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the same
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(own, "list"), pop.whitelist(), 0o644); err != nil { //nolint:gosec // the same
		return nil, err
	}
	port := strconv.Itoa(int(s.addr.Port()))
	// It wants to be jailed where it can be; elsewhere it runs as it is.
	args := []string{"-i", "127.0.0.1", "-p", port, "-d", own, "-w", "list"}
	if os.Getuid() != 0 {
		args = []string{"-i", "127.0.0.1", "-p", port, "-w", filepath.Join(own, "list")}
	}
	if err := s.command(nil, own, path, args...); err != nil {
		return nil, err
	}
	return s, s.await(ctx)
}

// startHello starts this program as a bare HTTP server.
func startHello(ctx context.Context, engine string) (s *server, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s = &server{name: "bare " + engine, paths: []string{"/0123456789abcdef0123456789abcdef/announce"}}
	if s.addr, err = freePort(ctx); err != nil {
		return nil, err
	}
	if err := s.command(os.Stderr, "", self, "hello", "-engine", engine, "-listen", s.addr.String()); err != nil {
		return nil, err
	}
	return s, s.await(ctx)
}

// tail is the end of a log, for errors.
func tail(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = f.Close() }() // it was only read
	var lines []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		if lines = append(lines, sc.Text()); len(lines) > 5 {
			lines = lines[1:]
		}
	}
	return strings.Join(lines, "\n")
}
