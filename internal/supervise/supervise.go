// Package supervise runs the rooms of the house. Each runs on its own and is
// restarted with back-off when it fails or panics, while the others go on.
//
// Concurrency: Run starts one goroutine for each room. A room starts its own
// goroutines through a Group, so that a panic in any of them ends only that
// room. What recover can't catch (out of memory, concurrent map writes) is why
// production runs each room as its own process.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Room is a service of the house.
type Room interface {
	// Name is a short lower-case word.
	Name() string
	// Run serves until ctx ends, then drains and returns nil. It calls ready once it
	// can be used. After an error or a panic it is called again, so it must set up
	// everything from the start.
	Run(ctx context.Context, ready func()) error
}

// Complainer is a Room that can be in trouble although it runs.
type Complainer interface {
	// Complaint says in words for staff what is wrong, "" for nothing. It never waits.
	Complaint() string
}

// State tells what a room is doing.
type State struct {
	Ready     bool      // serving now
	Restarts  int       // since the program started
	LastErr   string    // why it was last restarted; for staff and logs
	Since     time.Time // of the present state
	Complaint string    // of a Complainer that is ready
}

// Supervisor runs rooms. The zero value is not usable; see New.
type Supervisor struct {
	rooms []Room
	log   *slog.Logger

	mu     sync.Mutex
	states map[string]State
	first  map[string]chan struct{} // closed when the room was ready for the first time
}

// New makes a supervisor of rooms.
func New(log *slog.Logger, rooms ...Room) *Supervisor {
	s := &Supervisor{rooms: rooms, log: log, states: map[string]State{}, first: map[string]chan struct{}{}}
	for _, r := range rooms {
		s.states[r.Name()] = State{Since: time.Now()}
		s.first[r.Name()] = make(chan struct{})
	}
	return s
}

// Run runs all rooms until ctx ends and every room has drained.
func (s *Supervisor) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, r := range s.rooms {
		wg.Go(func() { s.keep(ctx, r) })
	}
	wg.Wait()
}

// WaitReady returns nil once every room has been ready, or ctx's error.
func (s *Supervisor) WaitReady(ctx context.Context) error {
	for _, r := range s.rooms {
		select {
		case <-s.first[r.Name()]:
		case <-ctx.Done():
			return fmt.Errorf("room %s is not ready: %w", r.Name(), ctx.Err())
		}
	}
	return nil
}

// States returns the state of each room by name.
func (s *Supervisor) States() map[string]State {
	s.mu.Lock()
	out := maps.Clone(s.states)
	s.mu.Unlock()
	for _, r := range s.rooms {
		if c, ok := r.(Complainer); ok && out[r.Name()].Ready {
			st := out[r.Name()]
			st.Complaint = c.Complaint()
			out[r.Name()] = st
		}
	}
	return out
}

const (
	firstBackoff = 250 * time.Millisecond
	maxBackoff   = 30 * time.Second
	calm         = time.Minute // after this long without a fault, back-off starts from the beginning
)

func (s *Supervisor) keep(ctx context.Context, r Room) {
	backoff := firstBackoff
	for {
		started := time.Now()
		err := s.runOnce(ctx, r)
		if ctx.Err() != nil {
			s.set(r, func(st *State) { st.Ready = false })
			if err != nil && !errors.Is(err, context.Canceled) {
				s.log.Error("room ended badly", "room", r.Name(), "err", err)
			}
			return
		}
		if err == nil {
			err = errors.New("it returned although nobody asked it to end")
		}
		if time.Since(started) > calm {
			backoff = firstBackoff
		}
		s.set(r, func(st *State) { st.Ready = false; st.Restarts++; st.LastErr = err.Error() })
		s.log.Error("room failed", "room", r.Name(), "err", err, "restart_in", backoff)
		if !core.Sleep(ctx, backoff) {
			return
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

func (s *Supervisor) runOnce(ctx context.Context, r Room) (err error) {
	defer catch(&err)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var once sync.Once
	return r.Run(ctx, func() {
		once.Do(func() {
			s.set(r, func(st *State) { st.Ready = true })
			s.log.Info("room ready", "room", r.Name())
		})
	})
}

func (s *Supervisor) set(r Room, change func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.states[r.Name()]
	change(&st)
	st.Since = time.Now()
	s.states[r.Name()] = st
	if st.Ready {
		select {
		case <-s.first[r.Name()]:
		default:
			close(s.first[r.Name()])
		}
	}
}

// Group runs goroutines that belong together: when one fails or panics, the others'
// context is cancelled.
type Group struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	once   sync.Once
	err    error
}

// NewGroup makes a group whose context ends with ctx or with the first
// goroutine that returns an error.
func NewGroup(ctx context.Context) (*Group, context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	return &Group{ctx: ctx, cancel: cancel}, ctx
}

// Go starts f. An error or a panic of f ends the group; nil does not.
func (g *Group) Go(f func(ctx context.Context) error) {
	g.wg.Go(func() {
		if err := protect(g.ctx, f); err != nil {
			g.once.Do(func() { g.err = err; g.cancel() })
		}
	})
}

// Wait returns when all goroutines have ended, with the first error.
func (g *Group) Wait() error {
	g.wg.Wait()
	g.cancel()
	return g.err
}

func protect(ctx context.Context, f func(ctx context.Context) error) (err error) {
	defer catch(&err)
	return f(ctx)
}

func catch(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
	}
}
