package site

import (
	"fmt"
	"html/template"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// groupPage is a dataset with its torrents.
type groupPage struct {
	Group       catalog.Group
	Description template.HTML
	Rows        []groupTorrent
	MayEdit     bool
	MayUpload   bool
	Swarm       string
}

var groupView = web.NewView[groupPage]("group")

// groupTorrent is one torrent on the page of its group.
type groupTorrent struct {
	web.TorrentRow
	About template.HTML // its own description
	Tree  *catalog.Node // nil where the files stand on their own page only
	More  bool          // the tree is not all
}

const (
	treesShown = 5   // torrents whose files stand on the page of the group
	filesShown = 100 // files of each
)

func (s *server) group(v *web.Visit) error {
	g := v.Found.Group
	schedule, err := s.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	p := groupPage{Group: g, Description: s.text.html(g.Description), MayEdit: mayEditGroup(v, g), MayUpload: v.Me.Can(core.TorrentUpload)}
	for i, row := range web.Rows(v, schedule, g.Torrents, s.Clock()) {
		t := groupTorrent{TorrentRow: row}
		if row.Description != "" {
			t.About = s.text.html(row.Description)
		}
		if i < treesShown {
			files, err := s.Catalog.Files(v.Context(), row.ID, -1, filesShown)
			if err != nil {
				return err
			}
			t.Tree, t.More = catalog.Tree(files), row.FileCount > len(files)
		}
		p.Rows = append(p.Rows, t)
	}
	p.Swarm = web.SwarmAddress(g)
	return groupView.OK(v, p)
}

// torrent sends to the torrent's place on the page of its group.
func (s *server) torrent(v *web.Visit) error {
	return web.RedirectTo(web.TorrentAddress(v.Found.Torrent.Group, v.Found.Torrent.ID))
}

// torrentsClassic serves the addresses that announce lines and old links use.
func (s *server) torrentsClassic(v *web.Visit) error {
	if id := web.Number(v.Query("torrentid")); id > 0 {
		t, err := s.Catalog.Torrent(v.Context(), v.Viewer(), core.TorrentID(id))
		if err != nil {
			return err
		}
		return web.RedirectTo(web.TorrentAddress(t.Group, t.ID))
	}
	if id := web.Number(v.Query("id")); id > 0 {
		return web.RedirectTo(fmt.Sprintf("/groups/%d", id))
	}
	if v.Query("id") != "" || v.Query("torrentid") != "" {
		return web.NotFound("there is no such dataset")
	}
	return web.RedirectTo("/browse")
}

// filesPage is the whole list of a torrent's files, a part at a time.
type filesPage struct {
	Torrent catalog.Torrent
	Tree    *catalog.Node
	From    int // the number of the first file shown, from 1
	To      int
	Next    string
	First   string
}

var filesView = web.NewView[filesPage]("files")

const filesPerPage = 500

func (s *server) files(v *web.Visit) error {
	t := v.Found.Torrent
	after := -1
	if text := v.Query("after"); text != "" {
		after = int(min(web.Number(text), int64(t.FileCount)))
	}
	files, err := s.Catalog.Files(v.Context(), t.ID, after, filesPerPage)
	if err != nil {
		return err
	}
	p := filesPage{Torrent: t, Tree: catalog.Tree(files)}
	if len(files) > 0 {
		p.From, p.To = files[0].Position+1, files[len(files)-1].Position+1
	}
	if p.To > 0 && p.To < t.FileCount {
		p.Next = fmt.Sprintf("/torrents/%d/files?after=%d", t.ID, p.To-1)
	}
	if after >= 0 {
		p.First = fmt.Sprintf("/torrents/%d/files", t.ID)
	}
	return filesView.OK(v, p)
}
