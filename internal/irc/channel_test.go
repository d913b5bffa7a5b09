package irc_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// world is a store with a clock that stands still until it is moved.
type world struct {
	*irc.Store
	db    *db.DB
	log   *eventlog.Log
	clock *dbtest.Clock
}

func eachStore(t *testing.T, test func(t *testing.T, ctx context.Context, w *world)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		keys, err := secret.NewKeyring(make([]byte, 32))
		must(t, err)
		w := &world{db: d, clock: dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
		w.log = eventlog.New(d, w.clock.Now)
		w.Store = irc.NewStore(d, w.log, ban.NewStore(d, w.log, keys, w.clock.Now), w.clock.Now)
		must(t, w.Seed(t.Context()))
		must(t, d.Tx(t.Context(), func(tx *db.Tx) error {
			for id, name := range map[int]string{3: "Power User", 21: "Support"} {
				if _, err := tx.Insert(t.Context(), "class", db.Row{"id", id, "name", name, "level", 100 * id, "secondary", id > 20}); err != nil {
					return err
				}
			}
			return nil
		}))
		test(t, t.Context(), w)
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kinds are the events so far.
func (w *world) kinds(t *testing.T) string {
	t.Helper()
	events, err := w.log.Read(t.Context(), 0, 100)
	must(t, err)
	var out []string
	for _, e := range events {
		out = append(out, e.Kind+string(e.Body))
	}
	return strings.Join(out, " ")
}

func TestTheFirstChannelsAreWrittenOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, ctx context.Context, w *world) {
		must(t, w.Delete(ctx, "#USERBOTS"))
		must(t, w.Seed(ctx))
		got, err := w.Channels(ctx)
		must(t, err)
		want := irc.FirstChannels()
		want = append(want[:3:3], want[4:]...)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for _, c := range got {
			if m, err := irc.ParseModes(c.Modes); err != nil || m.String() != c.Modes {
				t.Errorf("%s has modes %q, which are read as %q, %v", c.Name, c.Modes, m, err)
			}
		}
	})
}

