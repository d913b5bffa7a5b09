package front

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"strings"
	"unsafe"
)

// refusal is the answer to an invalid request.
type refusal struct {
	status int
	text   string
}

func bad(text string) *refusal { return &refusal{http.StatusBadRequest, text} }

// The refusals.
var (
	badLine        = bad("Bad request: its first line is not METHOD /path HTTP/1.1.\n")
	badTarget      = bad("Bad request: it does not ask for a path.\n")
	badEnding      = bad("Bad request: lines must end with CR LF.\n")
	badControl     = bad("Bad request: it holds control characters.\n")
	badFold        = bad("Bad request: a header is folded.\n")
	badHeader      = bad("Bad request: a header has no proper name.\n")
	badHost        = bad("Bad request: it must have one Host header.\n")
	badLength      = bad("Bad request: it does not say clearly how long it is.\n")
	badBody        = bad("Bad request: a GET has no body here.\n")
	endedEarly     = bad("Bad request: it ended in the middle.\n")
	otherVersion   = &refusal{http.StatusHTTPVersionNotSupported, "Only HTTP/1.1 and HTTP/1.0 are spoken here.\n"}
	tooLarge       = &refusal{http.StatusRequestHeaderFieldsTooLarge, "The request is too large.\n"}
	tooSlow        = &refusal{http.StatusRequestTimeout, "The request took too long.\n"}
	tooManyHeaders = tooLarge
)

const maxHeaders = 64

// head is the head of one request. It is reused for the next one.
type head struct {
	Request
	keep   bool // the connection stays open after the answer
	http10 bool // HTTP/1.0
	body   bool // a body follows, which is not read
	closed bool // the client asked to close the connection

	hosts, lengths, encodings int
	length                    []byte
	forwarded                 [8]string
}

// parse parses a head at the start of b and returns its length, or 0 if it is not
// complete yet. The strings of the head are views into b.
func (h *head) parse(b []byte, limit int) (n int, why *refusal) {
	line, n, why := cutLine(b)
	if why != nil || n == 0 {
		return 0, orTooLarge(why, len(b), limit)
	}
	h.Request = Request{ForwardedFor: h.forwarded[:0]}
	h.body, h.closed, h.hosts, h.lengths, h.encodings, h.length = false, false, 0, 0, 0, nil
	if why := h.requestLine(line); why != nil {
		return 0, why
	}
	h.keep = !h.http10
	for range maxHeaders {
		line, m, why := cutLine(b[n:])
		if why != nil || m == 0 {
			return 0, orTooLarge(why, len(b), limit)
		}
		n += m
		if n > limit {
			return 0, tooLarge
		}
		if len(line) == 0 {
			if why := h.framing(); why != nil {
				return 0, why
			}
			return n, nil
		}
		if why := h.header(line); why != nil {
			return 0, why
		}
	}
	return 0, tooManyHeaders
}

func orTooLarge(why *refusal, have, limit int) *refusal {
	if why == nil && have >= limit {
		return tooLarge
	}
	return why
}

// cutLine returns the first line of b and its length including the line ending, or 0
// if the line has not ended yet.
func cutLine(b []byte) (line []byte, n int, why *refusal) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, 0, nil
	}
	if i == 0 || b[i-1] != '\r' {
		return nil, 0, badEnding
	}
	line = b[:i-1]
	if hasControl(line) {
		return nil, 0, badControl
	}
	return line, i + 1, nil
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// hasControl reports whether b contains control characters other than tabs. It checks
// eight bytes in one step, and checks suspicious ones again one by one.
func hasControl(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		x := binary.LittleEndian.Uint64(b)
		del := x ^ 0x7f*ones
		if ((x-0x20*ones)&^x|(del-ones)&^del)&highs != 0 && slowControl(b[:8]) {
			return true
		}
	}
	return slowControl(b)
}

