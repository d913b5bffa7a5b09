package checkpoint_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/tracker/journal/checkpoint"
)

const roleKey = "CHECKPOINT_TEST_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleKey) == "" {
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, childWrites(os.Args[1]))
	os.Exit(1)
}

// content is different for each position.
func content(position uint64, size int) []byte {
	b := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(position), byte(position >> 8)})
	rng.Read(b)
	return b
}

func filler(b []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		for part := range slices.Chunk(b, 1000) {
			if n, err := w.Write(part); n != len(part) || err != nil {
				return err
			}
		}
		return nil
	}
}

func save(t testing.TB, dir string, position uint64, b []byte) (oldest uint64) {
	t.Helper()
	oldest, err := checkpoint.Write(dir, position, filler(b))
	if err != nil {
		t.Fatal(err)
	}
	return oldest
}

// load opens the newest one and reads it to its end.
func load(t testing.TB, dir string) (*checkpoint.Snapshot, []byte) {
	t.Helper()
	s, err := checkpoint.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(s)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != s.Size {
		t.Errorf("%d bytes, but the size is %d", len(b), s.Size)
	}
	return s, b
}

func names(t testing.TB, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		list = append(list, strings.TrimLeft(e.Name(), "0"))
	}
	return list
}

func TestWriteAndOpen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := checkpoint.Open(dir); !errors.Is(err, checkpoint.ErrNone) {
		t.Errorf("an empty directory: %v", err)
	}
	var before uint64
	for i, size := range []int{0, 1, 128<<10 - 1, 128 << 10, 128<<10 + 1, 20_000_000} {
		position := uint64(i * 10)
		want := content(position, size)
		if oldest := save(t, dir, position, want); oldest != before {
			t.Errorf("the oldest is at %d, want %d", oldest, before)
		}
		before = position
		s, got := load(t, dir)
		if s.Position != position || !bytes.Equal(got, want) || s.Damaged != nil {
			t.Errorf("%d bytes at %d, want %d at %d (%v)", len(got), s.Position, len(want), position, s.Damaged)
		}
		if n := len(names(t, dir)); n != min(i+1, 2) {
			t.Errorf("%d files", n)
		}
	}
	if _, err := checkpoint.Write(dir, 49, filler(nil)); err == nil {
		t.Error("wrote one that is behind the newest")
	}
	save(t, dir, 50, []byte("the same position again"))
	if s, got := load(t, dir); s.Position != 50 || string(got) != "the same position again" {
		t.Errorf("%d, %q", s.Position, got)
	}
}

func TestWriteFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	save(t, dir, 7, []byte("good"))
	enough := errors.New("enough")
	_, err := checkpoint.Write(dir, 8, func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		return enough
	})
	if !errors.Is(err, enough) {
		t.Error(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"7.checkpoint"}) {
		t.Errorf("left behind: %v", got)
	}
	if _, err := checkpoint.Write(filepath.Join(dir, "none"), 8, filler(nil)); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	put(t, filepath.Join(dir, "00000000000000000009.checkpoint.tmp"), []byte("half"))
	if s, got := load(t, dir); s.Position != 7 || string(got) != "good" {
		t.Errorf("%d, %q", s.Position, got)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"7.checkpoint"}) {
		t.Errorf("left behind: %v", got)
	}
	put(t, filepath.Join(dir, "x.checkpoint"), nil)
	if _, err := checkpoint.Open(dir); err == nil || !strings.Contains(err.Error(), "x.checkpoint") {
		t.Errorf("a strange file: %v", err)
	}
}

func put(t testing.TB, path string, b []byte) {
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

// TestDamage flips a bit of each byte of the newest one, and cuts it at each: the
// one before must come instead, and never a byte of the damaged one.
func TestDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	old := content(3, 200)
	save(t, dir, 3, old)
	save(t, dir, 4, content(4, 300))
	path := filepath.Join(dir, fmt.Sprintf("%020d.checkpoint", 4))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, at int, b []byte) {
		t.Helper()
		put(t, path, b)
		s, got := load(t, dir)
		if s.Position != 3 || !bytes.Equal(got, old) || len(s.Damaged) != 1 {
			t.Fatalf("%s at %d: %d bytes at %d (%v)", what, at, len(got), s.Position, s.Damaged)
		}
		var damage *checkpoint.DamagedError
		if !errors.As(s.Damaged[0], &damage) || damage.File != path || damage.Offset > int64(at) {
			t.Fatalf("%s at %d: %v", what, at, s.Damaged[0])
		}
		if b, err := os.ReadFile(path + ".damaged"); err != nil || len(b) == 0 && at > 0 {
			t.Fatalf("%s at %d: not put aside: %v", what, at, err)
		}
	}
	for at := range whole {
		b := slices.Clone(whole)
		b[at] ^= 1 << rand.IntN(8)
		check("a flip", at, b)
		check("a cut", at, whole[:at])
	}
	check("more", len(whole), append(slices.Clone(whole), 0))
	save(t, dir, 5, content(5, 10))
	if got := save(t, dir, 6, content(6, 10)); got != 5 {
		t.Errorf("the oldest is at %d: one that is damaged does not count", got)
	}
}

