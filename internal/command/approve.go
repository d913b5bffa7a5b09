package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

const (
	approveWord = "approve"
	approveKind = "approve" // in the table, where it takes the place of an actor as well: anybody may give its code
	approveFor  = 24 * time.Hour
	// aloneAfter is how long somebody must wait before they may approve what they asked
	// for themselves, where fewer than enoughOthers could.
	aloneAfter   = 15 * time.Minute
	enoughOthers = 2
	maxAsked     = 5   // acts of one asker that wait for approval
	maxWaiting   = 100 // and of all askers
)

// approval is an act that waits until somebody else approves it.
type approval struct {
	pendingAct
	code    string
	askerID core.MemberID
	asker   string
	via     audit.Via
	shown   string // what the asker confirmed, a line for each
	asked   time.Time

	by    Actor // who approves it
	alone bool  // they asked for it themselves
}

// asks reports whether an act must be approved by somebody else before it is done. The
// shell's need not: whoever has it can do anything on the machine.
func (r *Registry) asks(o *order) bool {
	return o.c.Approve && o.approves == nil && !o.Actor.IsShell() && (o.c.approveIf == nil || o.c.approveIf(r.call(o), o.args))
}

type approveArgs struct {
	Code string `arg:"code" hint:"Of an act that waits: pending list shows them."`
}

// approveCommand runs what somebody else asked for. Who gives it needs what the act needs,
// and the rank that it needs.
func (r *Registry) approveCommand() Command {
	return Action[approveArgs]{
		Spec: Spec{Name: approveWord, Summary: "let an act go ahead that another member of staff asked for", Button: "Approve", Any: r.Approving()},
		// The engine runs the act instead: see Registry.approve.
		Run: func(context.Context, *db.Tx, Call, approveArgs) (Reply, error) {
			return Reply{}, core.Errorf(core.Internal, "approve runs the act that waits")
		},
	}
}

// Approving are the permissions of the commands that ask for the approval of somebody else:
// whoever has one of them may see what waits.
func (r *Registry) Approving() []core.Permission {
	var out []core.Permission
	have := core.Permissions{}
	for _, c := range r.commands {
		if _, has := have[c.Permission]; c.Approve && !has {
			have[c.Permission] = struct{}{}
			out = append(out, c.Permission)
		}
	}
	return out
}

// approve carries out the act that waits under a code, in the name of who asked for it.
// The row of the act names the asker, and a row of its own who approved it.
func (r *Registry) approve(ctx context.Context, o *order) (Answer, error) {
	p, err := r.awaiting(ctx, r.deps.DB, o.given["code"])
	if err != nil {
		return Answer{}, err
	}
	act, err := r.reorder(ctx, o.Request, p.line)
	if err == nil {
		err = act.malformed
	}
	if err != nil {
		return Answer{}, err
	}
	if err := may(o.Actor, act.c); err != nil {
		return Answer{}, r.noteDenied(ctx, o, err)
	}
	p.by = o.Actor
	act.approves, act.confirms, act.dry = &p, &p.pendingAct, o.dry
	if p.undoes != 0 {
		e, err := r.deps.Audit.ByID(ctx, p.undoes)
		if err != nil {
			return Answer{}, err
		}
		act.undoes = &e
	}
	if err := r.asAsked(ctx, nil, act); err != nil {
		return Answer{}, r.noteDenied(ctx, o, err)
	}
	a, err := r.change(act.Actor.in(ctx), act)
	if err != nil {
		o.acting, o.entry.Subject = act.acting, act.subject
		return Answer{}, r.note(ctx, o, err)
	}
	return a, nil
}

