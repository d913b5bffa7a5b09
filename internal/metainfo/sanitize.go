package metainfo

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Checked is an uploaded .torrent that passed every check, ready to be written by
// Sanitize.
type Checked struct {
	Findings
	info    *info
	around  []node // what stands beside info and piece layers: key, value, key, …
	source  *node  // info.source as it was uploaded, nil for none
	changes changes
}

// Check reads an uploaded .torrent. Any fault is an error of code Invalid whose
// Field is the path, key or position at fault; nothing that a file can hold makes
// Check panic. The result refers to data, which must not be changed afterwards.
func Check(data []byte, l Limits) (*Checked, error) {
	l = l.withDefaults()
	if core.Bytes(len(data)) > l.TorrentBytes {
		return nil, core.FieldErrorf("torrent", "the .torrent file is larger than %v; choose larger pieces", l.TorrentBytes)
	}
	if len(data) == 0 || data[0] != 'd' {
		return nil, core.FieldErrorf("torrent", "this is not a .torrent file")
	}
	const nodesPerFile = 24 // both versions, their keys and some folders
	root, err := parse(data, nodesPerFile*l.Files+100_000)
	if err != nil {
		return nil, err
	}
	r := &reader{limits: l, changes: changes{}}
	in, err := r.read(&root)
	if err != nil {
		return nil, err
	}
	c := &Checked{Findings: findings(&root, in), info: in, changes: r.changes}
	if s := root.get("info").get("source"); s != nil {
		c.source = &node{kind: s.kind, raw: s.raw}
	}
	for i := 0; i < len(root.items); i += 2 {
		if key := string(root.items[i].raw); key != "info" && key != "piece layers" {
			c.around = append(c.around, root.items[i], root.items[i+1])
		}
	}
	return c, nil
}

// Sanitize is Check and Checked.Sanitize in one.
func Sanitize(data []byte, o Options) (*Torrent, error) {
	c, err := Check(data, o.Limits)
	if err != nil {
		return nil, err
	}
	return c.Sanitize(o), nil
}

// Sanitize writes the torrent again: private, with our source, and with only those
// keys that describe the data. Since that changes the info dictionary, the info-hash
// changes and the uploader must fetch the result.
//
// Sanitizing the result again with the same options returns the same bytes.
func (c *Checked) Sanitize(o Options) *Torrent {
	in, done := *c.info, maps.Clone(c.changes)
	in.source = o.Source
	noteSource(done, c.source, o.Source)
	raw := infoBytes(&in)
	out := outerOf(c.around, o, done)
	out.layers = layerBytes(in.v2)
	t := &Torrent{Findings: c.Findings, Data: fileBytes(out, raw), Source: o.Source, Changes: done.list()}
	t.InfoHash, t.InfoHashV2 = hashes(raw, in.v1 != nil, in.v2 != nil)
	return t
}

func findings(root *node, in *info) Findings {
	f := Findings{Name: in.name, PieceLength: core.Bytes(in.pieceLength)}
	f.UploadedInfoHash, f.UploadedInfoHashV2 = hashes(root.get("info").raw, in.v1 != nil, in.v2 != nil)
	var files []file
	if in.v2 != nil {
		files, f.SingleFile = in.v2.files, in.v2.single
		f.ContentV2 = contentV2(in.v2)
	}
	if in.v1 != nil {
		files, f.SingleFile = in.v1.files, in.v1.single
		f.ContentV1 = contentV1(in.v1, in.pieceLength)
	}
	for _, one := range files {
		if !one.padding() {
			f.Files = append(f.Files, File{Path: strings.Join(one.path, "/"), Size: core.Bytes(one.size)})
			f.Size += core.Bytes(one.size)
		}
	}
	return f
}

// outerOf takes what is kept from around the info dictionary: the date and nothing
// else. Comment, creator, trackers and web seeds of the upload could tell who
// uploaded, or hold a passkey.
func outerOf(around []node, o Options, done changes) outer {
	out := outer{comment: o.Comment, createdBy: o.CreatedBy, webSeeds: o.WebSeeds}
	written := map[string]string{"comment": o.Comment, "created by": o.CreatedBy}
	given := map[string]bool{}
	for i := 0; i < len(around); i += 2 {
		key, val := string(around[i].raw), around[i+1]
		given[key] = true
		switch key {
		case "creation date":
			if val.kind == 'i' && val.num > 0 && val.num < 1<<40 {
				out.creationDate = val.num
			} else {
				done.add(key, Dropped)
			}
		case "comment", "created by":
			switch {
			case written[key] == "":
				done.add(key, Dropped)
			case val.kind != 's' || string(val.raw) != written[key]:
				done.add(key, Replaced)
			}
		case "url-list":
			if !sameList(val, o.WebSeeds) {
				done.add(key, replacedOr(len(o.WebSeeds) > 0))
			}
		default:
			done.add(printable(around[i].raw), Dropped)
		}
	}
	for key, val := range written {
		if val != "" && !given[key] {
			done.add(key, Added)
		}
	}
	if len(o.WebSeeds) > 0 && !given["url-list"] {
		done.add("url-list", Added)
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

// changes counts what was done to an uploaded file.
type changes map[Change]int

func (cs changes) add(key string, a Action) {
	c := Change{Key: key, Action: a}
	if _, ok := cs[c]; ok || len(cs) < maxChanges {
		cs[c]++
	}
}

func (cs changes) list() []Change {
	list := make([]Change, 0, len(cs))
	for c, n := range cs {
		c.Count = n
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Key, b.Key), strings.Compare(string(a.Action), string(b.Action)))
	})
	return list
}
