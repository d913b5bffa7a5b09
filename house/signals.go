package house

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// drainLimit is how long a stop may take before the process just ends.
const drainLimit = 4500 * time.Millisecond

// UntilSignal returns a context that ends at the first SIGINT or SIGTERM. The
// second one, or drainLimit after the first, ends the process at once.
func UntilSignal(errOut io.Writer) (context.Context, func()) { return untilSignal(errOut, drainLimit) }

// UntilSignalOrDone is UntilSignal for work that must not be cut off, such as a change
// of the schema: after the first signal it may take as long as it needs.
func UntilSignalOrDone(errOut io.Writer) (context.Context, func()) {
	return untilSignal(errOut, math.MaxInt64)
}

func untilSignal(errOut io.Writer, limit time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		_, _ = fmt.Fprintln(errOut, "Stopping; once more stops at once.")
		cancel()
		select {
		case <-signals:
		case <-time.After(limit):
			_, _ = fmt.Fprintln(errOut, "Draining took too long.")
		}
		os.Exit(130)
	}()
	return ctx, func() { signal.Stop(signals); cancel() }
}

// rehasher is a room that can read its configuration again.
type rehasher interface{ Rehash() }

// onHangup lets the rooms that can read their configuration again at each SIGHUP, until
// ctx ends. Without one of them the signal means what it did, and from a terminal, where it
// says that nobody is there any more.
func onHangup(ctx context.Context, rooms []supervise.Room) {
	var can []rehasher
	for _, room := range rooms {
		if r, ok := room.(rehasher); ok {
			can = append(can, r)
		}
	}
	if len(can) == 0 || isTerminal(os.Stdin) {
		return
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			for _, r := range can {
				r.Rehash()
			}
		}
	}
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
