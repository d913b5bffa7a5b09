package ircd

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"path"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// Config is the [irc] section.
type Config struct {
	Network     string `toml:"network"`      // the network's name, shown to clients; empty: the site's name
	ServerName  string `toml:"server_name"`  // the server's name, a host name with a dot in it
	ListenTLS   string `toml:"listen_tls"`   // where clients come with TLS, host:port or :port; empty: nowhere
	ListenPlain string `toml:"listen_plain"` // where they come without TLS; empty: nowhere; keep it on loopback
	CertFile    string `toml:"cert_file"`    // the server's certificate in PEM; it and key_file are made at the first start where both are missing
	KeyFile     string `toml:"key_file"`     // the private key of cert_file in PEM
	MOTD        string `toml:"motd"`         // message of the day, several lines; empty: none
	Admin       string `toml:"admin"`        // whom to write to, shown by ADMIN

	Guests       bool `toml:"guests"`        // let people in without an account, to the channels that allow it
	FreeChannels bool `toml:"free_channels"` // let members open a channel by joining it; it lasts while someone is in it
	OpenNetwork  bool `toml:"open_network"`  // for protocol suites and networks without members: guests keep the nicks they ask for, and open channels as members do; leave it off where members meet

	MaxClients        int      `toml:"max_clients"`         // connections at a time
	MaxPerAddress     int      `toml:"max_per_address"`     // connections of an address; an IPv6 address counts with its /64
	MaxPerNetwork     int      `toml:"max_per_network"`     // connections of a network: IPv4 /24, IPv6 /48
	MaxPerAccount     int      `toml:"max_per_account"`     // connections of an account
	ExemptAddresses   []string `toml:"exempt_addresses"`    // prefixes that max_per_address and login limits by address leave alone
	ConnectsPerMinute int      `toml:"connects_per_minute"` // new connections of an address, in the long run
	ConnectsBurst     int      `toml:"connects_burst"`      // new connections of an address at once
	SendQueue         int      `toml:"sendq_bytes"`         // a client that has left more than this unread is cut off
	LoginTries        int      `toml:"login_tries"`         // wrong keys in one connection before it is closed

	RegistrationTimeout config.Duration `toml:"registration_timeout"` // how long a client may take to log in
	PingInterval        config.Duration `toml:"ping_interval"`        // silence after which the server asks whether a client is there
	PingTimeout         config.Duration `toml:"ping_timeout"`         // how long it waits for the answer

	LinesPerMinute      int `toml:"lines_per_minute"`       // what a client may send in the long run; more is read later
	LinesBurst          int `toml:"lines_burst"`            // what a client may send at once
	GuestLinesPerMinute int `toml:"guest_lines_per_minute"` // what a guest may send in the long run
	GuestLinesBurst     int `toml:"guest_lines_burst"`      // what a guest may send at once
	BotLinesPerMinute   int `toml:"bot_lines_per_minute"`   // what members' programs, which say so with the user mode B, may send in the long run
	BotLinesBurst       int `toml:"bot_lines_burst"`        // what members' programs may send at once
	RecvQueue           int `toml:"recvq_bytes"`            // a client that has sent more than this while it has to wait is cut off
	JoinsPerMinute      int `toml:"joins_per_minute"`       // channels that a connection may enter in the long run
	JoinsBurst          int `toml:"joins_burst"`            // channels that a connection may enter at once
	NicksPerMinute      int `toml:"nicks_per_minute"`       // changes of nick of a connection in the long run
	NicksBurst          int `toml:"nicks_burst"`            // changes of nick of a connection at once

	Replay             int `toml:"replay_lines"`         // missed lines of a channel that simple clients are shown at login, where the member set nothing else
	PrivateHistoryDays int `toml:"private_history_days"` // how long conversations are kept for members who switched that on
	FreeHistoryDays    int `toml:"free_history_days"`    // how long lines of channels that nobody keeps are kept; whoever opens one of that name again reads them

	Nicks int `toml:"nicks_per_member"` // what members may register besides their names; 0: none

	ProxyFrom  []string `toml:"proxy_from"`  // prefixes of proxies, whose connections to listen_tls and listen_plain must begin with the PROXY header
	WebIRCFrom []string `toml:"webirc_from"` // prefixes of gateways that may use WEBIRC
	WebIRCHash string   `toml:"webirc_hash"` // SHA-256 of the password of these gateways, in hexadecimal; make the password a long random one

	ListenWeb  string   `toml:"listen_websocket"`  // where clients come by WebSocket; empty: nowhere
	WebTLS     bool     `toml:"websocket_tls"`     // whether the server does TLS there itself; false where a reverse proxy does
	WebProxies []string `toml:"websocket_proxies"` // prefixes of reverse proxies, believed in X-Real-IP and X-Forwarded-Proto
	WebOrigins []string `toml:"websocket_origins"` // hosts whose pages may connect by WebSocket, with * for any part; the server's own always may

	OperName string   `toml:"oper_name"` // who may say OPER without an account; empty: nobody
	OperHash string   `toml:"oper_hash"` // SHA-256 of the password of oper_name, in hexadecimal; make the password a long random one
	OperFrom []string `toml:"oper_from"` // prefixes from where OPER may be said without an account

	STSDuration config.Duration `toml:"sts_duration"` // how long clients must remember to use TLS only (IRCv3 sts); 0: they are not told
	STSPort     int             `toml:"sts_port"`     // the port of TLS that sts names, as clients see it
}

