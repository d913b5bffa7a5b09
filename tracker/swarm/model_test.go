package swarm

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// model implements the rules of this package a second time, as plainly as possible: a
// list of clients for each torrent, searched from end to end each time. Random
// histories are played to it and to Swarms, and both must give the same results.
type model struct {
	c        Config
	torrents map[core.TorrentID][]*modelClient
	seeded   map[modelMember]int64 // the time up to which a member's seed time in a torrent was counted
	changed  map[core.TorrentID]bool
	lacking  map[core.TorrentID]int64 // when any client was known to lack something; not since a restart
	accounts map[core.MemberID]*modelAccount
	used     map[modelMember][2]int64 // when the member's allowances on a torrent, up and down, are whole again
}

type modelMember struct {
	torrent core.TorrentID
	member  core.MemberID
}

type modelClient struct {
	modelMember
	id             wire.PeerID
	key            uint64
	v4, v6         wire.Endpoint
	private        wire.Endpoint
	micro          int64 // when it last announced, in Unix microseconds
	seen4, seen6   int64 // Unix seconds, as all that follow
	up, down, left int64
	last, off      int64
	listed, over6  bool
	partial        bool
}

// downloads reports whether the client takes a slot.
func (c *modelClient) downloads() bool { return c.listed && c.left > 0 && !c.partial }

func newModel(c Config) *model {
	return &model{c: c, torrents: map[core.TorrentID][]*modelClient{}, seeded: map[modelMember]int64{}, changed: map[core.TorrentID]bool{},
		lacking: map[core.TorrentID]int64{}, accounts: map[core.MemberID]*modelAccount{}, used: map[modelMember][2]int64{}}
}

func (m *model) clientsOf(mm modelMember) []*modelClient {
	var out []*modelClient
	for _, c := range m.torrents[mm.torrent] {
		if c.member == mm.member {
			out = append(out, c)
		}
	}
	return out
}

