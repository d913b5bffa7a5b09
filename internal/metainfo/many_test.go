package metainfo

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// manyFiles writes a v1 torrent, or a hybrid, of n small files below folder.
func manyFiles(n int, folder string, hybrid bool) []byte {
	in := &info{name: "set", pieceLength: blockSize, v1: &v1Info{}}
	if hybrid {
		in.v2 = &v2Info{}
	}
	total := 0
	for i := range n {
		f := file{path: fmt.Sprintf("%sd%03d/f%06d.fa", folder, i/1000, i), size: 1}
		in.v1.files = append(in.v1.files, f)
		total++
		if hybrid {
			f.root = hash256{byte(i), byte(i >> 8), byte(i >> 16), 1}
			in.v2.files = append(in.v2.files, f)
			if i < n-1 {
				in.v1.files = append(in.v1.files, file{path: ".pad/16383", size: blockSize - 1, attr: "p"})
				total += blockSize - 1
			}
		}
	}
	in.v1.pieces = make([]byte, 20*((total-1)/blockSize+1))
	return fileBytes(outer{layers: layerBytes(in.v2)}, infoBytes(in, 0))
}

// TestManyFiles reads as many files as a dataset may have, in bounded memory.
func TestManyFiles(t *testing.T) {
	limits := Limits{TorrentBytes: 64 * core.MiB}
	for name, c := range map[string]struct {
		hybrid bool
		most   uint64 // bytes allocated in all
	}{"v1": {false, 150 << 20}, "hybrid": {true, 400 << 20}} {
		data := manyFiles(100_000, "", c.hybrid)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := Check(data, limits)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		clean := got.Sanitize(testOptions)
		runtime.ReadMemStats(&after)
		if len(clean.Files) != 100_000 || clean.Size != 100_000 || len(got.Unfriendly) > 0 {
			t.Errorf("%s: %d files, %v, %v", name, len(clean.Files), clean.Size, got.Unfriendly)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > c.most {
			t.Errorf("%s: %v were allocated for %v", name, core.Bytes(n), core.Bytes(len(data)))
		}
	}
	if _, err := Check(manyFiles(100_001, "", false), limits); err == nil || !strings.Contains(err.Error(), "more than 100000 files; pack them") {
		t.Errorf("one more: %v", err)
	}
	// A folder's name stands once in a file tree, and before each of its files in a list.
	deep := strings.Repeat("d", 250) + "/"
	if _, err := Check(manyFiles(90_000, deep, true), limits); err == nil || !strings.Contains(err.Error(), "paths of all files together") {
		t.Errorf("long paths: %v", err)
	}
}

// TestWhatIsTooLarge makes sure that the advice is about what is large.
func TestWhatIsTooLarge(t *testing.T) {
	limits := Limits{TorrentBytes: 100 * core.KiB}
	pieces := torrent("d6:lengthi163840000e4:name1:n12:piece lengthi16384e6:pieces200000:" + strings.Repeat("a", 200_000) + "e")
	layers := []byte("d4:infod9:file treed1:ad0:d6:lengthi5eeee4:name1:ae12:piece layersd32:" + strings.Repeat("r", 32) + "200000:" + strings.Repeat("h", 200_000) + "ee")
	comment := []byte("d7:comment200000:" + strings.Repeat("c", 200_000) + "4:infodee")
	many := manyFiles(4000, "", false)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"hashes of pieces": {pieces, "choose larger pieces"}, "piece layers": {layers, "choose larger pieces"},
		"the list": {many, "pack many small files"}, "a comment": {comment, "make it again"},
		"junk": {[]byte("d" + strings.Repeat("9", 200_000)), "larger than"}, "nesting": {[]byte(strings.Repeat("d1:a", 50_000)), "larger than"},
	} {
		for _, cut := range []int{len(c.data), int(limits.TorrentBytes) + 1} { // as the site reads no more
			_, err := Check(c.data[:cut], limits)
			if err == nil || !strings.Contains(err.Error(), "larger than 100.00 KiB") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
		}
	}
}

// TestLayerIsHashedOnce gives many files of different sizes that name one root, and so
// share a layer: hashing it anew for each of them would take minutes.
func TestLayerIsHashedOnce(t *testing.T) {
	const hashes, files = 1 << 14, 2000
	layer := make([]byte, hashes*32)
	for i := range layer {
		layer[i] = byte(i >> 5)
	}
	root := layerRoot(layer, padHash(0))
	in := &info{name: "set", pieceLength: blockSize, v2: &v2Info{layers: map[hash256][]byte{root: layer}}}
	for i := range files {
		in.v2.files = append(in.v2.files, file{path: fmt.Sprintf("f%06d", i), size: (hashes-1)*blockSize + 1 + int64(i), root: root})
	}
	data := fileBytes(outer{layers: layerBytes(in.v2)}, infoBytes(in, 0))
	limits := Limits{TorrentBytes: 64 * core.MiB, TotalSize: core.PiB}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := Check(data, limits)
	runtime.ReadMemStats(&after)
	if err != nil || len(got.Files) != files {
		t.Fatal(err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%v were allocated for %v", core.Bytes(n), core.Bytes(len(data)))
	}
	in.v2.files[files-1].size += blockSize // one hash more than the layer has
	if _, err := Check(fileBytes(outer{layers: layerBytes(in.v2)}, infoBytes(in, 0)), limits); err == nil || !strings.Contains(err.Error(), "bytes instead of") {
		t.Errorf("a layer that is too short for one of them: %v", err)
	}
}

// TestManyValues reads as many values as are read at all: the list of them is made once.
func TestManyValues(t *testing.T) {
	data := []byte("d1:al" + strings.Repeat("0:", 2_400_000) + "ee")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Check(data, Limits{TorrentBytes: 64 * core.MiB, Files: 100_000})
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "no info dictionary") {
		t.Errorf("%v", err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 40<<20 {
		t.Errorf("%v were allocated for %v", core.Bytes(n), core.Bytes(len(data)))
	}
}
