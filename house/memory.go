package house

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A tracker's memory is nearly all swarms and rows without pointers: to collect often
// costs next to nothing, and room for garbage would be a part of them.
const (
	garbageRoom     = 8 << 20 // bytes, about
	mostGarbage     = 10      // per cent of what is in use, for small heaps
	leastGarbage    = 2
	garbageInterval = 5 * time.Second
)

// limitGarbage keeps the room for garbage about the same while the heap grows.
func limitGarbage(ctx context.Context) {
	tick := time.NewTicker(garbageInterval)
	defer tick.Stop()
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for last := mostGarbage; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		metrics.Read(live)
		if now := garbagePercent(live[0].Value.Uint64()); now != last {
			debug.SetGCPercent(now) // it halts everything for a moment
			last = now
		}
	}
}

func garbagePercent(live uint64) int {
	return int(min(max(garbageRoom*100/max(live, 1), leastGarbage), mostGarbage))
}

// trim gives back the pages of the program's own file that only its start has
// touched, or nobody: a kernel whose file cache works with large pages maps all of a
// program at the first touch. What is used comes back from that cache, by 64 KiB.
func trim() error {
	smaps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return err
	}
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	for _, m := range unwritten(string(smaps), path) {
		for _, advice := range []uintptr{unix.MADV_NOHUGEPAGE, unix.MADV_DONTNEED} {
			if _, _, e := unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, advice); e != 0 && (advice == unix.MADV_DONTNEED || e != unix.EINVAL) {
				return e // EINVAL: a kernel without huge pages
			}
		}
	}
	return nil
}

type mapping struct{ from, to uintptr }

// unwritten finds in /proc/PID/smaps (proc_pid_smaps(5)) the mappings of a file that
// can't be written to and never were: what a linker has written there at the start is
// nowhere else.
func unwritten(smaps, path string) (list []mapping) {
	var m mapping
	ours := false
	for line := range strings.Lines(smaps) {
		line = strings.TrimSuffix(line, "\n")
		var next mapping
		var mode string
		if n, _ := fmt.Sscanf(line, "%x-%x %4s", &next.from, &next.to, &mode); n == 3 {
			m = next
			ours = strings.HasSuffix(line, " "+path) && !strings.Contains(mode, "w")
		} else if rest, ok := strings.CutPrefix(line, "Anonymous:"); ok && ours && strings.TrimSpace(rest) == "0 kB" {
			list = append(list, m)
		}
	}
	return list
}

// isTracker reports whether rooms are the tracker alone, whose memory is tuned.
func isTracker(rooms []string) bool { return slices.Equal(rooms, []string{"tracker"}) }
