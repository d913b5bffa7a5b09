package catalog

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// filesPage is a torrent's files, a part at a time: one folder, or the files that have
// something in their names. While the folders of a torrent are not made yet, it is the
// list of all files.
type filesPage struct {
	Torrent catalog.Torrent
	Words   string // what the names must have in them
	Folder  catalog.FolderPage
	Listed  []catalog.FileRow // of a search, or of a torrent without folders
	Short   bool              // the search is not at its end
	Next    string
	First   string
}

var filesView = web.NewView[filesPage]("files")

const (
	filesPerPage = 500
	maxFileWords = 200 // bytes
)

func (h handlers) files(v *web.Visit) (err error) {
	p := filesPage{Torrent: v.Found.Torrent}
	p.Words = strings.TrimSpace(v.Query("q"))
	p.Words = strings.ToValidUTF8(p.Words[:min(len(p.Words), maxFileWords)], "")
	if p.Words == "" {
		folder := int(min(max(web.Number(v.Query("folder")), 0), maxFolder))
		if p.Folder, err = h.Catalog.Folder(v.Context(), p.Torrent.ID, folder, catalog.FolderCursor(v.Query("after")), filesPerPage); err != nil {
			return err
		}
	}
	switch {
	case p.Words != "":
		err = h.findFiles(v, &p)
	case p.Folder.Made:
		p.Next = p.address(p.Folder.Here().ID, string(p.Folder.Next))
	default:
		err = h.listFiles(v, &p)
	}
	if err != nil {
		return err
	}
	if v.Query("after") != "" {
		p.First = filesAddress(p.Torrent, p.Folder.Here().ID, p.Words, "")
	}
	return filesView.OK(v, p)
}

// maxFolder is more folders than any torrent has.
const maxFolder = 1 << 30

// position reads the position after which a list goes on.
func (p filesPage) position(v *web.Visit) int {
	text := v.Query("after")
	if text == "" {
		return -1
	}
	return int(min(web.Number(text), int64(p.Torrent.FileCount)))
}

func (h handlers) findFiles(v *web.Visit, p *filesPage) error {
	found, err := h.Catalog.FindFiles(v.Context(), p.Torrent.ID, p.Words, p.position(v), filesPerPage)
	if err != nil {
		return err
	}
	p.Listed, p.Short = found.Files, found.Next >= 0 && len(found.Files) < filesPerPage
	if found.Next >= 0 {
		p.Next = p.address(0, strconv.Itoa(found.Next))
	}
	return nil
}

func (h handlers) listFiles(v *web.Visit, p *filesPage) error {
	files, err := h.Catalog.Files(v.Context(), p.Torrent.ID, p.position(v), filesPerPage)
	if err != nil {
		return err
	}
	p.Listed = files
	if n := len(files); n > 0 && files[n-1].Position+1 < p.Torrent.FileCount {
		p.Next = p.address(0, strconv.Itoa(files[n-1].Position))
	}
	return nil
}

// address is where the page goes on after a cursor, or "" without one.
func (p filesPage) address(folder int, after string) string {
	if after == "" {
		return ""
	}
	return filesAddress(p.Torrent, folder, p.Words, after)
}

// filesAddress is the address of a folder of a torrent, or of a search in it.
func filesAddress(t catalog.Torrent, folder int, words, after string) string {
	q := url.Values{}
	if folder > 0 {
		q.Set("folder", strconv.Itoa(folder))
	}
	if words != "" {
		q.Set("q", words)
	}
	if after != "" {
		q.Set("after", after)
	}
	address := fmt.Sprintf("/torrents/%d/files", t.ID)
	if len(q) == 0 {
		return address
	}
	return address + "?" + q.Encode()
}

// entries is what a folder of a torrent holds.
type entries struct {
	Torrent core.TorrentID
	catalog.FolderPage
}

// Any reports whether there is anything to show.
func (e entries) Any() bool { return len(e.Folders)+len(e.Files) > 0 }

// More reports whether the folder has more than what is here, or other folders in it.
func (e entries) More() bool { return e.Next != "" || len(e.Folders) > 0 }

// Top is what the folder of the page holds.
func (p filesPage) Top() entries { return entries{p.Torrent.ID, p.Folder} }

// In is the address of a folder, from 0, the torrent's own.
func (p filesPage) In(folder int) string { return filesAddress(p.Torrent, folder, "", "") }
