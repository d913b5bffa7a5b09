package transfer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

const interval = 30 * time.Minute

func facts() transfer.Facts { return transfer.Facts{Now: epoch, Interval: interval} }

// pair is a row of the books: alice and a torrent of 1000 bytes.
func (w *world) pair(m core.MemberID, torrent int, columns string, values ...any) {
	w.t.Helper()
	w.exec(fmt.Sprintf(`INSERT INTO transfer_member_torrent (member_id, torrent_id, seedtime, first_at, uploaded, downloaded, raw_up, raw_down, bytes_left, active, last_at, snatched_at)
		VALUES (%d, %d, 3600, 1, `+columns+")", append([]any{m, torrent}, values...)...))
}

func TestLastAnnounce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		last := func(m core.MemberID) time.Time {
			at, err := w.LastAnnounce(t.Context(), m)
			w.must(err)
			return at
		}
		if at := last(w.alice); !at.IsZero() {
			t.Errorf("of nobody: %v", at)
		}
		now := epoch.Unix()
		w.pair(w.alice, 1, "0, 0, 0, 0, 0, 0, %d, 0", now-600)
		w.pair(w.alice, 2, "0, 0, 0, 0, 0, 1, %d, 0", now-300)
		w.pair(w.bob, 1, "0, 0, 0, 0, 0, 1, %d, 0", now)
		if at := last(w.alice); !at.Equal(epoch.Add(-5 * time.Minute)) {
			t.Errorf("at %v", at)
		}
		refused := record(w.alice, 0, 0, -1)
		refused.Outcome = "client_refused"
		w.must(w.Write(t.Context(), []transfer.Record{refused}))
		if at := last(w.alice); !at.Equal(epoch.Add(-time.Minute)) {
			t.Errorf("after a refusal: %v", at)
		}
	})
}

func TestOwn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		now := epoch.Unix()
		w.exec(fmt.Sprintf("UPDATE torrent SET uploader_id = CASE WHEN id > 4 THEN %d ELSE %d END", w.alice, w.bob))
		w.pair(w.alice, 1, "500, 0, 500, 1000, 0, 1, %d, 7", now-60)     // seeds, under freeleech
		w.pair(w.alice, 2, "0, 400, 0, 400, 600, 1, %d, 0", now-60)      // leeches
		w.pair(w.alice, 3, "0, 1000, 0, 1000, 0, 0, %d, 9", now-86400)   // has taken it
		w.pair(w.alice, 4, "0, 100, 0, 100, 900, 0, %d, 0", now-86400)   // and a part of this
		w.pair(w.alice, 5, "3000, 0, 3000, 0, 0, 1, %d, 0", now-3*60*60) // seeds its own, silently
		w.pair(w.bob, 1, "0, 0, 0, 0, 0, 1, %d, 0", now)
		w.exec("INSERT INTO swarm_count (torrent_id, seeders, leechers, updated_at) VALUES (1, 2, 1, 1)")
		record := func(torrent, ring core.TorrentID, place int, ago time.Duration, outcome transfer.Outcome) transfer.Record {
			return transfer.Record{Member: w.alice, Torrent: torrent, Slot: transfer.Slot{Ring: ring, Place: place}, At: epoch.Add(-ago), Announces: 1, Public: true,
				Reach: transfer.ReachOpen, Outcome: outcome, Leech: core.LeechNormal}
		}
		if err := w.Write(t.Context(), []transfer.Record{
			record(1, 1, 0, time.Hour, transfer.Clamped), record(1, 1, 1, time.Minute, transfer.Counted), record(2, 0, 0, 30*time.Second, "no_slot"),
			record(2, 2, 0, time.Minute, transfer.Counted), record(3, 0, 1, 20*time.Minute, "client_refused"), record(0, 0, 2, time.Minute, "unknown_torrent"), record(6, 0, 3, 48*time.Hour, "disabled"),
		}); err != nil {
			t.Fatal(err)
		}
		got := map[transfer.Part][]string{}
		for _, part := range transfer.Parts() {
			for before := core.TorrentID(0); ; {
				list, next, err := w.Own(t.Context(), w.alice, part, before, 1)
				if err != nil || len(list) > 1 {
					t.Fatalf("%s before %d: %+v, %v", part, before, list, err)
				}
				for _, o := range list {
					trouble, _ := o.Diagnose(facts())
					got[part] = append(got[part], fmt.Sprintf("%d %s/%s of %s, %s left, mine %t, last %s, cut %t, trouble %q", o.Torrent, o.Credited.Up, o.Credited.Down, o.Counted.Down, o.Left, o.Mine,
						o.Last.Outcome, o.Cut.Outcome == transfer.Clamped, trouble.Code))
				}
				if before = next; next == 0 {
					break
				}
			}
		}
		want := map[transfer.Part][]string{
			transfer.Seeding:  {`5 2.93 KiB/0 B of 0 B, 0 B left, mine true, last , cut false, trouble "silent"`, `1 500 B/0 B of 1000 B, 0 B left, mine false, last ok, cut true, trouble ""`},
			transfer.Leeching: {`2 0 B/400 B of 400 B, 600 B left, mine false, last no_slot, cut false, trouble "no_slot"`},
			transfer.Taken: {`4 0 B/100 B of 100 B, 900 B left, mine false, last , cut false, trouble "silent"`,
				`3 0 B/1000 B of 1000 B, 0 B left, mine false, last client_refused, cut false, trouble "client_refused"`},
			transfer.Uploaded: {`6 0 B/0 B of 0 B, 0 B left, mine true, last disabled, cut false, trouble "disabled"`, `5 2.93 KiB/0 B of 0 B, 0 B left, mine true, last , cut false, trouble "silent"`},
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		sums, err := w.OwnSums(t.Context(), w.alice, facts())
		if want := (transfer.OwnSums{Seeding: 2, Leeching: 1, Trouble: 3}); err != nil || sums != want { // of 2, 3 and 5
			t.Errorf("sums %+v, %v, want %+v", sums, err, want)
		}
		if list, next, err := w.Own(t.Context(), w.alice, "nonsense", 0, 10); err != nil || len(list) != 2 || next != 0 {
			t.Errorf("of no part: %d, %d, %v", len(list), next, err)
		}
		if sums, err := w.OwnSums(t.Context(), 999, facts()); err != nil || sums != (transfer.OwnSums{}) {
			t.Errorf("of nobody: %+v, %v", sums, err)
		}
	})
}

