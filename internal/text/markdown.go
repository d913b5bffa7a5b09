package text

import (
	"bytes"
	"errors"
	"io"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// markdown is GitHub's dialect. HTML in it is left out, and headings get no ids,
// which the sanitiser would take away again.
var markdown = goldmark.New(goldmark.WithExtensions(extension.Linkify, extension.Strikethrough, extension.TaskList,
	extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))))

// policy allows headings, lists, tables, links and code. No pictures: they would tell
// another host who reads the page.
var policy = newPolicy()

func newPolicy() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowStandardURLs()
	p.AllowElements("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "em", "strong", "del", "sub", "sup", "blockquote",
		"code", "pre", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("align").Matching(bluemonday.CellAlign).OnElements("th", "td")
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	return p
}

// mostNesting is how deep elements may stand in each other. Browsers give up at 512.
const mostNesting = 100

// render makes HTML of at most most bytes of a source that was weighed.
func (k Kind) render(source string, most int) (string, error) {
	src := []byte(source)
	doc := markdown.Parser().Parse(text.NewReader(src))
	if deeper(doc, mostNesting) {
		return "", core.Errorf(core.Invalid, "has quotes, lists, links or emphasis nested more than %d deep; write it flatter", mostNesting)
	}
	if k == Page {
		below(doc)
	}
	var raw, html bytes.Buffer
	err := within(func(w io.Writer) error { return markdown.Renderer().Render(w, src, doc) }, &raw, 4*most) // the sanitiser takes much away
	if err == nil {
		err = within(func(w io.Writer) error { return policy.SanitizeReaderToWriter(&raw, w) }, &html, most)
	}
	switch {
	case errors.Is(err, errFull):
		return "", core.Errorf(core.Invalid, "becomes a page of more than %v; make it shorter, or use fewer tables, links and special characters", core.Bytes(most))
	case err != nil:
		return "", core.Wrap(err, core.Invalid, "can't be laid out")
	}
	return html.String(), nil
}

// below puts the headings of a page under its title, which is the one heading of the
// first rank.
func below(doc ast.Node) {
	for c := doc.FirstChild(); c != nil; c = c.NextSibling() {
		if h, ok := c.(*ast.Heading); ok && h.Level == 1 {
			h.Level = 2
		}
		below(c)
	}
}

// deeper reports whether anything in n stands more than most levels below it.
func deeper(n ast.Node, most int) bool {
	if most < 0 {
		return true
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if deeper(c, most-1) {
			return true
		}
	}
	return false
}

var errFull = errors.New("the text becomes too long")

// within lets write fill b with at most most bytes, and stops it there with errFull.
func within(write func(io.Writer) error, b *bytes.Buffer, most int) (err error) {
	defer func() {
		if p := recover(); p == errFull { //nolint:errorlint // what Write below panics with is this very value
			err = errFull
		} else if p != nil {
			panic(p)
		}
	}()
	return write(bounded{b, most})
}

// bounded refuses more than most bytes by a panic: goldmark's renderer looks at no
// error before it is at the end.
type bounded struct {
	b    *bytes.Buffer
	most int
}

// Write implements io.Writer.
func (w bounded) Write(p []byte) (int, error) {
	if w.b.Len()+len(p) > w.most {
		panic(errFull)
	}
	return w.b.Write(p)
}
