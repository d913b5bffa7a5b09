package gauge_test

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/gauge"
)

func TestProcess(t *testing.T) {
	t.Parallel()
	room := make([]byte, 32<<20)
	for i := range room {
		room[i] = 1
	}
	rss, err := gauge.RSSOf(os.Getpid())
	if err != nil || rss < int64(len(room)) {
		t.Errorf("%d bytes are resident, %v", rss, err)
	}
	before, err := gauge.CPUOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		for i := range room {
			room[i]++
		}
		after, err := gauge.CPUOf(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after > before {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("work takes no time")
		}
	}
	const nobody = 1 << 30 // above what the kernel gives
	if _, err := gauge.CPUOf(nobody); err == nil {
		t.Error("nobody's time was told")
	}
	if _, err := gauge.RSSOf(nobody); err == nil {
		t.Error("nobody's memory was told")
	}
}

func TestPeerOf(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if pid, err := gauge.PeerOf(t.Context(), path); err != nil || pid != os.Getpid() {
		t.Errorf("process %d, %v", pid, err)
	}
	if err := gauge.Admin(t.Context(), path+"x", "SELECT 1"); err == nil {
		t.Error("a database that isn't there ran a statement")
	}
}
