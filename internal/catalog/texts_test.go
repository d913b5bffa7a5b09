package catalog

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/text"
)

// bomb is a small text that becomes nine million cells.
var bomb = strings.Repeat("|a", 3000) + "\n" + strings.Repeat("|-", 3000) + "\n" + strings.Repeat("a\n", 3000)

func TestTextsAreRenderedWhenSaved(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		ctx := t.Context()
		u := upload(1, "A dataset with *texts*", makeTorrent("a.fa", "a"))
		u.Description, u.Torrent.Description = "Twenty characters are *many*.", "A **note**."
		a, err := h.Add(ctx, u)
		if err != nil {
			t.Fatal(err)
		}
		want := text.Stored{HTML: "<p>Twenty characters are <em>many</em>.</p>\n", Renderer: text.Version}
		got, err := h.Description(ctx, a.Group)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, description (-want +got):\n%s", err, diff)
		}
		notes, next, err := h.Notes(ctx, a.Group, 0, 10)
		wantNotes := []Note{{a.Torrent, text.Stored{HTML: "<p>A <strong>note</strong>.</p>\n", Renderer: text.Version}}}
		if diff := cmp.Diff(wantNotes, notes); diff != "" || next != 0 || err != nil {
			t.Errorf("%d, %v, notes (-want +got):\n%s", next, err, diff)
		}
		g, tf := groupForm(), torrentForm()
		g.Description, tf.Description = "Something _else_ was written here.", ""
		if err := h.Edit(ctx, Edit{Torrent: a.Torrent, Revision: 1, GroupForm: &g, TorrentForm: &tf}); err != nil {
			t.Fatal(err)
		}
		if got, err := h.Description(ctx, a.Group); err != nil || got.HTML != "<p>Something <em>else</em> was written here.</p>\n" {
			t.Errorf("%+v, %v", got, err)
		}
		if notes, _, err := h.Notes(ctx, a.Group, 0, 10); err != nil || len(notes) != 0 {
			t.Errorf("%+v, %v", notes, err)
		}
		g.Description, tf.Description = bomb, bomb
		err = h.Edit(ctx, Edit{Torrent: a.Torrent, Revision: 2, GroupForm: &g, TorrentForm: &tf})
		var faults FieldErrors
		if !errors.As(err, &faults) || !strings.Contains(faults.Get(FieldDescription), "table cells") || !strings.Contains(faults.Get(FieldTorrentDescription), "table cells") {
			t.Errorf("%v", err)
		}
		if now, err := h.Group(ctx, Viewer{}, a.Group); err != nil || now.Description != "Something _else_ was written here." || now.Revision != 2 {
			t.Errorf("the edit that was refused left %q in revision %d, %v", now.Description, now.Revision, err)
		}
		_, err = h.Description(ctx, 999)
		wantCode(t, err, core.NotFound)
	})
}

func TestNotesByPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		ctx := t.Context()
		first := h.add(t, 1, "A dataset of many versions")
		var want []core.TorrentID
		for i := range 25 {
			u := upload(1, "", makeTorrent(fmt.Sprintf("v%d.fa", i), fmt.Sprint(i)))
			u.Group = first.Group
			if u.Torrent.Description = fmt.Sprintf("Version %d", i); i%5 == 0 {
				u.Torrent.Description = ""
			}
			a, err := h.Add(ctx, u)
			if err != nil {
				t.Fatal(err)
			}
			if i == 7 {
				if err := h.Delete(ctx, 1, a.Torrent, "uploaded twice"); err != nil {
					t.Fatal(err)
				}
			} else if i%5 != 0 {
				want = append([]core.TorrentID{a.Torrent}, want...)
			}
		}
		var got []core.TorrentID
		var pages []int
		for before := core.TorrentID(0); ; {
			notes, next, err := h.Notes(ctx, first.Group, before, 1000)
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, len(notes))
			for _, n := range notes {
				got = append(got, n.Torrent)
			}
			if before = next; next == 0 {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]int{MaxNotes, 9}, pages); diff != "" {
			t.Errorf("pages (-want +got):\n%s", diff)
		}
		p, err := h.Browse(ctx, Viewer{}, Filter{}, 0, 10)
		if err != nil || len(p.Groups) != 1 || p.Groups[0].Description != "" {
			t.Fatalf("a listing reads descriptions: %+v, %v", p, err)
		}
		for _, tor := range p.Groups[0].Torrents {
			if tor.Description != "" {
				t.Errorf("a listing reads the note %q", tor.Description)
			}
		}
	})
}

// TestRenderAgain begins with texts as an older release left them.
func TestRenderAgain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		ctx := t.Context()
		var groups []core.GroupID
		for i := range 5 {
			groups = append(groups, h.add(t, 1, fmt.Sprintf("Dataset number %d", i)).Group)
		}
		exec := func(query string, args ...any) {
			t.Helper()
			if err := d.Tx(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, query, args...); return err }); err != nil {
				t.Fatal(err)
			}
		}
		exec("UPDATE torrent_group SET description_html = '<script>old</script>', description_renderer = 0")
		exec("UPDATE torrent SET description = 'a *note*', description_html = '', description_renderer = 0")
		exec("UPDATE torrent_group SET description = ? WHERE id = ?", bomb, groups[1])
		if got, err := h.Description(ctx, groups[0]); err != nil || got.Source != groupForm().Description || strings.Contains(string(got.Page()), "<script>") {
			t.Errorf("before: %+v, %v", got, err)
		}
		var done []int64
		for {
			n, err := h.RenderAgain(ctx, 3)
			if err != nil || n > 3 {
				t.Fatalf("rendered %d, %v", n, err)
			}
			if done = append(done, n); n == 0 {
				break
			}
		}
		if diff := cmp.Diff([]int64{3, 3, 3, 1, 0}, done); diff != "" {
			t.Errorf("batches (-want +got):\n%s", diff)
		}
		if got, err := h.Description(ctx, groups[0]); err != nil || got.HTML != "<p>The sequence of the genome of bacteriophage lambda.</p>\n" || got.Renderer != text.Version {
			t.Errorf("%+v, %v", got, err)
		}
		if notes, _, err := h.Notes(ctx, groups[4], 0, 1); err != nil || len(notes) != 1 || notes[0].Text.HTML != "<p>a <em>note</em></p>\n" {
			t.Errorf("%+v, %v", notes, err)
		}
		got, err := h.Description(ctx, groups[1])
		if err != nil || got.Renderer != -text.Version || got.HTML != "" || got.Source != bomb {
			t.Errorf("what can't be rendered has renderer %d, %d bytes of HTML and %d of source, %v", got.Renderer, len(got.HTML), len(got.Source), err)
		}
	})
}
