package joining

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/invite"
)

// stage is an argument that names one.
type stage string

// Choices are the stages.
func (stage) Choices() []string {
	var out []string
	for _, s := range invite.Stages() {
		out = append(out, string(s))
	}
	return out
}

type stageArgs struct {
	Stage *stage `arg:"stage,flag"`
}

func (d Deps) applications() command.Command {
	return command.Question[stageArgs]{
		Spec: command.Spec{Name: "application list", Aliases: []string{"applications"}, Summary: "who has applied: those that wait, the longest first, or those of one stage", Permission: core.ApplicantReview},
		Run: func(ctx context.Context, c command.Call, a stageArgs) (command.Reply, error) {
			var of []invite.Stage
			if a.Stage != nil {
				of = append(of, invite.Stage(*a.Stage))
			}
			list, err := d.Invites.Applications(ctx, 0, lines+1, of...)
			t := command.Table{Columns: []string{"Application", "Name", "Waits since", "State"}, Empty: "No application is there."}
			for _, one := range list[:min(len(list), lines)] {
				since := text.Instant(one.CreatedAt)
				t.Rows = append(t.Rows, command.Row{Cells: []string{fmt.Sprintf("#%d", one.ID), one.Name, since, stageOf(one)},
					Text: fmt.Sprintf("#%d by %s of %s: %s", one.ID, one.Name, since, stageOf(one))})
			}
			if len(list) > lines {
				t.More = "More are on the site."
			}
			return command.Reply{Blocks: []command.Block{t}}, err
		},
	}
}

// stageOf says how far an application is.
func stageOf(a invite.Application) string {
	switch a.Stage {
	case invite.Claimed:
		who := a.ClaimedName
		if who == "" {
			who = "the shell"
		}
		return "claimed by " + who + " at " + text.Instant(a.ClaimedAt) + heldOf(a)
	case invite.Refused:
		out := "refused at " + text.Instant(a.EndedAt) + ": " + a.Reason
		if !a.WaitUntil.IsZero() {
			out += "; they may apply again from " + text.Instant(a.WaitUntil) + " on"
		}
		return out
	case invite.Passed, invite.Withdrawn:
		return string(a.Stage) + " at " + text.Instant(a.EndedAt)
	}
	return string(a.Stage) + heldOf(a)
}

// heldOf says that an application is one of somebody who was refused before, who does not know
// that we know.
func heldOf(a invite.Application) string {
	if a.WaitUntil.IsZero() {
		return ""
	}
	return "; one with the same mail address was refused, and was to wait until " + text.Instant(a.WaitUntil)
}

func (d Deps) application() command.Command {
	return command.Question[idArgs]{
		Spec: command.Spec{Name: "application show", Summary: "one application with its answers and your colleagues' notes", Permission: core.ApplicantReview, Secret: true, Watched: true},
		Run: func(ctx context.Context, _ command.Call, a idArgs) (command.Reply, error) {
			one, err := d.Invites.Detail(ctx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			mail := "no mail address"
			if one.HasMail {
				mail = "with a mail address"
			}
			r := command.Say("Application #%d by %s, %s, made at %s: %s.", one.ID, one.Name, mail, text.Instant(one.CreatedAt), stageOf(one.Application))
			if one.Same > 0 {
				r.Blocks = append(r.Blocks, command.Line{Text: fmt.Sprintf("%d other applications came from the same address or place.", one.Same)})
			}
			for _, answer := range one.Answers {
				r.Blocks = append(r.Blocks, command.Line{Text: answer.Question + " " + answer.Text})
			}
			for _, n := range one.Notes {
				r.Blocks = append(r.Blocks, command.Line{Text: fmt.Sprintf("Note by %s, %s: %s", n.Author.Name, text.Instant(n.At), n.Text)})
			}
			return r, nil
		},
	}
}

// standing is what a decision about an application rests on.
func (d Deps) standing(ctx context.Context, tx *db.Tx, id command.ID) (string, error) {
	a, err := d.Invites.In(tx).Application(ctx, int64(id))
	return fmt.Sprintf("%d %s %d %d", a.ID, a.Stage, a.ClaimedBy, a.Invite), err
}

func (d Deps) claim() command.Command {
	return command.Action[idArgs]{
		Spec: command.Spec{Name: "application claim", Button: "Claim it", Summary: "take an application, so that nobody else decides about it", Permission: core.ApplicantReview},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a idArgs) (string, error) {
			return d.standing(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a idArgs) (command.Reply, error) {
			one, err := d.Invites.In(tx).Claim(ctx, int64(a.ID), person(c.Actor))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Application #%d by %s is yours.", one.ID, one.Name).With("application release", a), nil
		},
	}
}

func (d Deps) release() command.Command {
	return command.Action[idArgs]{
		Spec: command.Spec{Name: "application release", Button: "Release it", Summary: "give an application back, so that somebody else can take it", Permission: core.ApplicantReview},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a idArgs) (string, error) {
			return d.standing(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a idArgs) (command.Reply, error) {
			one, err := d.Invites.In(tx).Release(ctx, int64(a.ID))
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Application #%d by %s is free again.", one.ID, one.Name).With("application claim", a), nil
		},
	}
}

type noteArgs struct {
	ID   command.ID   `arg:"id"`
	Note command.Text `arg:"note,secret,long" hint:"for your colleagues: the applicant never reads it"`
}

func (d Deps) note() command.Command {
	return command.Action[noteArgs]{
		Spec: command.Spec{Name: "application note", Button: "Write a note", Summary: "write something down about an application, for your colleagues", Permission: core.ApplicantReview},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a noteArgs) (command.Reply, error) {
			if err := d.Invites.In(tx).AddNote(ctx, int64(a.ID), person(c.Actor), string(a.Note)); err != nil {
				return command.Reply{}, err
			}
			return command.Say("The note is with application #%d.", a.ID), nil
		},
	}
}

