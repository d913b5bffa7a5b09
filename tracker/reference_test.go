package tracker

import (
	"cmp"
	"fmt"
	"math/big"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/ledger"
)

// reference implements the tracker a second time, from the text of a request to what is
// counted, as plainly as possible and without any of the tracker's code. Seed time is
// left to the model of the swarms.
type reference struct {
	members  map[string]refMember // by passkey
	torrents map[string]refTorrent
	clients  []string // prefixes that are allowed
	timeout  int64    // seconds, as all times here
	forget   int64
	min      int64
	rate     int64
	most     int // clients of a member in a torrent
	swarms   map[core.TorrentID][]*refClient
}

type refMember struct {
	id                core.MemberID
	enabled, canLeech bool
}

type refTorrent struct {
	id      core.TorrentID
	size    int64
	leech   core.Leech
	deleted bool
}

type refClient struct {
	member                           core.MemberID
	id, key                          string
	v4, v6                           string // "" is none
	up, down, left                   int64
	last, off, seen4, seen6          int64
	listed, partial, over6, anything bool
}

func (c *refClient) kind() int {
	switch {
	case c.left == 0:
		return 0
	case c.partial:
		return 1
	}
	return 2
}

// refAnswer is what a request must lead to.
type refAnswer struct {
	fails             bool
	seeders, leechers int
	entry             *ledger.Entry // that must be recorded; its seed time does not count
	peers             func(v4, v6 []string) error
}

var refuses = refAnswer{fails: true}

// refQuery is an announce; ok is false when it can't be read.
type refQuery struct {
	hash, id, key, event string
	port                 int64
	up, down, left       int64
	numWant              int64 // -1 for the default
}

var wholeNumber = regexp.MustCompile("^[0-9]+$")

func refParse(query string) (q refQuery, ok bool) {
	q.numWant = -1
	if len(query) > 2048 {
		return q, false
	}
	seen := map[string]bool{}
	ok = true
	for _, pair := range strings.Split(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		switch name {
		case "info_hash", "peer_id", "port", "uploaded", "downloaded", "left", "event", "numwant", "compact", "no_peer_id", "key":
		default:
			continue
		}
		ok = ok && !seen[name]
		seen[name] = true
		number := func(most int64) int64 {
			n, valid := new(big.Int).SetString(value, 10)
			if !wholeNumber.MatchString(value) || !valid || n.Cmp(big.NewInt(most)) > 0 {
				ok = false
				return 0
			}
			return n.Int64()
		}
		text := func() string {
			s, err := url.QueryUnescape(value)
			ok = ok && err == nil
			return s
		}
		const most = 1<<63 - 1
		switch name {
		case "info_hash":
			q.hash = text()
		case "peer_id":
			q.id = text()
		case "key":
			q.key = text()
			ok = ok && len(q.key) <= 64
		case "port":
			q.port = number(65535)
		case "uploaded":
			q.up = number(most)
		case "downloaded":
			q.down = number(most)
		case "left":
			q.left = number(most)
		case "event":
			q.event = value
			ok = ok && slices.Contains([]string{"", "empty", "started", "stopped", "completed", "paused"}, value)
		case "numwant":
			digits := strings.TrimPrefix(value, "-")
			n, _ := strconv.ParseInt(digits, 10, 64) // the largest when it is larger
			ok = ok && wholeNumber.MatchString(digits)
			if digits == value {
				q.numWant = min(n, 50)
			}
		}
	}
	for _, name := range []string{"info_hash", "peer_id", "port", "uploaded", "downloaded", "left"} {
		ok = ok && seen[name]
	}
	return q, ok && len(q.hash) == 20 && len(q.id) == 20 && q.port > 0
}

