package command

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
)

type apartArgs struct {
	Member member.Member `arg:"name,below"`
	Reason Text          `arg:"reason"`
}

// apart is a command that another member of staff has to approve, unless the reason is small.
func (b *bench) apart(state func(member.Member) string) Command {
	return Action[apartArgs]{
		Spec:      Spec{Name: "switch apart", Summary: "switch a member off by the word of two", Permission: core.MemberDisable, Approve: true},
		ApproveIf: func(_ Call, a apartArgs) bool { return a.Reason != "small" },
		Preview: func(_ context.Context, _ *db.Tx, _ Call, a apartArgs) ([]string, error) {
			return []string{"This would switch off " + a.Member.Name + " for good."}, nil
		},
		State: func(_ context.Context, _ *db.Tx, _ Call, a apartArgs) (string, error) { return state(a.Member), nil },
		Run: func(ctx context.Context, tx *db.Tx, c Call, a apartArgs) (Reply, error) {
			err := membertest.Disable(ctx, b.members.In(tx), a.Member.ID, c.Actor.Name+": "+string(a.Reason))
			return Say("%s is off.", a.Member.Name).With("switch on", onArgs{a.Member}), err
		},
	}
}

// staff makes accounts of moderators.
func (b *bench) staff(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := b.members.Create(t.Context(), member.New{Name: name, Class: "Moderator"}); err != nil {
			t.Fatal(err)
		}
	}
}

func (b *bench) actor(t *testing.T, name string, via audit.Via) Actor {
	t.Helper()
	if name == "shell" {
		return Shell()
	}
	m, err := b.members.ByName(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return Of(m, via)
}

// as runs a line as somebody, and gives the confirmation that is asked for.
func (b *bench) as(t *testing.T, name, line string) (Answer, error) {
	t.Helper()
	a, err := b.Execute(t.Context(), Request{Actor: b.actor(t, name, audit.ViaIRC), Line: line})
	if err == nil && a.Pending != nil {
		a, err = b.Execute(t.Context(), Request{Actor: b.actor(t, name, audit.ViaIRC), Line: "confirm " + a.Pending.Code})
	}
	return a, err
}

// asked lets mona ask for an act on bob, and returns its code.
func (b *bench) asked(t *testing.T, line string) string {
	t.Helper()
	a, err := b.as(t, "mona", line)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	list, err := b.Waiting(t.Context(), b.actor(t, "mona", audit.ViaIRC))
	if err != nil || len(list) == 0 {
		t.Fatalf("%+v, nothing waits: %v", a, err)
	}
	last := list[len(list)-1]
	if !strings.Contains(strings.Join(a.Lines, " "), "approve "+last.Code) || !last.Mine || a.Undo != "pending drop "+last.Code {
		t.Fatalf("answer %+v of %+v", a, last)
	}
	return last.Code
}

func (b *bench) want(t *testing.T, what string, err error, code core.Code) {
	t.Helper()
	if core.CodeOf(err) != code {
		t.Errorf("%s: %v, want code %q", what, err, code)
	}
}

func (b *bench) isOn(t *testing.T) bool {
	t.Helper()
	m, err := b.members.ByName(t.Context(), "bob")
	if err != nil {
		t.Fatal(err)
	}
	return m.Enabled()
}

// rows is the audit log, oldest first.
func (b *bench) rows(t *testing.T) []string {
	t.Helper()
	entries, err := b.deps.Audit.Recent(t.Context(), 100)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		out = append(out, fmt.Sprintf("%s/%s %s %s: %s: %s", e.ActorName, e.Via, e.Command, e.Arguments, e.Outcome, e.Detail))
	}
	return out
}

