package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// bench is an engine with two commands of a test's own, on a clock that stands
// still until it is moved.
type bench struct {
	*Registry
	db      *db.DB
	members *member.Store
	bob     member.Member

	clock *dbtest.Clock
}

func onBench(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := &bench{db: d, clock: dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
		keys, err := secret.NewKeyring(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		keys = keys.Cheaply()
		events := eventlog.New(d, b.clock.Now)
		b.members = member.NewStore(d, events, keys, b.clock.Now)
		if err := b.members.Seed(t.Context()); err != nil {
			t.Fatal(err)
		}
		made, err := b.members.Create(t.Context(), member.New{Name: "bob"})
		if err != nil {
			t.Fatal(err)
		}
		b.bob = made.Member
		b.Registry, err = New(Deps{DB: d, Members: b.members, Catalog: catalog.NewStore(d, events, b.clock.Now, catalog.Options{}),
			Audit: audit.New(d, b.clock.Now), Events: events, Clock: b.clock.Now, Log: slog.New(slog.DiscardHandler)}, b.family())
		if err != nil {
			t.Fatal(err)
		}
		test(t, b)
	})
}

type offArgs struct {
	Member member.Member `arg:"name"`
	Reason Text          `arg:"reason"`
}

type onArgs struct {
	Member member.Member `arg:"name"`
}

// family is a command that asks first, and the one that takes it back.
func (b *bench) family() []Command {
	state := func(m member.Member) string { return m.ClosedWhy() }
	return []Command{
		Action[offArgs]{
			Spec: Spec{Name: "switch off", Summary: "switch a member off", Permission: core.MemberDisable},
			Preview: func(_ context.Context, _ *db.Tx, _ Call, a offArgs) ([]string, error) {
				return []string{"This would switch off " + a.Member.Name}, nil
			},
			State: func(_ context.Context, _ *db.Tx, _ Call, a offArgs) (string, error) { return state(a.Member), nil },
			Run: func(ctx context.Context, tx *db.Tx, _ Call, a offArgs) (Reply, error) {
				err := membertest.Disable(ctx, b.members.In(tx), a.Member.ID, string(a.Reason))
				return Say("%s is off.", a.Member.Name).With("switch on", onArgs{a.Member}), err
			},
		},
		Action[onArgs]{
			Spec:  Spec{Name: "switch on", Summary: "switch a member on", Permission: core.MemberDisable},
			State: func(_ context.Context, _ *db.Tx, _ Call, a onArgs) (string, error) { return state(a.Member), nil },
			Run: func(ctx context.Context, tx *db.Tx, _ Call, a onArgs) (Reply, error) {
				err := membertest.Enable(ctx, b.members.In(tx), a.Member.ID)
				return Say("%s is on.", a.Member.Name).With("switch off", offArgs{a.Member, Text(a.Member.ClosedWhy())}), err
			},
		},
		b.apart(state),
	}
}

func (b *bench) run(t *testing.T, line string) Answer {
	t.Helper()
	a, err := b.Execute(t.Context(), Request{Actor: Shell(), Line: line})
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return a
}

func (b *bench) fails(t *testing.T, line string, code core.Code) {
	t.Helper()
	if a, err := b.Execute(t.Context(), Request{Actor: Shell(), Line: line}); core.CodeOf(err) != code {
		t.Errorf("%s: %+v, %v; want code %q", line, a, err, code)
	}
}

