package ban_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// world is a store with a clock that stands still until it is moved.
type world struct {
	*ban.Store
	t     *testing.T
	db    *db.DB
	log   *eventlog.Log
	clock *dbtest.Clock
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	keys, err := secret.NewKeyring(make([]byte, 32))
	must(t, err)
	w := &world{t: t, db: d, clock: dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	w.log = eventlog.New(d, w.clock.Now)
	w.Store = ban.NewStore(d, w.log, keys, w.clock.Now)
	return w
}

func each(t *testing.T, test func(ctx context.Context, w *world)) {
	t.Helper()
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) { test(t.Context(), newWorld(t, d)) })
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) draft(value string, reach ban.Reach, lasts time.Duration) ban.Ban {
	w.t.Helper()
	b, err := ban.New(ban.Draft{Value: value, Reach: reach, Reason: "spam", Note: "case 7", By: "mona", ByID: 5, For: lasts}, w.clock.Now())
	must(w.t, err)
	return b
}

func (w *world) add(value string, reach ban.Reach, lasts time.Duration) ban.Ban {
	w.t.Helper()
	b, err := w.Add(w.t.Context(), w.draft(value, reach, lasts))
	must(w.t, err)
	return b
}

// code fails unless err has a code.
func (w *world) code(err error, want core.Code) {
	w.t.Helper()
	if core.CodeOf(err) != want {
		w.t.Errorf("%v, want %s", err, want)
	}
}

func (w *world) count(query string, args ...any) (n int64) {
	w.t.Helper()
	n, _, err := db.One(w.t.Context(), w.db, db.Value[int64], query, args...)
	must(w.t, err)
	return n
}

func values(list []ban.Ban) string {
	var out []string
	for _, b := range list {
		out = append(out, b.Value)
	}
	return strings.Join(out, " ")
}

func TestABanFromAddingToItsEnd(t *testing.T) {
	each(t, func(ctx context.Context, w *world) {
		a := w.add("192.0.2.7", 0, time.Hour)
		b := w.add("*@example.org", 0, 0)
		got, err := w.ByID(ctx, a.ID)
		must(t, err)
		if got != a || got.Kind != ban.Address || got.Note != "case 7" || got.By != "mona" || got.ByID != 5 || !got.Ends.Equal(w.clock.Now().Add(time.Hour)) {
			t.Errorf("%+v", got)
		}
		_, err = w.Add(ctx, w.draft("192.0.2.7", 0, 0))
		w.code(err, core.Conflict)
		if !strings.Contains(core.SafeText(err), fmt.Sprintf("ban %d", a.ID)) {
			t.Error(err)
		}
		w.add("192.0.2.7", ban.IRC, 0) // another reach is another ban
		w.clock.Add(time.Hour)
		list, err := w.Active(ctx)
		must(t, err)
		if got := values(list); got != "192.0.2.7 *@example.org" || list[0].Reach != ban.IRC {
			t.Errorf("in force: %s", got)
		}
		_, err = w.Lift(ctx, a.ID, "mona", "a mistake")
		w.code(err, core.Conflict) // it has run out
		w.add("192.0.2.7", 0, 0)   // its place is free

		_, err = w.Lift(ctx, b.ID, "mona", " ")
		w.code(err, core.Invalid)
		_, err = w.Lift(ctx, 999, "mona", "x")
		w.code(err, core.NotFound)
		_, err = w.Restore(ctx, b.ID)
		w.code(err, core.Conflict)
		_, err = w.Lift(ctx, b.ID, "mona", "a mistake")
		must(t, err)
		_, err = w.Lift(ctx, b.ID, "mona", "a mistake")
		w.code(err, core.Conflict)
		got, err = w.ByID(ctx, b.ID)
		must(t, err)
		if got.Holds(w.clock.Now()) || got.LiftedBy != "mona" || got.LiftReason != "a mistake" || !got.LiftedAt.Equal(w.clock.Now()) {
			t.Errorf("lifted: %+v", got)
		}
		_, err = w.Restore(ctx, b.ID)
		must(t, err)
		if got, err = w.ByID(ctx, b.ID); err != nil || got != b {
			t.Errorf("restored: %+v, %v", got, err)
		}
		_, err = w.Lift(ctx, b.ID, "mona", "again")
		must(t, err)
		w.add("*@EXAMPLE.org", 0, 0)
		_, err = w.Restore(ctx, b.ID)
		w.code(err, core.Conflict) // the same is banned meanwhile
		if n := w.count("SELECT COUNT(*) FROM event WHERE kind = ?", "BansChanged"); n != 8 {
			t.Errorf("%d events", n)
		}
	})
}

