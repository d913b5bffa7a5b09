package conn

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// loopback returns both ends of a connection.
func loopback(t *testing.T) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server
}

// quietHost is a host whose clients are only written to.
type quietHost struct{ admitted chan *Conn }

func (h *quietHost) Admit(c *Conn, _ Origin) (Client, error) {
	h.admitted <- c
	return hearer{c}, nil
}

type hearer struct{ c *Conn }

func (hearer) Secured(string) {}

func (hearer) Serve(ctx context.Context) bool {
	<-ctx.Done()
	return false
}

func (l hearer) Failed(string) { say(l.c.Finish(), l.c) }

// say does what a network does with what Push and Finish report.
func say(what Pushed, c *Conn) {
	if what == Unwritten {
		Flush([]*Conn{c})
	}
}

// wire opens a connection over a loopback socket whose buffers are small, and returns
// the client's end.
func wire(t *testing.T, config, theirs *tls.Config) (*Conn, net.Conn) {
	t.Helper()
	client, raw := loopback(t)
	if err := client.(*net.TCPConn).SetReadBuffer(128 << 10); err != nil {
		t.Fatal(err)
	}
	if err := raw.(*net.TCPConn).SetWriteBuffer(32 << 10); err != nil {
		t.Fatal(err)
	}
	if theirs != nil {
		client = tls.Client(client, theirs)
	}
	host := &quietHost{admitted: make(chan *Conn, 1)}
	server := NewServer(t.Context(), host, Options{SendQueue: 64 << 20, Log: slog.New(slog.DiscardHandler), Refused: func() {}})
	t.Cleanup(func() {
		if err := server.Drain(patience); err != nil {
			t.Errorf("the connection ended with %v", err)
		}
	})
	server.Open(raw, netip.Addr{}, config)
	if theirs != nil {
		if err := client.(*tls.Conn).Handshake(); err != nil {
			t.Fatal(err)
		}
	}
	c := <-host.admitted
	t.Cleanup(func() { say(c.Finish(), c) })
	return c, client
}

// TestLinesArriveInOrder queues lines for a client that reads by fits and starts. What the
// socket doesn't take at once must still arrive whole, once and in order.
func TestLinesArriveInOrder(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		var config, theirs *tls.Config
		if secure {
			dir := t.TempDir()
			cert, _, err := LoadCertificate(filepath.Join(dir, "cert"), filepath.Join(dir, "key"), "irc.test", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			config = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
			theirs = &tls.Config{InsecureSkipVerify: true}
		}
		c, client := wire(t, config, theirs)
		const lines = 20_000
		go func() {
			for i := range lines {
				say(c.Push(fmt.Appendf(nil, "%d %s\r\n", i, strings.Repeat("x", i%400))), c)
			}
		}()
		if err := client.SetReadDeadline(time.Now().Add(3 * patience)); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReaderSize(client, 512)
		for i := range lines {
			l, err := r.ReadString('\n')
			if err != nil {
				t.Fatalf("after %d lines: %v", i, err)
			}
			if want := fmt.Sprintf("%d %s\r\n", i, strings.Repeat("x", i%400)); l != want {
				t.Fatalf("line %d is %q", i, l)
			}
			if i%5000 == 0 {
				time.Sleep(20 * time.Millisecond) // lets the socket fill
			}
		}
		say(c.Push([]byte("bye\r\n")), c)
		say(c.Finish(), c)
		if rest, err := io.ReadAll(r); err != nil || !bytes.Contains(rest, []byte("bye")) {
			t.Errorf("the end is %q, %v", rest, err)
		}
	}
}

// TestUnreadTLSIsBounded lets TLS answer a client that reads nothing. Only so much of the
// answers may be kept.
func TestUnreadTLSIsBounded(t *testing.T) {
	t.Parallel()
	_, conn := loopback(t)
	q := newQuiet(conn)
	q.on.Store(true)
	answer := make([]byte, 1<<10)
	for range 64 << 10 { // far more than any socket takes
		n, err := q.Write(answer)
		if err == nil && n == len(answer) {
			continue
		}
		if !errors.Is(err, errUnread) {
			t.Fatalf("%d bytes were taken: %v", n, err)
		}
		if len(q.rest) > maxKept || len(q.rest) < maxKept-len(answer) {
			t.Errorf("%d bytes are kept", len(q.rest))
		}
		return
	}
	t.Error("everything is kept")
}
