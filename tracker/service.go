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

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/ledger"
	"github.com/caduceus-bio/caduceus/tracker/ocelot"
	"github.com/caduceus-bio/caduceus/tracker/promise"
	"github.com/caduceus-bio/caduceus/tracker/roster"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
	"github.com/caduceus-bio/caduceus/tracker/trace"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// service answers announces and scrapes.
type service struct {
	c         Config
	addresses addresses
	sources   *sources
	pace      pace
	suspects  *suspects
	slots     slots
	others    *otherTrackers // nil if this tracker serves all torrents
	roster    *roster.Roster
	swarms    *swarm.Swarms
	ledger    ledger.Ledger
	snatches  func(core.TorrentID) int64
	clock     core.Clock
	log       *slog.Logger
	metrics   *metrics
	gazelle   *ocelot.Server // nil if no Gazelle controls the tracker
	trace     *trace.Trace   // may be nil
	bans      *ban.Book      // may be nil
	scratch   sync.Pool      // of *scratch
	logLimit  rate.Sometimes // for messages that clients could cause at will
}

var _ front.Handler = (*service)(nil)

// Commit implements front.Handler.
func (s *service) Commit(p promise.Promise) error { return s.ledger.Commit(p) }

// Failed implements front.Handler.
func (s *service) Failed(dst []byte, err error) (status int, body []byte) {
	a := s.finish(dst, verdict{refusal: s.refuse(err)}, s.metrics.announces)
	return a.Status, a.Body
}

// verdict is what the service has decided on a request. A refusal can promise
// something too: what a client transferred before it was refused is credited.
type verdict struct {
	refusal *refusal // nil if the request is answered
	promise promise.Promise
}

// scratch is the memory that one request needs besides its answer.
type scratch struct {
	announce wire.Announce
	reply    wire.Reply
	peers    []wire.Peer
	hashes   []core.InfoHash
	files    []wire.ScrapeFile
	record   trace.Announce
}

// scratchpad takes a scratch from the pool. The caller puts it back.
func (s *service) scratchpad() *scratch {
	if sc, ok := s.scratch.Get().(*scratch); ok {
		return sc
	}
	return &scratch{}
}

// Answer implements front.Handler. It never panics: a fault of ours is logged, and the
// client is told nothing of its details.
func (s *service) Answer(dst []byte, r *front.Request) (a front.Answer) {
	start := len(dst)
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("answering a request panicked", "panic", v)
			a = front.Answer{Status: http.StatusOK, Body: s.refuse(errors.New("panic")).append(dst[:start])}
		}
	}()
	announceKey, action, ok := route(r.Path)
	switch {
	case !ok:
		return front.Answer{Status: http.StatusNotFound, Body: append(dst, "Not found. BitTorrent clients find the tracker by the address in a .torrent file.\n"...)}
	case r.Method != http.MethodGet:
		return front.Answer{Status: http.StatusMethodNotAllowed, Body: append(dst, "Only GET is answered here.\n"...)}
	}
	sc := s.scratchpad()
	defer s.scratch.Put(sc)
	if action == "scrape" {
		body, why := s.scrape(dst, sc, announceKey, r)
		return s.finish(body, verdict{refusal: why}, s.metrics.scrapes)
	}
	body, v := s.announce(dst, sc, announceKey, r)
	return s.finish(body, v, s.metrics.announces)
}

// finish counts a verdict and makes an answer of it.
func (s *service) finish(body []byte, v verdict, counters *counters) front.Answer {
	if v.refusal == nil {
		counters[answered].Inc()
		return front.Answer{Status: http.StatusOK, Body: body, Promise: v.promise}
	}
	counters[v.refusal.outcome].Inc()
	return front.Answer{Status: v.refusal.status(), Body: v.refusal.append(body), Promise: v.promise}
}

// route splits /{announce-key}/announce or /{announce-key}/scrape.
func route(path string) (announceKey, action string, ok bool) {
	rest, ok := strings.CutPrefix(path, "/")
	if !ok {
		return "", "", false
	}
	announceKey, action, ok = strings.Cut(rest, "/")
	return announceKey, action, ok && announceKey != "" && (action == "announce" || action == "scrape")
}

