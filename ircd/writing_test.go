package ircd

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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

// wire opens a session over a loopback socket whose buffers are small, and returns the
// client's end.
func (in *interior) wire(t *testing.T, config, theirs *tls.Config) (*session, net.Conn) {
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
	in.server.Open(raw, netip.Addr{}, config)
	if theirs != nil {
		if err := client.(*tls.Conn).Handshake(); err != nil {
			t.Fatal(err)
		}
	}
	for s := range in.n.sessions {
		return s, client
	}
	t.Fatal("there is no session")
	return nil, nil
}

// TestLinesArriveInOrder lets several goroutines queue lines for a client that reads by
// fits and starts: what the socket doesn't take at once must come all the same, whole,
// once and in its order.
func TestLinesArriveInOrder(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		in := inside(t, func(c *Config) { c.SendQueue = 64 << 20 })
		var config, theirs *tls.Config
		if secure {
			dir := t.TempDir()
			cert, _, err := LoadCertificate(filepath.Join(dir, "cert"), filepath.Join(dir, "key"), in.cfg.ServerName, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			config = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
			theirs = &tls.Config{InsecureSkipVerify: true}
		}
		s, client := in.wire(t, config, theirs)
		const lines = 20_000
		go func() {
			for i := range lines {
				in.n.locked(func() {
					in.n.push(s, fmt.Appendf(nil, "%d %s\r\n", i, strings.Repeat("x", i%400)))
				})
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
		in.n.locked(func() { in.n.drop(s, "bye") })
		if rest, err := io.ReadAll(r); err != nil || !bytes.Contains(rest, []byte("bye")) {
			t.Errorf("the end is %q, %v", rest, err)
		}
	}
}

// TestQueueCountsWhatIsUnderWay makes sure that a client that reads nothing is cut off
// by the bytes that it left, those that were taken from the queue to be written
// included.
func TestQueueCountsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	o := &outbox{limit: 100, busy: true}
	if o.push(make([]byte, 60)) != Queued || !func() bool { lines, _ := o.take(); return len(lines) == 1 }() {
		t.Fatal("a line was not queued")
	}
	if o.push(make([]byte, 60)) != Overflow {
		t.Error("what is being written doesn't count")
	}
	o = &outbox{limit: 100, busy: true}
	o.push(make([]byte, 60))
	lines, _ := o.take()
	o.sent(60, lines)
	if !o.release() || o.push(make([]byte, 100)) != Unwritten {
		t.Error("what was written still counts")
	}
	if o.release() {
		t.Error("a queue was left that has a line")
	}
}

// TestUnreadTLSIsBounded lets TLS answer a client that reads nothing: what is kept of the
// answers has an end.
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

// TestInlet reads lines that come in pieces, with every kind of end, and one that is
// too long.
func TestInlet(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 3*MaxRead+5)
	text := "a\r\nb\n\r\n\nc\rd\r\r\n" + strings.Repeat("z", MaxRead-2) + "\r\n" + long + "\r\nlast\r\nhalf"
	want := []string{"a", "b", "", "", "c\rd\r", strings.Repeat("z", MaxRead-2), "!", "last"}
	for _, plain := range []bool{true, false} {
		for _, piece := range []int{1, 3, 700, len(text)} {
			var got []string
			for _, l := range readPieces(t, text, piece, plain) {
				if len(got) > 0 && got[len(got)-1] == "!" && (l == "!" || strings.HasPrefix(l, "y")) {
					continue // more of the line that is too long
				}
				got = append(got, l)
			}
			if strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("plain %v, pieces of %d: %.100q", plain, piece, got)
			}
		}
	}
}

func readPieces(t *testing.T, text string, piece int, plain bool) (got []string) {
	t.Helper()
	client, conn := loopback(t)
	go func() {
		defer client.Close()
		for rest := text; rest != ""; {
			k := min(piece, len(rest))
			if _, err := io.WriteString(client, rest[:k]); err != nil {
				return
			}
			rest = rest[k:]
		}
	}()
	c := NewConn(conn, 1<<20)
	if plain {
		c.direct = directOf(conn)
	}
	if err := conn.SetReadDeadline(time.Now().Add(3 * patience)); err != nil {
		t.Fatal(err)
	}
	for {
		b, err := c.Next()
		switch {
		case errors.Is(err, ErrLongLine):
			got = append(got, "!")
		case errors.Is(err, io.EOF):
			return got
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, string(b))
		}
	}
}
