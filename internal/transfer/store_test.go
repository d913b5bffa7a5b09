package transfer_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// world has two members, alice and bob, and torrents 1 to 6 of one group.
type world struct {
	*transfer.Store
	t          *testing.T
	d          *db.DB
	alice, bob core.MemberID
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		keys, err := secret.NewKeyring(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		keys = keys.Cheaply()
		clock := func() time.Time { return epoch }
		events := eventlog.New(d, clock)
		members := member.NewStore(d, events, keys, clock)
		datasets := catalog.NewStore(d, events, clock, catalog.Options{SiteName: "Test", SiteURL: "https://site.example"})
		w := &world{Store: transfer.NewStore(d), t: t, d: d}
		if err := members.Seed(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := datasets.Seed(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, id := range map[string]*core.MemberID{"alice": &w.alice, "bob": &w.bob} {
			made, err := members.Create(t.Context(), member.New{Name: name, Class: "User"})
			if err != nil {
				t.Fatal(err)
			}
			*id = made.Member.ID
		}
		w.exec(`INSERT INTO torrent_group (id, category_id, title, subject, object, year, workgroup, location, identifier, picture, description, revision, created_at, updated_at)
			VALUES (1, 1, 'Phage lambda', '', '', 2026, '', '', '', '', '', 1, 0, 0)`)
		for id := 1; id <= 6; id++ {
			w.exec(fmt.Sprintf(`INSERT INTO torrent (id, group_id, uploader_id, anonymous, platform, format, archive, scope, license, version, annotated, description, seqhash,
				leech, leech_reason, name, source, size, file_count, piece_length, created_at, updated_at, deleted_at, deleted_by, delete_reason)
				VALUES (%d, 1, 1, 0, '', 'FASTA', 'None', '', 'CC0', '', 0, '', '', 'normal', '', 'x', '', 1000, 1, 1, %d, 0, 0, 0, '')`, id, epoch.Unix()-int64(id)))
		}
		test(t, w)
	})
}

func (w *world) exec(statements ...string) {
	w.t.Helper()
	err := w.d.Tx(w.t.Context(), func(tx *db.Tx) error {
		for _, s := range statements {
			if _, err := tx.Exec(w.t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// record is an announce of a torrent, so many minutes after the epoch.
func record(m core.MemberID, t core.TorrentID, place, minute int) transfer.Record {
	return transfer.Record{
		Member: m, Torrent: t, Slot: transfer.Slot{Ring: t, Place: place}, At: epoch.Add(time.Duration(minute) * time.Minute), Announces: 2,
		Event: "started", Client: "Transmission 4.0.6", V4: true, V6: true, Public: true,
		Announced: transfer.Amount{Up: 5, Down: 7}, Credited: transfer.Amount{Up: 5}, Left: 9, Leech: core.LeechFree, Outcome: transfer.Counted,
	}
}

func TestRecords(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		refused := record(w.alice, 0, 3, 5)
		refused.Torrent, refused.Outcome = 2, "client_refused"
		all := []transfer.Record{record(w.bob, 1, 0, 1), record(w.alice, 1, 0, 1), record(w.alice, 1, 1, 2), record(w.alice, 2, 0, 3), refused}
		w.must(w.Write(t.Context(), all))
		w.must(w.Write(t.Context(), []transfer.Record{record(w.alice, 1, 0, 4)})) // over the first
		got, next, err := w.OfMember(t.Context(), w.alice, 0, "", 10)
		w.must(err)
		read := func(r transfer.Record) transfer.Record {
			r.MemberName, r.Title, r.Group = "alice", "Phage lambda", 1
			return r
		}
		want := []transfer.Record{read(refused), read(record(w.alice, 1, 0, 4)), read(record(w.alice, 2, 0, 3)), read(record(w.alice, 1, 1, 2))}
		if diff := gocmp.Diff(want, got); diff != "" || next != "" {
			t.Errorf("alice's, next %q\n%s", next, diff)
		}
		two, _, err := w.OfMember(t.Context(), w.alice, 2, "", 10)
		w.must(err)
		if diff := gocmp.Diff([]transfer.Record{want[0], want[2]}, two); diff != "" {
			t.Errorf("alice's of torrent 2\n%s", diff)
		}
		one, _, err := w.OfTorrent(t.Context(), 1, "", 10)
		w.must(err)
		if len(one) != 3 || one[2].MemberName != "bob" {
			t.Errorf("torrent 1: %+v", one)
		}
		for _, cursor := range []transfer.Cursor{"", "nonsense", "1-2-3", "a-b-c-d"} {
			if list, _, err := w.OfTorrent(t.Context(), 1, cursor, 10); err != nil || len(list) != 3 {
				t.Errorf("from %q: %d records, %v", cursor, len(list), err)
			}
		}
	})
}

// TestPages reads a list in pages whose edges fall between records of the same
// second.
func TestPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		var all []transfer.Record
		for i := range 30 {
			all = append(all, record([]core.MemberID{w.alice, w.bob}[i%2], core.TorrentID(i%6+1), i, i/10))
		}
		w.must(w.Write(t.Context(), all))
		seen := map[string]bool{}
		var cursor transfer.Cursor
		for pages := 1; ; pages++ {
			list, next, err := w.OfTorrent(t.Context(), 3, cursor, 2)
			w.must(err)
			for _, r := range list {
				seen[fmt.Sprintf("%d %v", r.Member, r.Slot)] = true
			}
			if cursor = next; next == "" {
				if pages != 3 {
					t.Errorf("%d pages", pages)
				}
				break
			}
		}
		if len(seen) != 5 {
			t.Errorf("%d records of 5: %v", len(seen), seen)
		}
	})
}

func TestReachComesLater(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		first, second := record(w.alice, 1, 0, 1), record(w.alice, 1, 1, 2)
		w.must(w.Write(t.Context(), []transfer.Record{first, second}))
		w.must(w.SetReach(t.Context(), []transfer.Reached{
			{Member: w.alice, Slot: first.Slot, At: first.At, Reach: transfer.ReachOpen},
			{Member: w.alice, Slot: second.Slot, At: first.At, Reach: transfer.ReachClosed}, // of what was there before
		}))
		list, _, err := w.OfMember(t.Context(), w.alice, 1, "", 10)
		if err != nil || list[0].Reach != transfer.ReachUnknown || list[1].Reach != transfer.ReachOpen {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestPrune(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		refusal := record(w.alice, 0, 0, 10)
		refusal.Torrent = 5
		w.must(w.Write(t.Context(), []transfer.Record{
			record(w.alice, 1, 0, 1), record(w.alice, 1, 1, 10), record(w.alice, 5, 0, 10), record(w.alice, 77, 0, 10), refusal,
			record(w.bob, 2, 0, 10), record(999, 2, 0, 10),
		}))
		w.exec("UPDATE torrent SET deleted_at = 5 WHERE id = 5")
		var place transfer.Place
		var total int64
		for steps := 1; ; steps++ {
			next, n, err := w.Prune(t.Context(), place, epoch.Add(5*time.Minute), 2)
			w.must(err)
			total += n
			if place = next; place == (transfer.Place{}) {
				if steps != 4 {
					t.Errorf("%d steps", steps)
				}
				break
			}
		}
		var left []string
		for _, m := range []core.MemberID{w.alice, w.bob, 999} {
			list, _, err := w.OfMember(t.Context(), m, 0, "", 10)
			w.must(err)
			for _, r := range list {
				left = append(left, fmt.Sprintf("%s %d/%d", r.MemberName, r.Slot.Ring, r.Slot.Place))
			}
		}
		slices.Sort(left)
		if got := strings.Join(left, ", "); total != 4 || got != "alice 0/0, alice 1/1, bob 2/0" {
			t.Errorf("%d deleted, left: %s", total, got)
		}
	})
}

func TestMinutes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		m := transfer.Minute{
			Tracker: "tracker", Start: epoch, Seconds: 60, Announces: 600, Scrapes: 3, Refused: 5, Refusals: map[string]int64{"disabled": 4, "unknown_key": 1},
			Seeders: 10, Leechers: 4, Peers4: 12, Peers6: 3, Torrents: 6, P50: 20 * time.Microsecond, P99: 900 * time.Microsecond, Worst: 12 * time.Millisecond,
			Unwritten: 7, FlushAge: 1500 * time.Millisecond, EventRead: 99, EventLast: 101, EventLag: 2 * time.Second,
		}
		half := m
		half.Seconds, half.Announces = 30, 300
		other, old := m, m
		other.Tracker = "tracker-b"
		old.Start = epoch.Add(-48 * time.Hour)
		for _, row := range []transfer.Minute{half, m, other, old} {
			w.must(w.WriteMinute(t.Context(), row))
		}
		got, err := w.Minutes(t.Context(), epoch.Add(-24*time.Hour))
		w.must(err)
		if diff := gocmp.Diff([]transfer.Minute{m, other}, got); diff != "" {
			t.Errorf("minutes\n%s", diff)
		}
		if rate := half.Rate(half.Announces); rate != 10 {
			t.Errorf("rate %v", rate)
		}
		w.must(w.PruneMinutes(t.Context(), epoch.Add(-time.Hour)))
		all, err := w.Minutes(t.Context(), epoch.Add(-100*time.Hour))
		if err != nil || len(all) != 2 {
			t.Errorf("%d minutes are left, %v", len(all), err)
		}
		old.Refusals = map[string]int64{}
		for i := range 500 {
			old.Refusals[fmt.Sprintf("reason_%03d", i)] = int64(i)
		}
		w.must(w.WriteMinute(t.Context(), old))
		all, err = w.Minutes(t.Context(), epoch.Add(-100*time.Hour))
		if err != nil || all[2].Refusals["reason_499"] != 499 || len(all[2].Refusals) > 100 {
			t.Errorf("many reasons: %v, %v", all[2].Refusals, err)
		}
		for since, want := range map[time.Time]string{epoch.Add(-time.Hour): "tracker 0, tracker-b 0", epoch.Add(-100 * time.Hour): "gone -172800, tracker 0, tracker-b 0", epoch.Add(time.Minute): ""} {
			old.Tracker = "gone"
			w.must(w.WriteMinute(t.Context(), old))
			newest, err := w.Newest(t.Context(), since)
			w.must(err)
			var list []string
			for _, m := range newest {
				list = append(list, fmt.Sprintf("%s %d", m.Tracker, m.Start.Unix()-epoch.Unix()))
			}
			if got := strings.Join(list, ", "); got != want {
				t.Errorf("the newest since %s: %q, want %q", since, got, want)
			}
		}
		refused, err := w.Refusals(t.Context(), epoch)
		if diff := gocmp.Diff(map[string]int64{"disabled": 8, "unknown_key": 2}, refused); err != nil || diff != "" {
			t.Errorf("refusals, %v\n%s", err, diff)
		}
	})
}

