package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// channel is where everybody meets: guests may enter it on ours.
const channel = "#support"

// crowd is what the clients of a measurement count together.
type crowd struct {
	welcome, joined atomic.Int64
	lost            atomic.Int64 // connections that ended
	closing         atomic.Bool
	last            []atomic.Int64 // when the last receiver so far got a line, Unix nanoseconds
	got             []atomic.Int64 // how many have
	conns           []net.Conn
	sent            []time.Time
}

// mark stands before the number of a line in its text.
const mark = "line="

// read counts what comes for a client until the connection ends.
func (c *crowd) read(conn net.Conn) {
	in := bufio.NewReaderSize(conn, 1024)
	for {
		l, err := in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue // lists of names
		}
		if err != nil {
			if !c.closing.Load() {
				c.lost.Add(1)
			}
			return
		}
		if bytes.HasPrefix(l, []byte("PING ")) {
			_, _ = conn.Write(append([]byte("PONG"), l[4:]...)) // an error ends the reading, too
			continue
		}
		if at := bytes.Index(l, []byte(mark)); at > 0 && bytes.Contains(l, []byte(" PRIVMSG ")) {
			c.count(l[at+len(mark):])
			continue
		}
		words := bytes.SplitN(l, []byte(" "), 3)
		if len(words) == 3 {
			switch string(words[1]) {
			case "001":
				c.welcome.Add(1)
			case "366":
				c.joined.Add(1)
			}
		}
	}
}

func (c *crowd) count(text []byte) {
	i, err := strconv.Atoi(string(text[:max(0, bytes.IndexByte(text, ' '))]))
	if err != nil || i >= len(c.got) {
		return
	}
	now := time.Now().UnixNano()
	for old := c.last[i].Load(); now > old && !c.last[i].CompareAndSwap(old, now); old = c.last[i].Load() {
		continue
	}
	c.got[i].Add(1)
}

// until waits for a count.
func until(ctx context.Context, limit time.Duration, what string, c *crowd, have *atomic.Int64, want int) error {
	end := time.Now().Add(limit)
	for have.Load() < int64(want) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case c.lost.Load() > 0:
			return fmt.Errorf("%s: the server closed %d connections", what, c.lost.Load())
		case time.Now().After(end):
			return fmt.Errorf("%s: %d of %d after %v", what, have.Load(), want, limit)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// connect brings n clients onto the network.
func (c *crowd) connect(ctx context.Context, o options, addr string, secure bool, n int) error {
	const together = 100 // no more handshakes at once, so that no queue of the kernel overflows
	for i := range n {
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		if secure {
			conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}) //nolint:gosec // the server is our child
		}
		c.conns = append(c.conns, conn)
		go func() {
			if _, err := fmt.Fprintf(conn, "NICK x%d\r\nUSER x%d 0 * :load\r\n", i, i); err != nil {
				c.lost.Add(1)
				return
			}
			c.read(conn)
		}()
		if (i+1)%together == 0 || i == n-1 {
			if err := until(ctx, o.limit, "registration", c, &c.welcome, i+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *crowd) close() {
	c.closing.Store(true)
	for _, conn := range c.conns {
		_ = conn.Close() // the server ends next
	}
}

// idle connects n clients, and returns what each takes, in kB.
func idle(ctx context.Context, o options, s *server, addr string, secure bool, n int, c *crowd) (each float64, err error) {
	if c == nil {
		c = &crowd{}
		defer c.close()
	}
	before, err := s.rss()
	if err != nil {
		return 0, err
	}
	if err := c.connect(ctx, o, addr, secure, n); err != nil {
		return 0, err
	}
	time.Sleep(2 * time.Second) // so that what was needed only to come in can be given back
	after, err := s.rss()
	return (after - before) / float64(n), err
}

// fanOut measures one size of the channel and prints its line of the table.
func fanOut(ctx context.Context, o options, s *server, size int) error {
	c := &crowd{last: make([]atomic.Int64, o.lines), got: make([]atomic.Int64, o.lines), sent: make([]time.Time, o.lines)}
	defer c.close()
	each, err := idle(ctx, o, s, s.plain, false, size, c)
	if err != nil {
		return err
	}
	begun := time.Now()
	for _, conn := range c.conns {
		if _, err := conn.Write([]byte("JOIN " + channel + "\r\n")); err != nil {
			return err
		}
	}
	if err := until(ctx, o.limit, "joining", c, &c.joined, size); err != nil {
		return err
	}
	joined := time.Since(begun)
	time.Sleep(time.Second)
	before, err := s.cpu()
	if err != nil {
		return err
	}
	filler := strings.Repeat("x", 180)
	for i := range o.lines {
		c.sent[i] = time.Now()
		if _, err := fmt.Fprintf(c.conns[0], "PRIVMSG %s :%s%d %s\r\n", channel, mark, i, filler); err != nil {
			return err
		}
		time.Sleep(o.pause)
	}
	for i := range o.lines {
		if err := until(ctx, o.limit, "delivery", c, &c.got[i], size-1); err != nil {
			return err
		}
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	rss, err := s.rss()
	var delays []float64
	for i := range o.lines {
		delays = append(delays, float64(c.last[i].Load()-c.sent[i].UnixNano())/1e6)
	}
	slices.Sort(delays)
	at := func(share float64) float64 { return delays[int(share*float64(len(delays)-1))] }
	fmt.Printf("| %s | %d | %.1f | %.2f | %.0f / %.0f | %.2f | %.0f |\n", s.name, size, each, joined.Seconds(), at(0.5), at(0.99),
		(after-before).Seconds()*1e6/float64(o.lines*(size-1)), rss/1024)
	return err
}

// certificate makes one for this run.
func certificate() (cert, key string, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"irc.load.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &k.PublicKey, k)
	if err != nil {
		return "", "", err
	}
	kder, err := x509.MarshalPKCS8PrivateKey(k)
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	return block("CERTIFICATE", der), block("PRIVATE KEY", kder), err
}
