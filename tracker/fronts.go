package tracker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/tracker/ocelot"
	"github.com/caduceus-bio/caduceus/tracker/promise"
	"github.com/caduceus-bio/caduceus/tracker/roster"
	"github.com/caduceus-bio/caduceus/tracker/udp"
)

// otherFronts are the tracker's fronts besides HTTP; each is nil if it is switched off.
type otherFronts struct {
	udp    *udp.Server
	ocelot *ocelot.Server
}

// openFronts opens the fronts that are switched on, or returns an error and opens none.
func (r *Room) openFronts(ctx context.Context, w *instance) (err error) {
	if len(r.c.UDPListen) > 0 {
		o := udp.Options{Handler: udpHandler{w.service}, Clock: r.d.Clock, Log: r.d.Log}
		if w.fronts.udp, err = udp.Open(ctx, r.c.UDPListen, o); err != nil {
			return fmt.Errorf("[tracker] udp_listen: %w", err)
		}
	}
	if r.c.OcelotListen != "" {
		if w.fronts.ocelot, err = r.openOcelot(ctx, w); err != nil {
			return errors.Join(fmt.Errorf("[tracker] ocelot_listen: %w", err), w.fronts.close())
		}
		w.service.gazelle = w.fronts.ocelot
	}
	return nil
}

func (d otherFronts) serve(g *supervise.Group) {
	if d.udp != nil {
		g.Go(d.udp.Serve)
	}
	if d.ocelot != nil {
		g.Go(d.ocelot.Serve)
	}
}

// close closes fronts on which serve is not called.
func (d otherFronts) close() error {
	var errs []error
	if d.udp != nil {
		errs = append(errs, d.udp.Close())
	}
	if d.ocelot != nil {
		errs = append(errs, d.ocelot.Close())
	}
	return errors.Join(errs...)
}

// gazelleSources makes the roster read Gazelle's members, torrents and clients, if one
// controls the tracker.
func (r *Room) gazelleSources(o roster.Options) roster.Options {
	if r.c.OcelotListen != "" {
		s := ocelot.NewStore(r.d.DB, r.d.Events, r.d.Clock)
		o.Members, o.Torrents, o.Clients, o.Economy = s, s, s, s
	}
	return o
}

func (r *Room) openOcelot(ctx context.Context, w *instance) (*ocelot.Server, error) {
	o := ocelot.Options{
		Store: ocelot.NewStore(r.d.DB, r.d.Events, r.d.Clock), Trusted: w.service.addresses.trusted, Stats: w.ocelotStats,
		Followed: func(ctx context.Context, event int64) error { return r.d.Events.WaitFor(ctx, roster.Consumer, event) },
		Interval: r.c.Interval.Duration, ShortestInterval: min(2*r.c.minInterval(), r.c.Interval.Duration), LongestInterval: max(10*r.c.peerTimeout()/11, r.c.Interval.Duration), Rates: r.d.Rates, Clock: r.d.Clock, Log: r.d.Log,
	}
	for _, p := range []struct {
		into           *string
		password, file string
	}{
		{&o.SitePassword, r.c.OcelotSitePassword, r.c.OcelotSitePasswordFile},
		{&o.ReportPassword, r.c.OcelotReportPassword, r.c.OcelotReportPasswordFile},
	} {
		if *p.into = p.password; p.file == "" {
			continue
		}
		raw, err := os.ReadFile(p.file)
		if err != nil {
			return nil, err
		}
		*p.into = strings.TrimSpace(string(raw))
		if err := ocelot.CheckPassword(*p.into); err != nil {
			return nil, fmt.Errorf("%s: %w", p.file, err)
		}
	}
	return ocelot.Open(ctx, r.c.OcelotListen, o)
}

func (w *instance) ocelotStats() ocelot.Stats {
	http, totals := w.front.Stats(), w.service.swarms.Totals()
	m := w.service.metrics
	announces, scrapes := m.announces.total(), m.scrapes.total()
	return ocelot.Stats{Started: w.begun, Opened: http.Accepted, Open: http.Open, Announces: announces, Answered: m.announces.of(answered),
		Scrapes: scrapes, Seeders: int64(totals.Seeders), Leechers: int64(totals.Leechers), Waiting: int64(w.book.Stats().Rows)}
}

// OcelotAddr returns the address that Gazelle connects to. It returns nil if that is
// switched off, or before the room is ready.
func (r *Room) OcelotAddr() net.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fronts.ocelot == nil {
		return nil
	}
	return r.fronts.ocelot.Addr()
}

// UDPAddrs returns the addresses that the room listens on over UDP, in the order of
// Config.UDPListen. It returns none before the room is ready.
func (r *Room) UDPAddrs() []net.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fronts.udp == nil {
		return nil
	}
	return r.fronts.udp.Addrs()
}

// udpHandler answers announces over UDP with the service.
type udpHandler struct{ s *service }

var _ udp.Handler = udpHandler{}

// Announce implements udp.Handler. Like Answer, it never panics.
func (d udpHandler) Announce(dst []byte, r *udp.Request) (a udp.Answer) {
	s := d.s
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("answering a packet panicked", "panic", v)
			a = udp.Answer{Body: s.refuse(errors.New("panic")).appendText(dst), Refused: true}
		}
	}()
	sc := s.scratchpad()
	defer s.scratch.Put(sc)
	v := d.take(sc, r)
	if v.refusal != nil {
		s.metrics.announces[v.refusal.outcome].Inc()
		return udp.Answer{Body: v.refusal.appendText(dst), Refused: true, Promise: v.promise}
	}
	s.metrics.announces[answered].Inc()
	return udp.Answer{Body: udp.AppendReply(dst, &sc.reply, r.From.Is4()), Promise: v.promise}
}

func (d udpHandler) take(sc *scratch, r *udp.Request) verdict {
	path, _, _ := strings.Cut(r.URL, "?")
	announceKey, action, ok := route(path)
	switch {
	case r.Bad != nil:
		return verdict{refusal: d.s.refuse(r.Bad)}
	case !ok || action != "announce":
		return verdict{refusal: d.s.refuseNoAnnounceKey()}
	}
	sc.announce = r.Announce
	v := d.s.take(sc, announceKey, r.From, "")
	if v.refusal != nil && v.refusal.location != "" {
		v.refusal = d.s.refuseForeign()
	}
	return v
}

// Commit implements udp.Handler.
func (d udpHandler) Commit(p promise.Promise) error { return d.s.Commit(p) }

// Failed implements udp.Handler. The text is the same as over HTTP.
func (d udpHandler) Failed(err error) string { return oneLine(d.s.refuse(err).reason) }