func TestHours(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		noon := epoch.Truncate(time.Hour)
		for i := range 150 { // from noon to half past two
			m := transfer.Minute{Tracker: "a", Start: noon.Add(time.Duration(i) * time.Minute), Seconds: 60, Announces: 10, Scrapes: 1, Refused: 2,
				Seeders: i, Leechers: 5, P50: time.Microsecond, P99: time.Duration(i) * time.Millisecond, Worst: time.Second}
			w.must(w.WriteMinute(t.Context(), m))
			if i < 5 {
				m.Tracker = "b"
				w.must(w.WriteMinute(t.Context(), m))
			}
		}
		steps, err := w.Steps(t.Context(), noon.Add(2*time.Hour), 20*time.Minute)
		w.must(err)
		step := transfer.Minute{Tracker: "a", Start: noon.Add(2 * time.Hour), Seconds: 1200, Announces: 200, Scrapes: 20, Refused: 40, Seeders: 139, Leechers: 5,
			P50: time.Microsecond, P99: 139 * time.Millisecond, Worst: time.Second}
		if len(steps) != 2 || steps[0].Seconds != 600 || steps[0].Start != noon.Add(140*time.Minute) {
			t.Errorf("steps: %+v", steps)
		} else if diff := gocmp.Diff(step, steps[1]); diff != "" {
			t.Errorf("a step\n%s", diff)
		}
		for range 2 { // again, it changes nothing
			w.must(w.SumHours(t.Context(), noon.Add(150*time.Minute)))
		}
		got, err := w.Hours(t.Context(), noon, time.Hour)
		w.must(err)
		hour := func(tracker string, h, minutes, last int) transfer.Minute {
			n := int64(minutes)
			return transfer.Minute{Tracker: tracker, Start: noon.Add(time.Duration(h) * time.Hour), Seconds: minutes * 60, Announces: 10 * n, Scrapes: n, Refused: 2 * n,
				Seeders: last, Leechers: 5, P50: time.Microsecond, P99: time.Duration(last) * time.Millisecond, Worst: time.Second}
		}
		if diff := gocmp.Diff([]transfer.Minute{hour("a", 1, 60, 119), hour("a", 0, 60, 59), hour("b", 0, 5, 4)}, got); diff != "" {
			t.Errorf("hours\n%s", diff)
		}
		twelve := noon.Truncate(12 * time.Hour)
		got, err = w.Hours(t.Context(), twelve, 12*time.Hour)
		w.must(err)
		if len(got) != 2 || got[0].Start != twelve || got[0].Seconds != 2*3600 || got[0].Announces != 1200 || got[0].Seeders != 119 || got[1].Seconds != 300 {
			t.Errorf("in one step: %+v", got)
		}
		// A minute that came late is in the next sum, while its hour is one of the last.
		w.must(w.WriteMinute(t.Context(), transfer.Minute{Tracker: "b", Start: noon.Add(30 * time.Minute), Seconds: 60, Announces: 1}))
		w.must(w.SumHours(t.Context(), noon.Add(181*time.Minute)))
		got, err = w.Hours(t.Context(), noon, time.Hour)
		w.must(err)
		if len(got) != 3 || got[2].Announces != 51 {
			t.Errorf("before the third hour is over: %+v", got)
		}
		w.must(w.SumHours(t.Context(), noon.Add(183*time.Minute)))
		w.must(w.PruneHours(t.Context(), noon.Add(time.Hour)))
		if got, err = w.Hours(t.Context(), noon, time.Hour); err != nil || len(got) != 2 || got[0].Seconds != 1800 {
			t.Errorf("at the end: %+v, %v", got, err)
		}
	})
}

