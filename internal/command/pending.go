package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

const (
	confirmWord  = "confirm"
	confirmKind  = "confirm" // in the table
	confirmFor   = 60 * time.Second
	maxPerPerson = 5   // one more pushes out the oldest
	maxExpired   = 100 // rows that one act clears away
	codeBytes    = 2
	maxShown     = 2000 // bytes of what an act would do
)

// pendingAct is an act that waits for somebody, in the table pending_act.
type pendingAct struct {
	id      int64
	line    string
	state   string
	undoes  int64
	expires time.Time
}

// confirm runs the command that a code stands for, after checking everything
// about it once more.
func (r *Registry) confirm(ctx context.Context, req Request, words []word) (Answer, error) {
	if len(words) != 1 {
		return Answer{}, core.Errorf(core.Invalid, "write: %s%s CODE", req.Prefix, confirmWord)
	}
	p, err := r.waiting(ctx, req.Actor.key(), words[0].text)
	if err != nil {
		return Answer{}, err
	}
	o, err := r.reorder(ctx, req, p.line)
	if err != nil {
		return Answer{}, err
	}
	if err := r.unseal(o); err != nil {
		return Answer{}, fmt.Errorf("open what waits: %w", err)
	}
	o.confirms = &p
	if p.undoes != 0 {
		e, err := r.deps.Audit.ByID(ctx, p.undoes)
		if err != nil {
			return Answer{}, err
		}
		o.undoes = &e
	}
	return r.run(ctx, o)
}

// waiting returns the act that waits under a code of the actor.
func (r *Registry) waiting(ctx context.Context, actor, code string) (pendingAct, error) {
	now := r.deps.Clock()
	p, ok, err := db.One(ctx, r.deps.DB, scanPending, "SELECT id, line, state, undoes, expires_at FROM pending_act WHERE actor = ? AND code = ? AND kind = ?",
		actor, strings.ToUpper(code), confirmKind)
	if err != nil {
		return p, fmt.Errorf("look up a confirmation: %w", err)
	}
	if !ok || !core.Lasts(now, p.expires, confirmFor) {
		return p, errNothingWaits()
	}
	return p, nil
}

func errNothingWaits() error {
	return core.Errorf(core.Invalid, "nothing of yours waits under this code; codes work once and for %d seconds", int(confirmFor.Seconds()))
}

func scanPending(s db.Scanner) (pendingAct, error) {
	var p pendingAct
	var expires int64
	err := s.Scan(&p.id, &p.line, &p.state, &p.undoes, &expires)
	p.expires = time.Unix(expires, 0).UTC()
	return p, err
}

// errGone says that somebody else was faster with what waited.
var errGone = core.Errorf(core.Invalid, "nothing waits under this code any more")

// consume takes what waits out of the table: of several that try, one can.
func consume(ctx context.Context, tx *db.Tx, id int64) error {
	n, err := tx.Exec(ctx, "DELETE FROM pending_act WHERE id = ?", id)
	if err == nil && n == 0 {
		err = errGone
	}
	return err
}

// askFirst shows what an order would do, and keeps it until it is confirmed. why
// says why it is shown again, "" the first time.
func (r *Registry) askFirst(ctx context.Context, o *order, why string) (Answer, error) {
	if err := o.keepable(); err != nil {
		return Answer{}, err
	}
	var lines []string
	var p pendingAct
	var code string
	err := r.deps.DB.Tx(ctx, func(tx *db.Tx) (err error) {
		ctx := tx.Guard(ctx)
		if err := r.fill(ctx, tx, o); err != nil {
			return err
		}
		if lines, err = r.preview(ctx, tx, o); err != nil {
			return err
		}
		p = pendingAct{line: o.c.Name + " " + o.c.line(r.sealed(o), false), expires: r.deps.Clock().Add(confirmFor).Truncate(time.Second).UTC()}
		if p.state, err = r.state(ctx, tx, o); err != nil {
			return err
		}
		if o.undoes != nil {
			p.undoes = o.undoes.ID
			if o.confirms == nil && o.undoes.UndoState != "" && o.undoes.UndoState != p.state {
				return errUndoStale()
			}
		}
		if o.confirms != nil {
			if _, err := tx.Exec(ctx, "DELETE FROM pending_act WHERE id = ?", o.confirms.id); err != nil {
				return err
			}
		}
		if r.asks(o) {
			lines = append(lines, "Once you confirm, it waits until another member of staff approves it.")
		}
		if err := r.clear(ctx, tx, o.Actor.key()); err != nil {
			return err
		}
		_, code, err = r.keep(ctx, tx, o.Actor.key(), confirmKind, approval{pendingAct: p})
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	lines = tidy(append(o.understood(), lines...))
	if why != "" {
		lines = append([]string{why}, lines...)
	}
	ask := fmt.Sprintf("To do it, write within %d seconds: %s%s %s", int(confirmFor.Seconds()), o.Prefix, confirmWord, code)
	shown := slices.Concat(lines, []string{ask})
	a := Answer{Blocks: Lines(lines...), Lines: shown, Pending: &Pending{Code: code, Preview: lines, Expires: p.expires, Doubt: o.doubt != ""}}
	return o.c.private(o.Place, a), nil
}

// preview is what the command says it would do, nothing for one that says nothing.
func (r *Registry) preview(ctx context.Context, tx *db.Tx, o *order) ([]string, error) {
	if o.c.preview == nil {
		return nil, nil
	}
	return o.c.preview(ctx, tx, r.call(o), o.args)
}

// clear takes away what nobody can confirm or approve any more: what is over, and all but
// the newest confirmations of the actor.
func (r *Registry) clear(ctx context.Context, tx *db.Tx, actor string) error {
	mine, err := db.All(ctx, tx, db.Value[int64], "SELECT id FROM pending_act WHERE actor = ? ORDER BY id DESC LIMIT ?", actor, maxExpired)
	if err != nil {
		return err
	}
	over, err := db.All(ctx, tx, db.Value[int64], "SELECT id FROM pending_act WHERE expires_at <= ? ORDER BY expires_at LIMIT ?", r.deps.Clock().Unix(), maxExpired)
	if err != nil {
		return err
	}
	for _, id := range append(mine[min(len(mine), maxPerPerson-1):], over...) {
		if _, err := tx.Exec(ctx, "DELETE FROM pending_act WHERE id = ?", id); err != nil {
			return err
		}
	}
	return nil
}

// keep writes what waits, of a kind, under a code of its own among those of the actor. Its
// columns besides are those of an approval; a confirmation has none of them.
func (r *Registry) keep(ctx context.Context, tx *db.Tx, actor, kind string, p approval) (id int64, code string, err error) {
	for range 20 {
		code = strings.ToUpper(secret.RandomHex(codeBytes))
		fresh, err := tx.InsertIgnore(ctx, "pending_act", db.Row{"kind", kind, "actor", actor, "code", code, "line", p.line,
			"state", p.state, "undoes", p.undoes, "created_at", r.deps.Clock().Unix(), "expires_at", p.expires.Unix(),
			"asker_id", p.askerID, "asker_name", p.asker, "asker_via", p.via, "shown", text.Cut(p.shown, maxShown)})
		if err != nil {
			return 0, "", err
		}
		if fresh {
			id, _, err = db.One(ctx, tx, db.Value[int64], "SELECT id FROM pending_act WHERE actor = ? AND code = ?", actor, code)
			return id, code, err
		}
	}
	return 0, "", errors.New("no free code was found for what waits")
}
