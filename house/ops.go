package house

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// OpsConfig is the [ops] section: what the machine's keeper looks at.
type OpsConfig struct {
	// Listen serves /healthz and /metrics; "" serves neither. Keep it on
	// loopback or a private network: it asks for no password. /healthz writes to the
	// database, at most every four seconds, and answers with 503 and in words while the
	// database or a room is in trouble: it is for monitoring, and no reason to start the
	// program again.
	Listen string `toml:"listen"`
}

// Validate checks the address.
func (c OpsConfig) Validate() error {
	if c.Listen == "" {
		return nil
	}
	return core.CheckListen("listen", c.Listen)
}

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// serveOps serves /healthz and /metrics until ctx ends.
func serveOps(ctx context.Context, l net.Listener, look func(context.Context) error, rooms *supervise.Supervisor, metrics *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		h := examine(look(r.Context()), rooms.States())
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		if !h.OK {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(h) // the client may be gone; nothing to do then
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	return serveHTTP(ctx, srv, l)
}

// serveHTTP serves until ctx ends and then lets running requests finish, for at
// most two seconds.
func serveHTTP(ctx context.Context, srv *http.Server, l net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	err := srv.Shutdown(drain)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
