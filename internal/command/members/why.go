package members

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

type whyArgs struct {
	Member *member.Member `arg:"member,other=member.see.private"`
}

// why says what holds for a member and from what: the classes, and each cause.
func (d Deps) why() command.Command {
	return command.Question[whyArgs]{
		Spec: command.Spec{Name: "why", Summary: "what you may do and may not, from what, and until when", Secret: true},
		Run: func(_ context.Context, c command.Call, a whyArgs) (command.Reply, error) {
			m, err := c.Actor.MemberOr(a.Member)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Reply{Blocks: whyLines(m, m.ID == c.Actor.Member.ID)}, nil
		},
	}
}

// whyLines tell what holds for m, to themselves or to staff.
func whyLines(m member.Member, own bool) []command.Block {
	who, classes := m.Name, m.Class.Name
	if own {
		who = "You"
	}
	for _, s := range m.Secondary {
		classes += ", " + s.Name
	}
	var blocks []command.Block
	say := func(format string, args ...any) {
		blocks = append(blocks, command.Line{Text: fmt.Sprintf(format, args...)})
	}
	say("%s: %s.", who, classes)
	for _, c := range m.Holding {
		if own {
			say("%s", toldOwner(c))
		} else {
			say("%s", causeLine(c))
		}
	}
	if len(m.Holding) == 0 {
		say("Nothing is held against %s.", strings.ToLower(strings.Replace(who, m.Name, "them", 1)))
	}
	if !m.Enabled() {
		return blocks
	}
	can := []string{}
	if m.MayDownload() {
		can = append(can, "download")
	}
	for _, p := range core.AllPermissions() {
		if m.Can(p.Name) {
			can = append(can, p.Description)
		}
	}
	say("May: %s.", strings.Join(can, "; "))
	return blocks
}

// toldOwner is a cause as its member is told it: without who of the staff it was.
func toldOwner(c member.Cause) string {
	line := c.Effect.Info().Title
	if c.Permission != "" {
		line = strings.TrimSuffix(line, ".") + ": " + string(c.Permission) + "."
	}
	if c.Source == member.ByOwner {
		line += " You asked for it"
	} else {
		line += " The reason"
	}
	if !c.Starts.IsZero() {
		line += ", given on " + text.Instant(c.Starts)
	}
	line += ": " + c.Told() + "."
	if !c.Ends.IsZero() {
		line += " It ends on " + text.Instant(c.Ends) + "."
	}
	if means := c.Effect.Info().Means; means != "" {
		line += " " + means
	}
	return line
}

const causeLines = 15

type causesArgs struct {
	Member member.Member `arg:"name"`
	Before *command.ID   `arg:"before,flag"`
}

// causes lists everything that ever was held against somebody.
func (d Deps) causes() command.Command {
	return command.Question[causesArgs]{
		Spec: command.Spec{Name: "member causes", Summary: "every warning, restriction and grant of a member, over or not, newest first", Permission: core.MemberSeePrivate, Secret: true},
		Run: func(ctx context.Context, _ command.Call, a causesArgs) (command.Reply, error) {
			list, err := d.Members.CausesOf(ctx, a.Member.ID, before(a.Before), causeLines+1)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Cause", "What", "Since", "Until", "By", "Reason", "Ended"}, Empty: "Nothing was ever held against " + a.Member.Name + "."}
			if len(list) > causeLines {
				list = list[:causeLines]
				t.More = fmt.Sprintf("Older ones: member causes %s --before %d", a.Member.Name, list[causeLines-1].ID)
			}
			for _, c := range list {
				t.Rows = append(t.Rows, causeRow(c))
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

func causeRow(c member.Cause) command.Row {
	since, until, ended := "not recorded", "lifted", ""
	if !c.Starts.IsZero() {
		since = text.Instant(c.Starts)
	}
	if !c.Ends.IsZero() {
		until = text.Instant(c.Ends)
	}
	if !c.EndedAt.IsZero() {
		ended = strings.TrimSpace("by "+c.EndedBy.Name) + " on " + text.Instant(c.EndedAt)
		if c.EndedReason != "" {
			ended += ": " + c.EndedReason
		}
	}
	row := command.Row{Cells: []string{fmt.Sprint(c.ID), causeWords(c), since, until, c.By.Name, c.Told(), ended}}
	row.Text = causeLine(c)
	if ended != "" {
		row.Text += "; ended " + ended
	}
	return row
}

type awayArgs struct {
	For    *time.Duration `arg:"for,flag" hint:"Left empty, until you log in again."`
	Reason command.Text   `arg:"reason,optional" hint:"For staff and for yourself, such as field work until May."`
}

// away parks one's own account.
func (d Deps) away() command.Command {
	return command.Action[awayArgs]{
		Spec: command.Spec{Name: "away", Summary: "park your account while you are away: it is kept, downloads nothing, and wakes when you log in to the site", Secret: true},
		Preview: func(ctx context.Context, tx *db.Tx, c command.Call, a awayArgs) ([]string, error) {
			m, err := c.Actor.MemberOr(nil)
			if err != nil {
				return nil, err
			}
			if _, parked := m.Holds(member.Parked); parked {
				return nil, core.Errorf(core.Conflict, "your account is parked already")
			}
			how := "until you log in to the site again"
			if a.For != nil {
				how = "for " + text.Span(*a.For) + ", or until you log in to the site again"
			}
			return []string{"This would park your account " + how + ": every browser is logged out at once, and the tracker gives you no peers to download from. You can go on seeding, and inactivity costs you nothing."}, nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a awayArgs) (command.Reply, error) {
			m, err := c.Actor.MemberOr(nil)
			if err != nil {
				return command.Reply{}, err
			}
			reason := string(a.Reason)
			if !text.HasLetters(reason) {
				reason = "away"
			}
			cause, err := d.Members.In(tx).BeginCause(ctx, member.NewCause{Member: m.ID, Effect: member.Parked, Source: member.ByOwner, Reason: reason, For: lasting(a.For), By: by(c)})
			if err != nil {
				return command.Reply{}, err
			}
			reply := command.Say("Your account is parked (cause %d). Logging in to the site wakes it.", cause.ID)
			return reply.With("back", command.None{}), nil
		},
	}
}

// back wakes one's own account.
func (d Deps) back() command.Command {
	return command.Action[command.None]{
		Spec: command.Spec{Name: "back", Summary: "wake your account that is parked", Secret: true},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, _ command.None) (command.Reply, error) {
			m, err := c.Actor.MemberOr(nil)
			if err != nil {
				return command.Reply{}, err
			}
			i := slices.IndexFunc(m.Holding, func(c member.Cause) bool { return c.Effect == member.Parked && c.Source == member.ByOwner })
			if i < 0 {
				return command.Reply{}, core.Errorf(core.Conflict, "you have not parked your account")
			}
			_, err = d.Members.In(tx).EndCause(ctx, m.Holding[i].ID, by(c), "back")
			return done(err, "Welcome back: your account is as it was before.")
		},
	}
}
