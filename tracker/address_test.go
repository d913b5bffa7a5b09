package tracker

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

func TestClientAddress(t *testing.T) {
	t.Parallel()
	proxies, err := parseProxies([]string{"127.0.0.1", "10.0.0.0/8", "fd00::/8"})
	if err != nil {
		t.Fatal(err)
	}
	a := addresses{proxies: proxies}
	tests := []struct {
		name, remote string
		forwarded    []string
		realIP       string
		want         string // "" is refused
	}{
		{"direct", "44.1.2.3", nil, "", "44.1.2.3"},
		{"direct, with headers of its own", "44.1.2.3", []string{"8.8.8.8"}, "9.9.9.9", "44.1.2.3"},
		{"IPv4 in IPv6", "::ffff:44.1.2.3", nil, "", "44.1.2.3"},
		{"link-local with its zone", "fe80::1%eth0", nil, "", "fe80::1"},
		{"one proxy", "127.0.0.1", []string{"44.1.2.3"}, "", "44.1.2.3"},
		{"the client's own text is left of it", "127.0.0.1", []string{"8.8.8.8, 44.1.2.3"}, "", "44.1.2.3"},
		{"nonsense left of it", "127.0.0.1", []string{"<script>, 44.1.2.3"}, "", "44.1.2.3"},
		{"two proxies", "127.0.0.1", []string{"8.8.8.8, 44.1.2.3 , 10.1.1.1"}, "", "44.1.2.3"},
		{"two headers", "::ffff:127.0.0.1", []string{"8.8.8.8", "44.1.2.3,fd00::1"}, "", "44.1.2.3"},
		{"IPv6", "fd00::2", []string{"2001:4860::1"}, "", "2001:4860::1"},
		{"with a port", "127.0.0.1", []string{"44.1.2.3:5555"}, "", "44.1.2.3"},
		{"IPv6 with a port", "127.0.0.1", []string{"[2001:4860::1]:5555"}, "", "2001:4860::1"},
		{"IPv6 in brackets", "127.0.0.1", []string{"[2001:4860::1]"}, "", "2001:4860::1"},
		{"X-Real-IP", "127.0.0.1", nil, "44.1.2.3", "44.1.2.3"},
		{"X-Forwarded-For comes first", "127.0.0.1", []string{"44.1.2.3"}, "9.9.9.9", "44.1.2.3"},
		{"a client in our own network", "127.0.0.1", []string{"10.9.9.9"}, "", "10.9.9.9"},
		{"a proxy that says nothing", "127.0.0.1", nil, "", "127.0.0.1"},
		{"nonsense nearest to us", "127.0.0.1", []string{"44.1.2.3, unknown"}, "", ""},
		{"nonsense in X-Real-IP", "127.0.0.1", nil, "999.1.1.1", ""},
		{"an empty entry", "127.0.0.1", []string{"44.1.2.3, "}, "", ""},
	}
	for _, tt := range tests {
		got, err := a.client(&front.Request{Remote: netip.MustParseAddr(tt.remote), ForwardedFor: tt.forwarded, RealIP: tt.realIP})
		if (err != nil) != (tt.want == "") || (err == nil && got.String() != tt.want) {
			t.Errorf("%s: %v, %v; want %q", tt.name, got, err, tt.want)
		}
	}
}

// TestUnixSocket uses a connection without an address, which comes from our own proxy.
func TestUnixSocket(t *testing.T) {
	t.Parallel()
	a := addresses{}
	for _, r := range []*front.Request{{ForwardedFor: []string{"8.8.8.8, 44.1.2.3"}}, {RealIP: "44.1.2.3"}} {
		if got, err := a.client(r); err != nil || got.String() != "44.1.2.3" {
			t.Errorf("%+v: %v, %v", r, got, err)
		}
	}
	if got, err := a.client(&front.Request{}); err == nil {
		t.Errorf("a proxy that says nothing: %v", got)
	}
}

func TestReachable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		ip             string
		public, inALab bool
	}{
		{"44.1.2.3", true, true}, {"2a01:4f8::1", true, true}, {"172.32.0.1", true, true},
		{"127.0.0.1", false, true}, {"::1", false, true}, {"10.0.0.1", false, true}, {"172.16.5.5", false, true},
		{"192.168.1.1", false, true}, {"169.254.1.1", false, true}, {"100.64.0.1", false, true}, {"fd00::1", false, true},
		{"fe80::1", false, true}, {"198.18.0.1", false, true},
		{"0.0.0.0", false, false}, {"0.1.2.3", false, false}, {"::", false, false}, {"224.0.0.1", false, false},
		{"255.255.255.255", false, false}, {"240.0.0.1", false, false}, {"192.0.2.1", false, false}, {"198.51.100.1", false, false},
		{"203.0.113.1", false, false}, {"ff02::1", false, false}, {"2001:db8::1", false, false}, {"2002::1", false, false},
		{"64:ff9b::1", false, false},
	}
	for _, tt := range tests {
		ip := netip.MustParseAddr(tt.ip)
		if got := (addresses{}).reachable(ip); got != tt.public {
			t.Errorf("%s in public: %v", tt.ip, got)
		}
		if got := (addresses{allowPrivate: true}).reachable(ip); got != tt.inALab {
			t.Errorf("%s in a lab: %v", tt.ip, got)
		}
	}
	if (addresses{allowPrivate: true}).reachable(netip.Addr{}) {
		t.Error("no address is reachable")
	}
}

