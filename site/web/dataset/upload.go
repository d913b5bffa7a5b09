package dataset

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"

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
	raw       []byte
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

// Uploads reads uploads from forms and programs.
type Uploads struct {
	Catalog *catalog.Store
	Limit   int64 // the largest .torrent, in bytes
}

// MaxBody is the largest form of an upload: the file, and once more as it is kept
// between two steps.
func (r Uploads) MaxBody() int64 { return 2*r.Limit + web.Large }

// Fill adds to the page what the form offers.
func (r Uploads) Fill(v *web.Visit, p *UploadForm, category int64) error {
	var err error
	if p.Vocabulary, err = r.Catalog.Vocabulary(v.Context(), category); err != nil {
		return err
	}
	p.Rules, p.Limit = r.Catalog.Rules(), core.Bytes(r.Limit)
	p.Categories, err = r.Catalog.Categories(v.Context())
	return err
}

// File reads the .torrent of the form, or the one that travelled with it,
// and looks what is in it. Faults are mistakes of the field torrent.
func (r Uploads) File(v *web.Visit) (KeptFile, *metainfo.Torrent, error) {
	raw, err := r.torrentBytes(v)
	if err != nil {
		return KeptFile{}, nil, err
	}
	meta, err := metainfo.Sanitize(raw, metainfo.Options{Source: "check"})
	if err != nil {
		text := core.SafeText(err)
		if f := core.FieldOf(err); f != "" && f != catalog.FieldTorrent {
			text = f + ": " + text
		}
		return KeptFile{}, nil, &core.Error{Code: core.Invalid, Field: catalog.FieldTorrent, Text: text, Cause: err}
	}
	file := KeptFile{Name: meta.Name, FileCount: len(meta.Files), Size: meta.Size, raw: raw}
	if len(raw) <= maxKept {
		file.Data = base64.StdEncoding.EncodeToString(raw)
	}
	return file, meta, nil
}

func (r Uploads) torrentBytes(v *web.Visit) ([]byte, error) {
	header, err := v.File(catalog.FieldTorrent)
	if err != nil && !errors.Is(err, http.ErrMissingFile) && !errors.Is(err, http.ErrNotMultipart) {
		return nil, fmt.Errorf("read the form: %w", err)
	}
	if err == nil && header.Size > 0 {
		if header.Size > r.Limit {
			return nil, core.FieldErrorf(catalog.FieldTorrent, "the file is larger than %s; choose larger pieces when you make it", core.Bytes(r.Limit))
		}
		f, err := header.Open()
		if err != nil {
			return nil, fmt.Errorf("read the file: %w", err)
		}
		raw, err := io.ReadAll(io.LimitReader(f, r.Limit))
		return raw, errors.Join(err, f.Close())
	}
	raw, err := base64.StdEncoding.DecodeString(v.Form(formKept))
	if err != nil || len(raw) == 0 {
		return nil, core.FieldErrorf(catalog.FieldTorrent, "choose the .torrent file")
	}
	return raw, nil
}

// Read reads a whole upload from form or API. Its faults are mistakes,
// those of the file included, and the page keeps what was typed.
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
	if err := r.Fill(v, &p, category.ID); err != nil {
		return u, p, err
	}
	file, meta, err := r.File(v)
	if _, ok := web.Mistakes(err); err != nil && !ok {
		return u, p, err
	}
	p.File = file
	if meta != nil {
		format, archive := p.Vocabulary.Detect(meta.Files)
		if p.TorrentValues.Format == "" {
			p.TorrentValues.Format = format
		}
		if p.TorrentValues.Archive == "" {
			p.TorrentValues.Archive = archive
		}
	}
	u.GroupForm, u.Torrent, u.File = p.GroupValues.Form(category.ID), p.TorrentValues.Form(), file.raw
	if err != nil { // say what is wrong with the form as well
		return u, p, errors.Join(append(r.formFaults(u, p), err)...)
	}
	return u, p, nil
}

// formFaults checks the form alone, where the file is at fault already.
func (r Uploads) formFaults(u catalog.Upload, p UploadForm) []error {
	var faults catalog.FieldErrors
	if u.Group == 0 {
		faults = append(faults, catalog.ValidateGroup(&u.GroupForm, p.Vocabulary, r.Catalog.Rules())...)
	}
	return append(faults, catalog.ValidateTorrent(&u.Torrent, p.Vocabulary)...).Unwrap()
}
