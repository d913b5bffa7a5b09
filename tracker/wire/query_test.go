package wire

import (
	"math"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

const (
	testHash = "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A"
	testRest = "&peer_id=-TR3000-abcdefghijkl&port=51413&uploaded=1&downloaded=2&left=3"
	testGood = testHash + testRest
)

func wantHash() core.InfoHash {
	return core.InfoHash([]byte("\x12\x34\x56\x78\x9a\xbc\xde\xf1\x23\x45\x67\x89\xab\xcd\xef\x12\x34\x56\x78\x9a"))
}

func TestParseAnnounce(t *testing.T) {
	t.Parallel()
	base := Announce{
		InfoHash: wantHash(), PeerID: PeerID([]byte("-TR3000-abcdefghijkl")), Port: 51413,
		Uploaded: 1, Downloaded: 2, Left: 3, NumWant: NumWantUnset, Compact: true,
	}
	with := func(change func(a *Announce)) Announce {
		a := base
		change(&a)
		return a
	}
	tests := []struct {
		name, query string
		want        Announce
	}{
		{"plain", testGood, base},
		{"lower-case escapes", strings.ToLower(testHash) + testRest, with(func(a *Announce) {
			a.InfoHash = core.InfoHash([]byte("\x124vx\x9a\xbc\xde\xf1\x23eg\x89\xab\xcd\xef\x124vx\x9a"))
		})},
		{"info_hash last, as KTorrent does", testRest[1:] + "&" + testHash, base},
		{"unknown parameters", testGood + "&corrupt=%zz&redundant=&supportcrypto=1&supportcrypto=1&x", base},
		{"empty pairs", "&&" + testGood + "&&", base},
		{"blank in the peer-id", strings.Replace(testGood, "-TR3000-a", "-KT22123%20", 1), with(func(a *Announce) {
			a.PeerID = PeerID([]byte("-KT22123 bcdefghijkl"))
		})},
		{"blank as a plus", strings.Replace(testGood, "-TR3000-a", "-KT22123+", 1), with(func(a *Announce) {
			a.PeerID = PeerID([]byte("-KT22123 bcdefghijkl"))
		})},
		{"started", testGood + "&event=started", with(func(a *Announce) { a.Event = Started })},
		{"stopped", testGood + "&event=stopped", with(func(a *Announce) { a.Event = Stopped })},
		{"completed", testGood + "&event=completed", with(func(a *Announce) { a.Event = Completed })},
		{"paused", testGood + "&event=paused", with(func(a *Announce) { a.Event = Paused })},
		{"empty event", testGood + "&event=", base},
		{"numwant", testGood + "&numwant=80", with(func(a *Announce) { a.NumWant = 80 })},
		{"numwant 0", testGood + "&numwant=0", with(func(a *Announce) { a.NumWant = 0 })},
		{"numwant -1", testGood + "&numwant=-1", base},
		{"numwant beyond 64 bits", testGood + "&numwant=99999999999999999999", with(func(a *Announce) { a.NumWant = math.MaxInt32 })},
		{"compact=0", testGood + "&compact=0&no_peer_id=1", with(func(a *Announce) { a.Compact, a.NoPeerID = false, true })},
		{"addresses, several of a family", testGood + "&ipv6=2001%3Adb8%3A%3A1&ipv6=x&ipv4=192.0.2.1&ip=203.0.113.9", with(func(a *Announce) {
			a.IPv6, a.IPv4 = "2001%3Adb8%3A%3A1", "192.0.2.1"
		})},
		{"largest counters", testHash + "&peer_id=-TR3000-abcdefghijkl&port=65535&uploaded=9223372036854775807&downloaded=0&left=000", with(func(a *Announce) {
			a.Port, a.Uploaded, a.Downloaded, a.Left = 65535, math.MaxInt64, 0, 0
		})},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Announce{IPv4: "left over"}
			if err := ParseAnnounce(tt.query, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestParseAnnounceKey(t *testing.T) {
	t.Parallel()
	parse := func(suffix string) uint64 {
		var a Announce
		if err := ParseAnnounce(testGood+suffix, &a); err != nil {
			t.Fatalf("%s: %v", suffix, err)
		}
		return a.Key
	}
	if parse("") != 0 || parse("&key=") != 0 {
		t.Error("no key must be 0")
	}
	if parse("&key=ab") == 0 || parse("&key=ab") != parse("&key=%61b") || parse("&key=ab") == parse("&key=ba") {
		t.Error("keys must be told apart by their decoded bytes")
	}
}

// badAnnounces are queries that must be refused, with the parameter at fault.
var badAnnounces = []struct{ name, query, field string }{
	{"empty", "", "info_hash"},
	{"no info_hash", testRest[1:], "info_hash"},
	{"no peer_id", testHash + "&port=1&uploaded=0&downloaded=0&left=0", "peer_id"},
	{"no port", testHash + "&peer_id=-TR3000-abcdefghijkl&uploaded=0&downloaded=0&left=0", "port"},
	{"no left", testHash + "&peer_id=-TR3000-abcdefghijkl&port=1&uploaded=0&downloaded=0", "left"},
	{"info_hash twice", testHash + "&" + testGood, "info_hash"},
	{"left twice", testGood + "&left=3", "left"},
	{"event twice", testGood + "&event=started&event=", "event"},
	{"port twice", testGood + "&port=51413", "port"},
	{"info_hash short", "info_hash=abc" + testRest, "info_hash"},
	{"info_hash long", testHash + "a" + testRest, "info_hash"},
	{"info_hash in hexadecimal digits", "info_hash=" + strings.Repeat("ab", 20) + testRest, "info_hash"},
	{"info_hash empty", "info_hash=" + testRest, "info_hash"},
	{"escape cut off", "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9" + testRest, "info_hash"},
	{"escape of no digits", "info_hash=%zz4Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A" + testRest, "info_hash"},
	{"peer_id short", testHash + "&peer_id=-TR3000-&port=1&uploaded=0&downloaded=0&left=0", "peer_id"},
	{"peer_id long", testGood + "&peer_id=-TR3000-abcdefghijklm", "peer_id"},
	{"port 0", testHash + "&peer_id=-TR3000-abcdefghijkl&port=0&uploaded=0&downloaded=0&left=0", "port"},
	{"port 65536", testHash + "&peer_id=-TR3000-abcdefghijkl&port=65536&uploaded=0&downloaded=0&left=0", "port"},
	{"port 70000", testHash + "&peer_id=-TR3000-abcdefghijkl&port=70000&uploaded=0&downloaded=0&left=0", "port"},
	{"port negative", testHash + "&peer_id=-TR3000-abcdefghijkl&port=-1&uploaded=0&downloaded=0&left=0", "port"},
	{"port of letters", testHash + "&peer_id=-TR3000-abcdefghijkl&port=http&uploaded=0&downloaded=0&left=0", "port"},
	{"port escaped", testHash + "&peer_id=-TR3000-abcdefghijkl&port=%31&uploaded=0&downloaded=0&left=0", "port"},
	{"port beyond 64 bits", testHash + "&peer_id=-TR3000-abcdefghijkl&port=18446744073709551617&uploaded=0&downloaded=0&left=0", "port"},
	{"uploaded negative", testHash + "&peer_id=-TR3000-abcdefghijkl&port=1&uploaded=-1&downloaded=0&left=0", "uploaded"},
	{"uploaded 2^63", testHash + "&peer_id=-TR3000-abcdefghijkl&port=1&uploaded=9223372036854775808&downloaded=0&left=0", "uploaded"},
	{"downloaded huge", testHash + "&peer_id=-TR3000-abcdefghijkl&port=1&uploaded=0&downloaded=99999999999999999999999&left=0", "downloaded"},
	{"left with sign", testHash + "&peer_id=-TR3000-abcdefghijkl&port=1&uploaded=0&downloaded=0&left=+1", "left"},
	{"left fraction", testHash + "&peer_id=-TR3000-abcdefghijkl&port=1&uploaded=0&downloaded=0&left=1.5", "left"},
	{"left empty", testHash + "&peer_id=-TR3000-abcdefghijkl&port=1&uploaded=0&downloaded=0&left=", "left"},
	{"left without value", testHash + "&peer_id=-TR3000-abcdefghijkl&port=1&uploaded=0&downloaded=0&left", "left"},
	{"unknown event", testGood + "&event=exploded", "event"},
	{"event in capitals", testGood + "&event=STARTED", "event"},
	{"numwant of letters", testGood + "&numwant=many", "numwant"},
	{"numwant empty", testGood + "&numwant=", "numwant"},
	{"numwant just a sign", testGood + "&numwant=-", "numwant"},
	{"key too long", testGood + "&key=" + strings.Repeat("k", 65), "key"},
	{"key with a broken escape", testGood + "&key=%", "key"},
	{"overlong", testGood + "&x=" + strings.Repeat("x", MaxAnnounceQuery), ""},
}

func TestParseAnnounceRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range badAnnounces {
		var a Announce
		err := ParseAnnounce(tt.query, &a)
		if core.CodeOf(err) != core.Invalid || core.FieldOf(err) != tt.field {
			t.Errorf("%s: %v (field %q), want %q refused", tt.name, err, core.FieldOf(err), tt.field)
		}
		if core.SafeText(err) == "" {
			t.Errorf("%s: no text for the user", tt.name)
		}
	}
}

func TestParseScrape(t *testing.T) {
	t.Parallel()
	h := wantHash()
	got, err := ParseScrape(testHash+"&x=%zz&"+testHash, nil)
	if err != nil || cmp.Diff([]core.InfoHash{h, h}, got) != "" {
		t.Errorf("two hashes: %v, %v", got, err)
	}
	for name, query := range map[string]string{
		"nothing":       "",
		"no info_hash":  "passkey=x",
		"short":         "info_hash=abc",
		"second is bad": testHash + "&info_hash=%zz",
		"too many":      strings.Repeat(testHash+"&", MaxScrapeHashes+1),
		"overlong":      strings.Repeat("x", MaxScrapeQuery+1),
	} {
		if _, err := ParseScrape(query, nil); core.CodeOf(err) != core.Invalid {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
}

func TestParsingDoesNotAllocate(t *testing.T) {
	query := testGood + "&event=started&numwant=50&key=1a2b3c4d&compact=1&ipv6=2001%3Adb8%3A%3A1"
	var a Announce
	if n := testing.AllocsPerRun(100, func() {
		if err := ParseAnnounce(query, &a); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("an announce takes %v allocations", n)
	}
	hashes := make([]core.InfoHash, 0, 4)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := ParseScrape(testHash, hashes); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("a scrape takes %v allocations", n)
	}
}

// FuzzParseAnnounce compares what is accepted with the standard library's
// reading of the same query.
func FuzzParseAnnounce(f *testing.F) {
	f.Add(testGood + "&event=completed&numwant=-1&key=%00&ipv6=[2001:db8::1]:6881")
	for _, tt := range badAnnounces {
		f.Add(tt.query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		var a Announce
		if err := ParseAnnounce(query, &a); err != nil {
			if core.CodeOf(err) != core.Invalid {
				t.Fatalf("%v has code %q", err, core.CodeOf(err))
			}
			return
		}
		if a.Port == 0 || a.Uploaded < 0 || a.Downloaded < 0 || a.Left < 0 || a.NumWant < NumWantUnset {
			t.Fatalf("accepted out of range: %+v", a)
		}
		for _, pair := range strings.Split(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			var got string
			switch name {
			case "info_hash":
				got = string(a.InfoHash[:])
			case "peer_id":
				got = string(a.PeerID[:])
			default:
				continue
			}
			if want, err := url.QueryUnescape(value); err != nil || got != want {
				t.Fatalf("%s is %q, the standard library reads %q, %v", name, got, want, err)
			}
		}
		for _, claim := range []string{a.IPv4, a.IPv6} {
			if e, err := ClaimedEndpoint(claim, a.Port); err == nil && e.AddrPort().Port() == 0 {
				t.Fatalf("claim %q gives port 0", claim)
			}
		}
	})
}

func FuzzParseScrape(f *testing.F) {
	f.Add(testHash + "&" + testHash)
	f.Add("info_hash=%")
	f.Fuzz(func(t *testing.T, query string) {
		got, err := ParseScrape(query, nil)
		if err != nil && core.CodeOf(err) != core.Invalid {
			t.Fatalf("%v has code %q", err, core.CodeOf(err))
		}
		if err == nil && (len(got) == 0 || len(got) > MaxScrapeHashes) {
			t.Fatalf("accepted %d hashes", len(got))
		}
	})
}

func BenchmarkParseAnnounce(b *testing.B) {
	query := testGood + "&event=started&numwant=50&key=1a2b3c4d&compact=1&supportcrypto=1&no_peer_id=1"
	var a Announce
	b.ReportAllocs()
	b.SetBytes(int64(len(query)))
	for b.Loop() {
		if err := ParseAnnounce(query, &a); err != nil {
			b.Fatal(err)
		}
	}
}
