package metainfo

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// reader turns the parsed document of one uploaded file into a checked info.
type reader struct {
	limits  Limits
	changes changes
	paths   int // bytes of all paths so far
}

// read checks the info dictionary and the piece layers beside it.
func (r *reader) read(root node) (*info, error) {
	n := root.get("info")
	if n.kind() != 'd' {
		return nil, core.FieldErrorf("info", "the torrent has no info dictionary")
	}
	if err := n.unique(); err != nil {
		return nil, err
	}
	if n.marks() != 0 {
		r.changes.add("info", Normalized)
	}
	if n.get("encrypted_files").ok() {
		return nil, core.FieldErrorf("info.encrypted_files", "encrypted torrents are not accepted")
	}
	v1, v2, err := versions(n)
	if err != nil {
		return nil, err
	}
	in := &info{private: true}
	if in.name, err = r.name(n); err != nil {
		return nil, err
	}
	if in.pieceLength, err = r.pieceLength(n, v2); err != nil {
		return nil, err
	}
	if v1 {
		if in.v1, err = r.readV1(n, in); err != nil {
			return nil, err
		}
	}
	if v2 {
		r.paths = 0
		if in.v2, err = r.readV2(n, root.get("piece layers"), in); err != nil {
			return nil, err
		}
	} else if root.get("piece layers").ok() {
		r.changes.add("piece layers", Dropped)
	}
	if v1 && v2 {
		if err := checkHybrid(in); err != nil {
			return nil, err
		}
	}
	r.noteInfoKeys(n)
	return in, nil
}

func versions(n node) (v1, v2 bool, err error) {
	mv := n.get("meta version")
	switch num, ok := mv.num(); {
	case !mv.ok():
	case ok && num == 2:
		v2 = true
	case ok && num == 1:
	default:
		return false, false, core.FieldErrorf("info.meta version", "only BitTorrent v1 and v2 are known")
	}
	if !v2 && n.get("file tree").ok() {
		return false, false, core.FieldErrorf("info.meta version", "there is a file tree, but no meta version 2")
	}
	if v2 && !n.get("file tree").ok() {
		return false, false, core.FieldErrorf("info.file tree", "a v2 torrent needs a file tree")
	}
	v1 = !v2 || n.get("pieces").ok() || n.get("files").ok() || n.get("length").ok()
	return v1, v2, nil
}

// name returns the torrent's name. Where "name" is in an old encoding, clients take
// "name.utf-8", as we do.
func (r *reader) name(n node) (string, error) {
	name := n.get("name")
	if name.kind() != 's' {
		return "", core.FieldErrorf("info.name", "the torrent has no name")
	}
	s := name.str()
	if other := n.get("name.utf-8"); !utf8.Valid(s) && other.kind() == 's' {
		s = other.str()
		r.changes.add("info.name", Replaced)
	}
	return string(s), checkName(string(s), "info.name")
}

// pieceLength checks the length of pieces. In v1 any will do; BEP 52 wants a power of
// two, of a block or more.
func (r *reader) pieceLength(n node, v2 bool) (int64, error) {
	const field = "info.piece length"
	pl, ok := n.get("piece length").num()
	switch {
	case !ok:
		return 0, core.FieldErrorf(field, "the torrent has no piece length")
	case core.Bytes(pl) > r.limits.PieceLength:
		return 0, core.FieldErrorf(field, "pieces of %v; they must have at most %v", core.Bytes(pl), r.limits.PieceLength)
	case v2 && (pl < blockSize || pl&(pl-1) != 0):
		return 0, core.FieldErrorf(field, "pieces of %d bytes; in a v2 torrent the length must be a power of two of at least 16 KiB", pl)
	case pl < minPieceLength:
		return 0, core.FieldErrorf(field, "pieces of %d bytes; they must have at least %d", pl, minPieceLength)
	}
	return pl, nil
}