// world is all that a command may leave behind.
func (b *bench) world(t *testing.T) string {
	t.Helper()
	var state string
	var waiting, rows, events int
	for query, into := range map[string]any{
		"SELECT COUNT(*) FROM member_cause WHERE ended_at = 0": &state,
		"SELECT COUNT(*) FROM pending_act":                     &waiting,
		"SELECT COUNT(*) FROM audit":                           &rows,
		"SELECT last_id FROM event_sequence WHERE id = 1":      &events,
	} {
		if err := b.db.QueryRowContext(t.Context(), query).Scan(into); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	return fmt.Sprintf("%s, %d waiting, %d rows, event %d", state, waiting, rows, events)
}

// TestKilledCommandLeavesAllOrNothing stops an action at each of its points: by a
// panic, which ends a transaction as a kill does, and by an end of the context.
func TestKilledCommandLeavesAllOrNothing(t *testing.T) {
	t.Parallel()
	stops := map[string]func(cancel func()){
		"panic":   func(func()) { panic("killed") },
		"context": func(cancel func()) { cancel() },
	}
	onBench(t, func(t *testing.T, b *bench) {
		for how, stop := range stops {
			for _, point := range []Point{AtBegin, AtConsumed, AtActed, AtRecorded} {
				code := b.run(t, "switch off bob for a test").Pending.Code
				before := b.world(t)
				ctx, cancel := context.WithCancel(t.Context())
				b.at = func(p Point) {
					if p == point {
						stop(cancel)
					}
				}
				err := b.quietly(ctx, "confirm "+code)
				cancel()
				b.at = func(Point) {}
				if err == nil {
					t.Fatalf("%s at %s: it went through", how, point)
				}
				after := b.world(t)
				if how == "context" { // the asker's context ended: it failed, and that is on record
					after = strings.Replace(after, fmt.Sprintf("%d rows", rowsIn(after)), fmt.Sprintf("%d rows", rowsIn(before)), 1)
				}
				if after != before {
					t.Errorf("%s at %s: before %q, after %q", how, point, before, after)
				}
				b.run(t, "confirm "+code) // all of it can still be done
				b.run(t, "switch on bob")
			}
		}
		code := b.run(t, "switch off bob for a test").Pending.Code
		b.at = func(p Point) {
			if p == AtCommitted {
				panic("killed")
			}
		}
		err := b.quietly(t.Context(), "confirm "+code)
		b.at = func(Point) {}
		if err == nil || !strings.HasPrefix(b.world(t), "1, 0 waiting") {
			t.Errorf("killed after the commit: %v, %s", err, b.world(t))
		}
	})
}

func rowsIn(world string) int {
	var n int
	_, after, _ := strings.Cut(world, "waiting, ")
	_, _ = fmt.Sscanf(after, "%d rows", &n)
	return n
}

// quietly runs a line and returns a panic as an error.
func (b *bench) quietly(ctx context.Context, line string) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	_, err = b.Execute(ctx, Request{Actor: Shell(), Line: line})
	return err
}

func TestUndo(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		off := b.confirmed(t, "switch off bob he left")
		undo := fmt.Sprintf("undo %d", off.Entry)
		on := b.run(t, undo)
		if diff := cmp.Diff([]string{"bob is on."}, on.Lines); diff != "" {
			t.Error(diff)
		}
		b.fails(t, undo, core.Conflict) // it was undone already
		again := b.confirmed(t, fmt.Sprintf("undo %d", on.Entry))
		if !strings.HasPrefix(b.world(t), "1,") {
			t.Errorf("undo of undo: %s", b.world(t))
		}
		// Somebody changes what it rests on: the reason is another one now.
		b.run(t, "switch on bob")
		b.confirmed(t, "switch off bob for another reason")
		b.fails(t, fmt.Sprintf("undo %d", again.Entry), core.Conflict)
		b.fails(t, "undo 4711", core.NotFound)
		b.fails(t, "undo x", core.Invalid)
	})
}

// TestUndoIsForThoseWhoMay takes care that nobody learns of entries, or does by an
// undo what they may not do.
func TestUndoIsForThoseWhoMay(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		off := b.confirmed(t, "switch off bob he left")
		b.run(t, "switch on bob")
		m, err := b.members.ByName(t.Context(), "bob")
		if err != nil {
			t.Fatal(err)
		}
		req := Request{Actor: Of(m, audit.ViaIRC), Line: fmt.Sprintf("undo %d", off.Entry)}
		if _, err := b.Execute(t.Context(), req); core.CodeOf(err) != core.NotFound {
			t.Errorf("a member: %v", err)
		}
		if err := b.members.SetClassPermission(t.Context(), m.Class.Name, core.AuditRead, true); err != nil {
			t.Fatal(err)
		}
		if m, err = b.members.ByName(t.Context(), "bob"); err != nil {
			t.Fatal(err)
		}
		req.Actor = Of(m, audit.ViaIRC)
		if _, err := b.Execute(t.Context(), req); core.CodeOf(err) != core.Forbidden {
			t.Errorf("a member who may read the log: %v", err)
		}
	})
}

func (b *bench) confirmed(t *testing.T, line string) Answer {
	t.Helper()
	return b.run(t, "confirm "+b.run(t, line).Pending.Code)
}

