package site

import (
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// Config is the [site] section.
type Config struct {
	// Name is what this site calls itself; the software is Caduceus.
	Name string `toml:"name"`
	// URL is the public address, such as "https://data.example.org". With https
	// the session cookie is marked Secure.
	URL string `toml:"url"`
	// Listen is the address of the HTTP server.
	Listen string `toml:"listen"`
	// TrustedProxies are the addresses or networks of reverse proxies whose
	// X-Forwarded-For and X-Real-IP headers are believed.
	TrustedProxies []string `toml:"trusted_proxies"`
	// UploadLimit is the largest .torrent file that is accepted, in bytes. Up to 24 of
	// them lie unfinished in the folder uploads of the data directory, of which that much
	// must be free.
	UploadLimit int64 `toml:"upload_limit"`
	// UploadFiles is how many files a torrent may have at most.
	UploadFiles int `toml:"upload_files"`
	// WindowsNames says what becomes of a torrent with names that Windows can't store
	// as they are, such as "aux" or "GO:0008150.tsv": "warn" takes it and tells the
	// uploader, "refuse" does not take it.
	WindowsNames metainfo.Names `toml:"windows_names"`
	// LoginAttempts is how many wrong API tokens and download links from an address are
	// answered within a quarter of an hour; whoever sends more is told to wait. A right
	// one is answered whatever else comes from its address. After wrong passphrases one
	// waits longer and longer, as on IRC.
	LoginAttempts int `toml:"login_attempts"`
	// TorrentKeys puts a key for that one torrent into each downloaded .torrent,
	// instead of the member's announce key: a file that leaks then harms one torrent.
	// Files with an announce key work either way.
	TorrentKeys bool `toml:"torrent_keys"`
	// APIRequests is how many requests an API token may make in a minute, and how many
	// downloads a member's links.
	APIRequests int `toml:"api_requests"`
	// SessionDays is after how many days a browser must log in again, however much it
	// is used. One that is not used must after 30.
	SessionDays int `toml:"session_days"`
}

// DefaultConfig is a site on this machine alone.
func DefaultConfig() Config {
	limits := metainfo.DefaultLimits()
	return Config{
		Name:          "Caduceus",
		URL:           "http://localhost:8080",
		Listen:        "127.0.0.1:8080",
		UploadLimit:   int64(limits.TorrentBytes),
		UploadFiles:   limits.Files,
		WindowsNames:  metainfo.NamesWarn,
		LoginAttempts: 10,
		TorrentKeys:   true,
		APIRequests:   60,
		SessionDays:   180,
	}
}

// Validate reports the first key that makes no sense.
func (c Config) Validate() error {
	if n := utf8.RuneCountInString(strings.TrimSpace(c.Name)); n == 0 || n > 40 || strings.ContainsFunc(c.Name, isControl) {
		return core.FieldErrorf("name", "give the site a name of 1 to 40 characters")
	}
	if err := core.CheckURL("url", c.URL, "https://data.example.org", "http", "https"); err != nil {
		return err
	}
	if u, err := url.Parse(c.URL); err != nil || strings.Trim(u.Path, "/") != "" {
		return core.FieldErrorf("url", `%q has a path; the site needs a host of its own, such as "https://data.example.org"`, c.URL)
	}
	if err := core.CheckListen("listen", c.Listen); err != nil {
		return err
	}
	for _, p := range c.TrustedProxies {
		if _, err := netip.ParsePrefix(p); err == nil {
			continue
		}
		if _, err := netip.ParseAddr(p); err != nil {
			return core.FieldErrorf("trusted_proxies", `%q is neither an address nor a network such as "10.0.0.0/8"`, p)
		}
	}
	if c.UploadLimit < 1<<10 || c.UploadLimit > 256<<20 {
		return core.FieldErrorf("upload_limit", "must be from 1024 (1 KiB) to 268435456 (256 MiB)")
	}
	if c.UploadFiles < 1 || c.UploadFiles > 1_000_000 {
		return core.FieldErrorf("upload_files", "must be from 1 to 1000000")
	}
	if c.WindowsNames != metainfo.NamesWarn && c.WindowsNames != metainfo.NamesRefuse {
		return core.FieldErrorf("windows_names", `%q is neither "warn" nor "refuse"`, c.WindowsNames)
	}
	if c.LoginAttempts < 1 || c.LoginAttempts > 10000 {
		return core.FieldErrorf("login_attempts", "must be from 1 to 10000")
	}
	if c.SessionDays < 1 || c.SessionDays > 3653 {
		return core.FieldErrorf("session_days", "must be from 1 to 3653")
	}
	if c.APIRequests < 1 || c.APIRequests > 100000 {
		return core.FieldErrorf("api_requests", "must be from 1 to 100000")
	}
	return nil
}

// Limits are what a .torrent must keep to. Pages, API and forms all obey them.
func (c Config) Limits() metainfo.Limits {
	return metainfo.Limits{TorrentBytes: core.Bytes(c.UploadLimit), Files: c.UploadFiles, Names: c.WindowsNames}
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }
