package mail

import (
	"net"
	"net/mail"
	"net/netip"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// Config is the [mail] section: by which server letters leave. Without a host the site
// sends none, and offers links and codes in their place.
type Config struct {
	// Host is the mail server's name or address, such as localhost; empty: no mail.
	Host string `toml:"host"`
	// Port is its port; 0 is what belongs to security: 587, 465 or 25.
	Port int `toml:"port"`
	// Security is starttls, tls (from the first byte on), or none, which only a server on
	// this machine may have.
	Security Security `toml:"security"`
	// CAFile holds the certificates that the server's must be signed by, in PEM; empty: those
	// of the system.
	CAFile string `toml:"ca_file"`
	// User is the account at the server; empty: none is needed.
	User string `toml:"user"`
	// PasswordFile holds the account's password; empty is mail.password among the secrets.
	PasswordFile string `toml:"password_file"`
	// From is the address that letters come from, such as noreply@biotorrents.example.
	From string `toml:"from"`
	// FromName stands before that address; empty is the name of the site.
	FromName string `toml:"from_name"`
	// ReplyTo is the address at which people reach staff: answers go there, and letters
	// name it. Empty: answers go to from, and letters name no address.
	ReplyTo string `toml:"reply_to"`
	// Bounces is an address on this machine at which the room jobs takes back, by LMTP, what the mail
	// server could not deliver, such as 127.0.0.1:2526; empty: nothing is taken back, and
	// only an address that the server refuses at once is known to be wrong. The server must hand over what
	// comes to the name in from with + and more behind it: see docs/mail.md.
	Bounces string `toml:"bounces"`
	// Hello is the name by which we greet the server; empty is the host of from.
	Hello string `toml:"hello"`
	// Timeout is how long the server may take for one letter.
	Timeout config.Duration `toml:"timeout"`
	// PerHour is how many letters are sent in an hour at most. Those that may be
	// switched off leave a fifth of it to the others.
	PerHour int `toml:"per_hour"`
}

// Security says how the way to the server is encrypted.
type Security string

// The kinds of Security.
const (
	StartTLS Security = "starttls"
	TLS      Security = "tls"
	NoTLS    Security = "none"
)

// DefaultConfig sends no mail. It is what a server with STARTTLS needs, apart from host and from.
func DefaultConfig() Config {
	return Config{Security: StartTLS, Timeout: config.D(15 * time.Second), PerHour: 600}
}

// The bounds of the section.
const (
	maxAddress = 254 // bytes (RFC 5321 4.5.3.1.3, without the angle brackets)
	maxName    = 64  // characters
	maxLocal   = 22  // bytes: of the 64 of RFC 5321 4.5.3.1.1 a return address takes 42
	maxPerHour = 1_000_000
	minTimeout = time.Second
	maxTimeout = 25 * time.Second // the job has a minute
)

// Configured reports whether the site sends mail.
func (c Config) Configured() bool { return c.Host != "" }

// Validate reports the first key that makes no sense.
func (c Config) Validate() error {
	if !c.Configured() {
		for key, value := range map[string]string{"from": c.From, "user": c.User, "reply_to": c.ReplyTo, "ca_file": c.CAFile} {
			if value != "" {
				return core.FieldErrorf("host", "name the mail server, or leave %s out, too: without a host no mail is sent", key)
			}
		}
		return nil
	}
	if err := c.validateServer(); err != nil {
		return err
	}
	if !isAddress(c.From) {
		return core.FieldErrorf("from", `write the address that letters come from, such as "noreply@biotorrents.example"`)
	}
	if c.ReplyTo != "" && !isAddress(c.ReplyTo) {
		return core.FieldErrorf("reply_to", `write an address such as "staff@biotorrents.example", or nothing`)
	}
	if err := c.validateBounces(); err != nil {
		return err
	}
	if utf8.RuneCountInString(c.FromName) > maxName || strings.ContainsFunc(c.FromName, unicode.IsControl) {
		return core.FieldErrorf("from_name", "write a name of at most %d characters in one line", maxName)
	}
	if c.Timeout.Duration < minTimeout || c.Timeout.Duration > maxTimeout {
		return core.FieldErrorf("timeout", "must be from %s to %s", minTimeout, maxTimeout)
	}
	if c.PerHour < 1 || c.PerHour > maxPerHour {
		return core.FieldErrorf("per_hour", "must be from 1 to %d", maxPerHour)
	}
	return nil
}

func (c Config) validateServer() error {
	if !isHost(c.Host) {
		return core.FieldErrorf("host", `%q is no name of a server; write for example "localhost" or "smtp.example.org", and the port as port`, c.Host)
	}
	if c.Port < 0 || c.Port > 65535 {
		return core.FieldErrorf("port", "must be from 1 to 65535, or 0 for what belongs to security")
	}
	switch c.Security {
	case StartTLS, TLS:
	case NoTLS:
		if !isLoopback(c.Host) {
			return core.FieldErrorf("security", "%s is another machine, and letters hold secrets: write starttls or tls", c.Host)
		}
		if c.User != "" {
			return core.FieldErrorf("security", "a password must not travel in clear: write starttls or tls, or leave user out")
		}
	default:
		return core.FieldErrorf("security", "%q is none of starttls, tls and none", string(c.Security))
	}
	if strings.ContainsFunc(c.User, unicode.IsControl) {
		return core.FieldErrorf("user", "write the account's name in one line")
	}
	if c.Hello != "" && !isHost(c.Hello) {
		return core.FieldErrorf("hello", `%q is no name of a machine; write for example "biotorrents.example"`, c.Hello)
	}
	return nil
}

func (c Config) validateBounces() error {
	if c.Bounces == "" {
		return nil
	}
	if err := core.CheckListen("bounces", c.Bounces); err != nil {
		return err
	}
	if host, _, err := net.SplitHostPort(c.Bounces); err != nil || !isLoopback(host) {
		return core.FieldErrorf("bounces", `%q is open to other machines; write for example "127.0.0.1:2526"`, c.Bounces)
	}
	if at := strings.LastIndexByte(c.From, '@'); at > maxLocal {
		return core.FieldErrorf("from", "with bounces the name before the @ has at most %d characters, since more is put behind it", maxLocal)
	}
	return nil
}

// port is the one that is connected to.
func (c Config) port() int {
	switch {
	case c.Port != 0:
		return c.Port
	case c.Security == TLS:
		return 465
	case c.Security == NoTLS:
		return 25
	}
	return 587
}

func (c Config) hello() string {
	if c.Hello != "" {
		return c.Hello
	}
	return domain(c.From)
}

// password reads the file anew each time, so that a changed one needs no restart.
func (c Config) password() (string, error) {
	raw, err := os.ReadFile(c.PasswordFile)
	return strings.TrimSpace(string(raw)), err
}

func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return len(s) <= 253 && s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
	})
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.IsLoopback()
}

// isAddress reports whether s is a mail address alone, without a name or brackets.
func isAddress(s string) bool {
	if len(s) > maxAddress || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return false
	}
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && a.Name == "" && isHost(domain(s))
}

// domain is what stands behind the @ of an address.
func domain(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }
