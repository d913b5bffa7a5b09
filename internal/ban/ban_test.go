package ban

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typed string
		reach Reach
		want  string // kind, value and reach, or the field that is wrong
	}{
		{"192.0.2.7", 0, "address 192.0.2.7 site,irc,tracker"},
		{" 192.0.2.7 ", Site, "address 192.0.2.7 site"},
		{"192.0.2.7/32", Tracker, "address 192.0.2.7 tracker"},
		{"192.0.2.99/24", 0, "network 192.0.2.0/24 site,irc,tracker"},
		{"::ffff:192.0.2.7", 0, "address 192.0.2.7 site,irc,tracker"},
		{"::ffff:192.0.2.0/120", 0, "network 192.0.2.0/24 site,irc,tracker"},
		{"fe80::1%eth0", IRC, "address fe80::1 irc"},
		{"[2001:DB8::1]", 0, "address 2001:db8::1 site,irc,tracker"},
		{"2001:db8::1/32", 0, "network 2001:db8::/32 site,irc,tracker"},
		{"10.0.0.0/8", 0, "network 10.0.0.0/8 site,irc,tracker"},
		{"*@Example.ORG", 0, "mail *@example.org mail"},
		{"Eve@example.org.", Joining, "mail eve@example.org mail"},
		{"*@*.example.org", 0, "mail *@*.example.org mail"},
		{"spam*x*@example.org", 0, "mail spam*x*@example.org mail"},
		{"eve@*", IRC, "mask eve@* irc"}, {"*@EVIL.example", IRC, "mask *@evil.example irc"},
		{"0.0.0.0/0", 0, "value"}, {"10.0.0.0/7", 0, "value"}, {"::/0", 0, "value"}, {"2000::/18", 0, "value"}, {"::ffff:0.0.0.0/96", 0, "value"},
		{"192.0.2.1/33", 0, "value"}, {"192.0.2", 0, "value"}, {"", 0, "value"}, {"example.org", 0, "value"}, {"fe80::1%eth0/64", 0, "value"},
		{"*@*", 0, "value"}, {"*@org", 0, "value"}, {"*@*.org", 0, "value"}, {"@example.org", 0, "value"}, {"eve@", 0, "value"}, {"a b@example.org", 0, "value"},
		{"eve@exa*mple.org", 0, "value"}, {"eve@example..org", 0, "value"}, {"a@b@example.org", 0, "value"}, {strings.Repeat("a", 300) + "@example.org", 0, "value"},
		{"eve@example.org\nx", 0, "value"}, {"*@" + strings.Repeat("a.", 40) + "org", 0, "value"},
		{"*@*", IRC, "mask"}, {"*@example.org", Site | IRC, "reach"}, {"192.0.2.7", Joining, "reach"}, {"192.0.2.7", Site | Joining, "reach"},
	} {
		b, err := New(Draft{Value: c.typed, Reach: c.reach, Reason: "spam"}, noon)
		got := fmt.Sprint(b.Kind, " ", b.Value, " ", b.Reach)
		if err != nil {
			got = core.FieldOf(err)
			if core.CodeOf(err) != core.Invalid {
				t.Errorf("%q: %v", c.typed, err)
			}
		}
		if got != c.want {
			t.Errorf("%q for %s: %s, %v; want %s", c.typed, c.reach, got, err, c.want)
		}
	}
	for field, d := range map[string]Draft{
		"reason": {Reason: " "}, "note": {Reason: "x", Note: "a\nb"}, "for": {Reason: "x", For: MaxFor + time.Hour},
	} {
		d.Value = "192.0.2.7"
		if _, err := New(d, noon); core.FieldOf(err) != field {
			t.Errorf("%+v: %v", d, err)
		}
	}
	if _, err := New(Draft{Value: "192.0.2.7", Reason: strings.Repeat("x", 256)}, noon); core.FieldOf(err) != "reason" {
		t.Error("a long reason is taken")
	}
}

