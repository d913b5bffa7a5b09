package catalog

import (
	"html/template"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// groupPage is a dataset with its torrents.
type groupPage struct {
	Group       catalog.Group
	Description template.HTML
	Rows        []groupTorrent
	MayEdit     bool
	MayUpload   bool
	Manage      bool           // there is something that the visitor may change
	Main        web.TorrentRow // the newest, whose file is offered first
	Authors     []string
	MoreAuthors []string // are folded
	Record      part.Record
	Swarm       string
	OlderNotes  string // where the notes are that are not on this page
}

var groupView = web.NewView[groupPage]("group")

// groupTorrent is one torrent on the page of its group.
type groupTorrent struct {
	web.TorrentRow
	About template.HTML // the notes on it, of the newest torrents that have some
	Top   entries       // the torrent's own folder; empty where the files stand on their own page only
	Acts  []web.CommandForm
}

const (
	treesShown = 5   // torrents whose files stand on the page of the group
	filesShown = 100 // folders and files of each

	authorsShown = 8
)

func (h handlers) group(v *web.Visit) error {
	g := v.Found.Group
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	description, err := h.Catalog.Description(v.Context(), g.ID)
	if err != nil {
		return err
	}
	notes, older, err := h.Catalog.Notes(v.Context(), g.ID, 0, catalog.MaxNotes)
	if err != nil {
		return err
	}
	about := byTorrent(notes)
	p := groupPage{Group: g, Description: description.Page(), MayEdit: mayEditGroup(v, g), MayUpload: v.Me.Can(core.TorrentUpload),
		OlderNotes: notesAddress(g.ID, older)}
	for i, row := range web.Rows(v, schedule, g.Torrents, h.Clock()) {
		t := groupTorrent{TorrentRow: row, About: about[row.ID], Top: entries{Torrent: row.ID}}
		if t.Acts, err = h.acts(v, row.Torrent); err != nil {
			return err
		}
		if i < treesShown {
			if t.Top.FolderPage, err = h.Catalog.Folder(v.Context(), row.ID, 0, "", filesShown); err != nil {
				return err
			}
		}
		p.Rows = append(p.Rows, t)
		p.Manage = p.Manage || row.MayEdit || len(t.Acts) > 0
		if p.Main.ID == 0 || row.CreatedAt.After(p.Main.CreatedAt) {
			p.Main = row
		}
	}
	p.Manage = p.Manage || p.MayEdit
	p.Authors = g.Creators
	if len(g.Creators) > authorsShown+1 {
		p.Authors, p.MoreAuthors = g.Creators[:authorsShown], g.Creators[authorsShown:]
	}
	p.Record, p.Swarm = recordOf(g), web.SwarmAddress(g)
	return groupView.OK(v, p)
}

// torrent sends to the torrent's place on the page of its group.
func (h handlers) torrent(v *web.Visit) error {
	return web.RedirectTo(web.TorrentAddress(v.Found.Torrent.Group, v.Found.Torrent.ID))
}

// acts are what the visitor may do to a torrent. Its group may go with it.
func (h handlers) acts(v *web.Visit, t catalog.Torrent) ([]web.CommandForm, error) {
	forms, err := web.CommandForms(v, h.Commands, command.Subject{Torrent: &t}, web.TorrentAddress(t.Group, t.ID))
	for i := range forms {
		if forms[i].Asks {
			forms[i].Back = "/browse"
		}
	}
	return forms, err
}

// recordOf is what is known of a dataset beside its text.
func recordOf(g catalog.Group) part.Record {
	r := part.Record{Title: "Record"}
	add := func(f part.Fact) {
		if f.Text != "" {
			r.Facts = append(r.Facts, f)
		}
	}
	add(part.Fact{Label: "Accession", Text: g.Identifier, Copy: true})
	add(part.Fact{Label: "Year", Text: strconv.Itoa(g.Year)})
	add(part.Fact{Label: "Lab", Text: g.Workgroup})
	add(part.Fact{Label: "Place", Text: g.Location})
	for _, doi := range g.Literature {
		add(part.Fact{Label: "Literature", Text: "doi:" + doi, Address: "https://doi.org/" + doi})
	}
	if g.Picture != "" {
		add(part.Fact{Label: "Picture", Text: "at " + web.HostOf(g.Picture), Address: g.Picture})
	}
	return r
}