// announce processes an announce from ip at now. If the books are broken, nothing may
// change.
func (r *reference) announce(passkey, query string, ip netip.Addr, now int64, broken bool) refAnswer {
	q, ok := refParse(query)
	m, known := r.members[passkey]
	if !ok || !known {
		return refuses
	}
	stop := q.event == "stopped"
	t, there := r.torrents[q.hash]
	allowed := stop || slices.ContainsFunc(r.clients, func(p string) bool { return strings.HasPrefix(q.id, p) })
	if !m.enabled || !allowed || !there || t.deleted {
		return refAnswer{fails: !stop}
	}
	barred := !m.canLeech && q.left > 0
	mine := r.mine(t.id, m.id)
	c := findRef(mine, q)
	switch {
	case c == nil && stop:
		return r.counted(t.id)
	case c == nil && barred:
		return refuses
	case c == nil && len(mine) >= r.most && !slices.ContainsFunc(mine, func(c *refClient) bool { return !c.listed }):
		return refuses
	}
	e := r.entry(t, m, q, c, mine, ip.Is6(), !stop && !barred, now)
	if broken {
		return refAnswer{fails: true, entry: &e}
	}
	want := int(q.numWant)
	if want < 0 {
		want = 50
	}
	if c == nil {
		if len(mine) >= r.most {
			r.drop(t.id, oldestRef(mine))
		}
		c = &refClient{member: m.id}
		r.swarms[t.id] = append(r.swarms[t.id], c)
	} else if c.listed && (q.event == "" || q.event == "empty" || q.event == "paused") && c.over6 == ip.Is6() && now-c.last+1 < r.min {
		if after := (&refClient{left: q.left, partial: q.event == "paused"}); after.kind() == c.kind() {
			want = min(want, 5)
		}
	}
	r.take(c, q, ip, !stop && !barred, now)
	if barred && !stop {
		return refAnswer{fails: true, entry: &e}
	}
	out := r.counted(t.id)
	out.entry = &e
	if !c.listed {
		want = 0
	}
	out.peers = func(v4, v6 []string) error { return r.checkPeers(t.id, c, want, v4, v6) }
	return out
}

func (r *reference) counted(id core.TorrentID) (a refAnswer) {
	for _, c := range r.swarms[id] {
		switch {
		case c.listed && c.left == 0:
			a.seeders++
		case c.listed:
			a.leechers++
		}
	}
	a.peers = func(v4, v6 []string) error {
		if len(v4)+len(v6) > 0 {
			return fmt.Errorf("peers %v, %v for one who stops", v4, v6)
		}
		return nil
	}
	return a
}

func (r *reference) mine(t core.TorrentID, m core.MemberID) (out []*refClient) {
	for _, c := range r.swarms[t] {
		if c.member == m {
			out = append(out, c)
		}
	}
	return out
}

func findRef(mine []*refClient, q refQuery) (best *refClient) {
	for _, c := range mine {
		if c.id == q.id {
			return c
		}
		fits := q.key != "" && c.key == q.key && q.up >= c.up && q.down >= c.down
		if fits && (best == nil || cmp.Or(cmp.Compare(c.up, best.up), cmp.Compare(c.down, best.down), cmp.Compare(best.id, c.id)) > 0) {
			best = c
		}
	}
	return best
}

func oldestRef(mine []*refClient) (oldest *refClient) {
	for _, c := range mine {
		if !c.listed && (oldest == nil || cmp.Or(cmp.Compare(c.off, oldest.off), cmp.Compare(c.id, oldest.id)) < 0) {
			oldest = c
		}
	}
	return oldest
}

func (r *reference) drop(t core.TorrentID, gone *refClient) {
	r.swarms[t] = slices.DeleteFunc(r.swarms[t], func(c *refClient) bool { return c == gone })
}

// late reports whether q came over the other address family and was overtaken on the way.
func (c *refClient) late(q refQuery, over6 bool, now int64) bool {
	return q.event != "started" && c.over6 != over6 && now-c.last < 10 && (q.up < c.up || q.down < c.down)
}

