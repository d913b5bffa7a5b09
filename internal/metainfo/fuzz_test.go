package metainfo

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// FuzzSanitize looks for panics, and for accepted files whose result lacks a property
// that every result must have.
func FuzzSanitize(f *testing.F) {
	names, err := filepath.Glob("testdata/*.torrent")
	if err != nil || len(names) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add(oneFile(comp("..", "x")))
	f.Add(files(comp("a"), comp("b", "c")))
	f.Add([]byte("d1:bi-0e1:ai007e4:infod4:name1:n6:lengthi05e6:pieces020:aaaaaaaaaaaaaaaaaaaa12:piece lengthi270544ee1:ai1ee\r\n"))
	f.Add(oneFile(comp("aux ", "a:b.", "x")))
	f.Add([]byte("d4:infod5:filesld4:attr1:p6:lengthi3e4:pathl4:.pad1:3eed6:lengthi5e4:pathl1:aeee4:name1:n12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		got, err := Sanitize(data, testOptions)
		if !bytes.Equal(before, data) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			if core.CodeOf(err) != core.Invalid || core.FieldOf(err) == "" || strings.ContainsFunc(core.SafeText(err), unsafeRune) {
				t.Fatalf("not a proper refusal: %#v", err)
			}
			return
		}
		checkClean(t, got)
		var sum core.Bytes
		for _, file := range got.Files {
			sum += file.Size
			for c := range strings.SplitSeq(file.Path, "/") {
				if err := checkName(c, c); err != nil {
					t.Fatalf("unsafe path %q: %v", file.Path, err)
				}
			}
		}
		if sum != got.Size || sum <= 0 || len(got.Contents()) == 0 {
			t.Fatalf("size %d of %d, %d content hashes", got.Size, sum, len(got.Contents()))
		}
	})
}

// FuzzPersonal looks for panics on damaged stored files.
func FuzzPersonal(f *testing.F) {
	f.Add([]byte("d4:infode8:url-listl1:xee"))
	f.Add([]byte("d7:commentli1ee4:infodee"))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := Personal(data, Download{Announce: [][]string{{"http://localhost/announce"}}})
		if err == nil && !bytes.Contains(out, []byte("8:announce")) {
			t.Fatal("no announce URL")
		}
	})
}

func BenchmarkSanitize(b *testing.B) {
	root := b.TempDir()
	for i := range 200 {
		name := filepath.Join(root, "set", "f"+string(rune('a'+i%26))+strings.Repeat("x", i/26+1))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(name, lcg(70_000+i, uint64(i)+1), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	data, err := Build(b.Context(), filepath.Join(root, "set"), BuildOptions{PieceLength: 16 * core.KiB})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("sanitize", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if _, err := Sanitize(data, testOptions); err != nil {
				b.Fatal(err)
			}
		}
	})
	clean := sanitize(b, data).Data
	b.Run("personal", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(clean)))
		for b.Loop() {
			if _, err := Personal(clean, Download{Announce: [][]string{{"http://localhost/announce"}}}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
