package catalog

import (
	"net/http"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
)

// editTorrentPage is the form for one torrent.
type editTorrentPage struct {
	Torrent    catalog.Torrent
	Values     dataset.TorrentValues
	Revision   string
	Vocabulary catalog.Vocabulary
	Errors     web.FormErrors
	Conflict   bool
}

var editTorrentView = web.NewView[editTorrentPage]("edit_torrent")

func (h handlers) editTorrentForm(v *web.Visit) error {
	t := v.Found.Torrent
	return h.showEditTorrent(v, http.StatusOK, editTorrentPage{Values: dataset.TorrentValuesOf(t.TorrentForm), Revision: strconv.FormatInt(t.Revision, 10)})
}

func (h handlers) showEditTorrent(v *web.Visit, status int, p editTorrentPage) error {
	p.Torrent = v.Found.Torrent
	g, err := h.Catalog.Group(v.Context(), v.Viewer(), p.Torrent.Group)
	if err != nil {
		return err
	}
	if p.Vocabulary, err = h.Catalog.Vocabulary(v.Context(), g.Category); err != nil {
		return err
	}
	return editTorrentView.Render(v, status, p)
}

func (h handlers) editTorrent(v *web.Visit) error {
	t := v.Found.Torrent
	p := editTorrentPage{Values: dataset.ReadTorrent(v), Revision: v.Form(dataset.FormRevision)}
	form := p.Values.Form()
	err := h.Catalog.Edit(v.Context(), catalog.Edit{Group: t.Group, Torrent: t.ID, Revision: web.Number(p.Revision), TorrentForm: &form, By: v.Me.ID})
	if err == nil {
		return v.SeeOther(web.TorrentAddress(t.Group, t.ID), "Your changes are saved.")
	}
	var ok bool
	if p.Errors, ok = web.Mistakes(err); !ok {
		return err
	}
	if p.Conflict = core.CodeOf(err) == core.Conflict; p.Conflict {
		p.Revision = strconv.FormatInt(t.Revision, 10)
	}
	return h.showEditTorrent(v, web.StatusOf(err), p)
}

// Fields is for the template.
func (p editTorrentPage) Fields() torrentFields {
	return torrentFields{V: p.Values, Vocabulary: p.Vocabulary, Errors: p.Errors}
}
