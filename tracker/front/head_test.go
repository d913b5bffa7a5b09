package front

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testLimit = 8 << 10

func TestParse(t *testing.T) {
	t.Parallel()
	type want struct {
		Method, Path, Query, RealIP string
		Forwarded                   []string
		Keep, Body                  bool
	}
	tests := []struct {
		name, text string
		want       want
	}{
		{"plain", "GET /k/announce?a=1&b=2 HTTP/1.1\r\nHost: x\r\n\r\n", want{Method: "GET", Path: "/k/announce", Query: "a=1&b=2", Keep: true}},
		{"another question mark", "GET /k?a?b HTTP/1.1\r\nHost: x\r\n\r\n", want{Method: "GET", Path: "/k", Query: "a?b", Keep: true}},
		{"nginx's quirk", "GET / HTTP/1.1\r\nHost: 2001:db8::1:51413\r\n\r\n", want{Method: "GET", Path: "/", Keep: true}},
		{"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", want{Method: "GET", Path: "/", Keep: true}},
		{"1.0", "GET / HTTP/1.0\r\n\r\n", want{Method: "GET", Path: "/"}},
		{"1.0 kept alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", want{Method: "GET", Path: "/", Keep: true}},
		{"closed", "GET / HTTP/1.1\r\nhOST: x\r\nCONNECTION: Close\r\n\r\n", want{Method: "GET", Path: "/"}},
		{"close wins", "GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", want{Method: "GET", Path: "/"}},
		{"a list", "GET / HTTP/1.1\r\nHost: x\r\nConnection: TE , close\r\n\r\n", want{Method: "GET", Path: "/"}},
		{"no body at all", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 00\r\n\r\n", want{Method: "GET", Path: "/", Keep: true}},
		{"a body", "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n", want{Method: "POST", Path: "/x", Body: true}},
		{"chunks", "PUT /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", want{Method: "PUT", Path: "/x", Body: true}},
		{"absolute", "GET HTTP://tracker.example:80/k/scrape?x HTTP/1.1\r\nHost: other\r\n\r\n", want{Method: "GET", Path: "/k/scrape", Query: "x", Keep: true}},
		{"proxies", "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.1.1.1,\t2.2.2.2 \r\nx-real-ip:3.3.3.3\r\nX-FORWARDED-FOR:4.4.4.4\r\n\r\n",
			want{Method: "GET", Path: "/", Forwarded: []string{"1.1.1.1,\t2.2.2.2", "4.4.4.4"}, RealIP: "3.3.3.3", Keep: true}},
		{"high bytes", "GET /?\xff\xfe HTTP/1.1\r\nHost: \xe4\r\n\r\n", want{Method: "GET", Path: "/", Query: "\xff\xfe", Keep: true}},
	}
	var h head
	for _, tt := range tests {
		n, why := h.parse([]byte(tt.text+"GET / next"), testLimit)
		if why != nil || n != len(tt.text) {
			t.Errorf("%s: %d, %v", tt.name, n, why)
			continue
		}
		got := want{h.Method, h.Path, h.Query, h.RealIP, append([]string(nil), h.ForwardedFor...), h.keep, h.body}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
		for i := range len(tt.text) {
			if n, why := h.parse([]byte(tt.text[:i]), testLimit); n != 0 || why != nil {
				t.Errorf("%s, its first %d bytes: %d, %v", tt.name, i, n, why)
			}
		}
	}
}

// badHeads are refused, whatever follows them.
var badHeads = []struct {
	name, text string
	want       *refusal
}{
	{"empty line", "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", badLine},
	{"no version", "GET /\r\n\r\n", badLine},
	{"no target", "GET  HTTP/1.1\r\nHost: x\r\n\r\n", badLine},
	{"blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", badLine},
	{"tab in the target", "GET /a\tb HTTP/1.1\r\nHost: x\r\n\r\n", badLine},
	{"method of other characters", "G(T / HTTP/1.1\r\nHost: x\r\n\r\n", badLine},
	{"version in lower case", "GET / http/1.1\r\nHost: x\r\n\r\n", badLine},
	{"0.9", "GET / HTTP/0.9\r\n\r\n", otherVersion},
	{"2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", otherVersion},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n", badControl},
	{"no path", "GET announce HTTP/1.1\r\nHost: x\r\n\r\n", badTarget},
	{"absolute without a path", "GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", badTarget},
	{"other scheme", "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n", badTarget},
	{"authority", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n", badTarget},
	{"fragment", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n", badTarget},
	{"bare LF", "GET / HTTP/1.1\nHost: x\n\n", badEnding},
	{"bare LF in headers", "GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n", badEnding},
	{"bare CR", "GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", badControl},
	{"NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n", badControl},
	{"NUL in a header", "GET / HTTP/1.1\r\nHost: x\x00\r\n\r\n", badControl},
	{"DEL", "GET /aaaaaaaaaaaaaaaaaaa\x7f HTTP/1.1\r\nHost: x\r\n\r\n", badControl},
	{"folded", "GET / HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n", badFold},
	{"folded at once", "GET / HTTP/1.1\r\n\tHost: x\r\n\r\n", badFold},
	{"no colon", "GET / HTTP/1.1\r\nHost x\r\n\r\n", badHeader},
	{"no name", "GET / HTTP/1.1\r\n: x\r\n\r\n", badHeader},
	{"blank before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", badHeader},
	{"name in parentheses", "GET / HTTP/1.1\r\nHo(st): x\r\n\r\n", badHeader},
	{"no host", "GET / HTTP/1.1\r\n\r\n", badHost},
	{"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n", badHost},
	{"two hosts in 1.0", "GET / HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", badHost},
	{"two lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n", badLength},
	{"a list of lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\n", badLength},
	{"negative length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", badLength},
	{"length with a sign", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n", badLength},
	{"hexadecimal length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\n", badLength},
	{"empty length", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length:\r\n\r\n", badLength},
	{"length beyond counting", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", badLength},
	{"length and chunks", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", badLength},
	{"GET with a length", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 44\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n", badBody},
	{"GET with chunks", "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", badBody},
	{"GET with an odd encoding", "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", badBody},
	{"long line", "GET /" + strings.Repeat("x", testLimit), tooLarge},
	{"long query that ends", "GET /?" + strings.Repeat("x", testLimit) + " HTTP/1.1\r\nHost: x\r\n\r\n", tooLarge},
	{"many headers", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 100) + "\r\n", tooLarge},
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	var h head
	for _, tt := range badHeads {
		n, why := h.parse([]byte(tt.text), testLimit)
		if n != 0 || why != tt.want {
			t.Errorf("%s: %d, %+v; want %+v", tt.name, n, why, tt.want)
		}
	}
}

func TestHasControl(t *testing.T) {
	t.Parallel()
	for c := range 256 {
		for at := range 20 {
			b := bytes.Repeat([]byte{'a'}, 20)
			b[at] = byte(c)
			if want := c < 32 && c != '\t' || c == 127; hasControl(b) != want {
				t.Errorf("byte %#x at %d: %v", c, at, !want)
			}
		}
	}
}

// FuzzParse compares with net/http: what is taken here, it must take for the
// same, and nothing may be read differently when it comes in two pieces.
func FuzzParse(f *testing.F) {
	f.Add([]byte("GET /k/announce?a=1 HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"))
	f.Add([]byte("POST /k HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"))
	for _, b := range badHeads {
		f.Add([]byte(b.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var h, part head
		n, why := h.parse(b, testLimit)
		if n < 0 || n > len(b) || why != nil && n != 0 {
			t.Fatalf("%d of %d, %v", n, len(b), why)
		}
		if m, whyPart := part.parse(b[:len(b)/2], testLimit); m > 0 && m != n || whyPart != nil && why == nil {
			t.Fatalf("half of it: %d, %v; all of it: %d, %v", m, whyPart, n, why)
		}
		if n == 0 {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b[:n])))
		if err != nil {
			if strings.Contains(err.Error(), "URL") || strings.Contains(err.Error(), "invalid") || strings.Contains(err.Error(), "malformed Host") {
				return // it decodes URLs and looks into hosts, of which nothing is used here
			}
			if h.body && strings.Contains(err.Error(), "transfer encoding") {
				return // here the connection is closed, whatever the encoding
			}
			t.Fatalf("taken here, by net/http: %v", err)
		}
		if r.Method != h.Method || !strings.HasPrefix(h.Path, "*") && r.URL.Opaque == "" && r.URL.RawQuery != h.Query {
			t.Fatalf("%s %q, by net/http %s %q", h.Method, h.Query, r.Method, r.URL.RawQuery)
		}
		if r.ContentLength != 0 && !h.body || r.Close && h.keep {
			t.Fatalf("length %d, close %v; here body %v, keep %v", r.ContentLength, r.Close, h.body, h.keep)
		}
	})
}