func (r *reader) readV1(n node, in *info) (*v1Info, error) {
	length, list := n.get("length"), n.get("files")
	v := &v1Info{single: length.ok()}
	var err error
	switch {
	case length.ok() && list.ok():
		return nil, core.FieldErrorf("info.files", "a torrent has either one length or a list of files")
	case length.ok():
		f := file{path: in.name}
		if f.size, err = r.size(length, "info.length"); err != nil {
			return nil, err
		}
		if f.attr, err = r.attr(n, "info", "hx"); err != nil {
			return nil, err
		}
		v.files = []file{f}
	case list.kind() != 'l':
		return nil, core.FieldErrorf("info.files", "the torrent lists no files")
	default:
		if v.files, err = r.v1Files(list, in); err != nil {
			return nil, err
		}
	}
	total, err := r.checkFiles(v.files)
	if err != nil {
		return nil, err
	}
	pieces := n.get("pieces")
	if pieces.kind() != 's' {
		return nil, core.FieldErrorf("info.pieces", "the torrent has no piece hashes")
	}
	v.pieces = pieces.str()
	if want := (total-1)/in.pieceLength + 1; int64(len(v.pieces)) != 20*want {
		return nil, core.FieldErrorf("info.pieces", "%d bytes of piece hashes, but the files need %d", len(v.pieces), 20*want)
	}
	return v, nil
}

func (r *reader) v1Files(list node, in *info) ([]file, error) {
	var files []file
	visible := 0
	for n := range list.items() {
		f, err := r.v1File(n, in)
		if err != nil {
			return nil, err
		}
		if !f.padding() {
			visible++
		}
		// There is at most one padding file between any two files.
		if visible > r.limits.Files || len(files) > 2*r.limits.Files {
			return nil, r.tooMany()
		}
		files = append(files, f)
	}
	return files, nil
}

func (r *reader) tooMany() error {
	return core.FieldErrorf("info.files", "more than %d files; pack them into archives", r.limits.Files)
}

func (r *reader) v1File(n node, in *info) (file, error) {
	var f file
	if !n.get("path").ok() {
		return f, core.FieldErrorf("info.files", "a file has no path")
	}
	var err error
	if f.path, err = r.v1Path(n, in.name); err != nil {
		return f, err
	}
	if f.size, err = r.size(n.get("length"), f.path); err != nil {
		return f, err
	}
	if f.attr, err = r.attr(n, "info.files", "hlpx"); err != nil {
		return f, err
	}
	if f.padding() && (f.link() || f.size >= in.pieceLength) {
		return f, pathErrorf(f.path, "a padding file must be smaller than a piece")
	}
	if f.symlink, err = r.symlink(n, f); err != nil {
		return f, err
	}
	r.noteKeys(n, "info.files", "attr", "length", "path", "symlink path")
	return f, nil
}

// v1Path returns the path of a file of the v1 list. Like the torrent's name it may stand
// there a second time, in UTF-8.
func (r *reader) v1Path(n node, name string) (string, error) {
	path, err := joined(n.get("path"), "info.files.path")
	if err != nil {
		return "", err
	}
	if other := n.get("path.utf-8"); other.ok() && !utf8.ValidString(path) {
		if path, err = joined(other, "info.files.path.utf-8"); err != nil {
			return "", err
		}
		r.changes.add("info.files.path", Replaced)
	}
	return path, r.takePath(name, path)
}

// takePath checks a path, and that all paths together are not too long: in a v2 tree
// few bytes can make many.
func (r *reader) takePath(name, path string) error {
	if err := checkPath(name, path); err != nil {
		return err
	}
	if r.paths += len(path); r.paths > pathBytesPerFile*r.limits.Files {
		return core.FieldErrorf("info.files", "the paths of all files together are longer than %v; give shorter names to folders, or pack files into archives",
			core.Bytes(pathBytesPerFile*r.limits.Files))
	}
	return nil
}

// joined returns a list of names with slashes between them.
func joined(n node, field string) (string, error) {
	if n.kind() != 'l' {
		return "", core.FieldErrorf(field, "a path must be a list of at most %d names", maxPathDepth)
	}
	names := make([]string, 0, 8)
	for item := range n.items() {
		s := item.str()
		switch {
		case item.kind() != 's':
			return "", core.FieldErrorf(field, "a path must be a list of names")
		case len(names) == maxPathDepth:
			return "", core.FieldErrorf(field, "a path must be a list of at most %d names", maxPathDepth)
		case slices.Contains(s, '/'):
			return "", core.FieldErrorf(printable(s), "a name holds a slash")
		}
		names = append(names, string(s))
	}
	return strings.Join(names, "/"), nil
}

// size reads the length of the file at path.
func (r *reader) size(n node, path string) (int64, error) {
	num, ok := n.num()
	switch {
	case n.kind() != 'i':
		return 0, pathErrorf(path, "a file has no length")
	case num < 0:
		return 0, pathErrorf(path, "a file has a negative length")
	case !ok || core.Bytes(num) > r.limits.FileSize:
		return 0, pathErrorf(path, "the file is larger than the limit of %v", r.limits.FileSize)
	}
	return num, nil
}

