package tracker

import (
	"math"
	"time"
)

// pace spreads clients over time. Its fields are what the operator has set.
type pace struct{ interval, timeout time.Duration }

// next returns the time until a client should announce again, in whole seconds. It
// depends on the size of the swarm and on chance, a random number below 1:
//
//   - With up to 100 peers it is the interval that is set. In larger swarms it grows by
//     a third of that for each factor of ten, to twice the interval from 100,000 peers
//     on: clients of large swarms find peers easily, and are most of the load.
//   - Chance adds up to a tenth, so that clients that have announced together do not go
//     on doing so.
//   - A client that is new, or late, is one of many if the tracker or its line was away.
//     Then chance also takes away up to half, so that they are spread evenly after one
//     round.
//
// It is never so long that a client that keeps to it would time out.
func (p pace) next(peers int, fresh bool, chance float64) time.Duration {
	const small, most = 100, 2
	factor := 1.0
	if peers > small {
		factor = min(1+math.Log10(float64(peers)/small)/3, most)
	}
	if fresh {
		factor *= 0.5 + 0.6*chance
	} else {
		factor *= 1 + 0.1*chance
	}
	longest := max(p.timeout-p.timeout/20, p.interval)
	return max(min(time.Duration(float64(p.interval)*factor), longest).Round(time.Second), time.Second)
}

// fresh reports whether a client is new (silence is 0) or has come back later than it had
// been told at most.
func (p pace) fresh(silence time.Duration, peers int) bool {
	return silence == 0 || silence > p.next(peers, false, 1)+p.interval/10
}

// seedCap is the most seed time that counts between two announces: the longest wait and
// something more.
func (p pace) seedCap() time.Duration { return min(p.timeout, 5*p.interval/2) }
