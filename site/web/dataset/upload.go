package dataset

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/web"
)

// KeptFile is the .torrent between the two steps and after a mistake. It travels
// in the form itself, so the site has nothing to keep or to clear away.
type KeptFile struct {
	Name      string // of the file or folder inside
	FileCount int
	Size      core.Bytes
	Data      string // base64; "" when it is too large to travel and must be chosen again
	// Changes are what will be changed in it, and Unfriendly what Windows can't store.
	Changes    []metainfo.Change
	Unfriendly []metainfo.Unfriendly
}

// maxKept is the largest .torrent that travels with the form: several times as much lies in
// memory for each form that is shown.
const maxKept = 512 << 10

const formKept = "kept"

// Route is a route of an upload: pages and the API read the same fields.
func (r Uploads) Route(kind web.Kind, path string, need web.Need, h web.Handler) web.Route {
	return kind.Post(path, need, r.maxBody(), h).Files(catalog.FieldTorrent, formKept).Within(UploadTime)
}

// UploadForm is a whole upload as it was typed, with what the form offers.
type UploadForm struct {
	GroupValues   GroupValues
	TorrentValues TorrentValues
	Vocabulary    catalog.Vocabulary
	Categories    []catalog.Category
	Rules         catalog.Rules
	Group         catalog.Group // set when the torrent goes to a group that exists
	File          KeptFile
	Limit         core.Bytes
}

// UploadTime is how long checking and storing an upload may take, once it is here.
const UploadTime = 45 * time.Second

// Uploads reads uploads from forms and programs.
type Uploads struct {
	Catalog *catalog.Store
	Limits  metainfo.Limits // what a .torrent must keep to
}

// maxBody is the largest form of an upload: the file, and once more as it is kept
// between two steps.
func (r Uploads) maxBody() int64 { return int64(r.Limits.TorrentBytes) + maxKept*4/3 + 2*web.Large }

// Fill adds to the page what the form offers: categories, which were read before,
// and the vocabulary of one of them.
func (r Uploads) Fill(v *web.Visit, p *UploadForm, categories []catalog.Category, category int64) error {
	p.Rules, p.Limit, p.Categories = r.Catalog.Rules(), r.Limits.TorrentBytes, categories
	var err error
	p.Vocabulary, err = r.Catalog.Vocabulary(v.Context(), category)
	return err
}

// File reads the .torrent of the form, or the one that travelled with it, and what
// is in it.
func (r Uploads) File(v *web.Visit) (KeptFile, catalog.TorrentFile, error) {
	raw, err := r.torrentBytes(v)
	if err != nil {
		return KeptFile{}, catalog.TorrentFile{}, err
	}
	f := catalog.ReadFile(raw, r.Limits)
	if f.Checked == nil {
		return KeptFile{}, f, nil
	}
	kept := KeptFile{Name: f.Name, FileCount: len(f.Files), Size: f.Size, Unfriendly: f.Unfriendly,
		Changes: r.Catalog.Preview(f, catalog.Lines(v.FormLines(catalog.FieldMirrors)))}
	if len(raw) <= maxKept {
		kept.Data = base64.StdEncoding.EncodeToString(raw)
	}
	return kept, f, nil
}

// torrentBytes returns the bytes of the .torrent, a byte more than the limit of one that
// is too large, and nil when there is none.
func (r Uploads) torrentBytes(v *web.Visit) ([]byte, error) {
	if f := v.File(catalog.FieldTorrent); f != nil && f.Size > 0 {
		raw := make([]byte, min(f.Size, int64(r.Limits.TorrentBytes)+1))
		if _, err := io.ReadFull(f.Reader(), raw); err != nil {
			return nil, fmt.Errorf("read the file: %w", err)
		}
		return raw, nil
	}
	f := v.File(formKept)
	if f == nil {
		return nil, nil
	}
	raw, err := io.ReadAll(io.LimitReader(base64.NewDecoder(base64.StdEncoding, f.Reader()), int64(r.Limits.TorrentBytes)+1))
	if err != nil { // what travelled with the form is damaged: it must be chosen again
		raw = nil
	}
	return raw, nil
}

// Read reads a whole upload from form or API. The page keeps what was typed; Add
// finds what is wrong with it or with the file.
func (r Uploads) Read(v *web.Visit) (catalog.Upload, UploadForm, error) {
	p := UploadForm{GroupValues: ReadGroup(v), TorrentValues: ReadTorrent(v)}
	u := catalog.Upload{Uploader: v.Me.ID, Group: GroupID(v)}
	categories, err := r.Catalog.Categories(v.Context())
	if err != nil {
		return u, p, err
	}
	category, known := CategoryNamed(categories, p.GroupValues.Category)
	if u.Group != 0 {
		if p.Group, err = r.Catalog.Group(v.Context(), v.Viewer(), u.Group); err != nil {
			return u, p, err
		}
		category.ID, known = p.Group.Category, true
	}
	if !known {
		return u, p, core.FieldErrorf(catalog.FieldCategory, "choose a category, by its number or its short name")
	}
	if err := r.Fill(v, &p, categories, category.ID); err != nil {
		return u, p, err
	}
	if p.File, u.File, err = r.File(v); err != nil {
		return u, p, err
	}
	if u.File.Fault == nil {
		format, archive := p.Vocabulary.Detect(u.File.Files)
		p.TorrentValues.Format = cmp.Or(p.TorrentValues.Format, format)
		p.TorrentValues.Archive = cmp.Or(p.TorrentValues.Archive, archive)
	}
	u.GroupForm, u.Torrent, u.Vocabulary = p.GroupValues.Form(category.ID), p.TorrentValues.Form(), p.Vocabulary
	return u, p, nil
}