func TestStaffChangeAChannel(t *testing.T) {
	eachStore(t, func(t *testing.T, ctx context.Context, w *world) {
		made, err := w.Create(ctx, irc.Channel{Name: "#lab", Purpose: " Wet work ", Modes: "+tn", JoinClass: irc.Class{ID: 3}, SpeakClass: irc.Class{ID: 21}})
		must(t, err)
		if made.Position != 9 {
			t.Errorf("it is at %d", made.Position)
		}
		if _, err := w.Create(ctx, irc.Channel{Name: "#LAB"}); core.CodeOf(err) != core.Conflict {
			t.Errorf("a second of its name: %v", err)
		}
		must(t, w.SaveTopic(ctx, "#lab", "Hands off", "alice", w.clock.Now()))
		_, _, err = w.Change(ctx, "#Lab", func(c *irc.Channel) error {
			c.Name, c.Topic, c.Modes, c.AutoJoin, c.Join = "#other", "none", "+nkl x 5", true, core.IRCVoice
			return nil
		})
		must(t, err)
		got, err := w.Channel(ctx, "#LAB")
		must(t, err)
		want := irc.Channel{Name: "#lab", Position: 9, Purpose: "Wet work", Modes: "+nkl x 5", Join: core.IRCVoice, AutoJoin: true,
			JoinClass:  irc.Class{ID: 3, Name: "Power User", Level: 300},
			SpeakClass: irc.Class{ID: 21, Name: "Support", Level: 2100, Secondary: true}, Topic: "Hands off", TopicBy: "alice", TopicAt: w.clock.Now(),
			History: irc.Kept{Days: 30, Lines: 50000}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		must(t, w.SaveModes(ctx, "#lab", "", irc.MaskChange{Add: true, Mask: irc.Mask{Kind: 'b', Mask: "eve!*@*", By: "alice", At: w.clock.Now()}}))
		must(t, w.Delete(ctx, "#lab"))
		if masks, err := w.Masks(ctx, ""); err != nil || len(masks) != 0 {
			t.Errorf("its lists stayed: %v, %v", masks, err)
		}
		for what, err := range map[string]error{
			"delete": w.Delete(ctx, "#lab"), "topic": w.SaveTopic(ctx, "#lab", "", "", w.clock.Now()), "modes": w.SaveModes(ctx, "#lab", "+n")} {
			if core.CodeOf(err) != core.NotFound {
				t.Errorf("%s of a channel that is gone: %v", what, err)
			}
		}
		if _, _, err := w.Change(ctx, "#lab", func(*irc.Channel) error { return nil }); core.CodeOf(err) != core.NotFound {
			t.Errorf("change of a channel that is gone: %v", err)
		}
		const event = `IRCChannelChanged{"channel":"#lab"}`
		if got := w.kinds(t); got != event+" "+event+" "+event {
			t.Errorf("events: %s", got)
		}
	})
}

func TestChannelsThatCantBe(t *testing.T) {
	eachStore(t, func(t *testing.T, ctx context.Context, w *world) {
		long := strings.Repeat("x", 300)
		for _, c := range []irc.Channel{
			{Name: "lab"}, {Name: "#"}, {Name: "#a b"}, {Name: "#a,b"}, {Name: "#ä"}, {Name: "#" + long},
			{Name: "#lab", Purpose: long}, {Name: "#lab", Purpose: "two\nlines"}, {Name: "#lab", Join: "no.such"}, {Name: "#lab", Speak: "no.such"},
			{Name: "#lab", Modes: "+z"}, {Name: "#lab", Modes: "+k"}, {Name: "#lab", Modes: "+l x"}, {Name: "#lab", Modes: "+l 0"},
			{Name: "#lab", Modes: "+n x"}, {Name: "#lab", Modes: "+k a,b"}, {Name: "#lab", Modes: "+k " + long},
			{Name: "#lab", Guests: true, Join: core.IRCVoice}, {Name: "#lab", Guests: true, JoinClass: irc.Class{ID: 3}},
			{Name: "#lab", Guests: true, Disabled: true}, {Name: "#lab", AutoJoin: true, Disabled: true},
		} {
			if _, err := w.Create(ctx, c); core.CodeOf(err) != core.Invalid {
				t.Errorf("%+v: %v", c, err)
			}
		}
	})
}

func TestClassesThatAChannelAsksFor(t *testing.T) {
	t.Parallel()
	anyone, primary, secondary := irc.Class{}, irc.Class{ID: 3, Level: 200}, irc.Class{ID: 21, Level: 50, Secondary: true}
	for _, c := range []struct {
		class     irc.Class
		level     int
		secondary []int64
		want      bool
	}{
		{anyone, 0, nil, true}, {primary, 199, []int64{3, 21}, false}, {primary, 200, nil, true}, {primary, 900, nil, true},
		{secondary, 900, nil, false}, {secondary, 900, []int64{20}, false}, {secondary, 1, []int64{20, 21}, true},
	} {
		if got := c.class.Allows(c.level, c.secondary...); got != c.want {
			t.Errorf("%+v allows level %d with %v: %t", c.class, c.level, c.secondary, got)
		}
	}
}

func TestAClassThatIsGoneAdmitsNobody(t *testing.T) {
	eachStore(t, func(t *testing.T, ctx context.Context, w *world) {
		_, err := w.Create(ctx, irc.Channel{Name: "#lab", JoinClass: irc.Class{ID: 99}})
		must(t, err)
		c, err := w.Channel(ctx, "#lab")
		must(t, err)
		if c.JoinClass.Allows(1e6, 3, 21) {
			t.Errorf("%+v lets somebody in", c.JoinClass)
		}
	})
}

func TestListsAreKept(t *testing.T) {
	eachStore(t, func(t *testing.T, ctx context.Context, w *world) {
		mask := func(kind byte, mask string) irc.Mask {
			return irc.Mask{Channel: "#general", Kind: kind, Mask: mask, By: "mod", At: w.clock.Now()}
		}
		ban, other, except, invite := mask('b', "eve!*@*"), mask('b', "Eve!*@*"), mask('e', "eve!*@*"), mask('I', "eve!*@*")
		must(t, w.SaveModes(ctx, "#general", "+mnt", irc.MaskChange{Mask: ban, Add: true}, irc.MaskChange{Mask: other, Add: true},
			irc.MaskChange{Mask: except, Add: true}, irc.MaskChange{Mask: invite, Add: true}, irc.MaskChange{Mask: ban, Add: true}))
		must(t, w.SaveModes(ctx, "#general", "", irc.MaskChange{Mask: other}))
		got, err := w.Masks(ctx, "#GENERAL")
		must(t, err)
		if diff := cmp.Diff([]irc.Mask{invite, ban, except}, got); diff != "" {
			t.Error(diff)
		}
		if got, err := w.Masks(ctx, "#support"); err != nil || len(got) != 0 {
			t.Errorf("another channel has %v, %v", got, err)
		}
		if c, err := w.Channel(ctx, "#general"); err != nil || c.Modes != "+mnt" {
			t.Errorf("modes %q, %v", c.Modes, err)
		}
	})
}

func TestLines(t *testing.T) {
	eachStore(t, func(t *testing.T, ctx context.Context, w *world) {
		line := func(kind irc.LineKind, mask string, lasts time.Duration) irc.Line {
			l, err := irc.NewLine(kind, mask, " spam ", "mod", w.clock.Now(), lasts)
			must(t, err)
			return l
		}
		must(t, w.AddLine(ctx, line(irc.DLine, "192.0.2.7", 0)))
		must(t, w.AddLine(ctx, line(irc.KLine, "*@Evil.Example", time.Hour)))
		must(t, w.AddLine(ctx, line(irc.KLine, "evil.example", 2*time.Hour))) // instead of the one before
		must(t, w.AddLine(ctx, line(irc.DLine, "2001:db8::7/32", time.Minute)))
		shown := func() string {
			lines, err := w.Lines(ctx)
			must(t, err)
			var out []string
			for _, l := range lines {
				out = append(out, string(l.Kind)+" "+l.Mask)
				if !l.Holds(w.clock.Now()) || l.Reason != "spam" || l.By != "mod" {
					t.Errorf("%+v", l)
				}
			}
			return strings.Join(out, ", ")
		}
		if got := shown(); got != "d 2001:db8::/32, k *@evil.example, d 192.0.2.7/32" {
			t.Errorf("lines: %s", got)
		}
		w.clock.Add(time.Minute)
		if got := shown(); got != "k *@evil.example, d 192.0.2.7/32" {
			t.Errorf("lines a minute later: %s", got)
		}
		if l, err := w.RemoveLine(ctx, irc.KLine, "EVIL.example", "mod"); err != nil || l.Expires != w.clock.Now().Add(119*time.Minute) {
			t.Errorf("removed %+v, %v", l, err)
		}
		if _, err := w.RemoveLine(ctx, irc.DLine, "192.0.2.7/32", "mod"); err != nil {
			t.Error(err)
		}
		if _, err := w.RemoveLine(ctx, irc.DLine, "192.0.2.7", "mod"); core.CodeOf(err) != core.NotFound {
			t.Errorf("once more: %v", err)
		}
		if got := w.kinds(t); got != strings.TrimSpace(strings.Repeat("BansChanged{} ", 6)) {
			t.Errorf("events: %s", got)
		}
		must(t, w.Remove(ctx, "eve", "mod", "spam"))
		if got := w.kinds(t); !strings.HasSuffix(got, `IRCRemoval{"nick":"eve","by":"mod","reason":"spam"}`) {
			t.Errorf("events: %s", got)
		}
	})
}

// TestLinesOfAWrongClock sets lines while the clock is a year ahead. One without an end
// stays; of the other can't be known when it should end.
func TestLinesOfAWrongClock(t *testing.T) {
	eachStore(t, func(t *testing.T, ctx context.Context, w *world) {
		const year = 365 * 24 * time.Hour
		set := func(mask string, lasts time.Duration) irc.Line {
			l, err := irc.NewLine(irc.KLine, mask, "spam", "mod", w.clock.Now(), lasts)
			must(t, err)
			must(t, w.AddLine(ctx, l))
			return l
		}
		w.clock.Add(year)
		lasting, brief := set("good@*.example", 0), set("hour@*.example", time.Hour)
		w.clock.Add(-year)
		for range 2 { // setting another one deletes what is over
			lines, err := w.Lines(ctx)
			must(t, err)
			if len(lines) == 0 || lines[len(lines)-1].Mask != lasting.Mask || !lines[len(lines)-1].Holds(w.clock.Now()) {
				t.Errorf("lines: %+v", lines)
			}
			for _, l := range lines {
				if l.Mask == brief.Mask {
					t.Errorf("still there: %+v", l)
				}
			}
			set("another@*.example", 24*time.Hour)
		}
		if brief.Holds(w.clock.Now()) {
			t.Error("a line holds for a year in the network's memory")
		}
	})
}

func TestLinesThatCantBe(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind         irc.LineKind
		mask, reason string
	}{
		{irc.KLine, "*@*", "x"}, {irc.KLine, "*", "x"}, {irc.KLine, "?*@*.*", "x"}, {irc.KLine, "a b@c", "x"}, {irc.KLine, "@c", "x"},
		{irc.KLine, "nick!user@host", "x"}, {irc.KLine, "a@" + strings.Repeat("x", 200), "x"}, {irc.KLine, "eve@host", ""},
		{irc.KLine, "eve@host", strings.Repeat("x", 256)}, {irc.KLine, "eve@host", "a\nb"},
		{irc.DLine, "0.0.0.0/0", "x"}, {irc.DLine, "::/0", "x"}, {irc.DLine, "host.example", "x"}, {irc.DLine, "192.0.2.1/33", "x"}, {irc.DLine, "", "x"},
	} {
		if l, err := irc.NewLine(c.kind, c.mask, c.reason, "mod", time.Now(), 0); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q for %q: %+v, %v", c.mask, c.reason, l, err)
		}
	}
}