func TestCredit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o    transfer.Own
		want []string
	}{
		"never announced": {transfer.Own{Size: 1000}, []string{"None of your clients"}},
		"all counts":      {transfer.Own{Announced: true, Size: 1000, Counted: transfer.Amount{Up: 10, Down: 1000}, Credited: transfer.Amount{Up: 10, Down: 1000}}, []string{"All of it counts."}},
		"one's own":       {transfer.Own{Announced: true, Mine: true, Size: 1000}, []string{"You uploaded it"}},
		"was there":       {transfer.Own{Announced: true, Size: 1000}, []string{"Nothing was downloaded: your client had all"}},
		"not begun":       {transfer.Own{Announced: true, Size: 1000, Left: 1000}, []string{"Nothing was downloaded yet", "1000 B of 1000 B are still missing"}},
		"partly": {transfer.Own{Announced: true, Size: 1000, Left: 600, Counted: transfer.Amount{Down: 400}, Credited: transfer.Amount{Down: 400}},
			[]string{"600 B of 1000 B are still missing"}},
		"partly there": {transfer.Own{Announced: true, Size: 1000, Counted: transfer.Amount{Down: 300}, Credited: transfer.Amount{Down: 300}}, []string{"700 B of what you have was not downloaded"}},
		"twice":        {transfer.Own{Announced: true, Size: 1000, Counted: transfer.Amount{Down: 1500}, Credited: transfer.Amount{Down: 1500}}, []string{"500 B more was downloaded"}},
		"freeleech": {transfer.Own{Announced: true, Size: 1000, Counted: transfer.Amount{Up: 5, Down: 1000}, Credited: transfer.Amount{Up: 5}},
			[]string{"1000 B of the download do not count: freeleech"}},
		"neutral": {transfer.Own{Announced: true, Size: 1000, Counted: transfer.Amount{Up: 5, Down: 1000}}, []string{"1000 B of the download do not count", "5 B of the upload do not count: neutral"}},
		"to several": {transfer.Own{Announced: true, Size: 1000, Counted: transfer.Amount{Up: 2560, Down: 1000}, Credited: transfer.Amount{Up: 2560, Down: 1000}},
			[]string{"its size 2.6 times over"}},
		"of a few bytes": {transfer.Own{Announced: true, Mine: true, Size: 3, Counted: transfer.Amount{Up: 9}, Credited: transfer.Amount{Up: 9}}, []string{"You uploaded it", "its size 3.0 times over"}},
		"cut": {transfer.Own{Announced: true, Size: 1000, Counted: transfer.Amount{Down: 1000}, Credited: transfer.Amount{Down: 1000},
			Cut: transfer.Record{Outcome: transfer.Clamped, At: epoch, Announced: transfer.Amount{Up: 99}, Credited: transfer.Amount{Up: 7}}},
			[]string{"On 1 March 2026, 12:00 UTC more was announced than can be: of 99 B up and 0 B down, 7 B up and 0 B down count."}},
	} {
		got := c.o.Credit()
		if len(got) != len(c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: %q, want %q", name, got[i], want)
			}
		}
	}
}

