package core

import (
	"strings"
	"testing"
)

func TestCheckListen(t *testing.T) {
	t.Parallel()
	for address, says := range map[string]string{
		"127.0.0.1:34000": "", ":7000": "", "[::]:7000": "", "[fe80::1%eth0]:80": "", "localhost:1": "", "irc.example.org:65535": "", "127.0.0.1:0": "",
		"": "host:port", "8080": "host:port", "127.0.0.1": "host:port", "127.0.0.1:": "host:port", "::1:80:": "host:port", "unix:/run/x": "port",
		"127.0.0.1:99999": "1 to 65535", "127.0.0.1:65536": "1 to 65535", "127.0.0.1:-1": "1 to 65535", ":+80": "1 to 65535", ":http": "1 to 65535",
		"127.0.0.1:8080 ": "1 to 65535", "my host:80": "neither", "300.0.0.:80": "neither", "300.1.1.1:80": "neither", "127.0.0.1.:80": "neither", "tcp://127.0.0.1:80": "host:port",
	} {
		err := CheckListen("listen", address)
		if (err == nil) != (says == "") || err != nil && (FieldOf(err) != "listen" || CodeOf(err) != Invalid || !strings.Contains(SafeText(err), says)) {
			t.Errorf("%q: %v, want %q", address, err, says)
		}
	}
	for address, ok := range map[string]bool{"irc.example.org:7000": true, "[::1]:6667": true, "127.0.0.1:0": false, ":7000": false, "irc.example.org:99999": false} {
		if err := CheckServer("server", address); (err == nil) != ok {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestURLs(t *testing.T) {
	t.Parallel()
	for address, tt := range map[string]struct {
		normal string // "" where it stays as it is
		ok     bool
	}{
		"https://data.example.org":              {"", true},
		"https://data.example.org/":             {"", true},
		"HTTPS://Data.Example.ORG":              {"https://data.example.org", true},
		"hTTp://LOCALHOST:8080/Announce/A":      {"http://localhost:8080/Announce/A", true},
		"http://[FD00::A]:80/":                  {"http://[fd00::a]:80/", true},
		"https://xn--bcher-kva.example":         {"", true},
		"HTTPS://Bob:Secret@Data.example":       {"https://Bob:Secret@data.example", false},
		"https://data.example.org:99999":        {"", false},
		"https://data.example.org:0":            {"", false},
		"https://data.example.org:":             {"", false},
		"https://bücher.example":                {"", false},
		"https://data.example.org?x":            {"", false},
		"https://data.example.org?":             {"", false},
		"https://data.example.org/#x":           {"", false},
		"https:/data.example.org":               {"", false},
		"https://":                              {"", false},
		"ftp://data.example.org":                {"", false},
		"data.example.org":                      {"", false},
		"javascript:x":                          {"", false},
		"":                                      {"", false},
		"https://data.example.org/a?next=A://B": {"", false},
	} {
		want := tt.normal
		if want == "" {
			want = address
		}
		if got := NormalURL(address); got != want || NormalURL(got) != got {
			t.Errorf("%q is %q, want %q", address, got, want)
		}
		err := CheckURL("url", NormalURL(address), "https://data.example.org", "http", "https")
		if (err == nil) != tt.ok || err != nil && (FieldOf(err) != "url" || CodeOf(err) != Invalid) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func TestNormalURLDropsBlanks(t *testing.T) {
	t.Parallel()
	if got := NormalURL(" https://data.example.org\n"); got != "https://data.example.org" {
		t.Errorf("%q", got)
	}
}

func TestCollide(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.1:080", true},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:80", "127.0.0.2:80", false},
		{"127.0.0.1:80", ":80", true},
		{"127.0.0.1:80", "0.0.0.0:80", true},
		{"127.0.0.1:80", "[::]:80", false}, // one for each family
		{"0.0.0.0:80", "[::]:80", false},
		{"[::1]:80", "[::]:80", true},
		{"[::1]:80", "[0:0:0:0:0:0:0:1]:80", true},
		{"[::1]:80", ":80", true},
		{"localhost:80", "LOCALHOST:80", true},
		{"localhost:80", "127.0.0.1:80", true},
		{"127.0.0.1:0", "127.0.0.1:0", false},
		{"unix:/run/a", "unix:/run/a", true},
		{"unix:/run/a", "unix:/run/b", false},
		{"", "", true},
	} {
		if Collide(tt.a, tt.b) != tt.want || Collide(tt.b, tt.a) != tt.want {
			t.Errorf("%s and %s: want %v", tt.a, tt.b, tt.want)
		}
	}
}
