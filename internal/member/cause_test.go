package member

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// begin begins a cause for good.
func (w *world) begin(ctx context.Context, id core.MemberID, e Effect, reason string) error {
	_, err := w.BeginCause(ctx, NewCause{Member: id, Effect: e, Reason: reason})
	return err
}

func (w *world) read(t *testing.T, id core.MemberID) Member {
	t.Helper()
	m, err := w.ByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// TestWhatHolds is the rule, as a function of causes and the instant.
func TestWhatHolds(t *testing.T) {
	t.Parallel()
	class := Class{Name: "User", Permissions: core.NewPermissions(core.TorrentUpload, core.IRCConnect, core.StatsRead)}
	until := func(e Effect, d time.Duration) Cause {
		return Cause{Effect: e, Reason: "a reason", Starts: noon, Ends: noon.Add(d)}
	}
	single := func(e Effect, p core.Permission) Cause {
		c := until(e, time.Hour)
		c.Permission = p
		return c
	}
	ended := Cause{Effect: Disabled, EndedAt: noon}
	ahead := Cause{Effect: Disabled, Starts: noon.AddDate(36, 0, 0), Ends: noon.AddDate(36, 0, 1)}
	all := "irc.connect stats.read torrent.upload"
	for name, c := range map[string]struct {
		causes []Cause
		after  time.Duration
		want   string
	}{
		"nothing":                    {nil, 0, "in, downloads: " + all},
		"disabled for good":          {[]Cause{{Effect: Disabled}}, 9999 * time.Hour, "shut"},
		"disabled for an hour":       {[]Cause{until(Disabled, time.Hour)}, 0, "shut"},
		"the last second of it":      {[]Cause{until(Disabled, time.Hour)}, time.Hour - time.Second, "shut"},
		"when it is over":            {[]Cause{until(Disabled, time.Hour)}, time.Hour, "in, downloads: " + all},
		"ended by somebody":          {[]Cause{ended}, 0, "in, downloads: " + all},
		"written by a wrong clock":   {[]Cause{ahead}, 0, "in, downloads: " + all},
		"a clock that is a bit fast": {[]Cause{{Effect: NoUpload, Starts: noon.Add(core.Skew), Ends: noon.Add(core.Skew + time.Hour)}}, 0, "in, downloads: irc.connect stats.read"},
		"unconfirmed":                {[]Cause{{Effect: Unconfirmed}}, 0, "waits"},
		"warned":                     {[]Cause{until(Warned, time.Hour)}, 0, "in, downloads: " + all},
		"parked":                     {[]Cause{{Effect: Parked}}, 0, "in: " + all},
		"no download":                {[]Cause{{Effect: NoDownload}}, 0, "in: " + all},
		"no upload":                  {[]Cause{{Effect: NoUpload}}, 0, "in, downloads: irc.connect stats.read"},
		"no irc":                     {[]Cause{{Effect: NoIRC}}, 0, "in, downloads: stats.read torrent.upload"},
		"granted":                    {[]Cause{single(Granted, core.IRCStaff)}, 0, "in, downloads: irc.connect irc.staff stats.read torrent.upload"},
		"granted, when it is over":   {[]Cause{single(Granted, core.IRCStaff)}, time.Hour, "in, downloads: " + all},
		"withheld":                   {[]Cause{single(Withheld, core.StatsRead)}, 0, "in, downloads: irc.connect torrent.upload"},
		"granted and withheld":       {[]Cause{single(Withheld, core.IRCStaff), single(Granted, core.IRCStaff)}, 0, "in, downloads: " + all},
		"one of two is over":         {[]Cause{until(NoUpload, time.Hour), until(NoUpload, 2*time.Hour)}, time.Hour, "in, downloads: irc.connect stats.read"},
		"several":                    {[]Cause{{Effect: NoDownload}, {Effect: NoUpload}, until(Warned, time.Hour)}, 0, "in: irc.connect stats.read"},
	} {
		m := Member{ID: 7, Class: class, Causes: c.causes}.At(noon.Add(c.after))
		got := "shut"
		switch {
		case m.Open() && !m.Enabled():
			got = "waits"
		case m.Enabled() && m.MayDownload():
			got = "in, downloads: "
		case m.Enabled():
			got = "in: "
		}
		if m.Enabled() {
			for _, p := range m.Permissions.Sorted() {
				got += string(p) + " "
				if !m.Can(p) || m.WhyNot(p) != nil {
					t.Errorf("%s: %s is in the set and not allowed", name, p)
				}
			}
		} else if m.Can("") || m.Can(core.StatsRead) || core.CodeOf(m.WhyNot("")) != core.Forbidden {
			t.Errorf("%s: somebody may do something whose account may not be used", name)
		}
		if got = strings.TrimSpace(got); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	if len(class.Permissions) != 3 {
		t.Error("the class was changed")
	}
}

// TestTheEndIsTold looks at what people read of a cause, and at which of several is told.
func TestTheEndIsTold(t *testing.T) {
	t.Parallel()
	short, long := Cause{ID: 1, Effect: NoUpload, Reason: "one", Starts: noon, Ends: noon.Add(time.Hour)}, Cause{ID: 2, Effect: NoUpload, Reason: "two", Starts: noon, Ends: noon.Add(48 * time.Hour)}
	m := Member{Causes: []Cause{short, long}, Class: Class{Name: "User", Permissions: core.NewPermissions(core.TorrentUpload)}}.At(noon)
	if c, ok := m.Holds(NoUpload); !ok || c.ID != 2 {
		t.Errorf("cause %d is told of two", c.ID)
	}
	if edge := m.NextEdge(); !edge.Equal(short.Ends) {
		t.Errorf("the next edge is %s", edge)
	}
	for want, err := range map[string]error{
		"you may not upload until 2026-03-03 12:00 UTC: two":                                  m.WhyNot(core.TorrentUpload),
		"your class (User) may not do this":                                                   m.WhyNot(core.AuditRead),
		"your account is disabled: no reason was recorded":                                    Member{Causes: []Cause{{Effect: Disabled}}}.At(noon).WhyNot(""),
		"your account is disabled until 2026-03-01 13:00 UTC: it rests":                       Member{Causes: []Cause{{Effect: Disabled, Reason: "it rests", Starts: noon, Ends: noon.Add(time.Hour)}}}.At(noon).WhyNot(""),
		"your class may not use IRC":                                                          m.MayIRC(),
		"you may not use IRC: shouting":                                                       Member{Causes: []Cause{{Effect: NoIRC, Reason: "shouting"}}}.At(noon).MayIRC(),
		"confirm your mail address first: follow the link in the letter that was sent to you": Member{Causes: []Cause{{Effect: Unconfirmed}}}.At(noon).WhyNot(core.StatsRead),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestPhases is what the tracker keeps, so that nothing has to happen at an end.
func TestPhases(t *testing.T) {
	t.Parallel()
	at := func(h int) int64 { return noon.Add(time.Duration(h) * time.Hour).Unix() }
	until := func(e Effect, h int) Cause {
		return Cause{Effect: e, Reason: "why", Starts: noon, Ends: noon.Add(time.Duration(h) * time.Hour)}
	}
	for name, c := range map[string]struct {
		causes []Cause
		want   []Phase
	}{
		"nothing":          {nil, nil},
		"what is not its":  {[]Cause{{Effect: NoUpload}}, nil},
		"for good":         {[]Cause{{Effect: NoDownload, Reason: "why"}}, []Phase{{NoLeech: true}}},
		"disabled a while": {[]Cause{until(Disabled, 2)}, []Phase{{Until: at(2), Shut: true, NoLeech: true, Why: "why (until 2026-03-01 14:00 UTC)"}, {}}},
		"one in the other": {[]Cause{until(Disabled, 1), until(NoDownload, 3), until(Warned, 2)}, []Phase{
			{Until: at(1), Shut: true, NoLeech: true, Why: "why (until 2026-03-01 13:00 UTC)"}, {Until: at(3), NoLeech: true}, {}}},
	} {
		if diff := cmp.Diff(c.want, phases(Member{Causes: c.causes}, noon)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestCausesOverlap begins and ends causes in the database: ending one ends nothing else,
// and an end comes by itself.
func TestCausesOverlap(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.make(t, "bob", "").Member.ID
		for n := range maxCauses + 20 { // somebody else's, before and behind
			_, _ = w.BeginCause(ctx, NewCause{Member: w.make(t, fmt.Sprintf("other%d", n), "").Member.ID, Effect: Warned, Reason: "a test", For: time.Hour})
			if n > 2 {
				break
			}
		}
		must := func(c Cause, err error) Cause {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		mona := By{ID: 3, Name: "mona"}
		off := must(w.BeginCause(ctx, NewCause{Member: id, Effect: NoDownload, Reason: " traded\n  <keys> \"and\" more ", By: mona}))
		warned := must(w.BeginCause(ctx, NewCause{Member: id, Effect: Warned, Reason: "be kind", For: 2 * time.Hour, By: mona}))
		grant := must(w.BeginCause(ctx, NewCause{Member: id, Effect: Granted, Permission: core.AuditRead, Reason: "helps", For: time.Hour, By: mona}))
		m := w.read(t, id)
		if len(m.Holding) != 3 || m.MayDownload() || !m.Can(core.AuditRead) || !m.Enabled() {
			t.Errorf("%+v", m)
		}
		if c, _ := m.Holds(NoDownload); c.Reason != `traded <keys> "and" more` || c.By != mona || !c.Starts.Equal(w.now) || !c.Ends.IsZero() || c.Source != ByStaff || c.Member != id {
			t.Errorf("%+v", c)
		}
		_, err := w.BeginCause(ctx, NewCause{Member: id, Effect: NoDownload, Reason: "again"})
		wantCode(t, err, core.Conflict)
		must(w.BeginCause(ctx, NewCause{Member: id, Effect: NoDownload, Reason: "by itself", Source: "ratio"}))
		must(w.EndCause(ctx, off.ID, mona, "explained"))
		if m := w.read(t, id); m.MayDownload() || len(m.Holding) != 3 {
			t.Error("ending one ended another")
		}
		_, err = w.EndCause(ctx, off.ID, mona, "")
		wantCode(t, err, core.Conflict)
		must(w.ResumeCause(ctx, off.ID))
		_, err = w.ResumeCause(ctx, off.ID)
		wantCode(t, err, core.Conflict)
		w.now = w.now.Add(time.Hour)
		if m := w.read(t, id); m.Can(core.AuditRead) || len(m.Holding) != 3 {
			t.Errorf("the grant did not end by itself: %+v", m.Holding)
		}
		_, err = w.EndCause(ctx, grant.ID, mona, "")
		wantCode(t, err, core.Conflict)
		_, err = w.EndCause(ctx, 4711, mona, "")
		wantCode(t, err, core.NotFound)
		must(w.EndCause(ctx, warned.ID, mona, ""))
		w.now = w.now.Add(2 * time.Hour)
		_, err = w.ResumeCause(ctx, warned.ID)
		wantCode(t, err, core.Conflict)
		list, err := w.CausesOf(ctx, id, 0, 10)
		if err != nil || len(list) != 4 || !slices.IsSortedFunc(list, func(a, b Cause) int { return int(b.ID - a.ID) }) {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// TestCausesAreChecked refuses what makes no sense, and changes nothing.
func TestCausesAreChecked(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.make(t, "bob", "").Member.ID
		for name, n := range map[string]NewCause{
			"no effect":             {Effect: "", Reason: "why"},
			"an unknown one":        {Effect: "cursed", Reason: "why"},
			"no reason":             {Effect: Warned, For: time.Hour},
			"a blank reason":        {Effect: Warned, For: time.Hour, Reason: " \u200b "},
			"a reason of dots":      {Effect: Warned, For: time.Hour, Reason: "..."},
			"a long reason":         {Effect: Warned, For: time.Hour, Reason: strings.Repeat("x", 256)},
			"no end of a grant":     {Effect: Granted, Permission: core.AuditRead, Reason: "why"},
			"an unknown permission": {Effect: Withheld, Permission: "fly", Reason: "why"},
			"a permission too many": {Effect: Warned, Permission: core.AuditRead, Reason: "why", For: time.Hour},
			"a negative time":       {Effect: Disabled, Reason: "why", For: -time.Hour},
			"seconds":               {Effect: Disabled, Reason: "why", For: time.Second},
			"a century":             {Effect: Disabled, Reason: "why", For: 100 * 366 * 24 * time.Hour},
		} {
			n.Member = id
			if _, err := w.BeginCause(ctx, n); core.CodeOf(err) != core.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err := w.BeginCause(ctx, NewCause{Member: id + 100, Effect: Disabled, Reason: "nobody is there"})
		wantCode(t, err, core.NotFound)
		if m := w.read(t, id); len(m.Causes) != 0 {
			t.Errorf("%+v", m.Causes)
		}
		for n := range maxCauses {
			if _, err := w.BeginCause(ctx, NewCause{Member: id, Effect: Warned, Reason: fmt.Sprint("warning no. ", n), For: time.Hour}); err != nil {
				t.Fatal(err)
			}
		}
		_, err = w.BeginCause(ctx, NewCause{Member: id, Effect: Warned, Reason: "one more", For: time.Hour})
		wantCode(t, err, core.Conflict)
		if m := w.read(t, id); len(m.Causes) != maxCauses {
			t.Errorf("%d causes", len(m.Causes))
		}
	})
}

// TestLoggingInWakes parks an account, which ends its sessions; the next login ends that.
func TestLoggingInWakes(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.make(t, "bob", "").Member.ID
		token, err := w.NewSession(ctx, id, "a browser")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.BeginCause(ctx, NewCause{Member: id, Effect: Parked, Source: ByOwner, Reason: "field work"}); err != nil {
			t.Fatal(err)
		}
		_, _, err = w.BySession(ctx, token)
		wantCode(t, err, core.Forbidden)
		if m := w.read(t, id); m.MayDownload() || !m.Enabled() {
			t.Errorf("%+v", m)
		}
		if _, err := w.NewSession(ctx, id, "a browser"); err != nil {
			t.Fatal(err)
		}
		if m := w.read(t, id); len(m.Holding) != 0 {
			t.Errorf("still %+v", m.Holding)
		}
	})
}

// TestWhatHoldsIsReadAtOnce reads a member with causes and two classes in one statement, and
// a session in one as well.
func TestWhatHoldsIsReadAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.make(t, "bob", "").Member.ID
		for _, name := range []string{"Donor", "First-line Support"} {
			if err := w.SetSecondary(ctx, id, name, true); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range []Effect{NoUpload, NoIRC} {
			if err := w.begin(ctx, id, e, "a test"); err != nil {
				t.Fatal(err)
			}
		}
		token, err := w.NewSession(ctx, id, "a browser")
		if err != nil {
			t.Fatal(err)
		}
		if m := w.read(t, id); len(m.Secondary) != 2 || len(m.Holding) != 2 || !m.Can(core.IRCStaff) || m.Can(core.TorrentUpload) {
			t.Errorf("%+v", m)
		}
		counted, tally := db.WithTally(eventlog.Pinned(ctx), func(string, []any) {})
		if _, err := w.Classes(counted); err != nil {
			t.Fatal(err)
		}
		before := tally.Statements()
		if m, _, err := w.BySession(counted, token); err != nil || len(m.Holding) != 2 {
			t.Errorf("%+v, %v", m, err)
		}
		if n := tally.Statements() - before; n != 1 {
			t.Errorf("a session took %d statements", n)
		}
	})
}

// TestCauseLists reads what the databases write, and nothing that is cut off or torn.
func TestCauseLists(t *testing.T) {
	t.Parallel()
	const good = `[[2,"warned","","staff","a \"quoted\" \u00e9 é \\ one",5,0,3,"mona"], [1, "no-irc", "", "staff", "]", 0, 0, 0, ""]]`
	list, err := readCauses([]byte(good), 7, noon)
	want := []Cause{{ID: 1, Member: 7, Effect: NoIRC, Source: ByStaff, Reason: "]"},
		{ID: 2, Member: 7, Effect: Warned, Source: ByStaff, Reason: `a "quoted" é é \ one`, Starts: time.Unix(5, 0).UTC(), By: By{ID: 3, Name: "mona"}}}
	if diff := cmp.Diff(want, list); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, none := range []string{"", "[]"} {
		if list, err := readCauses([]byte(none), 7, noon); list != nil || err != nil {
			t.Errorf("%q: %v, %v", none, list, err)
		}
	}
	for n := 3; n < len(good); n++ {
		if list, err := readCauses([]byte(good[:n]), 7, noon); err == nil {
			t.Fatalf("cut off after %d: %+v", n, list)
		}
	}
}

// BenchmarkStanding is what it takes to say what somebody may do whom ten causes concern,
// from what one statement gives.
func BenchmarkStanding(b *testing.B) {
	d := dbtest.SQLite(b)
	w := &world{now: noon}
	var causes []byte
	for n := range 10 {
		causes = fmt.Appendf(causes, `,[%d,"withheld","torrent.edit.own","staff","a reason of the usual length, number %d",%d,%d,3,"mona"]`, n, n, noon.Unix(), noon.Add(time.Hour).Unix())
	}
	causes = append(append([]byte{'['}, causes[1:]...), ']')
	keys := testKeys(b)
	s := NewStore(d, eventlog.New(d, func() time.Time { return w.now }), keys, func() time.Time { return w.now })
	if err := s.Seed(b.Context()); err != nil {
		b.Fatal(err)
	}
	ctx := eventlog.Pinned(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		list, err := s.made(ctx, row{Member: Member{ID: 1, Class: Class{ID: 1}}, causes: causes})
		if err != nil || list[0].Can(core.TorrentEditOwn) || len(list[0].Holding) != 10 {
			b.Fatalf("%+v, %v", list, err)
		}
	}
}

// BenchmarkBySession is that from a cookie, with the reading, on SQLite.
func BenchmarkBySession(b *testing.B) {
	d := dbtest.SQLite(b)
	clock := func() time.Time { return noon }
	s := NewStore(d, eventlog.New(d, clock), testKeys(b), clock)
	if err := s.Seed(b.Context()); err != nil {
		b.Fatal(err)
	}
	made, err := s.Create(b.Context(), New{Name: "bob"})
	if err != nil {
		b.Fatal(err)
	}
	for n := range 10 {
		if _, err := s.BeginCause(b.Context(), NewCause{Member: made.Member.ID, Effect: Warned, Reason: fmt.Sprint("a reason of the usual length, number ", n), For: time.Hour}); err != nil {
			b.Fatal(err)
		}
	}
	token, err := s.NewSession(b.Context(), made.Member.ID, "a browser")
	if err != nil {
		b.Fatal(err)
	}
	ctx := eventlog.Pinned(b.Context())
	b.ReportAllocs()
	for b.Loop() {
		if m, _, err := s.BySession(ctx, token); err != nil || !m.Can(core.TorrentUpload) || len(m.Holding) != 10 {
			b.Fatalf("%+v, %v", m, err)
		}
	}
}
