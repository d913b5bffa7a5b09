package security_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// came notes that a member was at an address.
func (w *world) came(ctx context.Context, m core.MemberID, k security.Kind, address string) {
	w.clock.Add(time.Minute)
	w.Note(from(ctx, security.Site, address), security.Event{Member: m, Kind: k})
}

func (w *world) near(t *testing.T, m core.MemberID) []security.Near {
	t.Helper()
	list, more, err := w.Near(t.Context(), m)
	if err != nil || more {
		t.Fatalf("more %t, %v", more, err)
	}
	return list
}

// TestNear finds who has addresses in common with a member, and nobody who only tried a
// passphrase there.
func TestNear(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		if list := w.near(t, 7); len(list) != 0 {
			t.Errorf("near who was nowhere: %+v", list)
		}
		w.came(ctx, 8, security.LoggedIn, "192.0.2.1")
		first := w.clock.Now()
		w.came(ctx, 7, security.LoggedIn, "192.0.2.1")
		w.came(ctx, 7, security.Used, "2001:db8::1")
		w.came(ctx, 7, security.Refused, "203.0.113.5") // a stranger who tried for 7
		w.came(ctx, 9, security.LoggedIn, "203.0.113.5")
		w.came(ctx, 11, security.Refused, "192.0.2.1") // 7 tried for another
		w.came(ctx, 0, security.LoggedIn, "192.0.2.1")
		w.came(ctx, 10, security.ShutOut, "2001:db8::ffff:9") // another device of the household
		last := w.clock.Now()
		w.came(ctx, 10, security.LoggedIn, "192.0.2.1")
		want := []security.Near{{Member: 10, Places: 2, LastAt: w.clock.Now(), Address: "192.0.2.1"}, {Member: 8, Places: 1, LastAt: first, Address: "192.0.2.1"}}
		if diff := cmp.Diff(want, w.near(t, 7)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if list := w.near(t, 9); len(list) != 0 {
			t.Errorf("near 9: %+v", list)
		}

		list, more, err := w.At(ctx, netip.MustParseAddr("2001:db8::77"))
		want = []security.Near{{Member: 10, Places: 1, LastAt: last, Address: "2001:db8::77"}, {Member: 7, Places: 1, LastAt: first.Add(2 * time.Minute), Address: "2001:db8::77"}}
		if diff := cmp.Diff(want, list); diff != "" || more || err != nil {
			t.Errorf("at an address: more %t, %v (-want +got):\n%s", more, err, diff)
		}
		if list, _, err := w.At(ctx, netip.MustParseAddr("::ffff:203.0.113.5")); err != nil || len(list) != 1 || list[0].Member != 9 {
			t.Errorf("at the other: %+v, %v", list, err)
		}
	})
}

// TestNearIsBounded has a place that a whole institute uses.
func TestNearIsBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.came(t.Context(), 7, security.LoggedIn, "192.0.2.1")
		for m := range core.MemberID(security.MostNear + 1) {
			w.came(t.Context(), 100+m, security.LoggedIn, "192.0.2.1")
		}
		list, more, err := w.Near(t.Context(), 7)
		if err != nil || !more || len(list) != security.MostNear || list[0].Member != 100+security.MostNear {
			t.Errorf("%d are near, more %t, %v", len(list), more, err)
		}
		if list, more, err = w.At(t.Context(), netip.MustParseAddr("192.0.2.1")); err != nil || !more || len(list) != security.MostNear {
			t.Errorf("%d are there, more %t, %v", len(list), more, err)
		}
	})
}

// TestRefresh finds what an older release wrote down without its place.
func TestRefresh(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.came(ctx, 7, security.LoggedIn, "192.0.2.1")
		w.came(ctx, 8, security.LoggedIn, "192.0.2.1")
		w.came(ctx, 8, security.LoggedIn, "2001:db8::1")
		w.came(ctx, 9, security.LoggedIn, "2001:db8::2")
		w.Note(ctx, security.Event{Member: 9, Kind: security.LoggedIn})
		before := fmt.Sprint(w.near(t, 8))
		if err := w.db.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE security_log SET place = ?", []byte{})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if list := w.near(t, 8); len(list) != 0 {
			t.Errorf("without places: %+v", list)
		}
		for _, want := range []int64{3, 2, 0} {
			if n, err := w.Refresh(ctx, 3); err != nil || n != want {
				t.Errorf("refreshed %d (%v), want %d", n, err, want)
			}
		}
		if after := fmt.Sprint(w.near(t, 8)); after != before {
			t.Errorf("near 8: %s, want %s", after, before)
		}
	})
}
