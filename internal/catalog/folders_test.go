package catalog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// lines writes a tree, one line for each folder and file.
func (t folderTree) lines(files []metainfo.File) (out []string) {
	for i, f := range t.folders {
		out = append(out, fmt.Sprintf("%d in %d: %q %d files, %d", i, f.parent, t.name(i), f.files, f.size))
		for place := f.first; place < f.first+f.own; place++ {
			out = append(out, "  "+files[t.places[place]].Path)
		}
	}
	return out
}

func TestTree(t *testing.T) {
	for name, c := range map[string]struct {
		paths []string
		want  []string
	}{
		"one file": {[]string{"a"}, []string{`0 in -1: "" 1 files, 1`, "  a"}},
		"nothing":  {nil, []string{`0 in -1: "" 0 files, 0`}},
		"in any order": {[]string{"b/z.txt", "a.txt", "b/c/y.txt", "b/a.txt"}, []string{
			`0 in -1: "" 4 files, 10`, "  a.txt", `1 in 0: "b" 3 files, 8`, "  b/a.txt", "  b/z.txt", `2 in 1: "c" 1 files, 3`, "  b/c/y.txt"}},
		"folders that hold another alone": {[]string{"a/b/c/1", "a/b/d/e/2", "x/y/z/3"}, []string{
			`0 in -1: "" 3 files, 6`, `1 in 0: "a/b" 2 files, 3`, `2 in 1: "c" 1 files, 1`, "  a/b/c/1", `3 in 1: "d/e" 1 files, 2`, "  a/b/d/e/2",
			`4 in 0: "x/y/z" 1 files, 3`, "  x/y/z/3"}},
		"a split in the middle": {[]string{"a/b/c/d/1", "a/b/c/e/2", "a/b/f/3", "a/g/4"}, []string{
			`0 in -1: "" 4 files, 10`, `1 in 0: "a" 4 files, 10`, `2 in 1: "b" 3 files, 6`, `3 in 2: "c" 2 files, 3`, `4 in 3: "d" 1 files, 1`, "  a/b/c/d/1",
			`5 in 3: "e" 1 files, 2`, "  a/b/c/e/2", `6 in 2: "f" 1 files, 3`, "  a/b/f/3", `7 in 1: "g" 1 files, 4`, "  a/g/4"}},
		"names that begin alike": {[]string{"ab/1", "a/2", "a-b/3", "a.b"}, []string{
			`0 in -1: "" 4 files, 10`, "  a.b", `1 in 0: "a" 1 files, 2`, "  a/2", `2 in 0: "a-b" 1 files, 3`, "  a-b/3", `3 in 0: "ab" 1 files, 1`, "  ab/1"}},
	} {
		var files []metainfo.File
		for i, p := range c.paths {
			files = append(files, metainfo.File{Path: p, Size: core.Bytes(i + 1)})
		}
		if diff := cmp.Diff(c.want, treeOf(files).lines(files)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestTreeHoldsEachFileOnce makes trees of random paths and compares them with what can
// be counted one by one.
func TestTreeHoldsEachFileOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		seen := map[string]bool{}
		var files []metainfo.File
		for range random.IntN(60) {
			var parts []string
			for range 1 + random.IntN(5) {
				parts = append(parts, []string{"a", "b", "a.", "a-", "aa"}[random.IntN(5)])
			}
			p := strings.Join(parts, "/") + "/f" + strconv.Itoa(random.IntN(4))
			if !seen[p] {
				seen[p] = true
				files = append(files, metainfo.File{Path: p, Size: core.Bytes(random.IntN(100))})
			}
		}
		tree := treeOf(files)
		if len(tree.folders) > max(2*len(files), 1) {
			t.Fatalf("%d folders of %d files", len(tree.folders), len(files))
		}
		held := 0
		for i, f := range tree.folders {
			var n int
			var size core.Bytes
			for _, one := range files {
				if i == 0 || strings.HasPrefix(one.Path, f.path+"/") {
					n, size = n+1, size+one.Size
				}
			}
			if n != f.files || size != f.size {
				t.Fatalf("%q has %d files of %d, want %d of %d; %v", f.path, f.files, f.size, n, size, files)
			}
			for place := f.first; place < f.first+f.own; place++ {
				p := files[tree.places[place]].Path
				if dir := p[:strings.LastIndexByte(p, '/')]; dir != f.path {
					t.Fatalf("%q lies in %q", p, f.path)
				}
				held++
			}
		}
		if held != len(files) {
			t.Fatalf("%d files of %d are in folders", held, len(files))
		}
	}
}

// torrentOf is a .torrent of files of one byte with these paths.
func torrentOf(data string, paths ...string) []byte {
	var list strings.Builder
	for _, p := range paths {
		list.WriteString("d6:lengthi1e4:pathl")
		for _, part := range strings.Split(p, "/") {
			fmt.Fprintf(&list, "%d:%s", len(part), part)
		}
		list.WriteString("ee")
	}
	return fmt.Appendf(nil, "d4:infod5:filesl%se4:name3:set12:piece lengthi131072e6:pieces20:%20see", list.String(), data)
}

func manyPaths(folders, each int) (out []string) {
	for f := range folders {
		for i := range each {
			out = append(out, fmt.Sprintf("run%02d/Lauf_%02d.fq", f, i))
		}
	}
	return append(out, "README", "run00/deep/er/Übersicht.txt")
}

// walk opens a folder page by page, and what lies in it, and returns the paths of all
// files.
func walk(t *testing.T, s *Store, id core.TorrentID, folder, limit int) (paths []string) {
	t.Helper()
	for from := FolderCursor(""); ; {
		p, err := s.Folder(t.Context(), id, folder, from, limit)
		if err != nil || !p.Made || len(p.Folders)+len(p.Files) > limit {
			t.Fatalf("folder %d from %q: %+v, %v", folder, from, p, err)
		}
		for _, f := range p.Folders {
			inside := walk(t, s, id, f.ID, limit)
			if len(inside) != f.Files || core.Bytes(len(inside)) != f.Size {
				t.Errorf("%q holds %d files, says %+v", f.Name, len(inside), f)
			}
			paths = append(paths, inside...)
		}
		for _, f := range p.Files {
			paths = append(paths, f.Path)
		}
		if from = p.Next; from == "" {
			return paths
		}
	}
}

func TestFolders(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		all := manyPaths(7, 5)
		a, err := h.Add(t.Context(), upload(1, "A dataset with folders", torrentOf("one", all...)))
		must(t, err)
		h.add(t, 1, "Another dataset")
		for _, limit := range []int{1, 2, 3, 7, 1000} {
			got := walk(t, h.Store, a.Torrent, 0, limit)
			slices.Sort(got)
			want := slices.Sorted(slices.Values(all))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d at once (-want +got):\n%s", limit, diff)
			}
		}
		top, err := h.Folder(t.Context(), a.Torrent, 0, "", 100)
		if err != nil || len(top.Folders) != 7 || len(top.Files) != 1 || top.Files[0].Path != "README" || top.Here() != (Folder{Files: 37, Size: 37}) {
			t.Errorf("the torrent's own: %+v, %v", top, err)
		}
		deep := top.Folders[0].ID + 1
		got, err := h.Folder(t.Context(), a.Torrent, deep, "", 100)
		if want := []Folder{{0, "", 37, 37}, {1, "run00", 6, 6}, {2, "deep/er", 1, 1}}; err != nil || !slices.Equal(got.Path, want) || got.Files[0].Name() != "Übersicht.txt" {
			t.Errorf("a folder in a folder: %+v, %v", got, err)
		}
		for _, from := range []FolderCursor{"x", "f", "-1", "f-1", "99999999999999999999", "f99999999999999999999", "f 1", "'"} {
			if p, err := h.Folder(t.Context(), a.Torrent, 0, from, 100); err != nil || len(p.Folders) != 7 {
				t.Errorf("from %q: %+v, %v", from, p, err)
			}
		}
		if p, err := h.Folder(t.Context(), a.Torrent, 0, "2147483647", 100); err != nil || len(p.Folders)+len(p.Files) != 0 || p.Next != "" {
			t.Errorf("behind the end: %+v, %v", p, err)
		}
		for _, folder := range []int{-1, 99, 1 << 40} {
			_, err := h.Folder(t.Context(), a.Torrent, folder, "", 100)
			wantCode(t, err, core.NotFound)
		}
		must(t, h.Delete(t.Context(), 1, a.Torrent, "for the test"))
		if p, err := h.Folder(t.Context(), a.Torrent, 0, "", 100); err != nil || p.Made {
			t.Errorf("of a torrent that was deleted: %+v, %v", p, err)
		}
	})
}

