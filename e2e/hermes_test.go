package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/e2e/clients"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// named writes a small dataset of its own and returns its file.
func named(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".fa")
	if err := os.WriteFile(path, fmt.Appendf(nil, ">%s\nACGTACGTACGT\n", name), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// waitRead waits until a consumer has recorded that it has handled every event. If it
// is killed after it said a line and before it recorded that, it says the line again:
// events are handled at least once.
func (h *house) waitRead(consumer string) {
	h.t.Helper()
	log := eventlog.New(dbtest.Reopen(h.t, h.admin), time.Now)
	h.wait(consumer+" lags behind", func() (bool, string) {
		last, err := log.Last(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		read, err := log.Cursor(h.t.Context(), consumer)
		if err != nil {
			h.t.Fatal(err)
		}
		return read == last, fmt.Sprintf("read %d of %d", read, last)
	})
}

// TestHermesCatchesUp kills the sitebot's process, uploads three datasets while it is
// gone, and expects exactly these to be announced once it is back: once each, in
// order, nothing before and nothing between.
func TestHermesCatchesUp(t *testing.T) {
	t.Parallel()
	h := build(t, inFive)
	ann := h.member("ann", "Power User")
	irc := ann.listen()
	uploads, titles := []uploaded{}, []string{}
	upload := func(n int) {
		title := fmt.Sprintf("Dataset number %d", n)
		made := must[clients.Made](t)(clients.Make(t.Context(), clients.V1, named(t, fmt.Sprintf("number%d", n)), t.TempDir()))
		uploads, titles = append(uploads, ann.upload(made.File, title)), append(titles, title)
	}
	upload(0)
	irc.isAnnounce(irc.next(), titles[0], uploads[0])

	h.waitRead("hermes")
	h.kill("hermes")
	for n := range 3 {
		upload(n + 1)
	}
	h.open("hermes")
	upload(4) // what comes after the three shows that nothing came twice
	for n := range 4 {
		irc.isAnnounce(irc.next(), titles[n+1], uploads[n+1])
	}
}
