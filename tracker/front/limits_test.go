package front

import (
	"bufio"
	"errors"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestNoFiles makes accepting fail as it does when the process has no file left:
// the loops neither spin nor give up.
func TestNoFiles(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	var tries atomic.Int64
	failing.Store(true)
	s, _ := start(t, Options{Handler: &echo{}}, func(s *Server) {
		s.accept = func(fd int, from *sockaddr) (int, error) {
			if tries.Add(1); failing.Load() {
				return -1, unix.EMFILE
			}
			return accept4(fd, from)
		}
	})
	conn := dial(t, s, 0)
	say(t, conn, "GET / HTTP/1.0\r\n\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(500 * time.Millisecond))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("read: %v", err)
	}
	if n := tries.Load(); n == 0 || n > 20*int64(len(s.loops)) {
		t.Errorf("%d tries", n)
	}
	failing.Store(false)
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if got := hear(t, bufio.NewReader(conn), "GET"); !strings.HasPrefix(got, "200 ") {
		t.Errorf("afterwards: %s", got)
	}
}

// TestFilesLimit allows more connections than there can be.
func TestFilesLimit(t *testing.T) {
	t.Parallel()
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), nil, Options{MaxConnections: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	if most := s.o.MaxConnections; r.Cur < 1<<31 && (uint64(most) >= r.Cur || most <= 0) {
		t.Errorf("%d connections with %d files", most, r.Cur)
	}
}

func TestMostConnections(t *testing.T) {
	t.Parallel()
	s, _ := start(t, Options{Handler: &echo{}, MaxConnections: 5}, nil)
	var conns []net.Conn
	for range 8 {
		conns = append(conns, dial(t, s, 0))
	}
	for i, conn := range conns { // each gets its turn as others leave
		say(t, conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		hear(t, bufio.NewReader(conn), "GET")
		if n := s.Stats().Open; n > 5 {
			t.Errorf("%d are open", n)
		}
		if i < 3 {
			_ = conn.Close()
		}
	}
}

// TestCrowded fills the server with connections that have asked once: they give
// way to those who wait, and who has only just come does not.
func TestCrowded(t *testing.T) {
	t.Parallel()
	s, _ := start(t, Options{Handler: &echo{}, MaxConnections: 3, HeadTimeout: time.Minute, CrowdedTimeout: 300 * time.Millisecond}, nil)
	fresh := dial(t, s, 0)
	for s.Stats().Open < 1 {
		time.Sleep(time.Millisecond)
	}
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for range 8 {
		conn := dial(t, s, 0)
		say(t, conn, get)
		hear(t, bufio.NewReader(conn), "GET")
		if n := s.Stats().Open; n > 3 {
			t.Errorf("%d are open", n)
		}
	}
	say(t, fresh, get)
	hear(t, bufio.NewReader(fresh), "GET")
}
