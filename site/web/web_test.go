package web

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/caduceus-bio/caduceus/internal/rates"
)

func nothing(*Visit) error { return nil }

// TestMistakesShowAtStart makes sure that a site with a mistake in its lists does
// not start.
func TestMistakesShowAtStart(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	page := file(`{{define "content"}}{{.Page.Title}}{{end}}`)
	type data struct{ Title string }
	view := NewView[data]("hello")
	for name, tt := range map[string]struct {
		wings []Wing
		want  string
	}{
		"fine":                   {[]Wing{{Templates: fstest.MapFS{"hello.html": page}, Views: []Declared{view}}}, ""},
		"a template of no view":  {[]Wing{{Templates: fstest.MapFS{"hello.html": page}}}, "belongs to no page"},
		"a view of no template":  {[]Wing{{Templates: fstest.MapFS{}, Views: []Declared{view}}}, "hello.html"},
		"two views of one name":  {[]Wing{{Templates: fstest.MapFS{"hello.html": page}, Views: []Declared{view}}, {Templates: fstest.MapFS{"hello.html": page}, Views: []Declared{view}}}, "two views"},
		"a field that is not":    {[]Wing{{Templates: fstest.MapFS{"hello.html": file(`{{define "content"}}{{.Page.Tilte}}{{end}}`)}, Views: []Declared{view}}}, "Tilte"},
		"an asset that is not":   {[]Wing{{Templates: fstest.MapFS{"hello.html": file(`{{define "content"}}{{asset "x.css"}}{{end}}`)}, Views: []Declared{view}}}, "no asset"},
		"a part of another wing": {[]Wing{{Templates: fstest.MapFS{"part_x.html": file(`{{define "x"}}{{end}}`)}}, {Templates: fstest.MapFS{"hello.html": file(`{{define "content"}}{{template "x"}}{{end}}`)}, Views: []Declared{view}}}, `"x"`},
		"a piece that is not":    {[]Wing{{Views: []Declared{NewPiece("bit", data{})}}}, "bit"},
		"one address twice":      {[]Wing{{Routes: []Route{Page.Get("/a", Anyone, nothing)}}, {Routes: []Route{Page.Get("/a", Members, nothing)}}}, "/a"},
		"a time without end":     {[]Wing{{Routes: []Route{Page.Get("/a", Anyone, nothing).Within(AnswerTime)}}}, "longer than an answer"},
		"an action too late":     {[]Wing{{Routes: []Route{Page.Get("/a", Anyone, nothing), Page.Get("/a", Anyone, nothing).For("b")}}}, "/a b"},
	} {
		_, err := New(Config{URL: "http://site.example", KeyAttempts: 1, APIRequests: 1}, Deps{UploadDir: t.TempDir(), Clock: time.Now, Rates: rates.New(time.Now)}, tt.wings...)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
