package tracker

import (
	"net/netip"
	"net/url"
	"regexp"
	"time"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/roster"
)

// Config is the [tracker] section.
type Config struct {
	// Name tells several trackers that share the torrents apart: each has its
	// own name, its own data directory and its own slots. Empty where there is
	// one.
	Name string `toml:"name"`
	// Slots are the torrents that this tracker serves, by the first hexadecimal
	// digit of their info-hash, such as "01234". Empty is all. Every digit
	// belongs to exactly one tracker, and the reverse proxy shares announces out
	// by the same table.
	Slots string `toml:"slots"`

	// Listen are the addresses to answer announces on: host:port, or
	// unix:/path of a socket for a reverse proxy on the same machine.
	Listen []string `toml:"listen"`
	// AnnounceURL is what clients call: AnnounceURL/{passkey}/announce.
	AnnounceURL string `toml:"announce_url"`
	// ClientsURL is where members read which clients may be used. It is named
	// to those who use another; empty names the rules page without a link.
	ClientsURL string `toml:"clients_url"`

	// Interval is the time between two announces of a client. Up to a tenth is
	// added by chance, so that announces spread.
	Interval config.Duration `toml:"interval"`
	// MinInterval is how soon a client may announce unasked. Who does so sooner
	// is credited all the same. 0 is a sixth of Interval.
	MinInterval config.Duration `toml:"min_interval"`
	// PeerTimeout is after how much silence a client leaves the swarm. 0 is two
	// and a half times Interval.
	PeerTimeout config.Duration `toml:"peer_timeout"`
	// NumWantMax is how many peers are given: to those who don't say, and at
	// most.
	NumWantMax int `toml:"numwant_max"`
	// MaxClients is how many clients a member may run on one torrent.
	MaxClients int `toml:"max_clients"`
	// MaxLineMbit is the fastest line that anybody has, in Mbit/s. Transfer
	// beyond what it carries is not credited.
	MaxLineMbit int64 `toml:"max_line_mbit"`

	// FlushEvery is how often sums are written to the database.
	FlushEvery config.Duration `toml:"flush_every"`
	// MaxUnwritten is how many sums (of a member in a torrent) may wait in memory
	// while the database is away. Beyond it announces are refused.
	MaxUnwritten int `toml:"max_unwritten"`

	// TrustedProxies are addresses and networks (CIDR) of our own reverse
	// proxies. Only from these, and over unix sockets, are X-Forwarded-For and
	// X-Real-IP believed.
	TrustedProxies []string `toml:"trusted_proxies"`
	// ProxyProtocol makes connections from trusted proxies and over unix sockets
	// begin with a header of the PROXY protocol (version 1 or 2), which tells the
	// client's address. One without it is closed.
	ProxyProtocol bool `toml:"proxy_protocol"`
	// AllowPrivateAddresses hands out peers on private, link-local and loopback
	// addresses too: for a lab network, or everything on one machine. Without
	// it they are answered, counted and credited, but nobody is sent to them,
	// and they are told so.
	AllowPrivateAddresses bool `toml:"allow_private_addresses"`
	// AcceptClaimedAddresses believes a client that names its address of the
	// other family (ipv4= and ipv6= of BEP 7). Any member could then send the
	// others to a stranger's address, so leave it off unless all are trusted;
	// clients that have both families announce over both. ip= is never believed.
	AcceptClaimedAddresses bool `toml:"accept_claimed_addresses"`

	// MaxConnections is how many connections are open at once; more have to wait.
	MaxConnections int `toml:"max_connections"`
	// IdleTimeout is how long a connection is kept open between requests.
	IdleTimeout config.Duration `toml:"idle_timeout"`
}

// DefaultConfig serves this machine, or a reverse proxy on it.
func DefaultConfig() Config {
	return Config{
		Listen:         []string{"127.0.0.1:34000"},
		AnnounceURL:    "http://localhost:34000",
		Interval:       config.D(30 * time.Minute),
		NumWantMax:     50,
		MaxClients:     5,
		MaxLineMbit:    100_000,
		FlushEvery:     config.D(3 * time.Second),
		MaxUnwritten:   1_000_000,
		MaxConnections: 20_000,
		IdleTimeout:    config.D(60 * time.Second),
	}
}