// announce appends the reply to an announce to dst, unless it is refused.
func (s *service) announce(dst []byte, sc *scratch, key string, r *front.Request) ([]byte, verdict) {
	if err := wire.ParseAnnounce(r.Query, &sc.announce); err != nil {
		return dst, verdict{refusal: s.refuse(err)}
	}
	ip, err := s.addresses.client(r)
	if err != nil {
		return dst, verdict{refusal: s.refuseProxy(err)}
	}
	v := s.take(sc, key, ip, r.Query)
	if v.refusal != nil {
		return dst, v
	}
	return sc.reply.Append(dst), v
}

// take processes the announce of sc, from either front. Unless the verdict is a refusal,
// the reply is in sc. A request with a query (over HTTP) may be redirected to the tracker
// that serves the torrent.
func (s *service) take(sc *scratch, key string, ip netip.Addr, query string) (v verdict) {
	now := s.clock()
	a := &sc.announce
	m, why := s.identify(key, a.InfoHash)
	var t roster.Torrent
	if why == nil {
		sc.record = trace.Announce{Member: m.ID, At: now.Unix()}
		defer func() { s.recordAnnounce(sc, v.refusal) }()
		t, why = s.check(m, a, ip, now)
		sc.record.Torrent = t.ID
	}
	if why != nil {
		if a.Event == wire.Stopped && why.outcome != unknownAnnounceKey {
			// Some clients repeat a stop until it succeeds, and here is nothing
			// left to stop.
			s.reply(sc, ip, swarm.Result{}, 0)
			return verdict{}
		}
		return verdict{refusal: why}
	}
	if !s.slots.has(t.Slot) {
		return verdict{refusal: s.redirect(t.Slot, key, "announce", query)}
	}
	result, made, err := s.enter(sc, key, m, t, ip, now)
	switch {
	case err != nil:
		return verdict{refusal: s.refuse(err)}
	case a.Event == wire.Stopped:
	case result.NoSlot:
		return verdict{refusal: s.refuseSlot(s.roster.LeechSlots(m)), promise: made}
	case result.Barred:
		return verdict{refusal: s.refuseLeech(), promise: made}
	}
	s.reply(sc, ip, result, s.snatches(t.ID))
	return verdict{promise: made}
}

// identify finds the member by the key in the path: an announce key, or a key for this torrent.
// A client without a valid key learns nothing about members or torrents: the answer to a
// wrong key, and the work for it, are the same whether the torrent is registered or not.
func (s *service) identify(key string, h core.InfoHash) (roster.Member, *refusal) {
	if len(key) != member.TorrentKeyLen {
		if m, ok := s.roster.Member(key); ok {
			return m, nil
		}
		return roster.Member{}, s.refuseAnnounceKey()
	}
	if m, ok := s.torrentKey(key, h); ok {
		return m, nil
	}
	return roster.Member{}, s.refuseTorrentKey()
}

// torrentKey finds the member that a key for a torrent belongs to. The key of a torrent
// that is not registered can't be checked; the check is made all the same.
func (s *service) torrentKey(key string, h core.InfoHash) (roster.Member, bool) {
	k, ok := member.ReadTorrentKey(key)
	if !ok {
		return roster.Member{}, false
	}
	t, registered := s.roster.Torrent(h) // torrent 0 has no keys
	m, announceKey, known := s.roster.Account(k.Member)
	right := k.Proves(announceKey, t.ID)
	return m, right && registered && known
}

