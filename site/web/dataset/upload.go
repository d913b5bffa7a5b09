package dataset

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
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
}

// maxKept is the largest .torrent that travels with the form.
const maxKept = 2 << 20

const formKept = "kept"

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
	Limit   int64 // the largest .torrent, in bytes
}

// MaxBody is the largest form of an upload: the file, and once more as it is kept
// between two steps.
func (r Uploads) MaxBody() int64 { return 2*r.Limit + web.Large }

// Fill adds to the page what the form offers: categories, which were read before,
// and the vocabulary of one of them.
func (r Uploads) Fill(v *web.Visit, p *UploadForm, categories []catalog.Category, category int64) error {
	p.Rules, p.Limit, p.Categories = r.Catalog.Rules(), core.Bytes(r.Limit), categories
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
	f := catalog.ReadFile(raw, metainfo.Limits{TorrentBytes: min(core.Bytes(r.Limit), metainfo.DefaultLimits().TorrentBytes)})
	if f.Checked == nil {
		return KeptFile{}, f, nil
	}
	kept := KeptFile{Name: f.Name, FileCount: len(f.Files), Size: f.Size}
	if len(raw) <= maxKept {
		kept.Data = base64.StdEncoding.EncodeToString(raw)
	}
	return kept, f, nil
}

// torrentBytes returns the bytes of the .torrent, a byte more than Limit of one that
// is too large, and nil when there is none.
func (r Uploads) torrentBytes(v *web.Visit) ([]byte, error) {
	header, err := v.File(catalog.FieldTorrent)
	if err != nil && !errors.Is(err, http.ErrMissingFile) && !errors.Is(err, http.ErrNotMultipart) {
		return nil, fmt.Errorf("read the form: %w", err)
	}
	if err == nil && header.Size > 0 {
		f, err := header.Open()
		if err != nil {
			return nil, fmt.Errorf("read the file: %w", err)
		}
		raw, err := io.ReadAll(io.LimitReader(f, r.Limit+1))
		return raw, errors.Join(err, f.Close())
	}
	raw, err := base64.StdEncoding.DecodeString(v.Form(formKept))
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
