package security_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

type world struct {
	*security.Log
	db    *db.DB
	clock *dbtest.Clock
	lines *bytes.Buffer
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		keys, err := secret.NewKeyring(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		keys = keys.Cheaply()
		w := &world{db: d, clock: dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), lines: &bytes.Buffer{}}
		w.Log = security.New(d, keys, w.clock.Now, slog.New(slog.NewTextHandler(w.lines, nil)))
		test(t, w)
	})
}

func from(ctx context.Context, face security.Face, address string) context.Context {
	return security.With(ctx, security.Origin{Face: face, Address: netip.MustParseAddr(address)})
}

func (w *world) entries(t *testing.T, m core.MemberID) []security.Entry {
	t.Helper()
	list, err := w.Page(t.Context(), m, 0, security.MaxPage)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (w *world) rows(t *testing.T) int {
	t.Helper()
	var n int
	if err := w.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM security_log").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestEntryKeepsAddressSealed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := from(t.Context(), security.Site, "2001:db8::77")
		w.Note(ctx, security.Event{Member: 7, Kind: security.Refused, Detail: "a\nforged line"})
		list := w.entries(t, 7)
		now := w.clock.Now()
		want := []security.Entry{{ID: list[0].ID, Kind: security.Refused, Face: security.Site, At: now, LastAt: now, Tries: 1,
			Detail: "a forged line", Address: "2001:db8::77"}}
		if diff := cmp.Diff(want, list); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		var all string
		err := w.db.QueryRowContext(t.Context(), "SELECT CONCAT(kind, face, by_name, detail, HEX(address), HEX(slot)) FROM security_log").Scan(&all)
		if err != nil || strings.Contains(all, "2001:db8") || strings.Contains(all, fmt.Sprintf("%X", "2001:db8")) {
			t.Errorf("the address lies readable in the database: %s (%v)", all, err)
		}
		if line := w.lines.String(); !strings.Contains(line, "event=refused face=site member=7") || strings.Contains(line, "2001") || strings.Count(line, "\n") != 1 {
			t.Errorf("lines: %s", line)
		}
		// Copied to another account it can't be read.
		if err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE security_log SET member_id = 8")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Page(t.Context(), 8, 0, 1); err == nil {
			t.Error("an address moved to another account can be read there")
		}
	})
}

// TestNoAddressOfStaff makes sure that a member's log does not tell where those of the staff
// were who did something for the member, whatever an older release kept.
func TestNoAddressOfStaff(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := security.By(from(t.Context(), security.Site, "192.0.2.9"), security.Site, 9, "mona")
		w.Note(ctx, security.Event{Member: 7, Kind: security.IRCKeyNew})
		var kept int
		if err := w.db.QueryRowContext(t.Context(), "SELECT LENGTH(address) FROM security_log").Scan(&kept); err != nil || kept != 0 {
			t.Errorf("%d bytes of an address are kept: %v", kept, err)
		}
		own := from(t.Context(), security.Site, "192.0.2.7")
		w.Note(own, security.Event{Member: 7, Kind: security.TokenMade})
		if err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE security_log SET by_id = 9, by_name = 'mona' WHERE kind = ?", string(security.TokenMade))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		for _, e := range w.entries(t, 7) {
			if e.By != "mona" || e.Address != "" {
				t.Errorf("%+v", e)
			}
		}
	})
}

// TestTriesAreCounted has one row for tries that are alike within an hour: of one
// account and network.
func TestTriesAreCounted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		try := func(m core.MemberID, address string) {
			w.Note(from(t.Context(), security.Site, address), security.Event{Member: m, Kind: security.Refused})
		}
		for i := range 40 {
			try(7, fmt.Sprintf("2001:db8::%d", i)) // one household
		}
		try(7, "192.0.2.1")
		try(8, "192.0.2.1")
		w.clock.Add(time.Hour)
		try(7, "192.0.2.1")
		list := w.entries(t, 7)
		if len(list) != 3 || list[2].Tries != 40 || list[2].Address != "2001:db8::39" || list[1].Tries != 1 || list[0].Tries != 1 {
			t.Errorf("%+v", list)
		}
		if n := len(w.entries(t, 8)); n != 1 {
			t.Errorf("%d rows of another account", n)
		}
	})
}

