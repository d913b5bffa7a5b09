package swarm

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// The directions of transfer.
const (
	up = iota
	down
	directions
)

// allowance is an amount of bytes that comes back evenly: all of it in period. How much
// of it is used up is one number, the instant at which it will be whole again. Such an
// instant only grows, so that records of it can be replayed in any order and twice.
// Instants are Unix microseconds.
type allowance struct{ bytes, period int64 }

// clockSlack is how far clocks and event loops may differ, in microseconds.
const clockSlack = 10 * int64(time.Second/time.Microsecond)

// owed is how long it takes until the allowance is whole, from 0 to its period. An
// instant later than that can only come from a clock that was wrong: it is forgotten.
func (w allowance) owed(whole, now int64) int64 {
	owed := whole - now
	if owed > w.period+clockSlack {
		return 0
	}
	return min(max(owed, 0), w.period)
}

// left is what can be used now. Nothing limits an allowance of MaxInt64.
func (w allowance) left(whole, now int64) int64 {
	if w.bytes == math.MaxInt64 {
		return w.bytes
	}
	return scale(w.bytes, w.period-w.owed(whole, now), w.period, false)
}

// use returns when the allowance is whole again after n of what is left was used.
func (w allowance) use(whole, now, n int64) int64 {
	if n == 0 || w.bytes == math.MaxInt64 {
		return whole
	}
	return now + w.owed(whole, now) + scale(n, w.period, w.bytes, true)
}

// scale returns a*b/c, rounded down or up, or MaxInt64 if that is more. No argument may
// be negative, and c must not be 0.
func scale(a, b, c int64, roundUp bool) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return math.MaxInt64
	}
	q, rest := bits.Div64(hi, lo, uint64(c))
	if roundUp && rest > 0 {
		q++
	}
	return int64(min(q, math.MaxInt64))
}

// budgets are the sizes of all allowances.
type budgets struct {
	rate  int64     // bytes that a line carries in a second
	line  allowance // of a member
	grace allowance // of a member
}

const (
	sizeFactor = 2        // how many times a torrent's size one client may transfer to or from another in a period
	graceBytes = 64 << 20 // of a member in a period, for what line and torrents don't explain
)

func newBudgets(c Config) budgets {
	period := max(c.Interval, time.Second).Microseconds()
	kept := max(c.Timeout, time.Second)
	return budgets{
		rate:  c.MaxRate,
		line:  allowance{bytes: scale(c.MaxRate, int64(kept/time.Microsecond), 1e6, false), period: int64(kept / time.Microsecond)},
		grace: allowance{bytes: graceBytes, period: period},
	}
}

// torrent is the allowance of a member's clients on a torrent of a size, with a number of
// clients at the other end.
func (b *budgets) torrent(size, clients int64) allowance {
	w := allowance{bytes: math.MaxInt64, period: b.grace.period}
	if size > 0 && size <= math.MaxInt64/sizeFactor/clients {
		w.bytes = size * sizeFactor * clients
	}
	return w
}

// account is what was used of a member's allowances: when each is whole again.
type account struct {
	line, grace [directions]int64
	seen        uint32 // when the member last announced, in Unix seconds
}

type memberAccount struct {
	member uint32
	account
}

// accounts holds the account of each member with a client that is remembered. It has its
// own locks, which are taken after a shard's: the clients of a member are in all shards.
type accounts struct {
	budgets
	kept   uint32 // for how many seconds an account is kept after the last announce
	shards [shards]struct {
		mu sync.Mutex
		of map[uint32]*account
	}
}

func (l *accounts) open(c Config) {
	l.budgets, l.kept = newBudgets(c), wholeSeconds(c.Timeout)+wholeSeconds(c.Forget)
	for i := range l.shards {
		l.shards[i].of = map[uint32]*account{}
	}
}

// claim is what an announce tells of one direction, and what came of it.
type claim struct {
	told    int64
	line    int64     // what the line carries since the client's last announce
	torrent allowance // of the member on this torrent
	whole   int64     // when the torrent's allowance is whole: before, then after

	counts    int64
	overLine  bool  // it is the line that explains too little
	lineTime  int64 // how much later the member's line is whole for it
	graceTime int64 // and the grace
}

// settled is an account after an announce, and which of its parts the announce has
// changed.
type settled struct {
	account
	changed byte // bits of the record's mask
	created bool // there was no account before
}

