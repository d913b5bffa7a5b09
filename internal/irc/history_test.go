package irc_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// archive is a history on one engine, with a clock that is moved by hand.
type archive struct {
	*irc.History
	channels *irc.Store
	t        *testing.T
	now      time.Time
	events   *eventlog.Log
	id       irc.MsgID
}

func each(t *testing.T, test func(t *testing.T, a *archive)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := &archive{t: t, now: noon}
		clock := func() time.Time { return a.now }
		a.events = eventlog.New(d, clock)
		a.History = irc.NewHistory(d, a.events, clock, irc.Retention{PrivateDays: 90})
		a.channels = irc.NewStore(d, a.events, nil, clock)
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			for i, name := range []string{"#General", "#staff"} {
				row := db.Row{"name", name, "position", i, "purpose", "", "modes", "", "join_permission", []core.Permission{"", core.IRCStaff}[i],
					"speak_permission", "", "guests", 0, "autojoin", 0, "topic", "", "topic_by", "", "topic_at", 0}
				if _, err := tx.InsertIgnore(t.Context(), "irc_channel", row); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		test(t, a)
	})
}

// say stores what a member says to a channel, or to another member.
func (a *archive) say(from core.MemberID, to any, kind, text string) irc.MsgID {
	a.t.Helper()
	a.id = a.id.Next(a.now)
	m := irc.Sent{Message: irc.Message{ID: a.id, Kind: kind, Source: fmt.Sprintf("nick%d!u@h", from), Account: fmt.Sprintf("name%d", from), AccountID: from, Text: text}}
	switch to := to.(type) {
	case string:
		m.Target = to
	case core.MemberID:
		m.Peer = to
	}
	for range 2 { // it may come twice
		if err := a.Append(a.t.Context(), []irc.Sent{m}); err != nil {
			a.t.Fatal(err)
		}
	}
	return a.id
}

func (a *archive) read(target string, s irc.Span) string {
	a.t.Helper()
	if s.Limit == 0 {
		s.Limit = 100
	}
	list, err := a.Read(a.t.Context(), target, s)
	if err != nil {
		a.t.Fatal(err)
	}
	return texts(list)
}

func texts(list []irc.Message) string {
	var out []string
	for _, m := range list {
		out = append(out, m.Text)
	}
	return strings.Join(out, " ")
}

func (a *archive) want(what, got, want string) {
	a.t.Helper()
	if got != want {
		a.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func (a *archive) must(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
}

// told checks which event the network was sent last.
func (a *archive) told(want eventlog.IRCForgotten) {
	a.t.Helper()
	last, err := a.events.Last(a.t.Context())
	a.must(err)
	list, err := a.events.Read(a.t.Context(), last-1, 1)
	a.must(err)
	if len(list) != 1 {
		a.t.Fatalf("events %v", list)
	}
	if got, err := eventlog.Decode[eventlog.IRCForgotten](list[0]); err != nil || got != want {
		a.t.Errorf("the network was told %+v, %v", got, err)
	}
}

func TestReadByKeys(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, a *archive) {
		var ids []irc.MsgID
		for i := range 6 {
			kind := "PRIVMSG"
			if i == 2 {
				kind = "JOIN"
			}
			ids = append(ids, a.say(1, "#general", kind, fmt.Sprint(i)))
			a.say(1, "#staff", "PRIVMSG", "elsewhere")
			a.say(1, "#gone", "PRIVMSG", "not kept")
		}
		a.want("all", a.read("#general", irc.Span{}), "0 1 3 4 5")
		a.want("with events", a.read("#general", irc.Span{Events: true}), "0 1 2 3 4 5")
		a.want("newest", a.read("#general", irc.Span{Newest: true, Limit: 2}), "4 5")
		a.want("oldest", a.read("#general", irc.Span{Limit: 2}), "0 1")
		a.want("before", a.read("#general", irc.Span{Before: ids[4], Newest: true, Limit: 2}), "1 3")
		a.want("after", a.read("#general", irc.Span{After: ids[3]}), "4 5")
		a.want("between", a.read("#general", irc.Span{After: ids[0], Before: ids[5], Events: true}), "1 2 3 4")
		a.want("a channel that isn't kept", a.read("#gone", irc.Span{}), "")
		if last, err := a.Last(t.Context()); err != nil || last <= ids[5] {
			t.Errorf("last: %v, %v", last, err)
		}
	})
}