func TestCodesWorkOnce(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		code := b.run(t, "switch off bob once").Pending.Code
		var wg sync.WaitGroup
		results := make([]error, 8)
		for i := range results {
			wg.Go(func() {
				_, results[i] = b.Execute(t.Context(), Request{Actor: Shell(), Line: "confirm " + code})
			})
		}
		wg.Wait()
		done := 0
		for _, err := range results {
			switch core.CodeOf(err) {
			case "":
				done++
			case core.Invalid:
			default:
				t.Errorf("one of several: %v", err)
			}
		}
		if done != 1 {
			t.Errorf("a code worked %d times", done)
		}
	})
}

func TestPendingActsAreBounded(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		var codes []string
		for range 3 * maxPerPerson {
			codes = append(codes, b.run(t, "switch off bob again").Pending.Code)
		}
		if !strings.Contains(b.world(t), fmt.Sprintf(" %d waiting", maxPerPerson)) {
			t.Errorf("one actor: %s", b.world(t))
		}
		b.fails(t, "confirm "+codes[0], core.Invalid)
		b.clock.Add(-24 * time.Hour) // a clock that was set back: nothing is trusted beyond its length
		b.fails(t, "confirm "+codes[len(codes)-1], core.Invalid)
		b.clock.Add(24*time.Hour + confirmFor)
		b.fails(t, "confirm "+codes[len(codes)-1], core.Invalid)
		code := b.run(t, "switch off bob again").Pending.Code
		if !strings.Contains(b.world(t), " 1 waiting") {
			t.Errorf("what ran out is still there: %s", b.world(t))
		}
		b.run(t, "confirm "+code)
	})
}

func TestFormsAreTakenAsTheyAre(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		given := map[string]string{"name": "bob", "reason": `  --reason "is" odd`}
		a, err := b.Execute(t.Context(), Request{Actor: Shell(), Command: "switch off", Given: given})
		if err != nil || a.Pending == nil {
			t.Fatalf("%+v, %v", a, err)
		}
		b.run(t, "confirm "+a.Pending.Code)
		m, err := b.members.ByName(t.Context(), "bob")
		if err != nil || m.ClosedWhy() != `--reason "is" odd` {
			t.Errorf("reason %q, %v", m.ClosedWhy(), err)
		}
		for _, req := range []Request{
			{Command: "switch", Given: given}, {Command: "switch off", Given: map[string]string{"name": "bob", "reason": " "}},
			{Command: "switch off", Given: map[string]string{"name": "bob", "reason": "x", "more": "y"}},
		} {
			req.Actor = Shell()
			if _, err := b.Execute(t.Context(), req); core.CodeOf(err) != core.Invalid && core.CodeOf(err) != core.NotFound {
				t.Errorf("%v: %v", req.Given, err)
			}
		}
	})
}

type badArgs struct {
	A Text   `arg:"a"`
	B string `arg:"b"`
}

type badOption struct {
	A string `arg:"a,bellow"`
}

type badPermission struct {
	A member.Member `arg:"a,other=no.such"`
}

type badType struct {
	A float64 `arg:"a"`
}

type secretArgs struct {
	A string `arg:"a,secret"`
}

// TestMistakesInTheTable makes sure that what can't work fails at start.
func TestMistakesInTheTable(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]Command{
		"registered twice":      question[None]("help"),
		"one or two words":      question[None]("a b c"),
		"lower case":            question[None]("Shout"),
		"does nothing":          Question[None]{Spec: Spec{Name: "nothing"}},
		"no struct":             question[int]("x"),
		"after a text":          question[badArgs]("x"),
		"bellow":                question[badOption]("x"),
		"no.such":               question[badPermission]("x"),
		"no type of argument":   question[badType]("x"),
		"asks for a permission": Question[None]{Spec: Spec{Name: "x", Permission: "no.such"}, Run: answerNothing[None]},
		"no keys to seal":       Action[secretArgs]{Spec: Spec{Name: "x"}, Preview: previewNothing, Run: actNothing[secretArgs]},
	} {
		if _, err := New(Deps{}, []Command{c}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, got %v", want, err)
		}
	}
	if _, err := New(Deps{}, []Command{question[None]("x")}, []Command{question[None]("x")}); err == nil {
		t.Error("one name twice in different families")
	}
}

func answerNothing[A any](context.Context, Call, A) (Reply, error) { return Reply{}, nil }

func actNothing[A any](context.Context, *db.Tx, Call, A) (Reply, error) { return Reply{}, nil }

func previewNothing(context.Context, *db.Tx, Call, secretArgs) ([]string, error) { return nil, nil }

