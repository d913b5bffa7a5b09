package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func newClock() *dbtest.Clock { return dbtest.NewClock(time.Unix(1_700_000_000, 0)) }

func open(t testing.TB, dir string, o Options) *Journal {
	t.Helper()
	j, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return j
}

func closeNow(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func appendOK(t testing.TB, j *Journal, rec string) uint64 {
	t.Helper()
	pos, err := j.Append([]byte(rec))
	if err != nil {
		t.Fatal(err)
	}
	return pos
}

// entry is a record as it was replayed.
type entry struct {
	Pos uint64
	Rec string
}

func replay(t testing.TB, j *Journal, after uint64) []entry {
	t.Helper()
	list, err := tryReplay(j, after)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func tryReplay(j *Journal, after uint64) (list []entry, err error) {
	err = j.Replay(after, func(pos uint64, rec []byte) error {
		list = append(list, entry{pos, string(rec)})
		return nil
	})
	return list, err
}

func same(t testing.TB, got, want []entry) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("replayed (-want +got):\n%s", diff)
	}
}

// fill appends n records of some lengths, each a group of its own.
func fill(t testing.TB, j *Journal, n int) (list []entry) {
	t.Helper()
	for i := range n {
		rec := fmt.Sprintf("record %d %0*d", j.Position()+1, 10+7*i%60, i)
		list = append(list, entry{appendOK(t, j, rec), rec})
	}
	return list
}

func segmentFiles(t testing.TB, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"+suffix))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// crashed returns a copy of what the directory holds now: what a kill -9 would
// leave.
func crashed(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, path := range segmentFiles(t, dir) {
		write(t, filepath.Join(to, filepath.Base(path)), read(t, path))
	}
	return to
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// overwrite is write without making the file empty first, which file systems
// take for a reason to sync it.
func overwrite(t testing.TB, path string, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(b, 0)
	if err := errors.Join(err, f.Truncate(int64(len(b))), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// eventually waits, with a deadline, for what other goroutines are about to do.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("it never happened: %s", what)
		}
	}
}

// fakeDisk is the real one, with faults. It notes what a power failure would
// put at risk.
type fakeDisk struct {
	realDisk
	mu       sync.Mutex
	writes   int
	syncs    int
	room     int64         // bytes that can still be written; -1 is no limit
	gate     chan struct{} // when set, each write takes one from it first
	arrived  int           // writes that have come to the gate
	syncErr  error
	cutErr   error
	makeErr  error
	dirErr   error
	rmErr    error
	forget   bool // a sync that fails loses what it should have written
	unlisted []string
	files    map[string]*fakeFile
}

func newFakeDisk() *fakeDisk { return &fakeDisk{room: -1, files: map[string]*fakeFile{}} }

func (d *fakeDisk) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *fakeDisk) counts() (writes, syncs int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.writes, d.syncs
}

func (d *fakeDisk) Create(path string, size int64) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.makeErr != nil {
		return nil, d.makeErr
	}
	f, err := d.realDisk.Create(path, size)
	if err != nil {
		return nil, err
	}
	d.unlisted = append(d.unlisted, path)
	return d.wrap(path, f), nil
}

func (d *fakeDisk) wrap(path string, f file) file {
	w := &fakeFile{file: f, d: d}
	d.files[path] = w
	return w
}

func (d *fakeDisk) Open(path string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.realDisk.Open(path)
	if err != nil {
		return nil, err
	}
	return d.wrap(path, f), nil
}

func (d *fakeDisk) Remove(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rmErr != nil {
		return d.rmErr
	}
	delete(d.files, path)
	d.unlisted = slices.DeleteFunc(d.unlisted, func(p string) bool { return p == path })
	return d.realDisk.Remove(path)
}

func (d *fakeDisk) SyncDir(string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dirErr != nil {
		return d.dirErr
	}
	d.unlisted = nil
	return nil
}

// span is a stretch of a file that was written and not synced.
type span struct{ from, to int64 }

type fakeFile struct {
	file
	d      *fakeDisk
	atRisk []span
}

func (f *fakeFile) WriteAt(b []byte, off int64) (int, error) {
	if gate := func() chan struct{} { f.d.mu.Lock(); defer f.d.mu.Unlock(); f.d.arrived++; return f.d.gate }(); gate != nil {
		<-gate
	}
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.writes++
	full := f.d.room >= 0 && int64(len(b)) > f.d.room
	if full {
		b = b[:f.d.room]
	}
	if f.d.room >= 0 {
		f.d.room -= int64(len(b))
	}
	n, err := f.file.WriteAt(b, off)
	f.atRisk = append(f.atRisk, span{off, off + int64(n)})
	if err == nil && full {
		err = syscall.ENOSPC
	}
	return n, err
}

func (f *fakeFile) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.cutErr != nil {
		return f.d.cutErr
	}
	for i, s := range f.atRisk {
		f.atRisk[i].to = max(min(s.to, size), s.from)
	}
	return f.file.Truncate(size)
}

func (f *fakeFile) Sync() error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	f.d.syncs++
	if f.d.syncErr != nil {
		if f.d.forget {
			f.atRisk = nil
		}
		return f.d.syncErr
	}
	f.atRisk = nil
	return nil
}
