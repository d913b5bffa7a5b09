package metainfo

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// folderOf makes a folder called name with files in it.
func folderOf(t *testing.T, name string, files map[string]string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), name)
	for path, data := range files {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// TestHybridsWhoseHalvesDiffer builds folders as libtorrent does: the file tree of a
// folder that holds one file of its own name is that of the file alone (BEP 52), while
// its v1 list is that of a folder.
func TestHybridsWhoseHalvesDiffer(t *testing.T) {
	long := strings.Repeat("ACGT", 10_000)
	for name, c := range map[string]struct {
		files map[string]string
		want  []File
	}{
		"x in x":                   {map[string]string{"x": "ACGT"}, []File{{"x", 4}}},
		"a large x in x":           {map[string]string{"x": long}, []File{{"x", 40_000}}},
		"x in x in x":              {map[string]string{"x/x": "ACGT"}, []File{{"x/x", 4}}},
		"x in x, and an empty one": {map[string]string{"x": "ACGT", "y": ""}, []File{{"x", 4}, {"y", 0}}},
		"padded":                   {map[string]string{"x": "ACGT", "y/x": long}, []File{{"x", 4}, {"y/x", 40_000}}},
		"all below x":              {map[string]string{"x/x": "ACGT", "x/y": "AC"}, []File{{"x/x", 4}, {"x/y", 2}}},
	} {
		t.Run(name, func(t *testing.T) {
			root := folderOf(t, "x", c.files)
			data, err := Build(t.Context(), root, BuildOptions{PieceLength: 16 * core.KiB})
			if err != nil {
				t.Fatal(err)
			}
			got := sanitize(t, data)
			if diff := cmp.Diff(c.want, got.Files); diff != "" || got.SingleFile || got.Name != "x" {
				t.Errorf("%q, single %t:\n%s", got.Name, got.SingleFile, diff)
			}
			in, out := mustParse(t, data).get("info"), mustParse(t, got.Data).get("info")
			for _, key := range []string{"files", "file tree"} {
				if !bytes.Equal(in.get(key).raw(), out.get(key).raw()) {
					t.Errorf("info.%s changed", key)
				}
			}
			checkClean(t, got)
		})
	}
}
