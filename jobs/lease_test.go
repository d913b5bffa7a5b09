package jobs

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// link carries connections to a database until it is frozen: then it takes what is
// sent, and nothing comes through.
type link struct {
	address string
	frozen  atomic.Bool
	held    atomic.Int64  // bytes that came while it was frozen
	thawed  chan struct{} // closed at the end
}

func newLink(t *testing.T, to string) *link {
	t.Helper()
	dir, err := os.MkdirTemp("", "link") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	l := &link{address: filepath.Join(dir, "s"), thawed: make(chan struct{})}
	listener, err := net.Listen("unix", l.address)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		close(l.thawed)
		wg.Wait()
		_ = os.RemoveAll(dir)
	})
	wg.Go(func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			wg.Go(func() { l.carry(in, out) })
			wg.Go(func() { l.carry(out, in) })
		}
	})
	return l
}

func (l *link) carry(from, to net.Conn) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		if l.frozen.Load() {
			l.held.Add(int64(n))
			<-l.thawed
			return
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// TestAFrozenLinkEndsTheWorkBeforeItsLease freezes the holder's link to the database, so
// that a renewal is never answered. The work ends while nobody else can have the lease.
func TestAFrozenLinkEndsTheWorkBeforeItsLease(t *testing.T) {
	c := dbtest.MariaDBConfig(t)
	direct := dbtest.Open(t, c)
	l := newLink(t, c.Address)
	c.Address = l.address
	h := newHouse(t, dbtest.Reopen(t, c), noon)
	r, _ := h.room("one")
	began, ended := make(chan struct{}), make(chan time.Time, 1)
	result := make(chan error, 1)
	go func() {
		_, err := r.withLease(t.Context(), "work", func(ctx context.Context) error {
			close(began)
			<-ctx.Done()
			ended <- h.clock()
			return ctx.Err()
		})
		result <- err
	}()
	<-began
	l.frozen.Store(true)
	h.set(noon.Add(leaseRenew))
	until(t, "a renewal is on its way", func() bool { return l.held.Load() > 0 })
	h.set(noon.Add(leaseTTL - leaseMargin))
	select {
	case at := <-ended:
		if got, err := direct.Lease(t.Context(), "work", "two", at, leaseTTL); got || err != nil {
			t.Errorf("another process has the lease when the work ends: %v, %v", got, err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the work goes on although its lease is about to end")
	}
	if err := <-result; !errors.Is(err, errLeaseLost) {
		t.Errorf("the work ended with %v", err)
	}
	if got, err := direct.Lease(t.Context(), "work", "two", noon.Add(leaseTTL), leaseTTL); !got || err != nil {
		t.Errorf("the lease does not end with its time: %v, %v", got, err)
	}
}
