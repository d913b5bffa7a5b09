package hermes

import (
	"encoding/hex"
	"net"
	"regexp"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Config is the [hermes] section.
type Config struct {
	// Enabled is false on a site without a bot.
	Enabled bool `toml:"enabled"`
	// Network is the kind of server: "house" for our own, or another one that knows
	// the site's accounts; "inspircd" or "ngircd" for a plain one, which is then used
	// instead of ours.
	Network string `toml:"network"`
	// Server is the address of the IRC server, host:port.
	Server string `toml:"server"`
	// TLS encrypts the connection; only to this machine may it be left out.
	TLS bool `toml:"tls"`
	// CAFile names the certificates (PEM) that sign the server's; without it
	// those of the system count.
	CAFile string `toml:"ca_file"`
	// Fingerprint is the SHA-256 of the server's own certificate in
	// hexadecimal. When it is set nothing else of the certificate is looked
	// at: right for a self-signed one.
	Fingerprint string `toml:"fingerprint"`

	Nick    string `toml:"nick"`     // the bot's nick; programs that read the announces match it exactly
	Account string `toml:"account"`  // the bot's account, to log in with (SASL PLAIN)
	KeyFile string `toml:"key_file"` // holds the account's IRC key; empty is hermes.irc-key among the secrets

	// ServerPasswordFile holds the password that the server wants from all.
	ServerPasswordFile string `toml:"server_password_file"`
	// OperName and OperPasswordFile are for OPER, on a foreign network. Without them
	// the bot needs operator status in all channels.
	OperName string `toml:"oper_name"`
	// OperPasswordFile holds the password that belongs to OperName.
	OperPasswordFile string `toml:"oper_password_file"`

	AnnounceChannel string   `toml:"announce_channel"` // where uploads are announced
	GeneralChannel  string   `toml:"general_channel"`  // where freeleech is told; empty: nowhere
	StaffChannel    string   `toml:"staff_channel"`    // where staff give commands and read how jobs ended and what is wrong; empty: nowhere
	DebugChannel    string   `toml:"debug_channel"`    // where failed jobs are told, and that the database takes no changes; empty: nowhere
	OtherChannels   []string `toml:"other_channels"`   // further channels in which commands are answered
	TopicChannels   []string `toml:"topic_channels"`   // channels whose topics tell of freeleech

	// Backlog is how old an upload may be to be announced still.
	Backlog config.Duration `toml:"backlog"`
	// LinesPerMinute is what the server takes from us in the long run.
	LinesPerMinute int `toml:"lines_per_minute"`
	// LinesBurst is what the server takes from us at once.
	LinesBurst int `toml:"lines_burst"`
}

// DefaultConfig is the bot on our own network on the same machine.
func DefaultConfig() Config {
	return Config{
		Enabled: true,
		Network: houseNetwork,
		Server:  "127.0.0.1:6667",
		Nick:    "Hermes",
		Account: "Hermes",

		AnnounceChannel: "#announce",
		GeneralChannel:  "#general",
		StaffChannel:    "#staff",
		DebugChannel:    "#debug",
		OtherChannels:   []string{"#requests", "#support"},
		TopicChannels:   []string{"#announce", "#general"},

		Backlog:        config.D(7 * 24 * time.Hour),
		LinesPerMinute: 170,
		LinesBurst:     25,
	}
}

const longestBacklog = 366 * 24 * time.Hour

var (
	nickPattern    = regexp.MustCompile("^[A-Za-z\\[\\]\\\\`_^{|}][A-Za-z0-9\\[\\]\\\\`_^{|}-]{0,30}$")
	channelPattern = regexp.MustCompile("^[#&][^ ,:\a\x00\r\n]{1,49}$")
)

// Validate reports the first key that makes no sense.
func (c Config) Validate() error {
	if !c.Enabled {
		return nil
	}
	if c.Network != houseNetwork && kinds[c.Network] == nil {
		return core.FieldErrorf("network", "%q is none that the bot knows; write house, inspircd or ngircd", c.Network)
	}
	if (c.OperName != "") != (c.OperPasswordFile != "") || c.OperName != "" && !c.Foreign() {
		return core.FieldErrorf("oper_name", "oper_name and oper_password_file belong together, on a foreign network")
	}
	if strings.ContainsAny(c.OperName, " \r\n\x00") {
		return core.FieldErrorf("oper_name", "must be one word")
	}
	if err := core.CheckServer("server", c.Server); err != nil {
		return err
	}
	host, _, _ := net.SplitHostPort(c.Server) // was just checked
	if ip := net.ParseIP(host); !c.TLS && host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return core.FieldErrorf("tls", "set it to true: the key must not go to another machine unencrypted")
	}
	if raw, err := hex.DecodeString(c.fingerprint()); err != nil || (len(raw) != 0 && len(raw) != 32) {
		return core.FieldErrorf("fingerprint", "must be the 64 hexadecimal digits of a SHA-256")
	}
	if !c.TLS && (c.CAFile != "" || c.Fingerprint != "") {
		return core.FieldErrorf("tls", "ca_file and fingerprint mean nothing without tls = true")
	}
	if !nickPattern.MatchString(c.Nick) {
		return core.FieldErrorf("nick", "%q can't be a nick", c.Nick)
	}
	if c.Account == "" || len(c.Account) > 64 || strings.ContainsAny(c.Account, " \r\n\x00") {
		return core.FieldErrorf("account", "must be one word")
	}
	if c.Backlog.Duration < time.Hour || c.Backlog.Duration > longestBacklog {
		return core.FieldErrorf("backlog", "must be from 1h to %s, a year", longestBacklog)
	}
	if c.LinesPerMinute < 1 || c.LinesPerMinute > 60_000 {
		return core.FieldErrorf("lines_per_minute", "must be from 1 to 60000")
	}
	if c.LinesBurst < 1 || c.LinesBurst > 1000 {
		return core.FieldErrorf("lines_burst", "must be from 1 to 1000")
	}
	return c.validateChannels()
}

// Foreign reports whether the bot works on a network that isn't ours: then ours is not
// served.
func (c Config) Foreign() bool { return kinds[c.Network] != nil }

func (c Config) validateChannels() error {
	if !channelPattern.MatchString(c.AnnounceChannel) {
		return core.FieldErrorf("announce_channel", "%q is no channel", c.AnnounceChannel)
	}
	for key, name := range map[string]string{"general_channel": c.GeneralChannel, "staff_channel": c.StaffChannel, "debug_channel": c.DebugChannel} {
		if name != "" && !channelPattern.MatchString(name) {
			return core.FieldErrorf(key, "%q is no channel", name)
		}
	}
	for key, names := range map[string][]string{"other_channels": c.OtherChannels, "topic_channels": c.TopicChannels} {
		if len(names) > 50 {
			return core.FieldErrorf(key, "name 50 channels at most")
		}
		for _, name := range names {
			if !channelPattern.MatchString(name) {
				return core.FieldErrorf(key, "%q is no channel", name)
			}
		}
	}
	return nil
}

func (c Config) fingerprint() string {
	return strings.ToLower(strings.ReplaceAll(c.Fingerprint, ":", ""))
}

// channels lists all channels to be in, the announce channel first.
func (c Config) channels() []string {
	var out []string
	seen := map[string]bool{"": true}
	for _, names := range [][]string{{c.AnnounceChannel, c.GeneralChannel, c.StaffChannel, c.DebugChannel}, c.OtherChannels, c.TopicChannels} {
		for _, name := range names {
			if !seen[text.FoldASCII(name)] {
				seen[text.FoldASCII(name)] = true
				out = append(out, name)
			}
		}
	}
	return out
}