func TestWatch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.exec("INSERT INTO swarm_count (torrent_id, seeders, leechers, updated_at) VALUES (2, 1, 3, 1000), (3, 5, 0, 2000), (5, 0, 0, 500)",
			"UPDATE torrent SET deleted_at = 5 WHERE id = 6")
		w.must(w.Watch(t.Context(), []transfer.Watched{
			{Torrent: 3, Seeders: 0, Since: epoch}, {Torrent: 4, Seeders: 0, Since: epoch}, {Torrent: 6, Seeders: 1, Since: epoch},
		}))
		// Unwatched compares the tables in steps and returns what must be corrected.
		var all []transfer.Watched
		for after := core.TorrentID(0); ; {
			changes, next, err := w.Unwatched(t.Context(), after, 4)
			w.must(err)
			all = append(all, changes...)
			w.must(w.Watch(t.Context(), changes))
			if after = next; next == 0 {
				break
			}
		}
		slices.SortFunc(all, func(a, b transfer.Watched) int { return cmp.Compare(a.Torrent, b.Torrent) })
		at := func(n int64) time.Time { return time.Unix(n, 0).UTC() }
		want := []transfer.Watched{{1, 0, at(epoch.Unix() - 1)}, {2, 1, at(1000)}, {3, 2, at(2000)}, {5, 0, at(500)}, {6, 2, at(epoch.Unix() - 6)}}
		if diff := gocmp.Diff(want, all); diff != "" {
			t.Errorf("changes\n%s", diff)
		}
		if again, _, err := w.Unwatched(t.Context(), 0, 100); err != nil || len(again) != 0 {
			t.Errorf("once more: %v, %v", again, err)
		}
		watched, err := w.WatchedPage(t.Context(), 1, 2)
		if diff := gocmp.Diff([]transfer.Watched{{2, 1, at(1000)}, {4, 0, epoch}}, watched); err != nil || diff != "" {
			t.Errorf("watched, %v\n%s", err, diff)
		}
	})
}