func slowControl(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// requestLine reads METHOD SP target SP version.
func (h *head) requestLine(line []byte) *refusal {
	method, rest, ok := bytes.Cut(line, space)
	if !ok || !isToken(method) {
		return badLine
	}
	end := bytes.LastIndexByte(rest, ' ')
	if end < 0 {
		return badLine
	}
	switch version := rest[end+1:]; {
	case string(version) == "HTTP/1.1":
		h.http10 = false
	case string(version) == "HTTP/1.0":
		h.http10 = true
	case len(version) == 8 && string(version[:5]) == "HTTP/" && version[6] == '.':
		return otherVersion
	default:
		return badLine
	}
	target := rest[:end]
	if len(target) == 0 || bytes.IndexByte(target, ' ') >= 0 || bytes.IndexByte(target, '\t') >= 0 {
		return badLine
	}
	if string(method) == http.MethodGet {
		h.Method = http.MethodGet
	} else {
		h.Method = view(method)
	}
	return h.target(view(target))
}

var space = []byte{' '}

// target splits the path from the query. The host of an absolute URL (RFC 9112, 3.2.2)
// is ignored: every host is this one.
func (h *head) target(t string) *refusal {
	if t[0] != '/' && t != "*" {
		scheme, rest, ok := strings.Cut(t, "://")
		if !ok || !strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") {
			return badTarget
		}
		if t = strings.TrimLeftFunc(rest, func(r rune) bool { return r != '/' && r != '?' }); t == "" || t[0] != '/' {
			return badTarget
		}
	}
	if strings.IndexByte(t, '#') >= 0 {
		return badTarget
	}
	h.Path, h.Query, _ = strings.Cut(t, "?")
	return nil
}

// header parses one header line and keeps the headers that matter.
func (h *head) header(line []byte) *refusal {
	if line[0] == ' ' || line[0] == '\t' {
		return badFold
	}
	colon := bytes.IndexByte(line, ':')
	if colon < 0 || !isToken(line[:colon]) {
		return badHeader
	}
	name, value := line[:colon], trim(line[colon+1:])
	switch len(name) {
	case len("host"):
		if is(name, "host") {
			h.hosts++
		}
	case len("x-real-ip"):
		if is(name, "x-real-ip") {
			h.RealIP = view(value)
		}
	case len("connection"):
		if is(name, "connection") {
			h.connection(value)
		}
	case len("content-length"):
		if is(name, "content-length") {
			h.lengths++
			h.length = value
		}
	case len("x-forwarded-for"):
		if is(name, "x-forwarded-for") {
			h.ForwardedFor = append(h.ForwardedFor, view(value))
		}
	case len("transfer-encoding"):
		if is(name, "transfer-encoding") {
			h.encodings++
		}
	}
	return nil
}

// connection parses a list such as "keep-alive, Upgrade". "close" takes precedence.
func (h *head) connection(list []byte) {
	for len(list) > 0 {
		var item []byte
		item, list, _ = bytes.Cut(list, comma)
		switch item = trim(item); {
		case is(item, "close"):
			h.closed = true
		case is(item, "keep-alive"):
			h.keep = true
		}
	}
}

var comma = []byte{','}

// framing checks the headers that must fit together.
func (h *head) framing() *refusal {
	switch {
	case h.hosts > 1 || h.hosts == 0 && !h.http10:
		return badHost
	case h.lengths > 1 || h.lengths > 0 && h.encodings > 0 || h.lengths > 0 && !isNumber(h.length):
		return badLength
	}
	h.body = h.encodings > 0 || h.lengths > 0 && len(bytes.Trim(h.length, "0")) > 0
	if h.body && h.Method == http.MethodGet {
		return badBody
	}
	h.keep = h.keep && !h.closed && !h.body
	return nil
}

func isNumber(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(b) > 0 && len(b) < 19
}

// is compares b, in any case, with a text in lower case.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// tokens are the characters of names (RFC 9110, 5.6.2).
var tokens = func() (t [256]bool) {
	for _, c := range []byte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		t[c] = true
	}
	return t
}()

func isToken(b []byte) bool {
	for _, c := range b {
		if !tokens[c] {
			return false
		}
	}
	return len(b) > 0
}

// view returns b as a string without copying it. The string is valid until b is written
// to.
func view(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return unsafe.String(&b[0], len(b)) //nolint:gosec // the one place; Request says how long views are valid
}
