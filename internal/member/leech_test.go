package member

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestDownloadsAreOffForAReason switches them off and on, and looks at what is known of it.
func TestDownloadsAreOffForAReason(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		id := w.make(t, "bob", "").Member.ID
		look := func(can bool, reason string, since time.Time, why string) {
			t.Helper()
			m, err := w.ByID(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			if m.CanLeech != can || m.LeechOffReason != reason || !m.LeechOffAt.Equal(since) || m.LeechOffWhy() != why {
				t.Errorf("may download %t; %q since %s, told as %q; want %t, %q since %s, told as %q",
					m.CanLeech, m.LeechOffReason, m.LeechOffAt, m.LeechOffWhy(), can, reason, since, why)
			}
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		never := time.Time{}
		for _, none := range []string{"", "  ", "\u200b", "...", strings.Repeat("x", 256)} {
			wantCode(t, w.SetCanLeech(ctx, id, false, none), core.Invalid)
		}
		look(true, "", never, "")

		off := w.now
		must(w.SetCanLeech(ctx, id, false, " shared\n the  account "))
		w.now = w.now.Add(time.Hour)
		look(false, "shared the account", off, "shared the account")
		if list, _, err := w.Find(ctx, Filter{State: "noleech"}, 10); err != nil || len(list) != 1 || list[0].LeechOffReason != "shared the account" {
			t.Errorf("the list of staff: %+v, %v", list, err)
		}

		must(w.SetCanLeech(ctx, id, true, "they explained it"))
		look(true, "", never, "")

		// As a release that kept no reasons left it.
		must(w.exec(ctx, "UPDATE member SET can_leech = 0 WHERE id = ?", id))
		look(false, "", never, NoReason)
		wantCode(t, w.SetCanLeech(ctx, id+100, false, "nobody is there"), core.NotFound)
	})
}
