// Package pages keeps what staff tell members in prose: help, rules, terms and news. Each
// page has revisions, and an edit says on which of them it rests, so that nobody
// overwrites what they have not read. A page that nobody has written is as the program
// ships it (the folder shipped); going back to that, or to any revision, is a new revision.
// An item of news is a page as well, which has a number and a date.
//
// Texts are Markdown, rendered when they are saved (internal/text). They may hold
// placeholders, such as {{irc-host}}, for what differs from site to site; see Segments.
//
// Concurrency: a Store is safe for concurrent use.
package pages

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/text"
)

// Head is a page without its text, as one revision left it.
type Head struct {
	Slug      string // its name in addresses and commands
	News      int64  // the number of an item of news; 0 for any other page
	Title     string
	Revision  int64     // 0: nobody has written it, and it is as the program ships it
	Shipped   bool      // its text is the program's own
	Gone      bool      // it was taken away, and has no text
	CreatedAt time.Time // of the first revision; the zero time where there is none
	Change
}

// Change is who made a revision.
type Change struct {
	AuthorID core.MemberID // 0 for the shell
	Author   string        // "" for the program
	At       time.Time
	Summary  string
}

// Page is a page to be read.
type Page struct {
	Head
	Text text.Stored // without its source where the HTML can be shown
}

// Revision is one state of a page, to be compared and edited.
type Revision struct {
	Head
	Source string
}

// The limits of what is written.
const (
	MaxTitle   = 100 // characters
	MaxSummary = 200
	MaxPages   = 200 // besides news
	mostListed = 100
)

// Store reads and writes pages.
type Store struct {
	db    db.Conn
	clock core.Clock
}

// NewStore returns the store on d.
func NewStore(d *db.DB, clock core.Clock) *Store { return &Store{db: d, clock: clock} }

// In returns the store bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db = tx
	return &bound
}

// slugPattern is what a page may be called.
var slugPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// newsPrefix begins the slugs of items of news.
const newsPrefix = "news-"

// NewsSlug is the slug of an item of news by its number.
func NewsSlug(number int64) string { return newsPrefix + strconv.FormatInt(number, 10) }

// Address is where a page is read on the site.
func Address(slug string) string {
	switch {
	case slug == "about" || slug == "help" || slug == "rules" || slug == "terms" || slug == "news":
		return "/" + slug
	case strings.HasPrefix(slug, newsPrefix):
		return "/news/" + strings.TrimPrefix(slug, newsPrefix)
	}
	return "/help/" + slug
}

// Address is where the page is read.
func (h Head) Address() string { return Address(h.Slug) }

// called is what to call the page: where it is gone, by its slug.
func (h Head) called() string {
	if h.Title == "" {
		return h.Slug
	}
	return h.Title
}

const headColumns = "p.slug, p.news, p.revision, p.created_at, r.revision, r.blank, r.title, r.author_id, r.author_name, r.at, r.summary"

// ofPage joins a page with the revision that is shown.
const ofPage = " FROM page p JOIN page_revision r ON r.page_id = p.id AND r.revision = p.revision "

// scanHead reads headColumns and then what else is asked for.
func scanHead(sc db.Scanner, h *Head, more ...any) error {
	var current, created, at int64
	var blank bool
	err := sc.Scan(append([]any{&h.Slug, &h.News, &current, &created, &h.Revision, &blank, &h.Title, &h.AuthorID, &h.Author, &at, &h.Summary}, more...)...)
	h.CreatedAt, h.At = time.Unix(created, 0).UTC(), time.Unix(at, 0).UTC()
	if blank {
		h.blank()
	}
	return err
}

// blank gives the head of a blank revision what the program ships.
func (h *Head) blank() {
	if own, ok := shippedPages()[h.Slug]; ok {
		h.Title, h.Shipped = own.Title, true
	} else {
		h.Gone = true
	}
}

// ShownRevision returns which revision of a page is shown; 0 is what the program ships.
func (s *Store) ShownRevision(ctx context.Context, slug string) (int64, error) {
	n, _, err := db.One(ctx, s.db, db.Value[int64], "SELECT revision FROM page WHERE slug = ?", slug)
	if err != nil {
		return 0, fmt.Errorf("read page %s: %w", slug, err)
	}
	return n, nil
}