func TestApproval(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		b.staff(t, "mona", "max", "mia")
		code := b.asked(t, "switch apart bob he left")
		if !b.isOn(t) {
			t.Fatal("it was done unapproved")
		}
		_, err := b.as(t, "mona", "approve "+code)
		b.want(t, "by who asked", err, core.Forbidden)
		_, err = b.as(t, "bob", "approve "+code)
		b.want(t, "by a member", err, core.Forbidden)
		_, err = b.as(t, "shell", "approve "+code)
		b.want(t, "by the shell, though staff could", err, core.Forbidden)
		_, err = b.as(t, "max", "approve 0000")
		b.want(t, "no code", err, core.NotFound)
		_, err = b.as(t, "mia", "switch apart bob he left")
		b.want(t, "asked for twice", err, core.Conflict)
		tried, err := b.as(t, "max", "approve --dry-run "+code)
		if err != nil || !strings.Contains(strings.Join(tried.Lines, " "), "would switch off bob") || !b.isOn(t) {
			t.Errorf("rehearsed: %+v, %v", tried, err)
		}
		// From another face than the one on which it was asked for.
		a, err := b.Execute(t.Context(), Request{Actor: b.actor(t, "max", audit.ViaSite), Command: "approve", Given: map[string]string{"code": strings.ToLower(code)}})
		if err != nil || b.isOn(t) {
			t.Fatalf("approved: %+v, %v", a, err)
		}
		m, err := b.members.ByName(t.Context(), "bob")
		if err != nil || m.ClosedWhy() != "mona: he left" {
			t.Errorf("done as %q, %v", m.ClosedWhy(), err)
		}
		_, err = b.as(t, "mia", "approve "+code)
		b.want(t, "approved twice", err, core.NotFound)
		got := b.rows(t)
		for i, want := range []string{
			"mona/irc switch apart bob he left: asked: waits for approval as " + code,
			"mona/irc approve " + code + ": denied: you asked for this yourself",
			"bob/irc approve " + code + ": denied: ",
			"shell/shell approve " + code + ": denied: ",
			"mona/irc switch apart bob he left: done: Approved by max (site). bob is off.",
			"max/site approve " + code + ": done: mona asked for: switch apart bob he left",
		} {
			if i >= len(got) || !strings.HasPrefix(got[i], want) {
				t.Errorf("row %d: %q, want %q", i, got, want)
			}
		}
		if _, err := b.as(t, "shell", fmt.Sprintf("undo %d", a.Entry)); err != nil || !b.isOn(t) {
			t.Errorf("undone: %v", err)
		}
		// What needs no approval by its arguments, and what the shell asks for, is done at once.
		for _, who := range []string{"mona", "shell"} {
			reason := map[string]string{"mona": "small", "shell": "large"}[who]
			if _, err := b.as(t, who, "switch apart bob "+reason); err != nil || b.isOn(t) {
				t.Errorf("%s: %v", who, err)
			}
			b.run(t, "switch on bob")
		}
	})
}

// TestApprovalIsCheckedAnew changes what an act rests on while it waits.
func TestApprovalIsCheckedAnew(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		b.staff(t, "mona", "max", "mia")
		changes := map[string]struct {
			do, back func() error
			code     core.Code
			stays    bool
		}{
			"the subject changed": {
				do:   func() error { return membertest.Disable(t.Context(), b.members, b.bob.ID, "by others") },
				back: func() error { return membertest.Enable(t.Context(), b.members, b.bob.ID) }, code: core.Conflict},
			"the subject rose": {
				do:   func() error { return b.members.SetClass(t.Context(), b.bob.ID, "Moderator") },
				back: func() error { return b.members.SetClass(t.Context(), b.bob.ID, "User") }, code: core.Forbidden, stays: true},
			"the asker fell": {
				do: func() error {
					return b.members.SetClass(t.Context(), b.actor(t, "mona", audit.ViaIRC).Member.ID, "User")
				},
				back: func() error {
					return b.members.SetClass(t.Context(), b.actor(t, "mona", audit.ViaIRC).Member.ID, "Moderator")
				}, code: core.Conflict, stays: true},
			"the asker is disabled": {
				do: func() error {
					return membertest.Disable(t.Context(), b.members, b.actor(t, "mona", audit.ViaIRC).Member.ID, "x y")
				},
				back: func() error {
					return membertest.Enable(t.Context(), b.members, b.actor(t, "mona", audit.ViaIRC).Member.ID)
				}, code: core.Conflict, stays: true},
			"a day passed": {do: func() error { b.clock.Add(approveFor); return nil }, back: func() error { return nil }, code: core.NotFound},
			"the clock was wrong": {do: func() error { b.clock.Add(-30 * 24 * time.Hour); return nil },
				back: func() error { b.clock.Add(30 * 24 * time.Hour); return nil }, code: core.NotFound, stays: true},
		}
		for what, c := range changes {
			code := b.asked(t, "switch apart bob "+what)
			if err := c.do(); err != nil {
				t.Fatal(err)
			}
			_, err := b.as(t, "max", "approve "+code)
			b.want(t, what, err, c.code)
			if err := c.back(); err != nil {
				t.Fatal(err)
			}
			if !b.isOn(t) {
				t.Errorf("%s: it was done", what)
			}
			list, err := b.Waiting(t.Context(), Shell())
			if err != nil || (len(list) == 1) != c.stays {
				t.Errorf("%s: %+v waits, %v", what, list, err)
			}
			if c.stays {
				if _, err := b.as(t, "mia", "pending drop "+code); err != nil {
					t.Errorf("%s: dropped: %v", what, err)
				}
			}
		}
	})
}

