package command

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
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
// set and changes nothing; "confirm CODE" by the same actor within a minute runs it. One
// that needs the approval of somebody else waits then for "approve CODE".
func (r *Registry) Execute(ctx context.Context, req Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(req.Actor.in(ctx), timeLimit)
	defer cancel()
	if req.Command != "" {
		c := r.byName[req.Command]
		if c == nil || c.Name != req.Command {
			return Answer{}, core.Errorf(core.NotFound, "there is no command %q", text.Cut(req.Command, 40))
		}
		given, err := fields(c, req.Given)
		return r.run(ctx, &order{Request: req, c: c, given: given, malformed: err})
	}
	line, err := read(req.Line)
	if err != nil {
		return Answer{}, err
	}
	if len(line.words) == 0 {
		return Answer{}, core.Errorf(core.Invalid, "write a command; %shelp lists them", req.Prefix)
	}
	if strings.EqualFold(line.words[0].text, confirmWord) {
		return r.confirm(ctx, req, line.words[1:])
	}
	o, err := r.order(ctx, req, line, true)
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
	dry       bool        // it is to be carried out and taken back
	doubt     string      // a word of its text that may be meant as an option
	confirms  *pendingAct // the act that is confirmed by it
	approves  *approval   // the same, where it is one that somebody else asked for
	undoes    *audit.Entry
	args      any // pointer to the struct of the command
	subject   string
	acting    bool // all was in order, and the command itself has begun
	entry     audit.Entry
}

// order understands a line, without looking at who asks. typed says that a person wrote
// it: what they may have meant otherwise is noted.
func (r *Registry) order(ctx context.Context, req Request, line typed, byHand bool) (*order, error) {
	c, names := r.find(line.words)
	if c == nil {
		return nil, r.unknown(req, line.words)
	}
	b := binder{c: c, typed: byHand, prefix: req.Prefix, actor: req.Actor, classes: func() ([]string, error) { return r.classNames(ctx) }}
	found, err := b.bind(line, names)
	o := &order{Request: req, c: c, given: found.given, malformed: err, dry: found.dry, doubt: found.doubt}
	if err == nil {
		return o, nil
	}
	o.malformed = r.tooMuch(req, line.words, c, err)
	if n := len(line.words) - names; n > 0 {
		// What fits no argument may be a secret: nothing of it is kept.
		o.entry.Arguments = fmt.Sprintf("(%d words)", n)
	}
	return o, nil
}

// reorder understands a line that the engine wrote.
func (r *Registry) reorder(ctx context.Context, req Request, written string) (*order, error) {
	line, err := read(written)
	if err != nil {
		return nil, err
	}
	if len(line.words) == 0 {
		return nil, core.Errorf(core.Internal, "a line of the engine's own is empty")
	}
	return r.order(ctx, req, line, false)
}

func (r *Registry) classNames(ctx context.Context) ([]string, error) {
	classes, err := r.deps.Members.Classes(ctx)
	names := make([]string, 0, len(classes))
	for _, c := range classes {
		names = append(names, c.Name)
	}
	return names, err
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
		inverse.dry = o.dry
		return r.run(ctx, inverse)
	}
	if o.c.Name == approveWord {
		return r.approve(ctx, o)
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
		return a.Member.WhyNot(c.Permission)
	}
	if c.Shell && !a.IsShell() {
		return core.Errorf(core.Forbidden, "%s is for the shell of the machine alone", c.Name)
	}
	if !c.Guest && (!a.Can(c.Permission) || c.Any != nil && !slices.ContainsFunc(c.Any, a.Can)) {
		if why, withheld := a.Member.Withheld(c.Permission); withheld {
			return why
		}
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
	if o.c.Form != "" && o.Command == "" {
		return core.Errorf(core.Invalid, "%s takes a text of many lines, which is written on the site: open %s there", o.c.Name, o.c.Form)
	}
	if o.c.Reveals && o.Exposed {
		return core.Errorf(core.Invalid, "the answer holds a key, which must not travel in clear: connect to this site's own IRC network by TLS, "+
			"use the command's page on the site (/commands/%s), or run it on the server's machine: caduceus do %s", strings.ReplaceAll(o.c.Name, " ", "-"), o.c.Name)
	}
	return o.malformed
}

