package metainfo

import (
	"bytes"
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
	size    int // bytes of info as it was uploaded
	given   given
	changes changes
}

// given is what of the upload Sanitize compares with what it writes. nil is absent.
type given struct {
	source, comment, createdBy *string
	webSeeds                   []string // what is no list of URLs is one that nobody wants
	date                       int64    // 0 is none
}

// Check reads an uploaded .torrent. Any fault is an error of code Invalid whose
// Field is the path, key or position at fault; nothing that a file can hold makes
// Check panic. What every client loads, and can be understood in one way only, is no
// fault: see Normalized. The result refers to data, which must not be changed afterwards.
func Check(data []byte, l Limits) (*Checked, error) {
	l = l.withDefaults()
	if core.Bytes(len(data)) > l.TorrentBytes {
		return nil, core.FieldErrorf("torrent", "the .torrent file is larger than %v%s", l.TorrentBytes, adviceFor(data))
	}
	if len(data) == 0 || data[0] != 'd' {
		return nil, core.FieldErrorf("torrent", "this is not a .torrent file")
	}
	const tokensPerFile = 24 // both versions, their keys and some folders
	root, end, err := parse(data, tokensPerFile*l.Files+100_000)
	if err != nil {
		return nil, err
	}
	r := &reader{limits: l, changes: changes{}}
	if err := r.around(root, data[end:]); err != nil {
		return nil, err
	}
	in, err := r.read(root)
	if err != nil {
		return nil, err
	}
	c := &Checked{info: in, changes: r.changes, given: r.given(root)}
	raw := root.get("info").raw()
	c.size = len(raw)
	if c.Findings, err = findings(raw, in); err != nil {
		return nil, err
	}
	if l.Names == NamesRefuse && len(c.Unfriendly) > 0 {
		u := c.Unfriendly[0]
		return nil, core.FieldErrorf(u.Examples[0], "%s, and this site takes no torrent that Windows can't store; rename it", u.Reason)
	}
	return c, nil
}

// around checks what stands beside info and piece layers: each of what is kept stands
// there once, and nothing follows but blanks.
func (r *reader) around(root node, rest []byte) error {
	if end := bytes.TrimRight(rest, " \t\r\n\x00"); len(end) > 0 {
		return core.FieldErrorf("torrent", "not a valid .torrent file: %d bytes follow the end of the torrent; they don't belong there", len(rest))
	}
	odd := len(rest) > 0
	seen := map[string]bool{}
	for key, n := range root.entries() {
		switch k := string(key); k {
		case "info", "piece layers", "creation date":
			if seen[k] {
				return twiceError(root, key)
			}
			seen[k] = true
		}
		odd = odd || string(key) != "info" && n.marks() != 0
	}
	if odd || root.doc.tokens[0].mark != 0 {
		r.changes.add("file", Normalized)
	}
	return nil
}

// given notes what Sanitize will compare, and what it will drop in any case: comment,
// creator, trackers and web seeds of the upload could tell who uploaded, or hold a
// announce key.
func (r *reader) given(root node) (g given) {
	text := func(n node) *string {
		if !n.ok() {
			return nil
		}
		s := string(n.str())
		return &s
	}
	g.source = text(root.get("info").get("source"))
	for key, n := range root.entries() {
		switch string(key) {
		case "info", "piece layers":
		case "comment":
			g.comment = text(n)
		case "created by":
			g.createdBy = text(n)
		case "creation date":
			if date, ok := n.num(); ok && date > 0 && date < 1<<40 {
				g.date = date
			} else {
				r.changes.add("creation date", Dropped)
			}
		case "url-list":
			g.webSeeds = []string{string(n.str())}
			if n.kind() == 'l' {
				g.webSeeds = g.webSeeds[:0]
				for item := range n.items() {
					if g.webSeeds = append(g.webSeeds, string(item.str())); len(g.webSeeds) > maxWebSeeds {
						break
					}
				}
			}
		default:
			r.changes.add(printable(key), Dropped)
		}
	}
	return g
}

// MaxGrowth is more than a .torrent grows by being sanitized.
const MaxGrowth = 8 * core.KiB

// maxWebSeeds is more than anyone writes.
const maxWebSeeds = 100

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
	raw := infoBytes(&in, c.size)
	out := outer{comment: o.Comment, createdBy: o.CreatedBy, creationDate: c.given.date, webSeeds: o.WebSeeds, layers: layerBytes(in.v2)}
	c.given.compare(o, done)
	t := &Torrent{Findings: c.Findings, Data: fileBytes(out, raw), Source: o.Source, Changes: done.list()}
	t.InfoHash, t.InfoHashV2 = hashes(raw, in.v1 != nil, in.v2 != nil)
	return t
}

// Preview tells what Sanitize will change, without doing it. What it puts into
// info.source is always new.
func (c *Checked) Preview(o Options) []Change {
	done := maps.Clone(c.changes)
	c.given.compare(o, done)
	return done.list()
}

func findings(raw []byte, in *info) (Findings, error) {
	f := Findings{Name: in.name, PieceLength: core.Bytes(in.pieceLength)}
	f.UploadedInfoHash, f.UploadedInfoHashV2 = hashes(raw, in.v1 != nil, in.v2 != nil)
	var files []file
	if in.v2 != nil {
		files, f.SingleFile = in.v2.files, in.v2.single
		f.ContentV2 = contentV2(in.v2)
	}
	if in.v1 != nil {
		files, f.SingleFile = in.v1.files, in.v1.single
		f.ContentV1 = contentV1(in.v1, in.pieceLength)
	}
	paths := make([]string, 0, len(files))
	f.Files = make([]File, 0, len(files))
	for _, one := range files {
		if !one.padding() {
			f.Files = append(f.Files, File{Path: one.path, Size: core.Bytes(one.size)})
			f.Size += core.Bytes(one.size)
			paths = append(paths, one.path)
		}
	}
	var err error
	f.Unfriendly, err = checkPaths(in.name, f.SingleFile, paths)
	return f, err
}

// compare notes what becomes of the keys that Sanitize writes itself.
func (g given) compare(o Options, done changes) {
	for _, k := range []struct {
		key  string
		was  *string
		will string
	}{{"info.source", g.source, o.Source}, {"comment", g.comment, o.Comment}, {"created by", g.createdBy, o.CreatedBy}} {
		switch {
		case k.was == nil && k.will != "":
			done.add(k.key, Added)
		case k.was != nil && *k.was != k.will || k.was != nil && k.will == "":
			done.add(k.key, replacedOr(k.will != ""))
		}
	}
	switch {
	case g.webSeeds == nil && len(o.WebSeeds) > 0:
		done.add("url-list", Added)
	case g.webSeeds != nil && !slices.Equal(g.webSeeds, o.WebSeeds) || g.webSeeds != nil && len(o.WebSeeds) == 0:
		done.add("url-list", replacedOr(len(o.WebSeeds) > 0))
	}
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
