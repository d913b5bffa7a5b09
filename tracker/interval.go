package tracker

import (
	"math"
	"time"
)

// pace is how clients are spread over time: what an operator has set.
type pace struct{ interval, timeout time.Duration }

// next is when a client shall announce again, in whole seconds. It depends on the
// size of its swarm and on chance, a number below 1:
//
//   - Up to 100 peers it is the interval that is set. In larger swarms it grows by
//     a third of that for each tenfold, to twice as much from 100,000 peers on:
//     whom to ask for pieces is soon found there, and they are most of the load.
//   - Up to a tenth is added by chance, so that clients that announced together
//     don't do so for ever.
//   - A client that is new, or comes back later than it should, is one of a crowd
//     when the tracker or its line was away. Chance then takes away up to half,
//     too, and the crowd is spread evenly after one round.
//
// It is never so long that a client which keeps to it would time out.
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

// fresh reports whether a client that was silent for so long, 0 when it was not
// there at all, came back later than it had been told at most.
func (p pace) fresh(silence time.Duration, peers int) bool {
	return silence == 0 || silence > p.next(peers, false, 1)+p.interval/10
}

// seedCap is the most seed time between two announces: the longest wait, and some
// patience.
func (p pace) seedCap() time.Duration { return min(p.timeout, 5*p.interval/2) }
