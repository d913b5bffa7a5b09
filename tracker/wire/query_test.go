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

// plain is what testGood says.
func plain() Announce {
	return Announce{
		InfoHash: wantHash(), PeerID: PeerID([]byte("-TR3000-abcdefghijkl")), Port: 51413,
		Uploaded: 1, Downloaded: 2, Left: 3, NumWant: NumWantUnset, Compact: true,
	}
}

// with is plain, changed.
func with(change func(a *Announce)) Announce {
	a := plain()
	change(&a)
	return a
}

// instead is testGood with a part replaced.
func instead(of, by string) string { return strings.Replace(testGood, of, by, 1) }

// goodAnnounces are queries that are understood, with what they say.
var goodAnnounces = []struct {
	name, query string
	want        Announce
}{
	{"plain", testGood, plain()},
	{"lower-case escapes", strings.ToLower(testHash) + testRest, with(func(a *Announce) {
		a.InfoHash = core.InfoHash([]byte("\x124vx\x9a\xbc\xde\xf1\x23eg\x89\xab\xcd\xef\x124vx\x9a"))
	})},
	{"info_hash last, as KTorrent does", testRest[1:] + "&" + testHash, plain()},
	{"unknown parameters", testGood + "&corrupt=%zz&redundant=&supportcrypto=1&supportcrypto=1&x", plain()},
	{"empty pairs", "&&" + testGood + "&&", plain()},
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
	{"empty event", testGood + "&event=", plain()},
	{"numwant", testGood + "&numwant=80", with(func(a *Announce) { a.NumWant = 80 })},
	{"numwant 0", testGood + "&numwant=0", with(func(a *Announce) { a.NumWant = 0 })},
	{"numwant -1", testGood + "&numwant=-1", plain()},
	{"numwant beyond 64 bits", testGood + "&numwant=99999999999999999999", with(func(a *Announce) { a.NumWant = math.MaxInt32 })},
	{"compact=0", testGood + "&compact=0&no_peer_id=1", with(func(a *Announce) { a.Compact, a.NoPeerID = false, true })},
	{"addresses, several of a family", testGood + "&ipv6=2001%3Adb8%3A%3A1&ipv6=x&ipv4=192.0.2.1&ip=203.0.113.9", with(func(a *Announce) {
		a.IPv6, a.IPv4 = "2001%3Adb8%3A%3A1", "192.0.2.1"
	})},
	{"largest counters", testHash + "&peer_id=-TR3000-abcdefghijkl&port=65535&uploaded=9223372036854775807&downloaded=0&left=000", with(func(a *Announce) {
		a.Port, a.Uploaded, a.Downloaded, a.Left = 65535, math.MaxInt64, 0, 0
	})},
	{"uploaded is -1", instead("uploaded=1", "uploaded=-1"), with(func(a *Announce) { a.Uploaded = Unknown })},
	{"uploaded is 2^64-1", instead("uploaded=1", "uploaded=18446744073709551615"), with(func(a *Announce) { a.Uploaded = Unknown })},
	{"uploaded is 2^63", instead("uploaded=1", "uploaded=9223372036854775808"), with(func(a *Announce) { a.Uploaded = Unknown })},
	{"downloaded beyond all", instead("downloaded=2", "downloaded="+strings.Repeat("9", 99)), with(func(a *Announce) { a.Downloaded = Unknown })},
	{"downloaded in hexadecimal", instead("downloaded=2", "downloaded=0x2"), with(func(a *Announce) { a.Downloaded = Unknown })},
	{"left is -1", instead("left=3", "left=-1"), with(func(a *Announce) { a.Left = Unknown })},
	{"left is 2^64-1", instead("left=3", "left=18446744073709551615"), with(func(a *Announce) { a.Left = Unknown })},
	{"left with a sign", instead("left=3", "left=+3"), with(func(a *Announce) { a.Left = Unknown })},
	{"left with a point", instead("left=3", "left=3.0"), with(func(a *Announce) { a.Left = Unknown })},
	{"left empty", instead("left=3", "left="), with(func(a *Announce) { a.Left = Unknown })},
	{"no left", instead("&left=3", ""), with(func(a *Announce) { a.Left = Unknown })},
	{"no counter at all", instead("&uploaded=1&downloaded=2&left=3", ""), with(func(a *Announce) { a.Uploaded, a.Downloaded, a.Left = Unknown, Unknown, Unknown })},
	{"left in capitals", instead("left=3", "LEFT=3"), with(func(a *Announce) { a.Left = Unknown })},
	{"encoded number", instead("left=3", "left=%33"), plain()},
	{"encoded port", instead("port=51413", "port=%351413"), plain()},
	{"the same counter twice", testGood + "&left=3&left=03", plain()},
	{"two different counters", testGood + "&left=4", with(func(a *Announce) { a.Left = Unknown })},
	{"a counter that can be used, and one that can't", testGood + "&uploaded=-1&uploaded=x", plain()},
	{"numwant empty", testGood + "&numwant=", plain()},
	{"numwant of letters", testGood + "&numwant=many", plain()},
	{"numwant just a sign", testGood + "&numwant=-", plain()},
	{"numwant twice", testGood + "&numwant=5&numwant=6", plain()},
	{"compact twice", testGood + "&compact=1&compact=1", plain()},
	{"compact both ways", testGood + "&compact=0&compact=1", plain()},
	{"compact broken", testGood + "&compact=%&no_peer_id=yes", plain()},
	{"unknown event", testGood + "&event=exploded", plain()},
	{"event in capitals", testGood + "&event=STOPPED", with(func(a *Announce) { a.Event = Stopped })},
	{"event encoded", testGood + "&event=%73topped", with(func(a *Announce) { a.Event = Stopped })},
	{"two events", testGood + "&event=started&event=completed", plain()},
	{"two events, one of them a stop", testGood + "&event=started&event=stopped", with(func(a *Announce) { a.Event = Stopped })},
	{"an event that nobody knows, and a stop", testGood + "&event=exploded&event=stopped", with(func(a *Announce) { a.Event = Stopped })},
	{"a stop at port 0", instead("port=51413", "port=0&event=stopped"), with(func(a *Announce) { a.Port, a.Event = 0, Stopped })},
	{"a stop without a port", instead("port=51413", "event=stopped"), with(func(a *Announce) { a.Port, a.Event = 0, Stopped })},
	{"a stop at two ports", testGood + "&port=5&event=stopped", with(func(a *Announce) { a.Port, a.Event = 0, Stopped })},
	{"a stop of which nothing can be used", instead("port=51413&uploaded=1&downloaded=2&left=3", "port=x&uploaded=-1&downloaded=&left=y&key=%&numwant=z&event=stopped"),
		with(func(a *Announce) {
			a.Port, a.Event, a.Uploaded, a.Downloaded, a.Left = 0, Stopped, Unknown, Unknown, Unknown
		})},
	{"a port that can be used, and one that can't", testGood + "&port=0&port=70000", plain()},
	{"info_hash twice, the same", testGood + "&" + testHash, plain()},
	{"info_hash twice, one short", testGood + "&info_hash=abc&peer_id=", plain()},
	{"a key with a broken escape", testGood + "&key=%zz", plain()},
	{"two keys", testGood + "&key=a&key=b", plain()},
	{"a long value", testGood + "&trackerid=" + strings.Repeat("t", 5000), plain()},
}

