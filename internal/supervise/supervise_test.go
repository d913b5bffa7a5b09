package supervise_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// room is a room whose n-th run is the n-th of its scripts; the last one goes on
// until it is stopped.
type room struct {
	name    string
	mu      sync.Mutex
	runs    int
	scripts []func(ctx context.Context, ready func()) error
}

func (r *room) Name() string { return r.name }

func (r *room) Run(ctx context.Context, ready func()) error {
	r.mu.Lock()
	script := r.scripts[min(r.runs, len(r.scripts)-1)]
	r.runs++
	r.mu.Unlock()
	return script(ctx, ready)
}

func serve(ctx context.Context, ready func()) error {
	ready()
	<-ctx.Done()
	return nil
}

// start runs the rooms and returns a stop that fails the test when they don't
// drain in time, and what was logged until then.
func start(t *testing.T, rooms ...supervise.Room) (s *supervise.Supervisor, stop func() (log string)) {
	t.Helper()
	var out bytes.Buffer
	s = supervise.New(slog.New(slog.NewTextHandler(&out, nil)), rooms...)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { defer close(done); s.Run(ctx) })
	stop = sync.OnceValue(func() string {
		cancel()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("the rooms did not drain")
		}
		return out.String()
	})
	t.Cleanup(func() { stop() })
	return s, stop
}

func waitReady(t *testing.T, s *supervise.Supervisor) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestFailingRoomsAreRestartedWhileTheOthersGoOn(t *testing.T) {
	t.Parallel()
	for what, fail := range map[string]func(ctx context.Context, ready func()) error{
		"panic":  func(context.Context, func()) error { panic("a fault in the room") },
		"error":  func(context.Context, func()) error { return errors.New("a fault in the room") },
		"return": func(context.Context, func()) error { return nil },
		"panic of its goroutine": func(ctx context.Context, ready func()) error {
			g, _ := supervise.NewGroup(ctx)
			g.Go(func(context.Context) error { panic("a fault in the room") })
			return g.Wait()
		},
		"after it was ready": func(_ context.Context, ready func()) error { ready(); ready(); panic("a fault in the room") },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			ill := &room{name: "ill", scripts: []func(context.Context, func()) error{fail, fail, serve}}
			sound := &room{name: "sound", scripts: []func(context.Context, func()) error{serve}}
			began := time.Now()
			s, stop := start(t, ill, sound)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			for !s.States()["ill"].Ready || s.States()["ill"].Restarts < 2 {
				select {
				case <-ctx.Done():
					t.Fatalf("not up again: %+v", s.States())
				case <-time.After(5 * time.Millisecond):
				}
			}
			if took := time.Since(began); took < 700*time.Millisecond { // 250 ms, then 500 ms
				t.Errorf("restarted twice within %v: no back-off", took)
			}
			st := s.States()
			if st["ill"].Restarts != 2 || st["ill"].LastErr == "" || !st["sound"].Ready || st["sound"].Restarts != 0 || sound.runs != 1 {
				t.Errorf("states %+v; sound ran %d times", st, sound.runs)
			}
			log := stop()
			if what != "return" && strings.Count(log, "a fault in the room") < 2 || strings.Count(log, "room=ill") < 3 {
				t.Errorf("log:\n%s", log)
			}
			if strings.Contains(what, "panic") && !strings.Contains(log, "supervise_test.go") {
				t.Errorf("no stack in the log:\n%s", log)
			}
		})
	}
}

// grumbler is a room with a complaint.
type grumbler struct{ *room }

func (grumbler) Complaint() string { return "it rains" }

func TestComplaints(t *testing.T) {
	t.Parallel()
	gate := make(chan struct{})
	grumpy := grumbler{&room{name: "grumpy", scripts: []func(context.Context, func()) error{func(ctx context.Context, ready func()) error {
		<-gate
		return serve(ctx, ready)
	}}}}
	s, _ := start(t, grumpy, &room{name: "sound", scripts: []func(context.Context, func()) error{serve}})
	if got := s.States()["grumpy"].Complaint; got != "" {
		t.Errorf("before it is ready: %q", got)
	}
	close(gate)
	waitReady(t, s)
	if st := s.States(); st["grumpy"].Complaint != "it rains" || st["sound"].Complaint != "" {
		t.Errorf("complaints: %+v", st)
	}
}

func TestWaitReady(t *testing.T) {
	t.Parallel()
	var gate = make(chan struct{})
	slow := &room{name: "slow", scripts: []func(context.Context, func()) error{func(ctx context.Context, ready func()) error {
		<-gate
		return serve(ctx, ready)
	}}}
	s, _ := start(t, slow, &room{name: "quick", scripts: []func(context.Context, func()) error{serve}})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.WaitReady(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "slow") {
		t.Errorf("got %v", err)
	}
	close(gate)
	waitReady(t, s)
}

func TestRoomsDrainBeforeRunReturns(t *testing.T) {
	t.Parallel()
	var drained atomic.Bool
	careful := &room{name: "careful", scripts: []func(context.Context, func()) error{func(ctx context.Context, ready func()) error {
		_ = serve(ctx, ready)
		linger := time.NewTimer(50 * time.Millisecond)
		<-linger.C
		drained.Store(true)
		return ctx.Err() // being cancelled is no failure
	}}}
	rude := &room{name: "rude", scripts: []func(context.Context, func()) error{func(ctx context.Context, ready func()) error {
		_ = serve(ctx, ready)
		panic("while leaving")
	}}}
	s, stop := start(t, careful, rude)
	waitReady(t, s)
	log := stop()
	if !drained.Load() || s.States()["careful"].Ready || careful.runs != 1 || rude.runs != 1 {
		t.Errorf("drained %v, states %+v", drained.Load(), s.States())
	}
	if !strings.Contains(log, "while leaving") || strings.Contains(log, "room=careful err") {
		t.Errorf("log:\n%s", log)
	}
}

func TestGroup(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for what, tt := range map[string]struct {
		fail func(context.Context) error
		want string
	}{
		"error": {func(context.Context) error { return boom }, "boom"},
		"panic": {func(context.Context) error { panic(boom) }, "panic: boom"},
	} {
		g, ctx := supervise.NewGroup(t.Context())
		g.Go(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		g.Go(func(ctx context.Context) error { <-ctx.Done(); return errors.New("a later one") })
		g.Go(func(context.Context) error { return nil })
		g.Go(tt.fail)
		if err := g.Wait(); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: %v", what, err)
		}
		if ctx.Err() == nil {
			t.Errorf("%s: the context did not end", what)
		}
	}
}

func TestGroupWithoutFailure(t *testing.T) {
	t.Parallel()
	parent, cancel := context.WithCancel(t.Context())
	g, ctx := supervise.NewGroup(parent)
	first := make(chan struct{})
	g.Go(func(context.Context) error { defer close(first); return nil })
	g.Go(func(ctx context.Context) error { <-ctx.Done(); return nil })
	<-first
	if ctx.Err() != nil {
		t.Error("the end of one goroutine ended the others")
	}
	cancel()
	if err := g.Wait(); err != nil {
		t.Error(err)
	}
}
