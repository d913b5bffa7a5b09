package site

import (
	"net/http"
	"net/http/httptest"

	"github.com/PuerkitoBio/goquery"
	"github.com/gin-gonic/gin"
)

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

// serveOne answers one request by a route that is not on the list.
func (w *world) serveOne(r route, path string) answer {
	w.t.Helper()
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.Any("/*path", func(c *gin.Context) { w.site.serve(c, r) })
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequestWithContext(w.t.Context(), http.MethodGet, path, nil))
	return answer{rec.Result(), rec.Body.String()}
}