// TestOtherVersion opens what a later program has written: it is no damage.
func TestOtherVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	save(t, dir, 1, nil)
	save(t, dir, 2, nil)
	path := filepath.Join(dir, fmt.Sprintf("%020d.checkpoint", 2))
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[7]++
	binary.LittleEndian.PutUint32(b[16:], crc32.Checksum(b[:16], crc32.MakeTable(crc32.Castagnoli)))
	put(t, path, b)
	if _, err := checkpoint.Open(dir); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Error(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"1.checkpoint", "2.checkpoint"}) {
		t.Errorf("changed: %v", got)
	}
}

func TestOnlyDamagedOnes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, p := range []uint64{1, 2} {
		save(t, dir, p, content(p, 100))
		path := filepath.Join(dir, fmt.Sprintf("%020d.checkpoint", p))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[50] ^= 1
		put(t, path, b)
	}
	before := names(t, dir)
	_, err := checkpoint.Open(dir)
	var damage *checkpoint.DamagedError
	if !errors.As(err, &damage) || errors.Is(err, checkpoint.ErrNone) || strings.Count(err.Error(), "damaged at byte") != 2 {
		t.Errorf("%v", err)
	}
	if !slices.Equal(names(t, dir), before) {
		t.Errorf("changed: %v", names(t, dir))
	}
}

func childWrites(dir string) error {
	for p := uint64(1); ; p++ {
		if s, err := checkpoint.Open(dir); err == nil {
			p = max(p, s.Position+1)
			if err := s.Close(); err != nil {
				return err
			}
		} else if !errors.Is(err, checkpoint.ErrNone) {
			return err
		}
		if _, err := checkpoint.Write(dir, p, filler(content(p, int(p)*7919%500_000))); err != nil {
			return err
		}
		fmt.Println(p)
	}
}

// TestKill kills a process that writes one snapshot after the other: the last one
// that it has told of, or a newer one, must be there.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 15 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], dir)
		cmd.Env = append(os.Environ(), roleKey+"=write")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var last uint64
		after, n := 1+rand.IntN(6), 0
		for lines := bufio.NewScanner(out); lines.Scan(); n++ {
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				t.Fatal(err)
			}
			if n == after {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := cmd.Wait(); err == nil || n < after {
			t.Fatalf("the child has ended by itself: %v", err)
		}
		s, got := load(t, dir)
		if s.Position < last || s.Position > last+1 || len(s.Damaged) > 0 || !bytes.Equal(got, content(s.Position, int(s.Position)*7919%500_000)) {
			t.Fatalf("%d bytes at %d after %d (%v)", len(got), s.Position, last, s.Damaged)
		}
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	old := content(3, 100)
	save(f, dir, 3, old)
	save(f, dir, 4, content(4, 300))
	path := filepath.Join(dir, fmt.Sprintf("%020d.checkpoint", 4))
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:40])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		put(t, path, b)
		s, got := load(t, dir)
		switch {
		case s.Position == 4 && len(got) <= len(b) && len(s.Damaged) == 0:
		case s.Position == 3 && bytes.Equal(got, old) && len(s.Damaged) == 1 && !bytes.Equal(b, whole):
		default:
			t.Fatalf("%d bytes at %d, %v", len(got), s.Position, s.Damaged)
		}
	})
}

// BenchmarkWrite is a snapshot of a million peers of 60 bytes.
func BenchmarkWrite(b *testing.B) {
	dir, peer := b.TempDir(), make([]byte, 60)
	b.SetBytes(60_000_000)
	for n := uint64(1); b.Loop(); n++ {
		if _, err := checkpoint.Write(dir, n, func(w io.Writer) error {
			for range 1_000_000 {
				if _, err := w.Write(peer); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen finds it whole, and reads it.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	save(b, dir, 1, make([]byte, 60_000_000))
	b.SetBytes(60_000_000)
	for b.Loop() {
		s, err := checkpoint.Open(dir)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, s); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
