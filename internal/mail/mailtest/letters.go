package mailtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// Letter is one that was delivered.
type Letter struct {
	To      string // of the envelope
	From    string // of the envelope
	Subject string // decoded
	Header  mail.Header
	Text    string
	HTML    string
	Raw     string
}

// received are the letters by address.
type received struct {
	mu   sync.Mutex
	list map[string][]Letter
}

// Letters waits until n letters to the address have come, and returns all that have. After 30 seconds
// the test fails.
func (s *Server) Letters(to string, n int) []Letter {
	s.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if got := s.Now(to); len(got) >= n {
			return got
		}
		if time.Now().After(end) {
			s.t.Fatalf("to %s came %d letters in %s, not %d", to, len(s.Now(to)), patience, n)
		}
	}
}

// Now returns the letters that have come to the address by now.
func (s *Server) Now(to string) []Letter {
	s.received.mu.Lock()
	defer s.received.mu.Unlock()
	return append([]Letter(nil), s.received.list[strings.ToLower(to)]...)
}

// receive speaks LMTP (RFC 2033) with OpenSMTPD, which delivers one letter by a connection.
func (s *Server) receive(conn net.Conn) error {
	c := textproto.NewConn(conn)
	say := func(line string) error { return c.PrintfLine("%s", line) }
	if err := say("220 mailtest LMTP"); err != nil {
		return err
	}
	var from string
	var to []string
	for {
		line, err := c.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		word, _, _ := strings.Cut(strings.ToUpper(line), " ")
		switch word {
		case "MAIL":
			from, to = inBrackets(line), nil
		case "RCPT":
			to = append(to, inBrackets(line))
		case "DATA":
			if err := say("354 go on"); err != nil {
				return err
			}
			raw, err := c.ReadDotBytes()
			if err != nil {
				return err
			}
			for _, one := range to {
				if err := s.deliver(one, from, raw); err != nil {
					return err
				}
				if err := say("250 delivered"); err != nil {
					return err
				}
			}
			continue
		case "QUIT":
			return say("221 bye")
		}
		if err := say("250 ok"); err != nil {
			return err
		}
	}
}

func inBrackets(s string) string {
	_, s, _ = strings.Cut(s, "<")
	s, _, _ = strings.Cut(s, ">")
	return s
}

func (s *Server) deliver(to, from string, raw []byte) error {
	l, err := parse(raw)
	if err != nil {
		return fmt.Errorf("a letter to %s: %w", to, err)
	}
	l.To, l.From = to, from
	s.received.mu.Lock()
	defer s.received.mu.Unlock()
	if s.received.list == nil {
		s.received.list = map[string][]Letter{}
	}
	s.received.list[strings.ToLower(to)] = append(s.received.list[strings.ToLower(to)], l)
	return nil
}

// parse reads a letter as a mail program does.
func parse(raw []byte) (Letter, error) {
	l := Letter{Raw: string(raw)}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return l, err
	}
	l.Header = m.Header
	if l.Subject, err = new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil {
		return l, err
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return l, err
	}
	if kind != "multipart/alternative" {
		l.Text, err = body(m.Body, m.Header.Get("Content-Transfer-Encoding"))
		return l, err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextPart() // decodes quoted-printable
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return l, err
		}
		text, err := body(p, p.Header.Get("Content-Transfer-Encoding"))
		if err != nil {
			return l, err
		}
		if kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type")); kind == "text/html" {
			l.HTML = text
		} else {
			l.Text = text
		}
	}
}

func body(r io.Reader, encoding string) (string, error) {
	if encoding == "quoted-printable" {
		r = quotedprintable.NewReader(r)
	}
	raw, err := io.ReadAll(r)
	return strings.ReplaceAll(string(raw), "\r\n", "\n"), err
}
