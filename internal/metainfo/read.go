package metainfo

import (
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// reader turns the parsed nodes of one uploaded file into a checked info.
type reader struct {
	limits  Limits
	changes changes
}

// read checks the info dictionary and the piece layers beside it.
func (r *reader) read(root *node) (*info, error) {
	n := root.get("info")
	if n == nil || n.kind != 'd' {
		return nil, core.FieldErrorf("info", "the torrent has no info dictionary")
	}
	if n.get("encrypted_files") != nil {
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
		if in.v2, err = r.readV2(n, root.get("piece layers"), in); err != nil {
			return nil, err
		}
	} else if root.get("piece layers") != nil {
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

func versions(n *node) (v1, v2 bool, err error) {
	mv := n.get("meta version")
	switch {
	case mv == nil:
	case mv.kind == 'i' && mv.num == 2:
		v2 = true
	case mv.kind == 'i' && mv.num == 1:
	default:
		return false, false, core.FieldErrorf("info.meta version", "only BitTorrent v1 and v2 are known")
	}
	if !v2 && n.get("file tree") != nil {
		return false, false, core.FieldErrorf("info.meta version", "there is a file tree, but no meta version 2")
	}
	if v2 && n.get("file tree") == nil {
		return false, false, core.FieldErrorf("info.file tree", "a v2 torrent needs a file tree")
	}
	v1 = !v2 || n.get("pieces") != nil || n.get("files") != nil || n.get("length") != nil
	return v1, v2, nil
}

func (r *reader) name(n *node) (string, error) {
	name := n.get("name")
	if name == nil || name.kind != 's' {
		return "", core.FieldErrorf("info.name", "the torrent has no name")
	}
	return string(name.raw), checkComponent(name.raw, "info.name")
}

func (r *reader) pieceLength(n *node, v2 bool) (int64, error) {
	pl := n.get("piece length")
	const field = "info.piece length"
	switch {
	case pl == nil || pl.kind != 'i':
		return 0, core.FieldErrorf(field, "the torrent has no piece length")
	case pl.num < minPieceLength || core.Bytes(pl.num) > r.limits.PieceLength:
		return 0, core.FieldErrorf(field, "pieces of %d bytes; they must have between 16 KiB and %v", pl.num, r.limits.PieceLength)
	case pl.num%minPieceLength != 0:
		return 0, core.FieldErrorf(field, "pieces of %d bytes; the length must be a multiple of 16 KiB", pl.num)
	case v2 && pl.num&(pl.num-1) != 0:
		return 0, core.FieldErrorf(field, "pieces of %d bytes; in a v2 torrent the length must be a power of two", pl.num)
	}
	return pl.num, nil
}

func (r *reader) readV1(n *node, in *info) (*v1Info, error) {
	length, list := n.get("length"), n.get("files")
	v := &v1Info{single: length != nil}
	var err error
	switch {
	case length != nil && list != nil:
		return nil, core.FieldErrorf("info.files", "a torrent has either one length or a list of files")
	case length != nil:
		f := file{path: []string{in.name}}
		if f.size, err = r.size(length, "info.length"); err != nil {
			return nil, err
		}
		if f.attr, err = r.attr(n, "info", "hx"); err != nil {
			return nil, err
		}
		v.files = []file{f}
	case list == nil || list.kind != 'l':
		return nil, core.FieldErrorf("info.files", "the torrent lists no files")
	default:
		if v.files, err = r.v1Files(list, in); err != nil {
			return nil, err
		}
	}
	total, err := r.checkFiles(v.files, in.name)
	if err != nil {
		return nil, err
	}
	pieces := n.get("pieces")
	if pieces == nil || pieces.kind != 's' {
		return nil, core.FieldErrorf("info.pieces", "the torrent has no piece hashes")
	}
	if want := (total-1)/in.pieceLength + 1; int64(len(pieces.raw)) != 20*want {
		return nil, core.FieldErrorf("info.pieces", "%d bytes of piece hashes, but the files need %d", len(pieces.raw), 20*want)
	}
	v.pieces = pieces.raw
	return v, nil
}

func (r *reader) v1Files(list *node, in *info) ([]file, error) {
	var files []file
	visible := 0
	for i := range list.items {
		f, err := r.v1File(&list.items[i], in)
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

func (r *reader) v1File(n *node, in *info) (file, error) {
	var f file
	path := n.get("path")
	if path == nil {
		return f, core.FieldErrorf("info.files", "a file has no path")
	}
	var err error
	if f.path, err = stringList(path, "info.files.path"); err != nil {
		return f, err
	}
	if err = checkPath(in.name, f.path); err != nil {
		return f, err
	}
	field := printable([]byte(strings.Join(f.path, "/")))
	if f.size, err = r.size(n.get("length"), field); err != nil {
		return f, err
	}
	if f.attr, err = r.attr(n, "info.files", "hlpx"); err != nil {
		return f, err
	}
	if f.padding() && (f.link() || f.size >= in.pieceLength) {
		return f, core.FieldErrorf(field, "a padding file must be smaller than a piece")
	}
	if f.symlink, err = r.symlink(n, f, field); err != nil {
		return f, err
	}
	r.noteKeys(n, "info.files", "attr", "length", "path", "symlink path")
	return f, nil
}

func stringList(n *node, field string) ([]string, error) {
	if n.kind != 'l' || len(n.items) > maxPathDepth {
		return nil, core.FieldErrorf(field, "a path must be a list of at most %d names", maxPathDepth)
	}
	out := make([]string, len(n.items))
	for i := range n.items {
		if n.items[i].kind != 's' {
			return nil, core.FieldErrorf(field, "a path must be a list of names")
		}
		out[i] = string(n.items[i].raw)
	}
	return out, nil
}

func (r *reader) size(n *node, field string) (int64, error) {
	switch {
	case n == nil || n.kind != 'i':
		return 0, core.FieldErrorf(field, "a file has no length")
	case n.num < 0:
		return 0, core.FieldErrorf(field, "a file has a negative length")
	case core.Bytes(n.num) > r.limits.FileSize:
		return 0, core.FieldErrorf(field, "the file is larger than the limit of %v", r.limits.FileSize)
	}
	return n.num, nil
}

// attr returns the attributes of a file (BEP 47) that are in allowed, sorted.
func (r *reader) attr(n *node, key, allowed string) (string, error) {
	a := n.get("attr")
	if a == nil {
		return "", nil
	}
	if a.kind != 's' {
		return "", core.FieldErrorf(key+".attr", "attributes must be a string")
	}
	var kept strings.Builder
	for _, c := range allowed {
		if strings.ContainsRune(string(a.raw), c) {
			kept.WriteRune(c)
		}
	}
	if kept.String() != string(a.raw) {
		r.changes.add(key+".attr", replacedOr(kept.Len() > 0))
	}
	return kept.String(), nil
}

// symlink returns where a symbolic link points to; checkFiles finds out whether that
// is a file of the torrent.
func (r *reader) symlink(n *node, f file, field string) ([]string, error) {
	if !f.link() {
		if n.get("symlink path") != nil {
			r.changes.add("info.files.symlink path", Dropped)
		}
		return nil, nil
	}
	target := n.get("symlink path")
	if target == nil || f.size != 0 {
		return nil, core.FieldErrorf(field, "a symbolic link needs a target and has no length")
	}
	return stringList(target, field)
}

// checkFiles checks the rules that concern all files together, and returns their size
// with padding.
func (r *reader) checkFiles(files []file, name string) (int64, error) {
	seen := newPaths(len(files))
	real := make(map[string]bool, len(files))
	var total, visible int64
	for _, f := range files {
		field := printable([]byte(strings.Join(f.path, "/")))
		var ok bool
		if total, ok = addSize(total, f.size); !ok {
			return 0, core.FieldErrorf(field, "the files are larger than the limit of %v together", r.limits.TotalSize)
		}
		if f.padding() {
			continue
		}
		if visible += f.size; core.Bytes(visible) > r.limits.TotalSize {
			return 0, core.FieldErrorf(field, "the files are larger than the limit of %v together", r.limits.TotalSize)
		}
		if err := checkPath(name, f.path); err != nil {
			return 0, err
		}
		if err := seen.add(f.path); err != nil {
			return 0, err
		}
		real[strings.Join(f.path, "/")] = !f.link()
	}
	if visible == 0 {
		return 0, core.FieldErrorf("info.files", "the torrent has no data")
	}
	for _, f := range files {
		if f.link() && !real[strings.Join(f.symlink, "/")] {
			return 0, core.FieldErrorf(printable([]byte(strings.Join(f.path, "/"))), "a symbolic link must point to a file of the same torrent")
		}
	}
	return total, nil
}

// checkHybrid checks that both halves of a hybrid describe the same files in the same
// order, and that each file of the v1 half begins at a piece, which is how v2 clients
// see it (BEP 52).
func checkHybrid(in *info) error {
	i := 0
	var at int64
	for _, f := range in.v1.files {
		if !f.padding() {
			field := printable([]byte(strings.Join(f.path, "/")))
			if i >= len(in.v2.files) || !sameFile(f, in.v2.files[i]) {
				return core.FieldErrorf(field, "the v1 and the v2 part of this hybrid torrent don't list the same files in the same order")
			}
			if f.size > 0 && at%in.pieceLength != 0 {
				return core.FieldErrorf(field, "a file of a hybrid torrent must begin with a piece; padding is missing")
			}
			i++
		}
		at += f.size
	}
	if i != len(in.v2.files) || in.v1.single != in.v2.single {
		return core.FieldErrorf("info.file tree", "the v1 and the v2 part of this hybrid torrent don't list the same files")
	}
	return nil
}

func sameFile(a, b file) bool {
	return a.size == b.size && a.link() == b.link() && slices.Equal(a.path, b.path) && slices.Equal(a.symlink, b.symlink)
}

// noteInfoKeys records what becomes of the keys of info, except for its source.
func (r *reader) noteInfoKeys(n *node) {
	r.noteKeys(n, "info", "attr", "file tree", "files", "length", "meta version", "name", "piece length",
		"pieces", "private", "source")
	if n.get("attr") != nil && n.get("length") == nil {
		r.changes.add("info.attr", Dropped)
	}
	if p := n.get("private"); p == nil {
		r.changes.add("info.private", Added)
	} else if p.kind != 'i' || p.num != 1 {
		r.changes.add("info.private", Replaced)
	}
}

// noteSource records what becomes of info.source.
func noteSource(done changes, was *node, source string) {
	switch {
	case was == nil && source != "":
		done.add("info.source", Added)
	case was != nil && (was.kind != 's' || string(was.raw) != source):
		done.add("info.source", replacedOr(source != ""))
	}
}

// noteKeys records each key of n that is not known and therefore not kept.
func (r *reader) noteKeys(n *node, prefix string, known ...string) {
	if n.kind != 'd' {
		return
	}
	for i := 0; i < len(n.items); i += 2 {
		if !slices.Contains(known, string(n.items[i].raw)) {
			r.changes.add(prefix+"."+printable(n.items[i].raw), Dropped)
		}
	}
}