func TestReach(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{"site": "site", "IRC , site": "site,irc", "tracker,mail": "tracker,mail", "site,site": "site"} {
		if r, err := ParseReach(typed); err != nil || r.String() != want {
			t.Errorf("%q: %s, %v", typed, r, err)
		}
	}
	for _, typed := range []string{"", ",", "all", "site,", "site irc"} {
		if r, err := ParseReach(typed); core.FieldOf(err) != "reach" {
			t.Errorf("%q: %s, %v", typed, r, err)
		}
	}
}

// of makes a ban for a test.
func of(t testing.TB, value string, reach Reach, lasts time.Duration) Ban {
	t.Helper()
	b, err := New(Draft{Value: value, Reach: reach, Reason: value, For: lasts}, noon)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAddressesOfASet(t *testing.T) {
	t.Parallel()
	s := NewSet([]Ban{
		of(t, "192.0.2.0/24", Site, 0), of(t, "192.0.2.7", Site|Tracker, time.Hour), of(t, "192.0.2.7", IRC, 0), of(t, "192.0.0.0/16", Tracker, 2*time.Hour),
		of(t, "192.0.2.255", Site, 0), of(t, "192.0.3.0", Site, 0), of(t, "255.255.255.255", Site, 0), of(t, "2001:db8::/32", Site, 0), of(t, "2001:db8::7", IRC, 0),
		of(t, "fe80::/64", Site, 0), of(t, "*@example.org", 0, 0), of(t, "eve@*", IRC, 0),
		{Kind: Network, Value: "nonsense", Reach: Site}, {Kind: Address, Value: "192.0.2.9", Reach: Site, LiftedAt: noon},
	})
	for _, c := range []struct {
		address string
		reach   Reach
		at      time.Duration
		want    string // the value of the ban
	}{
		{"192.0.2.7", Site, 0, "192.0.2.7"}, {"192.0.2.7", Site, time.Hour, "192.0.2.0/24"}, {"192.0.2.7", Tracker, 0, "192.0.2.7"},
		{"192.0.2.7", Tracker, time.Hour - time.Second, "192.0.2.7"}, {"192.0.2.7", Tracker, time.Hour, "192.0.0.0/16"}, {"192.0.2.7", Tracker, 2 * time.Hour, ""},
		{"192.0.2.7", IRC, 0, "192.0.2.7"}, {"192.0.2.8", IRC, 0, ""}, {"192.0.2.8", Site, 0, "192.0.2.0/24"}, {"192.0.2.8", IRC | Site, 0, "192.0.2.0/24"},
		{"192.0.2.9", Site, 0, "192.0.2.0/24"}, {"192.0.1.255", Site, 0, ""}, {"192.0.1.255", Tracker, 0, "192.0.0.0/16"},
		{"192.0.2.255", Site, 0, "192.0.2.255"}, {"192.0.3.0", Site, 0, "192.0.3.0"}, {"192.0.3.1", Site, 0, ""}, {"192.1.0.0", Tracker, 0, ""},
		{"255.255.255.255", Site, 0, "255.255.255.255"}, {"255.255.255.254", Site, 0, ""}, {"0.0.0.0", Site, 0, ""},
		{"::ffff:192.0.2.8", Site, 0, "192.0.2.0/24"}, {"::192.0.2.8", Site, 0, ""},
		{"2001:db8::7", IRC, 0, "2001:db8::7"}, {"2001:db8::7", Site, 0, "2001:db8::/32"}, {"2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Site, 0, "2001:db8::/32"},
		{"2001:db9::", Site, 0, ""}, {"fe80::1%eth0", Site, 0, "fe80::/64"}, {"::", Site, 0, ""}, {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Site, 0, ""},
	} {
		b, banned := s.Address(netip.MustParseAddr(c.address), c.reach, noon.Add(c.at))
		if b.Value != c.want || banned != (c.want != "") {
			t.Errorf("%s, %s after %v: %q, %v; want %q", c.address, c.reach, c.at, b.Value, banned, c.want)
		}
	}
	if _, banned := s.Address(netip.Addr{}, Site, noon); banned {
		t.Error("no address is banned")
	}
	for what, none := range map[string]*Set{"nil": nil, "zero": {}, "empty": NewSet(nil)} {
		_, byAddress := none.Address(netip.MustParseAddr("192.0.2.7"), Site, noon)
		if _, byMail := none.Mail("eve@example.org", noon); byAddress || byMail {
			t.Errorf("a set that is %s bans", what)
		}
	}
}

// TestSetAgreesWithALoop compares a set with the plain rule on networks that lie in each
// other in every way.
func TestSetAgreesWithALoop(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 7))
		address := func() netip.Addr {
			if seed%2 == 0 {
				return netip.AddrFrom4([4]byte{10, byte(r.IntN(2)), byte(r.IntN(4)), byte(r.IntN(256))})
			}
			return netip.AddrFrom16([16]byte{0x20, 1, 2: byte(r.IntN(2)), 14: byte(r.IntN(4)), 15: byte(r.IntN(256))})
		}
		var bans []Ban
		for range r.IntN(60) {
			a := address()
			p := netip.PrefixFrom(a, a.BitLen()-r.IntN(a.BitLen()-least6)).Masked()
			b := Ban{Kind: Network, Value: p.String(), Reach: Reach(1 + r.IntN(7)), Starts: noon}
			if r.IntN(2) == 0 {
				b.Ends = noon.Add(time.Duration(1+r.IntN(3)) * time.Hour)
			}
			bans = append(bans, b)
		}
		s := NewSet(bans)
		for range 500 {
			a, reach, now := address(), Reach(1+r.IntN(7)), noon.Add(time.Duration(r.IntN(4))*time.Hour)
			most := -1
			for _, b := range bans {
				if p := b.Prefix(); p.Contains(a) && b.Reach&reach != 0 && b.Holds(now) {
					most = max(most, p.Bits())
				}
			}
			b, banned := s.Address(a, reach, now)
			if banned != (most >= 0) || banned && (b.Prefix().Bits() != most || b.Reach&reach == 0) {
				t.Fatalf("seed %d: %s, %s: %+v, %v; want /%d", seed, a, reach, b, banned, most)
			}
		}
	}
}

