package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// file is a configuration with one section of every kind of value.
type file struct {
	Site    siteSection    `toml:"site"`
	Tracker trackerSection `toml:"tracker"`
}

type siteSection struct {
	Name    string `toml:"name"`
	Private bool   `toml:"private"`
}

type trackerSection struct {
	Interval config.Duration `toml:"announce_interval"`
	NumWant  int             `toml:"numwant"`
	Proxies  []string        `toml:"proxies"`
	Ports    []int           `toml:"ports"`
	Limits   map[string]int  `toml:"limits"`
	Port     string          `toml:"listen_port"`
}

func (s siteSection) Validate() error {
	if s.Name == "" {
		return core.FieldErrorf("name", "give the site a name")
	}
	return nil
}

func (s trackerSection) Validate() error {
	if s.Interval.Duration < time.Second {
		return core.FieldErrorf("announce_interval", "must be at least 1s")
	}
	if s.NumWant < 0 {
		return errors.New("something without a key")
	}
	return nil
}

func defaults() file {
	return file{
		Site:    siteSection{Name: "BioTorrents", Private: true},
		Tracker: trackerSection{Interval: config.D(30 * time.Minute), NumWant: 50, Proxies: []string{"127.0.0.1"}},
	}
}

// load reads text as a file named site.toml and the environment, and checks it.
func load(t *testing.T, text string, environ ...string) (file, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "site.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := defaults()
	src, err := config.Load(path, environ, &c)
	if err == nil {
		err = src.Check(&c)
	}
	return c, err
}

func TestDefaultsFileAndEnvironment(t *testing.T) {
	t.Parallel()
	want := defaults()
	got, err := load(t, "")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("an empty file: %v %s", err, diff)
	}

	text := "[site]\nname = \"Bio\" # comment\n[tracker]\nannounce_interval = \"15m\"\nproxies = []\n[tracker.limits]\na = 1\n"
	want.Site.Name, want.Tracker.Interval = "Bio", config.D(15*time.Minute)
	want.Tracker.Proxies, want.Tracker.Limits = []string{}, map[string]int{"a": 1}
	got, err = load(t, text)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("a file: %v %s", err, diff)
	}

	want.Site = siteSection{Name: "From = outside", Private: false}
	want.Tracker.Interval, want.Tracker.NumWant = config.D(5*time.Second), 7
	want.Tracker.Proxies, want.Tracker.Ports = []string{"10.0.0.1", "10.0.0.2"}, []int{1, 2}
	got, err = load(t, text, "CADUCEUS_SITE_NAME=From = outside", "CADUCEUS_SITE_PRIVATE=false",
		"CADUCEUS_TRACKER_ANNOUNCE_INTERVAL=5s", "CADUCEUS_TRACKER_NUMWANT=7",
		"CADUCEUS_TRACKER_PROXIES=10.0.0.1, 10.0.0.2", "CADUCEUS_TRACKER_PORTS=1,2",
		"CADUCEUS_CONFIG=/etc/x.toml", "CADUCEUS_TEST_MARIADB=/run/s.sock", "CADUCEUS_TEST_LONG=1", "HOME=/root", "CADUCEUSNOT=1")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("the environment: %v %s", err, diff)
	}
}

func TestWithoutAFile(t *testing.T) {
	t.Parallel()
	c := defaults()
	src, err := config.Load("", []string{"CADUCEUS_SITE_NAME="}, &c)
	if err != nil {
		t.Fatal(err)
	}
	err = src.Check(&c)
	if err == nil || err.Error() != "site.name: give the site a name" {
		t.Errorf("got %v", err)
	}
	missing := filepath.Join(t.TempDir(), "missing.toml")
	if _, err := config.Load(missing, nil, &c); err == nil || !strings.HasPrefix(err.Error(), missing+": can't be read") {
		t.Errorf("a missing file: %v", err)
	}
}

// TestMistakesInTheFile expects file, line and key in the message of each mistake.
func TestMistakesInTheFile(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		line       int
		key        string
		says       string
	}{
		{"unknown key", "[site]\nname = \"a\"\ncolour = 1\n", 3, "site.colour", "no such key"},
		{"unknown section", "\n[sight]\nname = \"a\"\n", 2, "sight", "no such key"},
		{"unknown key at the top", "colour = 1\n[site]\n", 1, "colour", "no such key"},
		{"the same name in another section", "[site]\nname = \"a\"\n[tracker]\nname = \"b\"\n", 4, "tracker.name", "no such key"},
		{"key with dots", "site.name = \"a\"\nsite.colour = 2\n", 2, "site.colour", "no such key"},
		{"wrong type", "[site]\nname = \"a\"\nprivate = \"yes\"\n", 3, "site.private", "boolean"},
		{"number for text", "[site]\nname = 5\n", 2, "site.name", "string"},
		{"bad duration", "[tracker]\n\nannounce_interval = \"soon\"\n", 3, "tracker.announce_interval", "write for example 30s"},
		{"broken syntax", "[site]\nname = \"a\nprivate = true\n", 2, "site.name", "newline"},
		{"twice", "[site]\nname = \"a\"\nname = \"b\"\n", 3, "site.name", "already"},
		{"validation", "[site]\nprivate = true\nname = \"\"\n", 3, "site.name", "give the site a name"},
		{"validation of another section", "[site]\n[tracker]\nannounce_interval = \"1ms\"\n", 3, "tracker.announce_interval", "at least 1s"},
		{"validation without a key", "[site]\n[tracker]\nnumwant = -1\n", 2, "tracker", "something without a key"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, tt.text)
			var e *config.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if filepath.Base(e.File) != "site.toml" || e.Line != tt.line || e.Key != tt.key || !strings.Contains(e.Text, tt.says) {
				t.Errorf("line %d, key %q, %q", e.Line, e.Key, e.Text)
			}
			if text := err.Error(); !strings.Contains(text, "site.toml, line ") || !strings.Contains(text, tt.key) || strings.Contains(text, "\n") {
				t.Errorf("message: %q", text)
			}
		})
	}
}