func TestSwarms(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.exec("INSERT INTO swarm_count (torrent_id, seeders, leechers, updated_at) VALUES (3, 1, 0, 9), (5, 0, 2, 9), (9, 4, 4, 9)",
			"INSERT INTO transfer_torrent (torrent_id, uploaded, downloaded, snatches) VALUES (5, 1, 1, 7), (6, 1, 1, 8)")
		first, err := w.Swarms(t.Context(), 0, 2)
		w.must(err)
		rest, err := w.Swarms(t.Context(), 5, 2)
		w.must(err)
		want := []transfer.Swarm{{Torrent: 3, Seeders: 1}, {Torrent: 5, Leechers: 2, Snatches: 7}, {Torrent: 9, Seeders: 4, Leechers: 4}}
		if got := slices.Concat(first, rest); !slices.Equal(got, want) || len(first) != 2 {
			t.Errorf("%+v, want %+v", got, want)
		}
	})
}

func TestEndangered(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.must(w.Watch(t.Context(), []transfer.Watched{
			{1, 1, epoch.Add(-time.Hour)}, {2, 0, epoch}, {3, 0, epoch.Add(-time.Hour)}, {4, 1, epoch.Add(-time.Hour)}, {5, 0, epoch}, {6, 0, epoch},
		}))
		w.exec("UPDATE torrent SET deleted_at = 5 WHERE id = 6",
			"INSERT INTO swarm_count (torrent_id, seeders, leechers, updated_at) VALUES (2, 0, 4, 1)")
		for _, row := range []struct {
			m    core.MemberID
			left int
			last int64
		}{{w.alice, 0, 1000}, {w.bob, 5, 3000}, {77, 0, 2000}} {
			w.exec(fmt.Sprintf(`INSERT INTO transfer_member_torrent (member_id, torrent_id, uploaded, downloaded, raw_up, raw_down, seedtime, bytes_left, active, first_at, last_at, snatched_at)
				VALUES (%d, 2, 0, 0, 0, 0, 0, %d, 0, 0, %d, 0)`, row.m, row.left, row.last))
		}
		var ids []core.TorrentID
		var second transfer.Endangered
		for from := (transfer.Danger{}); ; {
			list, next, err := w.Endangered(t.Context(), epoch, w.alice, from, 2)
			w.must(err)
			for _, e := range list {
				ids = append(ids, e.Torrent)
				if e.Torrent == 2 {
					second = e
				}
			}
			if next == nil {
				break
			}
			from = *next
		}
		if diff := gocmp.Diff([]core.TorrentID{3, 2, 5, 1, 4}, ids); diff != "" {
			t.Errorf("order\n%s", diff)
		}
		want := transfer.Endangered{Watched: transfer.Watched{Torrent: 2, Since: epoch}, Group: 1, Title: "Phage lambda", Format: "FASTA", License: "CC0", Size: 1000,
			Leechers: 4, SeenAt: time.Unix(2000, 0).UTC(), Holders: 2, Mine: true}
		if diff := gocmp.Diff(want, second); diff != "" {
			t.Errorf("torrent 2\n%s", diff)
		}
		list, _, err := w.Endangered(t.Context(), epoch, w.bob, transfer.Danger{}, 10)
		if err != nil || list[1].Mine {
			t.Errorf("bob's view: %+v, %v", list[1], err)
		}
		none, one, err := w.EndangeredCounts(t.Context(), epoch)
		if err != nil || none != 3 || one != 2 {
			t.Errorf("%d without a seeder, %d with one, %v", none, one, err)
		}
	})
}