// Page returns a page to be read, or an error with code NotFound.
func (s *Store) Page(ctx context.Context, slug string) (Page, error) {
	p, ok, err := db.One(ctx, s.db, func(sc db.Scanner) (p Page, err error) {
		return p, scanHead(sc, &p.Head, &p.Text.Source, &p.Text.HTML, &p.Text.Renderer)
	}, "SELECT "+headColumns+", CASE WHEN p.renderer = ? THEN '' ELSE r.source END, p.html, p.renderer"+ofPage+"WHERE p.slug = ?", text.Version, slug)
	if err != nil {
		return Page{}, fmt.Errorf("read page %s: %w", slug, err)
	}
	own, isOwn := shippedPages()[slug]
	switch {
	case !ok && isOwn:
		p = Page{Head: Head{Slug: slug, Title: own.Title, Shipped: true}}
	case !ok || p.Gone:
		return Page{}, noPage(slug)
	}
	if p.Shipped {
		p.Text = own.text
	}
	return p, nil
}

func noPage(slug string) error {
	if strings.HasPrefix(slug, newsPrefix) {
		return core.Errorf(core.NotFound, "there is no such item of news; it may have been taken away")
	}
	return core.Errorf(core.NotFound, "there is no such page")
}

// List returns every page but news: those that the program ships, and those of staff, by
// slug. Pages that were taken away are among them.
func (s *Store) List(ctx context.Context) ([]Head, error) {
	written, err := db.All(ctx, s.db, func(sc db.Scanner) (h Head, err error) {
		return h, scanHead(sc, &h)
	}, "SELECT "+headColumns+ofPage+"WHERE p.news = 0 ORDER BY p.slug LIMIT ?", MaxPages+len(shippedPages()))
	if err != nil {
		return nil, fmt.Errorf("list pages: %w", err)
	}
	for slug, own := range shippedPages() {
		if !slices.ContainsFunc(written, func(h Head) bool { return h.Slug == slug }) {
			written = append(written, Head{Slug: slug, Title: own.Title, Shipped: true})
		}
	}
	slices.SortFunc(written, func(a, b Head) int { return strings.Compare(a.Slug, b.Slug) })
	return written, nil
}

// News returns up to limit (at most 100) items of news, newest first, with numbers
// below before (0 for the newest). next is the before of the page after it, 0 when there
// is none.
func (s *Store) News(ctx context.Context, before int64, limit int) (items []Page, next int64, err error) {
	limit = min(max(limit, 1), mostListed)
	query, args := "SELECT "+headColumns+", CASE WHEN p.renderer = ? THEN '' ELSE r.source END, p.html, p.renderer"+ofPage+"WHERE p.news > 0 AND r.blank = 0", []any{text.Version}
	if before > 0 {
		query, args = query+" AND p.news < ?", append(args, before)
	}
	items, err = db.All(ctx, s.db, func(sc db.Scanner) (p Page, err error) {
		return p, scanHead(sc, &p.Head, &p.Text.Source, &p.Text.HTML, &p.Text.Renderer)
	}, query+" ORDER BY p.news DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, 0, fmt.Errorf("read the news: %w", err)
	}
	if len(items) > limit {
		items, next = items[:limit], items[limit-1].News
	}
	return items, next, nil
}

// History returns up to limit (at most 100) revisions of a page, newest first, with
// numbers below before (0 for the newest). next is as with News. A page that nobody has
// written has none; one that there never was is NotFound.
func (s *Store) History(ctx context.Context, slug string, before int64, limit int) (list []Head, next int64, err error) {
	limit = min(max(limit, 1), mostListed)
	query, args := "SELECT "+headColumns+" FROM page p JOIN page_revision r ON r.page_id = p.id WHERE p.slug = ?", []any{slug}
	if before > 0 {
		query, args = query+" AND r.revision < ?", append(args, before)
	}
	list, err = db.All(ctx, s.db, func(sc db.Scanner) (h Head, err error) {
		return h, scanHead(sc, &h)
	}, query+" ORDER BY r.revision DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, 0, fmt.Errorf("read the history of page %s: %w", slug, err)
	}
	if _, isOwn := shippedPages()[slug]; len(list) == 0 && before == 0 && !isOwn {
		return nil, 0, noPage(slug)
	}
	if len(list) > limit {
		list, next = list[:limit], list[limit-1].Revision
	}
	return list, next, nil
}

