package tracker

import (
	"io/fs"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/journal"
	"github.com/caduceus-bio/caduceus/tracker/ocelot"
	"github.com/caduceus-bio/caduceus/tracker/roster"
)

// Config is the [tracker] section.
type Config struct {
	// Name distinguishes several trackers that share the torrents: each has its own
	// name, its own data directory and its own slots. It is empty if there is only
	// one.
	Name string `toml:"name"`
	// Slots are the torrents that this tracker serves, by the first hexadecimal
	// digit of their info-hash, such as "01234". Empty is all. Every digit belongs
	// to exactly one tracker, and the reverse proxy distributes announces by the
	// same table.
	Slots string `toml:"slots"`

	// Listen are the addresses to answer announces on: host:port, or
	// unix:/path of a socket for a reverse proxy on the same machine.
	Listen []string `toml:"listen"`
	// SocketMode are the permissions of unix sockets, such as 0660 for the members
	// of the group: that of this process, or that of the folder if it is setgid.
	// Whoever may connect is trusted like a trusted proxy.
	SocketMode string `toml:"socket_mode"`
	// UDPListen are the addresses (host:port) to answer announces over UDP on
	// (BEP 15); none by default. Only clients that send the announce address along
	// (BEP 41) can use it, because the announce key is in it:
	// udp://host:port/{announce-key}/announce. If several trackers share the torrents,
	// each answers only for its own.
	UDPListen []string `toml:"udp_listen"`
	// AnnounceURL is what clients call: AnnounceURL/{announce-key}/announce.
	AnnounceURL string `toml:"announce_url"`
	// AnnounceUDPURL is where clients reach UDPListen, such as
	// udp://tracker.example.org:34000. It goes into downloads as a second tier
	// (BEP 12), for when AnnounceURL can't be reached; empty leaves it out.
	AnnounceUDPURL string `toml:"announce_udp_url"`
	// ClientsURL is where members read which clients are allowed. Users of other
	// clients are referred to it; if it is empty, to the rules page without a link.
	ClientsURL string `toml:"clients_url"`

	// Interval is the time between two announces of a client. Large swarms
	// announce less often, up to half as often, and chance spreads them.
	Interval config.Duration `toml:"interval"`
	// MinInterval is how soon a client may announce of its own accord. A client
	// that does so sooner is credited all the same, but given at most five peers. It
	// is at most half of Interval. 0 is a sixth of Interval.
	MinInterval config.Duration `toml:"min_interval"`
	// PeerTimeout is how long a client may be silent before it leaves the swarm, at
	// least a quarter longer than Interval. 0 is two and a half times Interval.
	PeerTimeout config.Duration `toml:"peer_timeout"`
	// NumWantMax is how many peers a client is given: at most, and if it does not
	// ask for a number.
	NumWantMax int `toml:"numwant_max"`
	// MaxClients is how many clients a member may run on one torrent.
	MaxClients int `toml:"max_clients"`
	// MaxAddresses is from how many addresses a member may announce at the same
	// time; an IPv6 /64 network counts as one. 0 is any number.
	MaxAddresses int `toml:"max_addresses"`
	// MaxLineMbit is the fastest line that anybody has, in Mbit/s. A member's clients
	// together are credited no more, up and down each, than it carries. Staff are told
	// of what is cut.
	MaxLineMbit int64 `toml:"max_line_mbit"`

	// ReconcileEvery is how often members, torrents and rules are compared with the
	// database, which finds changes that the event log has missed.
	ReconcileEvery config.Duration `toml:"reconcile_every"`

	// FlushEvery is how often sums are written to the database. They are safe in the
	// journal before that. If writing takes more than a tenth of the time, the tracker
	// waits longer, up to three times as long.
	FlushEvery config.Duration `toml:"flush_every"`
	// JournalDir is a folder on a local disk for the journal of announces and the
	// checkpoints of the swarms; "" is tracker in the data directory. It may grow by
	// some 100 bytes for each announce while the database is away. Only one tracker
	// may use it. What it holds is credit of members.
	JournalDir string `toml:"journal_dir"`
	// JournalSync says when the journal is forced from the kernel's memory to the
	// disk: "always" before an announce is answered, "never" (only before its sums
	// go to the database), or a time such as "1s", which a power failure or a crash
	// of the kernel may cost. The end of the program alone costs nothing.
	JournalSync string `toml:"journal_sync"`
	// CheckpointEvery is how often the swarms are saved, so that the next start need
	// not read a long journal; after very many announces it happens sooner.
	CheckpointEvery config.Duration `toml:"checkpoint_every"`

	// AnnounceRecords keeps the last announces of each member and torrent, with what
	// was credited or why not, for the member and staff to read. Those of the last
	// seconds are lost if the tracker is killed (their credit is not), and beyond
	// 16,384 between two flushes some are not recorded.
	AnnounceRecords bool `toml:"announce_records"`
	// AnnounceRecordsKept is how many announces are kept for each member and
	// torrent. Twice as many refusals are kept for each member.
	AnnounceRecordsKept int `toml:"announce_records_kept"`
	// CheckPorts checks whether others can connect to a client that announces, and
	// shows the result to its member. It opens one TCP connection an hour to where
	// the announce came from, never to an address that is not given to others, nor
	// to a port below 1024. The choice of peers does not depend on it. The process must
	// be let out to the internet for that, as the tracker's unit in deploy/systemd is;
	// else all clients seem unreachable. It is off by default, so that no tracker connects to strangers without its operator's
	// knowledge.
	CheckPorts bool `toml:"check_ports"`

	// TrustedProxies are addresses and networks (CIDR) of our own reverse proxies.
	// X-Forwarded-For and X-Real-IP are believed only from these and over unix
	// sockets.
	TrustedProxies []string `toml:"trusted_proxies"`
	// ProxyProtocol demands that connections from trusted proxies and over unix
	// sockets begin with a header of the PROXY protocol (version 1 or 2), which
	// names the client's address. A connection without it is closed.
	ProxyProtocol bool `toml:"proxy_protocol"`
	// AllowPrivateAddresses also gives peers on private, link-local and loopback
	// addresses to others: for a lab network, or for everything on one machine.
	// Without it they are answered, counted and credited, but not given to others,
	// and they are told so.
	AllowPrivateAddresses bool `toml:"allow_private_addresses"`
	// AcceptClaimedAddresses believes a client that names its address of the other
	// family (ipv4= and ipv6= of BEP 7). Any member could then send others to a
	// stranger's address, so leave it off unless all members are trusted. Clients
	// that have both families announce over both. ip= is never believed.
	AcceptClaimedAddresses bool `toml:"accept_claimed_addresses"`

	// OcelotListen is the address (host:port) at which an existing Gazelle controls
	// this tracker as it controls Ocelot; see tracker/ocelot. Members, torrents,
	// clients and tokens are then Gazelle's, not the house's: serve the tracker
	// alone. "" is off. Only this machine and TrustedProxies may connect.
	OcelotListen string `toml:"ocelot_listen"`
	// OcelotSitePassword is Gazelle's tracker secret, at least 32 letters and
	// digits; OcelotSitePasswordFile is read instead where it is set.
	OcelotSitePassword string `toml:"ocelot_site_password"`
	// OcelotSitePasswordFile holds that password; set one of the two.
	OcelotSitePasswordFile string `toml:"ocelot_site_password_file"`
	// OcelotReportPassword is Gazelle's report key; without one there are no
	// reports.
	OcelotReportPassword string `toml:"ocelot_report_password"`
	// OcelotReportPasswordFile holds that password; set one of the two.
	OcelotReportPasswordFile string `toml:"ocelot_report_password_file"`

	// MaxConnections is how many connections may be open at the same time; others
	// wait.
	MaxConnections int `toml:"max_connections"`
	// IdleTimeout is how long a connection is kept open between requests.
	IdleTimeout config.Duration `toml:"idle_timeout"`
}

