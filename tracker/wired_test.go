package tracker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// wired is a kept-alive connection.
type wired struct {
	conn net.Conn
	r    *bufio.Reader
	last bool // the server closes it
}

func connect(addr string) (*wired, error) {
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return &wired{conn: conn, r: bufio.NewReader(conn)}, nil
}

func (w *wired) close() {
	if w != nil {
		_ = w.conn.Close()
	}
}

// again is the connection if it can be used once more.
func (w *wired) again() *wired {
	if w.last {
		w.close()
		return nil
	}
	return w
}

func (w *wired) get(path, from string) ([]byte, error) {
	if err := w.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(w.conn, "GET %s HTTP/1.1\r\nHost: tracker\r\nX-Forwarded-For: %s\r\n\r\n", path, from); err != nil {
		return nil, err
	}
	length := -1
	for {
		line, err := w.r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		line = strings.TrimSpace(line)
		if line == "" {
			break
		}
		if n, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			if length, err = strconv.Atoi(n); err != nil {
				return nil, err
			}
		}
		w.last = w.last || line == "Connection: close"
	}
	if length < 0 {
		return nil, errors.New("an answer without a length")
	}
	body := make([]byte, length)
	_, err := io.ReadFull(w.r, body)
	return body, err
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
