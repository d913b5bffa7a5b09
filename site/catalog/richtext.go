package catalog

import (
	"bytes"
	"html/template"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
)

// richText turns what members write in Markdown into HTML that can do no harm.
// It is safe for concurrent use.
type richText struct {
	markdown goldmark.Markdown
	policy   *bluemonday.Policy
}

// newRichText allows headings, lists, tables, links and code. No pictures: they
// would tell another host who reads the page.
func newRichText() *richText {
	p := bluemonday.NewPolicy()
	p.AllowStandardURLs()
	p.AllowElements("p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "em", "strong", "del", "sub", "sup", "blockquote",
		"code", "pre", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("href").OnElements("a")
	p.AllowAttrs("align").Matching(bluemonday.CellAlign).OnElements("th", "td")
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	return &richText{
		markdown: goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithParserOptions(parser.WithAutoHeadingID())),
		policy:   p,
	}
}

// html renders Markdown. A text that can't be rendered is shown as it was typed.
func (t *richText) html(text string) template.HTML {
	var b bytes.Buffer
	if err := t.markdown.Convert([]byte(text), &b); err != nil {
		return template.HTML("<pre>" + template.HTMLEscapeString(text) + "</pre>") // #nosec G203 -- escaped
	}
	return template.HTML(t.policy.SanitizeBytes(b.Bytes())) // #nosec G203 -- sanitised by the policy
}
