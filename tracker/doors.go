package tracker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/supervise"
	"github.com/caduceus-bio/caduceus/tracker/front"
	"github.com/caduceus-bio/caduceus/tracker/udp"
)

// doors are the tracker's other fronts, each of which may be closed.
type doors struct {
	udp *udp.Server // nil is closed
}

// openDoors opens all that the configuration asks for, or none.
func (r *Room) openDoors(ctx context.Context, w *work, committer front.Committer) error {
	if len(r.c.UDPListen) > 0 {
		o := udp.Options{Handler: datagrams{w.service}, Clock: r.d.Clock, Log: r.d.Log}
		if committer != nil {
			o.Committer = datagramCommitter{committer, w.service}
		}
		var err error
		if w.doors.udp, err = udp.Open(ctx, r.c.UDPListen, o); err != nil {
			return fmt.Errorf("[tracker] udp_listen: %w", err)
		}
	}
	return nil
}

func (d doors) serve(g *supervise.Group) {
	if d.udp != nil {
		g.Go(d.udp.Serve)
	}
}

// close closes doors that will not serve.
func (d doors) close() error {
	if d.udp != nil {
		return d.udp.Close()
	}
	return nil
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
func (d datagrams) Announce(dst []byte, r *udp.Request) (body []byte, ok bool) {
	s := d.s
	defer func() {
		if v := recover(); v != nil {
			s.log.Error("answering a packet panicked", "panic", v)
			body, ok = s.refuse(errors.New("panic")).appendText(dst), false
		}
	}()
	sc := s.scratchpad()
	defer s.scratch.Put(sc)
	if why := d.take(sc, r); why != nil {
		s.metrics.announces[why.outcome].Inc()
		return why.appendText(dst), false
	}
	s.metrics.announces[answered].Inc()
	return udp.AppendReply(dst, &sc.reply, r.From.Is4()), true
}

func (d datagrams) take(sc *scratch, r *udp.Request) *refusal {
	path, _, _ := strings.Cut(r.URL, "?")
	passkey, action, ok := route(path)
	switch {
	case r.Bad != nil:
		return d.s.refuse(r.Bad)
	case !ok || action != "announce":
		return d.s.refuseNoPasskey()
	}
	sc.announce = r.Announce
	return d.s.take(sc, passkey, r.From)
}

// datagramCommitter tells over UDP what the other front would.
type datagramCommitter struct {
	front.Committer
	s *service
}

// Failed implements udp.Committer.
func (c datagramCommitter) Failed(err error) string { return oneLine(c.s.refuse(err).reason) }