func TestPages(t *testing.T) {
	each(t, func(ctx context.Context, w *world) {
		w.add("192.0.2.1", ban.Site, time.Hour)
		w.add("192.0.2.2", ban.Tracker|ban.IRC, 0)
		w.add("192.0.2.0/24", ban.Site, 0)
		last := w.add("*@example.org", 0, 0)
		lifted := w.add("192.0.2.3", 0, 0)
		_, err := w.Lift(ctx, lifted.ID, "mona", "x")
		must(t, err)
		page := func(f ban.Filter, limit int) string {
			list, err := w.Page(ctx, f, limit)
			must(t, err)
			return values(list)
		}
		for _, c := range []struct {
			f    ban.Filter
			want string
		}{
			{ban.Filter{}, "*@example.org 192.0.2.0/24 192.0.2.2 192.0.2.1"}, {ban.Filter{Before: last.ID}, "192.0.2.0/24 192.0.2.2 192.0.2.1"},
			{ban.Filter{Kind: ban.Address}, "192.0.2.2 192.0.2.1"}, {ban.Filter{Reach: ban.IRC}, "192.0.2.2"}, {ban.Filter{Reach: ban.IRC | ban.Site}, "192.0.2.0/24 192.0.2.2 192.0.2.1"},
			{ban.Filter{Over: true}, "192.0.2.3"},
		} {
			if got := page(c.f, 10); got != c.want {
				t.Errorf("%+v: %s, want %s", c.f, got, c.want)
			}
		}
		if got := page(ban.Filter{}, 2); got != "*@example.org 192.0.2.0/24" {
			t.Errorf("two: %s", got)
		}
		w.clock.Add(time.Hour)
		if got := page(ban.Filter{Over: true}, 10); got != "192.0.2.3 192.0.2.1" {
			t.Errorf("over: %s", got)
		}
	})
}

// TestNothingIsReadable looks for values in what the database has.
func TestNothingIsReadable(t *testing.T) {
	each(t, func(ctx context.Context, w *world) {
		b := w.add("192.0.2.77", 0, 0)
		box, _, err := db.One(ctx, w.db, db.Value[[]byte], "SELECT value FROM ban WHERE id = ?", b.ID)
		must(t, err)
		if bytes.Contains(box, []byte("192.0.2")) {
			t.Errorf("the value is %q", box)
		}
		events, err := w.log.Read(ctx, 0, 10)
		must(t, err)
		if len(events) != 1 || string(events[0].Body) != "{}" {
			t.Errorf("events: %+v", events)
		}
		other, err := secret.NewKeyring(bytes.Repeat([]byte{1}, 32))
		must(t, err)
		if _, err := ban.NewStore(w.db, w.log, other, w.clock.Now).ByID(ctx, b.ID); err == nil {
			t.Error("another site key opens it")
		}
	})
}

