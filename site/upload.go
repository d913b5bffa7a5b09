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
)

// uploadStartPage is the first step: which file, what kind of data.
type uploadStartPage struct {
	Categories []catalog.Category
	Category   string
	Group      catalog.Group // set when the torrent goes to a group that exists
	Errors     formErrors
	Existing   existing
	Limit      core.Bytes
}

// uploadPage is the second step: everything about the data.
type uploadPage struct {
	GroupValues   groupValues
	TorrentValues torrentValues
	Vocabulary    catalog.Vocabulary
	Categories    []catalog.Category
	Rules         catalog.Rules
	Group         catalog.Group
	File          keptFile
	Errors        formErrors
	Existing      existing
	Limit         core.Bytes
}

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

func (s *server) uploadForm(v *visit) error {
	p, err := s.uploadStart(v, core.GroupID(number(v.Query("group"))))
	if err != nil {
		return err
	}
	p.Category = v.Query("category")
	return okPage(s, v, uploadStartView, p)
}

func (s *server) uploadStart(v *visit, group core.GroupID) (uploadStartPage, error) {
	p := uploadStartPage{Limit: core.Bytes(s.config.UploadLimit)}
	var err error
	if p.Categories, err = s.Catalog.Categories(v); err != nil {
		return p, err
	}
	if group != 0 {
		p.Group, err = s.Catalog.Group(v, v.viewer(), group)
	}
	return p, err
}

// uploadCheck looks at the .torrent before anything has to be typed: what is
// wrong with it, or that its data is here already, is said at once. What can be
// told from its files is filled in.
func (s *server) uploadCheck(v *visit) error {
	start, err := s.uploadStart(v, groupID(v))
	if err != nil {
		return err
	}
	start.Category = v.PostForm(catalog.FieldCategory)
	category, known := categoryNamed(start.Categories, start.Category)
	if start.Group.ID != 0 {
		category.ID, known = start.Group.Category, true
	}
	if !known {
		start.Errors = append(start.Errors, fieldError{catalog.FieldCategory, "Choose what kind of data it is."})
	}
	file, meta, err := s.uploadedFile(v)
	if m, ok := mistakes(err); ok {
		start.Errors = append(start.Errors, m...)
	} else if err != nil {
		return err
	} else if start.Existing, err = s.already(v, meta); err != nil {
		return err
	}
	if start.Existing.Torrent != 0 {
		start.Errors = append(start.Errors, fieldError{catalog.FieldTorrent, "This data is already here."})
		return render(s, v, http.StatusConflict, uploadStartView, start)
	}
	if len(start.Errors) > 0 {
		return render(s, v, http.StatusUnprocessableEntity, uploadStartView, start)
	}
	p := uploadPage{File: file, Group: start.Group}
	p.GroupValues.Category = strconv.FormatInt(category.ID, 10)
	if err := s.fillUpload(v, &p, category.ID); err != nil {
		return err
	}
	p.GroupValues.Title = titleFrom(meta.Name)
	p.TorrentValues.Format, p.TorrentValues.Archive = p.Vocabulary.Detect(meta.Files)
	return okPage(s, v, uploadView, p)
}

// fillUpload adds to the page what the form offers.
func (s *server) fillUpload(v *visit, p *uploadPage, category int64) error {
	var err error
	if p.Vocabulary, err = s.Catalog.Vocabulary(v, category); err != nil {
		return err
	}
	p.Rules, p.Limit = s.Catalog.Rules(), core.Bytes(s.config.UploadLimit)
	p.Categories, err = s.Catalog.Categories(v)
	return err
}

// uploadedFile reads the .torrent of the form, or the one that travelled with it,
// and looks what is in it. Faults are mistakes of the field torrent.
func (s *server) uploadedFile(v *visit) (keptFile, *metainfo.Torrent, error) {
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

func (s *server) torrentBytes(v *visit) ([]byte, error) {
	header, err := v.FormFile(catalog.FieldTorrent)
	if err != nil && !errors.Is(err, http.ErrMissingFile) && !errors.Is(err, http.ErrNotMultipart) {
		return nil, fmt.Errorf("read the form: %w", err)
	}
	if err == nil && header.Size > 0 {
		if header.Size > s.config.UploadLimit {
			return nil, core.FieldErrorf(catalog.FieldTorrent, "the file is larger than %s; choose larger pieces when you make it", core.Bytes(s.config.UploadLimit))
		}
		f, err := header.Open()
		if err != nil {
			return nil, fmt.Errorf("read the file: %w", err)
		}
		raw, err := io.ReadAll(io.LimitReader(f, s.config.UploadLimit))
		return raw, errors.Join(err, f.Close())
	}
	raw, err := base64.StdEncoding.DecodeString(v.PostForm(formKept))
	if err != nil || len(raw) == 0 {
		return nil, core.FieldErrorf(catalog.FieldTorrent, "choose the .torrent file")
	}
	return raw, nil
}

// readUpload reads a whole upload from form or API. Its faults are mistakes,
// those of the file included, and the page keeps what was typed.
func (s *server) readUpload(v *visit) (catalog.Upload, uploadPage, error) {
	p := uploadPage{GroupValues: readGroupValues(v), TorrentValues: readTorrentValues(v)}
	u := catalog.Upload{Uploader: v.me.ID, Group: groupID(v)}
	categories, err := s.Catalog.Categories(v)
	if err != nil {
		return u, p, err
	}
	category, known := categoryNamed(categories, p.GroupValues.Category)
	if u.Group != 0 {
		if p.Group, err = s.Catalog.Group(v, v.viewer(), u.Group); err != nil {
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
	if _, ok := mistakes(err); err != nil && !ok {
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

func (s *server) upload(v *visit) error {
	u, p, err := s.readUpload(v)
	if err != nil {
		return s.uploadAgain(v, p, err)
	}
	added, err := s.Catalog.Add(v, u)
	if err != nil {
		return s.uploadAgain(v, p, err)
	}
	s.meters.uploads.Inc()
	f := flash{Good: "Your dataset is on the site."}
	for _, c := range added.Changes {
		f.Changes = append(f.Changes, changeText(c))
	}
	if err := s.tell(v, f); err != nil {
		return err
	}
	return redirectTo(fmt.Sprintf("/torrents/%d/uploaded", added.Torrent))
}

// uploadAgain shows the form with its mistakes; what can't be mended in the form
// is answered as what it is.
func (s *server) uploadAgain(v *visit, p uploadPage, err error) error {
	var ok bool
	if p.Errors, ok = mistakes(err); !ok {
		return err
	}
	p.Existing = existingOf(err)
	if p.Vocabulary.Category.ID == 0 { // not even the category is known: begin anew
		start, serr := s.uploadStart(v, 0)
		if serr != nil {
			return serr
		}
		start.Errors = p.Errors
		return render(s, v, http.StatusUnprocessableEntity, uploadStartView, start)
	}
	return render(s, v, statusOf(err), uploadView, p)
}

func existingOf(err error) existing {
	var dup *catalog.DuplicateError
	if !errors.As(err, &dup) {
		return existing{}
	}
	return existing{Torrent: dup.Torrent, Group: dup.Group, Title: dup.Title}
}