func (r *Registry) call(o *order) Call {
	return Call{Actor: o.Actor, Place: o.Place, Zone: o.Zone, Now: r.deps.Clock(), prefix: o.Prefix}
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
	if o.c.Watched {
		o.entry.Outcome = audit.Done
		if _, err := r.deps.Audit.Note(ctx, o.entry); err != nil {
			return Answer{}, err // what is not written down is not shown
		}
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
	switch {
	case o.dry:
		return r.rehearse(ctx, o)
	case o.confirms == nil && (o.c.Confirms || o.doubt != ""):
		return r.askFirst(ctx, o, "")
	}
	a, err := r.act(ctx, o)
	var changed *changedError
	switch {
	case errors.As(err, &changed) && o.approves != nil:
		return Answer{}, r.stale(ctx, o.approves)
	case errors.As(err, &changed):
		return r.askFirst(ctx, o, changed.Error())
	}
	return a, err
}

// changedError says that the state which a decision rests on is no longer the same.
type changedError struct{ text string }

func (e *changedError) Error() string { return e.text }

// actTurn is the turn of those who act by a command.
const actTurn = "commands"

// act is the transaction of an action.
func (r *Registry) act(ctx context.Context, o *order) (Answer, error) {
	var a Answer
	err := r.deps.DB.Tx(ctx, func(tx *db.Tx) (err error) {
		ctx := tx.Guard(ctx)
		r.at(AtBegin)
		// One act after another: what was looked at when it was allowed and confirmed
		// is still so when it is done.
		if err := tx.Turn(ctx, actTurn); err != nil {
			return err
		}
		if err := r.understand(ctx, tx, o); err != nil {
			return err
		}
		if err := r.stillHolds(ctx, tx, o); err != nil {
			return err
		}
		r.at(AtConsumed)
		if r.asks(o) {
			a, err = r.await(ctx, tx, o)
			r.at(AtRecorded)
			return err
		}
		o.acting = true
		reply, err := o.c.act(ctx, tx, r.call(o), o.args)
		if err == nil && !o.c.Reveals && reply.reveals() {
			err = core.Errorf(core.Internal, "%s answers with a secret and its row in the table doesn't say so", o.c.Name)
		}
		if err != nil {
			return err
		}
		r.at(AtActed)
		a = answer(o.c.Spec, o.Place, reply)
		a.Undo, a.Entry, err = r.record(ctx, tx, o, reply, audit.Done, strings.Join(a.Lines, " "))
		if err == nil && o.approves != nil {
			err = r.approved(ctx, tx, o, a.Entry)
		}
		r.at(AtRecorded)
		return err
	})
	if err != nil {
		return Answer{}, err
	}
	r.at(AtCommitted)
	return a, nil
}

// understand looks up what the arguments mean as tx sees it, and makes sure that who asked
// for what is approved, and who approves it, may.
func (r *Registry) understand(ctx context.Context, tx *db.Tx, o *order) error {
	if o.approves == nil {
		return r.fill(ctx, tx, o)
	}
	err := r.asAsked(ctx, tx, o)
	if err == nil {
		err = r.fill(ctx, tx, o)
	}
	if err == nil {
		err = r.mayApprove(ctx, tx, o)
	}
	return err
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
func (r *Registry) record(ctx context.Context, tx *db.Tx, o *order, reply Reply, outcome audit.Outcome, detail string) (undo string, id int64, err error) {
	e := o.entry
	if o.approves != nil {
		detail = o.approves.word() + " " + detail
	}
	e.Outcome, e.Detail = outcome, detail
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
