package credential

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// world is a store with a clock that stands still until it is moved.
type world struct {
	*Store
	t     *testing.T
	d     *db.DB
	clock *dbtest.Clock
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		keys, err := secret.NewKeyring(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		clock := dbtest.NewClock(time.Unix(1e9, 0))
		test(t, &world{NewStore(d, keys, clock.Now), t, d, clock})
	})
}

func (w *world) make(n New) (Link, string) {
	w.t.Helper()
	l, token, err := w.Make(w.t.Context(), n)
	if err != nil {
		w.t.Fatal(err)
	}
	return l, token
}

// refused checks that Look, Spend and (for a known id) Token refuse with the same state.
func (w *world) refused(p Purpose, token string, id int64, want State, code core.Code) {
	w.t.Helper()
	_, look := w.Look(w.t.Context(), p, token)
	_, _, spend := w.Spend(w.t.Context(), p, token)
	errs := []error{look, spend}
	if id != 0 {
		_, err := w.Token(w.t.Context(), id)
		errs = append(errs, err)
	}
	for i, err := range errs {
		var r *Refusal
		if !errors.As(err, &r) || r.State != want || core.CodeOf(err) != code || core.SafeText(err) == "" {
			w.t.Errorf("call %d of a link that is %s: %v", i, want, err)
		}
		if want != Unknown && (r == nil || r.Since.IsZero()) {
			w.t.Errorf("since when it is %s isn't told", want)
		}
		if err != nil && token != "" && strings.Contains(err.Error(), token) {
			w.t.Errorf("the token is in the error: %v", err)
		}
	}
}

// held counts the bytes that links still hold.
func (w *world) held() (n int64) {
	w.t.Helper()
	n, _, err := db.One(w.t.Context(), w.d, db.Value[int64], "SELECT COALESCE(SUM(LENGTH(token_box) + LENGTH(content_box)), 0) FROM one_time_link")
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestSpend(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l, token := w.make(New{Purpose: Invite, Subject: 7, Member: 3, Lifetime: time.Hour, Content: []byte("ann@example.org")})
		if len(token) != tokenLen || strings.ContainsFunc(token, func(r rune) bool {
			return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", r)
		}) {
			t.Errorf("the token %q does not fit an address as it is", token)
		}
		for range 3 { // looking, and the mail's writer, change nothing
			if got, err := w.Look(t.Context(), Invite, token); err != nil || got != l {
				t.Fatalf("Look: %+v, %v, want %+v", got, err, l)
			}
			if got, err := w.Token(t.Context(), l.ID); err != nil || got != token {
				t.Fatalf("Token: %q, %v", got, err)
			}
		}
		if raw, _, err := db.One(t.Context(), w.d, func(sc db.Scanner) (b [3][]byte, err error) { return b, sc.Scan(&b[0], &b[1], &b[2]) }, "SELECT token_mac, token_box, content_box FROM one_time_link"); err != nil || bytes.Contains(bytes.Join(raw[:], nil), []byte(token)) || bytes.Contains(raw[2], []byte("ann@")) {
			t.Errorf("something is readable in the database, or %v", err)
		}
		got, content, err := w.Spend(t.Context(), Invite, token)
		if err != nil || got.ID != l.ID || got.Subject != 7 || got.Member != 3 || string(content) != "ann@example.org" || !got.UsedAt.Equal(w.clock.Now()) {
			t.Fatalf("Spend: %+v, %q, %v", got, content, err)
		}
		if n := w.held(); n != 0 {
			t.Errorf("a link that was used holds %d bytes", n)
		}
		w.clock.Add(2 * time.Hour) // used stays used
		w.refused(Invite, token, l.ID, Used, core.Conflict)
		if kept, err := w.ByID(t.Context(), l.ID); err != nil || kept != got {
			t.Errorf("ByID: %+v, %v", kept, err)
		}
	})
}

func TestRefusals(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l, token := w.make(New{Purpose: Recover, Subject: 7, Lifetime: time.Hour})
		other, otherToken := w.make(New{Purpose: Recover, Subject: 8, Lifetime: time.Hour, Content: []byte("x")})
		w.refused(Recover, "", 0, Unknown, core.NotFound)
		w.refused(Recover, token[1:], 0, Unknown, core.NotFound)
		w.refused(Recover, strings.ToLower(token), 0, Unknown, core.NotFound)
		w.refused(Recover, secret.Token(tokenLen), 999, Unknown, core.NotFound)
		w.refused(Invite, token, 0, Unknown, core.NotFound) // another purpose
		if _, err := w.ByID(t.Context(), 999); core.CodeOf(err) != core.NotFound {
			t.Errorf("ByID of nothing: %v", err)
		}
		if n, err := w.Revoke(t.Context(), Recover, 7); n != 1 || err != nil {
			t.Errorf("revoked %d, %v", n, err)
		}
		w.refused(Recover, token, l.ID, Revoked, core.Conflict)
		if n, err := w.Revoke(t.Context(), Recover, 7); n != 0 || err != nil {
			t.Errorf("revoked again: %d, %v", n, err)
		}
		if _, err := w.Look(t.Context(), Recover, otherToken); err != nil {
			t.Errorf("the link of another subject: %v", err)
		}
		w.clock.Add(time.Hour - time.Second)
		if _, err := w.Look(t.Context(), Recover, otherToken); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		w.clock.Add(time.Second)
		w.refused(Recover, otherToken, other.ID, Expired, core.Conflict)
		if n, err := w.Revoke(t.Context(), Recover, 8); n != 0 || err != nil {
			t.Errorf("revoked what had expired: %d, %v", n, err)
		}
	})
}