func (d Deps) pass() command.Command {
	return command.Action[idArgs]{
		Spec: command.Spec{Name: "application pass", Button: "Let them in", Summary: "let an applicant in: they are sent an invite", Permission: core.ApplicantReview, Secret: true},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a idArgs) (string, error) {
			return d.standing(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a idArgs) (command.Reply, error) {
			one, made, err := d.Invites.In(tx).Pass(ctx, int64(a.ID), person(c.Actor))
			if err != nil {
				return command.Reply{}, err
			}
			how := "They find the link where they follow their application; it"
			if made.Mailed {
				how = "The invite is mailed, and"
			}
			return command.Say("%s is let in. %s is good until %s.", one.Name, how, text.Instant(made.ExpiresAt)).With("application reopen", a), nil
		},
	}
}

type refuseArgs struct {
	ID     command.ID     `arg:"id"`
	Wait   *time.Duration `arg:"wait,flag" hint:"how long before they may apply again; empty is what the settings say"`
	Reason command.Text   `arg:"reason,long" hint:"the applicant reads it"`
}

func (d Deps) refuse() command.Command {
	return command.Action[refuseArgs]{
		Spec: command.Spec{Name: "application refuse", Button: "Refuse them", Summary: "refuse an applicant, for a reason that they read", Permission: core.ApplicantReview},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a refuseArgs) (string, error) {
			return d.standing(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a refuseArgs) (command.Reply, error) {
			wait := time.Duration(-1)
			if a.Wait != nil {
				wait = *a.Wait
			}
			one, err := d.Invites.In(tx).Refuse(ctx, int64(a.ID), person(c.Actor), string(a.Reason), wait)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Application #%d by %s is %s.", one.ID, one.Name, stageOf(one)).With("application reopen", idArgs{ID: a.ID}), nil
		},
	}
}

func (d Deps) reopen() command.Command {
	return command.Action[idArgs]{
		Spec: command.Spec{Name: "application reopen", Button: "Reopen it", Summary: "take a verdict back, with the invite; the application is yours to decide again", Permission: core.ApplicantReview},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a idArgs) (string, error) {
			return d.standing(ctx, tx, a.ID)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a idArgs) (command.Reply, error) {
			was, err := d.Invites.In(tx).Reopen(ctx, int64(a.ID), person(c.Actor))
			if err != nil {
				return command.Reply{}, err
			}
			r := command.Say("Application #%d by %s is open again, and yours. It was %s.", was.ID, was.Name, stageOf(was))
			switch was.Stage {
			case invite.Passed:
				return r.With("application pass", a), nil
			case invite.Refused:
				again := refuseArgs{ID: a.ID, Reason: command.Text(was.Reason)}
				if wait := was.WaitUntil.Sub(c.Now); wait >= time.Minute {
					wait = wait.Truncate(time.Minute)
					again.Wait = &wait
				}
				return r.With("application refuse", again), nil
			}
			return r, nil
		},
	}
}