func TestDiagnose(t *testing.T) {
	t.Parallel()
	seeds := func(change func(*transfer.Own)) transfer.Own {
		o := transfer.Own{Torrent: 1, Size: 1000, Announced: true, Active: true, Seeders: 1, LastAt: epoch.Add(-20 * time.Minute),
			Last: transfer.Record{Member: 7, Client: "old", At: epoch.Add(-20 * time.Minute), Announces: 1, Public: true, Reach: transfer.ReachOpen, Outcome: transfer.Counted, Slot: transfer.Slot{Ring: 1}}}
		change(&o)
		return o
	}
	refused := func(code transfer.Outcome, ago time.Duration) func(*transfer.Own) {
		return func(o *transfer.Own) {
			o.Last.Slot, o.Last.Outcome, o.Last.At = transfer.Slot{}, code, epoch.Add(-ago)
		}
	}
	whole := func(code transfer.Outcome, client string, ago time.Duration) transfer.Record {
		return transfer.Record{Member: 7, Outcome: code, Client: client, At: epoch.Add(-ago), Announces: 1}
	}
	with := func(all transfer.Record) func(*transfer.Own) {
		return func(o *transfer.Own) { o.All = all }
	}
	keyed := func(ago time.Duration) transfer.Facts {
		f := facts()
		f.KeyMade = epoch.Add(-ago)
		return f
	}
	for name, c := range map[string]struct {
		o     transfer.Own
		f     transfer.Facts
		code  string
		grave bool
		says  string
	}{
		"all is well":                        {seeds(func(*transfer.Own) {}), facts(), "", false, ""},
		"no records are kept":                {seeds(func(o *transfer.Own) { o.Last = transfer.Record{} }), facts(), "", false, ""},
		"refused":                            {seeds(refused("client_refused", time.Minute)), facts(), "client_refused", true, "list of allowed"},
		"refused, and answered since":        {seeds(refused("client_refused", time.Hour)), facts(), "", false, ""},
		"refused for a reason of tomorrow":   {seeds(refused("some_new_reason", time.Minute)), facts(), "some_new_reason", true, "Ask staff"},
		"a new key since":                    {seeds(func(*transfer.Own) {}), keyed(time.Minute), "old_key", true, "Download the .torrent file again"},
		"a new key before":                   {seeds(func(*transfer.Own) {}), keyed(time.Hour), "", false, ""},
		"a new key tomorrow":                 {seeds(func(*transfer.Own) {}), keyed(-time.Hour), "", false, ""},
		"a new key after it was stopped":     {seeds(func(o *transfer.Own) { o.Active, o.Last.Event = false, "stopped" }), keyed(time.Minute), "", false, ""},
		"silent":                             {seeds(func(o *transfer.Own) { o.LastAt = epoch.Add(-70 * time.Minute) }), facts(), "silent", true, "Look whether it runs"},
		"as silent as in a large swarm":      {seeds(func(o *transfer.Own) { o.LastAt = epoch.Add(-66 * time.Minute) }), facts(), "", false, ""},
		"heard of tomorrow":                  {seeds(func(o *transfer.Own) { o.LastAt = epoch.Add(time.Hour) }), facts(), "", false, ""},
		"gone before it had all":             {seeds(func(o *transfer.Own) { o.Active, o.Left = false, 5 }), facts(), "silent", true, "Start the torrent again"},
		"stopped before it had all":          {seeds(func(o *transfer.Own) { o.Active, o.Left, o.Last.Event = false, 5, "stopped" }), facts(), "", false, ""},
		"one's own that nobody seeds":        {seeds(func(o *transfer.Own) { o.Active, o.Mine, o.Seeders = false, true, 0 }), facts(), "absent", true, "Seed it"},
		"one's own that others seed":         {seeds(func(o *transfer.Own) { o.Active, o.Mine = false, true }), facts(), "", false, ""},
		"one's own that was never announced": {transfer.Own{Mine: true, Size: 1}, keyed(time.Minute), "absent", true, "Seed it"},
		"cut":                                {seeds(func(o *transfer.Own) { o.Last.Outcome = transfer.Clamped }), facts(), "clamped", false, "tell staff"},
		"can't be reached":                   {seeds(func(o *transfer.Own) { o.Last.Reach = transfer.ReachClosed }), facts(), "unreachable", false, "forward it"},
		"was not tried":                      {seeds(func(o *transfer.Own) { o.Last.Reach = transfer.ReachUnknown }), facts(), "", false, ""},
		"no public address":                  {seeds(func(o *transfer.Own) { o.Last.Public = false }), facts(), "hidden", false, "public address"},
		"deleted":                            {seeds(func(o *transfer.Own) { o.Gone = true }), facts(), "deleted_torrent", true, "Remove it"},
		"its client is refused":              {seeds(with(whole("client_refused", "old", time.Minute))), facts(), "client_refused", true, "list of allowed"},
		"its client was refused before":      {seeds(with(whole("client_refused", "old", time.Hour))), facts(), "", false, ""},
		"another client is refused":          {seeds(with(whole("client_refused", "other", time.Minute))), facts(), "", false, ""},
		"another is, and nothing is heard":   {seeds(func(o *transfer.Own) { o.All, o.Active = whole("client_refused", "other", time.Minute), false }), facts(), "client_refused", true, "list of allowed"},
		"another is, and it was stopped": {seeds(func(o *transfer.Own) {
			o.All, o.Active, o.Last.Event = whole("client_refused", "old", time.Minute), false, "stopped"
		}), facts(), "", false, ""},
		"the account is disabled":        {seeds(with(whole("disabled", "other", time.Minute))), facts(), "disabled", true, "Ask staff"},
		"one's own, by a client refused": {transfer.Own{Mine: true, Size: 1, All: whole("client_refused", "old", time.Minute)}, facts(), "client_refused", true, "list of allowed"},
	} {
		got, ok := c.o.Diagnose(c.f)
		if got.Code != c.code || ok != (c.code != "") || got.Grave != c.grave || !strings.Contains(got.Mend, c.says) || ok && (got.What == "" || got.Mend == "") {
			t.Errorf("%s: %+v, %t", name, got, ok)
		}
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		var records []transfer.Record
		add := func(torrent, ring core.TorrentID, place, minutes int, outcome transfer.Outcome, up core.Bytes) {
			records = append(records, transfer.Record{Member: w.alice, Torrent: torrent, Slot: transfer.Slot{Ring: ring, Place: place}, At: epoch.Add(-time.Duration(minutes) * time.Minute),
				Announces: 1, Outcome: outcome, Announced: transfer.Amount{Up: up}, Leech: core.LeechNormal})
		}
		add(1, 1, 0, 5, transfer.Counted, 0) // quiet
		add(1, 1, 1, 35, transfer.Counted, 0)
		add(2, 2, 0, 50, transfer.Counted, 9) // not quiet
		add(2, 2, 1, 1, transfer.Counted, 0)
		add(3, 0, 0, 90, "disabled", 0) // in trouble
		add(4, 0, 1, 50, "disabled", 0) // was in trouble
		add(4, 4, 0, 3, transfer.Counted, 0)
		add(5, 5, 0, 80, transfer.Clamped, 1<<62) // in trouble
		add(5, 5, 1, 90, transfer.Counted, 1<<62)
		add(0, 0, 2, 70, "unknown_torrent", 0)
		add(99, 99, 0, 2, transfer.Counted, 0) // which is gone
		add(6, 0, 3, 4, "no_slot", 0)          // of one second
		add(6, 6, 0, 4, transfer.Counted, 7)
		if err := w.Write(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		want := []string{"6 no_slot 0 of 2 trouble", "0 unknown_torrent 0 of 1 trouble", "5 clamped 0 of 2 trouble", "3 disabled 0 of 1 trouble",
			"2 ok 1 of 2", "99 ok 1 of 1 silent", "4 ok 1 of 2", "1 ok 2 of 2 silent"}
		for _, limit := range []int{1, 3, 100} {
			var got []string
			for from, pages := transfer.Cursor(""), 0; pages < 20; pages++ {
				list, next, err := w.Groups(t.Context(), w.alice, from, limit)
				if err != nil || len(list) > limit {
					t.Fatalf("from %q: %d, %v", from, len(list), err)
				}
				for _, g := range list {
					line := fmt.Sprintf("%d %s %d of %d", g.Last.Torrent, g.Last.Outcome, g.Quiet, g.Records)
					if g.Trouble {
						line += " trouble"
					}
					if g.Silent() {
						line += " silent"
					}
					got = append(got, line)
				}
				if from = next; from == "" {
					break
				}
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%d at once (-want +got):\n%s", limit, diff)
			}
		}
		for _, from := range []transfer.Cursor{"x", "1-2", "1-x-3", "1-2-3-4"} {
			if list, _, err := w.Groups(t.Context(), w.alice, from, 100); err != nil || len(list) != len(want) {
				t.Errorf("from %q: %d, %v", from, len(list), err)
			}
		}
	})
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		hash := func(n byte) core.InfoHash { return core.InfoHash{n, 255} }
		write := func(tracker string, since time.Time, asked map[byte]int64) {
			t.Helper()
			var list []transfer.Unknown
			for n, times := range asked {
				list = append(list, transfer.Unknown{InfoHash: hash(n), Asked: times, Surplus: times / 10, LastAt: since.Add(time.Minute)})
			}
			if err := w.WriteUnknown(t.Context(), tracker, since, list); err != nil {
				t.Fatal(err)
			}
		}
		read := func(limit int) (out []string) {
			t.Helper()
			list, err := w.Unknown(t.Context(), epoch.Add(-24*time.Hour), limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range list {
				out = append(out, fmt.Sprintf("%d: %s, %s", u.InfoHash[0], u.Times(), u.LastAt.Format(time.TimeOnly)))
			}
			return out
		}
		if got := read(10); len(got) != 0 {
			t.Errorf("nobody asked, but %q", got)
		}
		w.exec("UPDATE torrent SET info_hash = x'0cff000000000000000000000000000000000000' WHERE id = 1", "UPDATE torrent SET announce_hash_2 = x'0dff000000000000000000000000000000000000' WHERE id = 2")
		write("a", epoch.Add(-48*time.Hour), map[byte]int64{1: 1000})
		write("a", epoch.Add(-2*time.Hour), map[byte]int64{1: 9, 2: 5, 3: 4})
		write("a", epoch.Add(-2*time.Hour), map[byte]int64{1: 10, 2: 6})                  // in its place
		write("b", epoch.Add(-2*time.Hour), map[byte]int64{2: 7, 12: 99, 13: 99, 200: 1}) // 12 and 13 are registered by now
		write("a", epoch.Add(-time.Hour), map[byte]int64{2: 1})
		want := []string{"2: 14, 11:01:00", "1: 9 to 10, 10:01:00", "200: 1, 10:01:00"}
		if diff := gocmp.Diff(want, read(10)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := gocmp.Diff(want[:1], read(1)); diff != "" {
			t.Errorf("one (-want +got):\n%s", diff)
		}
		write("a", epoch.Add(-time.Hour), nil)
		if err := w.PruneMinutes(t.Context(), epoch.Add(-90*time.Minute)); err != nil {
			t.Fatal(err)
		}
		if got := read(10); len(got) != 0 {
			t.Errorf("after pruning: %q", got)
		}
	})
}

func TestRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		look := func(want string) {
			t.Helper()
			got, ok, err := w.Refused(t.Context(), w.alice, facts())
			if err != nil || got.Code != want || ok != (want != "") {
				t.Errorf("%+v, %t, %v, want %q", got, ok, err, want)
			}
		}
		write := func(torrent, ring core.TorrentID, place int, ago time.Duration, client string, outcome transfer.Outcome) {
			t.Helper()
			err := w.Write(t.Context(), []transfer.Record{{Member: w.alice, Torrent: torrent, Slot: transfer.Slot{Ring: ring, Place: place}, At: epoch.Add(-ago), Announces: 1,
				Client: client, Outcome: outcome, Leech: core.LeechNormal}})
			if err != nil {
				t.Fatal(err)
			}
		}
		look("")
		write(0, 0, 0, 25*time.Hour, "old", "client_refused")
		write(1, 0, 1, time.Hour, "old", "no_slot")
		write(0, 0, 2, time.Hour, "old", "unknown_torrent")
		look("")
		write(0, 0, 3, time.Hour, "old", "client_refused")
		write(2, 2, 0, time.Minute, "new", transfer.Counted)
		look("client_refused")
		write(2, 2, 1, time.Minute, "old", transfer.Counted) // its version was allowed again
		look("")
		write(0, 0, 4, time.Second, "new", "disabled")
		look("disabled")
	})
}
