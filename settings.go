package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/hermes"
	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/ircd"
	"github.com/caduceus-bio/caduceus/jobs"
	"github.com/caduceus-bio/caduceus/site"
	"github.com/caduceus-bio/caduceus/tracker"
)

// Settings is the whole configuration: each room declares its own section.
type Settings struct {
	House     HouseConfig    `toml:"house"`
	Database  db.Config      `toml:"database"`
	Site      site.Config    `toml:"site"`
	Tracker   tracker.Config `toml:"tracker"`
	IRC       ircd.Config    `toml:"irc"`
	Hermes    hermes.Config  `toml:"hermes"`
	Jobs      jobs.Config    `toml:"jobs"`
	Freeleech economy.Config `toml:"freeleech"`
	Ops       OpsConfig      `toml:"ops"`

	// File is what was read; "" is none.
	File string `toml:"-"`
}

// HouseConfig is the [house] section: what all rooms share.
type HouseConfig struct {
	// DataDir holds the embedded database, the tracker's journal, the IRC certificate
	// and the control socket.
	DataDir string `toml:"data_dir"`
	// SecretsDir holds the site key and Hermes's IRC key; "" is secrets in the
	// data directory.
	SecretsDir string `toml:"secrets_dir"`
	LogLevel   string `toml:"log_level"`  // debug, info, warn or error
	LogFormat  string `toml:"log_format"` // text or json
}

// Validate checks the section.
func (c HouseConfig) Validate() error {
	if c.DataDir == "" {
		return core.FieldErrorf("data_dir", "name the folder for the program's data")
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		return core.FieldErrorf("log_level", "%q is no level; write debug, info, warn or error", c.LogLevel)
	}
	if c.LogFormat != "text" && c.LogFormat != "json" {
		return core.FieldErrorf("log_format", "%q is no format; write text or json", c.LogFormat)
	}
	return nil
}

func (c HouseConfig) path(elem ...string) string {
	return filepath.Join(append([]string{c.DataDir}, elem...)...)
}

func (c HouseConfig) secret(name string) string {
	if c.SecretsDir != "" {
		return filepath.Join(c.SecretsDir, name)
	}
	return c.path("secrets", name)
}

func (c HouseConfig) siteKey() string   { return c.secret("site.key") }
func (c HouseConfig) hermesKey() string { return c.secret("hermes.irc-key") }
func (c HouseConfig) socket() string    { return c.path("control.sock") }

func defaultSettings() Settings {
	return Settings{
		House:     HouseConfig{DataDir: "var", LogLevel: "info", LogFormat: "text"},
		Database:  db.DefaultConfig(),
		Site:      site.DefaultConfig(),
		Tracker:   tracker.DefaultConfig(),
		IRC:       ircd.DefaultConfig(),
		Hermes:    hermes.DefaultConfig(),
		Jobs:      jobs.DefaultConfig(),
		Freeleech: economy.DefaultConfig(),
		Ops:       OpsConfig{Listen: "127.0.0.1:9180"},
	}
}

// defaultFile is read when it is there and no other file was named.
const defaultFile = "caduceus.toml"

// loadSettings reads file (or defaultFile, or none) and the environment, fills
// in what depends on other keys, and checks everything.
func loadSettings(file string) (Settings, error) {
	if file == "" {
		if _, err := os.Stat(defaultFile); err == nil {
			file = defaultFile
		} else if !errors.Is(err, fs.ErrNotExist) {
			return Settings{}, err
		}
	}
	s := defaultSettings()
	s.File = file
	src, err := config.Load(file, os.Environ(), &s)
	if err != nil {
		return Settings{}, err
	}
	s.derive()
	return s, src.Check(&s)
}

// derive sets what follows from other keys unless the file says otherwise.
func (s *Settings) derive() {
	if s.Database.Path == "" {
		s.Database.Path = s.House.path("caduceus.db")
	}
	if isLoopback(s.Tracker.AnnounceURL) { // who can reach such a tracker has no other address
		s.Tracker.AllowPrivateAddresses = true
	}
	if s.Tracker.JournalDir == "" {
		s.Tracker.JournalDir = s.House.path("tracker" + strings.TrimSuffix("-"+s.Tracker.Name, "-")) // several may share a data directory
	}
	if s.Tracker.ClientsURL == "" {
		s.Tracker.ClientsURL = s.siteURL() + "/rules/clients"
	}
	if s.Hermes.KeyFile == "" {
		s.Hermes.KeyFile = s.House.hermesKey()
	}
}

// ircAgain reads the section [irc] from where it came from.
func (s Settings) ircAgain() (ircd.Config, error) {
	again, err := loadSettings(s.File)
	return again.IRC, err
}

// siteURL is the site's address without a slash at its end.
func (s Settings) siteURL() string { return strings.TrimRight(s.Site.URL, "/") }

// announceURLs are the announce addresses with {passkey} where the key goes, the
// one to be tried first before the others.
func (s Settings) announceURLs() []string {
	urls := []string{s.Tracker.AnnounceURL}
	if s.Tracker.AnnounceUDPURL != "" {
		urls = append(urls, s.Tracker.AnnounceUDPURL)
	}
	for i, u := range urls {
		urls[i] = strings.TrimRight(u, "/") + "/{passkey}/announce"
	}
	return urls
}

// ircInfo is what the site tells members of the IRC network: the site's host
// name and the ports; plain text only where nothing leaves the machine.
func (s Settings) ircInfo() site.IRCInfo {
	u, err := url.Parse(s.Site.URL)
	if err != nil {
		return site.IRCInfo{} // the section was checked: can't be
	}
	info := site.IRCInfo{Host: u.Hostname(), TLSPort: port(s.IRC.ListenTLS), NickLimit: s.IRC.Nicks}
	if s.Hermes.Enabled && s.Hermes.Foreign() {
		return s.foreignIRC(info.Host)
	}
	if isLoopback(s.Site.URL) {
		info.PlainPort = port(s.IRC.ListenPlain)
	}
	return info
}

// foreignIRC is the same for a network that isn't ours: where Hermes connects, at the
// site's host when that is this machine.
func (s Settings) foreignIRC(siteHost string) site.IRCInfo {
	host, _, err := net.SplitHostPort(s.Hermes.Server)
	if err != nil {
		return site.IRCInfo{} // the section was checked: can't be
	}
	info := site.IRCInfo{Host: host, Bot: s.Hermes.Nick, Fingerprint: s.Hermes.Fingerprint}
	if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
		info.Host = siteHost
	}
	if s.Hermes.TLS {
		info.TLSPort = port(s.Hermes.Server)
	}
	return info
}

// isLoopback reports whether an address on the web leads back to this machine.
func isLoopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
}

func port(address string) int {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

func (c HouseConfig) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checked by Validate
	opts := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts))
}
