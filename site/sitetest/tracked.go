package sitetest

import (
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// Tracked fills in what a tracker would have told: a day of minutes, announces of
// user to torrent 1, and two torrents in danger. There must be three torrents.
func (w *World) Tracked() {
	w.t.Helper()
	store, now, ctx := transfer.NewStore(w.DB), w.Now(), w.t.Context()
	for i := range 24 * 12 { // each fifth minute will do
		at := now.Add(-time.Duration(i) * 5 * time.Minute).Truncate(time.Minute)
		wave := 1 + 0.6*math.Sin(float64(i)/40)
		m := transfer.Minute{
			Tracker: "tracker", Start: at.Add(-time.Minute), Seconds: 60, Announces: int64(3000 * wave), Scrapes: 200, Refused: 30, Refusals: map[string]int64{"disabled": 10, "unknown_key": 20},
			Seeders: int(40_000 * wave), Leechers: int(3000 * wave), Peers4: 39_000, Peers6: 9000, Torrents: 5120,
			P50: time.Duration(18*wave) * time.Microsecond, P99: time.Duration(400*wave) * time.Microsecond, Worst: 31 * time.Millisecond,
			Unwritten: 340, FlushAge: 4 * time.Second, EventRead: 812, EventLast: 815, EventLag: 1200 * time.Millisecond,
		}
		w.Must(store.WriteMinute(ctx, m))
		if i > 100 && i < 110 { // another one, that went
			m.Tracker = "tracker:b"
			w.Must(store.WriteMinute(ctx, m))
		}
	}
	w.Must(store.WriteUnknown(ctx, "tracker", now.Add(-time.Hour), []transfer.Unknown{{InfoHash: core.InfoHash{0xab, 0xcd}, Asked: 12, Surplus: 2, LastAt: now.Add(-3 * time.Minute)}}))
	w.Must(store.Watch(ctx, []transfer.Watched{{Torrent: 2, Seeders: 0, Since: now.Add(-72 * time.Hour)}, {Torrent: 3, Seeders: 1, Since: now.Add(-2 * time.Hour)}}))
	w.Must(w.DB.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Insert(ctx, "transfer_member_torrent", db.Row{"member_id", int64(w.People["user"].Member.ID), "torrent_id", 2, "uploaded", 0, "downloaded", 0, "raw_up", 0,
			"raw_down", 0, "seedtime", 0, "bytes_left", 0, "active", 0, "first_at", 1, "last_at", now.Add(-72 * time.Hour).Unix(), "snatched_at", 0})
		return err
	}))
	var records []transfer.Record
	place := 0
	note := func(minutes int, change func(r *transfer.Record)) {
		r := transfer.Record{
			Member: w.People["user"].Member.ID, Torrent: 1, Slot: transfer.Slot{Ring: 1, Place: place}, At: now.Add(-time.Duration(minutes) * time.Minute), Announces: 1,
			Client: "Transmission 4.0.6", V4: true, Public: true, Reach: transfer.ReachClosed, Leech: core.LeechNormal, Outcome: transfer.Counted,
		}
		change(&r)
		place++
		records = append(records, r)
	}
	note(4, func(r *transfer.Record) {
		r.Announced = transfer.Amount{Up: 3 * core.GiB, Down: core.GiB}
		r.Credited, r.Leech, r.V6 = transfer.Amount{Up: 3 * core.GiB}, core.LeechFree, true
	})
	note(35, func(r *transfer.Record) {
		r.Announced = transfer.Amount{Up: 5 * core.MiB, Down: 900 * core.MiB}
		r.Credited, r.Left, r.Event = r.Announced, core.GiB, "completed"
	})
	note(66, func(r *transfer.Record) { r.Outcome, r.Event, r.Left = transfer.First, "started", 2*core.GiB })
	note(97, func(r *transfer.Record) { r.Outcome = transfer.Restarted })
	note(400, func(r *transfer.Record) {
		r.Slot.Ring, r.Torrent, r.Outcome, r.Announces, r.Reach = 0, 0, "unknown_torrent", 3, ""
	})
	note(500, func(r *transfer.Record) { r.Torrent, r.Slot.Ring = 99, 99 })
	w.Must(store.Write(ctx, records))
}