func TestConversationsAreKeptForThoseWhoWantIt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, a *archive) {
		a.say(1, core.MemberID(2), "PRIVMSG", "lost")
		a.must(a.SetKeepPrivate(t.Context(), 1, true))
		first := a.say(1, core.MemberID(2), "PRIVMSG", "hello")
		a.say(2, core.MemberID(1), "PRIVMSG", "hi")
		a.say(2, core.MemberID(3), "PRIVMSG", "unseen")
		a.say(1, core.MemberID(1), "PRIVMSG", "myself")
		a.want("own copy", a.read(irc.PrivateTarget(1, 2), irc.Span{}), "hello hi")
		a.want("the other's", a.read(irc.PrivateTarget(2, 1), irc.Span{}), "")
		a.want("to oneself", a.read(irc.PrivateTarget(1, 1), irc.Span{}), "myself")
		list, err := a.Targets(t.Context(), []string{"#general"}, 1, irc.Span{Limit: 10})
		a.must(err)
		if len(list) != 2 || list[0].Peer != 2 || list[1].Peer != 1 {
			t.Errorf("targets %+v", list)
		}
		if found, err := a.Search(t.Context(), irc.Search{Limit: 10}); err != nil || len(found.Messages) != 0 {
			t.Errorf("staff find %+v, %v", found, err)
		}
		n, err := a.ForgetUpTo(t.Context(), eventlog.IRCForgotten{Member: 1, Private: true}, first)
		a.must(err)
		a.want("own copies after those of a time", a.read(irc.PrivateTarget(1, 2), irc.Span{})+a.read(irc.PrivateTarget(1, 1), irc.Span{}), "himyself")
		if n != 1 {
			t.Errorf("%d copies of a time are gone", n)
		}
		asked := eventlog.IRCForgotten{Member: 1, Private: true}
		a.must(a.ForgetPrivate(t.Context(), 1))
		a.told(asked)
		n, err = a.ForgetUpTo(t.Context(), asked, irc.FirstOf(a.now.Add(time.Second)))
		a.must(err)
		if n != 2 || a.read(irc.PrivateTarget(1, 2), irc.Span{}) != "" {
			t.Errorf("%d copies are gone", n)
		}
	})
}

func TestTargetsByTheirNewestMessage(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, a *archive) {
		first := a.say(1, "#general", "PRIVMSG", "x")
		second := a.say(1, "#staff", "PRIVMSG", "y")
		names := func(s irc.Span) (out []string) {
			s.Limit = 10
			list, err := a.Targets(t.Context(), []string{"#staff", "#general"}, 0, s)
			a.must(err)
			for _, x := range list {
				out = append(out, x.Name)
			}
			return out
		}
		if got := names(irc.Span{}); !slices.Equal(got, []string{"#general", "#staff"}) {
			t.Errorf("all: %v", got)
		}
		if got := names(irc.Span{After: first}); !slices.Equal(got, []string{"#staff"}) {
			t.Errorf("after: %v", got)
		}
		if got := names(irc.Span{Before: second}); !slices.Equal(got, []string{"#general"}) {
			t.Errorf("before: %v", got)
		}
	})
}

