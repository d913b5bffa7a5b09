package pages

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	coretext "github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/text"
)

// Draft is what somebody wants a page to say.
type Draft struct {
	Base    int64 // the revision that they have edited; 0: what the program ships, or nothing
	Title   string
	Source  string // Markdown
	Summary string // of what they changed; may be ""
}

// By is who writes.
type By struct {
	ID   core.MemberID // 0 for the shell
	Name string
}

// writeTurn is the turn of those who write pages.
const writeTurn = "pages"

// tidied checks a draft, and renders its text.
func (d *Draft) tidied() (text.Stored, error) {
	var whole bool
	if d.Title, whole = coretext.OneLine(d.Title); !whole || !coretext.HasLetters(d.Title) || utf8.RuneCountInString(d.Title) > MaxTitle {
		return text.Stored{}, core.FieldErrorf("title", "give the page a title of 1 to %d characters, in one line", MaxTitle)
	}
	if d.Summary, whole = coretext.OneLine(d.Summary); !whole || utf8.RuneCountInString(d.Summary) > MaxSummary {
		return text.Stored{}, core.FieldErrorf("summary", "say what you changed in one line of up to %d characters", MaxSummary)
	}
	rendered, err := Render(d.Source)
	d.Source = rendered.Source
	return rendered, err
}

// Render renders a text as it would be stored. The error has code Invalid, names the field
// text, and says what to do.
func Render(source string) (text.Stored, error) {
	source = coretext.Body(source)
	if !coretext.HasLetters(source) {
		return text.Stored{}, core.FieldErrorf("text", "write a text; to take a page away, reset it")
	}
	rendered, err := text.Page.Render(source)
	if err != nil {
		return rendered, core.FieldErrorf("text", "the text %s", core.SafeText(err))
	}
	return rendered, checkPlaceholders(rendered.HTML)
}

// Edit makes a new revision of a page, or a new page. Where the draft does not rest on
// the revision that is shown, or changes nothing, the error has code Conflict and says
// what to do.
func (s *Store) Edit(ctx context.Context, slug string, d Draft, by By) (Head, error) {
	if strings.HasPrefix(slug, newsPrefix) { // there is one already, or it is made by AddNews
		if _, err := s.Page(ctx, slug); err != nil {
			return Head{}, err
		}
	}
	if slug == "news" || slug == "new" {
		return Head{}, core.FieldErrorf("page", "%q is the name of another address; choose another name", slug)
	}
	rendered, err := d.tidied()
	if err != nil {
		return Head{}, err
	}
	return s.write(ctx, slug, by, func(_ *db.Tx, now Revision) (Revision, text.Stored, error) {
		if now.Revision != d.Base {
			return now, rendered, stale(now, d.Base)
		}
		if !now.Gone && now.Title == d.Title && now.Source == d.Source {
			return now, rendered, core.Errorf(core.Conflict, "nothing was changed: the page says this already")
		}
		now.Title, now.Source, now.Summary = d.Title, d.Source, d.Summary
		now.Shipped, now.Gone = false, false
		return now, rendered, nil
	})
}

// stale says what to do who has edited another revision than the one that is shown.
func stale(now Revision, base int64) error {
	if base > now.Revision || base < 0 {
		return core.Errorf(core.Conflict, "the page has no revision %d; open it again and edit what is there", base)
	}
	return core.Errorf(core.Conflict, "%s changed this page while you wrote: revision %d is shown now, and yours rests on revision %d. Nothing is lost. "+
		"Look at what changed, put into your text what should stay, and save again", now.by(), now.Revision, base)
}

func (c Change) by() string {
	if c.Author == "" {
		return "somebody"
	}
	return c.Author
}

// Retitle changes the title of a page alone.
func (s *Store) Retitle(ctx context.Context, slug, title string, by By) (Head, error) {
	now, err := s.existing(ctx, slug)
	if err != nil {
		return Head{}, err
	}
	return s.Edit(ctx, slug, Draft{Base: now.Revision, Title: title, Source: now.Source, Summary: "Another title"}, by)
}

// existing is the revision of a page that is shown; one that isn't there is NotFound.
func (s *Store) existing(ctx context.Context, slug string) (Revision, error) {
	now, err := s.Current(ctx, slug)
	if err == nil && now.Gone {
		err = noPage(slug)
	}
	return now, err
}