// settle judges claims, and takes what counts out of the member's account. A member who
// is new to the tracker begins with a line that has carried nothing yet. If there is no
// account although a client is known, nothing is known of its line, which is then whole.
func (l *accounts) settle(member uint32, now int64, knownClient bool, claims *[directions]claim) (out settled) {
	sh := &l.shards[member%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	a, seconds := sh.of[member], uint32(min(now/1e6, math.MaxUint32))
	if a == nil || l.expired(a, seconds) {
		a, out.created = &account{}, true
		if !knownClient {
			a.line = [directions]int64{now + l.line.period, now + l.line.period}
			out.changed = maskLine<<up | maskLine<<down
		}
		sh.of[member] = a
	}
	a.seen = seconds
	for d := range claims {
		if c := &claims[d]; c.told > 0 {
			out.changed |= l.judge(a, c, d, now)
		}
	}
	out.account = *a
	return out
}

// judge decides how much of a claim counts, and takes it out of a.
func (l *accounts) judge(a *account, c *claim, d int, now int64) (changed byte) {
	line, torrent := min(c.line, l.line.left(a.line[d], now)), c.torrent.left(c.whole, now)
	c.overLine = c.told > line && line <= torrent
	explained := min(c.told, line, torrent)
	granted := min(c.told-explained, l.grace.left(a.grace[d], now))
	c.counts = explained + granted
	if explained > 0 {
		before := now + l.line.owed(a.line[d], now)
		a.line[d] = l.line.use(a.line[d], now, explained)
		c.lineTime = a.line[d] - before
		c.whole = c.torrent.use(c.whole, now, explained)
		changed |= maskLine << d
	}
	if granted > 0 {
		before := now + l.grace.owed(a.grace[d], now)
		a.grace[d] = l.grace.use(a.grace[d], now, granted)
		c.graceTime = a.grace[d] - before
		changed |= maskGrace << d
	}
	return changed
}

// giveBack undoes settle for an announce that was not recorded.
func (l *accounts) giveBack(member uint32, v *verdict) {
	sh := &l.shards[member%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	a := sh.of[member]
	if a == nil {
		return
	}
	unchanged := *a == v.settled.account
	for d := range v.claims {
		a.line[d] -= v.claims[d].lineTime
		a.grace[d] -= v.claims[d].graceTime
	}
	if unchanged && v.settled.created {
		delete(sh.of, member)
	}
}

// raise brings a member's account to at least what a record or a snapshot says.
func (l *accounts) raise(member uint32, to *account) {
	sh := &l.shards[member%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	a := sh.of[member]
	if a == nil {
		a = &account{}
		sh.of[member] = a
	}
	for d := range directions {
		a.line[d], a.grace[d] = max(a.line[d], to.line[d]), max(a.grace[d], to.grace[d])
	}
	a.seen = max(a.seen, to.seen)
}

// expired reports whether an account's member has no client any more.
func (l *accounts) expired(a *account, now uint32) bool {
	return int64(now)-int64(a.seen) > int64(l.kept)
}

// sweep drops the expired accounts of a part of the members. One that was seen in the
// future was seen by a clock that was wrong, and stays as long as any other.
func (l *accounts) sweep(part int, now uint32) {
	sh := &l.shards[part%shards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for m, a := range sh.of {
		if a.seen = min(a.seen, now); l.expired(a, now) {
			delete(sh.of, m)
		}
	}
}

// appendTo writes all accounts, in an order that is always the same.
func (l *accounts) appendTo(out *blocks) error {
	for i := range l.shards {
		if err := l.appendShard(i, out); err != nil {
			return err
		}
	}
	if out.entries == 0 {
		return nil
	}
	return out.flush()
}

func (l *accounts) appendShard(i int, out *blocks) error {
	sh := &l.shards[i]
	sh.mu.Lock()
	all := make([]memberAccount, 0, len(sh.of))
	for m, a := range sh.of {
		all = append(all, memberAccount{m, *a})
	}
	sh.mu.Unlock()
	slices.SortFunc(all, func(a, b memberAccount) int { return cmp.Compare(a.member, b.member) })
	for _, a := range all {
		out.buf = binary.AppendUvarint(out.buf, uint64(a.member))
		out.buf = binary.LittleEndian.AppendUint32(out.buf, a.seen)
		for _, whole := range [...]int64{a.line[up], a.line[down], a.grace[up], a.grace[down]} {
			out.buf = binary.AppendUvarint(out.buf, uint64(max(whole, 0)))
		}
		if err := out.added(); err != nil {
			return err
		}
	}
	return nil
}

// take reads the accounts of a block.
func (l *accounts) take(in *reader) error {
	for range in.entries {
		member := uint32(in.number(math.MaxUint32))
		a := account{seen: in.instant()}
		for _, whole := range [...]*int64{&a.line[up], &a.line[down], &a.grace[up], &a.grace[down]} {
			*whole = int64(in.number(math.MaxInt64))
		}
		if in.bad {
			return errTorn
		}
		l.raise(member, &a)
	}
	if len(in.data) > 0 {
		return errTorn
	}
	return nil
}

// pair is a member's clients on one torrent.
type pair struct {
	torrent core.TorrentID
	member  uint32
}

// used says when the allowances of a pair are whole again. The shard's table has only
// those that are not whole: few, because most clients transfer far less than they could.
type used [directions]int64

// sweepUsed drops the pairs whose allowances are whole, or are from a clock that was
// wrong.
func (sh *shard) sweepUsed(now, period int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.dropWhole(now, period)
}

func (sh *shard) dropWhole(now, period int64) {
	for p, u := range sh.used {
		if last := max(u[up], u[down]); last <= now || last > now+period+clockSlack {
			delete(sh.used, p)
		}
	}
}

// fewUsed is how many pairs a shard's table may always have.
const fewUsed = 256

// limitUsed is called when a pair was added. It drops those that are whole whenever the
// table has doubled: a table that has grown never gives its memory back, and nearly all
// pairs are whole again within seconds.
func (sh *shard) limitUsed(now, period int64) {
	if len(sh.used) <= max(sh.sweepAt, fewUsed) {
		return
	}
	sh.dropWhole(now-clockSlack, period+clockSlack) // other event loops may be a little behind
	sh.sweepAt = 2 * len(sh.used)
}

// raiseUsed brings what is used of a pair's allowances to at least what a record or a
// snapshot says.
func (sh *shard) raiseUsed(p pair, u used) {
	was := sh.used[p]
	sh.used[p] = used{max(was[up], u[up]), max(was[down], u[down])}
}
