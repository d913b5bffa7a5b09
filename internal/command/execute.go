package command

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// timeLimit bounds one command, database and all.
const timeLimit = 20 * time.Second

// Point is a place in the transaction of an action where a test can stop it.
type Point string

// The points, in their order.
const (
	AtBegin     Point = "begin"
	AtConsumed  Point = "consumed" // what waited for the confirmation is gone
	AtActed     Point = "acted"
	AtRecorded  Point = "recorded"
	AtCommitted Point = "committed"
)

// Execute runs what somebody asks for. An error has a code and a text that may be
// shown (core.SafeText). A command that needs a confirmation answers with Pending
// set and changes nothing; "confirm CODE" by the same actor within a minute runs it.
func (r *Registry) Execute(ctx context.Context, req Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	if req.Command != "" {
		c := r.byName[req.Command]
		if c == nil || c.Name != req.Command {
			return Answer{}, core.Errorf(core.NotFound, "there is no command %q", text.Cut(req.Command, 40))
		}
		given, err := fields(c, req.Given)
		return r.run(ctx, &order{Request: req, c: c, given: given, malformed: err})
	}
	words, err := split(req.Line)
	if err != nil {
		return Answer{}, err
	}
	if len(words) == 0 {
		return Answer{}, core.Errorf(core.Invalid, "write a command; help lists them")
	}
	if strings.EqualFold(words[0], confirmWord) {
		return r.confirm(ctx, req, words[1:])
	}
	o, err := r.order(req, words)
	if err != nil {
		return Answer{}, err
	}
	return r.run(ctx, o)
}

// order is a request on its way through the engine.
type order struct {
	Request
	c         *command
	given     map[string]string
	malformed error       // the words fit no arguments
	confirms  *pendingAct // the act that is confirmed by it
	undoes    *audit.Entry
	args      any // pointer to the struct of the command
	subject   string
	acting    bool // all was in order, and the command itself has begun
	entry     audit.Entry
}

// order understands words, without looking at who asks.
func (r *Registry) order(req Request, words []string) (*order, error) {
	c, rest, ok := r.find(words)
	if !ok {
		return nil, core.Errorf(core.NotFound, "there is no command %q; help lists them", text.Cut(words[0], 40))
	}
	given, err := bind(c, rest)
	o := &order{Request: req, c: c, given: given, malformed: err}
	if err != nil && len(rest) > 0 {
		// What fits no argument may be a secret: nothing of it is kept.
		o.entry.Arguments = fmt.Sprintf("(%d words)", len(rest))
	}
	return o, nil
}

// run carries out an order, and writes down what was denied or failed.
func (r *Registry) run(ctx context.Context, o *order) (Answer, error) {
	o.entry.ActorID, o.entry.ActorName, o.entry.Via, o.entry.Command = o.Actor.Member.ID, o.Actor.Name, o.Actor.Via, o.c.Name
	if o.malformed == nil {
		o.entry.Arguments = text.Clean(o.c.line(o.given, true))
	}
	if err := r.check(o); err != nil {
		return Answer{}, r.noteDenied(ctx, o, err)
	}
	if !o.c.Changes {
		return r.answerQuestion(ctx, o)
	}
	if o.c.Name == undoWord {
		inverse, err := r.inverse(ctx, o)
		if err != nil {
			return Answer{}, err
		}
		return r.run(ctx, inverse)
	}
	a, err := r.change(ctx, o)
	if err != nil {
		return Answer{}, r.note(ctx, o, err)
	}
	return a, nil
}

// may is the part of the check that needs no arguments: who asks.
func may(a Actor, c *command) error {
	switch {
	case a.IsShell() || (c.Guest && a.IsGuest()):
	case a.IsGuest():
		return core.Errorf(core.Forbidden, "log in first: this is for members")
	case !a.Member.Enabled():
		return core.Errorf(core.Forbidden, "your account is disabled: %s", a.Member.StateReason)
	}
	if !c.Guest && !a.Can(c.Permission) {
		return core.Errorf(core.Forbidden, "you may not use %s", c.Name)
	}
	return nil
}

// check holds what all commands ask before anything is looked up: who asks, where,
// and with arguments that can be told apart.
func (r *Registry) check(o *order) error {
	if err := may(o.Actor, o.c); err != nil {
		return err
	}
	if o.Place == Channel && !o.c.Public && !o.c.Secret {
		return core.Errorf(core.Invalid, "not here: ask me %s in a private message", o.c.Name)
	}
	return o.malformed
}

func (r *Registry) call(o *order) Call {
	return Call{Actor: o.Actor, Place: o.Place, Zone: o.Zone, Now: r.deps.Clock()}
}

// fill looks up what the arguments mean, as tx sees it, or outside of any.
func (r *Registry) fill(ctx context.Context, tx *db.Tx, o *order) (err error) {
	if o.args == nil {
		o.args = reflect.New(o.c.args).Interface()
	}
	o.subject, err = r.resolver(tx, o.Actor).fill(ctx, o.c, o.given, o.args)
	if err == nil { // names are now as the accounts are spelled
		o.entry.Subject, o.entry.Arguments = o.subject, text.Clean(o.c.line(o.given, true))
	}
	return err
}

