package trace

import (
	"cmp"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/tracker/swarm"
)

func TestWatch(t *testing.T) {
	t.Parallel()
	epoch := time.Unix(1_000_000, 0).UTC()
	at := func(minutes int) time.Time { return epoch.Add(time.Duration(minutes) * time.Minute) }
	w := newWatch(5*time.Minute, at(30))
	count := func(minute int, id core.TorrentID, seeders int) {
		w.counted([]swarm.Count{{Torrent: id, Seeders: seeders}}, at(minute))
	}
	step := func(minute int, want ...transfer.Watched) {
		t.Helper()
		got := w.due(at(minute))
		slices.SortFunc(got, func(a, b transfer.Watched) int { return cmp.Compare(a.Torrent, b.Torrent) })
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("minute %d\n%s", minute, diff)
		}
		w.markReported(got)
	}
	w.known([]transfer.Watched{{Torrent: 1, Seeders: 0, Since: at(-100)}, {Torrent: 2, Seeders: 1, Since: at(-100)}}, func(core.TorrentID) int { return 0 })
	count(0, 3, 1) // the first to come back of many
	count(1, 3, 2)
	count(1, 4, 1)
	count(1, 1, 1) // it was without seeders, and has one again
	count(2, 5, 40)
	step(10)
	count(20, 2, 3)
	step(20, transfer.Watched{Torrent: 2, Seeders: 2, Since: at(20)}) // good news needs no patience
	step(30, transfer.Watched{Torrent: 1, Seeders: 1, Since: at(1)}, transfer.Watched{Torrent: 4, Seeders: 1, Since: at(1)})
	step(31)
	count(40, 5, 1)
	count(42, 5, 2) // a client was restarted
	step(50)
	count(60, 4, 0)
	step(64)
	step(65, transfer.Watched{Torrent: 4, Seeders: 0, Since: at(60)})
	count(70, 4, 9)
	count(70, 1, 9)
	failed := w.due(at(70)) // the database does not take it: it is due again
	if len(failed) != 2 {
		t.Errorf("due %v", failed)
	}
	step(71, transfer.Watched{Torrent: 1, Seeders: 2, Since: at(70)}, transfer.Watched{Torrent: 4, Seeders: 2, Since: at(70)})
	kept := w.known([]transfer.Watched{{Torrent: 7, Seeders: 0}, {Torrent: 8, Seeders: 1}}, func(id core.TorrentID) int { return int(id) - 7 })
	if len(kept) != 2 {
		t.Errorf("kept %v", kept)
	}
	w.known([]transfer.Watched{{Torrent: 7, Seeders: 2}, {Torrent: 8, Seeders: 2}}, func(core.TorrentID) int { return 2 })
	if kept := w.known([]transfer.Watched{{Torrent: 9, Seeders: 1}}, func(core.TorrentID) int { return 3 }); kept != nil { // the swarm knows better
		t.Errorf("kept %v", kept)
	}
	count(80, 10, 1) // a client came while the database took over that there is none
	w.took([]transfer.Watched{{Torrent: 10, Since: at(70)}, {Torrent: 11, Since: at(70)}})
	count(81, 10, 2)
	count(81, 11, 2)
	step(81, transfer.Watched{Torrent: 10, Seeders: 2, Since: at(81)}, transfer.Watched{Torrent: 11, Seeders: 2, Since: at(81)})
	if len(w.low) != 0 || len(w.dirty) != 0 {
		t.Errorf("still kept: %v, %v", w.low, w.dirty)
	}
}

func TestMinuteRows(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 3, 1, 12, 0, 20, 0, time.UTC)
	totals := Totals{Announces: 100, Scrapes: 10, Refused: []int64{0, 5, 0}}
	l := NewLatency("x", "x")
	l.Observe(1000, time.Second) // before
	m := newMinutes(&Options{Name: "tracker", Refusals: []string{"ok", "disabled", "no_credit"}, Latency: l, Totals: func() Totals { return totals }}, begin)
	l.Observe(10, 9*time.Microsecond)
	row := m.row(begin.Add(10*time.Second), Totals{Announces: 130, Scrapes: 11, Refused: []int64{0, 7, 0}})
	if row.Start != begin.Truncate(time.Minute) || row.Seconds != 10 || row.Announces != 30 || row.Scrapes != 1 || row.Refused != 2 ||
		len(row.Refusals) != 1 || row.Refusals["disabled"] != 2 || row.Worst != 9*time.Microsecond || row.P99 > 10*time.Microsecond || row.P99 == 0 {
		t.Errorf("after ten seconds: %+v", row)
	}
	end := begin.Add(40*time.Second + 3*time.Millisecond)
	if m.over(end.Add(-4*time.Millisecond)) || !m.over(end) {
		t.Error("a minute has no end")
	}
	totals = Totals{Announces: 200, Scrapes: 11, Refused: []int64{0, 7, 1}}
	if row = m.row(end, totals); row.Seconds != 40 || row.Announces != 100 || row.Refused != 3 || row.Worst != 9*time.Microsecond {
		t.Errorf("at the end: %+v", row)
	}
	m.begin(end, totals)
	if row = m.row(end.Add(30*time.Second), totals); row.Start != begin.Truncate(time.Minute).Add(time.Minute) || row.Seconds != 30 || row.Announces != 0 || row.Worst != 0 {
		t.Errorf("the next minute: %+v", row)
	}
}