func TestMailOfASet(t *testing.T) {
	t.Parallel()
	s := NewSet([]Ban{of(t, "*@example.org", 0, time.Hour), of(t, "eve@example.org", 0, 0), of(t, "*@*.sub.example.net", 0, 0), of(t, "sp*m*x@mail.example", 0, 0), of(t, "192.0.2.7", 0, 0)})
	for _, c := range []struct {
		address string
		at      time.Duration
		want    string
	}{
		{"eve@example.org", 0, "eve@example.org"}, {" EVE@Example.Org. ", 0, "eve@example.org"}, {"eve@example.org", time.Hour, "eve@example.org"},
		{"bob@example.org", 0, "*@example.org"}, {"bob@example.org", time.Hour, ""}, {"bob@a.example.org", 0, ""}, {"bob@notexample.org", 0, ""},
		{"a@sub.example.net", 0, "*@*.sub.example.net"}, {"a@x.y.sub.example.net", 0, "*@*.sub.example.net"}, {"a@xsub.example.net", 0, ""}, {"a@example.net", 0, ""},
		{"spam1x@mail.example", 0, "sp*m*x@mail.example"}, {"spmx@mail.example", 0, "sp*m*x@mail.example"}, {"spamy@mail.example", 0, ""}, {"spx@mail.example", 0, ""},
		{`"a@b"@example.org`, 0, "*@example.org"}, {"example.org", 0, ""}, {"", 0, ""}, {"@example.org", 0, "*@example.org"}, {strings.Repeat("a.", 400) + "@example.org", 0, ""},
	} {
		if b, banned := s.Mail(c.address, noon.Add(c.at)); b.Value != c.want || banned != (c.want != "") {
			t.Errorf("%q after %v: %q, %v; want %q", c.address, c.at, b.Value, banned, c.want)
		}
	}
}

