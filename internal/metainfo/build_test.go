package metainfo

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// lcg is the generator of testdata/make.py.
func lcg(n int, seed uint64) []byte {
	out := make([]byte, 0, n)
	for x := seed; len(out) < n; {
		x = (x*1103515245 + 12345) % (1 << 31)
		out = append(out, byte(x>>16))
	}
	return out
}

// folder writes the files that libtorrent's fixtures were made of.
func folder(t testing.TB) string {
	t.Helper()
	root := t.TempDir()
	for path, data := range map[string][]byte{
		"lambda/genome.fa": lcg(70001, 1), "lambda/reads/a_1.fastq": lcg(32768, 2), "lambda/reads/a_2.fastq": lcg(200000, 3),
		"lambda/reads/empty.txt": nil, "lambda/README": []byte("phage\n"), "one.fa": lcg(100000, 4),
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestBuildAgreesWithLibtorrent compares hashes, trees and layers with those of
// another implementation.
func TestBuildAgreesWithLibtorrent(t *testing.T) {
	root := folder(t)
	for _, source := range []string{"lambda", "one"} {
		for _, format := range []Format{V1, V2, Hybrid} {
			t.Run(source+" "+string(format), func(t *testing.T) {
				path := filepath.Join(root, source)
				if source == "one" {
					path += ".fa"
				}
				data, err := Build(t.Context(), path, BuildOptions{Format: format, PieceLength: 32 * core.KiB})
				if err != nil {
					t.Fatal(err)
				}
				got, want := sanitize(t, data), sanitize(t, fixture(t, "lt-"+string(format)+"-"+source))
				checkClean(t, got)
				if got.ContentV2 != want.ContentV2 {
					t.Error("v2 content differs")
				}
				a, b := mustParse(t, got.Data), mustParse(t, want.Data)
				if l := b.get("piece layers"); l.ok() && !bytes.Equal(a.get("piece layers").raw(), l.raw()) {
					t.Error("piece layers differ")
				}
				// libtorrent lists the files of a pure v1 torrent in the order
				// of the disk.
				if (format != V1 || source != "lambda") && got.ContentV1 != want.ContentV1 {
					t.Error("v1 content differs")
				}
			})
		}
	}
}

func TestBuild(t *testing.T) {
	root := folder(t)
	data, err := Build(t.Context(), filepath.Join(root, "lambda"), BuildOptions{
		Name: "phage", Private: true, Source: "s", Announce: [][]string{{"http://localhost/announce"}}, Comment: "c",
		CreatedBy: "me", CreationDate: 5, WebSeeds: []string{"http://m.example/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := sanitize(t, data)
	if got.Name != "phage" || !got.HasV1() || !got.HasV2() || got.Size != 70001+32768+200000+6 || got.PieceLength != 16*core.KiB {
		t.Errorf("%+v", got)
	}
	n := mustParse(t, data)
	info := n.get("info")
	if string(info.get("source").str()) != "s" || string(info.get("private").raw()) != "i1e" || string(n.get("creation date").raw()) != "i5e" ||
		string(n.get("announce").str()) != "http://localhost/announce" {
		t.Errorf("%q", data)
	}
	// The hash of the last v1 piece of an unpadded single file, by hand.
	one, err := Build(t.Context(), filepath.Join(root, "one.fa"), BuildOptions{Format: V2, PieceLength: 128 * core.KiB})
	if err != nil {
		t.Fatal(err)
	}
	var leaves []hash256
	for block := range slices.Chunk(lcg(100000, 4), blockSize) {
		leaves = append(leaves, sha256.Sum256(block))
	}
	for len(leaves) < 8 {
		leaves = append(leaves, hash256{})
	}
	for len(leaves) > 1 {
		var up []hash256
		for pair := range slices.Chunk(leaves, 2) {
			up = append(up, hashPair(pair[0], pair[1]))
		}
		leaves = up
	}
	leaf := mustParse(t, one).get("info").get("file tree").get("one.fa").get("")
	if diff := cmp.Diff(leaves[0][:], leaf.get("pieces root").str()); diff != "" {
		t.Errorf("pieces root:\n%s", diff)
	}
}

func TestBuildRefuses(t *testing.T) {
	root := folder(t)
	if err := os.Symlink("README", filepath.Join(root, "lambda", "link")); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	for name, c := range map[string]struct {
		path string
		o    BuildOptions
	}{
		"link":         {filepath.Join(root, "lambda"), BuildOptions{}},
		"nothing":      {filepath.Join(root, "nothing"), BuildOptions{}},
		"empty":        {empty, BuildOptions{}},
		"piece length": {filepath.Join(root, "one.fa"), BuildOptions{PieceLength: 20000}},
		"format":       {filepath.Join(root, "one.fa"), BuildOptions{Format: "v3"}},
	} {
		if _, err := Build(t.Context(), c.path, c.o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