// attr returns the attributes of a file (BEP 47) that are in allowed, sorted.
func (r *reader) attr(n node, key, allowed string) (string, error) {
	a := n.get("attr")
	if !a.ok() {
		return "", nil
	}
	if a.kind() != 's' {
		return "", core.FieldErrorf(key+".attr", "attributes must be a string")
	}
	var kept strings.Builder
	for _, c := range []byte(allowed) {
		if slices.Contains(a.str(), c) {
			kept.WriteByte(c)
		}
	}
	if kept.String() != string(a.str()) {
		r.changes.add(key+".attr", replacedOr(kept.Len() > 0))
	}
	return kept.String(), nil
}

// symlink returns where a symbolic link points to; checkFiles finds out whether that
// is a file of the torrent.
func (r *reader) symlink(n node, f file) (string, error) {
	target := n.get("symlink path")
	if !f.link() {
		if target.ok() {
			r.changes.add("info.files.symlink path", Dropped)
		}
		return "", nil
	}
	if !target.ok() || f.size != 0 {
		return "", pathErrorf(f.path, "a symbolic link needs a target and has no length")
	}
	return joined(target, printable([]byte(f.path)))
}

// checkFiles checks the rules that concern all files together, but for their names, and
// returns their size with padding.
func (r *reader) checkFiles(files []file) (int64, error) {
	var total, visible int64
	links := false
	for _, f := range files {
		var ok bool
		if total, ok = addSize(total, f.size); ok && !f.padding() {
			visible += f.size
		}
		if !ok || core.Bytes(visible) > r.limits.TotalSize {
			return 0, pathErrorf(f.path, "the files are larger than the limit of %v together", r.limits.TotalSize)
		}
		links = links || f.link()
	}
	if visible == 0 {
		return 0, core.FieldErrorf("info.files", "the torrent has no data")
	}
	if links {
		return total, checkLinks(files)
	}
	return total, nil
}

func checkLinks(files []file) error {
	real := make(map[string]bool, len(files))
	for _, f := range files {
		if !f.padding() && !f.link() {
			real[f.path] = true
		}
	}
	for _, f := range files {
		if f.link() && !real[f.symlink] {
			return pathErrorf(f.path, "a symbolic link must point to a file of the same torrent")
		}
	}
	return nil
}

// checkHybrid checks that both halves of a hybrid describe the same files in the same
// order, and that each file of the v1 half begins at a piece, which is how v2 clients
// see it (BEP 52). The halves may differ in shape: the tree of a folder that holds one
// file of its own name looks like that of the file alone.
func checkHybrid(in *info) error {
	i := 0
	var at int64
	for _, f := range in.v1.files {
		if !f.padding() {
			if i >= len(in.v2.files) || !sameEntry(f, in.v2.files[i]) {
				return pathErrorf(f.path, "the v1 and the v2 part of this hybrid torrent don't list the same files in the same order")
			}
			if f.size > 0 && at%in.pieceLength != 0 {
				return pathErrorf(f.path, "a file of a hybrid torrent must begin with a piece; padding is missing")
			}
			i++
		}
		at += f.size
	}
	if i != len(in.v2.files) {
		return core.FieldErrorf("info.file tree", "the v1 and the v2 part of this hybrid torrent don't list the same files")
	}
	return nil
}

func sameEntry(a, b file) bool {
	return a.size == b.size && a.link() == b.link() && a.path == b.path && a.symlink == b.symlink
}

// noteInfoKeys records what becomes of the keys of info, except for its source.
func (r *reader) noteInfoKeys(n node) {
	r.noteKeys(n, "info", "attr", "file tree", "files", "length", "meta version", "name", "piece length",
		"pieces", "private", "source")
	if n.get("attr").ok() && !n.get("length").ok() {
		r.changes.add("info.attr", Dropped)
	}
	if p := n.get("private"); !p.ok() {
		r.changes.add("info.private", Added)
	} else if num, _ := p.num(); num != 1 {
		r.changes.add("info.private", Replaced)
	}
}

// noteKeys records each key of n that is not known and therefore not kept.
func (r *reader) noteKeys(n node, prefix string, known ...string) {
	for key := range n.entries() {
		if !slices.Contains(known, string(key)) {
			r.changes.add(prefix+"."+printable(key), Dropped)
		}
	}
}