func (r *reference) entry(t refTorrent, m refMember, q refQuery, c *refClient, mine []*refClient, over6, listed bool, now int64) ledger.Entry {
	e := ledger.Entry{Member: m.id, Torrent: t.id, Left: core.Bytes(q.left), Active: listed}
	for _, other := range mine {
		if other != c && other.listed {
			if !e.Active || other.left < int64(e.Left) {
				e.Left = core.Bytes(other.left)
			}
			e.Active = true
		}
	}
	switch {
	case c == nil && q.left == 0:
		e.Completion = ledger.MaybeCompleted
	case c == nil || c.late(q, over6, now):
	default:
		if c.left > 0 && q.left == 0 {
			e.Completion = ledger.Completed
		}
		if q.up >= c.up && q.down >= c.down {
			others := int64(max(1, len(r.swarms[t.id])-len(mine)))
			line := r.rate * (now - c.last + 1)
			e.RawUp = core.Bytes(min(q.up-c.up, line, 2*t.size*others+64<<20))
			e.RawDown = core.Bytes(min(q.down-c.down, line, 2*t.size+64<<20))
		}
	}
	e.Up, e.Down = e.RawUp, e.RawDown
	if t.leech != core.LeechNormal {
		e.Down = 0
	}
	if t.leech == core.LeechNeutral {
		e.Up = 0
	}
	return e
}

func (r *reference) take(c *refClient, q refQuery, ip netip.Addr, listed bool, now int64) {
	if !c.anything || !c.late(q, ip.Is6(), now) {
		c.up, c.down, c.left = q.up, q.down, q.left
	}
	c.anything, c.id, c.last, c.over6, c.partial = true, q.id, now, ip.Is6(), q.event == "paused" && q.left > 0
	if q.key != "" {
		c.key = q.key
	}
	if now-c.seen4 > r.timeout {
		c.v4 = ""
	}
	if now-c.seen6 > r.timeout {
		c.v6 = ""
	}
	at := netip.AddrPortFrom(ip, uint16(q.port)).String()
	switch {
	case ip.IsLoopback():
	case ip.Is6():
		c.v6, c.seen6 = at, now
	default:
		c.v4, c.seen4 = at, now
	}
	if c.listed = listed; !listed {
		c.v4, c.v6, c.off = "", "", now
	}
}

// reap unlists silent clients and forgets those that were unlisted for long.
func (r *reference) reap(now int64) {
	for id, clients := range r.swarms {
		for _, c := range clients {
			switch {
			case c.listed && now-c.last >= r.timeout:
				c.listed, c.v4, c.v6, c.off = false, "", "", now
			case !c.listed && now-c.off >= r.forget:
				c.member = 0
			}
		}
		r.swarms[id] = slices.DeleteFunc(clients, func(c *refClient) bool { return c.member == 0 })
	}
}

func (r *reference) checkPeers(t core.TorrentID, me *refClient, want int, v4, v6 []string) error {
	var kinds [3][]*refClient
	var own []*refClient
	use4, use6 := me.v4 != "" || me.v6 == "", me.v6 != "" || me.v4 == ""
	usable := false
	for _, c := range r.swarms[t] {
		switch {
		case c == me || !c.listed || me.kind() != 2 && c.kind() != 2:
		case c.member == me.member:
			own = append(own, c)
		default:
			kinds[c.kind()] = append(kinds[c.kind()], c)
			usable = usable || use4 && c.v4 != "" || use6 && c.v6 != ""
		}
	}
	if !usable {
		kinds, use4, use6 = [3][]*refClient{own}, true, true
	}
	address4, address6 := func(c *refClient) string { return c.v4 }, func(c *refClient) string { return c.v6 }
	if err := checkFamily(kinds, address4, want, v4, use4); err != nil {
		return err
	}
	return checkFamily(kinds, address6, want, v6, use6)
}

// checkFamily checks that the addresses of one family are among those that may be given,
// and that there are as many of each kind as there must be, first kinds first.
func checkFamily(kinds [3][]*refClient, address func(*refClient) string, want int, got []string, exact bool) error {
	left := want
	rest := slices.Clone(got)
	for _, clients := range kinds {
		have, found := 0, 0
		for _, c := range clients {
			if a := address(c); a != "" {
				have++
				if i := slices.Index(rest, a); i >= 0 {
					rest = slices.Delete(rest, i, i+1)
					found++
				}
			}
		}
		if must := min(left, have); exact && found != must {
			return fmt.Errorf("%d of a kind in %v, want %d", found, got, must)
		}
		left = max(0, left-have)
	}
	if len(rest) > 0 || len(got) > want || exact && len(got) != want-left {
		return fmt.Errorf("%v: %d of them are not to be given, and %d can be", got, len(rest), want-left)
	}
	return nil
}
