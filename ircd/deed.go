package ircd

import (
	"context"
	"strings"

	audit "github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// deed is something that an operator does.
type deed struct {
	command   string // as the audit log has it: where staff have the same command, by that name
	arguments string
	only      core.Permission // what operators need to be told of it
	loud      bool            // they hear of it anyway
}

// result is what came of a deed.
type result struct {
	detail string // what the deed itself doesn't say
	undo   string // the command that takes it back; "" when there is none
}

// act does a deed between the two entries that the audit log has of it: where the
// first can't be written, nothing is done. Then it is told to the operators. It is
// called without the lock, and do too.
func (r *request) act(d deed, do func(ctx context.Context) (result, error)) {
	n := r.n
	entry, there := r.entry(d.command, d.arguments)
	if !there {
		return
	}
	// What was begun is brought to its end even if the connection ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), 2*queryTimeout)
	defer cancel()
	id, err := n.startAudit(ctx, entry)
	if err != nil {
		n.log.Error("an operator's command can't be written to the audit log and is not done", "command", d.command, "err", err)
		r.locked(func() { r.reply(errUnknown, r.msg.Command, "Not done: the audit log can't be written at the moment") })
		return
	}
	res, err := do(ctx)
	outcome := audit.OutcomeDone
	switch {
	case core.CodeOf(err) == core.Forbidden:
		outcome, res.detail = audit.OutcomeDenied, core.SafeText(err)
	case err != nil:
		outcome, res.detail = audit.OutcomeFailed, core.SafeText(err)
	}
	if ferr := n.audit.Finish(ctx, id, outcome, res.detail, res.undo); ferr != nil {
		n.log.Error("the outcome of an operator's command is missing from the audit log", "audit", id, "command", d.command, "outcome", outcome, "err", ferr)
	}
	n.lockedFor(r, func() {
		switch {
		case err != nil && !r.s.gone:
			r.complainOf(err)
		case err == nil && !d.loud:
			text := entry.ActorName + ": " + strings.TrimSpace(d.command+" "+entry.Arguments)
			if res.detail != "" {
				text += " (" + res.detail + ")"
			}
			n.snotice(d.only, text)
		}
	})
}

// complainOf tells who asks why something could not be done.
func (r *request) complainOf(err error) {
	if core.CodeOf(err) == core.Internal {
		r.n.log.Error("an operator's command failed", "command", r.msg.Command, "err", err)
	}
	r.reply(errUnknown, r.msg.Command, core.SafeText(err))
}

// entry describes something that who asks is about to do. It reports false when the
// connection has ended.
func (r *request) entry(name, arguments string) (e audit.Entry, there bool) {
	r.locked(func() {
		u := r.user()
		there = true
		e = audit.Entry{ActorName: u.actor(), Via: audit.ViaIRC, Command: name, Arguments: text.Clean(arguments)}
		if u.account != nil {
			e.ActorID = u.account.member.ID
		}
	})
	return e, there
}

func (n *network) startAudit(ctx context.Context, e audit.Entry) (int64, error) {
	if n.audit == nil {
		return 0, core.Errorf(core.Unavailable, "there is no audit log")
	}
	return n.audit.Start(ctx, e)
}

// noteDenied writes down that a member was refused what operators may, and tells
// them. What guests try is not written: anybody could fill the log.
func (r *request) noteDenied(name, why string) {
	n := r.n
	e, there := r.entry(name, "")
	if !there || n.audit == nil {
		return
	}
	if e.ActorID != 0 || name == "oper" {
		n.locked(func() { n.snotice("", e.ActorName+" was refused "+name+": "+why) })
	}
	if e.ActorID == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), queryTimeout)
	defer cancel()
	if err := n.audit.Denied(ctx, e, why); err != nil {
		n.log.Error("a refused command is missing from the audit log", "command", name, "actor", e.ActorID, "err", err)
	}
}

// snotice tells a text to the operators with the mode s who have a power; "" is
// all of them.
func (n *network) snotice(p core.Permission, text string) {
	for u := range n.opers {
		if u.snotices && u.may(p) {
			n.tell(u, n.line("NOTICE", u.nick, "*** "+text))
		}
	}
}
