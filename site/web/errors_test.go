package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

func TestStatusOfEveryCode(t *testing.T) {
	for code, want := range map[core.Code]int{core.Invalid: 422, core.NotFound: 404, core.Conflict: 409, core.Forbidden: 403, core.Unavailable: 503, core.Internal: 500} {
		if got := StatusOf(errors.Join(core.Errorf(code, "x"))); got != want {
			t.Errorf("%s is %d, want %d", code, got, want)
		}
	}
}

// ask asks a site that has nothing but one route, as a stranger.
func ask(t *testing.T, r Route) *httptest.ResponseRecorder {
	t.Helper()
	s, err := New(Config{Name: "BioTorrents", URL: "http://site.example", KeyAttempts: 10, APIRequests: 10},
		Deps{UploadDir: t.TempDir(), Clock: time.Now, Rates: rates.New(time.Now), Log: slog.New(slog.DiscardHandler), Meters: NewMeters(prometheus.NewRegistry())}, Wing{Routes: []Route{r}})
	if err != nil {
		t.Fatal(err)
	}
	h, err := s.Handler()
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, r.Path, nil))
	return rec
}

func TestPanicBecomesAPage(t *testing.T) {
	for k, want := range map[Kind]string{Page: "Something broke", API: `"code":"internal"`, Download: "Something went wrong"} {
		a := ask(t, k.Get("/boom", Anyone, func(*Visit) error { panic("secret detail") }))
		if body := a.Body.String(); a.Code != http.StatusInternalServerError || !strings.Contains(body, want) || strings.Contains(body, "secret detail") {
			t.Errorf("kind %s: status %d, body %s", k, a.Code, body)
		}
	}
}

func TestErrorsTellNothingInside(t *testing.T) {
	a := ask(t, Page.Get("/boom", Anyone, func(*Visit) error {
		return fmt.Errorf("read group 7: %w", fmt.Errorf("SQL logic error near SELECT"))
	}))
	if body := a.Body.String(); a.Code != http.StatusInternalServerError || strings.Contains(body, "SQL") {
		t.Errorf("status %d, body %s", a.Code, body)
	}
}

// TestNamesStayAsTheyAre looks at a refusal as a page, in a form, in the list on top of
// it, and as a program gets it.
func TestNamesStayAsTheyAre(t *testing.T) {
	err := core.FieldErrorf("name", "%s is too much like %s", "écoli", "ecoli")
	const want = "écoli is too much like ecoli."
	for _, k := range []Kind{Page, Download} {
		if body := ask(t, k.Get("/name", Anyone, func(*Visit) error { return err })).Body.String(); !strings.Contains(body, want) {
			t.Errorf("kind %s: %s", k, body)
		}
	}
	faults, _ := Mistakes(err)
	if got := faults.For("name"); got != want {
		t.Errorf("the form says %q", got)
	}
	if got := faults[0].Summary(); got != "Name: "+want {
		t.Errorf("the list says %q", got)
	}
	faults, _ = Mistakes(core.FieldErrorf("name", "must not be empty"))
	if got := faults.For("name") + " " + faults[0].Summary(); got != "Must not be empty. Name: must not be empty." {
		t.Errorf("the form says %q", got)
	}
}
