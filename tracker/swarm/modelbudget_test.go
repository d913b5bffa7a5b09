package swarm

import (
	"math/big"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// modelAccount says when a member's line and grace are whole again, up and down, in Unix
// microseconds.
type modelAccount struct {
	line, grace [2]int64
	seen        int64
}

// remember returns what restores the budgets as they are now; made says that the account
// is new.
func (m *model) remember(mm modelMember, account *modelAccount, made bool) (undo func()) {
	was, used := *account, m.used[mm]
	return func() {
		*account, m.used[mm] = was, used
		if made {
			delete(m.accounts, mm.member)
		}
	}
}

// account returns the member's account. The line of a member who is new to the tracker has
// carried nothing yet.
func (m *model) account(a *Announce, known bool) (account *modelAccount, made bool) {
	account = m.accounts[a.Member]
	if account == nil || a.At.Unix()-account.seen > int64((m.c.Timeout+m.c.Forget)/time.Second) {
		account, made = &modelAccount{}, true
		if !known {
			whole := a.At.UnixMicro() + m.c.Timeout.Microseconds()
			account.line = [2]int64{whole, whole}
		}
		m.accounts[a.Member] = account
	}
	account.seen = a.At.Unix()
	return account, made
}

// bucket is an amount of bytes that comes back evenly within a time.
type bucket struct {
	bytes *big.Int
	time  int64 // microseconds
}

// left is what is there at now if all of it will be at whole.
func (b bucket) left(whole, now int64) *big.Int {
	n := new(big.Int).Mul(b.bytes, big.NewInt(b.time-b.lack(whole, now)))
	return n.Div(n, big.NewInt(b.time)) // down
}

// lack is how long it takes until all of it is there.
func (b bucket) lack(whole, now int64) int64 {
	if whole-now > b.time+10_000_000 {
		return 0 // that can't be
	}
	return min(max(whole-now, 0), b.time)
}

// use returns when all of it will be there after n was taken out.
func (b bucket) use(whole, now int64, n *big.Int) int64 {
	if n.Sign() == 0 {
		return whole
	}
	t := new(big.Int).Mul(n, big.NewInt(b.time))
	t.Add(t, new(big.Int).Sub(b.bytes, big.NewInt(1)))
	return now + b.lack(whole, now) + t.Div(t, b.bytes).Int64() // up
}

func least(first *big.Int, more ...*big.Int) *big.Int {
	for _, n := range more {
		if n.Cmp(first) < 0 {
			first = n
		}
	}
	return first
}

func (m *model) credit(a *Announce, p *modelClient, mine []*modelClient, told [2]int64, account *modelAccount, ch *Change) (why Suspicion) {
	now := a.At.UnixMicro()
	used := m.used[p.modelMember]
	timeout := m.c.Timeout.Microseconds()
	perSecond := func(micros int64) *big.Int {
		n := new(big.Int).Mul(big.NewInt(m.c.MaxRate), big.NewInt(micros))
		return n.Div(n, big.NewInt(1_000_000))
	}
	line := bucket{perSecond(timeout), timeout}
	grace := bucket{big.NewInt(64 << 20), m.c.Interval.Microseconds()}
	var counts [2]int64
	var overLine bool
	for d, clients := range []int64{int64(max(1, len(m.torrents[a.Torrent])-len(mine))), int64(len(mine))} {
		if told[d] <= 0 {
			told[d] = 0
			continue
		}
		elapsed := max(0, now-p.micro)
		if p.micro-now > 10_000_000 {
			elapsed = m.c.Interval.Microseconds()
		}
		tell := big.NewInt(told[d])
		mostLine := least(perSecond(elapsed), line.left(account.line[d], now))
		explained := least(tell, mostLine)
		torrent := bucket{big.NewInt(2 * a.Size * clients), m.c.Interval.Microseconds()}
		if a.Size > 0 {
			mostTorrent := torrent.left(used[d], now)
			explained = least(explained, mostTorrent)
			overLine = overLine || tell.Cmp(mostLine) > 0 && mostLine.Cmp(mostTorrent) <= 0 && m.isCut(tell, explained, grace, account.grace[d], now)
			used[d] = torrent.use(used[d], now, explained)
		} else {
			overLine = overLine || tell.Cmp(mostLine) > 0 && m.isCut(tell, explained, grace, account.grace[d], now)
		}
		account.line[d] = line.use(account.line[d], now, explained)
		rest := least(new(big.Int).Sub(tell, explained), grace.left(account.grace[d], now))
		account.grace[d] = grace.use(account.grace[d], now, rest)
		counts[d] = explained.Int64() + rest.Int64()
	}
	m.used[p.modelMember] = used
	ch.ToldUp, ch.ToldDown, ch.Up, ch.Down = core.Bytes(told[0]), core.Bytes(told[1]), core.Bytes(counts[0]), core.Bytes(counts[1])
	lackers := slices.ContainsFunc(m.torrents[a.Torrent], func(c *modelClient) bool { return c.listed && c.left > 0 })
	lacked := m.lacking[a.Torrent]
	switch {
	case overLine:
		why.Reason = OverLine
	case counts != told:
		why.Reason = OverTorrent
	case told[0] > 16<<20 && p.left == 0 && a.Left == 0 && !lackers && lacked > 0 && lacked+int64(m.c.Timeout/time.Second) < p.last:
		why.Reason = Alone
	default:
		return why
	}
	why.Up, why.Down, why.CountedUp, why.CountedDown = ch.ToldUp, ch.ToldDown, ch.Up, ch.Down
	why.Elapsed = time.Duration(max(0, a.At.Unix()-p.last)) * time.Second
	return why
}

// isCut reports whether the grace doesn't make up for what is not explained.
func (m *model) isCut(told, explained *big.Int, grace bucket, whole, now int64) bool {
	rest := new(big.Int).Sub(told, explained)
	return rest.Cmp(grace.left(whole, now)) > 0
}
