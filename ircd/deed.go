package ircd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// deed is something that an operator does. Its functions are called without the lock,
// and what only lives in memory is done after the deed's row is written.
type deed struct {
	command   string // as the audit log names it; where staff have the same command, that one's name
	arguments string
	only      core.Permission // which operators must have to be told of it
	loud      bool            // everybody hears of it anyway

	// check returns what the row says, or why the deed can't be done; it changes nothing.
	// It is nil where that is known to be possible.
	check func(ctx context.Context) (result, error)
	// change changes what is kept, in one transaction with the row, of which it may say
	// more. It may run several times. It is nil where nothing that is kept changes.
	change func(ctx context.Context, store ChannelStore, res *result) error
	// do does what is to be done in memory, and returns what operators are told besides
	// the deed: "" is what the row says.
	do func(ctx context.Context) (told string, err error)
}

// result is what the row of a deed says besides the deed itself.
type result struct {
	subject string // what it was done to, as package audit names it
	detail  string
	undo    string // the command that takes it back; "" when there is none
}

// errNotWritten says that the row of a deed can't be written.
var errNotWritten = errors.New("the audit log can't be written")

// act does a deed and tells the operators. A deed and its row are one: when the row
// can't be written, nothing is done. Of a deed that is not possible the row says so;
// one that turns out impossible after its row was written has a second row that does.
func (r *request) act(d deed) {
	n := r.n
	entry, there := r.entry(d.command, d.arguments)
	if !there {
		return
	}
	// What was begun is brought to its end even if the connection ends.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), 2*queryTimeout)
	defer cancel()
	res, err := n.begin(ctx, &d, entry)
	told := ""
	if err == nil {
		told, err = d.do(ctx)
	}
	switch {
	case errors.Is(err, errNotWritten):
		n.log.Error("an operator's command can't be written to the audit log and is not done", "command", d.command, "err", err)
		r.locked(func() { r.reply(errUnknown, r.msg.Command, "Not done: the audit log can't be written at the moment") })
	case err != nil:
		r.failed(ctx, entry, res, d.only, err)
	case !d.loud:
		line := entry.ActorName + ": " + strings.TrimSpace(d.command+" "+entry.Arguments)
		if told = cmp.Or(told, res.detail); told != "" {
			line += " (" + told + ")"
		}
		n.lockedFor(r, func() { n.snotice(d.only, line) })
	}
}

// begin checks a deed, and commits its row with what it changes of what is kept.
func (n *network) begin(ctx context.Context, d *deed, e audit.Entry) (res result, err error) {
	if d.check != nil {
		if res, err = d.check(ctx); err != nil {
			return res, err
		}
	}
	if n.audit == nil {
		return res, errNotWritten
	}
	checked := res
	var changing error
	err = n.audit.Commit(ctx, func(ctx context.Context, store ChannelStore) (audit.Entry, error) {
		res, changing = checked, nil
		if d.change != nil {
			changing = d.change(ctx, store, &res)
		}
		e.Outcome, e.Subject, e.Detail, e.UndoWith = audit.Done, res.subject, res.detail, res.undo
		return e, changing
	})
	if err != nil && changing == nil {
		err = fmt.Errorf("%w: %w", errNotWritten, err)
	}
	return res, err
}

// failed writes down why a deed could not be done, and tells the asker. Of what was denied
// the operators are told who have the power only.
func (r *request) failed(ctx context.Context, e audit.Entry, res result, only core.Permission, err error) {
	n := r.n
	e.Outcome, e.Subject, e.Detail = audit.Failed, res.subject, core.SafeText(err)
	denied := core.CodeOf(err) == core.Forbidden
	if denied {
		e.Outcome = audit.Denied
	}
	n.note(ctx, e)
	n.lockedFor(r, func() {
		if denied {
			n.snotice(only, e.ActorName+" was refused "+e.Command+": "+e.Detail)
		}
		if !r.s.gone {
			r.complainOf(err)
		}
	})
}

// actInMemory does a deed that changes nothing that is kept. plan is called under the
// lock: for the check, and again when the row is written. It returns the user concerned,
// or nil, and either a function that does the deed or the reason why it can't be done.
func (r *request) actInMemory(d deed, plan func() (whom *user, do func(), err error)) {
	d.check = func(context.Context) (res result, err error) {
		r.n.lockedFor(r, func() {
			var whom *user
			whom, _, err = plan()
			res.subject = whom.subject()
		})
		return res, err
	}
	d.do = func(context.Context) (told string, err error) {
		r.n.lockedFor(r, func() {
			var do func()
			if _, do, err = plan(); err == nil {
				do()
			}
		})
		return "", err
	}
	r.act(d)
}

// subject names a member for the audit log; "" is nobody, or a guest.
func (u *user) subject() string {
	if u == nil || u.account == nil {
		return ""
	}
	return audit.MemberSubject(u.account.member.ID)
}

// complainOf tells the asker why something could not or may not be done.
func (r *request) complainOf(err error) {
	switch core.CodeOf(err) {
	case core.Forbidden:
		r.reply(errNoPrivileges, "Permission denied: "+core.SafeText(err))
		return
	case core.Internal:
		r.n.log.Error("an operator's command failed", "command", r.msg.Command, "err", err)
	}
	r.reply(errUnknown, r.msg.Command, core.SafeText(err))
}

// entry describes what the asker is about to do. It reports false when the connection has
// ended.
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

// note writes a row about something that changed nothing.
func (n *network) note(ctx context.Context, e audit.Entry) {
	if n.audit == nil {
		return
	}
	if _, err := n.audit.Note(ctx, e); err != nil {
		n.log.Error("a command that was not done is missing from the audit log", "command", e.Command, "actor", e.ActorID, "outcome", e.Outcome, "err", err)
	}
}

// noteDenied writes down that a member was refused a command of operators, and tells the
// operators. What guests try is not written: anybody could fill the log.
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
	e.Outcome, e.Detail = audit.Denied, why
	n.note(ctx, e)
}

// snotice sends a text to the operators with the mode s who have a power; with "" to all
// of them.
func (n *network) snotice(p core.Permission, text string) {
	for u := range n.opers {
		if u.snotices && u.may(p) {
			n.tell(u, n.line("NOTICE", u.nick, "*** "+text))
		}
	}
}