func question[A any](name string) Command {
	return Question[A]{Spec: Spec{Name: name}, Run: answerNothing[A]}
}

type everyArgs struct {
	Word  string        `arg:"word"`
	Span  time.Duration `arg:"span,flag,optional"`
	Other string        `arg:"other,flag,optional"`
	Text  Text          `arg:"text"`
}

// FuzzLine makes sure that a line which the engine writes means what was given.
func FuzzLine(f *testing.F) {
	f.Add("a word", "x", `--b "c" d`)
	f.Add("--word", "", "--")
	f.Add(`"`, `\"`, `a "b`)
	f.Add("00", "0", `0 "0"0`)
	f.Add("w", "«0 -", `= "‚”--other`)
	f.Add("—word", "“x", "thanks —other x")
	f.Add("-s", "‘a", "‘tis --dry-run, they’ said")
	f.Fuzz(func(t *testing.T, word, other, rest string) {
		c, err := Action[everyArgs]{Spec: Spec{Name: "every"}, Run: actNothing[everyArgs]}.compile()
		if err != nil {
			t.Fatal(err)
		}
		given := map[string]string{}
		for name, v := range map[string]string{"word": word, "other": other, "text": rest} {
			words, err := split(Join([]string{v}))
			if err != nil || len(words) != 1 || strings.TrimSpace(words[0]) != v || v == "" {
				return // no argument can be this
			}
			given[name] = v
		}
		line := c.line(given, false)
		words, err := read(line)
		if len(line) > MaxLine {
			return
		}
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		b := binder{c: c, typed: true, actor: Shell()}
		got, err := b.bind(words, 0)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if diff := cmp.Diff(given, got.given); diff != "" || got.dry || got.doubt != "" {
			t.Errorf("%q, dry %t, doubt %q (-given +got):\n%s", line, got.dry, got.doubt, diff)
		}
	})
}

// TestSecretsAreInTheTable makes sure that no command answers with a secret unless its row
// says so: then nothing has happened.
func TestSecretsAreInTheTable(t *testing.T) {
	t.Parallel()
	onBench(t, func(t *testing.T, b *bench) {
		for name, reveals := range map[string]bool{"tell": true, "blab": false} {
			err := b.add(Action[onArgs]{Spec: Spec{Name: name, Reveals: reveals}, Run: func(ctx context.Context, tx *db.Tx, _ Call, a onArgs) (Reply, error) {
				err := membertest.Disable(ctx, b.members.In(tx), a.Member.ID, "told")
				return Reply{Blocks: []Block{Secret{"Key", "hush"}}}, err
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		b.fails(t, "blab bob", core.Internal)
		if !strings.HasPrefix(b.world(t), "0,") {
			t.Errorf("it blabbed: %s", b.world(t))
		}
		if a := b.run(t, "tell bob"); len(a.Private) != 1 {
			t.Errorf("told %+v", a)
		}
	})
}

var errAway = errors.New("away")

// TestFailuresAreOnRecord looks at what is written of an action that fails.
func TestFailuresAreOnRecord(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := func() time.Time { return time.Unix(1000, 0) }
		log := audit.New(d, clock)
		r, err := New(Deps{DB: d, Members: member.NewStore(d, nil, nil, clock), Catalog: catalog.NewStore(d, nil, clock, catalog.Options{}),
			Audit: log, Clock: clock, Log: slog.New(slog.DiscardHandler)}, []Command{
			Action[secretArgs]{Spec: Spec{Name: "break"}, Run: func(context.Context, *db.Tx, Call, secretArgs) (Reply, error) { return Reply{}, errAway }},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Execute(t.Context(), Request{Actor: Shell(), Line: "break hush"}); !errors.Is(err, errAway) {
			t.Errorf("got %v", err)
		}
		if _, err := r.Execute(t.Context(), Request{Actor: Guest("eve", audit.ViaIRC), Line: "break hush hush"}); core.CodeOf(err) != core.Forbidden {
			t.Errorf("got %v", err)
		}
		rows, err := log.Recent(t.Context(), 10)
		if err != nil || len(rows) != 2 {
			t.Fatalf("%+v, %v", rows, err)
		}
		if rows[1].Outcome != audit.Failed || rows[0].Outcome != audit.Denied || strings.Contains(fmt.Sprint(rows), "hush") {
			t.Errorf("rows %+v", rows)
		}
	})
}
