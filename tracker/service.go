package tracker

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/ledger"
	"github.com/caduceus-bio/caduceus/tracker/roster"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// Request is what the front hands over; see front.Request.
type Request = front.Request

// service answers announces and scrapes.
type service struct {
	c         Config
	addresses addresses
	slots     slots
	roster    *roster.Roster
	swarms    *swarm.Swarms
	ledger    ledger.Ledger
	snatches  func(core.TorrentID) int64
	clock     core.Clock
	log       *slog.Logger
	metrics   *metrics
	scratch   sync.Pool      // of *scratch
	sometimes rate.Sometimes // for what a client could write into the log at will
}

var _ front.Handler = (*service)(nil)

// scratch is what one request needs besides its answer.
type scratch struct {
	announce wire.Announce
	reply    wire.Reply
	peers    []wire.Peer
	hashes   []core.InfoHash
	files    []wire.ScrapeFile
}

// Answer implements front.Handler. It never panics: a fault of ours is logged, and
// told without its details.
func (s *service) Answer(dst []byte, r *Request) (status int, body []byte) {
	start := len(dst)
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("answering a request panicked", "panic", v)
			status, body = http.StatusOK, s.refuse(errors.New("panic")).append(dst[:start])
		}
	}()
	passkey, action, ok := route(r.Path)
	switch {
	case !ok:
		return http.StatusNotFound, append(dst, "Not found. BitTorrent clients find the tracker by the address in a .torrent file.\n"...)
	case r.Method != http.MethodGet:
		return http.StatusMethodNotAllowed, append(dst, "Only GET is answered here.\n"...)
	}
	sc, _ := s.scratch.Get().(*scratch)
	if sc == nil {
		sc = &scratch{}
	}
	defer s.scratch.Put(sc)
	if action == "scrape" {
		body, why := s.scrape(dst, sc, passkey, r)
		return s.finish(body, why, &s.metrics.scrapes)
	}
	body, why := s.announce(dst, sc, passkey, r)
	return s.finish(body, why, &s.metrics.announces)
}

func (s *service) finish(body []byte, why *refusal, counters *counters) (int, []byte) {
	if why == nil {
		counters[answered].Inc()
		return http.StatusOK, body
	}
	counters[why.outcome].Inc()
	return why.status(), why.append(body)
}

// route splits /{passkey}/announce or /{passkey}/scrape.
func route(path string) (passkey, action string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return "", "", false
	}
	passkey, action, ok = strings.Cut(rest, "/")
	return passkey, action, ok && passkey != "" && (action == "announce" || action == "scrape")
}

// announce appends the answer to dst, or leaves it and says why there is none.
func (s *service) announce(dst []byte, sc *scratch, passkey string, r *Request) ([]byte, *refusal) {
	now := s.clock()
	m, ok := s.roster.Member(passkey)
	if !ok {
		return dst, s.refusePasskey()
	}
	a := &sc.announce
	if err := wire.ParseAnnounce(r.Query, a); err != nil {
		return dst, s.refuse(err)
	}
	ip, err := s.addresses.client(r)
	if err != nil {
		return dst, s.refuseProxy(err)
	}
	t, why := s.check(m, a)
	if why != nil {
		if a.Event == wire.Stopped {
			// Some clients repeat a stop until it succeeds, and there is
			// nothing to stop.
			return s.reply(dst, sc, ip, swarm.Result{}, 0), nil
		}
		return dst, why
	}
	if !s.slots.has(t.Slot) {
		return dst, s.elsewhere(t.Slot, passkey, "announce", r.Query)
	}
	hidden := !m.CanLeech && a.Left > 0
	result, err := s.enter(sc, passkey, m, t, ip, hidden, now)
	if err != nil {
		return dst, s.refuse(err)
	}
	if hidden && a.Event != wire.Stopped {
		return dst, s.refuseLeech()
	}
	return s.reply(dst, sc, ip, result, s.snatches(t.ID)), nil
}

// check finds the torrent and whether the member may announce it with this
// client. A client may always stop, on the list or not.
func (s *service) check(m roster.Member, a *wire.Announce) (roster.Torrent, *refusal) {
	if !m.Enabled {
		return roster.Torrent{}, s.refuseDisabled(m)
	}
	if a.Event != wire.Stopped && !s.roster.Allowed(a.PeerID) {
		return roster.Torrent{}, s.refuseClient(a.PeerID)
	}
	t, ok := s.roster.Torrent(a.InfoHash)
	if !ok {
		return t, s.refuseTorrent()
	}
	if t.Deleted {
		return t, s.refuseDeleted(t)
	}
	return t, nil
}