// TestFloodDoesNotFillTheTable comes from many networks, for one account.
func TestFloodDoesNotFillTheTable(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			for i := range 120 {
				ctx := from(t.Context(), security.IRC, fmt.Sprintf("10.0.0.%d", i))
				if err := w.Record(ctx, tx, security.Event{Member: 7, Kind: security.Refused}); err != nil {
					return err
				}
				if err := w.Record(ctx, tx, security.Event{Member: 7, Kind: security.AnnounceKeyNew}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if n := w.rows(t); n > 102 {
			t.Errorf("%d rows", n)
		}
		var sum int
		for _, before := range []int64{0, w.entries(t, 7)[security.MaxPage-1].ID} {
			list, err := w.Page(t.Context(), 7, before, security.MaxPage)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				sum += e.Tries
			}
		}
		if sum != 240 {
			t.Errorf("%d are counted, want 240", sum)
		}
		// Another account is not concerned, nor this one a day later.
		w.Note(from(t.Context(), security.IRC, "192.0.2.1"), security.Event{Member: 8, Kind: security.Refused})
		w.clock.Add(25 * time.Hour)
		w.Note(from(t.Context(), security.IRC, "192.0.2.1"), security.Event{Member: 7, Kind: security.Refused})
		if e := w.entries(t, 7)[0]; e.Tries != 1 || e.Detail != "" {
			t.Errorf("a day later: %+v", e)
		}
	})
}

func TestUseIsNotedOnceADay(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		use := func(address string) {
			w.Use(from(t.Context(), security.API, address), security.Event{Member: 7, Kind: security.Used, Detail: "the API token x"}, "token 1")
		}
		for range 50 {
			use("192.0.2.1")
			w.clock.Add(time.Minute)
		}
		use("198.51.100.1")
		w.clock.Add(24 * time.Hour)
		use("192.0.2.1")
		list := w.entries(t, 7)
		if len(list) != 3 || list[2].Tries != 1 {
			t.Errorf("%+v", list)
		}
	})
}

// TestKeys tells of each key when it was made and used, and not of the one before it.
func TestKeys(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		known := func() security.Keys {
			k, err := w.Keys(t.Context(), 7)
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
		note := func(m core.MemberID, face security.Face, way string, kind security.Kind) time.Time {
			w.clock.Add(2 * time.Hour)
			ctx := security.With(t.Context(), security.Origin{Face: face, Way: way})
			w.Note(ctx, security.Event{Member: m, Kind: kind})
			return w.clock.Now()
		}
		if k := known(); k != (security.Keys{}) {
			t.Errorf("of nothing: %+v", k)
		}
		var want security.Keys
		want.IRCUsed, want.LinkUsed = note(7, security.IRC, "SASL PLAIN", security.LoggedIn), note(7, security.Link, "", security.Used)
		for _, other := range []struct {
			member core.MemberID
			face   security.Face
			way    string
			kind   security.Kind
		}{{7, security.IRC, security.ByCertificate, security.LoggedIn}, {7, security.Site, "", security.LoggedIn}, {7, security.IRC, "SASL PLAIN", security.Refused},
			{7, security.IRC, "PASS", security.ShutOut}, {7, security.API, "", security.Used}, {8, security.IRC, "PASS", security.LoggedIn}, {8, security.Link, "", security.Used}, {8, security.Site, "", security.IRCKeyNew}} {
			note(other.member, other.face, other.way, other.kind)
		}
		if k := known(); k != want {
			t.Errorf("(-want +got):\n%s", cmp.Diff(want, k))
		}
		// What was used before is the old key.
		want = security.Keys{AnnounceMade: note(7, security.Site, "", security.AnnounceKeyNew), IRCMade: note(7, security.Site, "", security.IRCKeyNew)}
		if k := known(); k != want {
			t.Errorf("after new keys (-want +got):\n%s", cmp.Diff(want, k))
		}
		want.IRCUsed, want.LinkUsed = note(7, security.Bot, "", security.LoggedIn), note(7, security.Link, "", security.Used)
		if k := known(); k != want {
			t.Errorf("once they are used (-want +got):\n%s", cmp.Diff(want, k))
		}
	})
}

