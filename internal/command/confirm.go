package command

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

const (
	confirmWord  = "confirm"
	confirmFor   = 60 * time.Second
	maxPending   = 1000 // altogether
	maxPerPerson = 5    // a sixth pushes out the oldest
)

// pending is a previewed command.
type pending struct {
	code    string
	actor   string
	words   []string
	state   string
	expires time.Time
}

// pendings holds what waits for a confirmation.
type pendings struct {
	clock core.Clock
	mu    sync.Mutex
	list  []pending // oldest first
}

func newPendings(clock core.Clock) *pendings { return &pendings{clock: clock} }

// key names an actor. A code is of use to nobody else, and only on the way by
// which it was asked for.
func (a Actor) key() string { return fmt.Sprintf("%s/%d/%s", a.Via, a.Member.ID, a.Name) }

func (p *pendings) add(actor string, words []string, state string) pending {
	now := p.clock()
	one := pending{code: strings.ToUpper(secret.RandomHex(2)), actor: actor, words: words, state: state, expires: now.Add(confirmFor)}
	p.mu.Lock()
	defer p.mu.Unlock()
	mine := 0
	for i := len(p.list) - 1; i >= 0; i-- {
		old := p.list[i]
		if old.actor == actor {
			mine++
		}
		clash := old.actor == actor && (old.code == one.code || mine >= maxPerPerson)
		if !now.Before(old.expires) || clash {
			p.list = append(p.list[:i], p.list[i+1:]...)
		}
	}
	if len(p.list) >= maxPending {
		p.list = p.list[1:]
	}
	p.list = append(p.list, one)
	return one
}

// take returns the pending command of a code and forgets it: a code works once.
func (p *pendings) take(actor, code string) (pending, bool) {
	now := p.clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, one := range p.list {
		if one.actor == actor && strings.EqualFold(one.code, code) {
			p.list = append(p.list[:i], p.list[i+1:]...)
			return one, now.Before(one.expires)
		}
	}
	return pending{}, false
}

// confirm runs the command that a code stands for, after checking everything
// about it once more.
func (r *Registry) confirm(ctx context.Context, req Request, words []string) (Reply, error) {
	if len(words) != 1 {
		return Reply{}, core.Errorf(core.Invalid, "write: %s CODE", confirmWord)
	}
	one, ok := r.pending.take(req.Actor.key(), words[0])
	if !ok {
		return Reply{}, core.Errorf(core.Invalid, "nothing of yours waits under this code; codes work once and for %d seconds", int(confirmFor.Seconds()))
	}
	return r.execute(ctx, req, one.words, &one)
}

// askFirst previews a command. It reports done when the preview was confirmed
// already and still holds.
func (r *Registry) askFirst(ctx context.Context, req Request, s *Spec, c Call, words []string, confirmed *pending) (Reply, bool, error) {
	p, err := s.Preview(ctx, c)
	if err != nil {
		return Reply{}, false, err
	}
	if confirmed != nil && confirmed.state == p.State {
		return Reply{}, true, nil
	}
	lines := tidy(p.Lines)
	if confirmed != nil {
		lines = append([]string{"This has changed in the meantime; look at it again."}, lines...)
	}
	one := r.pending.add(req.Actor.key(), words, p.State)
	ask := fmt.Sprintf("To do it, write within %d seconds: %s %s", int(confirmFor.Seconds()), confirmWord, one.code)
	return Reply{Lines: append(lines[:len(lines):len(lines)], ask), Pending: &Pending{Code: one.code, Preview: lines, Expires: one.expires}}, false, nil
}