// enter takes the announce into the swarm and its change into the ledger.
func (s *service) enter(sc *scratch, passkey string, m roster.Member, t roster.Torrent, ip netip.Addr, hidden bool, now time.Time) (swarm.Result, error) {
	a := &sc.announce
	in := swarm.Announce{
		Torrent: t.ID, Member: m.ID, PeerID: a.PeerID, Key: a.Key,
		Uploaded: a.Uploaded, Downloaded: a.Downloaded, Left: a.Left,
		Event: a.Event, NumWant: a.NumWant, Over6: ip.Is6(), Hidden: hidden, At: now,
	}
	in.V4, in.V6 = s.endpoints(a, ip)
	generation := s.roster.Generation()
	result, err := s.swarms.Announce(&in, sc.peers[:0], func(c swarm.Change) error {
		// Whoever was disabled or deleted since the check is being taken out of
		// the swarms under this same lock: don't let them in behind it.
		if s.roster.Generation() != generation && !s.still(passkey, m, a.InfoHash, t) {
			return core.Errorf(core.Unavailable, "your account or this torrent has just been changed; your client will ask again")
		}
		return s.ledger.Record(entry(c, s.roster.Leech(t, c.Member, now)))
	})
	if err != nil {
		return result, err
	}
	sc.peers = result.Peers // it may have grown
	if result.Clamped {
		s.metrics.clamped.Inc()
		s.sometimes.Do(func() {
			s.log.Warn("more transfer was announced than any line carries; it was cut", "member", int64(m.ID), "torrent", int64(t.ID))
		})
	}
	return result, nil
}

func (s *service) still(passkey string, m roster.Member, h core.InfoHash, t roster.Torrent) bool {
	nowMember, _ := s.roster.Member(passkey)
	nowTorrent, _ := s.roster.Torrent(h)
	return nowMember == m && nowTorrent == t
}

// entry is what a change adds to the books, under a leech state.
func entry(c swarm.Change, leech core.Leech) ledger.Entry {
	up, down := leech.Counts(c.Up, c.Down)
	return ledger.Entry{
		Member: c.Member, Torrent: c.Torrent, Up: up, Down: down, RawUp: c.Up, RawDown: c.Down,
		SeedTime: c.SeedTime, Left: c.Left, Active: c.Active, Completion: completions[c.Completion], At: c.At,
	}
}

var completions = [...]ledger.Completion{
	swarm.NoCompletion: ledger.NoCompletion, swarm.Completed: ledger.Completed, swarm.MaybeCompleted: ledger.MaybeCompleted,
}

// endpoints are the addresses at which others may be sent to this client.
func (s *service) endpoints(a *wire.Announce, ip netip.Addr) (v4, v6 wire.Endpoint) {
	own := wire.Endpoint{}
	if s.addresses.reachable(ip) {
		own = wire.EndpointOf(ip, a.Port)
	}
	if ip.Is4() {
		return own, s.claimed(a.IPv6, a.Port, false)
	}
	return s.claimed(a.IPv4, a.Port, true), own
}

// claimed is an address of the other family that a client names, if claims are
// believed and this one is any good. One that is not is left out, as it was
// never asked for.
func (s *service) claimed(value string, port uint16, want4 bool) wire.Endpoint {
	if value == "" || !s.c.AcceptClaimedAddresses {
		return wire.Endpoint{}
	}
	e, err := wire.ClaimedEndpoint(value, port)
	if err != nil || e.Is4() != want4 || !s.addresses.reachable(e.AddrPort().Addr()) {
		return wire.Endpoint{}
	}
	return e
}

func (s *service) reply(dst []byte, sc *scratch, ip netip.Addr, result swarm.Result, snatches int64) []byte {
	sc.reply = wire.Reply{
		Interval: jitter(s.c.Interval.Duration), MinInterval: s.c.minInterval(),
		Complete: result.Seeders, Incomplete: result.Leechers, Downloaded: snatches,
		External: ip, Peers: result.Peers, Compact: sc.announce.Compact, NoPeerID: sc.announce.NoPeerID,
	}
	if !s.addresses.reachable(ip) {
		sc.reply.Warning = "other members can't reach you at " + ip.String() + ", an address that is not public; you can still connect to them"
	}
	return sc.reply.Append(dst)
}

// jitter adds up to a tenth in whole seconds, so that clients that announced
// together don't do so for ever.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d/10/time.Second)+1))*time.Second //nolint:gosec // it spreads load, it hides nothing
}

// scrape appends the sizes of the swarms that are asked for. Those that a member
// may not see, because they are not or no more registered, are left out.
func (s *service) scrape(dst []byte, sc *scratch, passkey string, r *Request) ([]byte, *refusal) {
	m, ok := s.roster.Member(passkey)
	if !ok {
		return dst, s.refusePasskey()
	}
	if !m.Enabled {
		return dst, s.refuseDisabled(m)
	}
	var err error
	if sc.hashes, err = wire.ParseScrape(r.Query, sc.hashes[:0]); err != nil {
		return dst, s.refuse(err)
	}
	sc.files = sc.files[:0]
	var foreign uint8
	var isForeign bool
	for _, h := range sc.hashes {
		t, ok := s.roster.Torrent(h)
		if !ok || t.Deleted {
			continue
		}
		if !s.slots.has(t.Slot) {
			foreign, isForeign = t.Slot, true
			continue
		}
		n := s.swarms.Counts(t.ID)
		sc.files = append(sc.files, wire.ScrapeFile{InfoHash: h, Complete: n.Seeders, Incomplete: n.Leechers, Downloaded: s.snatches(t.ID)})
	}
	if isForeign && len(sc.files) == 0 {
		return dst, s.elsewhere(foreign, passkey, "scrape", r.Query)
	}
	return wire.AppendScrape(dst, sc.files, s.c.minInterval()), nil
}
