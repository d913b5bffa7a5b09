package site

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestRoomRunsAgainAndAgain starts the room on a real port, lets a request be
// under way while it is told to end, and starts it once more.
func TestRoomRunsAgainAndAgain(t *testing.T) {
	w := onSQLite(t)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	w.must(err)
	w.config.Listen = l.Addr().String()
	w.must(l.Close())
	w.deps.Metrics = prometheus.NewRegistry()
	room := New(w.config, w.deps)
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		ready, done := make(chan struct{}), make(chan error, 1)
		go func() { done <- room.Run(ctx, func() { close(ready) }) }()
		select {
		case <-ready:
		case err := <-done:
			t.Fatalf("it ended before it was ready: %v", err)
		}
		for method, want := range map[string]bool{http.MethodGet: true, http.MethodHead: false} {
			r, err := http.NewRequestWithContext(t.Context(), method, "http://"+w.config.Listen+"/login", nil)
			w.must(err)
			res, err := http.DefaultClient.Do(r)
			w.must(err)
			body, err := io.ReadAll(res.Body)
			if err = errors.Join(err, res.Body.Close()); err != nil || res.StatusCode != http.StatusOK || strings.Contains(string(body), "Welcome back") != want {
				t.Errorf("%s /login: status %d, %d bytes (%v)", method, res.StatusCode, len(body), err)
			}
		}
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(drainTime + time.Second):
			t.Fatal("it does not end")
		}
	}
}

func TestRoomSaysWhyItCannotListen(t *testing.T) {
	w := onSQLite(t)
	w.config.Listen = strings.TrimPrefix(w.server.URL, "http://")
	w.deps.Metrics = prometheus.NewRegistry()
	err := New(w.config, w.deps).Run(t.Context(), func() { t.Error("it says that it is ready") })
	if err == nil || !strings.Contains(err.Error(), w.config.Listen) {
		t.Errorf("got %v", err)
	}
}

func TestDatabaseAway(t *testing.T) {
	w := onSQLite(t)
	b := w.as("user")
	w.must(w.db.Close())
	for path, kind := range map[string]string{"/browse": "text/html", "/torrents.php?action=download&id=1": "text/plain"} {
		a := b.get(path)
		if a.StatusCode < 500 || !strings.HasPrefix(a.Header.Get("Content-Type"), kind) || strings.Contains(a.body, "sql") {
			t.Errorf("%s: status %d, %s, %s", path, a.StatusCode, a.Header.Get("Content-Type"), a.body)
		}
	}
}

func TestStatusOfEveryCode(t *testing.T) {
	for code, want := range map[core.Code]int{core.Invalid: 422, core.NotFound: 404, core.Conflict: 409, core.Forbidden: 403, core.Unavailable: 503, core.Internal: 500} {
		if got := statusOf(errors.Join(core.Errorf(code, "x"))); got != want {
			t.Errorf("%s is %d, want %d", code, got, want)
		}
	}
}
