package site_test

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/site"
	"github.com/caduceus-bio/caduceus/site/web"
)

var update = flag.Bool("update", false, "write routes.txt anew")

const routesFile = "routes.txt"

// TestRouteList compares routes.txt with the routes that are mounted.
func TestRouteList(t *testing.T) {
	room := site.New(site.DefaultConfig(), site.Deps{Rates: rates.New(time.Now), UploadDir: t.TempDir(), Clock: time.Now, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()})
	routes, err := room.Routes()
	if err != nil {
		t.Fatal(err)
	}
	got := routeList(routes)
	if *update {
		if err := os.WriteFile(routesFile, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(routesFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("routes.txt is stale; go test ./site -run TestRouteList -update writes it again:\n%s", diff)
	}
}

// routeList writes routes as a table.
func routeList(routes []web.Route) string {
	var b strings.Builder
	b.WriteString("# Every address of the site in the order in which it is mounted, how long\n" +
		"# finding the answer may take, how large a form may be (upload_limit as it is by\n" +
		"# default), and what its visitor needs.\n" +
		"# go test ./site -run TestRouteList -update writes this file.\n\n")
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(columns ...string) { _, _ = fmt.Fprintln(table, strings.Join(columns, "\t")) }
	row("METHOD", "PATH", "ACTION", "KIND", "TIME", "BODY", "NEED")
	for _, r := range routes {
		action, body := "-", "-"
		if r.Action != "" {
			action = r.Action
		}
		if r.Body > 0 {
			body = core.Bytes(r.Body).String()
		}
		need := r.Need.String()
		if r.OpenToBanned() {
			need += "; also from a banned address"
		}
		row(r.Method, r.Path, action, r.Kind.String(), r.Limit().String(), body, need)
	}
	_ = table.Flush() // a strings.Builder takes everything
	return b.String()
}