// DefaultConfig is TLS for everybody, plain text for this machine.
func DefaultConfig() Config {
	return Config{
		ServerName:  "irc.localhost",
		ListenTLS:   ":7000",
		ListenPlain: "127.0.0.1:6667",
		Admin:       "ask in #support",

		Guests: true,

		MaxClients:    10000,
		MaxPerAddress: 10,
		MaxPerNetwork: 60,
		MaxPerAccount: 10,

		ConnectsPerMinute: 20,
		ConnectsBurst:     20,
		ExemptAddresses:   []string{"127.0.0.0/8", "::1/128"},
		SendQueue:         512 << 10,
		LoginTries:        4,

		RegistrationTimeout: config.D(30 * time.Second),
		PingInterval:        config.D(90 * time.Second),
		PingTimeout:         config.D(60 * time.Second),

		LinesPerMinute:      180,
		LinesBurst:          30,
		GuestLinesPerMinute: 40,
		GuestLinesBurst:     15,
		BotLinesPerMinute:   600,
		BotLinesBurst:       100,
		RecvQueue:           32 << 10,
		JoinsPerMinute:      20,
		JoinsBurst:          60, // a client enters up to 50 when it comes back
		NicksPerMinute:      6,
		NicksBurst:          8,

		Replay:             50,
		PrivateHistoryDays: 180,
		OperFrom:           []string{"127.0.0.0/8", "::1/128"},
		Nicks:              2,
		STSPort:            7000,
	}
}

// mostOfAll is more than any limit can mean.
const mostOfAll = 1 << 30

// Caution says in words what of the section is dangerous where the members of a site meet,
// "" where nothing is.
func (c Config) Caution() string {
	if !c.OpenNetwork {
		return ""
	}
	return "[irc] open_network is on, which is for protocol suites: guests may be called like members and staff, and find out which channels there are; switch it off where members of the site meet"
}

// Retention is what [irc] says of how long lines are kept.
func (c Config) Retention() irc.Retention {
	return irc.Retention{FreeDays: c.FreeHistoryDays, PrivateDays: c.PrivateHistoryDays}
}

// Validate checks the section; errors name the key.
func (c Config) Validate() error {
	if err := c.validateNames(); err != nil {
		return err
	}
	if err := c.validateDoors(); err != nil {
		return err
	}
	for _, limit := range []struct {
		key            string
		value, atLeast int
	}{
		{"max_clients", c.MaxClients, 1},
		{"max_per_address", c.MaxPerAddress, 1},
		{"max_per_network", c.MaxPerNetwork, 1},
		{"max_per_account", c.MaxPerAccount, 1},
		{"connects_per_minute", c.ConnectsPerMinute, 1},
		{"connects_burst", c.ConnectsBurst, 1},
		{"sendq_bytes", c.SendQueue, 16 << 10},
		{"login_tries", c.LoginTries, 1},
		{"lines_per_minute", c.LinesPerMinute, 1},
		{"lines_burst", c.LinesBurst, 5},
		{"guest_lines_per_minute", c.GuestLinesPerMinute, 1},
		{"guest_lines_burst", c.GuestLinesBurst, 5},
		{"bot_lines_per_minute", c.BotLinesPerMinute, 1},
		{"bot_lines_burst", c.BotLinesBurst, 5},
		{"recvq_bytes", c.RecvQueue, conn.MaxRead},
		{"joins_per_minute", c.JoinsPerMinute, 1},
		{"joins_burst", c.JoinsBurst, 1},
		{"nicks_per_minute", c.NicksPerMinute, 1},
		{"nicks_burst", c.NicksBurst, 1},
		{"replay_lines", c.Replay, 0},
		{"private_history_days", c.PrivateHistoryDays, 1},
		{"free_history_days", c.FreeHistoryDays, 0},
		{"nicks_per_member", c.Nicks, 0},
	} {
		if limit.value < limit.atLeast || limit.value > mostOfAll {
			return core.FieldErrorf(limit.key, "must be from %d to %d", limit.atLeast, mostOfAll)
		}
	}
	if c.Replay > irc.MaxReplay {
		return core.FieldErrorf("replay_lines", "must be at most %d", irc.MaxReplay)
	}
	if c.Nicks > member.MaxNicks {
		return core.FieldErrorf("nicks_per_member", "must be at most %d", member.MaxNicks)
	}
	for key, days := range map[string]int{"private_history_days": c.PrivateHistoryDays, "free_history_days": c.FreeHistoryDays} {
		if days > irc.MaxHistoryDays {
			return core.FieldErrorf(key, "must be at most %d", irc.MaxHistoryDays)
		}
	}
	for _, limit := range []struct {
		key   string
		value time.Duration
	}{
		{"registration_timeout", c.RegistrationTimeout.Duration},
		{"ping_interval", c.PingInterval.Duration},
		{"ping_timeout", c.PingTimeout.Duration},
	} {
		if limit.value < time.Second || limit.value > time.Hour {
			return core.FieldErrorf(limit.key, "must lie between 1s and 1h")
		}
	}
	return nil
}