func TestRetention(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, a *archive) {
		var batch []irc.Sent
		for i := range 1203 {
			a.id = a.id.Next(a.now)
			batch = append(batch, irc.Sent{Message: irc.Message{Target: "#general", ID: a.id, Kind: "PRIVMSG", Text: fmt.Sprint(i)}})
		}
		a.must(a.Append(t.Context(), batch))
		a.now = a.now.Add(29 * 24 * time.Hour)
		a.say(1, "#general", "PRIVMSG", "late")
		prune := func(want int64) {
			t.Helper()
			n, err := a.Prune(t.Context())
			a.must(err)
			if n != want {
				t.Errorf("%d lines were deleted, want %d", n, want)
			}
		}
		prune(0)
		keep := func(channel string, days, lines int) error {
			_, _, err := a.channels.Change(t.Context(), channel, func(c *irc.Channel) error {
				c.History = irc.Kept{Days: days, Lines: lines}
				return nil
			})
			return err
		}
		a.must(keep("#general", 30, 3))
		prune(1201)
		a.want("the last lines", a.read("#general", irc.Span{}), "1201 1202 late")
		a.now = a.now.Add(2 * 24 * time.Hour)
		prune(2)
		a.must(keep("#GENERAL", 0, 0))
		a.say(1, "#general", "PRIVMSG", "unheard")
		prune(1)
		a.want("none", a.read("#general", irc.Span{}), "")
		if err := keep("#nowhere", 1, 1); core.CodeOf(err) != core.NotFound {
			t.Errorf("no such channel: %v", err)
		}
		for _, k := range []irc.Kept{{Days: -1}, {Days: 1, Lines: -1}, {Days: irc.MaxHistoryDays + 1}, {Days: 1, Lines: irc.MaxHistoryLines + 1}} {
			if err := keep("#general", k.Days, k.Lines); core.CodeOf(err) != core.Invalid {
				t.Errorf("%v: %v", k, err)
			}
		}
		if c, err := a.channels.Channel(t.Context(), "#staff"); err != nil || c.History != (irc.Kept{Days: 30, Lines: 50000}) {
			t.Errorf("by default %v, %v", c.History, err)
		}
	})
}

func TestDeletion(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, a *archive) {
		id := a.say(1, "#general", "PRIVMSG", "one")
		a.say(1, "#staff", "PRIVMSG", "two")
		a.say(2, "#general", "PRIVMSG", "three")
		m, found, err := a.Find(t.Context(), id, 0)
		a.must(err)
		if !found || m.Text != "one" || m.AccountID != 1 {
			t.Errorf("found %+v", m)
		}
		a.must(a.Delete(t.Context(), id))
		if err := a.Delete(t.Context(), id); core.CodeOf(err) != core.NotFound {
			t.Errorf("again: %v", err)
		}
		asked := eventlog.IRCForgotten{Member: 1}
		a.must(a.Forget(t.Context(), 1))
		a.told(asked)
		n, err := a.ForgetUpTo(t.Context(), asked, irc.FirstOf(a.now.Add(time.Second)))
		a.must(err)
		if n != 1 {
			t.Errorf("%d lines are forgotten", n)
		}
		a.want("what stays", a.read("#general", irc.Span{})+a.read("#staff", irc.Span{}), "three")
		if err := a.Forget(t.Context(), 0); core.CodeOf(err) != core.Invalid {
			t.Errorf("guests: %v", err)
		}
	})
}

