package member

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestClassesAreData makes, changes and deletes a class, and refuses what makes no sense.
func TestClassesAreData(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		names := func() string {
			list, err := w.Classes(ctx)
			must(err)
			var out []string
			for _, c := range list {
				out = append(out, c.Name)
			}
			return strings.Join(out, ", ")
		}
		before := names()
		for _, c := range []Class{{Name: "", Level: 5}, {Name: "x", Level: 5}, {Name: "<b>", Level: 5}, {Name: strings.Repeat("x", 41), Level: 5},
			{Name: "Fine", Level: 0}, {Name: "Fine", Level: 1000}, {Name: "Fine", Level: -3}} {
			wantCode(t, w.CreateClass(ctx, c), core.Invalid)
		}
		wantCode(t, w.CreateClass(ctx, Class{Name: "eLITE", Level: 5}), core.Conflict)
		if got := names(); got != before {
			t.Errorf("refusals changed the classes: %s", got)
		}
		must(w.CreateClass(ctx, Class{Name: "Field Worker", Level: 160}))
		c, err := w.ClassNamed(ctx, "field worker")
		must(err)
		must(w.SetClassPermission(ctx, c.Name, core.TorrentUpload, true))
		must(w.SetClassLevel(ctx, c, 170))
		must(w.SetClassColour(ctx, c, "green"))
		asks := Criteria{Uploaded: 5 << 30, Ratio: 1250, Uploads: 3, Age: 14 * 24 * time.Hour}
		must(w.SetCriteria(ctx, c, asks))
		wantCode(t, w.SetClassColour(ctx, c, "javascript:"), core.Invalid)
		wantCode(t, w.SetClassLevel(ctx, c, 5000), core.Invalid)
		wantCode(t, w.SetCriteria(ctx, c, Criteria{Ratio: -1}), core.Invalid)
		c, err = w.ClassNamed(ctx, c.Name)
		must(err)
		if diff := cmp.Diff(Class{ID: c.ID, Name: "Field Worker", Level: 170, Colour: "green", Asks: asks, Permissions: core.NewPermissions(core.TorrentUpload)}, c); diff != "" || c.ID < 100 {
			t.Errorf("class %d (-want +got):\n%s", c.ID, diff)
		}
		bob := w.make(t, "bob", "Field Worker").Member
		wantCode(t, w.DeleteClass(ctx, c), core.Conflict)
		must(w.SetClass(ctx, bob.ID, "User"))
		must(w.DeleteClass(ctx, c))
		for _, name := range []string{"User", "Bot", "Sysop"} {
			c, err := w.ClassNamed(ctx, name)
			must(err)
			wantCode(t, w.DeleteClass(ctx, c), core.Conflict)
		}
		if got := names(); got != before {
			t.Errorf("in the end there are %s, not %s", got, before)
		}
		for n := range maxClasses {
			err = w.CreateClass(ctx, Class{Name: fmt.Sprint("Class ", n), Level: 5})
		}
		wantCode(t, err, core.Conflict)
	})
}

// TestLadder adds the twelve classes beside those that are there, once.
func TestLadder(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		if err := w.SetClassPermission(ctx, "Elite", core.AuditRead, true); err != nil {
			t.Fatal(err)
		}
		names, err := w.AddLadder(ctx)
		want := []string{"Member", "Power User", "Elite", "Torrent Master", "Power TM", "VIP", "Legend", "Artist", "Forum Moderator"}
		if diff := cmp.Diff(want, names); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if elite, err := w.ClassNamed(ctx, "Elite"); err != nil || !elite.Permissions.Has(core.AuditRead) || elite.Asks.Uploads != 10 {
			t.Errorf("%+v, %v", elite, err)
		}
		_, err = w.AddLadder(ctx)
		wantCode(t, err, core.Conflict)
	})
}