func (r *Registry) answerQuestion(ctx context.Context, o *order) (Answer, error) {
	if err := r.fill(ctx, nil, o); err != nil {
		return Answer{}, r.noteDenied(ctx, o, err)
	}
	reply, err := o.c.ask(ctx, r.call(o), o.args)
	if err != nil {
		return Answer{}, err
	}
	return answer(o.c.Spec, o.Place, reply), nil
}

// change carries out an action, or shows what it would do.
func (r *Registry) change(ctx context.Context, o *order) (Answer, error) {
	if o.c.prepare != nil {
		err := r.fill(ctx, nil, o)
		if err == nil {
			o.acting = true
			err = o.c.prepare(ctx, r.call(o), o.args)
		}
		if err != nil {
			return Answer{}, err
		}
	}
	if o.c.Confirms && o.confirms == nil {
		return r.askFirst(ctx, o, "")
	}
	a, err := r.act(ctx, o)
	var changed *changedError
	if errors.As(err, &changed) && o.c.Confirms {
		return r.askFirst(ctx, o, changed.Error())
	}
	return a, err
}

// changedError says that the state which a decision rests on is no longer the same.
type changedError struct{ text string }

func (e *changedError) Error() string { return e.text }

// act is the transaction of an action.
func (r *Registry) act(ctx context.Context, o *order) (Answer, error) {
	var a Answer
	err := r.deps.DB.Tx(ctx, func(tx *db.Tx) error {
		ctx := tx.Guard(ctx)
		r.at(AtBegin)
		if err := r.fill(ctx, tx, o); err != nil {
			return err
		}
		if err := r.stillHolds(ctx, tx, o); err != nil {
			return err
		}
		r.at(AtConsumed)
		o.acting = true
		reply, err := o.c.act(ctx, tx, r.call(o), o.args)
		if err != nil {
			return err
		}
		r.at(AtActed)
		a = answer(o.c.Spec, o.Place, reply)
		a.Undo, a.Entry, err = r.record(ctx, tx, o, reply, a.Lines)
		r.at(AtRecorded)
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	r.at(AtCommitted)
	return a, nil
}

// stillHolds consumes the confirmation and makes sure that what it, or an undoing,
// rests on is as it was.
func (r *Registry) stillHolds(ctx context.Context, tx *db.Tx, o *order) error {
	if o.confirms == nil && o.undoes == nil {
		return nil
	}
	if o.undoes != nil {
		if err := r.notYetUndone(ctx, tx, o.undoes.ID); err != nil {
			return err
		}
	}
	if o.confirms != nil {
		if err := consume(ctx, tx, o.confirms.id); err != nil {
			return err
		}
	}
	now, err := r.state(ctx, tx, o)
	if err != nil {
		return err
	}
	if o.confirms != nil && o.confirms.state != now {
		return &changedError{"This has changed in the meantime; look at it again."}
	}
	if o.undoes != nil && o.confirms == nil && o.undoes.UndoState != "" && o.undoes.UndoState != now {
		return errUndoStale()
	}
	return nil
}

// state is the digest of what a decision for the order rests on, "" for a command
// that names nothing.
func (r *Registry) state(ctx context.Context, tx *db.Tx, o *order) (string, error) {
	switch {
	case o.c.state != nil:
		s, err := o.c.state(ctx, tx, r.call(o), o.args)
		return audit.StateDigest(s), err
	case o.c.preview != nil:
		lines, err := o.c.preview(ctx, tx, r.call(o), o.args)
		return audit.StateDigest(strings.Join(lines, "\n")), err
	}
	return "", nil
}

// record writes the audit row of an act, with the command that takes it back and
// what that rests on now. It returns that command and the id of the row.
func (r *Registry) record(ctx context.Context, tx *db.Tx, o *order, reply Reply, lines []string) (undo string, id int64, err error) {
	e := o.entry
	e.Outcome, e.Detail = audit.Done, strings.Join(lines, " ")
	if o.undoes != nil {
		e.Undoes = o.undoes.ID
	}
	if reply.Undo != nil {
		if e.UndoWith, err = r.lineOf(*reply.Undo); err != nil {
			return "", 0, err
		}
		if e.UndoState, err = r.undoState(ctx, tx, o.Request, e.UndoWith); err != nil {
			return "", 0, err
		}
	}
	id, err = r.deps.Audit.Append(ctx, tx, e)
	return e.UndoWith, id, err
}

// note writes down an action that was denied or failed, and returns its error.
// What was never begun and is no matter of rights leaves no row.
func (r *Registry) note(ctx context.Context, o *order, err error) error {
	if core.CodeOf(err) != core.Forbidden && o.acting {
		o.entry.Outcome, o.entry.Detail = audit.Failed, core.SafeText(err)
		r.noteAlone(ctx, o)
		return err
	}
	return r.noteDenied(ctx, o, err)
}

// noteDenied writes the row of a refused order, and returns the refusal.
func (r *Registry) noteDenied(ctx context.Context, o *order, err error) error {
	if core.CodeOf(err) == core.Forbidden {
		o.entry.Outcome, o.entry.Detail = audit.Denied, core.SafeText(err)
		r.noteAlone(ctx, o)
	}
	return err
}

// noteAlone writes a row although the asker may have gone.
func (r *Registry) noteAlone(ctx context.Context, o *order) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := r.deps.Audit.Note(ctx, o.entry); err != nil {
		r.deps.Log.Error("what was refused or failed is missing from the audit log",
			"command", o.entry.Command, "actor", o.entry.ActorID, "outcome", o.entry.Outcome, "err", err)
	}
}