// TestForgettingGoesInSteps forgets much, stops in the middle, and goes on.
func TestForgettingGoesInSteps(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, a *archive) {
		const lines = 1200
		var batch []irc.Sent
		for range lines {
			a.id = a.id.Next(a.now)
			batch = append(batch, irc.Sent{Message: irc.Message{Target: "#general", ID: a.id, Kind: "PRIVMSG", Source: "m1!m@h", Account: "m1", AccountID: 1, Text: "much"}})
		}
		for part := range slices.Chunk(batch, 400) {
			a.must(a.Append(t.Context(), part))
		}
		a.say(2, "#general", "PRIVMSG", "another's")
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		deletions := 0
		note := func(query string, _ []any) {
			if strings.HasPrefix(query, "DELETE") {
				deletions++
			}
		}
		ctx, _ = db.WithTally(ctx, func(query string, args []any) {
			if note(query, args); deletions > 0 && strings.HasPrefix(query, "SELECT") {
				stop()
			}
		})
		what, last := eventlog.IRCForgotten{Member: 1}, irc.FirstOf(a.now.Add(time.Second))
		first, err := a.ForgetUpTo(ctx, what, last)
		if err == nil || first == 0 || first > lines/2 || deletions != 1 {
			t.Fatalf("stopped after %d lines in %d steps: %v", first, deletions, err)
		}
		again, _ := db.WithTally(t.Context(), note)
		rest, err := a.ForgetUpTo(again, what, last)
		a.must(err)
		if first+rest != lines || deletions < 3 {
			t.Errorf("%d and %d lines in %d steps", first, rest, deletions)
		}
		a.want("what stays", a.read("#general", irc.Span{}), "another's")
	})
}

func TestSearch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, a *archive) {
		a.say(1, "#general", "PRIVMSG", "The Yeast genome, 100% done")
		a.say(2, "#general", "NOTICE", "yeast again")
		a.now = a.now.Add(time.Hour)
		a.say(1, "#staff", "TOPIC", "yeast for staff")
		find := func(s irc.Search) string {
			t.Helper()
			if s.Limit == 0 {
				s.Limit = 10
			}
			f, err := a.Search(t.Context(), s)
			a.must(err)
			return texts(f.Messages)
		}
		a.want("a word", find(irc.Search{Words: []string{"YEAST"}}), "yeast for staff yeast again The Yeast genome, 100% done")
		a.want("words", find(irc.Search{Words: []string{"yeast", "100%"}}), "The Yeast genome, 100% done")
		a.want("no pattern", find(irc.Search{Words: []string{"10_%"}}), "")
		a.want("a channel", find(irc.Search{Channel: "#staff"}), "yeast for staff")
		a.want("a member", find(irc.Search{Account: 2}), "yeast again")
		a.want("a nick", find(irc.Search{Nick: "nick2"}), "yeast again")
		a.want("hidden", find(irc.Search{Hidden: []string{"#staff"}, Account: 1}), "The Yeast genome, 100% done")
		a.want("since", find(irc.Search{After: irc.FirstOf(a.now) - 1}), "yeast for staff")
		f, err := a.Search(t.Context(), irc.Search{Limit: 1})
		a.must(err)
		a.want("the next page", find(irc.Search{Before: f.Next}), "yeast again The Yeast genome, 100% done")
		closed, err := a.Closed(t.Context(), func(core.Permission) bool { return false })
		a.must(err)
		if !slices.Equal(closed, []string{"#staff"}) {
			t.Errorf("closed: %v", closed)
		}
	})
}

func TestSettingsAndMarkers(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, a *archive) {
		s, err := a.Known(t.Context(), 1)
		a.must(err)
		if s.Settings != (irc.Settings{Replay: -1}) || s.Read != nil {
			t.Errorf("by default %+v", s)
		}
		a.must(a.SetReplay(t.Context(), 1, 20))
		a.must(a.SetKeepPrivate(t.Context(), 1, true))
		a.must(a.SetLeft(t.Context(), map[core.MemberID]irc.MsgID{1: 77}))
		if s, err = a.Known(t.Context(), 1); err != nil || s.Settings != (irc.Settings{KeepPrivate: true, Replay: 20, Left: 77}) {
			t.Errorf("set: %+v, %v", s, err)
		}
		a.must(a.SetMarker(t.Context(), 1, "#general", noon))
		a.must(a.SetMarker(t.Context(), 1, "#general", noon.Add(-time.Hour)))
		for i := range irc.MaxMarkers {
			a.must(a.SetMarker(t.Context(), 1, fmt.Sprintf("#c%d", i), noon.Add(time.Duration(i-20)*time.Minute)))
		}
		s, err = a.Known(t.Context(), 1)
		a.must(err)
		marks := s.Read
		if s.Replay != 20 || len(marks) != irc.MaxMarkers || !marks["#general"].Equal(noon) || !marks["#c0"].IsZero() {
			t.Errorf("%d marks, #general at %v, #c0 at %v", len(marks), marks["#general"], marks["#c0"])
		}
	})
}

