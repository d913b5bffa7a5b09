package pages

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/text"
)

var (
	mona = By{ID: 7, Name: "mona"}
	otto = By{ID: 8, Name: "otto"}
)

// each runs a test on both engines, with a clock that stands still until it is moved.
func each(t *testing.T, test func(t *testing.T, s *Store, clock *dbtest.Clock)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock := dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		test(t, NewStore(d, clock.Now), clock)
	})
}

func wantCode(t *testing.T, err error, code core.Code, says ...string) {
	t.Helper()
	if core.CodeOf(err) != code {
		t.Fatalf("%v, want %s", err, code)
	}
	for _, s := range says {
		if !strings.Contains(core.SafeText(err), s) {
			t.Errorf("%q does not say %q", core.SafeText(err), s)
		}
	}
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestShippedUntilWritten(t *testing.T) {
	each(t, func(t *testing.T, s *Store, clock *dbtest.Clock) {
		ctx := t.Context()
		own := must[Page](t)(s.Page(ctx, "rules"))
		if !own.Shipped || own.Revision != 0 || own.Title != "Rules" || !strings.Contains(own.Text.HTML, "There is no rule about your ratio") {
			t.Errorf("%+v", own)
		}
		h := must[Head](t)(s.Edit(ctx, "rules", Draft{Title: "Our  rules", Source: "Be *kind*.\r\n", Summary: "Shorter"}, mona))
		want := Head{Slug: "rules", Title: "Our rules", Revision: 1, CreatedAt: clock.Now(), Change: Change{AuthorID: 7, Author: "mona", At: clock.Now(), Summary: "Shorter"}}
		if diff := cmp.Diff(want, h); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		p := must[Page](t)(s.Page(ctx, "rules"))
		if diff := cmp.Diff(Page{Head: want, Text: text.Stored{HTML: "<p>Be <em>kind</em>.</p>\n", Renderer: text.Version}}, p); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if r := must[Revision](t)(s.Revision(ctx, "rules", 0)); r.Source != shippedPages()["rules"].Source || !r.Shipped {
			t.Errorf("revision 0: %+v", r.Head)
		}
		// Back to what the program ships, whatever a later release makes of it.
		h = must[Head](t)(s.Revert(ctx, "rules", 0, otto))
		if again := must[Page](t)(s.Page(ctx, "rules")); !again.Shipped || again.Text.HTML != own.Text.HTML || again.Revision != 2 || again.Title != "Rules" || h.Revision != 2 {
			t.Errorf("%+v", again.Head)
		}
		_, err := s.Revert(ctx, "rules", 0, otto)
		wantCode(t, err, core.Conflict, "already")
		// And on: the history has all of it, and each revision can be gone back to.
		must[Head](t)(s.Revert(ctx, "rules", 1, mona))
		list, next, err := s.History(ctx, "rules", 0, 10)
		var got []string
		for _, r := range list {
			got = append(got, fmt.Sprintf("%d %s %t %s: %s", r.Revision, r.Title, r.Shipped, r.Author, r.Summary))
		}
		if diff := cmp.Diff([]string{"3 Our rules false mona: Back to revision 1", "2 Rules true otto: Back to the text that comes with the program", "1 Our rules false mona: Shorter"}, got); diff != "" || next != 0 || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if list, next, err := s.History(ctx, "rules", 3, 1); err != nil || len(list) != 1 || list[0].Revision != 2 || next != 2 {
			t.Errorf("%v, %d, %v", list, next, err)
		}
	})
}

// TestNobodyOverwritesUnread has two people edit the same revision.
func TestNobodyOverwritesUnread(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *dbtest.Clock) {
		ctx := t.Context()
		must[Head](t)(s.Edit(ctx, "terms", Draft{Title: "Terms", Source: "One."}, mona))
		must[Head](t)(s.Edit(ctx, "terms", Draft{Base: 1, Title: "Terms", Source: "Two."}, mona))
		for base, says := range map[int64]string{0: "mona changed this page while you wrote: revision 2", 1: "mona changed this page while you wrote: revision 2", 3: "no revision 3", -1: "no revision -1"} {
			_, err := s.Edit(ctx, "terms", Draft{Base: base, Title: "Terms", Source: "Three."}, otto)
			wantCode(t, err, core.Conflict, says)
		}
		_, err := s.Edit(ctx, "terms", Draft{Base: 2, Title: "Terms", Source: "Two.\n"}, otto)
		wantCode(t, err, core.Conflict, "nothing was changed")
		if now := must[Revision](t)(s.Current(ctx, "terms")); now.Source != "Two." || now.Revision != 2 {
			t.Errorf("%+v", now)
		}
		must[Head](t)(s.Edit(ctx, "terms", Draft{Base: 2, Title: "Terms", Source: "Three."}, otto))
		h := must[Head](t)(s.Retitle(ctx, "terms", "Our terms", otto))
		if now := must[Revision](t)(s.Current(ctx, "terms")); now.Source != "Three." || now.Title != "Our terms" || h.Revision != 4 {
			t.Errorf("%+v", now)
		}
	})
}

// TestWritersAtOnce lets many save a page of the same base: one of them does.
func TestWritersAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *dbtest.Clock) {
		const writers = 8
		errs := make(chan error)
		for i := range writers {
			go func() {
				_, err := s.Edit(t.Context(), "first-steps", Draft{Title: "First steps", Source: fmt.Sprintf("By %d.", i)}, mona)
				errs <- err
			}()
		}
		saved := 0
		for range writers {
			if err := <-errs; err == nil {
				saved++
			} else if core.CodeOf(err) != core.Conflict {
				t.Error(err)
			}
		}
		if list, _, err := s.History(t.Context(), "first-steps", 0, 10); saved != 1 || len(list) != 1 || err != nil {
			t.Errorf("%d saved, %d revisions, %v", saved, len(list), err)
		}
	})
}

