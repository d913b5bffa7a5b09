package tracker

import (
	"math/big"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// refAccount says when a member's line and grace are whole again, for upload and for
// download, in Unix microseconds.
type refAccount struct {
	line, grace [2]int64
	seen        int64 // when the member last announced, in Unix seconds
}

// account returns a member's account, and what brings all their budgets back to what they
// are now. A new member's line has carried nothing yet.
func (r *reference) account(t core.TorrentID, m core.MemberID, knownClient bool, at time.Time) (a *refAccount, undo func()) {
	pair := refPair{t, m}
	if r.used[pair] == nil {
		r.used[pair] = new([2]int64)
	}
	used := *r.used[pair]
	a = r.accounts[m]
	made := a == nil || at.Unix()-a.seen > r.timeout+r.forget
	if made {
		a = &refAccount{}
		if !knownClient {
			whole := at.UnixMicro() + r.timeout*1_000_000
			a.line = [2]int64{whole, whole}
		}
		r.accounts[m] = a
	}
	a.seen = at.Unix()
	was := *a
	return a, func() {
		*a, *r.used[pair] = was, used
		if made {
			delete(r.accounts, m)
		}
	}
}

// refBudget is an amount that comes back evenly within a number of seconds.
type refBudget struct{ bytes, seconds int64 }

// missing is how many microseconds pass until all of it is there.
func (b refBudget) missing(whole int64, at time.Time) int64 {
	missing := whole - at.UnixMicro()
	switch {
	case missing > (b.seconds+10)*1_000_000: // no honest clock has said so
		return 0
	case missing > b.seconds*1_000_000:
		return b.seconds * 1_000_000
	}
	return max(missing, 0)
}

// left is how much of it is there.
func (b refBudget) left(whole int64, at time.Time) int64 {
	period := b.seconds * 1_000_000
	n := new(big.Int).Mul(big.NewInt(b.bytes), big.NewInt(period-b.missing(whole, at)))
	return n.Div(n, big.NewInt(period)).Int64()
}

// spend takes n bytes out of it.
func (b refBudget) spend(whole *int64, at time.Time, n int64) {
	if n == 0 {
		return
	}
	time, rest := new(big.Int).DivMod(new(big.Int).Mul(big.NewInt(n), big.NewInt(b.seconds*1_000_000)), big.NewInt(b.bytes), new(big.Int))
	if rest.Sign() > 0 {
		time.Add(time, big.NewInt(1))
	}
	*whole = at.UnixMicro() + b.missing(*whole, at) + time.Int64()
}

// credit returns how much counts of what client c tells in a direction, and takes it out
// of the budgets.
func (r *reference) credit(told int64, clients int, t refTorrent, c *refClient, direction int, a *refAccount, used *[2]int64, at time.Time) core.Bytes {
	if told <= 0 {
		return 0
	}
	line, grace := refBudget{r.rate * r.timeout, r.timeout}, refBudget{64 << 20, r.interval}
	torrent := refBudget{2 * t.size * int64(clients), r.interval}
	since := new(big.Int).Mul(big.NewInt(r.rate), big.NewInt(max(at.UnixMicro()-c.micro, 0)))
	own := since.Div(since, big.NewInt(1_000_000)).Int64()
	explained := min(told, own, line.left(a.line[direction], at), torrent.left(used[direction], at))
	granted := min(told-explained, grace.left(a.grace[direction], at))
	line.spend(&a.line[direction], at, explained)
	torrent.spend(&used[direction], at, explained)
	grace.spend(&a.grace[direction], at, granted)
	return core.Bytes(explained + granted)
}
