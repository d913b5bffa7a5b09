package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/promise"
)

// hello serves one fixed answer of a usual size: what a server costs by itself.
func hello(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("hello", flag.ContinueOnError)
	engine := f.String("engine", "net/http", "net/http, fasthttp or front, which is our own")
	address := f.String("listen", "127.0.0.1:0", "where, on loopback")
	loops := f.Int("loops", 0, "event loops of front; 0 is what it chooses itself")
	if err := f.Parse(args); err != nil {
		return err
	}
	a, err := netip.ParseAddrPort(*address)
	if err == nil {
		err = onlyLoopback(a)
	}
	if err != nil {
		return err
	}
	body := []byte("d8:completei20e10:downloadedi0e10:incompletei30e8:intervali1800e12:min intervali300e5:peers300:" + strings.Repeat("abcdef", 50) + "e")
	switch *engine {
	case "front":
		s, err := front.Open(ctx, []string{*address}, front.Options{Handler: fixed{body}, Loops: *loops})
		if err != nil {
			return err
		}
		return s.Serve(ctx)
	case "fasthttp":
		srv := &fasthttp.Server{NoDefaultServerHeader: true, Handler: func(c *fasthttp.RequestCtx) {
			c.SetContentType("text/plain")
			c.SetBody(body)
		}}
		stop := context.AfterFunc(ctx, func() { _ = srv.Shutdown() }) // it ends anyway
		defer stop()
		return srv.ListenAndServe(*address)
	case "net/http":
		srv := &http.Server{Addr: *address, ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			h := w.Header()
			h["Content-Type"] = []string{"text/plain"}
			h["Content-Length"] = []string{strconv.Itoa(len(body))}
			_, _ = w.Write(body) // the client has gone: there is nobody to tell
		})}
		stop := context.AfterFunc(ctx, func() { _ = srv.Close() }) // it ends anyway
		defer stop()
		if err := srv.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
	return fmt.Errorf("there is no engine %q; there are net/http, fasthttp and front", *engine)
}

type fixed struct{ body []byte }

var _ front.Handler = fixed{}

// Answer implements front.Handler.
func (f fixed) Answer(dst []byte, _ *front.Request) front.Answer {
	return front.Answer{Status: http.StatusOK, Body: append(dst, f.body...)}
}

// Commit implements front.Handler. Nothing was promised.
func (f fixed) Commit(promise.Promise) error { return nil }

// Failed implements front.Handler.
func (f fixed) Failed(dst []byte, _ error) (status int, body []byte) {
	return http.StatusInternalServerError, dst
}
