package guess

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Tries that would pass the limit only because of others that are being checked at this
// moment wait for these: when they are right, as most are, they are given back. Without
// that, of ten people in one office who come back at once seven would be refused.
const (
	patience     = 5 * time.Second // how long a try waits for others
	waitersOfOne = 64              // tries that wait because of one key
	waitersOfAll = 1024
	refusedFor   = time.Second // how long a refusal is kept in memory
	refusedLimit = 10_000
)

// flight is what is being checked under one key in this process.
type flight struct {
	tries   int
	waiting int
	landed  chan struct{} // closed, and replaced, when one of the tries is over
}

// refusal is what the database has said of a key.
type refusal struct{ asked, until time.Time }

// begin counts a try, or returns why it may not be made. It waits while tries that are being
// checked stand in the way.
func (g *Guard) begin(ctx context.Context, t Try) (made *op, err error) {
	end := time.NewTimer(g.patience)
	defer end.Stop()
	for {
		made = &op{about: g.about(t), names: [3]string{clip(t.Account), clip(t.Place), Around(t.Place)}}
		if v := g.knownRefusal(&made.about); v.wait > 0 {
			return nil, &Limited{Wait: v.wait}
		}
		v, _, err := g.ops.Ask(ctx, made)
		if err != nil {
			g.abandon(ctx, made)
			return nil, fmt.Errorf("count a login: %w", err)
		}
		if v.wait == 0 {
			return made, nil
		}
		if made.landed == nil {
			return nil, &Limited{Wait: v.wait}
		}
		select {
		case <-made.landed:
		case <-ctx.Done():
			err = ctx.Err()
		case <-end.C:
			err = &Limited{Wait: v.wait}
		}
		g.abandon(ctx, made)
		if err != nil {
			return nil, err
		}
	}
}

// takeOff notes which of the tries that were counted are now being checked, and of the
// others, whether they wait for one of these. A try whose sender left while it was counted
// is not checked, and stays counted. Nothing that was counted can land in between.
func (g *Guard) takeOff(ops []*op, verdicts map[*op]verdict) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, o := range ops {
		if o.back || o.abandoned || verdicts[o].wait > 0 {
			continue
		}
		o.flying = true
		for _, k := range o.about.keys {
			if k.kind == 0 {
				continue
			}
			if g.flights[k] == nil {
				g.flights[k] = &flight{landed: make(chan struct{})}
			}
			g.flights[k].tries++
		}
	}
	for _, o := range ops {
		if v := verdicts[o]; v.wait > 0 && !o.abandoned {
			g.queueBehind(o, v)
		}
	}
}

// queueBehind lets a try wait that was refused, if there is something to wait for and few
// wait already. Otherwise the refusal is kept in mind for a moment, so that a flood of tries
// that are refused anyway costs the database nothing. Hold mu.
func (g *Guard) queueBehind(o *op, v verdict) {
	f := g.flights[v.key]
	switch {
	case f == nil:
		if len(g.refused) >= refusedLimit {
			clear(g.refused)
		}
		now := g.clock()
		g.refused[v.key] = refusal{asked: now, until: now.Add(v.wait)}
	case f.waiting < waitersOfOne && g.waiting < waitersOfAll:
		f.waiting++
		g.waiting++
		o.behind, o.landed = f, f.landed
	}
}

// abandon says that nobody waits any more for a try to be counted, or for what it waited for.
func (g *Guard) abandon(ctx context.Context, o *op) {
	g.mu.Lock()
	o.abandoned = true
	flying := o.flying
	if o.behind != nil {
		o.behind.waiting--
		g.waiting--
		o.behind = nil
	}
	g.mu.Unlock()
	if flying {
		g.giveBack(ctx, o)
		g.land(o)
	}
}

// land notes that a try is over. If it is to be given back, that is done already.
func (g *Guard) land(o *op) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, k := range o.about.keys {
		if k.kind == 0 {
			continue
		}
		f := g.flights[k]
		close(f.landed)
		f.landed = make(chan struct{})
		if f.tries--; f.tries == 0 {
			delete(g.flights, k)
		}
	}
}

// knownRefusal returns what the database has just said of a try like this one.
func (g *Guard) knownRefusal(a *about) verdict {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	for _, k := range a.keys {
		r, there := g.refused[k]
		if there && a.limits(k) && core.Lasts(now, r.asked.Add(refusedFor), refusedFor) && r.until.After(now) {
			return verdict{r.until.Sub(now), k}
		}
	}
	return verdict{}
}
