package site_test

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

	"github.com/caduceus-bio/caduceus/site"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// TestRoomRunsAgainAndAgain starts the room on a real port, lets a request be
// under way while it is told to end, and starts it once more.
func TestRoomRunsAgainAndAgain(t *testing.T) {
	w := sitetest.OnSQLite(t)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	w.Must(err)
	w.Config.Listen = l.Addr().String()
	w.Must(l.Close())
	w.Deps.Metrics = prometheus.NewRegistry()
	room := site.New(w.Config, w.Deps)
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
			r, err := http.NewRequestWithContext(t.Context(), method, "http://"+w.Config.Listen+"/login", nil)
			w.Must(err)
			res, err := http.DefaultClient.Do(r)
			w.Must(err)
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
		case <-time.After(site.DrainTime + time.Second):
			t.Fatal("it does not end")
		}
	}
}

func TestRoomSaysWhyItCannotListen(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Config.Listen = strings.TrimPrefix(w.Server.URL, "http://")
	w.Deps.Metrics = prometheus.NewRegistry()
	err := site.New(w.Config, w.Deps).Run(t.Context(), func() { t.Error("it says that it is ready") })
	if err == nil || !strings.Contains(err.Error(), w.Config.Listen) {
		t.Errorf("got %v", err)
	}
}

func TestDatabaseAway(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	w.Must(w.DB.Close())
	for path, kind := range map[string]string{"/browse": "text/html", "/torrents.php?action=download&id=1": "text/plain"} {
		a := b.Get(path)
		if a.StatusCode < 500 || !strings.HasPrefix(a.Header.Get("Content-Type"), kind) || strings.Contains(a.Text, "sql") {
			t.Errorf("%s: status %d, %s, %s", path, a.StatusCode, a.Header.Get("Content-Type"), a.Text)
		}
	}
}