// plain puts rows as an upgrade leaves them.
func (w *world) plain(rows ...db.Row) {
	w.t.Helper()
	must(w.t, w.db.Tx(w.t.Context(), func(tx *db.Tx) error {
		for _, r := range rows {
			r = append(r, "sealed", 0, "slot", nil, "reach", ban.IRC, "reason", "spam", "note", "", "by_id", 0, "by_name", "mod", "lifted_at", 0, "lifted_by", "", "lift_reason", "")
			if _, err := tx.Insert(w.t.Context(), "ban", r); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestSealing(t *testing.T) {
	each(t, func(ctx context.Context, w *world) {
		now := w.clock.Now().Unix()
		row := func(kind ban.Kind, value string, ends int64) db.Row {
			return db.Row{"kind", kind, "value", []byte(value), "starts_at", now - 60, "ends_at", ends}
		}
		w.plain(row(ban.Mask, "eve@*", 0), row(ban.Address, "192.0.2.7/32", 0), row(ban.Network, "2001:db8::/32", now+3600), row(ban.Mask, "old@*", now-1), row(ban.Network, "nonsense", 0))
		check := func(when string) {
			t.Helper()
			list, err := w.Active(ctx)
			must(t, err)
			if got := values(list); got != "nonsense 2001:db8::/32 192.0.2.7 eve@*" {
				t.Errorf("%s: %s", when, got)
			}
			if _, banned := ban.NewSet(list).Address(netip.MustParseAddr("192.0.2.7"), ban.IRC, w.clock.Now()); !banned {
				t.Errorf("%s: not banned", when)
			}
			_, err = w.Add(ctx, w.draft("192.0.2.7", ban.IRC, 0))
			w.code(err, core.Conflict)
		}
		check("before")
		for i, want := range []int64{2, 2, 1, 0} {
			if n, err := w.Seal(ctx, 2); err != nil || n != want {
				t.Errorf("batch %d: %d, %v", i, n, err)
			}
			check(fmt.Sprint("batch ", i))
		}
		if n := w.count("SELECT COUNT(*) FROM ban WHERE sealed = 0"); n != 0 {
			t.Errorf("%d are not sealed", n)
		}
		if n := w.count("SELECT COUNT(*) FROM ban WHERE slot IS NULL"); n != 1 { // the one that is over
			t.Errorf("%d have no slot", n)
		}
	})
}

func TestBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	ctx := t.Context()
	rows := make([]db.Row, ban.MaxActive)
	for i := range rows {
		rows[i] = db.Row{"kind", ban.Mask, "value", fmt.Sprintf("x%d@*", i), "starts_at", w.clock.Now().Unix(), "ends_at", w.clock.Now().Add(time.Hour).Unix()}
	}
	w.plain(rows...)
	_, err := w.Add(ctx, w.draft("192.0.2.7", 0, 0))
	w.code(err, core.Conflict)
	w.clock.Add(time.Hour)
	w.add("192.0.2.7", 0, 0)
	w.clock.Add(181 * 24 * time.Hour)
	before := w.count("SELECT COUNT(*) FROM ban")
	w.add("192.0.2.8", 0, 0)
	if after := w.count("SELECT COUNT(*) FROM ban"); after >= before {
		t.Errorf("%d bans before and %d after: none of long ago was deleted", before, after)
	}
	if list, err := w.Active(ctx); err != nil || values(list) != "192.0.2.8 192.0.2.7" {
		t.Errorf("%v, %v", list, err)
	}
}

// TestBookFollows adds and lifts bans in another store, as another process does.
func TestBookFollows(t *testing.T) {
	each(t, func(ctx context.Context, w *world) {
		w.add("192.0.2.1", 0, 0)
		book := ban.NewBook(w.Store)
		if book.Set() != nil || (*ban.Book)(nil).Set() != nil {
			t.Error("a book knows bans before it was read")
		}
		must(t, book.Start(ctx, slog.New(slog.DiscardHandler)))
		banned := func(address string) bool {
			_, ok := book.Set().Address(netip.MustParseAddr(address), ban.Site, w.clock.Now())
			return ok
		}
		if !banned("192.0.2.1") || banned("192.0.2.2") {
			t.Error("the first reading")
		}
		following, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() { defer close(done); book.Follow(following, slog.New(slog.DiscardHandler)) }()
		other := newWorld(t, w.db)
		b := other.add("192.0.2.2", 0, 0)
		wait := func(want bool) {
			t.Helper()
			for deadline := time.Now().Add(30 * time.Second); banned("192.0.2.2") != want; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("never %v", want)
				}
			}
		}
		wait(true)
		_, err := other.Lift(ctx, b.ID, "mona", "x")
		must(t, err)
		wait(false)
		stop()
		<-done
	})
}
