// Package text turns what members write in Markdown into HTML that can do no harm,
// once, when it is saved. Pages show what is stored; nothing is rendered at a view.
//
// What a text may cost is bounded before it is parsed. The parser, goldmark, can't be
// interrupted and takes quadratic time for some patterns, so the source is weighed
// first (weigh, linear time), and a text that might cost more than a fraction of a
// second is refused with the reason. The way out is bounded as well: how deep
// elements stand in each other, and how much HTML there is.
//
// Stored HTML carries the version of the renderer. When a release renders
// differently, it raises Version; what is stored of an older one is shown as plain
// text until a job has rendered it again. HTML of another version is never trusted.
//
// Concurrency: everything here may be used from many goroutines at once.
package text

import (
	"html/template"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Version is the renderer's. Raise it with every change of what Render makes of a
// text, or of what the sanitiser lets through.
const Version = 1

// Kind is a kind of text, with limits of its own. Each table that stores texts has one.
type Kind int

// The kinds of text.
const (
	Description Kind = iota // of a dataset
	Note                    // on one torrent
	Page                    // of the site itself: help, rules, news
)

// Limits are what one text may have. They are the only ones there are: forms show
// them, and Render keeps them.
type Limits struct {
	Chars int // characters of the source
	HTML  int // bytes of what comes of it
}

// Limits returns the limits of a kind.
func (k Kind) Limits() Limits { return limits[k] }

var limits = [...]Limits{
	Description: {Chars: 100_000, HTML: 1 << 20},
	Note:        {Chars: 100_000, HTML: 1 << 20},
	Page:        {Chars: 50_000, HTML: 512 << 10},
}

// Stored is a text as its table keeps it.
type Stored struct {
	Source   string
	HTML     string // sanitised; "" where the source could not be rendered
	Renderer int64  // the version that made HTML; 0 before the first time, -v where version v could not
}

// Render makes HTML of a source, which should be clean (text.Body of core/text). The
// error has code Invalid and says what is too much and what to do about it.
func (k Kind) Render(source string) (Stored, error) {
	l := k.Limits()
	if n := utf8.RuneCountInString(source); n > l.Chars {
		return Stored{}, core.Errorf(core.Invalid, "must have at most %d characters; it has %d", l.Chars, n)
	}
	if err := weigh(source).check(); err != nil {
		return Stored{}, err
	}
	html, err := k.render(source, l.HTML)
	if err != nil {
		return Stored{}, err
	}
	return Stored{Source: source, HTML: html, Renderer: Version}, nil
}

// Again renders a stored source with the present version. One that can't be rendered
// is marked, so that nobody tries again before the next version, and stays plain text.
func (k Kind) Again(source string) Stored {
	s, err := k.Render(source)
	if err != nil {
		return Stored{Source: source, Renderer: -Version}
	}
	return s
}

// Stale reports whether a text of this renderer should be rendered again.
func Stale(renderer int64) bool { return renderer > -Version && renderer < Version }

// Empty reports whether nothing was written.
func (s Stored) Empty() bool { return s.Source == "" && s.HTML == "" }

// Page is the text for a page: what is stored, or the source as it was typed where
// that is not of this version.
func (s Stored) Page() template.HTML {
	if s.Renderer == Version {
		return template.HTML(s.HTML) // #nosec G203 -- sanitised by this version's policy
	}
	return template.HTML(`<pre class="typed">` + template.HTMLEscapeString(s.Source) + "</pre>") // #nosec G203 -- escaped
}
