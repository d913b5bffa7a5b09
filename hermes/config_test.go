package hermes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func TestConfigValidate(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatalf("the default: %v", err)
	}
	tests := []struct {
		field  string
		change func(*Config)
	}{
		{"server", func(c *Config) { c.Server = "irc.example" }},
		{"tls", func(c *Config) { c.Server = "irc.example:6667" }},
		{"tls", func(c *Config) { c.Server = "192.0.2.1:6667" }},
		{"tls", func(c *Config) { c.Fingerprint = strings.Repeat("ab", 32) }},
		{"fingerprint", func(c *Config) { c.TLS, c.Fingerprint = true, "abcd" }},
		{"nick", func(c *Config) { c.Nick = "9lives" }},
		{"nick", func(c *Config) { c.Nick = "a b" }},
		{"account", func(c *Config) { c.Account = "" }},
		{"announce_channel", func(c *Config) { c.AnnounceChannel = "announce" }},
		{"general_channel", func(c *Config) { c.GeneralChannel = "#a,#b" }},
		{"topic_channels", func(c *Config) { c.TopicChannels = []string{"#a b"} }},
		{"other_channels", func(c *Config) { c.OtherChannels = make([]string, 51) }},
		{"network", func(c *Config) { c.Network = "efnet" }},
		{"oper_name", func(c *Config) { c.OperName, c.OperPasswordFile = "Hermes", "x" }},
		{"oper_name", func(c *Config) { c.Network, c.OperName = "ngircd", "Hermes" }},
		{"oper_name", func(c *Config) { c.Network, c.OperName, c.OperPasswordFile = "ngircd", "a b", "x" }},
		{"backlog", func(c *Config) { c.Backlog = config.D(time.Minute) }},
		{"lines_per_minute", func(c *Config) { c.LinesPerMinute = 0 }},
		{"lines_burst", func(c *Config) { c.LinesBurst = 0 }},
	}
	for _, tt := range tests {
		c := DefaultConfig()
		tt.change(&c)
		if err := c.Validate(); core.FieldOf(err) != tt.field || core.CodeOf(err) != core.Invalid {
			t.Errorf("%s: got %v", tt.field, err)
		}
		c.Enabled = false
		if err := c.Validate(); err != nil {
			t.Errorf("%s, but switched off: %v", tt.field, err)
		}
	}
}

func TestSwitchedOff(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	bot := s.start(f, func(c *Config) { c.Enabled = false })
	<-bot.ready
	bot.stop()
	if f.count(&f.accepted) != 0 {
		t.Error("it connected")
	}
}

func TestTLSWithAPinnedCertificate(t *testing.T) {
	t.Parallel()
	cert := selfSigned(t)
	pin := sha256.Sum256(cert.Certificate[0])
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t, func(f *fakeIRC) { f.tls = &tls.Config{Certificates: []tls.Certificate{cert}} })
	<-s.start(f, func(c *Config) { c.TLS, c.Fingerprint = true, hex.EncodeToString(pin[:]) }).ready

	// Another certificate, and one that nobody vouches for, are refused before
	// the key is sent.
	for _, wrong := range []string{"", strings.Repeat("ab", 32)} {
		before := f.count(&f.logins)
		s.start(f, func(c *Config) { c.TLS, c.Fingerprint = true, wrong })
		accepted := f.count(&f.accepted)
		f.until("two more tries", func() bool { return f.accepted >= accepted+2 })
		if f.count(&f.logins) != before {
			t.Errorf("logged in with fingerprint %q", wrong)
		}
	}
}

func TestWrongKeyIsTriedAgainWithBackOff(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t, func(f *fakeIRC) { f.key = "another" })
	s.start(f)
	f.until("three tries", func() bool { return f.accepted >= 3 })
	if log := s.log.String(); !strings.Contains(log, "refuses the login") || strings.Contains(log, "the-key-of-the-bot") {
		t.Errorf("log:\n%s", log)
	}
	f.change(func() { f.key = "the-key-of-the-bot" })
	f.until("the channel", func() bool { return f.joined["#announce"] })
}

func TestServerWithoutSASL(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t, func(f *fakeIRC) { f.caps = "echo-message server-time" })
	s.start(f)
	f.until("two tries", func() bool { return f.accepted >= 2 })
	if !strings.Contains(s.log.String(), "offers no SASL") {
		t.Errorf("log:\n%s", s.log)
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
