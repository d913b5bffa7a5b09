package hermes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

const (
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = time.Minute
	calm         = 2 * time.Minute // a session that lasted this long starts at the first back-off again
)

// link keeps a session alive, one after the other.
type link struct {
	cfg     Config
	keys    keys
	doors   *doors // nil on our own network
	deps    Deps
	metrics *metrics
	receive func(message)
	ready   func()

	mu      sync.Mutex
	session *session
	why     string        // the last one ended, or could not be made
	changed chan struct{} // closed and replaced at each change of the session or its state
}

func newLink(c Config, k keys, doors *doors, d Deps, m *metrics, receive func(message), ready func()) *link {
	return &link{cfg: c, keys: k, doors: doors, deps: d, metrics: m, receive: receive, ready: sync.OnceFunc(ready), changed: make(chan struct{})}
}

// keep connects again and again, with back-off, until ctx ends.
func (l *link) keep(ctx context.Context) {
	backoff, tries := firstBackoff, 0
	for {
		started := time.Now()
		l.metrics.connects.Inc()
		why := l.once(ctx)
		l.mu.Lock()
		l.why = why
		l.mu.Unlock()
		if time.Since(started) > calm {
			backoff, tries = firstBackoff, 0
		}
		// Spread, so that many bots don't come back in step.
		wait := backoff/2 + rand.N(backoff) //nolint:gosec // no secret: it only spreads load
		if ctx.Err() != nil {
			return // we are to leave
		}
		level := slog.LevelWarn
		if tries++; tries < 3 {
			level = slog.LevelInfo // the network may just be starting beside us
		}
		l.deps.Log.Log(ctx, level, "not on IRC", "server", l.cfg.Server, "why", why, "again_in", wait.Round(time.Millisecond))
		if !core.Sleep(ctx, wait) {
			return
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// once makes one connection and serves it to its end. It returns why that has come.
func (l *link) once(ctx context.Context) string {
	s, err := l.connect(ctx)
	if err != nil {
		return err.Error()
	}
	l.set(s)
	defer l.set(nil)
	if err := s.run(ctx); err != nil {
		return err.Error()
	}
	return "the server closed the connection"
}

func (l *link) set(s *session) {
	l.mu.Lock()
	l.session = s
	l.mu.Unlock()
	l.update()
}

// update wakes everyone who waits for a change.
func (l *link) update() {
	l.mu.Lock()
	close(l.changed)
	l.changed = make(chan struct{})
	s := l.session
	l.mu.Unlock()
	if s == nil || !s.ready(l.cfg.AnnounceChannel) {
		l.metrics.connected.Set(0)
		return
	}
	l.metrics.connected.Set(1)
	l.ready()
}

// now returns the session, nil when there is none, and a channel that is closed
// at the next change.
func (l *link) now() (*session, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session, l.changed
}

// complaint says in words for staff why nothing can be announced, "" when it can.
func (l *link) complaint() string {
	s, _ := l.now()
	l.mu.Lock()
	why := l.why
	l.mu.Unlock()
	switch {
	case s == nil:
		return fmt.Sprintf("the bot is not on IRC (%s): %s", l.cfg.Server, why)
	case !s.ready(l.cfg.AnnounceChannel):
		return fmt.Sprintf("the bot is on IRC (%s), but not yet in %s under its own nick", l.cfg.Server, l.cfg.AnnounceChannel)
	}
	return ""
}

var errNotLetIn = errors.New("the channel does not let us in")

// await returns a session that is ready to speak in channel. With patience > 0
// it fails with errNotLetIn once a session has been on IRC for that long without
// getting into the channel.
func (l *link) await(ctx context.Context, channel string, patience time.Duration) (*session, error) {
	for {
		s, changed := l.now()
		var limit <-chan time.Time
		if s != nil {
			if s.ready(channel) {
				return s, nil
			}
			if since, on := s.onlineSince(); on && patience > 0 {
				left := patience - time.Since(since)
				if left <= 0 {
					return nil, errNotLetIn
				}
				t := time.NewTimer(left)
				defer t.Stop()
				limit = t.C
			}
		}
		select {
		case <-changed:
		case <-limit:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *session) onlineSince() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since, s.registered
}
