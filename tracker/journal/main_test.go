package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

const roleKey = "JOURNAL_TEST_ROLE" // what a child process of the tests does

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(roleKey) {
	case "":
		os.Exit(m.Run())
	case "append interval":
		err = childAppends(SyncInterval)
	case "append always":
		err = childAppends(SyncAlways)
	case "fill":
		err = childFills()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child is this program in another role, with a journal in dir.
func child(t *testing.T, dir, role string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), roleKey+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// childAppends appends in both ways from several goroutines, and writes a line
// for each record once it is acknowledged, until it is killed.
func childAppends(mode SyncMode) error {
	j, err := Open(".", Options{Sync: mode, SegmentSize: 256 << 10})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for w := range 6 {
		go func() {
			for n := 1; ; n++ {
				pos, err := j.Append(record(w, n))
				if err != nil {
					failed <- err
				}
				fmt.Fprintf(os.Stdout, "%d %d %d\n", w, n, pos)
			}
		}()
	}
	for w := 6; w < 8; w++ {
		go func() {
			for n := 1; ; n += 20 {
				var lines strings.Builder
				var first, last uint64
				for i := range 20 {
					pos, err := j.AppendNoWait(record(w, n+i))
					if err != nil {
						failed <- err
					}
					if first == 0 {
						first = pos
					}
					last = pos
					fmt.Fprintf(&lines, "%d %d %d\n", w, n+i, pos)
				}
				if err := j.Commit(first, last); err != nil {
					failed <- err
				}
				fmt.Fprint(os.Stdout, lines.String())
			}
		}()
	}
	return <-failed
}

func record(worker, n int) []byte {
	return fmt.Appendf(nil, "%d %d %0*d", worker, n, 20+n%60, 0)
}

// TestKill kills a process at random moments while it appends: whatever it has
// acknowledged must be there, in order, at the position that it was told.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, mode := range []SyncMode{SyncInterval, SyncAlways} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			total := 0
			for round := range 25 {
				j := open(t, dir, Options{SegmentSize: 256 << 10})
				from := j.Position()
				if err := j.RemoveUpTo(from / 2); err != nil {
					t.Fatal(err)
				}
				closeNow(t, j)
				told := killed(t, dir, mode, 1+rand.IntN(400))
				j = open(t, dir, Options{SegmentSize: 256 << 10})
				found := map[uint64][2]int{}
				next := [8]int{1, 1, 1, 1, 1, 1, 1, 1}
				for _, e := range replay(t, j, from) {
					var w, n int
					if _, err := fmt.Sscan(e.Rec, &w, &n); err != nil || n != next[w] || e.Rec != string(record(w, n)) {
						t.Fatalf("round %d: %q at %d, want number %d of worker %d", round, e.Rec, e.Pos, next[w], w)
					}
					next[w]++
					found[e.Pos] = [2]int{w, n}
				}
				for pos, rec := range told {
					if found[pos] != rec {
						t.Fatalf("round %d: position %d was acknowledged for %v, but there is %v", round, pos, rec, found[pos])
					}
				}
				if extra := len(found) - len(told); extra > 6+2*20 { // one of each worker, not told yet
					t.Errorf("round %d: %d records more than were acknowledged", round, extra)
				}
				total += len(told)
				closeNow(t, j)
			}
			t.Logf("%d acknowledged records", total)
		})
	}
}

// killed runs a child, kills it once it has acknowledged some records, and
// returns what it has acknowledged until then.
func killed(t *testing.T, dir string, mode SyncMode, after int) map[uint64][2]int {
	t.Helper()
	cmd := child(t, dir, "append "+string(mode))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told := map[uint64][2]int{}
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break // a line in part is a record whose answer did not get through
		}
		var w, n int
		var pos uint64
		if err == nil {
			_, err = fmt.Sscan(line, &w, &n, &pos)
		}
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		told[pos] = [2]int{w, n}
		if len(told) == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err == nil || len(told) < after {
		t.Fatalf("the child ended by itself after %d records: %v", len(told), err)
	}
	return told
}

// childFills fills what it may write, then gets more: the limit on the size of
// its files stops it in the middle of a write, as a full disk does.
func childFills() error {
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	low := syscall.Rlimit{Cur: 100_001, Max: old.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &low); err != nil {
		return err
	}
	c := newClock()
	j, err := Open(".", Options{Clock: c.Now})
	if err != nil {
		return err
	}
	var good, bad atomic.Int64
	appendMany := func(each int) {
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for n := range each {
					if pos, err := j.Append(record(w, n)); err == nil {
						good.Add(1)
						fmt.Fprintf(os.Stdout, "%d\n", pos)
					} else {
						bad.Add(1)
					}
				}
			})
		}
		wg.Wait()
	}
	appendMany(1000)
	if good.Load() < 500 || bad.Load() < 1000 || j.Stats().Trouble == nil {
		return fmt.Errorf("%d and %d records, %+v", good.Load(), bad.Load(), j.Stats())
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	c.Add(defaultRetry)
	appendMany(1) // one finds out, and who comes meanwhile is refused
	before := bad.Load()
	appendMany(10)
	if bad.Load() != before || j.Stats().Trouble != nil {
		return fmt.Errorf("with room again: %+v", j.Stats())
	}
	return j.Close()
}

// TestFileSizeLimit has the kernel itself refuse to write on.
func TestFileSizeLimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := child(t, dir, "fill").Output()
	if err != nil {
		t.Fatal(err)
	}
	checkPositions(t, dir, strings.Fields(string(out)))
}

// checkPositions wants exactly the records at these positions.
func checkPositions(t *testing.T, dir string, told []string) {
	t.Helper()
	found := map[string]bool{}
	j := open(t, dir, Options{})
	for _, e := range replay(t, j, 0) {
		found[strconv.FormatUint(e.Pos, 10)] = true
	}
	if r := j.Recovery(); r != (Recovery{}) {
		t.Errorf("something had to be cut: %+v", r)
	}
	for _, pos := range told {
		if !found[pos] {
			t.Errorf("position %s was acknowledged", pos)
		}
	}
	if len(found) != len(told) {
		t.Errorf("%d records, but %d were acknowledged", len(found), len(told))
	}
}
