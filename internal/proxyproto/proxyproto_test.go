package proxyproto

import (
	"strings"
	"testing"
)

func FuzzProxy(f *testing.F) {
	f.Add([]byte("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET"))
	f.Add([]byte("PROXY UNKNOWN\r\n"))
	f.Add([]byte(prefix2 + "\x21\x11\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x00\x01\x00\x02GET"))
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, n, err := Parse(b)
		if n < 0 || n > len(b) || n > MaxHeader || err != nil && n != 0 || addr.IsValid() && n == 0 || addr.Is4In6() || addr.Zone() != "" {
			t.Fatalf("%v, %d of %d, %v", addr, n, len(b), err)
		}
	})
}

func TestProxy(t *testing.T) {
	t.Parallel()
	v2 := func(version, family byte, body string) string {
		return prefix2 + string([]byte{version, family, byte(len(body) >> 8), byte(len(body))}) + body
	}
	six := strings.Repeat("\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07", 2) + "\x00\x01\x00\x02"
	tests := []struct {
		name, text, want string // "" is refused, "-" is no address
	}{
		{"version 1", "PROXY TCP4 44.1.2.3 10.0.0.1 5555 80\r\n", "44.1.2.3"},
		{"version 1 with IPv6", "PROXY TCP6 2001:db8::7 ::1 5555 80\r\n", "2001:db8::7"},
		{"version 1, unknown", "PROXY UNKNOWN whatever it is\r\n", "-"},
		{"version 1, mixed", "PROXY TCP4 2001:db8::7 ::1 5555 80\r\n", ""},
		{"version 1, not an address", "PROXY TCP4 a b 1 2\r\n", ""},
		{"version 1, too few", "PROXY TCP4 44.1.2.3\r\n", ""},
		{"version 1, endless", "PROXY TCP4 " + strings.Repeat("1", 200), ""},
		{"version 2", v2(0x21, 0x11, "\x2c\x01\x02\x03\x0a\x00\x00\x01\x00\x01\x00\x02"), "44.1.2.3"},
		{"version 2 with more", v2(0x21, 0x11, "\x2c\x01\x02\x03\x0a\x00\x00\x01\x00\x01\x00\x02\x04\x00\x01x"), "44.1.2.3"},
		{"version 2 with IPv6", v2(0x21, 0x21, six), "2001:db8::7"},
		{"version 2, from a unix socket", v2(0x21, 0x31, strings.Repeat("x", 216)), "-"},
		{"version 2, the proxy itself", v2(0x20, 0x00, ""), "-"},
		{"version 2, too short", v2(0x21, 0x11, "\x2c\x01"), ""},
		{"version 2, too long", v2(0x21, 0x11, strings.Repeat("x", 3000)), ""},
		{"version 3", v2(0x31, 0x11, "\x2c\x01\x02\x03\x0a\x00\x00\x01\x00\x01\x00\x02"), ""},
		{"none", "GET / HTTP/1.1\r\n", ""},
	}
	for _, tt := range tests {
		addr, n, err := Parse([]byte(tt.text + "GET"))
		switch {
		case (err != nil) != (tt.want == ""):
			t.Errorf("%s: %v, %v", tt.name, addr, err)
		case err == nil && (n != len(tt.text) || addr.IsValid() != (tt.want != "-") || addr.IsValid() && addr.String() != tt.want):
			t.Errorf("%s: %v and %d bytes, want %s and %d", tt.name, addr, n, tt.want, len(tt.text))
		}
		for i := 1; err == nil && i < len(tt.text); i++ {
			if _, n, err := Parse([]byte(tt.text[:i])); n != 0 || err != nil {
				t.Errorf("%s, its first %d bytes: %d, %v", tt.name, i, n, err)
			}
		}
	}
}