func TestParseAnnounce(t *testing.T) {
	t.Parallel()
	for _, tt := range goodAnnounces {
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
	long := strings.Repeat("k", 1000)
	if parse("&key="+long) == 0 || parse("&key="+long) == parse("&key="+long+"k") {
		t.Error("long keys count as well")
	}
}

// badAnnounces are queries that must be refused, with the parameter at fault.
var badAnnounces = []struct{ name, query, field string }{
	{"empty", "", "info_hash"},
	{"no info_hash", testRest[1:], "info_hash"},
	{"no peer_id", testHash + "&port=1&uploaded=0&downloaded=0&left=0", "peer_id"},
	{"no port", testHash + "&peer_id=-TR3000-abcdefghijkl&uploaded=0&downloaded=0&left=0", "port"},
	{"info_hash twice", testGood + "&" + strings.Replace(testHash, "%12", "%13", 1), "info_hash"},
	{"peer_id twice", testGood + "&peer_id=-TR3000-abcdefghijkk", "peer_id"},
	{"port twice", testGood + "&port=51414", "port"},
	{"info_hash short", "info_hash=abc" + testRest, "info_hash"},
	{"info_hash long", testHash + "a" + testRest, "info_hash"},
	{"info_hash in hexadecimal digits", "info_hash=" + strings.Repeat("ab", 20) + testRest, "info_hash"},
	{"info_hash empty", "info_hash=" + testRest, "info_hash"},
	{"escape cut off", "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9" + testRest, "info_hash"},
	{"escape of no digits", "info_hash=%zz4Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A" + testRest, "info_hash"},
	{"peer_id short", testHash + "&peer_id=-TR3000-&port=1&uploaded=0&downloaded=0&left=0", "peer_id"},
	{"peer_id long", strings.Replace(testGood, "-TR3000-", "-TR3000-x", 1), "peer_id"},
	{"a stop without a peer_id", testHash + "&event=stopped", "peer_id"},
	{"port 0", testHash + "&peer_id=-TR3000-abcdefghijkl&port=0&uploaded=0&downloaded=0&left=0", "port"},
	{"port 65536", testHash + "&peer_id=-TR3000-abcdefghijkl&port=65536&uploaded=0&downloaded=0&left=0", "port"},
	{"port 70000", testHash + "&peer_id=-TR3000-abcdefghijkl&port=70000&uploaded=0&downloaded=0&left=0", "port"},
	{"port negative", testHash + "&peer_id=-TR3000-abcdefghijkl&port=-1&uploaded=0&downloaded=0&left=0", "port"},
	{"port of letters", testHash + "&peer_id=-TR3000-abcdefghijkl&port=http&uploaded=0&downloaded=0&left=0", "port"},
	{"port beyond 64 bits", testHash + "&peer_id=-TR3000-abcdefghijkl&port=18446744073709551617&uploaded=0&downloaded=0&left=0", "port"},
	{"port empty", testHash + "&peer_id=-TR3000-abcdefghijkl&port=&uploaded=0&downloaded=0&left=0", "port"},
	{"overlong", testGood + "&x=" + strings.Repeat("x", MaxQuery), ""},
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
	for query, want := range map[string]int{ // what can't be used is left out
		testHash + "&info_hash=%zz": 1, "info_hash=abc&" + testHash: 1, strings.Repeat(testHash+"&", MaxScrapeHashes+1): MaxScrapeHashes,
	} {
		if got, err := ParseScrape(query, nil); err != nil || len(got) != want {
			t.Errorf("%.80s: %d hashes, %v", query, len(got), err)
		}
	}
	for name, query := range map[string]string{
		"nothing":      "",
		"no info_hash": "passkey=x",
		"short":        "info_hash=abc",
		"broken":       "info_hash=%zz",
		"overlong":     strings.Repeat("x", MaxQuery+1),
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
		if a.Port == 0 && a.Event != Stopped || a.Uploaded < Unknown || a.Downloaded < Unknown || a.Left < Unknown || a.NumWant < NumWantUnset {
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
			if want, err := url.QueryUnescape(value); err == nil && len(want) == len(got) && got != want {
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