func TestMsgID(t *testing.T) {
	t.Parallel()
	a := irc.MsgID(0).Next(noon)
	b := a.Next(noon.Add(-core.Skew / 2)) // a clock that goes back a little
	if b <= a || !a.Time().Equal(noon) || !b.Time().Equal(noon) {
		t.Errorf("%v at %v, %v at %v", a, a.Time(), b, b.Time())
	}
	then := noon.Add(-365 * 24 * time.Hour) // one that was wrong
	c := a.Next(then)
	d := c.Next(then)
	if !c.Time().Equal(then) || d <= c || !d.Time().Equal(then) || c == irc.FirstOf(then) {
		t.Errorf("%v at %v, %v at %v", c, c.Time(), d, d.Time())
	}
	if got, ok := irc.ParseMsgID(a.String()); !ok || got != a {
		t.Errorf("%s is read as %v", a, got)
	}
	for _, bad := range []string{"", "-1", "0", "ZZ", "+1", strings.Repeat("z", 40)} {
		if id, ok := irc.ParseMsgID(bad); ok {
			t.Errorf("%q is read as %v", bad, id)
		}
	}
}

// TestClockThatWasAhead says something while the clock is a year ahead. With the clock right
// again, that is no newer than what is said then, and nothing is ahead of the time.
func TestClockThatWasAhead(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, a *archive) {
		ctx := t.Context()
		a.must(a.SetKeepPrivate(ctx, 2, true))
		a.say(1, "#general", "PRIVMSG", "before")
		a.now = noon.Add(365 * 24 * time.Hour)
		for i := range 3 {
			a.say(1, "#general", "PRIVMSG", fmt.Sprint("ahead", i))
		}
		a.say(1, core.MemberID(2), "PRIVMSG", "to two")
		last := a.id
		a.must(a.SetLeft(ctx, map[core.MemberID]irc.MsgID{1: last}))
		a.must(a.SetMarker(ctx, 1, "#general", a.now))
		a.must(a.SetMarker(ctx, 1, "#staff", noon.Add(-time.Hour)))

		a.now = noon.Add(time.Minute)
		id, err := a.Last(ctx) // as at a start
		a.must(err)
		if id.Time().After(a.now) {
			t.Errorf("the newest message is of %v", id.Time())
		}
		a.id = last // as in a run that goes on
		if got := a.say(2, "#general", "PRIVMSG", "after").Time(); !got.Equal(a.now) {
			t.Errorf("what is said now is of %v", got)
		}
		a.want("the order", a.read("#general", irc.Span{}), "before ahead0 ahead1 ahead2 after")
		a.want("a conversation", a.read(irc.PrivateTarget(2, 1), irc.Span{Before: irc.FirstOf(a.now.Add(time.Second))}), "to two")
		known, err := a.Known(ctx, 1)
		a.must(err)
		if known.Left.Time().After(a.now) || len(known.Read) != 1 {
			t.Errorf("left at %v, has read %v", known.Left.Time(), known.Read)
		}
		a.must(a.SetMarker(ctx, 1, "#general", a.now))
		a.must(a.SetMarker(ctx, 1, "#staff", a.now.Add(time.Hour))) // a client whose clock is ahead
		if known, err = a.Known(ctx, 1); err != nil || !known.Read["#general"].Equal(a.now) || !known.Read["#staff"].Equal(a.now) {
			t.Errorf("has read %v, %v", known.Read, err)
		}
	})
}