// TestDefaultAtFault is a key that the file does not set: no line can be named.
func TestDefaultAtFault(t *testing.T) {
	t.Parallel()
	c := defaults()
	c.Site.Name = ""
	path := filepath.Join(t.TempDir(), "site.toml")
	if err := os.WriteFile(path, []byte("[tracker]\nnumwant = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := config.Load(path, nil, &c)
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Check(&c); err == nil || err.Error() != path+": site.name: give the site a name" {
		t.Errorf("got %v", err)
	}
}

func TestVariable(t *testing.T) {
	t.Parallel()
	got, err := load(t, "", config.Variable("tracker", "announce_interval")+"=5s", config.Variable("site", "name")+"=x")
	if err != nil || got.Tracker.Interval != config.D(5*time.Second) || got.Site.Name != "x" {
		t.Errorf("%+v, %v", got, err)
	}
	if name := config.Variable("two_words", "a_key"); name != "CADUCEUS_TWO__WORDS_A_KEY" {
		t.Error(name)
	}
}

func TestMistakesInTheEnvironment(t *testing.T) {
	t.Parallel()
	for entry, says := range map[string]string{
		"CADUCEUS_SITE_PRIVATE=maybe":              "neither true nor false",
		"CADUCEUS_TRACKER_NUMWANT=many":            "no whole number",
		"CADUCEUS_TRACKER_PORTS=1,b":               "no whole number",
		"CADUCEUS_TRACKER_ANNOUNCE__INTERVAL=soon": "write for example 30s",
		"CADUCEUS_TRACKER_LIMITS=a":                "only be set in the file",
	} {
		_, err := load(t, "", entry)
		name, _, _ := strings.Cut(entry, "=")
		var e *config.Error
		if !errors.As(err, &e) || e.Key != name || !strings.Contains(e.Text, says) {
			t.Errorf("%s: %v", entry, err)
		}
	}
}

// TestVariablesOfOthers are not read, and stop nothing.
func TestVariablesOfOthers(t *testing.T) {
	t.Parallel()
	for entry, says := range map[string]string{
		// As Kubernetes sets them for services that are called caduceus, caduceus-site and
		// caduceus-tracker-interval.
		"CADUCEUS_PORT=tcp://10.96.0.1:80":                   "",
		"CADUCEUS_PORT_80_TCP=tcp://10.96.0.1:80":            "",
		"CADUCEUS_PORT_80_TCP_PROTO=tcp":                     "",
		"CADUCEUS_PORT_80_TCP_PORT=80":                       "",
		"CADUCEUS_PORT_80_TCP_ADDR=10.96.0.1":                "",
		"CADUCEUS_PORT_7000_UDP=udp://10.96.0.1:7000":        "",
		"CADUCEUS_SERVICE_HOST=10.96.0.1":                    "",
		"CADUCEUS_SERVICE_PORT=80":                           "",
		"CADUCEUS_SERVICE_PORT_HTTP=80":                      "",
		"CADUCEUS_SITE_PORT=tcp://10.96.0.2:8080":            "",
		"CADUCEUS_SITE_SERVICE_HOST=10.96.0.2":               "",
		"CADUCEUS_SITE_PORT_8080_TCP_ADDR=10.96.0.2":         "",
		"CADUCEUS_TRACKER_LISTEN_PORT=tcp://10.96.0.3:34000": "", // a key that there is
		// Slips.
		"CADUCEUS_SITE_NAMES=hush":               "did you mean CADUCEUS_SITE_NAME?",
		"CADUCEUS_STIE_PRIVATE=hush":             "did you mean CADUCEUS_SITE_PRIVATE?",
		"CADUCEUS_TRACKER_NUMWANTS=hush":         "did you mean CADUCEUS_TRACKER_NUMWANT?",
		"CADUCEUS_TRACKER_ANOUNCE_INTERVAL=hush": "did you mean CADUCEUS_TRACKER_ANNOUNCE_INTERVAL?",
		// Neither.
		"CADUCEUS_SITE_COLOUR=hush": "docs/configuration.md",
		"CADUCEUS_SITE_PORT=8080":   "docs/configuration.md",
		"CADUCEUS_SITE=hush":        "docs/configuration.md",
		"CADUCEUS_=hush":            "docs/configuration.md",
	} {
		c := defaults()
		src, err := config.Load("", []string{entry, "CADUCEUS_SITE_NAME=read"}, &c)
		if err != nil || c.Site.Name != "read" {
			t.Errorf("%s: %v, %+v", entry, err, c)
			continue
		}
		want := defaults()
		want.Site.Name = "read"
		if diff := cmp.Diff(want, c); diff != "" {
			t.Errorf("%s was read: %s", entry, diff)
		}
		all := strings.Join(src.Warnings, "\n")
		if (all == "") != (says == "") || !strings.Contains(all, says) || strings.Contains(all, "hush") {
			t.Errorf("%s: warns %q, want %q", entry, all, says)
		}
	}
}

func TestDurationIsWrittenAsItIsRead(t *testing.T) {
	t.Parallel()
	text, err := config.D(90 * time.Second).MarshalText()
	if err != nil || string(text) != "1m30s" {
		t.Errorf("%s, %v", text, err)
	}
}