func (c Config) validateNames() error {
	if !validServerName(c.ServerName) {
		return core.FieldErrorf("server_name", "must look like a host name with a dot, such as irc.example.org")
	}
	if len(c.Network) > 50 || strings.ContainsAny(c.Network, "\r\n\x00") {
		return core.FieldErrorf("network", "must be one line of at most 50 bytes")
	}
	if c.ListenTLS == "" && c.ListenPlain == "" && c.ListenWeb == "" {
		return core.FieldErrorf("listen_tls", "give at least one of listen_tls, listen_plain and listen_websocket")
	}
	for _, at := range []struct{ key, address string }{{"listen_tls", c.ListenTLS}, {"listen_plain", c.ListenPlain}, {"listen_websocket", c.ListenWeb}} {
		if at.address == "" {
			continue
		}
		if err := core.CheckListen(at.key, at.address); err != nil {
			return err
		}
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		return core.FieldErrorf("cert_file", "give cert_file and key_file together, or neither")
	}
	return nil
}

func validServerName(s string) bool {
	if len(s) > 63 || !strings.Contains(s, ".") || strings.ContainsAny(s[:1], ".-") {
		return false
	}
	for _, r := range s {
		if !isLetter(byte(r)) && !isDigit(byte(r)) && r != '.' && r != '-' || r > 127 {
			return false
		}
	}
	return true
}

// validateDoors checks who is trusted, and what clients are told of TLS.
func (c Config) validateDoors() error {
	if _, err := c.trust(); err != nil {
		return err
	}
	if b, err := hex.DecodeString(c.WebIRCHash); err != nil || len(b) != sha256.Size && c.WebIRCHash != "" {
		return core.FieldErrorf("webirc_hash", "must be a SHA-256 hash in hexadecimal")
	}
	if len(c.WebIRCFrom) > 0 && c.WebIRCHash == "" {
		return core.FieldErrorf("webirc_hash", "gateways need a password: give its hash")
	}
	if b, err := hex.DecodeString(c.OperHash); err != nil || len(b) != sha256.Size && (c.OperHash != "" || c.OperName != "") {
		return core.FieldErrorf("oper_hash", "must be a SHA-256 hash in hexadecimal, if there is an oper_name")
	}
	for _, pattern := range c.WebOrigins {
		if _, err := path.Match(pattern, ""); err != nil {
			return core.FieldErrorf("websocket_origins", "%q is no pattern; write for example *.example.org", pattern)
		}
	}
	switch {
	case c.STSDuration.Duration < 0 || c.STSDuration.Duration > longestSTS:
		return core.FieldErrorf("sts_duration", "must be from 0 to %s, ten years", longestSTS)
	case c.STSDuration.Duration > 0 && c.ListenTLS == "":
		return core.FieldErrorf("sts_duration", "needs listen_tls")
	case c.STSPort < 1 || c.STSPort > 65535:
		return core.FieldErrorf("sts_port", "must be a port")
	}
	return nil
}

// longestSTS is more than anybody can promise to serve TLS.
const longestSTS = 10 * 366 * 24 * time.Hour

// trust reads the prefixes of those who may do more.
func (c Config) trust() (t trusted, err error) {
	for _, list := range []struct {
		key   string
		texts []string
		out   *[]netip.Prefix
	}{
		{"exempt_addresses", c.ExemptAddresses, &t.exempt},
		{"proxy_from", c.ProxyFrom, &t.proxy},
		{"webirc_from", c.WebIRCFrom, &t.webirc},
		{"websocket_proxies", c.WebProxies, &t.web},
		{"oper_from", c.OperFrom, &t.oper},
	} {
		for _, text := range list.texts {
			p, err := netip.ParsePrefix(text)
			if err != nil {
				return t, core.FieldErrorf(list.key, "%q is no prefix; write for example 192.0.2.0/24", text)
			}
			*list.out = append(*list.out, p.Masked())
		}
	}
	return t, nil
}
