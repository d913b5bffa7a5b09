package catalog

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
)

// uploadStartPage is the first step: which file, what kind of data.
type uploadStartPage struct {
	Categories []catalog.Category
	Category   string
	Group      catalog.Group // set when the torrent goes to a group that exists
	Errors     web.FormErrors
	Existing   existing
	Limits     metainfo.Limits
}

var uploadStartView = web.NewView[uploadStartPage]("upload_start")

// uploadPage is the second step: everything about the data.
type uploadPage struct {
	dataset.UploadForm
	Errors   web.FormErrors
	Existing existing
}

var uploadView = web.NewView[uploadPage]("upload")

func (h handlers) uploadForm(v *web.Visit) error {
	p, err := h.uploadStart(v, core.GroupID(web.Number(v.Query("group"))))
	if err != nil {
		return err
	}
	p.Category = v.Query("category")
	return uploadStartView.OK(v, p)
}

func (h handlers) uploadStart(v *web.Visit, group core.GroupID) (uploadStartPage, error) {
	p := uploadStartPage{Limits: h.Uploads.Limits}
	var err error
	if p.Categories, err = h.Catalog.Categories(v.Context()); err != nil {
		return p, err
	}
	if group != 0 {
		p.Group, err = h.Catalog.Group(v.Context(), v.Viewer(), group)
	}
	return p, err
}

// uploadCheck looks at the .torrent before anything has to be typed: what is
// wrong with it, or that its data is here already, is said at once. What can be
// told from its files is filled in.
func (h handlers) uploadCheck(v *web.Visit) error {
	start, err := h.uploadStart(v, dataset.GroupID(v))
	if err != nil {
		return err
	}
	start.Category = v.Form(catalog.FieldCategory)
	category, known := dataset.CategoryNamed(start.Categories, start.Category)
	if start.Group.ID != 0 {
		category.ID, known = start.Group.Category, true
	}
	if !known {
		start.Errors = append(start.Errors, web.FieldError{Field: catalog.FieldCategory, Text: "Choose what kind of data it is."})
	}
	kept, file, err := h.Uploads.File(v)
	if err != nil {
		return err
	}
	if file.Fault != nil {
		m, _ := web.Mistakes(file.Fault)
		start.Errors = append(start.Errors, m...)
	} else if start.Existing, err = h.already(v, file.Findings); err != nil {
		return err
	}
	if start.Existing.Torrent != 0 {
		start.Errors = append(start.Errors, web.FieldError{Field: catalog.FieldTorrent, Text: "This data is already here."})
		return uploadStartView.Render(v, http.StatusConflict, start)
	}
	if len(start.Errors) > 0 {
		return uploadStartView.Render(v, http.StatusUnprocessableEntity, start)
	}
	p := uploadPage{UploadForm: dataset.UploadForm{File: kept, Group: start.Group}}
	p.GroupValues.Category = strconv.FormatInt(category.ID, 10)
	if err := h.Uploads.Fill(v, &p.UploadForm, start.Categories, category.ID); err != nil {
		return err
	}
	p.GroupValues.Title = titleFrom(file.Name)
	p.TorrentValues.Format, p.TorrentValues.Archive = p.Vocabulary.Detect(file.Files)
	return uploadView.OK(v, p)
}

func (h handlers) upload(v *web.Visit) error {
	u, form, err := h.Uploads.Read(v)
	p := uploadPage{UploadForm: form}
	if err != nil {
		return h.uploadAgain(v, p, err)
	}
	added, err := h.Catalog.Add(v.Context(), u)
	if err != nil {
		return h.uploadAgain(v, p, err)
	}
	h.Uploaded.Inc()
	f := web.Flash{Good: "Your dataset is on the site."}
	for _, c := range added.Changes {
		f.Changes = append(f.Changes, changeText(c, "was"))
	}
	if err := v.Tell(f); err != nil {
		return err
	}
	return web.RedirectTo(fmt.Sprintf("/torrents/%d/uploaded", added.Torrent))
}

// uploadAgain shows the form with its mistakes; what can't be mended in the form
// is answered as what it is.
func (h handlers) uploadAgain(v *web.Visit, p uploadPage, err error) error {
	var ok bool
	if p.Errors, ok = web.Mistakes(err); !ok {
		return err
	}
	p.Existing = existingOf(err)
	if p.Vocabulary.Category.ID == 0 { // not even the category is known: start over
		start, serr := h.uploadStart(v, 0)
		if serr != nil {
			return serr
		}
		start.Errors = p.Errors
		return uploadStartView.Render(v, http.StatusUnprocessableEntity, start)
	}
	return uploadView.Render(v, web.StatusOf(err), p)
}

// NewHash and OtherChanges say what will be changed in the file: what gives it another
// info-hash, and the rest.
func (p uploadPage) NewHash() []string { return changesOf(p.File, true) }

// OtherChanges is for the template.
func (p uploadPage) OtherChanges() []string { return changesOf(p.File, false) }

func changesOf(f dataset.KeptFile, hash bool) (out []string) {
	for _, c := range f.Changes {
		if c.ChangesHash() == hash {
			out = append(out, changeText(c, "will be"))
		}
	}
	return out
}

// GroupFields is for the template.
func (p uploadPage) GroupFields() groupFields {
	return groupFields{V: p.GroupValues, Rules: p.Rules, Errors: p.Errors}
}

// TorrentFields is for the template.
func (p uploadPage) TorrentFields() torrentFields {
	return torrentFields{V: p.TorrentValues, Vocabulary: p.Vocabulary, Errors: p.Errors}
}