// TestTooFewForApproval has nobody, and then one other, who could approve.
func TestTooFewForApproval(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		b.staff(t, "mona")
		for _, others := range []string{"", "max"} {
			if others != "" {
				b.staff(t, others)
			}
			b.asked(t, "switch apart bob by the shell "+others)
			list, err := b.Waiting(t.Context(), Shell())
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v, %v", list, err)
			}
			if _, err := b.as(t, "shell", "approve "+list[0].Code); err != nil || b.isOn(t) {
				t.Errorf("the shell, with %q: %v", others, err)
			}
			b.run(t, "switch on bob")
			code := b.asked(t, "switch apart bob alone "+others)
			b.clock.Add(aloneAfter - time.Second)
			_, err = b.as(t, "mona", "approve "+code)
			b.want(t, "too early", err, core.Conflict)
			b.clock.Add(time.Second)
			if _, err := b.as(t, "mona", "approve "+code); err != nil || b.isOn(t) {
				t.Errorf("alone, with %q: %v", others, err)
			}
			b.run(t, "switch on bob")
		}
		// Those who are disabled, or no higher than the subject, don't count.
		b.staff(t, "mia")
		if err := b.members.SetClass(t.Context(), b.bob.ID, "First-line Support"); err == nil {
			t.Fatal("a secondary class became the primary one")
		}
		mia := b.actor(t, "mia", audit.ViaIRC).Member.ID
		if err := membertest.Disable(t.Context(), b.members, mia, "on leave"); err != nil {
			t.Fatal(err)
		}
		code := b.asked(t, "switch apart bob again")
		b.clock.Add(aloneAfter)
		if err := membertest.Enable(t.Context(), b.members, mia); err != nil {
			t.Fatal(err)
		}
		_, err := b.as(t, "mona", "approve "+code)
		b.want(t, "two others are there again", err, core.Forbidden)
		if err := membertest.Disable(t.Context(), b.members, mia, "on leave"); err != nil {
			t.Fatal(err)
		}
		if _, err := b.as(t, "mona", "approve "+code); err != nil {
			t.Errorf("alone: %v", err)
		}
		if last := b.rows(t); !strings.Contains(strings.Join(last[len(last)-2:], "\n"), "Not approved by anybody else") {
			t.Errorf("rows %q", last)
		}
	})
}

// TestKilledApproval stops the asking and the approving at each point: all or nothing.
func TestKilledApproval(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		b.staff(t, "mona", "max", "mia")
		stopped := func(who, line string, point Point) (err error) {
			b.at = func(p Point) {
				if p == point {
					panic("killed")
				}
			}
			defer func() {
				b.at = func(Point) {}
				if p := recover(); p != nil {
					err = fmt.Errorf("%v", p)
				}
			}()
			_, err = b.Execute(t.Context(), Request{Actor: b.actor(t, who, audit.ViaIRC), Line: line})
			return err
		}
		for _, point := range []Point{AtBegin, AtConsumed, AtRecorded} {
			first, err := b.Execute(t.Context(), Request{Actor: b.actor(t, "mona", audit.ViaIRC), Line: "switch apart bob at " + string(point)})
			if err != nil {
				t.Fatal(err)
			}
			before := b.world(t)
			if err := stopped("mona", "confirm "+first.Pending.Code, point); err == nil {
				t.Fatalf("asked, killed at %s: it went through", point)
			}
			if diff := cmp.Diff(before, b.world(t)); diff != "" {
				t.Errorf("asked, killed at %s (-before +after):\n%s", point, diff)
			}
		}
		code := b.asked(t, "switch apart bob for a test")
		for _, point := range []Point{AtBegin, AtConsumed, AtActed, AtRecorded} {
			before := b.world(t)
			if err := stopped("max", "approve "+code, point); err == nil {
				t.Fatalf("killed at %s: it went through", point)
			}
			if diff := cmp.Diff(before, b.world(t)); diff != "" {
				t.Errorf("approved, killed at %s (-before +after):\n%s", point, diff)
			}
		}
		var wg sync.WaitGroup
		results := make([]error, 8)
		for i := range results {
			who := b.actor(t, []string{"max", "mia"}[i%2], audit.ViaIRC)
			wg.Go(func() { _, results[i] = b.Execute(t.Context(), Request{Actor: who, Line: "approve " + code}) })
		}
		wg.Wait()
		done := 0
		for _, err := range results {
			switch core.CodeOf(err) {
			case "":
				done++
			case core.NotFound, core.Invalid, core.Conflict:
			default:
				t.Errorf("one of several: %v", err)
			}
		}
		if done != 1 || b.isOn(t) {
			t.Errorf("it was done %d times", done)
		}
	})
}

