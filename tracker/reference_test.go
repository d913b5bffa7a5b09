package tracker

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/tracker/ledger"
)

// reference implements the tracker a second time, from the text of a request to what is
// counted, as plainly as possible and without any of the tracker's code. Seed time is
// left to the model of the swarms.
type reference struct {
	members  map[string]refMember // by announce key
	torrents map[string]refTorrent
	clients  []string // prefixes that are allowed
	timeout  int64    // seconds, as all times here that do not say otherwise
	forget   int64
	interval int64
	min      int64
	rate     int64 // bytes that a line carries in a second
	most     int   // listed clients of a member in a torrent
	swarms   map[core.TorrentID][]*refClient
	accounts map[core.MemberID]*refAccount
	used     map[refPair]*[2]int64 // when the allowances of a member on a torrent, up and down, are whole again
}

type refPair struct {
	torrent core.TorrentID
	member  core.MemberID
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
	v4, v6, private                  string // "" is none
	up, down, left                   int64
	last, off, seen4, seen6          int64
	micro                            int64 // when it last announced, in Unix microseconds, to the nearest 4000 before
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

// refQuery is an announce.
type refQuery struct {
	hash, id, key, event string
	port                 int64
	up, down, left       int64 // -1 is not known
	numWant              int64 // -1 for the default
}

var wholeNumber = regexp.MustCompile("^[0-9]+$")

// refParse reads what can be used of a query; ok is false if that is not enough.
func refParse(query string) (q refQuery, ok bool) {
	if len(query) > 8000 {
		return q, false
	}
	values := map[string][]string{} // that can be used, each once
	stop := false
	for _, pair := range strings.Split(query, "&") {
		name, raw, _ := strings.Cut(pair, "=")
		value, err := url.QueryUnescape(raw)
		if err != nil || !refUsable(name, raw, value) {
			continue
		}
		switch name {
		case "event":
			value = strings.ToLower(value)
			if value == "empty" {
				value = ""
			}
			stop = stop || value == "stopped"
		case "numwant":
			if n, _ := strconv.ParseInt(value, 10, 64); strings.HasPrefix(value, "-") {
				value = "-1"
			} else { // the largest when it is larger
				value = strconv.FormatInt(min(n, math.MaxInt32), 10)
			}
		case "port", "uploaded", "downloaded", "left":
			n, _ := strconv.ParseInt(value, 10, 64)
			value = strconv.FormatInt(n, 10)
		}
		if !slices.Contains(values[name], value) {
			values[name] = append(values[name], value)
		}
	}
	one := func(name string) string {
		if len(values[name]) == 1 {
			return values[name][0]
		}
		return ""
	}
	number := func(name string) int64 {
		if n, err := strconv.ParseInt(one(name), 10, 64); err == nil {
			return n
		}
		return -1
	}
	q = refQuery{hash: one("info_hash"), id: one("peer_id"), key: one("key"), event: one("event"), port: max(number("port"), 0),
		up: number("uploaded"), down: number("downloaded"), left: number("left"), numWant: min(number("numwant"), 50)}
	if stop {
		q.event = "stopped"
	}
	return q, q.hash != "" && q.id != "" && (q.port > 0 || stop)
}

// refUsable reports whether a value can be used for a parameter.
func refUsable(name, raw, value string) bool {
	number := func(least, most int64) bool {
		n, ok := new(big.Int).SetString(value, 10)
		return wholeNumber.MatchString(value) && ok && n.Cmp(big.NewInt(least)) >= 0 && n.Cmp(big.NewInt(most)) <= 0 && (len(value) <= 32 || raw == value)
	}
	switch name {
	case "info_hash", "peer_id":
		return len(value) == 20
	case "port":
		return number(1, 65535)
	case "uploaded", "downloaded", "left":
		return number(0, math.MaxInt64)
	case "event":
		return slices.Contains([]string{"", "empty", "started", "stopped", "completed", "paused"}, strings.ToLower(value))
	case "numwant":
		return wholeNumber.MatchString(strings.TrimPrefix(value, "-")) && (len(strings.TrimPrefix(value, "-")) <= 32 || raw == value) && (!strings.HasPrefix(value, "-") || strings.HasPrefix(raw, "-"))
	case "key":
		return true
	}
	return false
}

// announce processes an announce from ip at an instant. If the books are broken, nothing
// may change.
func (r *reference) announce(announceKey, query string, ip netip.Addr, at time.Time, broken bool) refAnswer {
	q, ok := refParse(query)
	m, known := r.members[announceKey]
	if !ok || !known {
		return refuses
	}
	now, stop := at.Unix(), q.event == "stopped"
	t, there := r.torrents[q.hash]
	allowed := stop || slices.ContainsFunc(r.clients, func(p string) bool { return strings.HasPrefix(q.id, p) })
	if !m.enabled || !allowed || !there || t.deleted {
		return refAnswer{fails: !stop}
	}
	mine := r.mine(t.id, m.id)
	c := findRef(mine, q)
	if c == nil && stop {
		return r.counted(t.id)
	}
	q.fillIn(c)
	barred := !m.canLeech && q.left > 0
	if c == nil && barred {
		return refuses
	}
	listed := !stop && !barred
	ended := endedRef(mine, c, q, ip, listed)
	if listed && (c == nil || !c.listed) && countRef(mine, func(o *refClient) bool { return o.listed && !slices.Contains(ended, o) }) >= r.most {
		return refuses
	}
	account, undo := r.account(t.id, m.id, c != nil, at)
	e := r.entry(t, m, q, c, mine, ended, ip.Is6(), listed, account, at)
	if broken {
		undo()
		return refAnswer{fails: true, entry: &e}
	}
	want := int(q.numWant)
	if want < 0 {
		want = 50
	}
	for _, o := range ended {
		o.unlist(now)
	}
	if c == nil {
		if len(mine) >= 2*r.most {
			r.drop(t.id, oldestRef(mine))
		}
		c = &refClient{member: m.id}
		r.swarms[t.id] = append(r.swarms[t.id], c)
	} else if c.listed && (q.event == "" || q.event == "paused") && c.over6 == ip.Is6() && now-c.last+1 < r.min {
		if after := (&refClient{left: q.left, partial: q.event == "paused"}); after.kind() == c.kind() {
			want = min(want, 5)
		}
	}
	r.take(c, q, ip, listed, at)
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

// fillIn sets what a client does not tell to what it told before.
func (q *refQuery) fillIn(c *refClient) {
	if c == nil {
		c = &refClient{up: math.MaxInt64, down: math.MaxInt64, left: math.MaxInt64}
	}
	if q.up < 0 {
		q.up = c.up
	}
	if q.down < 0 {
		q.down = c.down
	}
	switch {
	case q.left >= 0:
	case q.event == "completed":
		q.left = 0
	default:
		q.left = c.left
	}
}

// endedRef returns the clients whose place is taken: they are listed where one starts, or
// where one announces that was not known.
func endedRef(mine []*refClient, c *refClient, q refQuery, ip netip.Addr, listed bool) (ended []*refClient) {
	at := netip.AddrPortFrom(ip, uint16(q.port)).String()
	for _, o := range mine {
		if listed && (c == nil || q.event == "started") && o != c && o.listed && (o.v4 == at || o.v6 == at || o.private == at) {
			ended = append(ended, o)
		}
	}
	return ended
}

func countRef(clients []*refClient, which func(*refClient) bool) (n int) {
	for _, c := range clients {
		if which(c) {
			n++
		}
	}
	return n
}

func (c *refClient) unlist(now int64) {
	c.listed, c.v4, c.v6, c.private, c.off = false, "", "", "", now
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
		fits := q.key != "" && c.key == q.key && (q.up < 0 || q.up >= c.up) && (q.down < 0 || q.down >= c.down)
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

// late reports whether q came over the other address family, and may have been overtaken
// on the way.
func (c *refClient) late(q refQuery, over6 bool, now int64) bool {
	return q.event != "started" && c.over6 != over6 && now-c.last < 10 && now-c.last > -10
}

// counters returns what the client has reported after q: each counter is judged for itself.
func (c *refClient) counters(q refQuery, over6 bool, now int64) (up, down, left int64) {
	if !c.late(q, over6, now) {
		return q.up, q.down, q.left
	}
	left = q.left
	if q.up < c.up || q.up == c.up && q.down < c.down {
		left = c.left // it is a moment old
	}
	return max(q.up, c.up), max(q.down, c.down), left
}

func (r *reference) entry(t refTorrent, m refMember, q refQuery, c *refClient, mine, ended []*refClient, over6, listed bool, account *refAccount, at time.Time) ledger.Entry {
	e := ledger.Entry{Member: m.id, Torrent: t.id, Left: core.Bytes(q.left), Active: listed}
	var up, down, left int64
	if c != nil {
		up, down, left = c.counters(q, over6, at.Unix())
		e.Left = core.Bytes(left)
	}
	for _, other := range mine {
		if other != c && other.listed && !slices.Contains(ended, other) {
			if !e.Active || other.left < int64(e.Left) {
				e.Left = core.Bytes(other.left)
			}
			e.Active = true
		}
	}
	switch {
	case c == nil && q.left > 0:
	case c == nil && slices.ContainsFunc(ended, func(o *refClient) bool { return o.left > 0 }):
		e.Completion = ledger.Completed
	case c == nil:
		e.Completion = ledger.MaybeCompleted
	default:
		if c.left > 0 && left == 0 {
			e.Completion = ledger.Completed
		}
		others := max(1, len(r.swarms[t.id])-len(mine))
		used := r.used[refPair{t.id, m.id}]
		e.RawUp = r.credit(up-c.up, others, t, c, 0, account, used, at)
		e.RawDown = r.credit(down-c.down, len(mine), t, c, 1, account, used, at)
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

func (r *reference) take(c *refClient, q refQuery, ip netip.Addr, listed bool, at time.Time) {
	now := at.Unix()
	if c.anything {
		c.up, c.down, c.left = c.counters(q, ip.Is6(), now)
	} else {
		c.up, c.down, c.left = q.up, q.down, q.left
	}
	c.anything, c.id, c.last, c.over6, c.partial = true, q.id, now, ip.Is6(), q.event == "paused" && q.left > 0
	c.micro = at.UnixMicro() / 4000 * 4000
	if q.key != "" {
		c.key = q.key
	}
	if now-c.seen4 > r.timeout {
		c.v4 = ""
	}
	if now-c.seen6 > r.timeout {
		c.v6 = ""
	}
	where := netip.AddrPortFrom(ip, uint16(q.port)).String()
	switch {
	case ip.IsLoopback() || ip.IsPrivate():
		c.private = where
	case ip.Is6():
		c.v6, c.seen6 = where, now
	default:
		c.v4, c.seen4 = where, now
	}
	if c.listed = listed; !listed {
		c.unlist(now)
	}
}

// reap unlists silent clients and forgets those that were unlisted for long.
func (r *reference) reap(now int64) {
	for id, clients := range r.swarms {
		for _, c := range clients {
			switch {
			case c.listed && now-c.last >= r.timeout:
				c.unlist(now)
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
