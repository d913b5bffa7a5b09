package pages

import (
	"html/template"
	"regexp"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Placeholder stands in a text for what differs from site to site, or from reader to
// reader. None stands for a secret.
type Placeholder struct {
	Name  string // as it is written, without its braces
	Means string
	Block bool // it stands alone in a paragraph, which gives way to a part of the page
}

// Placeholders are all that there are.
func Placeholders() []Placeholder {
	return []Placeholder{
		{"site", "the name of the site", false},
		{"address", "the address of the site", false},
		{"name", "the reader's own name", false},
		{"announce", "the tracker's address, without a key", false},
		{"irc-host", "the host of the IRC network", false},
		{"irc-port", "its port for TLS", false},
		{"staff-list", "a list of staff by class", true},
		{"client-list", "the BitTorrent clients that the tracker answers", true},
		{"irc-facts", "where the IRC network is, and how one logs in there", true},
		{"irc-recipes", "how that is done in each IRC client", true},
	}
}

// mark finds placeholders, and what looks like one.
var mark = regexp.MustCompile(`\{\{\s*([a-z][a-z0-9-]*)\s*\}\}`)

// Segment is a part of a page: HTML, or a placeholder that gives way to a part which the
// page draws.
type Segment struct {
	HTML  template.HTML
	Block string // the name of a placeholder; "" for HTML
}

// Segments puts values into the HTML of a page (text.Stored.Page), and takes it apart
// where blocks belong. value gives the text of each placeholder that is no block, by its
// name. Placeholders that there are not stay as they are typed, and so do those within
// tags.
func Segments(html template.HTML, value func(name string) string) []Segment {
	var out []Segment
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, Segment{HTML: template.HTML(b.String())}) // #nosec G203 -- of HTML that was sanitised, and values that are escaped
			b.Reset()
		}
	}
	for rest := string(html); rest != ""; {
		if name, after, ok := blockAt(rest); ok {
			flush()
			out = append(out, Segment{Block: name})
			rest = after
			continue
		}
		end := len(rest) // of this tag or run of text
		if rest[0] == '<' {
			if i := strings.IndexByte(rest, '>'); i >= 0 {
				end = i + 1
			}
			b.WriteString(rest[:end])
		} else {
			if i := strings.IndexByte(rest, '<'); i >= 0 {
				end = i
			}
			b.WriteString(mark.ReplaceAllStringFunc(rest[:end], func(s string) string {
				if p, ok := placeholder(nameIn(s)); ok && !p.Block {
					return template.HTMLEscapeString(value(p.Name))
				}
				return s
			}))
		}
		rest = rest[end:]
	}
	flush()
	return out
}

// blockAt reads a paragraph that holds a block and nothing else.
func blockAt(html string) (name, rest string, ok bool) {
	inside, ok := strings.CutPrefix(html, "<p>")
	if !ok {
		return "", "", false
	}
	inside, rest, ok = strings.Cut(inside, "</p>")
	if !ok || mark.FindString(inside) != inside || inside == "" {
		return "", "", false
	}
	p, ok := placeholder(nameIn(inside))
	return p.Name, rest, ok && p.Block
}

// nameIn is the name in a mark.
func nameIn(marked string) string { return strings.Trim(marked, "{} \t\n") }

func placeholder(name string) (Placeholder, bool) {
	all := Placeholders()
	i := slices.IndexFunc(all, func(p Placeholder) bool { return p.Name == name })
	if i < 0 {
		return Placeholder{}, false
	}
	return all[i], true
}

// checkPlaceholders refuses those that there are not, and blocks that don't stand alone.
func checkPlaceholders(html string) error {
	var wrong error
	for _, segment := range Segments(template.HTML(html), func(string) string { return "" }) { // #nosec G203 -- not shown
		for _, found := range mark.FindAllString(string(segment.HTML), -1) {
			name := nameIn(found)
			p, ok := placeholder(name)
			switch {
			case wrong != nil:
			case ok && p.Block:
				wrong = core.FieldErrorf("text", "{{%s}} stands for a part of the page: put it into a paragraph of its own, with a blank line before and after it", name)
			case !ok:
				wrong = core.FieldErrorf("text", "there is no placeholder {{%s}}; there are %s", text.Cut(name, 40), names())
			}
		}
	}
	return wrong
}

func names() string {
	var out []string
	for _, p := range Placeholders() {
		out = append(out, "{{"+p.Name+"}}")
	}
	return strings.Join(out, ", ")
}
