package site

import (
	"fmt"
	"html/template"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
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

// groupTorrent is one torrent on the page of its group.
type groupTorrent struct {
	torrentRow
	About template.HTML // its own description
	Tree  *catalog.Node // nil where the files stand on their own page only
	More  bool          // the tree is not all
}

const (
	treesShown = 5   // torrents whose files stand on the page of the group
	filesShown = 100 // files of each
)

func (s *server) group(v *visit) error {
	g := v.found.group
	schedule, err := s.Economy.Schedule(v)
	if err != nil {
		return err
	}
	p := groupPage{Group: g, Description: s.text.html(g.Description), MayEdit: v.mayEditGroup(g), MayUpload: v.me.Can(core.TorrentUpload)}
	for i, row := range s.rows(v, schedule, g.Torrents) {
		t := groupTorrent{torrentRow: row}
		if row.Description != "" {
			t.About = s.text.html(row.Description)
		}
		if i < treesShown {
			files, err := s.Catalog.Files(v, row.ID, -1, filesShown)
			if err != nil {
				return err
			}
			t.Tree, t.More = catalog.Tree(files), row.FileCount > len(files)
		}
		p.Rows = append(p.Rows, t)
	}
	p.Swarm = swarmAddress([]groupRow{{Group: g}})
	return okPage(s, v, groupView, p)
}

// torrent sends to the torrent's place on the page of its group.
func (s *server) torrent(v *visit) error {
	return redirectTo(torrentAddress(v.found.torrent.Group, v.found.torrent.ID))
}

func torrentAddress(g core.GroupID, t core.TorrentID) string {
	return fmt.Sprintf("/groups/%d#t%d", g, t)
}

// torrentsClassic serves the addresses that announce lines and old links use.
func (s *server) torrentsClassic(v *visit) error {
	if id := number(v.Query("torrentid")); id > 0 {
		t, err := s.Catalog.Torrent(v, v.viewer(), core.TorrentID(id))
		if err != nil {
			return err
		}
		return redirectTo(torrentAddress(t.Group, t.ID))
	}
	if id := number(v.Query("id")); id > 0 {
		return redirectTo(fmt.Sprintf("/groups/%d", id))
	}
	if v.Query("id") != "" || v.Query("torrentid") != "" {
		return notFound("there is no such dataset")
	}
	return redirectTo("/browse")
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

const filesPerPage = 500

func (s *server) files(v *visit) error {
	t := v.found.torrent
	after := -1
	if text := v.Query("after"); text != "" {
		after = int(min(number(text), int64(t.FileCount)))
	}
	files, err := s.Catalog.Files(v, t.ID, after, filesPerPage)
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
	return okPage(s, v, filesView, p)
}