func TestEndangers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		seeders int
		age     time.Duration
		want    bool
	}{
		{0, transfer.Patience, true}, {1, transfer.Patience, true}, {2, 99 * time.Hour, false}, {0, transfer.Patience - 1, false}, {1, 0, false},
		{0, -time.Second, true}, // a clock was wrong
	} {
		if got := transfer.Endangers(tt.seeders, epoch.Add(-tt.age), epoch, transfer.Patience); got != tt.want {
			t.Errorf("%d seeders for %v: %t", tt.seeders, tt.age, got)
		}
	}
}

// TestTakeNew follows new torrents until they are old enough.
func TestTakeNew(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.exec("UPDATE torrent SET created_at = created_at - 600 WHERE id <= 3", "UPDATE torrent SET deleted_at = 5 WHERE id = 1",
			"INSERT INTO swarm_count (torrent_id, seeders, leechers, updated_at) VALUES (2, 0, 4, 1)")
		take := func(at time.Time, limit int) (ids []core.TorrentID, more bool) {
			list, more, err := w.TakeNew(t.Context(), at, transfer.Patience, limit, func(id core.TorrentID) bool { return id == 5 })
			w.must(err)
			for _, l := range list {
				ids = append(ids, l.Torrent)
			}
			return ids, more
		}
		if ids, more := take(epoch, 100); !slices.Equal(ids, []core.TorrentID{3}) || more {
			t.Errorf("at first %v, %t", ids, more)
		}
		if ids, _ := take(epoch, 100); ids != nil {
			t.Errorf("again %v", ids)
		}
		later := epoch.Add(transfer.Patience)
		if none, _, err := w.EndangeredCounts(t.Context(), later); none != 4 || err != nil { // 3, 4, 5 and 6; that 5 is seeded only the tracker knows
			t.Errorf("%d without a seeder, %v", none, err)
		}
		if ids, more := take(later, 2); !slices.Equal(ids, []core.TorrentID{4}) || !more {
			t.Errorf("later %v, %t", ids, more)
		}
		if ids, more := take(later, 2); !slices.Equal(ids, []core.TorrentID{6}) || more {
			t.Errorf("then %v, %t", ids, more)
		}
		list, _, err := w.Endangered(t.Context(), later, w.alice, transfer.Danger{}, 10)
		w.must(err)
		var ids []core.TorrentID
		for _, e := range list {
			ids = append(ids, e.Torrent)
		}
		if diff := gocmp.Diff([]core.TorrentID{3, 6, 4}, ids); diff != "" {
			t.Errorf("listed\n%s", diff)
		}
	})
}