// check finds the torrent, and refuses the announce if the member may not announce it
// from ip with this client. A client may always stop, even if it is not on the list or its
// address is banned.
func (s *service) check(m roster.Member, a *wire.Announce, ip netip.Addr, now time.Time) (roster.Torrent, *refusal) {
	if p := m.At(now); p.Shut {
		return roster.Torrent{}, s.refuseDisabled(p)
	}
	if a.Event != wire.Stopped {
		if b, banned := s.bans.Set().Address(ip, ban.Tracker, now); banned {
			s.unlist(m, a, now)
			return roster.Torrent{}, s.refuseBanned(b)
		}
		if ok, tooOld := s.roster.Allowed(a.PeerID); !ok {
			s.unlist(m, a, now)
			return roster.Torrent{}, s.refuseClient(a.PeerID, tooOld)
		}
	}
	t, ok := s.roster.Torrent(a.InfoHash)
	if !ok {
		if s.trace != nil && a.Event != wire.Stopped {
			s.trace.Unregistered(&a.InfoHash, now)
		}
		return t, s.refuseTorrent()
	}
	if t.Deleted {
		return t, s.refuseDeleted(t)
	}
	if a.Event != wire.Stopped && !s.sources.allow(m.ID, ip, now) {
		return t, s.refuseSource()
	}
	return t, nil
}

// banned refuses a scrape from a banned address. Who asks is looked at only if somebody is
// banned.
func (s *service) banned(r *front.Request) *refusal {
	set := s.bans.Set()
	if !set.Any(ban.Tracker) {
		return nil
	}
	ip, err := s.addresses.client(r)
	if err != nil {
		return s.refuseProxy(err)
	}
	if b, banned := set.Address(ip, ban.Tracker, s.clock()); banned {
		return s.refuseBanned(b)
	}
	return nil
}

// unlist removes a refused client from the swarm, in case it was let in under other
// rules. Otherwise others would be sent to it until it timed out.
func (s *service) unlist(m roster.Member, a *wire.Announce, now time.Time) {
	if t, known := s.roster.Torrent(a.InfoHash); known {
		s.swarms.HideClient(t.ID, m.ID, a.PeerID, now, s.gone)
	}
}

// gone records that a client has left its swarm without an announce.
func (s *service) gone(c swarm.Change) {
	e := entry(c, core.LeechNormal)
	e.Record = s.swarms.Record(c.Torrent)
	s.ledger.Gone(e)
}

// enter applies the announce to the swarm, records its change in the ledger and returns
// the ledger's promise.
func (s *service) enter(sc *scratch, key string, m roster.Member, t roster.Torrent, ip netip.Addr, now time.Time) (swarm.Result, promise.Promise, error) {
	a := &sc.announce
	in := swarm.Announce{
		Torrent: t.ID, Member: m.ID, PeerID: a.PeerID, Key: a.Key,
		Uploaded: a.Uploaded, Downloaded: a.Downloaded, Left: a.Left,
		Event: a.Event, NumWant: a.NumWant, Over6: ip.Is6(), NoLeech: m.At(now).NoLeech, At: now,
		Size: t.Size, Slots: s.roster.LeechSlots(m),
		// Peer-ids are looked up only if the reply needs them: each one is a cache
		// miss.
		Bare: a.Compact || a.NoPeerID,
	}
	in.V4, in.V6, in.Private = s.endpoints(a, ip)
	generation := s.roster.Generation()
	var made promise.Promise
	result, err := s.swarms.Announce(&in, sc.peers[:0], func(c swarm.Change) (err error) {
		// A member or torrent that was disabled or deleted since the check is being
		// removed from the swarms under this same lock, and must not come back.
		if s.roster.Generation() != generation && !s.unchanged(key, m, a.InfoHash, t) {
			return core.Errorf(core.Unavailable, "your account or this torrent has just been changed; your client will ask again")
		}
		leech := s.roster.Leech(t, c.Member, now)
		sc.recordCredit(&in, c, leech)
		e := entry(c, leech)
		e.Record = s.swarms.Record(c.Torrent)
		made, err = s.ledger.Record(e)
		return err
	})
	if err != nil {
		return result, 0, err
	}
	sc.peers = result.Peers                                                // it may have grown
	a.Uploaded, a.Downloaded, a.Left = in.Uploaded, in.Downloaded, in.Left // what it did not tell, too
	if e, found := suspect(m.ID, t, a, result.Suspicion); found {
		s.suspects.found(e)
	}
	return result, made, nil
}