// TestClockWasWrong dates links by clocks that were wrong.
func TestClockWasWrong(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, ahead := range []time.Duration{time.Hour, 48 * time.Hour, 20 * 365 * 24 * time.Hour} {
			w.clock.Add(ahead)
			l, token := w.make(New{Purpose: Recover, Subject: 7, Lifetime: Longest(Recover)})
			w.clock.Add(-ahead)
			w.refused(Recover, token, l.ID, Expired, core.Conflict)
		}
		if err := w.d.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE one_time_link SET created_at = ?", w.clock.Now().Unix())
			return err
		}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for id := int64(1); id <= 3; id++ {
			if l, err := w.ByID(t.Context(), id); err != nil {
				t.Fatal(err)
			} else if l.State(w.clock.Now()) == Open {
				n++
			}
		}
		if n != 0 {
			t.Errorf("%d links are good for longer than any of their purpose", n)
		}
		if n, err := w.Prune(t.Context(), 10); n != 0 || err != nil || w.held() == 0 {
			t.Errorf("what ends ahead was pruned: %d, %v", n, err)
		}
	})
}

func TestMakeIsBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for _, n := range []New{
			{Purpose: Recover, Lifetime: 0},
			{Purpose: Recover, Lifetime: -time.Hour},
			{Purpose: Recover, Lifetime: Longest(Recover) + time.Second},
			{Purpose: Recover, Lifetime: time.Hour, Content: make([]byte, maxContent+1)},
		} {
			if _, _, err := w.Make(t.Context(), n); core.CodeOf(err) != core.Invalid || core.FieldOf(err) == "" {
				t.Errorf("%v, %d bytes: %v", n.Lifetime, len(n.Content), err)
			}
		}
		if _, _, err := w.Make(t.Context(), New{Purpose: "other", Lifetime: time.Hour}); core.CodeOf(err) != core.Internal {
			t.Errorf("a purpose that nobody knows: %v", err)
		}
		if w.held() != 0 {
			t.Error("what was refused was stored")
		}
		for p, longest := range longestOf {
			content := bytes.Repeat([]byte{0, 255}, maxContent/2)
			_, token := w.make(New{Purpose: p, Lifetime: longest, Content: content})
			if _, got, err := w.Spend(t.Context(), p, token); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%s: %d bytes, %v", p, len(got), err)
			}
		}
	})
}

// TestOneWins has many spend a link at once, each in a transaction that does something else.
func TestOneWins(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const many = 8
		l, token := w.make(New{Purpose: Invite, Subject: 7, Lifetime: time.Hour, Content: []byte("x")})
		var wg sync.WaitGroup
		errs := make([]error, many)
		for i := range many {
			wg.Go(func() {
				errs[i] = w.d.Tx(t.Context(), func(tx *db.Tx) error {
					// A reading before it fixes what MariaDB shows the transaction.
					if _, err := w.In(tx).ByID(t.Context(), l.ID); err != nil {
						return err
					}
					_, content, err := w.In(tx).Spend(t.Context(), Invite, token)
					if err == nil && string(content) != "x" {
						t.Errorf("got %q", content)
					}
					return err
				})
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			var r *Refusal
			switch {
			case err == nil:
				won++
			case !errors.As(err, &r) || r.State != Used:
				t.Errorf("a loser is told %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d have won", won)
		}
	})
}

// TestTakenBack rolls a transaction back that has spent a link.
func TestTakenBack(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		_, token := w.make(New{Purpose: Invite, Subject: 7, Lifetime: time.Hour, Content: []byte("x")})
		boom := errors.New("boom")
		err := w.d.Tx(t.Context(), func(tx *db.Tx) error {
			if _, _, err := w.In(tx).Spend(t.Context(), Invite, token); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		if _, content, err := w.Spend(t.Context(), Invite, token); err != nil || string(content) != "x" {
			t.Errorf("afterwards: %q, %v", content, err)
		}
	})
}

func TestForget(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		l, token := w.make(New{Purpose: Invite, Lifetime: time.Hour, Content: []byte("x")})
		if err := w.Forget(t.Context(), l.ID); err != nil {
			t.Fatal(err)
		}
		var r *Refusal
		if _, err := w.Token(t.Context(), l.ID); core.CodeOf(err) != core.Conflict || errors.As(err, &r) {
			t.Errorf("the token after it was mailed: %v", err)
		}
		if _, content, err := w.Spend(t.Context(), Invite, token); err != nil || string(content) != "x" {
			t.Errorf("the link that was mailed: %q, %v", content, err)
		}
	})
}

func TestPrune(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		prune := func(limit int, want int64) {
			t.Helper()
			if n, err := w.Prune(t.Context(), limit); n != want || err != nil {
				t.Errorf("pruned %d, %v, want %d", n, err, want)
			}
		}
		var last string
		for range 5 {
			_, last = w.make(New{Purpose: Recover, Lifetime: time.Hour, Content: []byte("x")})
		}
		_, open := w.make(New{Purpose: Invite, Lifetime: 3 * time.Hour})
		prune(10, 0)
		w.clock.Add(time.Hour)
		prune(3, 3)
		prune(3, 2)
		prune(3, 0)
		w.refused(Recover, last, 0, Expired, core.Conflict)
		if _, err := w.Look(t.Context(), Invite, open); err != nil {
			t.Errorf("an open link after pruning: %v", err)
		}
		w.clock.Add(keptFor)
		prune(3, 4) // the tail of the last one is wiped, too
		prune(10, 2)
		w.refused(Recover, last, 0, Unknown, core.NotFound)
		w.refused(Invite, open, 0, Expired, core.Conflict)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.Prune(ctx, 1); err == nil {
			t.Error("no error after the end of its context")
		}
	})
}