func TestFindFiles(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		a, err := h.Add(t.Context(), upload(1, "A dataset with folders", torrentOf("one", manyPaths(7, 5)...)))
		must(t, err)
		for part, want := range map[string]int{"LAUF_03": 7, "run02": 5, "lauf": 35, "ubersicht": 1, "ÜBER": 1, "er/ub": 1, "_": 35, "%": 0, "nothing": 0, "README": 1} {
			var got []string
			for after := -1; ; {
				f, err := h.FindFiles(t.Context(), a.Torrent, part, after, 3)
				if err != nil || len(f.Files) > 3 || f.Next >= 0 && len(f.Files) < 3 {
					t.Fatalf("%q after %d: %+v, %v", part, after, f, err)
				}
				for _, one := range f.Files {
					got = append(got, one.Path)
				}
				if after = f.Next; after < 0 {
					break
				}
			}
			if len(got) != want || len(slices.Compact(slices.Sorted(slices.Values(got)))) != want {
				t.Errorf("%q finds %q", part, got)
			}
		}
		for _, part := range []string{"", " ", "\x00"} {
			_, err := h.FindFiles(t.Context(), a.Torrent, part, -1, 3)
			wantCode(t, err, core.Invalid)
		}
	})
}

// TestFoldersOfAnOlderRelease lets torrents come from a release that stored no folders.
func TestFoldersOfAnOlderRelease(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		a, err := h.Add(t.Context(), upload(1, "A dataset with folders", torrentOf("one", manyPaths(7, 5)...)))
		must(t, err)
		for i := range 4 {
			h.add(t, 1, fmt.Sprintf("Dataset number %d", i))
		}
		before := walk(t, h.Store, a.Torrent, 0, 10)
		must(t, d.Tx(t.Context(), func(tx *db.Tx) error {
			for _, q := range []string{"DELETE FROM torrent_folder", "DELETE FROM torrent_place", "UPDATE torrent SET folder_count = 0"} {
				if _, err := tx.Exec(t.Context(), q); err != nil {
					return err
				}
			}
			return nil
		}))
		if p, err := h.Folder(t.Context(), a.Torrent, 0, "", 10); err != nil || p.Made {
			t.Errorf("before: %+v, %v", p, err)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if n, err := h.RefreshFolders(over, 3); n != 0 || err == nil {
			t.Errorf("after its end it did %d, %v", n, err)
		}
		for _, want := range []int64{3, 2, 0, 0} {
			if n, err := h.RefreshFolders(t.Context(), 3); n != want || err != nil {
				t.Errorf("%d torrents, %v, want %d", n, err, want)
			}
		}
		if diff := cmp.Diff(before, walk(t, h.Store, a.Torrent, 0, 10)); diff != "" {
			t.Errorf("afterwards (-want +got):\n%s", diff)
		}
	})
}