// unchanged reports whether lookups give the same results as before.
func (s *service) unchanged(key string, m roster.Member, h core.InfoHash, t roster.Torrent) bool {
	nowMember, why := s.identify(key, h)
	nowTorrent, _ := s.roster.Torrent(h)
	return why == nil && nowMember == m && nowTorrent == t
}

// entry returns what a change adds to the books under a leech state.
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

// endpoints returns the addresses of the client that may be given to others, and the one
// that it announces from if that one may not.
func (s *service) endpoints(a *wire.Announce, ip netip.Addr) (v4, v6, private wire.Endpoint) {
	own := wire.EndpointOf(ip, a.Port)
	if !s.addresses.reachable(ip) {
		own, private = wire.Endpoint{}, own
	}
	if ip.Is4() {
		return own, s.claimed(a.IPv6, a.Port, false), private
	}
	return s.claimed(a.IPv4, a.Port, true), own, private
}

// claimed returns the address of the other family that a client claims, if claims are
// believed and this one is usable.
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

func (s *service) reply(sc *scratch, ip netip.Addr, result swarm.Result, snatches int64) {
	peers := result.Seeders + result.Leechers
	pace := pace{interval: s.interval(), timeout: s.pace.timeout}
	sc.reply = wire.Reply{
		Interval:    pace.next(peers, pace.fresh(result.Silence, peers), rand.Float64()), //nolint:gosec // it spreads load, it hides nothing
		MinInterval: s.c.minInterval(),
		Complete:    result.Seeders, Incomplete: result.Leechers, Downloaded: snatches,
		External: ip, Peers: result.Peers, Compact: sc.announce.Compact, NoPeerID: sc.announce.NoPeerID,
	}
	if !s.addresses.reachable(ip) {
		sc.reply.Warning = "other members can't reach you at " + ip.String() + ", an address that is not public; you can still connect to them"
	}
}

// interval returns the time between two announces: what Gazelle has set, if one controls
// the tracker, or else what the configuration says.
func (s *service) interval() time.Duration {
	if s.gazelle != nil {
		return s.gazelle.Interval()
	}
	return s.c.Interval.Duration
}

// scrape appends the sizes of the requested swarms. It leaves out torrents that are not
// registered, and those for which the key is not valid. For torrents that other trackers
// serve, the sizes are those that these trackers have written last.
func (s *service) scrape(dst []byte, sc *scratch, key string, r *front.Request) ([]byte, *refusal) {
	m, known := s.roster.Member(key)
	var err error
	if sc.hashes, err = wire.ParseScrape(r.Query, sc.hashes[:0]); err != nil {
		return dst, s.refuse(err)
	}
	keyed := !known && len(key) == member.TorrentKeyLen
	sc.files = sc.files[:0]
	var foreign uint8
	var isForeign, isMine bool
	for _, h := range sc.hashes {
		if keyed {
			owner, right := s.torrentKey(key, h)
			if !right {
				continue
			}
			m, known = owner, true
		}
		t, ok := s.roster.Torrent(h)
		if !ok || t.Deleted {
			continue
		}
		if !s.slots.has(t.Slot) {
			foreign, isForeign = t.Slot, true
			if n, ok := s.others.swarm(t.ID); ok {
				sc.files = append(sc.files, wire.ScrapeFile{InfoHash: h, Complete: n.Seeders, Incomplete: n.Leechers, Downloaded: n.Snatches})
			}
			continue
		}
		isMine = true
		n := s.swarms.Counts(t.ID)
		sc.files = append(sc.files, wire.ScrapeFile{InfoHash: h, Complete: n.Seeders, Incomplete: n.Leechers, Downloaded: s.snatches(t.ID)})
	}
	switch {
	case !known && len(key) == member.TorrentKeyLen:
		return dst, s.refuseTorrentKey()
	case !known:
		return dst, s.refuseAnnounceKey()
	case m.At(s.clock()).Shut:
		return dst, s.refuseDisabled(m.At(s.clock()))
	}
	if why := s.banned(r); why != nil {
		return dst, why
	}
	if isForeign && !isMine {
		return dst, s.redirect(foreign, key, "scrape", r.Query)
	}
	return wire.AppendScrape(dst, sc.files, s.c.minInterval()), nil
}
