package metainfo

import (
	"cmp"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Sanitize checks an uploaded .torrent and writes it anew: private, with our
// source, with the keys that describe the data and no others. Since that changes
// the info dictionary, the info-hash changes and the uploader must fetch the
// result. Any fault is an error of code Invalid whose Field is the path, key or
// position at fault; nothing that a file can hold makes Sanitize panic.
//
// Sanitizing the result again with the same options returns the same bytes.
func Sanitize(data []byte, o Options) (*Torrent, error) {
	o.Limits = o.Limits.withDefaults()
	if core.Bytes(len(data)) > o.Limits.TorrentBytes {
		return nil, core.FieldErrorf("torrent", "the .torrent file is larger than %v; choose larger pieces", o.Limits.TorrentBytes)
	}
	if len(data) == 0 || data[0] != 'd' {
		return nil, core.FieldErrorf("torrent", "this is not a .torrent file")
	}
	const nodesPerFile = 24 // both versions, their keys and some folders
	root, err := parse(data, nodesPerFile*o.Limits.Files+100_000)
	if err != nil {
		return nil, err
	}
	r := &reader{limits: o.Limits, changes: map[Change]int{}}
	in, err := r.read(&root, o.Source)
	if err != nil {
		return nil, err
	}
	out := r.outer(&root, o)
	if in.v2 != nil {
		out.layers = layerBytes(in.v2)
	}
	return r.result(&root, in, out), nil
}

func (r *reader) result(root *node, in *info, out outer) *Torrent {
	raw := infoBytes(in)
	t := &Torrent{
		Data: fileBytes(out, raw), Name: in.name, Source: in.source, PieceLength: core.Bytes(in.pieceLength),
	}
	t.InfoHash, t.InfoHashV2 = hashes(raw, in.v1 != nil, in.v2 != nil)
	t.UploadedInfoHash, t.UploadedInfoHashV2 = hashes(root.get("info").raw, in.v1 != nil, in.v2 != nil)
	var files []file
	if in.v2 != nil {
		files, t.SingleFile = in.v2.files, in.v2.single
		t.ContentV2 = contentV2(in.v2)
	}
	if in.v1 != nil {
		files, t.SingleFile = in.v1.files, in.v1.single
		t.ContentV1 = contentV1(in.v1, in.pieceLength)
	}
	for _, f := range files {
		if !f.padding() {
			t.Files = append(t.Files, File{Path: strings.Join(f.path, "/"), Size: core.Bytes(f.size)})
			t.Size += core.Bytes(f.size)
		}
	}
	t.Changes = r.changeList()
	return t
}

// outer takes what is kept from around the info dictionary: nothing but the
// date. Comment, creator, trackers and web seeds of the upload could tell who
// uploaded, or hold a passkey.
func (r *reader) outer(root *node, o Options) outer {
	out := outer{comment: o.Comment, createdBy: o.CreatedBy, webSeeds: o.WebSeeds}
	written := map[string]string{"comment": o.Comment, "created by": o.CreatedBy}
	for i := 0; i < len(root.items); i += 2 {
		key, val := string(root.items[i].raw), root.items[i+1]
		switch key {
		case "info", "piece layers":
		case "creation date":
			if val.kind == 'i' && val.num > 0 && val.num < 1<<40 {
				out.creationDate = val.num
			} else {
				r.changed(key, Dropped)
			}
		case "comment", "created by":
			switch {
			case written[key] == "":
				r.changed(key, Dropped)
			case val.kind != 's' || string(val.raw) != written[key]:
				r.changed(key, Replaced)
			}
		case "url-list":
			if !sameList(val, o.WebSeeds) {
				r.changed(key, replacedOr(len(o.WebSeeds) > 0))
			}
		default:
			r.changed(printable(root.items[i].raw), Dropped)
		}
	}
	for key, val := range written {
		if val != "" && root.get(key) == nil {
			r.changed(key, Added)
		}
	}
	if len(o.WebSeeds) > 0 && root.get("url-list") == nil {
		r.changed("url-list", Added)
	}
	return out
}

func sameList(val node, want []string) bool {
	return val.kind == 'l' && slices.EqualFunc(val.items, want, func(n node, s string) bool {
		return n.kind == 's' && string(n.raw) == s
	})
}

func replacedOr(replaced bool) Action {
	if replaced {
		return Replaced
	}
	return Dropped
}

// maxChanges bounds the list, since a file can hold any number of odd keys.
const maxChanges = 100

func (r *reader) changed(key string, a Action) {
	c := Change{Key: key, Action: a}
	if _, ok := r.changes[c]; ok || len(r.changes) < maxChanges {
		r.changes[c]++
	}
}

func (r *reader) changeList() []Change {
	list := make([]Change, 0, len(r.changes))
	for c, n := range r.changes {
		c.Count = n
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(string(a.Action), string(b.Action)))
	})
	return list
}