func TestNothingIsWrittenWithoutTheChange(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		failed := core.Errorf(core.Conflict, "no")
		err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			if err := w.Record(t.Context(), tx, security.Event{Member: 7, Kind: security.IRCKeyNew}); err != nil {
				return err
			}
			return failed
		})
		if core.CodeOf(err) != core.Conflict || w.rows(t) != 0 || w.lines.Len() != 0 {
			t.Errorf("%v, %d rows, lines %q", err, w.rows(t), w.lines)
		}
	})
}

func TestPagesAndPruning(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
			for i := range 25 {
				if err := w.Record(t.Context(), tx, security.Event{Member: 7, Kind: security.TokenMade, Detail: fmt.Sprint(i)}); err != nil {
					return err
				}
				w.clock.Add(time.Hour)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for before := int64(0); ; {
			list, err := w.Page(t.Context(), 7, before, 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
			for _, e := range list {
				got = append(got, e.Detail)
			}
			before = list[len(list)-1].ID
		}
		if len(got) != 25 || got[0] != "24" || got[24] != "0" {
			t.Errorf("pages: %q", got)
		}
		n, err := w.Prune(t.Context(), w.clock.Now().Add(-20*time.Hour), 3)
		if err != nil || n != 3 {
			t.Errorf("pruned %d (%v), want 3", n, err)
		}
		if n, err = w.Prune(t.Context(), w.clock.Now().Add(-20*time.Hour), 500); err != nil || n != 2 {
			t.Errorf("pruned %d (%v), want 2", n, err)
		}
	})
}

// TestLately finds from where accounts were used: not where a proof was wrong, and not long
// ago.
func TestLately(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		note := func(m core.MemberID, k security.Kind, address string) {
			w.Note(from(t.Context(), security.Site, address), security.Event{Member: m, Kind: k})
		}
		note(1, security.LoggedIn, "192.0.2.1")
		w.clock.Add(2 * time.Hour)
		note(1, security.Used, "192.0.2.2")
		w.clock.Add(time.Minute)
		note(2, security.LoggedIn, "::ffff:192.0.2.3")
		note(2, security.Refused, "192.0.2.4")
		w.Note(security.With(t.Context(), security.Origin{Face: security.IRC, Host: "a.cloak.example"}), security.Event{Member: 3, Kind: security.LoggedIn})
		for _, c := range []struct {
			member core.MemberID
			since  time.Duration
			want   string
		}{{0, 24 * time.Hour, "2 192.0.2.3 1 192.0.2.2 1 192.0.2.1"}, {0, time.Hour, "2 192.0.2.3 1 192.0.2.2"}, {1, 24 * time.Hour, "1 192.0.2.2 1 192.0.2.1"}, {3, 24 * time.Hour, ""}} {
			list, whole, err := w.Lately(t.Context(), w.db, c.member, w.clock.Now().Add(-c.since))
			var got []string
			for _, s := range list {
				got = append(got, fmt.Sprint(s.Member, " ", s.Address))
			}
			if strings.Join(got, " ") != c.want || !whole || err != nil {
				t.Errorf("of %d within %v: %q, %v, %v; want %q", c.member, c.since, got, whole, err, c.want)
			}
		}
	})
}
