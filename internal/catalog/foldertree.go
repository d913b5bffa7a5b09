package catalog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// folderTree is how the files of a torrent lie in folders.
type folderTree struct {
	folders []folderNode // each behind the one that it lies in; the first is the torrent's own
	places  []int        // the position of the file at each place
}

// folderNode is a folder. It has files of its own or at least two folders, but for the
// torrent's own: those that hold nothing but one other folder are one with it. So there
// are fewer than twice as many folders as files, however deep these lie.
type folderNode struct {
	path   string // from the torrent's own folder, without a slash at its end
	parent int    // -1 of the torrent's own
	first  int    // the place of its first file
	own    int    // files in it, at the places from first on
	files  int    // these and those of its folders, which follow them
	size   core.Bytes
}

// name is the path from the folder above.
func (t folderTree) name(i int) string {
	f := t.folders[i]
	if f.parent <= 0 {
		return f.path
	}
	return f.path[len(t.folders[f.parent].path)+1:]
}

// treeOf arranges files, which may come in any order.
func treeOf(files []metainfo.File) folderTree {
	t := folderTree{places: make([]int, len(files))}
	for i := range files {
		t.places[i] = i
	}
	slices.SortStableFunc(t.places, func(a, b int) int { return compareInTree(files[a].Path, files[b].Path) })
	b := treeBuilder{nodes: []folderNode{{parent: -1}}, open: []int{0}}
	for place, i := range t.places {
		dir := ""
		if slash := strings.LastIndexByte(files[i].Path, '/'); slash >= 0 {
			dir = files[i].Path[:slash]
		}
		n := &b.nodes[b.enter(dir, place)]
		n.own++
		n.size += files[i].Size
	}
	t.folders = b.numbered()
	return t
}

// compareInTree orders paths as they stand in a tree: in each folder its own files by
// name, then its folders by name with all that is in them.
func compareInTree(a, b string) int {
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	from := strings.LastIndexByte(a[:same], '/') + 1
	nameA, _, deepA := strings.Cut(a[from:], "/")
	nameB, _, deepB := strings.Cut(b[from:], "/")
	return cmp.Or(cmp.Compare(flag(deepA), flag(deepB)), strings.Compare(nameA, nameB))
}

// treeBuilder takes folders in the order of the tree.
type treeBuilder struct {
	nodes []folderNode
	open  []int // the folder of the last file, and those in which it lies
}

// enter returns the folder of a path, in which the file at a place lies.
func (b *treeBuilder) enter(path string, place int) int {
	var shared int
	for {
		last := b.open[len(b.open)-1]
		shared = sharedFolders(b.nodes[last].path, path)
		if len(b.open) == 1 || shared > len(b.nodes[b.nodes[last].parent].path) {
			break
		}
		b.open = b.open[:len(b.open)-1]
	}
	top := b.open[len(b.open)-1]
	if n := b.nodes[top]; shared < len(n.path) { // they part within it
		b.nodes = append(b.nodes, folderNode{path: n.path[:shared], parent: n.parent, first: n.first})
		above := len(b.nodes) - 1
		b.nodes[top].parent = above
		b.open[len(b.open)-1] = above
		top = above
	}
	if len(path) > len(b.nodes[top].path) {
		b.nodes = append(b.nodes, folderNode{path: path, parent: top, first: place})
		top = len(b.nodes) - 1
		b.open = append(b.open, top)
	}
	return top
}

// sharedFolders returns the length of the path that two folders have in common.
func sharedFolders(a, b string) int {
	slash := 0
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		if a[i] == '/' {
			slash = i
		}
		if i+1 == min(len(a), len(b)) && (i+1 == len(a) || a[i+1] == '/') && (i+1 == len(b) || b[i+1] == '/') {
			return i + 1
		}
	}
	return slash
}

// numbered puts each folder behind the one that it lies in, and adds up what is in them.
func (b *treeBuilder) numbered() []folderNode {
	order := make([]int, len(b.nodes))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int {
		return cmp.Or(cmp.Compare(b.nodes[x].first, b.nodes[y].first), cmp.Compare(len(b.nodes[x].path), len(b.nodes[y].path)))
	})
	number := make([]int, len(order))
	for n, i := range order {
		number[i] = n
	}
	out := make([]folderNode, len(order))
	for n, i := range order {
		out[n] = b.nodes[i]
		out[n].files = out[n].own
		if n > 0 {
			out[n].parent = number[out[n].parent]
		}
	}
	for n := len(out) - 1; n > 0; n-- {
		above := &out[out[n].parent]
		above.files += out[n].files
		above.size += out[n].size
	}
	return out
}