// DefaultConfig serves this machine, or a reverse proxy on it.
func DefaultConfig() Config {
	return Config{
		Listen:         []string{"127.0.0.1:34000"},
		SocketMode:     "0660",
		AnnounceURL:    "http://localhost:34000",
		Interval:       config.D(30 * time.Minute),
		NumWantMax:     50,
		MaxClients:     5,
		MaxLineMbit:    10_000,
		ReconcileEvery: config.D(time.Hour),
		FlushEvery:     config.D(10 * time.Second),
		MaxConnections: 20_000,
		IdleTimeout:    config.D(60 * time.Second),

		JournalSync:         "1s",
		CheckpointEvery:     config.D(5 * time.Minute),
		AnnounceRecords:     true,
		AnnounceRecordsKept: 5,
	}
}

// Validate returns an error for the first setting that is not valid. The error names its
// key.
func (c Config) Validate() error {
	for _, check := range []func(Config) error{Config.checkAddresses, Config.checkTimes, Config.checkNumbers, Config.checkOcelot, Config.checkTogether} {
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
	if mode, err := strconv.ParseUint(c.SocketMode, 8, 32); err != nil || mode == 0 || mode > 0o777 {
		return core.FieldErrorf("socket_mode", `%q are no permissions; write for example "0660"`, c.SocketMode)
	}
	for _, l := range c.UDPListen {
		if err := core.CheckListen("udp_listen", l); err != nil {
			return err
		}
	}
	if err := core.CheckURL("announce_url", c.AnnounceURL, exampleURL, "http", "https"); err != nil {
		return err
	}
	if err := checkUDPURL(c.AnnounceUDPURL); err != nil {
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
		if err := core.CheckURL("clients_url", c.ClientsURL, exampleURL, "http", "https"); err != nil {
			return err
		}
	}
	if _, _, err := journal.ParseSync(c.JournalSync); err != nil {
		return core.FieldErrorf("journal_sync", "%s", err)
	}
	_, err := parseProxies(c.TrustedProxies)
	return err
}

const exampleURL = "https://tracker.example.org"

// trackerName matches the names of trackers; "" is the only one.
var trackerName = regexp.MustCompile(`^[a-z0-9-]{0,20}$`)

// consumer returns the name of the tracker's cursor in the event log, which is also the
// name of its books.
func (c Config) consumer() string {
	if c.Name == "" {
		return roster.Consumer
	}
	return roster.Consumer + ":" + c.Name
}

func checkUDPURL(text string) error {
	if text == "" {
		return nil
	}
	const example = "udp://tracker.example.org:34000"
	if err := core.CheckURL("announce_udp_url", text, example, "udp"); err != nil {
		return err
	}
	if u, err := url.Parse(text); err != nil || u.Port() == "" {
		return core.FieldErrorf("announce_udp_url", "%q has no port; write for example %s", text, example)
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
		{"reconcile_every", c.ReconcileEvery.Duration, time.Second, 7 * longest},
		{"flush_every", c.FlushEvery.Duration, 50 * time.Millisecond, 5 * time.Minute},
		{"checkpoint_every", c.CheckpointEvery.Duration, time.Second, longest},
		{"idle_timeout", c.IdleTimeout.Duration, time.Second, time.Hour},
	} {
		if d.value < d.min || d.value > d.max {
			return core.FieldErrorf(d.field, "must be from %s to %s", d.min, d.max)
		}
	}
	if least, t := c.Interval.Duration*5/4, c.PeerTimeout.Duration; t != 0 && (t < least || t > 7*longest) {
		return core.FieldErrorf("peer_timeout", "must be from %s, a quarter more than interval, to a week: clients announce up to a tenth late, and would vanish between two announces", least)
	}
	if most := c.Interval.Duration / 2; c.MinInterval.Duration > most {
		return core.FieldErrorf("min_interval", "must be at most %s, half of interval: new clients are told to come back after that, and must not be treated as early then", most)
	}
	return nil
}

// checkTogether refuses settings that can't work beside each other.
func (c Config) checkTogether() error {
	if c.CheckPorts && !c.AnnounceRecords {
		return core.FieldErrorf("check_ports", "needs announce_records, which show the results")
	}
	if c.ProxyProtocol && len(c.TrustedProxies) == 0 && !slices.ContainsFunc(c.Listen, isUnix) {
		return core.FieldErrorf("proxy_protocol", "nobody could send the header: name trusted_proxies, or listen on a unix socket")
	}
	if c.OcelotListen != "" && c.Name != "" {
		return core.FieldErrorf("ocelot_listen", "Gazelle controls one tracker that serves all torrents; leave out name and slots")
	}
	tcp := c.Listen
	if c.OcelotListen != "" {
		tcp = append(slices.Clone(tcp), c.OcelotListen)
	}
	for _, of := range []struct {
		field string
		list  []string
	}{{"listen", c.Listen}, {"ocelot_listen", tcp}, {"udp_listen", c.UDPListen}} {
		for i, l := range of.list {
			for _, other := range of.list[:i] {
				if core.Collide(l, other) {
					return core.FieldErrorf(of.field, "%s and %s are the same port of the same address, which can be listened on once", other, l)
				}
			}
		}
	}
	return nil
}

func isUnix(address string) bool { return strings.HasPrefix(address, "unix:") }

func (c Config) checkNumbers() error {
	for _, n := range []struct {
		field           string
		value, min, max int64
	}{
		{"numwant_max", int64(c.NumWantMax), 1, 200},
		{"max_clients", int64(c.MaxClients), 1, 100},
		{"max_addresses", int64(c.MaxAddresses), 0, 1000},
		{"max_line_mbit", c.MaxLineMbit, 1, 1_000_000},
		{"announce_records_kept", int64(c.AnnounceRecordsKept), 1, 50},
		{"max_connections", int64(c.MaxConnections), 10, 1_000_000},
	} {
		if n.value < n.min || n.value > n.max {
			return core.FieldErrorf(n.field, "must be from %d to %d", n.min, n.max)
		}
	}
	return nil
}

func (c Config) checkOcelot() error {
	if c.OcelotListen == "" {
		return nil
	}
	if err := core.CheckListen("ocelot_listen", c.OcelotListen); err != nil {
		return err
	}
	if c.OcelotSitePassword == "" && c.OcelotSitePasswordFile == "" {
		return core.FieldErrorf("ocelot_site_password", "set the password with which Gazelle asks, or the file that it is in")
	}
	for _, p := range []struct{ field, password, file string }{
		{"ocelot_site_password", c.OcelotSitePassword, c.OcelotSitePasswordFile},
		{"ocelot_report_password", c.OcelotReportPassword, c.OcelotReportPasswordFile},
	} {
		if p.password != "" && p.file != "" {
			return core.FieldErrorf(p.field+"_file", "set either the password or its file, not both")
		}
		if p.password == "" {
			continue
		}
		if err := ocelot.CheckPassword(p.password); err != nil {
			return core.FieldErrorf(p.field, "%s", core.SafeText(err))
		}
	}
	if c.OcelotSitePassword != "" && c.OcelotSitePassword == c.OcelotReportPassword {
		return core.FieldErrorf("ocelot_report_password", "it must be another one than ocelot_site_password")
	}
	return nil
}

func (c Config) socketMode() fs.FileMode {
	mode, _ := strconv.ParseUint(c.SocketMode, 8, 32) // Validate has read it
	return fs.FileMode(mode)
}

func (c Config) minInterval() time.Duration {
	if c.MinInterval.Duration > 0 {
		return c.MinInterval.Duration
	}
	return max(c.Interval.Duration/6, time.Second)
}

func (c Config) pace() pace { return pace{interval: c.Interval.Duration, timeout: c.peerTimeout()} }

func (c Config) peerTimeout() time.Duration {
	if c.PeerTimeout.Duration > 0 {
		return c.PeerTimeout.Duration
	}
	return 5 * c.Interval.Duration / 2
}

// parseProxies parses addresses and networks.
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
