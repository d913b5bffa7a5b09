package wire

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire/wiretest"
)

func endpoint(text string) Endpoint {
	ap := netip.MustParseAddrPort(text)
	return EndpointOf(ap.Addr(), ap.Port())
}

func decode(t *testing.T, data []byte) any {
	t.Helper()
	v, err := wiretest.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func fullReply() Reply {
	return Reply{
		Interval: 1800 * time.Second, MinInterval: 1500 * time.Millisecond, Complete: 2, Incomplete: 1, Downloaded: 7,
		External: netip.MustParseAddr("198.51.100.7"), Warning: "be careful", Compact: true,
		Peers: []Peer{
			{ID: PeerID([]byte("-TR3000-aaaaaaaaaaaa")), V4: endpoint("192.0.2.1:51413")},
			{ID: PeerID([]byte("-TR3000-bbbbbbbbbbbb")), V4: endpoint("192.0.2.2:1"), V6: endpoint("[2001:db8::2]:65535")},
			{ID: PeerID([]byte("-TR3000-cccccccccccc"))},
		},
	}
}

func TestReplyCompact(t *testing.T) {
	t.Parallel()
	r := fullReply()
	want := map[string]any{
		"complete": int64(2), "downloaded": int64(7), "external ip": "\xc6\x33\x64\x07", "incomplete": int64(1),
		"interval": int64(1800), "min interval": int64(2),
		"peers":           "\xc0\x00\x02\x01\xc8\xd5\xc0\x00\x02\x02\x00\x01",
		"peers6":          "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xff\xff",
		"warning message": "be careful",
	}
	if diff := cmp.Diff(any(want), decode(t, r.Append(nil))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReplyEmpty(t *testing.T) {
	t.Parallel()
	r := Reply{Interval: time.Second, Compact: true}
	const want = "d8:completei0e10:downloadedi0e10:incompletei0e8:intervali1e5:peers0:e"
	if got := string(r.Append(nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestReplyList(t *testing.T) {
	t.Parallel()
	r := fullReply()
	r.Compact = false
	want := []any{
		map[string]any{"ip": "192.0.2.1", "peer id": "-TR3000-aaaaaaaaaaaa", "port": int64(51413)},
		map[string]any{"ip": "192.0.2.2", "peer id": "-TR3000-bbbbbbbbbbbb", "port": int64(1)},
		map[string]any{"ip": "2001:db8::2", "peer id": "-TR3000-bbbbbbbbbbbb", "port": int64(65535)},
	}
	got := decode(t, r.Append(nil)).(map[string]any)
	if diff := cmp.Diff(any(want), got["peers"]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	r.NoPeerID = true
	for _, p := range decode(t, r.Append(nil)).(map[string]any)["peers"].([]any) {
		if _, ok := p.(map[string]any)["peer id"]; ok {
			t.Errorf("no_peer_id was ignored: %v", p)
		}
	}
}

func TestReplyDoesNotAllocate(t *testing.T) {
	r, buf := fullReply(), make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { buf = r.Append(buf[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	tests := []struct {
		retry    time.Duration
		interval int64
		retryIn  any
	}{
		{30 * time.Second, 30, int64(1)},
		{61 * time.Second, 61, int64(2)},
		{time.Hour, 3600, int64(60)},
		{Never, 86400, "never"},
	}
	for _, tt := range tests {
		want := map[string]any{"failure reason": "no", "interval": tt.interval, "retry in": tt.retryIn}
		if diff := cmp.Diff(any(want), decode(t, Failure{Reason: "no", Retry: tt.retry}.Append(nil))); diff != "" {
			t.Errorf("%v (-want +got)\n%s", tt.retry, diff)
		}
	}
}

func TestScrapeReply(t *testing.T) {
	t.Parallel()
	a, b := core.InfoHash{1}, core.InfoHash{2}
	files := []ScrapeFile{{b, 1, 2, 3}, {a, 4, 5, 6}, {b, 1, 2, 3}}
	want := map[string]any{
		"files": map[string]any{
			string(a[:]): map[string]any{"complete": int64(4), "downloaded": int64(5), "incomplete": int64(6)},
			string(b[:]): map[string]any{"complete": int64(1), "downloaded": int64(2), "incomplete": int64(3)},
		},
		"flags": map[string]any{"min_request_interval": int64(900)},
	}
	if diff := cmp.Diff(any(want), decode(t, AppendScrape(nil, files, 15*time.Minute))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := string(AppendScrape(nil, nil, time.Second)); got != "d5:filesde5:flagsd20:min_request_intervali1eee" {
		t.Errorf("empty scrape: %s", got)
	}
}

func TestClaimedEndpoint(t *testing.T) {
	t.Parallel()
	tests := []struct{ value, want string }{
		{"192.0.2.1", "192.0.2.1:6881"},
		{"192.0.2.1:80", "192.0.2.1:80"},
		{"2001%3Adb8%3A%3A1", "[2001:db8::1]:6881"},
		{"%5B2001:db8::1%5D%3A80", "[2001:db8::1]:80"},
		{"::ffff:192.0.2.1", "192.0.2.1:6881"},
		{"fe80::1%25eth0", "[fe80::1]:6881"},
	}
	for _, tt := range tests {
		if e, err := ClaimedEndpoint(tt.value, 6881); err != nil || e.AddrPort().String() != tt.want {
			t.Errorf("%s: %v, %v; want %s", tt.value, e.AddrPort(), err, tt.want)
		}
	}
	for _, bad := range []string{"", "999.1.1.1", "host.example", "1.2.3", "192.0.2.1:0", "192.0.2.1:70000", "%zz", "0x7f000001"} {
		if e, err := ClaimedEndpoint(bad, 6881); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q: %v, %v; want it refused", bad, e.AddrPort(), err)
		}
	}
}

func BenchmarkReply50(b *testing.B) {
	r := fullReply()
	r.Peers = make([]Peer, 50)
	for i := range r.Peers {
		r.Peers[i] = Peer{V4: endpoint("192.0.2.1:51413")}
	}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = r.Append(buf[:0])
	}
}
