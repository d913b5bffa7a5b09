package mail

import (
	_ "embed" // for the two layouts
	"fmt"
	"html/template"
	"strings"
	texttemplate "text/template"
	"time"
	"unicode/utf8"
)

// Every letter has the same layout, once in HTML and once as text.
var (
	//go:embed layout.html
	htmlSource string
	//go:embed layout.txt
	textSource string

	htmlLayout = template.Must(template.New("layout.html").Parse(htmlSource))
	textLayout = texttemplate.Must(texttemplate.New("layout.txt").Funcs(texttemplate.FuncMap{"wrap": wrap, "quote": quote}).Parse(textSource))
)

// lineLength is where lines of the text are broken, in characters; longer words stay whole.
const lineLength = 72

// rendered is a letter as it is sent.
type rendered struct{ Subject, Text, HTML string }

// render puts words on the layout.
func render(w words, s Site) (rendered, error) {
	data := struct {
		words
		Site Site
	}{w, s}
	var html, plain strings.Builder
	if err := htmlLayout.Execute(&html, data); err != nil {
		return rendered{}, fmt.Errorf("lay out a letter: %w", err)
	}
	if err := textLayout.Execute(&plain, data); err != nil {
		return rendered{}, fmt.Errorf("lay out a letter: %w", err)
	}
	return rendered{Subject: w.Subject, Text: plain.String(), HTML: html.String()}, nil
}

// checkLayout renders a letter that uses all of the layout.
func checkLayout(s Site) error {
	w, err := Test{By: "the start", At: time.Unix(0, 0)}.words(s).tidy(s)
	if err != nil {
		return fmt.Errorf("the letters of %s: %w", s.URL, err)
	}
	w.Off = w.Link
	w.quote("a quote")
	_, err = render(w, s)
	return err
}

// wrap breaks a paragraph into lines.
func wrap(s string) string { return strings.Join(broken(s, lineLength), "\n") }

// quote marks each line of somebody else's words.
func quote(s string) string {
	var lines []string
	for line := range strings.SplitSeq(s, "\n") {
		for _, part := range broken(line, lineLength-2) {
			lines = append(lines, strings.TrimRight("> "+part, " "))
		}
	}
	return strings.Join(lines, "\n")
}

// broken are the lines of a paragraph, of which there is at least one.
func broken(s string, most int) []string {
	lines, n := []string{""}, 0
	for word := range strings.FieldsSeq(s) {
		last, size := len(lines)-1, utf8.RuneCountInString(word)
		switch {
		case n == 0:
			lines[last], n = word, size
		case n+1+size <= most:
			lines[last] += " " + word
			n += 1 + size
		default:
			lines, n = append(lines, word), size
		}
	}
	return lines
}
