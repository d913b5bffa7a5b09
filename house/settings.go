package house

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/caduceus-bio/caduceus/hermes"
	"github.com/caduceus-bio/caduceus/internal/backup"
	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/ircd"
	"github.com/caduceus-bio/caduceus/jobs"
	"github.com/caduceus-bio/caduceus/site"
	"github.com/caduceus-bio/caduceus/tracker"
)

// Settings is the whole configuration: each room declares its own section.
type Settings struct {
	House     Config         `toml:"house"`
	Database  db.Config      `toml:"database"`
	Tracker   tracker.Config `toml:"tracker"`
	Site      site.Config    `toml:"site"`
	IRC       ircd.Config    `toml:"irc"`
	Hermes    hermes.Config  `toml:"hermes"`
	Jobs      jobs.Config    `toml:"jobs"`
	Mail      mail.Config    `toml:"mail"`
	Freeleech economy.Config `toml:"freeleech"`
	Backup    backup.Config  `toml:"backup"`
	Ops       OpsConfig      `toml:"ops"`

	// File is what was read; "" is none.
	File string `toml:"-"`
	// Warnings are about what was found and not read.
	Warnings []string `toml:"-"`
}

// DefaultSettings are those of a site on this machine alone, before what follows from
// other keys is filled in.
func DefaultSettings() Settings {
	return Settings{
		House:     Config{DataDir: "var", LogLevel: "info", LogFormat: "text"},
		Database:  db.DefaultConfig(),
		Site:      site.DefaultConfig(),
		Tracker:   tracker.DefaultConfig(),
		IRC:       ircd.DefaultConfig(),
		Hermes:    hermes.DefaultConfig(),
		Jobs:      jobs.DefaultConfig(),
		Mail:      mail.DefaultConfig(),
		Freeleech: economy.DefaultConfig(),
		Backup:    backup.DefaultConfig(),
		Ops:       OpsConfig{Listen: "127.0.0.1:9180"},
	}
}

// defaultFile is read when it is there and no other file was named.
const defaultFile = "caduceus.toml"

// Load reads file (or defaultFile, or none) and the environment, fills
// in what depends on other keys, and checks everything.
func Load(file string) (Settings, error) {
	if file == "" {
		if _, err := os.Stat(defaultFile); err == nil {
			file = defaultFile
		} else if !errors.Is(err, fs.ErrNotExist) {
			return Settings{}, err
		}
	}
	s := DefaultSettings()
	s.File = file
	src, err := config.Load(file, os.Environ(), &s)
	if err != nil {
		return Settings{}, err
	}
	s.Warnings = src.Warnings
	s.Derive()
	return s, src.Check(&s)
}

// Warn logs what was found and not read.
func (s Settings) Warn() {
	for _, w := range s.Warnings {
		s.House.logger().Warn(w)
	}
}

// Derive sets what follows from other keys unless the file says otherwise, and writes
// addresses as they are compared.
func (s *Settings) Derive() {
	for _, u := range []*string{&s.Site.URL, &s.Tracker.AnnounceURL, &s.Tracker.AnnounceUDPURL, &s.Tracker.ClientsURL} {
		*u = core.NormalURL(*u)
	}
	if s.Database.Path == "" {
		s.Database.Path = s.House.path("caduceus.db")
	}
	if isLoopback(s.Tracker.AnnounceURL) { // who can reach such a tracker has no other address
		s.Tracker.AllowPrivateAddresses = true
	}
	if s.Tracker.JournalDir == "" {
		s.Tracker.JournalDir = s.House.path("tracker" + strings.TrimSuffix("-"+s.Tracker.Name, "-")) // several may share a data directory
	}
	if s.Tracker.ClientsURL == "" && s.Site.Validate() == nil { // or a mistake in the one would be told of the other
		s.Tracker.ClientsURL = s.siteURL() + "/rules/clients"
	}
	if s.Hermes.KeyFile == "" {
		s.Hermes.KeyFile = s.House.hermesKey()
	}
	if s.Mail.FromName == "" {
		s.Mail.FromName = s.Site.Name
	}
	if s.Mail.PasswordFile == "" {
		s.Mail.PasswordFile = s.House.secret("mail.password")
	}
}

// ircAgain reads the section [irc] from where it came from.
func (s Settings) ircAgain() (ircd.Config, error) {
	again, err := Load(s.File)
	return again.IRC, err
}
