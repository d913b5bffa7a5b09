package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// timeLimit bounds one command, database and all.
const timeLimit = 20 * time.Second

// maxLines bounds an answer; commands page or cut well before.
const maxLines = 100

// Execute runs one line for somebody. An error has a code and a text that may
// be shown (core.SafeText). A command that needs a confirmation answers with
// Pending set and changes nothing; "confirm CODE" by the same actor within a
// minute runs it.
func (r *Registry) Execute(ctx context.Context, req Request) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	words, err := split(req.Line)
	if err != nil {
		return Reply{}, err
	}
	if len(words) == 0 {
		return Reply{}, core.Errorf(core.Invalid, "write a command; help lists them")
	}
	if strings.EqualFold(words[0], confirmWord) {
		return r.confirm(ctx, req, words[1:])
	}
	return r.execute(ctx, req, words, nil)
}

// execute runs the words, the second time with the pending command that was
// confirmed.
func (r *Registry) execute(ctx context.Context, req Request, words []string, confirmed *pending) (Reply, error) {
	spec, rest, ok := r.find(words)
	if !ok {
		return Reply{}, core.Errorf(core.NotFound, "there is no command %q; help lists them", text.Cut(words[0], 40))
	}
	entry := auditEntry(req.Actor, spec, rest)
	call, err := r.prepare(ctx, req, spec, rest)
	if err != nil {
		return Reply{}, r.noteDenied(ctx, entry, err)
	}
	entry.Arguments = auditArguments(spec, call.given)
	if spec.Preview != nil && (!req.Confirmed || !req.Actor.isShell()) {
		reply, done, err := r.askFirst(ctx, req, spec, call, words, confirmed)
		if err != nil {
			return Reply{}, r.noteDenied(ctx, entry, err)
		}
		if !done {
			return reply, nil
		}
	}
	reply, err := r.run(ctx, spec, call, entry)
	if err != nil {
		return Reply{}, err
	}
	return finish(spec, req.Place, reply), nil
}

// may is the part of the check that needs no arguments: who asks.
func (r *Registry) may(a Actor, s *Spec) error {
	switch {
	case a.isShell() || (s.Guest && a.isGuest()):
	case a.isGuest():
		return core.Errorf(core.Forbidden, "log in first: this is for members")
	case !a.Member.Enabled():
		return core.Errorf(core.Forbidden, "your account is disabled: %s", a.Member.StateReason)
	}
	if !s.Guest && !a.can(s.Permission) {
		return core.Errorf(core.Forbidden, "you may not use %s", s.Name)
	}
	return nil
}

// prepare holds all preconditions of all commands: who asks, where, with which
// arguments, about whom.
func (r *Registry) prepare(ctx context.Context, req Request, s *Spec, rest []string) (Call, error) {
	if err := r.may(req.Actor, s); err != nil {
		return Call{}, err
	}
	if req.Place == Channel && !s.Public && !s.Secret {
		return Call{}, core.Errorf(core.Invalid, "not here: ask me %s in a private message", s.Name)
	}
	given, err := bind(s, rest)
	if err != nil {
		return Call{}, err
	}
	values, err := r.resolve(ctx, req.Actor, s, given)
	if err != nil {
		return Call{}, err
	}
	for name, v := range values {
		if m, ok := v.(member.Member); ok {
			given[name] = m.Name // as the account is spelled, for the audit log
		}
	}
	return Call{Actor: req.Actor, Place: req.Place, Zone: req.Zone, Now: r.deps.Clock(), given: given, values: values}, nil
}

// noteDenied writes the audit row of a refused command, and returns the refusal.
func (r *Registry) noteDenied(ctx context.Context, e Entry, err error) error {
	if core.CodeOf(err) != core.Forbidden {
		return err
	}
	if aerr := r.audit.Denied(ctx, e, core.SafeText(err)); aerr != nil {
		r.deps.Log.Error("a denied command is missing from the audit log", "command", e.Command, "actor", e.ActorID, "err", aerr)
	}
	return err
}

// run runs a command that may run. One that changes something runs only once
// its audit row is written.
func (r *Registry) run(ctx context.Context, s *Spec, c Call, e Entry) (Reply, error) {
	if !s.Changes {
		return s.Run(ctx, c)
	}
	id, err := r.audit.Start(ctx, e)
	if err != nil {
		return Reply{}, fmt.Errorf("write the audit log: %w", err)
	}
	reply, err := s.Run(ctx, c)
	outcome, detail := OutcomeDone, strings.Join(reply.Lines, " ")
	switch {
	case core.CodeOf(err) == core.Forbidden:
		outcome, detail = OutcomeDenied, core.SafeText(err)
	case err != nil:
		outcome, detail = OutcomeFailed, core.SafeText(err)
	}
	// The asker may have gone, and the effect is there all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if aerr := r.audit.Finish(ctx, id, outcome, detail, reply.Undo); aerr != nil {
		r.deps.Log.Error("the outcome of a command is missing from the audit log", "audit", id, "command", s.Name, "outcome", outcome, "err", aerr)
	}
	return reply, err
}

// finish makes an answer fit to be shown where it was asked for.
func finish(s *Spec, place Place, reply Reply) Reply {
	reply.Lines, reply.Private = tidy(reply.Lines), tidy(reply.Private)
	if s.Secret && place != Private {
		reply.Private = append(reply.Lines, reply.Private...)
		reply.Lines = []string{"The answer went to you in private."}
	}
	return reply
}

func tidy(lines []string) []string {
	if len(lines) > maxLines {
		lines = append(lines[:maxLines:maxLines], fmt.Sprintf("(%d more)", len(lines)-maxLines))
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = text.Clean(l)
	}
	return out
}
