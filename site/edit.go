package site

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// editGroupPage is the form for a dataset's description.
type editGroupPage struct {
	Group      catalog.Group
	Values     groupValues
	Revision   string
	Categories []catalog.Category
	Rules      catalog.Rules
	Errors     formErrors
	Conflict   bool // somebody else edited it in the meantime
}

// editTorrentPage is the form for one torrent.
type editTorrentPage struct {
	Torrent    catalog.Torrent
	Values     torrentValues
	Revision   string
	Vocabulary catalog.Vocabulary
	Errors     formErrors
	Conflict   bool
}

func (s *server) editGroupForm(v *visit) error {
	g := v.found.group
	return s.showEditGroup(v, http.StatusOK, editGroupPage{Values: groupValuesOf(g.GroupForm), Revision: strconv.FormatInt(g.Revision, 10)})
}

func (s *server) showEditGroup(v *visit, status int, p editGroupPage) error {
	var err error
	p.Group, p.Rules = v.found.group, s.Catalog.Rules()
	if p.Categories, err = s.Catalog.Categories(v); err != nil {
		return err
	}
	return render(s, v, status, editGroupView, p)
}

func (s *server) editGroup(v *visit) error {
	g := v.found.group
	p := editGroupPage{Values: readGroupValues(v), Revision: v.PostForm(formRevision)}
	form := p.Values.form(number(p.Values.Category))
	err := s.Catalog.Edit(v, catalog.Edit{Group: g.ID, Revision: number(p.Revision), GroupForm: &form})
	if err == nil {
		return s.seeOther(v, fmt.Sprintf("/groups/%d", g.ID), "Your changes are saved.")
	}
	var ok bool
	if p.Errors, ok = mistakes(err); !ok {
		return err
	}
	if p.Conflict = core.CodeOf(err) == core.Conflict; p.Conflict {
		p.Revision = strconv.FormatInt(g.Revision, 10) // sent again, it replaces what is there now
	}
	return s.showEditGroup(v, statusOf(err), p)
}

func (s *server) editTorrentForm(v *visit) error {
	t := v.found.torrent
	return s.showEditTorrent(v, http.StatusOK, editTorrentPage{Values: torrentValuesOf(t.TorrentForm), Revision: strconv.FormatInt(t.Revision, 10)})
}

func (s *server) showEditTorrent(v *visit, status int, p editTorrentPage) error {
	p.Torrent = v.found.torrent
	g, err := s.Catalog.Group(v, v.viewer(), p.Torrent.Group)
	if err != nil {
		return err
	}
	if p.Vocabulary, err = s.Catalog.Vocabulary(v, g.Category); err != nil {
		return err
	}
	return render(s, v, status, editTorrentView, p)
}

func (s *server) editTorrent(v *visit) error {
	t := v.found.torrent
	p := editTorrentPage{Values: readTorrentValues(v), Revision: v.PostForm(formRevision)}
	form := p.Values.form()
	err := s.Catalog.Edit(v, catalog.Edit{Group: t.Group, Torrent: t.ID, Revision: number(p.Revision), TorrentForm: &form})
	if err == nil {
		return s.seeOther(v, torrentAddress(t.Group, t.ID), "Your changes are saved.")
	}
	var ok bool
	if p.Errors, ok = mistakes(err); !ok {
		return err
	}
	if p.Conflict = core.CodeOf(err) == core.Conflict; p.Conflict {
		p.Revision = strconv.FormatInt(t.Revision, 10)
	}
	return s.showEditTorrent(v, statusOf(err), p)
}