// Revision returns one revision of a page with its source. 0 is what the program ships,
// which for other pages is empty.
func (s *Store) Revision(ctx context.Context, slug string, number int64) (Revision, error) {
	r, ok, err := s.revision(ctx, s.db, slug, number)
	if err == nil && !ok {
		err = core.Errorf(core.NotFound, "the page %s has no revision %d", slug, number)
	}
	return r, err
}

func (s *Store) revision(ctx context.Context, q db.Queryer, slug string, number int64) (Revision, bool, error) {
	own, isOwn := shippedPages()[slug]
	if number == 0 {
		r := Revision{Head: Head{Slug: slug}}
		r.blank()
		r.Source = own.Source
		return r, isOwn || slugPattern.MatchString(slug), nil
	}
	r, ok, err := db.One(ctx, q, func(sc db.Scanner) (r Revision, err error) {
		return r, scanHead(sc, &r.Head, &r.Source)
	}, "SELECT "+headColumns+", r.source FROM page p JOIN page_revision r ON r.page_id = p.id WHERE p.slug = ? AND r.revision = ?", slug, number)
	if err != nil {
		return r, false, fmt.Errorf("read revision %d of page %s: %w", number, slug, err)
	}
	if r.Shipped {
		r.Source = own.Source
	}
	return r, ok, nil
}

// Current returns the revision of a page that is shown, with its source. A page that
// there never was is Gone, with revision 0.
func (s *Store) Current(ctx context.Context, slug string) (Revision, error) {
	_, r, err := s.current(ctx, s.db, slug)
	return r, err
}

// current also returns the id of the page, 0 where it has no row.
func (s *Store) current(ctx context.Context, q db.Queryer, slug string) (id int64, r Revision, err error) {
	if !slugPattern.MatchString(slug) {
		return 0, r, errSlug()
	}
	r, ok, err := db.One(ctx, q, func(sc db.Scanner) (r Revision, err error) {
		return r, scanHead(sc, &r.Head, &r.Source, &id)
	}, "SELECT "+headColumns+", r.source, p.id"+ofPage+"WHERE p.slug = ?", slug)
	if err != nil {
		return 0, r, fmt.Errorf("read page %s: %w", slug, err)
	}
	if !ok {
		r, _, err = s.revision(ctx, q, slug, 0)
	} else if r.Shipped {
		r.Source = shippedPages()[slug].Source
	}
	return id, r, err
}

func errSlug() error {
	return core.FieldErrorf("page", "a page's name has up to 40 small letters, digits and dashes, and begins with a letter, such as first-steps")
}

// RenderAgain renders up to limit texts that an older renderer made, or none, and
// returns how many. A text that can't be rendered is marked, and is not tried again by
// this version.
func (s *Store) RenderAgain(ctx context.Context, limit int) (int64, error) {
	type old struct {
		id, revision, renderer int64
		source                 string
	}
	stale, err := db.All(ctx, s.db, func(sc db.Scanner) (o old, err error) {
		return o, sc.Scan(&o.id, &o.revision, &o.renderer, &o.source)
	}, "SELECT p.id, p.revision, p.renderer, r.source"+ofPage+"WHERE p.renderer > ? AND p.renderer < ? ORDER BY p.renderer, p.id LIMIT ?", -text.Version, text.Version, limit)
	if err != nil {
		return 0, fmt.Errorf("render pages: %w", err)
	}
	if len(stale) == 0 {
		return 0, nil
	}
	fresh := make([]text.Stored, len(stale))
	for i, o := range stale {
		fresh[i] = text.Page.Again(o.source)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		for i, o := range stale { // a page that was edited meanwhile is another one
			if _, err := tx.Exec(ctx, "UPDATE page SET html = ?, renderer = ? WHERE id = ? AND renderer = ? AND revision = ?",
				fresh[i].HTML, fresh[i].Renderer, o.id, o.renderer, o.revision); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("render pages: %w", err)
	}
	return int64(len(stale)), nil
}