// asAsked makes the order the asker's, as they are now in tx, and makes sure that both may
// still do it: who asked, and who approves.
func (r *Registry) asAsked(ctx context.Context, tx *db.Tx, o *order) error {
	p := o.approves
	members := r.deps.Members
	if tx != nil {
		members = members.In(tx)
	}
	asker, err := members.ByID(ctx, p.askerID)
	if err == nil {
		o.Actor = Of(asker, p.via)
		err = may(o.Actor, o.c)
	}
	switch core.CodeOf(err) {
	case core.NotFound, core.Forbidden:
		return core.Errorf(core.Conflict, "%s, who asked for it, may no longer do this; take it off the list: %spending drop %s", p.asker, o.Prefix, p.code)
	}
	if err != nil {
		return err
	}
	o.entry.ActorID, o.entry.ActorName, o.entry.Via, o.entry.Command = asker.ID, asker.Name, p.via, o.c.Name
	return nil
}

// mayApprove reports whether who approves an act may. Its arguments are those of the asker;
// they are read once more as the one's who approves, by the same rules.
func (r *Registry) mayApprove(ctx context.Context, tx *db.Tx, o *order) error {
	p := o.approves
	p.alone = !p.by.IsShell() && p.by.Member.ID == p.askerID
	if !p.alone {
		if err := r.wouldDo(ctx, tx, o, p.by); err != nil {
			return err
		}
	}
	if !p.alone && !p.by.IsShell() {
		return nil
	}
	others, err := r.others(ctx, tx, o)
	if err != nil {
		return err
	}
	from := p.asked.Add(aloneAfter)
	switch {
	case others >= enoughOthers && p.alone:
		return core.Errorf(core.Forbidden, "you asked for this yourself, so another member of staff has to approve it")
	case others >= enoughOthers:
		return core.Errorf(core.Forbidden, "members of staff can approve this, so one of them has to: the shell doesn't tell whose word it is")
	case p.alone && r.deps.Clock().Before(from):
		return core.Errorf(core.Conflict, "you asked for this yourself; since fewer than %d others could approve it, you may from %s on", enoughOthers, from.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return nil
}

// wouldDo reports whether somebody might do by themselves what an order does.
func (r *Registry) wouldDo(ctx context.Context, tx *db.Tx, o *order, a Actor) error {
	if err := may(a, o.c); err != nil {
		return err
	}
	again, err := r.reorder(ctx, o.Request, o.c.Name+" "+o.c.line(o.given, false))
	if err != nil {
		return err
	}
	again.Actor = a
	return r.fill(ctx, tx, again)
}

// others counts who else than the asker could approve an order, up to enoughOthers.
func (r *Registry) others(ctx context.Context, tx *db.Tx, o *order) (int, error) {
	staff, err := r.deps.Members.In(tx).Having(ctx, o.c.Permission)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, m := range staff {
		if m.ID == o.Actor.Member.ID {
			continue
		}
		switch err := r.wouldDo(ctx, tx, o, Of(m, o.Actor.Via)); core.CodeOf(err) {
		case "":
			n++
		case core.Forbidden, core.NotFound: // not this one
		default:
			return n, err
		}
		if n == enoughOthers {
			break
		}
	}
	return n, nil
}

// await keeps an act that was confirmed until somebody else approves it, and tells staff.
func (r *Registry) await(ctx context.Context, tx *db.Tx, o *order) (Answer, error) {
	p, err := r.toAwait(ctx, tx, o)
	if err != nil {
		return Answer{}, err
	}
	if err := r.roomFor(ctx, tx, o, p); err != nil {
		return Answer{}, err
	}
	if p.id, p.code, err = r.keep(ctx, tx, approveKind, approveKind, p); err != nil {
		return Answer{}, err
	}
	others, err := r.others(ctx, tx, o)
	if err != nil {
		return Answer{}, err
	}
	lines := []string{fmt.Sprintf("This waits until another member of staff approves it, on the site, on IRC or in a shell: %s%s %s", o.Prefix, approveWord, p.code),
		"It can be approved until " + p.expires.Format("2006-01-02 15:04 UTC") + ". Staff are told."}
	if others < enoughOthers {
		lines = append(lines, fmt.Sprintf("Fewer than %d others could approve it, so the shell of the machine may as well, and you yourself from %s on.",
			enoughOthers, p.asked.Add(aloneAfter).Format("15:04 UTC")))
	}
	reply := Reply{Blocks: Lines(lines...)}.With(dropName, dropArgs{Code: p.code})
	a := answer(o.c.Spec, o.Place, reply)
	if a.Undo, a.Entry, err = r.record(ctx, tx, o, reply, audit.Asked, "waits for approval as "+p.code); err != nil {
		return Answer{}, err
	}
	_, err = r.deps.Events.Append(ctx, tx, eventlog.ApprovalAsked{Act: p.id, Permission: string(o.c.Permission), By: p.askerID})
	return a, err
}

// toAwait is the row of an act that is to be approved.
func (r *Registry) toAwait(ctx context.Context, tx *db.Tx, o *order) (p approval, err error) {
	now := r.deps.Clock().Truncate(time.Second).UTC()
	p = approval{askerID: o.Actor.Member.ID, asker: o.Actor.Name, via: o.Actor.Via, asked: now}
	p.line, p.expires = o.c.Name+" "+o.c.line(o.given, false), now.Add(approveFor)
	if o.undoes != nil {
		p.undoes = o.undoes.ID
	}
	lines, err := r.preview(ctx, tx, o)
	if err != nil {
		return p, err
	}
	p.shown = strings.Join(tidy(lines), "\n")
	p.state, err = r.state(ctx, tx, o)
	return p, err
}

// roomFor refuses an act that waits already, and one too many.
func (r *Registry) roomFor(ctx context.Context, tx *db.Tx, o *order, p approval) error {
	waiting, err := r.allWaiting(ctx, tx)
	if err != nil {
		return err
	}
	mine := 0
	for _, w := range waiting {
		if w.line == p.line {
			return core.Errorf(core.Conflict, "%s asked for this already; it waits as %s: %spending list", w.asker, w.code, o.Prefix)
		}
		if w.askerID == p.askerID {
			mine++
		}
	}
	switch {
	case mine >= maxAsked:
		return core.Errorf(core.Conflict, "%d acts that you asked for wait already; let others approve them, or take one off the list: %spending drop CODE", mine, o.Prefix)
	case len(waiting) >= maxWaiting:
		return core.Errorf(core.Conflict, "%d acts wait already; approve them or take some off the list first: %spending list", len(waiting), o.Prefix)
	}
	return nil
}

// approved writes down who approved an act, beside the row of the act itself.
func (r *Registry) approved(ctx context.Context, tx *db.Tx, o *order, entry int64) error {
	p := o.approves
	e := audit.Entry{ActorID: p.by.Member.ID, ActorName: p.by.Name, Via: p.by.Via, Command: approveWord, Arguments: p.code,
		Subject: o.subject, Outcome: audit.Done, Detail: fmt.Sprintf("%s asked for: %s %s (entry %d)", p.asker, o.c.Name, o.entry.Arguments, entry)}
	if _, err := r.deps.Audit.Append(ctx, tx, e); err != nil {
		return err
	}
	_, err := r.deps.Events.Append(ctx, tx, eventlog.ApprovalGiven{Entry: entry, By: p.by.Member.ID, Alone: p.alone})
	return err
}

// word says by whom an act was approved, for its row in the audit log.
func (p *approval) word() string {
	if p.alone {
		return "Not approved by anybody else: fewer than two could have."
	}
	return fmt.Sprintf("Approved by %s (%s).", p.by.Name, p.by.Via)
}

// stale takes an act off the list whose state is another one by now.
func (r *Registry) stale(ctx context.Context, p *approval) error {
	err := r.deps.DB.Tx(ctx, func(tx *db.Tx) error { return consume(ctx, tx, p.id) })
	said := core.Errorf(core.Conflict, "this has changed since %s asked for it, so it is off the list; it has to be asked for again", p.asker)
	if err != nil && !errors.Is(err, errGone) {
		return err
	}
	return said
}
