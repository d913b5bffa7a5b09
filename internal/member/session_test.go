package member

import (
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestSessionsEndHoweverMuchTheyAreUsed uses one every day until its end.
func TestSessionsEndHoweverMuchTheyAreUsed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.sessionDays = 40
		id := w.make(t, "dave", "").Member.ID
		began := w.now
		token, err := w.NewSession(ctx, id, "")
		if err != nil {
			t.Fatal(err)
		}
		for day := range 40 {
			w.now = began.AddDate(0, 0, day).Add(23 * time.Hour)
			_, s, err := w.BySession(ctx, token)
			if err != nil {
				t.Fatalf("day %d: %v", day, err)
			}
			want := w.now.Add(sessionLife)
			if most := began.AddDate(0, 0, 40); most.Before(want) {
				want = most
			}
			if !s.EndsAt.Equal(want) || !s.Renewed {
				t.Errorf("day %d: it ends at %s (renewed: %t), want %s", day, s.EndsAt, s.Renewed, want)
			}
		}
		w.now = began.AddDate(0, 0, 40)
		_, _, err = w.BySession(ctx, token)
		wantCode(t, err, core.Forbidden)

		// What was begun under a longer setting ends as the setting is now.
		w.sessionDays = 90
		if token, err = w.NewSession(ctx, id, ""); err != nil {
			t.Fatal(err)
		}
		w.now, w.sessionDays = w.now.AddDate(0, 0, 20), 10
		_, _, err = w.BySession(ctx, token)
		wantCode(t, err, core.Forbidden)
	})
}

// TestSeenIsSetByEveryUse comes by session, token and download link.
func TestSeenIsSetByEveryUse(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		c := w.make(t, "dave", "")
		id := c.Member.ID
		seen := func() time.Time {
			m, err := w.ByID(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			return m.seenAt
		}
		token, err := w.NewToken(ctx, id, "script", ScopeRead)
		if err != nil {
			t.Fatal(err)
		}
		auth, err := w.AuthKey(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if !seen().IsZero() {
			t.Error("seen before any use")
		}
		session := ""
		for range 5 {
			if session, err = w.NewSession(ctx, id, ""); err != nil {
				t.Fatal(err)
			}
		}
		if at := seen(); !at.Equal(w.now) {
			t.Errorf("after five logins: seen at %s", at)
		}
		for name, use := range map[string]func() error{
			"session": func() error { _, _, err := w.BySession(ctx, session); return err },
			"token":   func() error { _, _, err := w.ByToken(ctx, token); return err },
			"link":    func() error { _, err := w.CheckDownload(ctx, auth, c.AnnounceKey); return err },
		} {
			before := seen()
			w.now = w.now.Add(sessionTouch - time.Second)
			if err := use(); err != nil || !seen().Equal(before) {
				t.Errorf("%s, soon after: seen at %s, want %s (%v)", name, seen(), before, err)
			}
			w.now = w.now.Add(time.Second)
			if err := use(); err != nil || !seen().Equal(w.now) {
				t.Errorf("%s: seen at %s, want %s (%v)", name, seen(), w.now, err)
			}
		}
		// A clock that was ahead keeps nobody from being seen.
		if err := w.exec(ctx, "UPDATE member SET seen_at = ?", w.now.AddDate(1, 0, 0).Unix()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.BySession(ctx, session); err != nil || !seen().Equal(w.now) {
			t.Errorf("after a wrong clock: seen at %s (%v)", seen(), err)
		}
	})
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		has, needs Scope
		want       bool
	}{{ScopeRead, ScopeRead, true}, {ScopeUpload, ScopeRead, true}, {ScopeUpload, ScopeUpload, true}, {ScopeRead, ScopeUpload, false},
		{"", ScopeRead, false}, {"", "", false}, {"write", ScopeRead, false}, {"write", "write", false}} {
		if got := c.has.Includes(c.needs); got != c.want {
			t.Errorf("%q for %q: %t", c.has, c.needs, got)
		}
	}
}
