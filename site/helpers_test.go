package site

import "github.com/PuerkitoBio/goquery"

// shown is what a form's field holds.
func shown(doc *goquery.Document, name string) string {
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
