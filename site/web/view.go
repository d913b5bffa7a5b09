package web

import (
	"bytes"
	"net/http"
	"sync"
)

// View names a page's template and ties it to the type of what it shows. It is
// <name>.html beside the handlers of its wing, and its name is one on the site.
type View[T any] struct{ name string }

// NewView declares a page. Its wing lists it in Views.
func NewView[T any](name string) View[T] { return View[T]{name} }

// Piece is a part of a page that is answered alone, to a script of ours. It is
// defined in one of the parts of its wing.
type Piece[T any] struct {
	name    string
	example T
}

// NewPiece declares a piece. It is checked with the example. Its wing lists it in
// Views.
func NewPiece[T any](name string, example T) Piece[T] { return Piece[T]{name, example} }

// Declared is a View or a Piece of any type.
type Declared interface{ declaration() declaration }

// declaration is what the check at start must know of a view.
type declaration struct {
	name    string
	page    bool // it has a file of its own and stands in the layout
	example any
}

func (w View[T]) declaration() declaration {
	var empty T
	return declaration{w.name, true, empty}
}

func (p Piece[T]) declaration() declaration { return declaration{p.name, false, p.example} }

// OK is Render with status 200.
func (w View[T]) OK(v *Visit, data T) error { return w.Render(v, http.StatusOK, data) }

// Render answers with a page. It is built in memory first, so that a fault in it
// becomes an error page and never half a page.
func (w View[T]) Render(v *Visit, status int, data T) error {
	s := v.site
	f := s.frame(v)
	f.Page = data
	b := takeDraft()
	defer b.giveBack()
	if err := s.pages.execute(&b.Buffer, w.name, f); err != nil {
		return err
	}
	if !v.flash.Empty() {
		s.dropCookie(v, flashCookie)
	}
	return v.HTML(status, inZone(b.Bytes(), v.Zone()))
}

// draft is a page before its times are told. Drafts are used again, as growing one takes
// more memory than the page.
type draft struct{ bytes.Buffer }

// maxDraft bounds the drafts that are kept: few pages are as long.
const maxDraft = 1 << 20

var drafts = sync.Pool{New: func() any { return new(draft) }}

func takeDraft() *draft {
	d, _ := drafts.Get().(*draft)
	d.Reset()
	return d
}

func (d *draft) giveBack() {
	if d.Cap() <= maxDraft {
		drafts.Put(d)
	}
}

// OK answers with the piece.
func (p Piece[T]) OK(v *Visit, data T) error {
	b, err := v.site.pages.piece(p.name, data)
	if err != nil {
		return err
	}
	return v.HTML(http.StatusOK, inZone(b, v.Zone()))
}
