package site

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/web"
)

// uploadStartPage is the first step: which file, what kind of data.
type uploadStartPage struct {
	Categories []catalog.Category
	Category   string
	Group      catalog.Group // set when the torrent goes to a group that exists
	Errors     web.FormErrors
	Existing   existing
	Limit      core.Bytes
}

var uploadStartView = web.NewView[uploadStartPage]("upload_start")

// uploadPage is the second step: everything about the data.
type uploadPage struct {
	GroupValues   groupValues
	TorrentValues torrentValues
	Vocabulary    catalog.Vocabulary
	Categories    []catalog.Category
	Rules         catalog.Rules
	Group         catalog.Group
	File          keptFile
	Errors        web.FormErrors
	Existing      existing
	Limit         core.Bytes
}

var uploadView = web.NewView[uploadPage]("upload")

// existing points at a torrent that holds the same data already.
type existing struct {
	Torrent core.TorrentID
	Group   core.GroupID
	Title   string
}

// keptFile is the .torrent between the two steps and after a mistake. It travels
// in the form itself, so the site has nothing to keep or to clear away.
type keptFile struct {
	Name      string // of the file or folder inside
	FileCount int
	Size      core.Bytes
	Data      string // base64; "" when it is too large to travel and must be chosen again
	raw       []byte
}

// maxKept is the largest .torrent that travels with the form.
const maxKept = 2 << 20

const formKept = "kept"

func (s *server) uploadForm(v *web.Visit) error {
	p, err := s.uploadStart(v, core.GroupID(web.Number(v.Query("group"))))
	if err != nil {
		return err
	}
	p.Category = v.Query("category")
	return uploadStartView.OK(v, p)
}

func (s *server) uploadStart(v *web.Visit, group core.GroupID) (uploadStartPage, error) {
	p := uploadStartPage{Limit: core.Bytes(s.limit)}
	var err error
	if p.Categories, err = s.Catalog.Categories(v.Context()); err != nil {
		return p, err
	}
	if group != 0 {
		p.Group, err = s.Catalog.Group(v.Context(), v.Viewer(), group)
	}
	return p, err
}

// uploadCheck looks at the .torrent before anything has to be typed: what is
// wrong with it, or that its data is here already, is said at once. What can be
// told from its files is filled in.
func (s *server) uploadCheck(v *web.Visit) error {
	start, err := s.uploadStart(v, groupID(v))
	if err != nil {
		return err
	}
	start.Category = v.Form(catalog.FieldCategory)
	category, known := categoryNamed(start.Categories, start.Category)
	if start.Group.ID != 0 {
		category.ID, known = start.Group.Category, true
	}
	if !known {
		start.Errors = append(start.Errors, web.FieldError{Field: catalog.FieldCategory, Text: "Choose what kind of data it is."})
	}
	file, meta, err := s.uploadedFile(v)
	if m, ok := web.Mistakes(err); ok {
		start.Errors = append(start.Errors, m...)
	} else if err != nil {
		return err
	} else if start.Existing, err = s.already(v, meta); err != nil {
		return err
	}
	if start.Existing.Torrent != 0 {
		start.Errors = append(start.Errors, web.FieldError{Field: catalog.FieldTorrent, Text: "This data is already here."})
		return uploadStartView.Render(v, http.StatusConflict, start)
	}
	if len(start.Errors) > 0 {
		return uploadStartView.Render(v, http.StatusUnprocessableEntity, start)
	}
	p := uploadPage{File: file, Group: start.Group}
	p.GroupValues.Category = strconv.FormatInt(category.ID, 10)
	if err := s.fillUpload(v, &p, category.ID); err != nil {
		return err
	}
	p.GroupValues.Title = titleFrom(meta.Name)
	p.TorrentValues.Format, p.TorrentValues.Archive = p.Vocabulary.Detect(meta.Files)
	return uploadView.OK(v, p)
}

// fillUpload adds to the page what the form offers.
func (s *server) fillUpload(v *web.Visit, p *uploadPage, category int64) error {
	var err error
	if p.Vocabulary, err = s.Catalog.Vocabulary(v.Context(), category); err != nil {
		return err
	}
	p.Rules, p.Limit = s.Catalog.Rules(), core.Bytes(s.limit)
	p.Categories, err = s.Catalog.Categories(v.Context())
	return err
}

// uploadedFile reads the .torrent of the form, or the one that travelled with it,
// and looks what is in it. Faults are mistakes of the field torrent.
func (s *server) uploadedFile(v *web.Visit) (keptFile, *metainfo.Torrent, error) {
	raw, err := s.torrentBytes(v)
	if err != nil {
		return keptFile{}, nil, err
	}
	meta, err := metainfo.Sanitize(raw, metainfo.Options{Source: "check"})
	if err != nil {
		text := core.SafeText(err)
		if f := core.FieldOf(err); f != "" && f != catalog.FieldTorrent {
			text = f + ": " + text
		}
		return keptFile{}, nil, &core.Error{Code: core.Invalid, Field: catalog.FieldTorrent, Text: text, Cause: err}
	}
	file := keptFile{Name: meta.Name, FileCount: len(meta.Files), Size: meta.Size, raw: raw}
	if len(raw) <= maxKept {
		file.Data = base64.StdEncoding.EncodeToString(raw)
	}
	return file, meta, nil
}

