package metainfo

import (
	"crypto/sha256"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// readV2 checks the file tree and that every piece layer hashes to the root of
// its file (BEP 52).
func (r *reader) readV2(n, layers node, in *info) (*v2Info, error) {
	v := &v2Info{}
	tree := n.get("file tree")
	if tree.kind() != 'd' {
		return nil, core.FieldErrorf("info.file tree", "the file tree must be a dictionary")
	}
	w := treeWalk{reader: r, name: in.name}
	if err := w.folder(tree, 0); err != nil {
		return nil, err
	}
	v.files = w.files
	if !slices.IsSortedFunc(v.files, treeOrder) {
		slices.SortFunc(v.files, treeOrder)
	}
	if _, err := r.checkFiles(v.files); err != nil {
		return nil, err
	}
	v.single = len(v.files) == 1 && v.files[0].path == in.name
	if layers.ok() && layers.kind() != 'd' {
		return nil, core.FieldErrorf("piece layers", "the piece layers must be a dictionary")
	}
	if layers.ok() {
		if err := layers.unique(); err != nil {
			return nil, err
		}
	}
	return v, r.takeLayers(layers, v, in.pieceLength)
}

// treeOrder is the order of files in a file tree: that of its keys, folder by folder.
func treeOrder(a, b file) int {
	x, y := a.path, b.path
	for i := range min(len(x), len(y)) {
		switch {
		case x[i] == y[i]:
		case x[i] == '/' || y[i] != '/' && x[i] < y[i]:
			return -1
		default:
			return 1
		}
	}
	return len(x) - len(y)
}

// treeWalk gathers the files of a file tree.
type treeWalk struct {
	*reader
	name  string // of the torrent
	path  []byte // of the folder that is walked through, with a slash at the end
	files []file
}

// folder appends the files of a folder in their order.
func (w *treeWalk) folder(dir node, depth int) error {
	if depth >= maxPathDepth {
		return pathErrorf(string(w.path), "a path is more than %d folders deep", maxPathDepth)
	}
	here := len(w.path)
	empty := true
	for name, n := range dir.entries() {
		empty = false
		w.path = append(w.path[:here], name...)
		if n.kind() != 'd' {
			return pathErrorf(string(w.path), "an entry of the file tree must be a dictionary")
		}
		// Checked here, so that the name "" can't be taken for a leaf.
		if err := checkName(string(name), string(w.path)); err != nil {
			return err
		}
		leaf := n.get("")
		if !leaf.ok() {
			w.path = append(w.path, '/')
			if err := w.folder(n, depth+1); err != nil {
				return err
			}
			continue
		}
		if n.len() != 1 {
			return pathErrorf(string(w.path), "a file has the name of a folder")
		}
		if err := w.leaf(leaf); err != nil {
			return err
		}
	}
	if empty {
		return core.FieldErrorf("info.file tree", "a folder is empty: %s", printable(w.path))
	}
	return nil
}

func (w *treeWalk) leaf(n node) error {
	f := file{path: string(w.path)}
	if n.kind() != 'd' {
		return pathErrorf(f.path, "a file of the file tree must be a dictionary")
	}
	if err := w.takePath(w.name, f.path); err != nil {
		return err
	}
	var err error
	if f.attr, err = w.attr(n, "info.file tree", "hlx"); err != nil {
		return err
	}
	if length := n.get("length"); length.ok() || !f.link() { // links have none
		if f.size, err = w.size(length, f.path); err != nil {
			return err
		}
	}
	if f.symlink, err = w.symlink(n, f); err != nil {
		return err
	}
	w.noteKeys(n, "info.file tree", "attr", "length", "pieces root", "symlink path")
	root := n.get("pieces root")
	switch {
	case f.size == 0 && root.ok():
		w.changes.add("info.file tree.pieces root", Dropped)
	case f.size > 0 && len(root.str()) != sha256.Size:
		return pathErrorf(f.path, "a file has no pieces root of %d bytes", sha256.Size)
	case f.size > 0:
		f.root = hash256(root.str())
	}
	if w.files = append(w.files, f); len(w.files) > w.limits.Files {
		return w.tooMany()
	}
	return nil
}

// takeLayers keeps the layer of each file of more than one piece, and drops layers
// that belong to no file.
func (r *reader) takeLayers(layers node, v *v2Info, pieceLength int64) error {
	v.layers = map[hash256][]byte{}
	for _, f := range v.files {
		if f.size > pieceLength {
			v.layers[f.root] = nil
		}
	}
	for root, layer := range layers.entries() {
		if layer.kind() != 's' {
			return core.FieldErrorf("piece layers", "a piece layer must be a string")
		}
		if len(root) == sha256.Size {
			if _, ok := v.layers[hash256(root)]; ok {
				v.layers[hash256(root)] = layer.str()
				continue
			}
		}
		r.changes.add("piece layers", Dropped)
	}
	pad := padHash(pieceHeight(pieceLength))
	checked := make(map[hash256]bool, len(v.layers))
	for _, f := range v.files {
		if f.size <= pieceLength {
			continue
		}
		layer := v.layers[f.root]
		if layer == nil {
			return pathErrorf(f.path, "the piece layer of this file is missing; the torrent can't be used without it")
		}
		if want := ((f.size-1)/pieceLength + 1) * sha256.Size; int64(len(layer)) != want {
			return pathErrorf(f.path, "the piece layer of this file has %d bytes instead of %d", len(layer), want)
		}
		if checked[f.root] { // files that name the same root share its layer, whatever their sizes
			continue
		}
		if layerRoot(layer, pad) != f.root {
			return pathErrorf(f.path, "the piece layer of this file does not belong to its pieces root")
		}
		checked[f.root] = true
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