// TestOrdinary compares the shortcut with the tables that it makes unnecessary.
func TestOrdinary(t *testing.T) {
	t.Parallel()
	check := func(ip netip.Addr) {
		if !ordinary(ip) {
			return
		}
		special := ip.IsUnspecified() || ip.IsMulticast() || ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast()
		for _, p := range slices.Concat(bogus[:], ours[:]) {
			special = special || p.Contains(ip)
		}
		if special {
			t.Errorf("%s is not ordinary", ip)
		}
	}
	for a := range 256 {
		for b := range 256 {
			check(netip.AddrFrom4([4]byte{byte(a), byte(b), 0, 1}))
			check(netip.AddrFrom16([16]byte{byte(a), byte(b), 15: 1}))
		}
	}
	for _, p := range slices.Concat(bogus[:], ours[:]) {
		check(p.Addr())
	}
	for ip, want := range map[string]bool{"44.1.2.3": true, "2a01:4f8::1": true, "2001:4860::1": false, "::1": false} {
		if ordinary(netip.MustParseAddr(ip)) != want {
			t.Errorf("%s: %v", ip, !want)
		}
	}
	if ordinary(netip.Addr{}) {
		t.Error("no address is ordinary")
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatalf("the defaults: %v", err)
	}
	tests := []struct {
		field  string
		change func(c *Config)
	}{
		{"listen", func(c *Config) { c.Listen = nil }},
		{"listen", func(c *Config) { c.Listen = []string{"127.0.0.1"} }},
		{"announce_url", func(c *Config) { c.AnnounceURL = "tracker.example" }},
		{"announce_url", func(c *Config) { c.AnnounceURL = "http://tracker.example/?x" }},
		{"clients_url", func(c *Config) { c.ClientsURL = "javascript:x" }},
		{"trusted_proxies", func(c *Config) { c.TrustedProxies = []string{"localhost"} }},
		{"interval", func(c *Config) { c.Interval = config.D(0) }},
		{"min_interval", func(c *Config) { c.MinInterval = config.D(c.Interval.Duration + 1) }},
		{"min_interval", func(c *Config) { c.MinInterval = c.Interval }},
		{"min_interval", func(c *Config) { c.MinInterval = config.D(c.Interval.Duration/2 + time.Second) }},
		{"peer_timeout", func(c *Config) { c.PeerTimeout = c.Interval }},
		{"peer_timeout", func(c *Config) { c.PeerTimeout = config.D(c.Interval.Duration + time.Minute) }},
		{"check_ports", func(c *Config) { c.CheckPorts, c.AnnounceRecords = true, false }},
		{"proxy_protocol", func(c *Config) { c.ProxyProtocol = true }},
		{"listen", func(c *Config) { c.Listen = append(c.Listen, c.Listen[0]) }},
		{"udp_listen", func(c *Config) { c.UDPListen = []string{"[::]:34000", "[::]:34000"} }},
		{"ocelot_listen", func(c *Config) { c.OcelotListen, c.OcelotSitePassword = c.Listen[0], strings.Repeat("a", 32) }},
		{"ocelot_listen", func(c *Config) {
			c.OcelotListen, c.OcelotSitePassword, c.Name, c.Slots = "127.0.0.1:34001", strings.Repeat("a", 32), "a", "01"
		}},
		{"flush_every", func(c *Config) { c.FlushEvery = config.D(0) }},
		{"idle_timeout", func(c *Config) { c.IdleTimeout = config.D(0) }},
		{"numwant_max", func(c *Config) { c.NumWantMax = 0 }},
		{"max_clients", func(c *Config) { c.MaxClients = 0 }},
		{"max_line_mbit", func(c *Config) { c.MaxLineMbit = -1 }},
		{"journal_sync", func(c *Config) { c.JournalSync = "sometimes" }},
		{"journal_sync", func(c *Config) { c.JournalSync = "2h" }},
		{"checkpoint_every", func(c *Config) { c.CheckpointEvery = config.D(0) }},
		{"max_connections", func(c *Config) { c.MaxConnections = 0 }},
		{"socket_mode", func(c *Config) { c.SocketMode = "0888" }},
		{"socket_mode", func(c *Config) { c.SocketMode = "" }},
		{"udp_listen", func(c *Config) { c.UDPListen = []string{"unix:/run/x"} }},
		{"announce_udp_url", func(c *Config) { c.AnnounceUDPURL = "http://tracker.example" }},
		{"announce_udp_url", func(c *Config) { c.AnnounceUDPURL = "udp://tracker.example" }},
		{"ocelot_listen", func(c *Config) { c.OcelotListen = "34001" }},
		{"ocelot_site_password", func(c *Config) { c.OcelotListen = "127.0.0.1:34001" }},
		{"ocelot_site_password", func(c *Config) { c.OcelotListen, c.OcelotSitePassword = "127.0.0.1:34001", "short" }},
		{"ocelot_site_password_file", func(c *Config) {
			c.OcelotListen, c.OcelotSitePassword, c.OcelotSitePasswordFile = "127.0.0.1:34001", strings.Repeat("a", 32), "file"
		}},
		{"ocelot_report_password", func(c *Config) {
			c.OcelotListen, c.OcelotSitePassword, c.OcelotReportPassword = "127.0.0.1:34001", strings.Repeat("a", 32), strings.Repeat("a", 32)
		}},
	}
	for _, tt := range tests {
		c := DefaultConfig()
		tt.change(&c)
		if err := c.Validate(); core.FieldOf(err) != tt.field {
			t.Errorf("%+v: %v, want %s refused", c, err, tt.field)
		}
	}
	works := DefaultConfig()
	works.MinInterval, works.PeerTimeout = config.D(15*time.Minute), config.D(75*time.Minute/2)
	works.ProxyProtocol, works.Listen = true, []string{"unix:/run/x", "127.0.0.1:0", "127.0.0.1:0"}
	if err := works.Validate(); err != nil {
		t.Errorf("settings at their limits: %v", err)
	}
	for chance := range 10 { // whoever keeps to what was told is not early
		if next := works.pace().next(1, true, float64(chance)/10); next < works.minInterval() {
			t.Errorf("told to come back after %v, which is early", next)
		}
	}
	short := DefaultConfig()
	short.Interval = config.D(1e9)
	if err := short.Validate(); err != nil || short.minInterval() != 1e9 || short.peerTimeout() != 25e8 {
		t.Errorf("an interval of a second: %v, %v, %v", err, short.minInterval(), short.peerTimeout())
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"-TR3000-abcdefghijkl": "-TR3000-", "A2-1-36-0-abcdefghij": "A2-1-36-", "-KT2 123abcdefghijkl": "-KT2", "\x00TR3000-abcdefghijkl": "without a name",
	} {
		if got := clientName(wire.PeerID([]byte(id))); got != want {
			t.Errorf("%q is called %q, want %q", id, got, want)
		}
	}
	if got := oneLine("two\r\nlines\tand \xff"); got != "two lines and ?" {
		t.Errorf("got %q", got)
	}
}
