package catalog

import (
	"fmt"
	"html/template"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// notesPage is a part of the notes on a dataset's torrents, newest torrent first.
type notesPage struct {
	Group catalog.Group
	Notes []note
	Older string
	First string
}

// note is what somebody wrote about one torrent.
type note struct {
	catalog.Torrent
	Text template.HTML
}

var notesView = web.NewView[notesPage]("notes")

func (h handlers) notes(v *web.Visit) error {
	g := v.Found.Group
	before := core.TorrentID(web.Number(v.Query("before")))
	notes, older, err := h.Catalog.Notes(v.Context(), g.ID, before, catalog.MaxNotes)
	if err != nil {
		return err
	}
	p := notesPage{Group: g, Older: notesAddress(g.ID, older)}
	for _, n := range notes {
		t, err := h.Catalog.Torrent(v.Context(), v.Viewer(), n.Torrent)
		if core.CodeOf(err) == core.NotFound { // deleted meanwhile
			continue
		}
		if err != nil {
			return err
		}
		p.Notes = append(p.Notes, note{Torrent: t, Text: n.Text.Page()})
	}
	if before > 0 {
		p.First = fmt.Sprintf("/groups/%d/notes", g.ID)
	}
	return notesView.OK(v, p)
}

// notesAddress is where the notes are on torrents older than a cursor, or "".
func notesAddress(id core.GroupID, before core.TorrentID) string {
	if before == 0 {
		return ""
	}
	return fmt.Sprintf("/groups/%d/notes?before=%d", id, before)
}

// byTorrent are notes as they stand on a page.
func byTorrent(notes []catalog.Note) map[core.TorrentID]template.HTML {
	out := make(map[core.TorrentID]template.HTML, len(notes))
	for _, n := range notes {
		out[n.Torrent] = n.Text.Page()
	}
	return out
}
