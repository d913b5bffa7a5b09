package metainfo

import (
	"bytes"
	"crypto/sha1" // #nosec G505 -- BEP 3 prescribes it
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// info is a checked info dictionary, ready to be written.
type info struct {
	name        string
	pieceLength int64
	source      string
	private     bool
	v1          *v1Info
	v2          *v2Info
}

type v1Info struct {
	single bool // one file, which is called like the torrent
	files  []file
	pieces []byte
}

type v2Info struct {
	single bool
	files  []file             // in the order of the file tree
	layers map[hash256][]byte // pieces root -> hashes of the pieces
}

// file is a file of either version. Fields that a version does not have stay empty.
type file struct {
	path    string // with slashes, which no name holds
	size    int64
	attr    string  // BEP 47: of "hlpx"
	symlink string  // BEP 47: the path it points to
	root    hash256 // v2: pieces root, zero for an empty file
}

func (f file) padding() bool { return strings.Contains(f.attr, "p") }
func (f file) link() bool    { return strings.Contains(f.attr, "l") }

// infoBytes writes the info dictionary, which will have about size bytes.
func infoBytes(in *info, size int) []byte {
	w := &writer{buf: make([]byte, 0, size+256)}
	w.dict(func() {
		if in.v1 != nil && in.v1.single && in.v1.files[0].attr != "" {
			w.str("attr")
			w.str(in.v1.files[0].attr)
		}
		if in.v2 != nil {
			w.str("file tree")
			writeTree(w, in.v2.files, 0)
		}
		if in.v1 != nil {
			writeV1Files(w, in.v1)
		}
		if in.v2 != nil {
			w.str("meta version")
			w.int(2)
		}
		w.str("name")
		w.str(in.name)
		w.str("piece length")
		w.int(in.pieceLength)
		if in.v1 != nil {
			w.str("pieces")
			w.bytes(in.v1.pieces)
		}
		if in.private {
			w.str("private")
			w.int(1)
		}
		if in.source != "" {
			w.str("source")
			w.str(in.source)
		}
	})
	return w.buf
}

func writeV1Files(w *writer, v *v1Info) {
	if v.single {
		w.str("length")
		w.int(v.files[0].size)
		return
	}
	w.str("files")
	w.list(func() {
		for _, f := range v.files {
			w.dict(func() {
				writeAttr(w, f)
				w.str("length")
				w.int(f.size)
				w.str("path")
				w.path(f.path)
				writeSymlink(w, f)
			})
		}
	})
}

// writeTree writes the folder that holds all of files, which stand in the order of the
// file tree. Its path, with a slash at the end, is the first from bytes of theirs.
func writeTree(w *writer, files []file, from int) {
	w.dict(func() {
		for len(files) > 0 {
			name, _, folder := strings.Cut(files[0].path[from:], "/")
			w.str(name)
			n := 1
			if folder {
				below := files[0].path[:from+len(name)+1]
				for n < len(files) && strings.HasPrefix(files[n].path, below) {
					n++
				}
				writeTree(w, files[:n], len(below))
			} else {
				w.dict(func() { w.str(""); writeLeaf(w, files[0]) })
			}
			files = files[n:]
		}
	})
}

// path writes a path as the list of its names.
func (w *writer) path(path string) {
	w.list(func() {
		for name := range strings.SplitSeq(path, "/") {
			w.str(name)
		}
	})
}

func writeLeaf(w *writer, f file) {
	w.dict(func() {
		writeAttr(w, f)
		if !f.link() {
			w.str("length")
			w.int(f.size)
		}
		if f.size > 0 {
			w.str("pieces root")
			w.bytes(f.root[:])
		}
		writeSymlink(w, f)
	})
}

func writeAttr(w *writer, f file) {
	if f.attr != "" {
		w.str("attr")
		w.str(f.attr)
	}
}

func writeSymlink(w *writer, f file) {
	if f.link() {
		w.str("symlink path")
		w.path(f.symlink)
	}
}

// outer is what stands around the info dictionary.
type outer struct {
	announce     [][]string // tiers (BEP 12)
	comment      string
	createdBy    string
	creationDate int64 // 0 writes none
	webSeeds     []string
	layers       []byte // the encoded value of "piece layers", nil for none
}

// fileBytes writes a whole .torrent around the encoding of its info dictionary.
func fileBytes(o outer, info []byte) []byte {
	w := &writer{buf: make([]byte, 0, len(info)+len(o.layers)+1024)}
	text := func(key, val string) {
		if val != "" {
			w.str(key)
			w.str(val)
		}
	}
	w.dict(func() {
		if len(o.announce) > 0 && len(o.announce[0]) > 0 {
			text("announce", o.announce[0][0])
			if len(o.announce) > 1 || len(o.announce[0]) > 1 {
				w.str("announce-list")
				w.list(func() {
					for _, tier := range o.announce {
						w.strs(tier)
					}
				})
			}
		}
		text("comment", o.comment)
		text("created by", o.createdBy)
		if o.creationDate > 0 {
			w.str("creation date")
			w.int(o.creationDate)
		}
		w.str("info")
		w.buf = append(w.buf, info...)
		if o.layers != nil {
			w.str("piece layers")
			w.buf = append(w.buf, o.layers...)
		}
		if len(o.webSeeds) > 0 {
			w.str("url-list")
			w.strs(o.webSeeds)
		}
	})
	return w.buf
}

func layerBytes(v *v2Info) []byte {
	if v == nil {
		return nil
	}
	roots := make([]hash256, 0, len(v.layers))
	size := 2
	for root, layer := range v.layers {
		roots = append(roots, root)
		size += len(root) + len(layer) + 16
	}
	slices.SortFunc(roots, func(a, b hash256) int { return bytes.Compare(a[:], b[:]) })
	w := &writer{buf: make([]byte, 0, size)}
	w.dict(func() {
		for _, root := range roots {
			w.bytes(root[:])
			w.bytes(v.layers[root])
		}
	})
	return w.buf
}

// hashes returns the info-hashes of an encoded info dictionary, each zero when
// the torrent has no such version.
func hashes(info []byte, v1, v2 bool) (h1 core.InfoHash, h2 core.InfoHashV2) {
	if v1 {
		h1 = sha1.Sum(info) // #nosec G401 -- BEP 3 prescribes it
	}
	if v2 {
		h2 = sha256.Sum256(info)
	}
	return h1, h2
}

// contentV1 identifies v1 data by its piece hashes, the piece length and the sizes of
// the files in order; names and metadata do not count.
func contentV1(v *v1Info, pieceLength int64) hash256 {
	h := sha256.New()
	h.Write([]byte("content v1\n"))
	buf := binary.BigEndian.AppendUint64(nil, uint64(pieceLength))
	for _, f := range v.files {
		if !f.padding() && !f.link() {
			buf = binary.BigEndian.AppendUint64(buf, uint64(f.size))
		}
	}
	h.Write(binary.BigEndian.AppendUint64(buf, uint64(len(v.pieces))))
	h.Write(v.pieces)
	return hash256(h.Sum(nil))
}

// contentV2 identifies v2 data by the roots and sizes of its files in any order.
// Names do not count, nor does the piece length, since roots do not depend on it.
func contentV2(v *v2Info) hash256 {
	leaves := make([][sha256.Size + 8]byte, 0, len(v.files))
	for _, f := range v.files {
		if !f.link() {
			var leaf [sha256.Size + 8]byte
			copy(leaf[:], f.root[:])
			binary.BigEndian.PutUint64(leaf[sha256.Size:], uint64(f.size))
			leaves = append(leaves, leaf)
		}
	}
	slices.SortFunc(leaves, func(a, b [sha256.Size + 8]byte) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	h.Write([]byte("content v2\n"))
	for _, l := range leaves {
		h.Write(l[:])
	}
	return hash256(h.Sum(nil))
}