func (s *server) torrentBytes(v *web.Visit) ([]byte, error) {
	header, err := v.File(catalog.FieldTorrent)
	if err != nil && !errors.Is(err, http.ErrMissingFile) && !errors.Is(err, http.ErrNotMultipart) {
		return nil, fmt.Errorf("read the form: %w", err)
	}
	if err == nil && header.Size > 0 {
		if header.Size > s.limit {
			return nil, core.FieldErrorf(catalog.FieldTorrent, "the file is larger than %s; choose larger pieces when you make it", core.Bytes(s.limit))
		}
		f, err := header.Open()
		if err != nil {
			return nil, fmt.Errorf("read the file: %w", err)
		}
		raw, err := io.ReadAll(io.LimitReader(f, s.limit))
		return raw, errors.Join(err, f.Close())
	}
	raw, err := base64.StdEncoding.DecodeString(v.Form(formKept))
	if err != nil || len(raw) == 0 {
		return nil, core.FieldErrorf(catalog.FieldTorrent, "choose the .torrent file")
	}
	return raw, nil
}

// readUpload reads a whole upload from form or API. Its faults are mistakes,
// those of the file included, and the page keeps what was typed.
func (s *server) readUpload(v *web.Visit) (catalog.Upload, uploadPage, error) {
	p := uploadPage{GroupValues: readGroupValues(v), TorrentValues: readTorrentValues(v)}
	u := catalog.Upload{Uploader: v.Me.ID, Group: groupID(v)}
	categories, err := s.Catalog.Categories(v.Context())
	if err != nil {
		return u, p, err
	}
	category, known := categoryNamed(categories, p.GroupValues.Category)
	if u.Group != 0 {
		if p.Group, err = s.Catalog.Group(v.Context(), v.Viewer(), u.Group); err != nil {
			return u, p, err
		}
		category.ID, known = p.Group.Category, true
	}
	if !known {
		return u, p, core.FieldErrorf(catalog.FieldCategory, "choose a category, by its number or its short name")
	}
	if err := s.fillUpload(v, &p, category.ID); err != nil {
		return u, p, err
	}
	file, meta, err := s.uploadedFile(v)
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
	u.GroupForm, u.Torrent, u.File = p.GroupValues.form(category.ID), p.TorrentValues.form(), file.raw
	if err != nil { // say what is wrong with the form as well
		return u, p, errors.Join(append(s.formFaults(u, p), err)...)
	}
	return u, p, nil
}

// formFaults checks the form alone, where the file is at fault already.
func (s *server) formFaults(u catalog.Upload, p uploadPage) []error {
	var faults catalog.FieldErrors
	if u.Group == 0 {
		faults = append(faults, catalog.ValidateGroup(&u.GroupForm, p.Vocabulary, s.Catalog.Rules())...)
	}
	return append(faults, catalog.ValidateTorrent(&u.Torrent, p.Vocabulary)...).Unwrap()
}

func (s *server) upload(v *web.Visit) error {
	u, p, err := s.readUpload(v)
	if err != nil {
		return s.uploadAgain(v, p, err)
	}
	added, err := s.Catalog.Add(v.Context(), u)
	if err != nil {
		return s.uploadAgain(v, p, err)
	}
	s.meters.Uploads.Inc()
	f := web.Flash{Good: "Your dataset is on the site."}
	for _, c := range added.Changes {
		f.Changes = append(f.Changes, changeText(c))
	}
	if err := v.Tell(f); err != nil {
		return err
	}
	return web.RedirectTo(fmt.Sprintf("/torrents/%d/uploaded", added.Torrent))
}

// uploadAgain shows the form with its mistakes; what can't be mended in the form
// is answered as what it is.
func (s *server) uploadAgain(v *web.Visit, p uploadPage, err error) error {
	var ok bool
	if p.Errors, ok = web.Mistakes(err); !ok {
		return err
	}
	p.Existing = existingOf(err)
	if p.Vocabulary.Category.ID == 0 { // not even the category is known: begin anew
		start, serr := s.uploadStart(v, 0)
		if serr != nil {
			return serr
		}
		start.Errors = p.Errors
		return uploadStartView.Render(v, http.StatusUnprocessableEntity, start)
	}
	return uploadView.Render(v, web.StatusOf(err), p)
}

func existingOf(err error) existing {
	var dup *catalog.DuplicateError
	if !errors.As(err, &dup) {
		return existing{}
	}
	return existing{Torrent: dup.Torrent, Group: dup.Group, Title: dup.Title}
}
