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

// doors are the tracker's other fronts, each of which may be closed.
type doors struct {
	udp    *udp.Server
	ocelot *ocelot.Server
}

// openDoors opens all that the configuration asks for, or none.
func (r *Room) openDoors(ctx context.Context, w *work) (err error) {
	if len(r.c.UDPListen) > 0 {
		o := udp.Options{Handler: datagrams{w.service}, Clock: r.d.Clock, Log: r.d.Log}
		if w.doors.udp, err = udp.Open(ctx, r.c.UDPListen, o); err != nil {
			return fmt.Errorf("[tracker] udp_listen: %w", err)
		}
	}
	if r.c.OcelotListen != "" {
		if w.doors.ocelot, err = r.openOcelot(ctx, w); err != nil {
			return errors.Join(fmt.Errorf("[tracker] ocelot_listen: %w", err), w.doors.close())
		}
		w.service.gazelle = w.doors.ocelot
	}
	return nil
}

func (d doors) serve(g *supervise.Group) {
	if d.udp != nil {
		g.Go(d.udp.Serve)
	}
	if d.ocelot != nil {
		g.Go(d.ocelot.Serve)
	}
}

// close closes doors that will not serve.
func (d doors) close() error {
	var errs []error
	if d.udp != nil {
		errs = append(errs, d.udp.Close())
	}
	if d.ocelot != nil {
		errs = append(errs, d.ocelot.Close())
	}
	return errors.Join(errs...)
}

// truth lets Gazelle say who may announce what, where it drives the tracker.
func (r *Room) truth(o roster.Options) roster.Options {
	if r.c.OcelotListen != "" {
		s := ocelot.NewStore(r.d.DB, r.d.Events, r.d.Clock)
		o.Members, o.Torrents, o.Clients, o.Economy = s, s, s, s
	}
	return o
}

func (r *Room) openOcelot(ctx context.Context, w *work) (*ocelot.Server, error) {
	o := ocelot.Options{
		Store: ocelot.NewStore(r.d.DB, r.d.Events, r.d.Clock), Trusted: w.service.addresses.trusted, Stats: w.ocelotStats,
		Followed: func(ctx context.Context, event int64) error { return r.d.Events.WaitFor(ctx, roster.Consumer, event) },
		Interval: r.c.Interval.Duration, LongestInterval: max(10*r.c.peerTimeout()/11, r.c.Interval.Duration), Clock: r.d.Clock, Log: r.d.Log,
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

func (w *work) ocelotStats() ocelot.Stats {
	http, totals := w.front.Stats(), w.service.swarms.Totals()
	m := w.service.metrics
	announces, scrapes := m.announces.total(), m.scrapes.total()
	return ocelot.Stats{Started: w.begun, Opened: http.Accepted, Open: http.Open, Announces: announces, Answered: m.announces.of(answered),
		Scrapes: scrapes, Seeders: int64(totals.Seeders), Leechers: int64(totals.Leechers), Waiting: int64(w.book.Stats().Rows)}
}

// OcelotAddr returns where Gazelle is listened to; nil where it is not, or not yet.
func (r *Room) OcelotAddr() net.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.doors.ocelot == nil {
		return nil
	}
	return r.doors.ocelot.Addr()
}

// UDPAddrs returns the addresses that the room listens on over UDP, in the order
// of Config.UDPListen; none before it is ready.
func (r *Room) UDPAddrs() []net.Addr {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.doors.udp == nil {
		return nil
	}
	return r.doors.udp.Addrs()
}

// datagrams is the service as UDP's handler.
type datagrams struct{ s *service }

var _ udp.Handler = datagrams{}

// Announce implements udp.Handler. It never panics, as Answer does not.
func (d datagrams) Announce(dst []byte, r *udp.Request) (a udp.Answer) {
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

func (d datagrams) take(sc *scratch, r *udp.Request) verdict {
	path, _, _ := strings.Cut(r.URL, "?")
	passkey, action, ok := route(path)
	switch {
	case r.Bad != nil:
		return verdict{refusal: d.s.refuse(r.Bad)}
	case !ok || action != "announce":
		return verdict{refusal: d.s.refuseNoPasskey()}
	}
	sc.announce = r.Announce
	v := d.s.take(sc, passkey, r.From, "")
	if v.refusal != nil && v.refusal.location != "" {
		v.refusal = d.s.refuseForeign()
	}
	return v
}

// Commit implements udp.Handler.
func (d datagrams) Commit(p promise.Promise) error { return d.s.Commit(p) }

// Failed implements udp.Handler: it tells over UDP what the other front would.
func (d datagrams) Failed(err error) string { return oneLine(d.s.refuse(err).reason) }