func TestPagesOfStaff(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *dbtest.Clock) {
		ctx := t.Context()
		for slug, says := range map[string]string{"": "small letters", "Über": "small letters", "a b": "small letters", "1st": "small letters", strings.Repeat("a", 41): "small letters",
			"news": "another address", "new": "another address", "../x": "small letters"} {
			_, err := s.Edit(ctx, slug, Draft{Title: "A", Source: "B"}, mona)
			wantCode(t, err, core.Invalid, says)
		}
		for _, d := range []Draft{{Title: "", Source: "B"}, {Title: "A\nB", Source: "B"}, {Title: strings.Repeat("a", 101), Source: "B"}, {Title: "A", Source: " \n"}, {Title: "A", Source: strings.Repeat("b", 50_001)},
			{Title: "A", Source: "B", Summary: strings.Repeat("c", 201)}, {Title: "A", Source: strings.Repeat(">", 99) + "a"}, {Title: "A", Source: "{{nothing}}"}} {
			_, err := s.Edit(ctx, "first-steps", d, mona)
			wantCode(t, err, core.Invalid)
		}
		_, err := s.Page(ctx, "first-steps")
		wantCode(t, err, core.NotFound)
		_, err = s.Revert(ctx, "first-steps", 0, mona)
		wantCode(t, err, core.NotFound)
		must[Head](t)(s.Edit(ctx, "first-steps", Draft{Title: "First steps", Source: "Sit down."}, mona))
		_, err = s.Revert(ctx, "first-steps", 7, mona)
		wantCode(t, err, core.NotFound, "no revision 7")
		h := must[Head](t)(s.Revert(ctx, "first-steps", 0, otto))
		if _, err := s.Page(ctx, "first-steps"); !h.Gone || core.CodeOf(err) != core.NotFound {
			t.Errorf("%+v, %v", h, err)
		}
		_, err = s.Retitle(ctx, "first-steps", "Second steps", mona)
		wantCode(t, err, core.NotFound)
		// It is known to staff, and can be brought back or written anew.
		if i := must[[]Head](t)(s.List(ctx)); len(i) != len(shippedPages())+1 {
			t.Errorf("%d pages", len(i))
		}
		must[Head](t)(s.Revert(ctx, "first-steps", 1, otto))
		if p := must[Page](t)(s.Page(ctx, "first-steps")); p.Text.HTML != "<p>Sit down.</p>\n" || p.Revision != 3 {
			t.Errorf("%+v", p)
		}
	})
}

func TestNews(t *testing.T) {
	each(t, func(t *testing.T, s *Store, clock *dbtest.Clock) {
		ctx := t.Context()
		for i := range 5 {
			clock.Add(time.Hour)
			must[Head](t)(s.AddNews(ctx, Draft{Title: fmt.Sprintf("Item %d", i+1), Source: "Something *new*."}, mona))
		}
		_, err := s.Edit(ctx, "news-6", Draft{Title: "A", Source: "B"}, mona)
		wantCode(t, err, core.NotFound)
		must[Head](t)(s.Edit(ctx, "news-2", Draft{Base: 1, Title: "Item two", Source: "Something newer."}, otto))
		must[Head](t)(s.Revert(ctx, NewsSlug(4), 0, otto))
		numbers := func(before int64, limit int) (out []string, next int64) {
			items, next, err := s.News(ctx, before, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range items {
				out = append(out, fmt.Sprintf("%s %s %d", i.Title, i.CreatedAt.Format("15:04"), i.Revision))
			}
			return out, next
		}
		got, next := numbers(0, 2)
		if diff := cmp.Diff([]string{"Item 5 17:00 1", "Item 3 15:00 1"}, got); diff != "" || next != 3 {
			t.Errorf("next %d (-want +got):\n%s", next, diff)
		}
		got, next = numbers(next, 2)
		if diff := cmp.Diff([]string{"Item two 14:00 2", "Item 1 13:00 1"}, got); diff != "" || next != 0 {
			t.Errorf("next %d (-want +got):\n%s", next, diff)
		}
		must[Head](t)(s.Revert(ctx, NewsSlug(5), 0, otto))
		if h := must[Head](t)(s.AddNews(ctx, Draft{Title: "Item 6", Source: "More."}, mona)); h.News != 6 {
			t.Errorf("news %d took the number of one that was taken away", h.News)
		}
	})
}

func TestRenderAgain(t *testing.T) {
	each(t, func(t *testing.T, s *Store, _ *dbtest.Clock) {
		ctx := t.Context()
		for i := range 3 {
			must[Head](t)(s.AddNews(ctx, Draft{Title: "A", Source: fmt.Sprintf("Item *%d*.", i)}, mona))
		}
		must[Head](t)(s.Revert(ctx, NewsSlug(3), 0, mona))
		if err := s.db.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE page SET renderer = 0, html = '<script>' WHERE news <> 2")
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if p := must[Page](t)(s.Page(ctx, NewsSlug(1))); string(p.Text.Page()) != `<pre class="typed">Item *0*.</pre>` {
			t.Errorf("before: %s", p.Text.Page())
		}
		if n, err := s.RenderAgain(ctx, 1); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := s.RenderAgain(ctx, 10); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := s.RenderAgain(ctx, 10); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if p := must[Page](t)(s.Page(ctx, NewsSlug(1))); string(p.Text.Page()) != "<p>Item <em>0</em>.</p>\n" {
			t.Errorf("after: %s", p.Text.Page())
		}
	})
}
