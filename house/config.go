package house

import (
	"log/slog"
	"os"
	"path/filepath"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Config is the [house] section: what all rooms share.
type Config struct {
	// DataDir holds the embedded database, the tracker's journal, the IRC certificate
	// and the control socket.
	DataDir string `toml:"data_dir"`
	// SecretsDir holds the site key and Hermes's IRC key; empty is the folder secrets
	// in DataDir.
	SecretsDir string `toml:"secrets_dir"`
	// LogLevel is debug, info, warn or error: what is less is not logged.
	LogLevel string `toml:"log_level"`
	// LogFormat is text or json, one line each to standard error.
	LogFormat string `toml:"log_format"`
}

// Validate checks the section.
func (c Config) Validate() error {
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

func (c Config) path(elem ...string) string {
	return filepath.Join(append([]string{c.DataDir}, elem...)...)
}

func (c Config) secret(name string) string {
	if c.SecretsDir != "" {
		return filepath.Join(c.SecretsDir, name)
	}
	return c.path("secrets", name)
}

func (c Config) siteKey() string   { return c.secret("site.key") }
func (c Config) hermesKey() string { return c.secret("hermes.irc-key") }

// Socket is where the running program takes commands.
func (c Config) Socket() string { return c.path("control.sock") }

// logger writes to standard error what the section asks for.
func (c Config) logger() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checked by Validate
	opts := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, opts))
}