// Validate reports the first key that makes no sense.
func (c Config) Validate() error {
	for _, check := range []func(Config) error{Config.checkAddresses, Config.checkTimes, Config.checkNumbers} {
		if err := check(c); err != nil {
			return err
		}
	}
	return nil
}

func (c Config) checkAddresses() error {
	if len(c.Listen) == 0 {
		return core.FieldErrorf("listen", `name at least one address, such as ["127.0.0.1:34000"]`)
	}
	for _, l := range c.Listen {
		if err := front.CheckAddress(l); err != nil {
			return core.FieldErrorf("listen", "%s", core.SafeText(err))
		}
	}
	if err := checkURL("announce_url", c.AnnounceURL); err != nil {
		return err
	}
	if _, err := parseSlots(c.Slots); err != nil {
		return err
	}
	if !trackerName.MatchString(c.Name) {
		return core.FieldErrorf("name", "%q can't be the name of a tracker; take up to 20 small letters, digits and hyphens", c.Name)
	}
	if c.Name == "" && c.Slots != "" {
		return core.FieldErrorf("name", "a tracker that serves some slots only needs a name")
	}
	if c.ClientsURL != "" {
		if err := checkURL("clients_url", c.ClientsURL); err != nil {
			return err
		}
	}
	_, err := parseProxies(c.TrustedProxies)
	return err
}

// trackerName is what a tracker may be called; "" where there is one.
var trackerName = regexp.MustCompile(`^[a-z0-9-]{0,20}$`)

// consumer is the name of the tracker's place in the event log and of its books.
func (c Config) consumer() string {
	if c.Name == "" {
		return roster.Consumer
	}
	return roster.Consumer + ":" + c.Name
}

func checkURL(field, text string) error {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return core.FieldErrorf(field, "%q is no address of the web; write for example https://tracker.example.org", text)
	}
	return nil
}

func (c Config) checkTimes() error {
	const longest = 24 * time.Hour
	for _, d := range []struct {
		field    string
		value    time.Duration
		min, max time.Duration
	}{
		{"interval", c.Interval.Duration, time.Second, longest},
		{"min_interval", c.MinInterval.Duration, 0, c.Interval.Duration},
		{"flush_every", c.FlushEvery.Duration, 50 * time.Millisecond, 5 * time.Minute},
		{"idle_timeout", c.IdleTimeout.Duration, time.Second, time.Hour},
	} {
		if d.value < d.min || d.value > d.max {
			return core.FieldErrorf(d.field, "must be from %s to %s", d.min, d.max)
		}
	}
	if t := c.PeerTimeout.Duration; t != 0 && (t <= c.Interval.Duration || t > 7*longest) {
		return core.FieldErrorf("peer_timeout", "must be longer than interval (%s), or clients vanish between two announces, and at most a week",
			c.Interval.Duration)
	}
	return nil
}

func (c Config) checkNumbers() error {
	for _, n := range []struct {
		field           string
		value, min, max int64
	}{
		{"numwant_max", int64(c.NumWantMax), 1, 200},
		{"max_clients", int64(c.MaxClients), 1, 100},
		{"max_line_mbit", c.MaxLineMbit, 1, 1_000_000},
		{"max_unwritten", int64(c.MaxUnwritten), 1000, 100_000_000},
		{"max_connections", int64(c.MaxConnections), 10, 1_000_000},
	} {
		if n.value < n.min || n.value > n.max {
			return core.FieldErrorf(n.field, "must be from %d to %d", n.min, n.max)
		}
	}
	return nil
}

func (c Config) minInterval() time.Duration {
	if c.MinInterval.Duration > 0 {
		return c.MinInterval.Duration
	}
	return max(c.Interval.Duration/6, time.Second)
}

func (c Config) peerTimeout() time.Duration {
	if c.PeerTimeout.Duration > 0 {
		return c.PeerTimeout.Duration
	}
	return 5 * c.Interval.Duration / 2
}

// parseProxies reads addresses and networks.
func parseProxies(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, core.FieldErrorf("trusted_proxies", `%q is neither an address nor a network; write for example "127.0.0.1" or "10.0.0.0/8"`, text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}
