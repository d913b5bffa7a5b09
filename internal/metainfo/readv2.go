package metainfo

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// readV2 checks the file tree and that every piece layer hashes to the root of
// its file (BEP 52).
func (r *reader) readV2(n, layers *node, in *info) (*v2Info, error) {
	v := &v2Info{layers: map[string][]byte{}}
	tree := n.get("file tree")
	if tree.kind != 'd' {
		return nil, core.FieldErrorf("info.file tree", "the file tree must be a dictionary")
	}
	if err := r.walkTree(tree, nil, v); err != nil {
		return nil, err
	}
	if _, err := r.checkFiles(v.files, in.name); err != nil {
		return nil, err
	}
	v.single = len(v.files) == 1 && len(v.files[0].path) == 1 && v.files[0].path[0] == in.name
	if v.single && v.files[0].link() {
		return nil, core.FieldErrorf("info.file tree", "the torrent has no data")
	}
	if layers != nil && layers.kind != 'd' {
		return nil, core.FieldErrorf("piece layers", "the piece layers must be a dictionary")
	}
	return v, r.takeLayers(layers, v, in.pieceLength)
}

// walkTree appends the files of a folder in their order.
func (r *reader) walkTree(dir *node, path []string, v *v2Info) error {
	if len(path) >= maxPathDepth {
		return core.FieldErrorf(printable([]byte(strings.Join(path, "/"))), "a path is more than %d folders deep", maxPathDepth)
	}
	if len(dir.items) == 0 {
		return core.FieldErrorf("info.file tree", "a folder is empty: %s", printable([]byte(strings.Join(path, "/"))))
	}
	for i := 0; i < len(dir.items); i += 2 {
		below := append(slices.Clone(path), string(dir.items[i].raw))
		field := printable([]byte(strings.Join(below, "/")))
		n := &dir.items[i+1]
		if n.kind != 'd' {
			return core.FieldErrorf(field, "an entry of the file tree must be a dictionary")
		}
		// Checked here, so that the name "" can't be taken for a leaf.
		if err := checkComponent(dir.items[i].raw, field); err != nil {
			return err
		}
		leaf := n.get("")
		if leaf == nil {
			if err := r.walkTree(n, below, v); err != nil {
				return err
			}
			continue
		}
		if len(n.items) != 2 {
			return core.FieldErrorf(field, "a file has the name of a folder")
		}
		f, err := r.leaf(leaf, below, field)
		if err != nil {
			return err
		}
		if v.files = append(v.files, f); len(v.files) > r.limits.Files {
			return r.tooMany()
		}
	}
	return nil
}

func (r *reader) leaf(n *node, path []string, field string) (file, error) {
	f := file{path: path}
	if n.kind != 'd' {
		return f, core.FieldErrorf(field, "a file of the file tree must be a dictionary")
	}
	var err error
	if f.attr, err = r.attr(n, "info.file tree", "hlx"); err != nil {
		return f, err
	}
	if length := n.get("length"); length != nil || !f.link() { // links have none
		if f.size, err = r.size(length, field); err != nil {
			return f, err
		}
	}
	if f.symlink, err = r.symlink(n, f, field); err != nil {
		return f, err
	}
	r.noteKeys(n, "info.file tree", "attr", "length", "pieces root", "symlink path")
	root := n.get("pieces root")
	switch {
	case f.size == 0 && root != nil:
		r.changes.add("info.file tree.pieces root", Dropped)
	case f.size > 0 && (root == nil || root.kind != 's' || len(root.raw) != sha256.Size):
		return f, core.FieldErrorf(field, "a file has no pieces root of %d bytes", sha256.Size)
	case f.size > 0:
		f.root = hash256(root.raw)
	}
	return f, nil
}

// takeLayers keeps the layer of each file of more than one piece, and drops layers
// that belong to no file.
func (r *reader) takeLayers(layers *node, v *v2Info, pieceLength int64) error {
	given := map[string][]byte{}
	if layers != nil {
		for i := 0; i < len(layers.items); i += 2 {
			if layers.items[i+1].kind != 's' {
				return core.FieldErrorf("piece layers", "a piece layer must be a string")
			}
			given[string(layers.items[i].raw)] = layers.items[i+1].raw
		}
	}
	pad := padHash(pieceHeight(pieceLength))
	for _, f := range v.files {
		if f.size <= pieceLength {
			continue
		}
		field := printable([]byte(strings.Join(f.path, "/")))
		layer, ok := given[string(f.root[:])]
		if !ok {
			return core.FieldErrorf(field, "the piece layer of this file is missing; the torrent can't be used without it")
		}
		if want := ((f.size-1)/pieceLength + 1) * sha256.Size; int64(len(layer)) != want {
			return core.FieldErrorf(field, "the piece layer of this file has %d bytes instead of %d", len(layer), want)
		}
		if _, done := v.layers[string(f.root[:])]; done {
			continue // a second file with the same data
		}
		if layerRoot(layer, pad) != f.root {
			return core.FieldErrorf(field, "the piece layer of this file does not belong to its pieces root")
		}
		v.layers[string(f.root[:])] = layer
	}
	for range len(given) - len(v.layers) {
		r.changes.add("piece layers", Dropped)
	}
	return nil
}

func layerRoot(layer []byte, pad hash256) hash256 {
	nodes := make([]hash256, len(layer)/sha256.Size)
	for i := range nodes {
		nodes[i] = hash256(layer[i*sha256.Size:])
	}
	return merkleRoot(nodes, pad)
}
