package hermes

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

const (
	registerLimit = 30 * time.Second // from the connection to being in the announce channel
	tendEvery     = 5 * time.Second  // how often a lost nick or channel is asked for again
	partingLimit  = time.Second      // for the server to answer our QUIT
	pingEvery     = 60 * time.Second
	pingLimit     = 30 * time.Second
)

// session is one connection to IRC, from its making to its end. mu guards the fields below
// it, except those that only the handler of events uses.
type session struct {
	cfg     Config
	keys    keys
	log     *slog.Logger
	clock   core.Clock
	wire    *wire
	client  *girc.Client
	outbox  *outbox
	receive func(message) // takes what people say to us; must not wait
	update  func()        // called after each change that others may wait for
	foreign *foreign      // nil on our own network

	gone     chan struct{} // closed when the connection has ended
	turn     chan struct{} // held by whoever waits for the server's word on a line
	deadline *time.Timer   // ends a session that doesn't get ready

	mu         sync.Mutex
	failure    error // why we hung up
	offered    map[string]bool
	facts      facts
	caps       map[string]bool
	registered bool // welcomed, and the message of the day is over
	since      time.Time
	nick       string
	tries      int    // other nicks tried because ours was taken
	prefix     string // nick!user@host as others see it; "" until we joined a channel
	joined     map[string]bool
	topics     map[string]string // of channels we are in, once known
	awaited    *exchange
	recall     *recall
}

// connect opens a session, on a foreign network with the site's channels in hand. It
// returns once the connection stands; registration goes on while run runs.
func (l *link) connect(ctx context.Context) (*session, error) {
	c := l.cfg
	if l.doors != nil {
		// What was read before will do until the database answers: then its changes come
		// by the event log.
		if err := l.doors.load(ctx); err != nil {
			if len(l.doors.channels()) == 0 {
				return nil, err
			}
			l.deps.Log.Warn("the channels are as they were when the database last answered", "err", err)
		}
	}
	w, err := dial(ctx, c)
	if err != nil {
		return nil, err
	}
	s := &session{
		cfg: c, keys: l.keys, log: l.deps.Log, clock: l.deps.Clock, wire: w, outbox: newOutbox(c), receive: l.receive,
		update: l.update, facts: newFacts(),
		gone: make(chan struct{}), turn: make(chan struct{}, 1), nick: c.Nick,
		offered: map[string]bool{}, caps: map[string]bool{}, joined: map[string]bool{}, topics: map[string]string{},
	}
	if l.doors != nil {
		s.goAbroad(l.doors)
	}
	s.client = newClient(c.Nick, s)
	return s, nil
}

// run serves the session until the connection ends, or until ctx ends and the server has
// answered our QUIT. It returns why it ended.
func (s *session) run(ctx context.Context) error {
	s.deadline = time.AfterFunc(registerLimit, func() { s.hangUp(errors.New("registration took too long")) })
	defer s.deadline.Stop()
	living, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	group, _ := supervise.NewGroup(living)
	group.Go(func(context.Context) error {
		defer end()
		defer close(s.gone)
		return s.client.DialerConnect(opened{s.wire, s.keys.server})
	})
	group.Go(func(ctx context.Context) error { return s.outbox.run(ctx, s.wire) })
	group.Go(s.tend)
	group.Go(func(inner context.Context) error {
		select {
		case <-ctx.Done():
			s.part()
		case <-inner.Done():
		}
		return s.wire.Close()
	})
	err := group.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.failure, err)
}

// part sends QUIT, and gives the server a moment to close the connection, so that nothing
// that we sent is lost.
func (s *session) part() {
	if err := s.wire.line("QUIT", "the program stops"); err != nil {
		return
	}
	t := time.NewTimer(partingLimit)
	defer t.Stop()
	select {
	case <-s.gone:
	case <-t.C:
	}
}

// hangUp ends the session because of err.
func (s *session) hangUp(err error) {
	s.mu.Lock()
	if s.failure == nil {
		s.failure = err
	}
	s.mu.Unlock()
	_ = s.wire.Close() // ends girc's reader, and with it the session
}

// tend asks again for the nick and the channels that we should have.
func (s *session) tend(ctx context.Context) error {
	t := time.NewTicker(tendEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		s.mu.Lock()
		registered, nick, oper := s.registered, s.nick, s.isOper()
		missing := s.missing()
		s.mu.Unlock()
		if !registered {
			continue
		}
		if nick != s.cfg.Nick {
			if err := s.takeNick(nick, oper); err != nil {
				return err
			}
		}
		for _, channel := range missing {
			if err := s.outbox.send(ctx, replies, s.gone, "JOIN", channel); err != nil {
				return nil // the connection ends
			}
		}
	}
}

// isOper reports whether we are an operator of a foreign network. Hold mu.
func (s *session) isOper() bool { return s.foreign != nil && s.foreign.oper }

// takeNick asks for our own nick; an operator gets it.
func (s *session) takeNick(have string, oper bool) error {
	lines := []line{{girc.NICK, s.cfg.Nick}}
	if oper {
		lines = s.foreign.kind.takeNick(have, s.cfg.Nick)
	}
	for _, l := range lines {
		if err := s.wire.line(l[0], l[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// missing lists the channels that we should be in and are not. Hold mu.
func (s *session) missing() []string {
	var out []string
	seen := map[string]bool{}
	wanted := s.cfg.channels()
	if s.foreign != nil {
		wanted = append(wanted, s.foreign.more...)
	}
	for _, c := range wanted {
		if key := s.fold(c); !s.joined[key] && !seen[key] {
			seen[key] = true
			out = append(out, c)
		}
	}
	return out
}

// fold makes names comparable as the server compares them. Hold mu, or be the handler
// of events.
func (s *session) fold(name string) string { return s.facts.fold(name) }

// ready reports whether the session can announce: our own nick, inside the
// channel, and sure of what was announced before.
func (s *session) ready(channel string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.registered && s.nick == s.cfg.Nick && s.joined[s.fold(channel)] && (s.recall == nil || s.recall.done)
}

// overhead is how many bytes the server puts around a message of ours to
// channel, without the line end.
func (s *session) overhead(channel string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	prefix := s.prefix
	if prefix == "" {
		const longestUser, longestHost = 20, 64
		return len(":!@ PRIVMSG  :") + len(s.nick) + longestUser + longestHost + len(channel)
	}
	return len(": PRIVMSG  :") + len(prefix) + len(channel)
}
