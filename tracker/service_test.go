package tracker

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/ledger"
	"github.com/caduceus-bio/caduceus/tracker/promise"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// brokenLedger is a ledger that fails on demand.
type brokenLedger struct {
	err   error
	panic bool
	taken int
}

func (b *brokenLedger) Commit(promise.Promise) error { return nil }

func (b *brokenLedger) Gone(ledger.Entry) {}

func (b *brokenLedger) Record(ledger.Entry) (promise.Promise, error) {
	if b.panic {
		panic("the ledger is torn")
	}
	if b.err == nil {
		b.taken++
	}
	return promise.Promise(b.taken), b.err
}

// newService makes a loaded service without a server, on a broken ledger.
func newService(t testing.TB, broken *brokenLedger) (s *service, announceKeys []string) {
	t.Helper()
	var books ledger.Ledger // the real one
	if broken != nil {
		books = broken
	}
	return newServiceOf(t, books, func(*world) {})
}

// newServiceOf is newService on any ledger; more adds to the world.
func newServiceOf(t testing.TB, books ledger.Ledger, more func(*world)) (s *service, announceKeys []string) {
	t.Helper()
	c := testConfig()
	w := newWorld(t, dbtest.SQLite(t), c)
	for n := range 4 {
		announceKeys = append(announceKeys, w.member(fmt.Sprintf("member%d", n)).AnnounceKey)
	}
	w.torrent(core.LeechNormal, 1)
	more(w)
	work, err := w.room.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := work.book.Close(); err != nil {
			t.Error(err)
		}
	})
	s = work.service
	if books != nil {
		s.ledger = books
	}
	s.log, s.logLimit = slog.New(slog.NewTextHandler(io.Discard, nil)), rate.Sometimes{Interval: time.Hour}
	return s, announceKeys
}

func request(announceKey string, peer int, up int64) *front.Request {
	h := hash(1)
	return &front.Request{Method: "GET", Path: "/" + announceKey + "/announce", Remote: netip.AddrFrom4([4]byte{44, 0, byte(peer >> 8), byte(peer)}),
		Query: fmt.Sprintf("info_hash=%s&peer_id=-TR3000-%012d&port=51413&uploaded=%d&downloaded=0&left=%d&key=abcd1234&numwant=50&compact=1&supportcrypto=1",
			percent(h), peer, up, peer%3)}
}

// TestLedgerRefuses makes sure that credit that could not be recorded is carried by the
// client's next announce.
func TestLedgerRefuses(t *testing.T) {
	t.Parallel()
	broken := &brokenLedger{}
	s, announceKeys := newService(t, broken)
	answer := func(up int64) string {
		t.Helper()
		a := s.Answer(nil, request(announceKeys[0], 1, up))
		if a.Status != 200 {
			t.Fatalf("status %d", a.Status)
		}
		return string(a.Body)
	}
	answer(0)
	broken.err = core.Errorf(core.Unavailable, "no room in the ledger")
	if got := answer(70); !strings.Contains(got, "no room in the ledger") || !strings.Contains(got, "8:intervali60e") {
		t.Errorf("got %q", got)
	}
	broken.err = errors.New("a secret of ours")
	if got := answer(70); !strings.HasPrefix(got, "d14:failure reason") || strings.Contains(got, "secret") {
		t.Errorf("got %q", got)
	}
	broken.err, broken.panic = nil, true
	for range 3 { // a lock that was left behind would stop the second
		if got := answer(70); !strings.HasPrefix(got, "d14:failure reason") || strings.Contains(got, "torn") {
			t.Errorf("got %q", got)
		}
	}
	broken.panic = false
	if got := answer(70); !strings.HasPrefix(got, "d8:complete") || broken.taken != 2 {
		t.Errorf("got %q, %d entries taken", got, broken.taken)
	}
}

// TestChangedMeanwhile processes an announce that was checked before its torrent was
// deleted.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	s, announceKeys := newService(t, &brokenLedger{})
	m, _ := s.roster.Member(announceKeys[0])
	tt, _ := s.roster.Torrent(hash(1))
	stale := tt
	stale.ID++ // what the lookup would have returned before
	sc := &scratch{announce: wire.Announce{InfoHash: hash(1), Port: 1}}
	if !s.unchanged(announceKeys[0], m, hash(1), tt) || s.unchanged(announceKeys[0], m, hash(1), stale) || s.unchanged("", m, hash(1), tt) {
		t.Error("what has changed is not seen")
	}
	if _, _, err := s.enter(sc, announceKeys[0], m, tt, netip.MustParseAddr("44.0.0.1"), time.Now()); err != nil {
		t.Errorf("nothing has changed: %v", err)
	}
}

func FuzzAnswer(f *testing.F) {
	s, announceKeys := newService(f, &brokenLedger{})
	good := request(announceKeys[0], 1, 5)
	f.Add(good.Path, good.Query, "44.1.1.1, 127.0.0.1")
	f.Add("/x/scrape", "info_hash=%", "")
	f.Add("//announce", "&&=&", ",")
	f.Fuzz(func(t *testing.T, path, query, forwarded string) {
		path = strings.ReplaceAll(path, "KEY", announceKeys[0])
		r := &front.Request{Method: "GET", Path: path, Query: query, Remote: netip.MustParseAddr("127.0.0.1"), ForwardedFor: []string{forwarded}}
		a := s.Answer(nil, r)
		body := a.Body
		if (a.Status == 200) != (len(body) > 0 && body[0] == 'd' && body[len(body)-1] == 'e') {
			t.Fatalf("%d %q", a.Status, body)
		}
		if strings.Contains(string(body), "went wrong on our side") {
			t.Fatalf("a fault: %q", body)
		}
	})
}

// TestAnswerAllocatesLittle answers and commits on the real ledger; BenchmarkAnswer
// shows that it is nothing. Not parallel: it counts what the whole process
// allocates.
func TestAnswerAllocatesLittle(t *testing.T) {
	s, announceKeys := newService(t, nil)
	requests := make([]*front.Request, 4*s.c.MaxClients)
	for n := range requests {
		requests[n] = request(announceKeys[n%4], n, 0)
	}
	buf := make([]byte, 0, 4096)
	turn := func() {
		var made promise.Promise
		for _, r := range requests {
			a := s.Answer(buf, r)
			if a.Body[1] != '8' {
				t.Fatalf("%s", a.Body)
			}
			made = made.With(a.Promise)
		}
		if err := s.Commit(made); err != nil {
			t.Fatal(err)
		}
	}
	turn()
	if n := testing.AllocsPerRun(200, turn) / float64(len(requests)); n > 1.5 { // under the race detector a pool loses a quarter of what it has
		t.Errorf("%v allocations for each announce", n)
	}
}

// BenchmarkAnswer is a whole announce without the server in front, journal included, in a swarm of
// as many clients as four members may run.
func BenchmarkAnswer(b *testing.B) {
	s, announceKeys := newService(b, nil)
	var requests []*front.Request
	for n := range 4 * s.c.MaxClients {
		requests = append(requests, request(announceKeys[n%4], n, 0))
	}
	buf := make([]byte, 0, 1024)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		a := s.Answer(buf, requests[n%len(requests)])
		if a.Body[1] != '8' {
			b.Fatalf("%s", a.Body)
		}
		if n++; n%50 == 0 {
			if err := s.Commit(a.Promise); err != nil {
				b.Fatal(err)
			}
		}
	}
}