func TestHolds(t *testing.T) {
	t.Parallel()
	b := of(t, "192.0.2.7", 0, time.Hour)
	for at, want := range map[time.Duration]bool{0: true, time.Hour - 1: true, time.Hour: false, -time.Minute: true, -2 * time.Minute: false} {
		if got := b.Holds(noon.Add(at)); got != want {
			t.Errorf("%v: %v", at, got)
		}
	}
	if b.Ends = (time.Time{}); !b.Holds(noon.Add(-100 * time.Hour)) {
		t.Error("one for good depends on the clock")
	}
}

func TestGuarded(t *testing.T) {
	t.Parallel()
	g := Guarded{Own: []netip.Addr{netip.MustParseAddr("::ffff:198.51.100.9"), netip.MustParseAddr("2001:db8::9")},
		Proxies: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("::ffff:203.0.113.5/128")}}
	for value, refused := range map[string]string{
		"127.0.0.1": "the machine itself", "127.0.0.0/8": "the machine itself", "::1": "the machine itself",
		"10.1.2.3": "reverse proxy", "10.0.0.0/8": "reverse proxy", "203.0.113.5": "reverse proxy",
		"198.51.100.0/24": "you come from there", "2001:db8::/32": "you come from there",
		"192.0.2.7": "", "10.2.0.0/16": "", "*@example.org": "",
	} {
		err := g.Check(of(t, value, 0, 0))
		if (err == nil) != (refused == "") || err != nil && (!strings.Contains(err.Error(), refused) || core.FieldOf(err) != "value") {
			t.Errorf("%s: %v, want %q", value, err, refused)
		}
	}
}

func FuzzValue(f *testing.F) {
	for _, s := range []string{"192.0.2.7", "::ffff:1.2.3.4/100", "*@*.example.org", "a@b.c", "fe80::%x/64", "[::]", "@", "*@*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		b, err := New(Draft{Value: typed, Reason: "x"}, noon)
		if err != nil {
			return
		}
		again, err := New(Draft{Value: b.Value, Reason: "x"}, noon)
		if err != nil || again.Value != b.Value || again.Kind != b.Kind || len(b.Value) > maxValue {
			t.Errorf("%q is %s %q, and that %s %q, %v", typed, b.Kind, b.Value, again.Kind, again.Value, err)
		}
		s := NewSet([]Ban{b})
		if p := b.Prefix(); p.IsValid() {
			if _, banned := s.Address(p.Addr(), Site, noon); !banned {
				t.Errorf("%q does not ban its own address", typed)
			}
		}
	})
}

// many are bans as a large site may have them.
func many(b *testing.B, n int) *Set {
	r := rand.New(rand.NewPCG(1, 2))
	var bans []Ban
	for i := range n {
		a := netip.AddrFrom4([4]byte{byte(1 + r.IntN(200)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))})
		value := a.String()
		switch {
		case i%10 == 0:
			value = netip.PrefixFrom(a, 24).Masked().String()
		case i%3 == 0:
			value = fmt.Sprintf("2001:db8:%x:%x::/64", r.IntN(65536), r.IntN(65536))
		}
		bans = append(bans, of(b, value, 0, 24*time.Hour))
	}
	return NewSet(bans)
}

func BenchmarkAddress(b *testing.B) {
	for _, n := range []int{0, 10, MaxActive} {
		s := many(b, n)
		for what, list := range map[string][]netip.Addr{
			"free4":  {netip.MustParseAddr("203.0.113.77"), netip.MustParseAddr("80.1.2.3"), netip.MustParseAddr("150.9.8.7")},
			"free6":  {netip.MustParseAddr("2001:db9::1"), netip.MustParseAddr("2a00::77")},
			"banned": addressesOf(s),
		} {
			if len(list) == 0 {
				continue
			}
			b.Run(fmt.Sprintf("%d/%s", n, what), func(b *testing.B) {
				b.ReportAllocs()
				for i := range b.N {
					s.Address(list[i%len(list)], Tracker, noon)
				}
			})
		}
	}
}

func addressesOf(s *Set) (out []netip.Addr) {
	for _, b := range s.Bans() {
		out = append(out, b.Prefix().Addr())
	}
	return out
}

func BenchmarkNewSet(b *testing.B) {
	bans := many(b, MaxActive).Bans()
	for b.Loop() {
		NewSet(bans)
	}
}