func TestWaitingActsAreBounded(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		b.staff(t, "mona", "max")
		var codes []string
		for i := range maxAsked {
			codes = append(codes, b.asked(t, fmt.Sprintf("switch apart bob reason %d", i)))
		}
		_, err := b.as(t, "mona", "switch apart bob one more")
		b.want(t, "one too many", err, core.Conflict)
		_, err = b.as(t, "bob", "pending drop "+codes[0])
		b.want(t, "dropped by a member", err, core.Forbidden)
		_, err = b.as(t, "bob", "pending list")
		b.want(t, "listed by a member", err, core.Forbidden)
		if a, err := b.as(t, "mona", "pending drop "+codes[0]); err != nil || !strings.Contains(strings.Join(a.Lines, ""), "not done") {
			t.Errorf("%+v, %v", a, err)
		}
		b.asked(t, "switch apart bob one more")
		list, err := b.as(t, "max", "pending")
		if err != nil || len(list.Lines) != maxAsked || !strings.Contains(list.Lines[maxAsked-1], "mona asks for: switch apart bob one more. This would switch off bob for good.") {
			t.Errorf("%q, %v", list.Lines, err)
		}
		b.clock.Add(approveFor)
		if list, err := b.as(t, "max", "pending"); err != nil || list.Lines[0] != "Nothing waits for approval." {
			t.Errorf("%q, %v", list.Lines, err)
		}
		b.asked(t, "switch apart bob a day later")
		var n int
		if err := b.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM pending_act WHERE kind = 'approve'").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d rows are left, %v", n, err)
		}
	})
}

// TestApprovalOfAnUndoing undoes an act by one that needs approval, and takes an asking back
// by undoing it.
func TestApprovalOfAnUndoing(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		b.staff(t, "mona", "max", "mia")
		if err := b.add(Action[onArgs]{
			Spec: Spec{Name: "switch back", Permission: core.MemberDisable},
			Run: func(ctx context.Context, tx *db.Tx, _ Call, a onArgs) (Reply, error) {
				err := membertest.Enable(ctx, b.members.In(tx), a.Member.ID)
				return Say("%s is back.", a.Member.Name).With("switch apart", apartArgs{a.Member, "once more"}), err
			},
		}); err != nil {
			t.Fatal(err)
		}
		back, err := b.as(t, "mona", "switch back bob")
		if err != nil {
			t.Fatal(err)
		}
		undo := fmt.Sprintf("undo %d", back.Entry)
		code := b.asked(t, undo)
		rows, err := b.deps.Audit.Recent(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.as(t, "mona", fmt.Sprintf("undo %d", rows[0].ID)); err != nil {
			t.Errorf("the asking is taken back: %v", err)
		}
		_, err = b.as(t, "max", "approve "+code)
		b.want(t, "taken back", err, core.NotFound)
		code = b.asked(t, undo)
		done, err := b.as(t, "max", "approve "+code)
		if err != nil || b.isOn(t) {
			t.Fatalf("%+v, %v", done, err)
		}
		if e, err := b.Entry(t.Context(), done.Entry); err != nil || e.Undoes != back.Entry || e.ActorName != "mona" {
			t.Errorf("%+v, %v", e, err)
		}
		_, err = b.as(t, "mona", undo)
		b.want(t, "undone twice", err, core.Conflict)
	})
}
