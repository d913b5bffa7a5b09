package sitetest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// Decode reads a JSON answer, whose keys must all be known.
func Decode[T any](t *testing.T, a Answer) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(a.Text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil || !strings.HasPrefix(a.Header.Get("Content-Type"), "application/json") {
		t.Fatalf("%v (%s, status %d)\n%s", err, a.Header.Get("Content-Type"), a.StatusCode, a.Text)
	}
	return v
}

// Shown is what a form's field holds.
func Shown(doc *goquery.Document, name string) string {
	f := doc.Find("main [name='" + name + "']").First()
	switch goquery.NodeName(f) {
	case "textarea":
		return f.Text()
	case "select":
		o := f.Find("option[selected]").First()
		if v, ok := o.Attr("value"); ok {
			return v
		}
		return o.Text()
	default:
		v, _ := f.Attr("value")
		return v
	}
}

// Words is the text of all that was selected, with blanks between its elements.
func Words(s *goquery.Selection) string {
	var b strings.Builder
	var walk func(s *goquery.Selection)
	walk = func(s *goquery.Selection) {
		s.Contents().Each(func(_ int, c *goquery.Selection) {
			if goquery.NodeName(c) == "#text" {
				b.WriteString(c.Text() + " ")
				return
			}
			walk(c)
		})
	}
	walk(s)
	return strings.Join(strings.Fields(b.String()), " ")
}
