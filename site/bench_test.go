package site_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// How much there is on the site that is measured.
const (
	benchDatasets = 500
	benchMembers  = 200
	benchActs     = 2000
)

// BenchmarkPages measures how long the server takes for each page and each role that may
// see it, with 500 datasets on SQLite, without a network between. p95-ms should be at most 10 on a quiet machine.
func BenchmarkPages(b *testing.B) {
	w := busy(b)
	handler, err := w.Room.Handler()
	w.Must(err)
	type page struct{ role, path string }
	pages := []page{{"user", "/browse?category=sequences&sort=size&q=atlas+part&year=1982"}, {"user", "/browse?q=atlas&free=1"}, {"sysop", "/staff/tracker?range=30d"}, {"sysop", "/staff/tracker?range=1h"}}
	for _, path := range pagesOf(b, w) {
		for _, role := range []string{"anonymous", "user", "sysop"} {
			if w.As(role).Get(path).StatusCode == http.StatusOK {
				pages = append(pages, page{role, path})
			}
		}
	}
	for _, page := range pages {
		b.Run(page.role+page.path, func(b *testing.B) {
			cookies := cookiesOf(w, page.role)
			var took []time.Duration
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, page.path, nil)
				for _, c := range cookies {
					r.AddCookie(c)
				}
				answer := httptest.NewRecorder()
				start := time.Now()
				handler.ServeHTTP(answer, r)
				took = append(took, time.Since(start))
				if answer.Code != http.StatusOK {
					b.Fatalf("status %d", answer.Code)
				}
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[(len(took)*95+99)/100-1].Microseconds())/1000, "p95-ms")
		})
	}
}

// cookiesOf are what the browser of somebody sends who has just logged in.
func cookiesOf(w *sitetest.World, role string) []*http.Cookie {
	u, err := url.Parse(w.Server.URL)
	w.Must(err)
	return w.As(role).Client.Jar.Cookies(u)
}

// busy is a site as after a month: datasets, members, a tracker that told each minute what
// it does, what staff did, and a member who has part in a hundred torrents.
func busy(b *testing.B) *sitetest.World {
	b.Helper()
	w := sitetest.OnSQLite(b)
	for i := range benchDatasets {
		w.Upload([]string{"user", "other"}[i%2], fmt.Sprintf("Caenorhabditis elegans, single-cell atlas, part %d", i), nil)
	}
	w.Tracked()
	ctx, now, store := b.Context(), w.Now(), transfer.NewStore(w.DB)
	for i := range benchMembers {
		w.Join(fmt.Sprintf("member%d", i), "")
	}
	var records []transfer.Record
	w.Must(w.DB.Tx(ctx, func(tx *db.Tx) error {
		log := audit.New(w.DB, w.Now)
		for range benchActs {
			if _, err := log.Append(ctx, tx, audit.Entry{ActorID: w.People["sysop"].Member.ID, ActorName: "sysop", Via: audit.ViaSite, Command: "member class",
				Arguments: "other Power User", Subject: audit.MemberSubject(w.People["other"].Member.ID), Outcome: audit.Done, Detail: "other is Power User."}); err != nil {
				return err
			}
		}
		user := w.People["user"].Member.ID
		for id := 3; id < 103; id++ {
			if _, err := tx.Insert(ctx, "transfer_member_torrent", db.Row{"member_id", int64(user), "torrent_id", id, "uploaded", 1 << 30, "downloaded", 1 << 20, "raw_up", 1 << 30,
				"raw_down", 1 << 20, "seedtime", 3600, "bytes_left", 0, "active", 1, "first_at", now.Add(-30 * 24 * time.Hour).Unix(), "last_at", now.Add(-time.Minute).Unix(), "snatched_at", now.Unix()}); err != nil {
				return err
			}
			for place := range 10 {
				records = append(records, transfer.Record{Member: user, Torrent: core.TorrentID(id), Slot: transfer.Slot{Ring: core.TorrentID(id), Place: place}, At: now.Add(-time.Duration(place*30+id%30) * time.Minute),
					Announces: 1, Client: "Transmission 4.0.6", V4: true, Public: true, Reach: transfer.ReachOpen, Leech: core.LeechNormal, Outcome: transfer.Counted, Announced: transfer.Amount{Up: core.MiB}})
			}
		}
		return nil
	}))
	w.Must(store.Write(ctx, records))
	w.Must(w.DB.Tx(ctx, func(tx *db.Tx) error {
		for i := range 30 * 24 * 60 {
			m := transfer.Minute{Tracker: "tracker", Start: now.Truncate(time.Minute).Add(-time.Duration(i+1) * time.Minute), Seconds: 60, Announces: 3000, Scrapes: 200, Refused: 30,
				Refusals: map[string]int64{"disabled": 10, "unknown_key": 12, "client_refused": 8}, Seeders: 40_000, Leechers: 3000, P50: 18 * time.Microsecond, P99: 400 * time.Microsecond, Worst: 31 * time.Millisecond}
			if err := store.In(tx).WriteMinute(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}))
	w.Must(store.SumHours(ctx, now))
	w.Must(store.PruneMinutes(ctx, now.Add(-7*24*time.Hour))) // as the tracker does
	return w
}