// Revert makes a page say again what an earlier revision said. Revision 0 is what the
// program ships; a page that it doesn't ship is taken away by that.
func (s *Store) Revert(ctx context.Context, slug string, to int64, by By) (Head, error) {
	return s.write(ctx, slug, by, func(tx *db.Tx, now Revision) (Revision, text.Stored, error) {
		if now.Revision == 0 && now.Gone {
			return now, text.Stored{}, noPage(slug)
		}
		then, ok, err := s.revision(ctx, tx, slug, to)
		switch {
		case err != nil:
			return now, text.Stored{}, err
		case !ok:
			missing := core.Errorf(core.NotFound, "%q has no revision %d; its history lists them", now.called(), to)
			missing.Field = "revision"
			return now, text.Stored{}, missing
		case then.same(now):
			return now, text.Stored{}, core.Errorf(core.Conflict, "%q says already what it said in revision %d", now.called(), to)
		}
		rendered := text.Stored{Renderer: text.Version}
		if !then.Shipped && !then.Gone { // it may be longer than a text may be now
			rendered = text.Page.Again(then.Source)
		}
		now.Title, now.Source, now.Shipped, now.Gone, now.Summary = then.Title, then.Source, then.Shipped, then.Gone, backTo(then, to)
		return now, rendered, nil
	})
}

// same reports whether two revisions show the same.
func (r Revision) same(other Revision) bool {
	return r.Title == other.Title && r.Source == other.Source && r.Shipped == other.Shipped && r.Gone == other.Gone
}

func backTo(then Revision, number int64) string {
	switch {
	case then.Gone:
		return "Taken away"
	case then.Shipped:
		return "Back to the text that comes with the program"
	}
	return fmt.Sprintf("Back to revision %d", number)
}

// AddNews adds an item of news, dated now.
func (s *Store) AddNews(ctx context.Context, d Draft, by By) (Head, error) {
	rendered, err := d.tidied()
	if err != nil {
		return Head{}, err
	}
	var head Head
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, writeTurn); err != nil {
			return err
		}
		var last int64
		if err := tx.QueryRowContext(ctx, "SELECT COALESCE(MAX(news), 0) FROM page").Scan(&last); err != nil {
			return err
		}
		r := Revision{Head: Head{Slug: NewsSlug(last + 1), News: last + 1, Title: d.Title, Change: Change{Summary: d.Summary}}, Source: d.Source}
		head, err = s.append(ctx, tx, 0, r, rendered, by)
		return err
	})
	if err != nil {
		return Head{}, fmt.Errorf("add news: %w", err)
	}
	return head, nil
}

// write makes the next revision of a page out of the present one.
func (s *Store) write(ctx context.Context, slug string, by By, next func(tx *db.Tx, now Revision) (Revision, text.Stored, error)) (head Head, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, writeTurn); err != nil {
			return err
		}
		inside := s.In(tx)
		id, now, err := inside.current(ctx, tx, slug)
		if err != nil {
			return err
		}
		if id == 0 {
			if err := room(ctx, tx); err != nil {
				return err
			}
		}
		r, rendered, err := next(tx, now)
		if err != nil {
			return err
		}
		head, err = inside.append(ctx, tx, id, r, rendered, by)
		return err
	})
	if err != nil {
		return Head{}, fmt.Errorf("write page %s: %w", slug, err)
	}
	return head, nil
}

// room makes sure that there may be another page.
func room(ctx context.Context, tx *db.Tx) error {
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM page WHERE news = 0").Scan(&n); err != nil {
		return err
	}
	if n >= MaxPages {
		return core.Errorf(core.Conflict, "there are %d pages already, with those that were taken away; write into one of these", n)
	}
	return nil
}

// append writes the next revision of the page with that id, 0 for a new one.
func (s *Store) append(ctx context.Context, tx *db.Tx, id int64, r Revision, rendered text.Stored, by By) (Head, error) {
	now := s.clock().UTC()
	r.Revision++
	r.Author, r.AuthorID, r.At = by.Name, by.ID, now
	blank := r.Shipped || r.Gone
	title, source := r.Title, r.Source
	if blank {
		title, source = "", ""
	}
	var err error
	if id == 0 {
		r.CreatedAt = now
		id, err = tx.Insert(ctx, "page", db.Row{"slug", r.Slug, "news", r.News, "revision", r.Revision, "html", rendered.HTML, "renderer", rendered.Renderer, "created_at", now.Unix()})
	} else {
		_, err = tx.Exec(ctx, "UPDATE page SET revision = ?, html = ?, renderer = ? WHERE id = ?", r.Revision, rendered.HTML, rendered.Renderer, id)
	}
	if err != nil {
		return Head{}, err
	}
	_, err = tx.Insert(ctx, "page_revision", db.Row{"page_id", id, "revision", r.Revision, "blank", blank, "title", title, "source", source,
		"summary", r.Summary, "author_id", r.AuthorID, "author_name", coretext.Cut(r.Author, 64), "at", now.Unix()})
	return r.Head, err
}
