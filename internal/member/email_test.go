package member

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// email gives a member an address and confirms it.
func (w *world) email(t *testing.T, id core.MemberID, address string) error {
	t.Helper()
	kept, err := w.AskEmail(t.Context(), id, address)
	if err != nil {
		t.Fatal(err)
	}
	return w.ConfirmEmail(t.Context(), id, kept)
}

func TestMailAddress(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice, bob := w.make(t, "alice", "").Member.ID, w.make(t, "bob", "").Member.ID
		e, err := w.Email(ctx, alice)
		if err != nil || e.Address != "alice@lab.example" || e.Reachable() {
			t.Errorf("made by staff: %+v, %v", e, err)
		}
		if _, err := w.ByConfirmedEmail(ctx, "alice@lab.example"); core.CodeOf(err) != core.NotFound {
			t.Errorf("an address that is not confirmed is found: %v", err)
		}
		for _, bad := range []string{"", "  ", "alice", "a b@lab.example", "Alice <alice@lab.example>", "a@b@c.example\n", strings.Repeat("x", 250) + "@lab.example"} {
			if _, err := w.AskEmail(ctx, alice, bad); core.CodeOf(err) != core.Invalid || core.FieldOf(err) != "email" {
				t.Errorf("%q: %v", bad, err)
			}
		}
		if err := w.email(t, alice, " Alice@BÜCHER.example "); err != nil {
			t.Fatal(err)
		}
		e, err = w.Email(ctx, alice)
		if err != nil || e.Address != "Alice@xn--bcher-kva.example" || !e.Reachable() || e.New != "" {
			t.Errorf("confirmed: %+v, %v", e, err)
		}
		for _, same := range []string{"alice@bücher.example", "ALICE@xn--BCHER-kva.example"} {
			if m, err := w.ByConfirmedEmail(ctx, same); err != nil || m.ID != alice {
				t.Errorf("%s: %v, %v", same, m.Name, err)
			}
		}
		if _, err := w.AskEmail(ctx, alice, "Alice@bücher.example"); core.CodeOf(err) != core.Conflict {
			t.Errorf("the same again: %v", err)
		}
		// Who waits for this joins by it.
		if _, err := w.BeginCause(ctx, NewCause{Member: bob, Effect: Unconfirmed, Source: ByJoining, Reason: "joined"}); err != nil {
			t.Fatal(err)
		}
		if err := w.email(t, bob, "bob@lab.example"); err != nil {
			t.Fatal(err)
		}
		if m, err := w.ByID(ctx, bob); err != nil || len(m.Causes) != 0 || !m.Can(core.TorrentUpload) {
			t.Errorf("confirmed, and held by %+v, %v", m.Causes, err)
		}
		// Another account may give it, and isn't told; it can't confirm it.
		if err := w.email(t, bob, "alice@bücher.example"); core.CodeOf(err) != core.Conflict {
			t.Errorf("confirmed twice: %v", err)
		}
		if e, err := w.Email(ctx, bob); err != nil || e.Address != "bob@lab.example" {
			t.Errorf("bob has %+v, %v", e, err)
		}
		// What was given since counts.
		if _, err := w.AskEmail(ctx, alice, "new@lab.example"); err != nil {
			t.Fatal(err)
		}
		if err := w.ConfirmEmail(ctx, alice, "other@lab.example"); core.CodeOf(err) != core.Conflict {
			t.Errorf("an address that was not asked for: %v", err)
		}
		list, err := w.WithEmail(ctx, "BOB@lab.example")
		if err != nil || len(list) != 1 || list[0].ID != bob {
			t.Errorf("for staff: %+v, %v", list, err)
		}
	})
}

// TestOneConfirmedAccount lets two accounts confirm one address at the same time.
func TestOneConfirmedAccount(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ids := []core.MemberID{w.make(t, "alice", "").Member.ID, w.make(t, "bob", "").Member.ID, w.make(t, "carol", "").Member.ID}
		for _, id := range ids {
			if _, err := w.AskEmail(t.Context(), id, "one@lab.example"); err != nil {
				t.Fatal(err)
			}
		}
		errs := make([]error, len(ids))
		var wg sync.WaitGroup
		for i, id := range ids {
			wg.Go(func() { errs[i] = w.ConfirmEmail(t.Context(), id, "one@lab.example") })
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if core.CodeOf(err) != core.Conflict {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d accounts have it: %v", won, errs)
		}
	})
}

func TestMailThatFails(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.make(t, "alice", "").Member.ID
		if err := w.email(t, id, "alice@lab.example"); err != nil {
			t.Fatal(err)
		}
		to := func(failed string) func(string) (bool, error) {
			return func(address string) (bool, error) { return address == failed, nil }
		}
		if err := w.MarkEmailFailed(ctx, id, "gone", to("old@lab.example")); err != nil {
			t.Fatal(err)
		}
		if e, _ := w.Email(ctx, id); !e.Reachable() {
			t.Errorf("another address: %+v", e)
		}
		if _, err := w.AskEmail(ctx, id, "new@lab.example"); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the same may be told twice
			if err := w.MarkEmailFailed(ctx, id, "there is no\nsuch address", to("alice@lab.example")); err != nil {
				t.Fatal(err)
			}
		}
		e, err := w.Email(ctx, id)
		if err != nil || e.Reachable() || e.FailedWhy != "there is no such address" || e.New != "new@lab.example" {
			t.Errorf("failed: %+v, %v", e, err)
		}
		if err := w.MarkEmailFailed(ctx, id, "neither", to("new@lab.example")); err != nil {
			t.Fatal(err)
		}
		if e, _ := w.Email(ctx, id); e.New != "" {
			t.Errorf("what waits failed: %+v", e)
		}
		if n, _, err := db.One(ctx, w.db, db.Value[int64], "SELECT COUNT(*) FROM event WHERE kind = 'MemberMailFailed'"); err != nil || n != 2 {
			t.Errorf("told %d times, %v", n, err)
		}
		if err := w.email(t, id, "alice@lab.example"); err != nil { // it works again
			t.Fatal(err)
		}
		if e, _ := w.Email(ctx, id); !e.Reachable() {
			t.Errorf("confirmed anew: %+v", e)
		}
	})
}

// TestOlderAddressesAreFound takes the hashes away, as an older release has none.
func TestOlderAddressesAreFound(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for i := range 5 {
			w.make(t, fmt.Sprintf("member%d", i), "")
		}
		if err := w.db.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE member SET email_mac = ?", []byte{})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if list, err := w.WithEmail(ctx, "member3@lab.example"); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
		var sum int64
		for range 10 {
			n, err := w.RefreshAccounts(ctx, 2)
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		if list, err := w.WithEmail(ctx, "Member3@lab.example"); err != nil || len(list) != 1 || sum != 5 {
			t.Errorf("%d done: %+v, %v", sum, list, err)
		}
	})
}
