package house

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/supervise"
)

type rehashed struct{ told chan struct{} }

func (rehashed) Name() string                            { return "x" }
func (rehashed) Run(ctx context.Context, _ func()) error { <-ctx.Done(); return nil }
func (r rehashed) Rehash() {
	select {
	case r.told <- struct{}{}:
	default:
	}
}

// TestHangup reads the configuration again at the signal.
func TestHangup(t *testing.T) {
	if isTerminal(os.Stdin) {
		stdin := os.Stdin
		os.Stdin, _ = os.Open(os.DevNull)
		defer func() { os.Stdin = stdin }()
	}
	guard := make(chan os.Signal, 1) // the signal must not end the test before it is listened to
	signal.Notify(guard, syscall.SIGHUP)
	defer signal.Stop(guard)
	room, ended := rehashed{make(chan struct{}, 1)}, make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(ended)
		onHangup(ctx, []supervise.Room{room})
	}()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		select {
		case <-room.told:
			cancel()
			<-ended
			return
		case <-time.After(10 * time.Millisecond):
			if time.Now().After(deadline) {
				t.Fatal("the room was not told")
			}
		}
	}
}