func (m *model) find(a *Announce, mine []*modelClient) *modelClient {
	for _, c := range mine {
		if c.id == a.PeerID {
			return c
		}
	}
	var fit []*modelClient
	for _, c := range mine {
		if a.Key != 0 && c.key == a.Key && (a.Uploaded >= c.up || a.Uploaded == -1) && (a.Downloaded >= c.down || a.Downloaded == -1) {
			fit = append(fit, c)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return slices.MinFunc(fit, func(c, d *modelClient) int {
		return cmp.Or(cmp.Compare(d.up, c.up), cmp.Compare(d.down, c.down), bytes.Compare(c.id[:], d.id[:]))
	})
}

// expected is what Swarms must return for an announce.
type expected struct {
	change  *Change      // nil if it must not commit
	client  *modelClient // that announced; nil if it is refused or nothing changes
	refused bool
	why     Suspicion
	silence time.Duration
	barred  bool
	noSlot  bool
	few     bool // it may be given few peers only
}

// announce changes a as Swarms does: it sets what a does not tell.
func (m *model) announce(a *Announce, commits bool) (v expected) {
	mm := modelMember{a.Torrent, a.Member}
	mine := m.clientsOf(mm)
	p := m.find(a, mine)
	if p == nil && a.Event == wire.Stopped {
		return v
	}
	m.fillIn(a, p)
	barred := a.NoLeech && a.Left > 0
	v.noSlot = !barred && m.lacksSlot(a, mine)
	v.barred = barred || v.noSlot
	if p == nil && v.barred {
		return v
	}
	listed := a.Event != wire.Stopped && !v.barred
	var ended, stay []*modelClient
	for _, c := range mine {
		switch {
		case c == p || !c.listed:
		case listed && (p == nil || a.Event == wire.Started) && c.listensAt(a):
			ended = append(ended, c)
		default:
			stay = append(stay, c)
		}
	}
	if listed && (p == nil || !p.listed) && len(stay) >= m.c.PerMember {
		v.refused = true
		return v
	}
	account, made := m.account(a, p != nil)
	undo := m.remember(mm, account, made)
	ch, why := m.judge(a, p, mine, ended, listed, account)
	v.change = &ch
	if !commits {
		undo()
		v.refused = true
		return v
	}
	v.why = why
	if p != nil && p.listed {
		v.silence = max(0, time.Duration(a.At.Unix()-p.last)*time.Second) + time.Second
		same := (p.left == 0) == (a.Left == 0) && (p.left == 0 || p.partial == isPartial(a))
		v.few = same && a.Over6 == p.over6 && (a.Event == wire.None || a.Event == wire.Paused) &&
			a.At.Unix()-p.last+1 < int64(m.c.MinInterval/time.Second)
	}
	for _, c := range ended {
		m.end(c, a.At.Unix())
	}
	if p == nil {
		if len(mine) >= 2*m.c.PerMember {
			m.evict(mine)
		}
		p = &modelClient{modelMember: mm, up: a.Uploaded, down: a.Downloaded, left: a.Left}
		m.torrents[a.Torrent] = append(m.torrents[a.Torrent], p)
		m.take(p, a, listed, true)
	} else {
		m.take(p, a, listed, false)
	}
	v.client = p
	return v
}

// fillIn sets what the announce does not tell.
func (m *model) fillIn(a *Announce, p *modelClient) {
	c := &modelClient{up: math.MaxInt64, down: math.MaxInt64, left: math.MaxInt64}
	if p != nil {
		c = p
	}
	for _, of := range []struct{ told, was *int64 }{{&a.Uploaded, &c.up}, {&a.Downloaded, &c.down}} {
		if *of.told == -1 {
			*of.told = *of.was
		}
	}
	switch {
	case a.Left >= 0:
	case a.Event == wire.Completed:
		a.Left = 0
	default:
		a.Left = c.left
	}
}

// listensAt reports whether the client is where a says that its client is.
func (c *modelClient) listensAt(a *Announce) bool {
	for _, at := range [][2]wire.Endpoint{{c.v4, a.V4}, {c.v6, a.V6}, {c.private, a.Private}} {
		if at[0] == at[1] && !at[0].IsZero() {
			return true
		}
	}
	return false
}

// end lets a client make place for another at its address.
func (m *model) end(c *modelClient, now int64) {
	m.rest(c, now)
	if c.left > 0 {
		m.lacking[c.torrent] = max(m.lacking[c.torrent], now)
	}
	m.changed[c.torrent] = true
}

func isPartial(a *Announce) bool { return a.Event == wire.Paused && a.Left > 0 }

// lacksSlot reports whether an announce would make the member download one torrent too
// many.
func (m *model) lacksSlot(a *Announce, mine []*modelClient) bool {
	if a.Slots == 0 || a.Left == 0 || isPartial(a) || a.Event == wire.Stopped || slices.ContainsFunc(mine, (*modelClient).downloads) {
		return false
	}
	used := 0
	for _, clients := range m.torrents {
		if slices.ContainsFunc(clients, func(c *modelClient) bool { return c.member == a.Member && c.downloads() }) {
			used++
		}
	}
	return used >= a.Slots
}

func (m *model) evict(mine []*modelClient) {
	var idle []*modelClient
	for _, c := range mine {
		if !c.listed {
			idle = append(idle, c)
		}
	}
	m.forget(slices.MinFunc(idle, func(c, d *modelClient) int {
		return cmp.Or(cmp.Compare(c.off, d.off), bytes.Compare(c.id[:], d.id[:]))
	}))
}

func (m *model) forget(c *modelClient) {
	rest := slices.DeleteFunc(m.torrents[c.torrent], func(d *modelClient) bool { return c == d })
	m.torrents[c.torrent] = rest
	if len(rest) == 0 {
		delete(m.torrents, c.torrent)
		delete(m.lacking, c.torrent)
	}
	if len(m.clientsOf(c.modelMember)) == 0 {
		delete(m.seeded, c.modelMember)
	}
}

// isOvertaken reports whether a may be older than the last announce of p.
func isOvertaken(a *Announce, p *modelClient) bool {
	elapsed := a.At.Unix() - p.last
	return a.Event != wire.Started && a.Over6 != p.over6 && elapsed < 10 && elapsed > -10
}

// counters returns what p has reported after a.
func (p *modelClient) counters(a *Announce) (up, down, left int64) {
	up, down, left = a.Uploaded, a.Downloaded, a.Left
	if !isOvertaken(a, p) {
		return up, down, left
	}
	if up < p.up || up == p.up && down < p.down {
		left = p.left
	}
	return max(up, p.up), max(down, p.down), left
}

func (m *model) judge(a *Announce, p *modelClient, mine, ended []*modelClient, listed bool, account *modelAccount) (ch Change, why Suspicion) {
	ch = Change{Member: a.Member, Torrent: a.Torrent, At: a.At}
	others := slices.DeleteFunc(slices.Clone(mine), func(c *modelClient) bool { return slices.Contains(ended, c) })
	left := a.Left
	if p == nil {
		ch.Basis = Fresh
		switch {
		case left == 0 && slices.ContainsFunc(ended, func(c *modelClient) bool { return c.left > 0 }):
			ch.Completion = Completed
		case left == 0:
			ch.Completion = MaybeCompleted
		}
	} else {
		var up, down int64
		up, down, left = p.counters(a)
		told := [2]int64{up - p.up, down - p.down}
		switch back := told[0] < 0 || told[1] < 0; {
		case back && (told[0] > 0 || told[1] > 0):
			ch.Basis = Rebased
		case back:
			ch.Basis = Restarted
		}
		if p.left > 0 && left == 0 {
			ch.Completion = Completed
		}
		why = m.credit(a, p, mine, told, account, &ch)
		if p.listed && p.left == 0 {
			if s := a.At.Unix() - max(p.last, m.seeded[p.modelMember]); s > 0 {
				ch.SeedTime = min(time.Duration(s)*time.Second, m.c.SeedCap)
			}
		}
	}
	ch.Active, ch.Left = m.activity(others, p, listed, left)
	return ch, why
}

// activity reports whether a member takes part in a torrent, and the smallest left of
// the clients that do; listed says whether p does. If none does, it is p's left.
func (m *model) activity(mine []*modelClient, p *modelClient, listed bool, left int64) (bool, core.Bytes) {
	var lefts []int64
	if listed {
		lefts = append(lefts, left)
	}
	for _, c := range mine {
		if c != p && c.listed {
			lefts = append(lefts, c.left)
		}
	}
	if len(lefts) == 0 {
		return false, core.Bytes(left)
	}
	return true, core.Bytes(slices.Min(lefts))
}

func (m *model) take(p *modelClient, a *Announce, listed, fresh bool) {
	now := a.At.Unix()
	if p.listed && p.left == 0 {
		m.seeded[p.modelMember] = now
	}
	wasListed, wasSeeder, lacked := p.listed, p.left == 0, p.left > 0
	if !fresh {
		p.up, p.down, p.left = p.counters(a)
	}
	p.id, p.last, p.over6, p.micro = a.PeerID, now, a.Over6, a.At.UnixMicro()/4000*4000
	if a.Key != 0 {
		p.key = a.Key
	}
	p.partial = isPartial(a)
	if lacked && !fresh || p.left > 0 || m.lacking[p.torrent] == 0 {
		m.lacking[p.torrent] = max(m.lacking[p.torrent], now)
	}
	if !a.V4.IsZero() {
		p.v4, p.seen4 = a.V4, now
	} else if now-p.seen4 > int64(m.c.Timeout/time.Second) {
		p.v4 = wire.Endpoint{}
	}
	if !a.V6.IsZero() {
		p.v6, p.seen6 = a.V6, now
	} else if now-p.seen6 > int64(m.c.Timeout/time.Second) {
		p.v6 = wire.Endpoint{}
	}
	if !a.Private.IsZero() {
		p.private = a.Private
	}
	if p.listed = listed; !listed {
		m.rest(p, now)
	}
	if p.listed != wasListed || p.listed && (p.left == 0) != wasSeeder {
		m.changed[p.torrent] = true
	}
}

func (m *model) rest(p *modelClient, now int64) {
	p.listed, p.off, p.v4, p.v6, p.private = false, now, wire.Endpoint{}, wire.Endpoint{}, wire.Endpoint{}
}

// unlist unlists the clients of a member that which selects, in the order of their last
// announces, and returns the changes.
func (m *model) unlist(mine []*modelClient, now int64, which func(*modelClient) bool) []Change {
	slices.SortFunc(mine, func(c, d *modelClient) int {
		return cmp.Or(cmp.Compare(c.last, d.last), bytes.Compare(c.id[:], d.id[:]))
	})
	var out []Change
	for _, c := range mine {
		if !c.listed || !which(c) {
			continue
		}
		m.rest(c, now)
		if c.left > 0 {
			m.lacking[c.torrent] = max(m.lacking[c.torrent], now)
		}
		m.changed[c.torrent] = true
		ch := Change{Member: c.member, Torrent: c.torrent, At: time.Unix(c.last, 0)}
		ch.Active, ch.Left = m.activity(mine, c, false, c.left)
		out = append(out, ch)
	}
	return out
}

// members returns the members that match a torrent (0 is any) and an id (0 is any).
func (m *model) members(torrent core.TorrentID, member core.MemberID) []modelMember {
	var out []modelMember
	for _, clients := range m.torrents {
		for _, c := range clients {
			if (torrent == 0 || c.torrent == torrent) && (member == 0 || c.member == member) && !slices.Contains(out, c.modelMember) {
				out = append(out, c.modelMember)
			}
		}
	}
	return out
}

func (m *model) reap(now int64) []Change {
	var out []Change
	for _, mm := range m.members(0, 0) {
		mine := m.clientsOf(mm)
		out = append(out, m.unlist(mine, now, func(c *modelClient) bool { return now-c.last >= int64(m.c.Timeout/time.Second) })...)
		for _, c := range mine {
			if !c.listed && now-c.off >= int64(m.c.Forget/time.Second) {
				m.forget(c)
			}
		}
	}
	return out
}

func (m *model) hide(ids []core.MemberID, now int64) []Change {
	var out []Change
	for _, id := range ids {
		for _, mm := range m.members(0, id) {
			out = append(out, m.unlist(m.clientsOf(mm), now, func(*modelClient) bool { return true })...)
		}
	}
	return out
}

func (m *model) hideClient(mm modelMember, id wire.PeerID, now int64) []Change {
	return m.unlist(m.clientsOf(mm), now, func(c *modelClient) bool { return c.id == id })
}

func (m *model) drop(id core.TorrentID, now int64) []Change {
	var out []Change
	for _, mm := range m.members(id, 0) {
		mine := m.clientsOf(mm)
		out = append(out, m.unlist(mine, now, func(*modelClient) bool { return true })...)
		for _, c := range mine {
			m.forget(c)
		}
	}
	return out
}

func (m *model) count(id core.TorrentID) Count {
	n := Count{Torrent: id}
	for _, c := range m.torrents[id] {
		switch {
		case c.listed && c.left == 0:
			n.Seeders++
		case c.listed:
			n.Leechers++
		}
	}
	return n
}

func (m *model) addresses() (v4, v6 int) {
	for _, clients := range m.torrents {
		for _, c := range clients {
			if c.listed && !c.v4.IsZero() {
				v4++
			}
			if c.listed && !c.v6.IsZero() {
				v6++
			}
		}
	}
	return v4, v6
}

func (m *model) totals() Totals {
	n := Totals{Torrents: len(m.torrents)}
	for id, clients := range m.torrents {
		c := m.count(id)
		n.Seeders += c.Seeders
		n.Leechers += c.Leechers
		n.Unlisted += len(clients) - c.Seeders - c.Leechers
	}
	return n
}

// checkPeers reports what is wrong with the peers that p was given. Peers are chosen at
// random, but the candidates and the number of peers are determined.
func (m *model) checkPeers(a *Announce, v expected, got []wire.Peer) error {
	p, want := v.client, m.c.NumWant
	if a.NumWant >= 0 {
		want = min(want, a.NumWant)
	}
	if v.few {
		want = min(want, 5)
	}
	if p == nil || !p.listed {
		want = 0
	}
	if want == 0 {
		if len(got) > 0 {
			return fmt.Errorf("%d peers for one who wants none", len(got))
		}
		return nil
	}
	var seeders, partials, leechers, own []*modelClient
	for _, c := range m.torrents[p.torrent] {
		switch {
		case c == p || !c.listed || c.v4.IsZero() && c.v6.IsZero() || !p.downloads() && !c.downloads():
		case c.member == p.member:
			own = append(own, c)
		case c.left == 0:
			seeders = append(seeders, c)
		case c.partial:
			partials = append(partials, c)
		default:
			leechers = append(leechers, c)
		}
	}
	use4, use6 := !p.v4.IsZero() || p.v6.IsZero(), !p.v6.IsZero() || p.v4.IsZero()
	usable := func(c *modelClient) bool { return use4 && !c.v4.IsZero() || use6 && !c.v6.IsZero() }
	if !slices.ContainsFunc(slices.Concat(seeders, partials, leechers), usable) {
		return m.checkNumbers(a.Bare, got, [3][]*modelClient{own}, want, true, true)
	}
	return m.checkNumbers(a.Bare, got, [3][]*modelClient{seeders, partials, leechers}, want, use4, use6)
}

// checkNumbers compares got with the first, second and third choice of clients.
func (m *model) checkNumbers(bare bool, got []wire.Peer, choices [3][]*modelClient, want int, use4, use6 bool) error {
	var got4, got6, have4, have6 [3]int
	for i, clients := range choices {
		for _, c := range clients {
			if !c.v4.IsZero() {
				have4[i]++
			}
			if !c.v6.IsZero() {
				have6[i]++
			}
		}
	}
	ids := map[wire.PeerID]bool{}
	var at [3]map[wire.Endpoint]int // how many clients of each choice are left; two may share an address
	for i, clients := range choices {
		at[i] = map[wire.Endpoint]int{}
		for _, c := range clients {
			at[i][c.v4]++
			at[i][c.v6]++
		}
	}
	for _, g := range got {
		if bare {
			if g.ID != (wire.PeerID{}) || g.V4.IsZero() == g.V6.IsZero() {
				return fmt.Errorf("%+v is not bare", g)
			}
		} else if ids[g.ID] {
			return fmt.Errorf("%q is there twice", g.ID)
		}
		ids[g.ID] = true
		if g.V4.IsZero() && g.V6.IsZero() {
			return fmt.Errorf("%q without an address", g.ID)
		}
		from := slices.IndexFunc(choices[:], func(clients []*modelClient) bool {
			return slices.ContainsFunc(clients, func(c *modelClient) bool {
				return c.id == g.ID && (g.V4.IsZero() || g.V4 == c.v4) && (g.V6.IsZero() || g.V6 == c.v6)
			})
		})
		if bare {
			from = slices.IndexFunc(at[:], func(n map[wire.Endpoint]int) bool {
				return (g.V4.IsZero() || n[g.V4] > 0) && (g.V6.IsZero() || n[g.V6] > 0)
			})
		}
		if from < 0 {
			return fmt.Errorf("%q at %v, %v is not to be given", g.ID, g.V4.AddrPort(), g.V6.AddrPort())
		}
		at[from][g.V4]--
		at[from][g.V6]--
		if !g.V4.IsZero() {
			got4[from]++
		}
		if !g.V6.IsZero() {
			got6[from]++
		}
	}
	full := func(have [3]int) (n [3]int) {
		n[0] = min(want, have[0])
		n[1] = min(want-n[0], have[1])
		n[2] = min(want-n[0]-n[1], have[2])
		return n
	}
	if use4 && got4 != full(have4) || use6 && got6 != full(have6) {
		return fmt.Errorf("%v and %v addresses of first, second and third choice, want %v and %v", got4, got6, full(have4), full(have6))
	}
	if got4[0]+got4[1]+got4[2] > want || got6[0]+got6[1]+got6[2] > want {
		return errors.New("more peers than wanted")
	}
	return nil
}
