package catalog

import (
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/site/web"
)

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

func (h handlers) files(v *web.Visit) error {
	t := v.Found.Torrent
	after := -1
	if text := v.Query("after"); text != "" {
		after = int(min(web.Number(text), int64(t.FileCount)))
	}
	files, err := h.Catalog.Files(v.Context(), t.ID, after, filesPerPage)
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
