package catalog

import (
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/web"
)

// uploadedPage tells the uploader what became of the upload and what to do next.
type uploadedPage struct{ Row web.TorrentRow }

var uploadedView = web.NewView[uploadedPage]("uploaded")

func (h handlers) uploaded(v *web.Visit) error {
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	return uploadedView.OK(v, uploadedPage{Row: web.Row(v, schedule, v.Found.Torrent, h.Clock())})
}

// changeText says in plain words what was done to one key of a .torrent.
func changeText(c metainfo.Change) string {
	text := fmt.Sprintf("%s was %s", c.Key, c.Action)
	if c.Count > 1 {
		text += fmt.Sprintf(" in %d places", c.Count)
	}
	return text
}

// titleFrom proposes a title from the name of a file or folder.
func titleFrom(name string) string {
	for _, ext := range []string{".gz", ".bz2", ".xz", ".zip", ".tar"} {
		name = strings.TrimSuffix(name, ext)
	}
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == ' ' }), " ")
}

// already finds the live torrent that holds the same data, so that nobody types
// a description for nothing. The catalogue checks it again when it stores.
func (h handlers) already(v *web.Visit, meta *metainfo.Torrent) (existing, error) {
	var args []any
	for _, h := range meta.Contents() {
		args = append(args, h[:])
	}
	if len(args) == 0 {
		return existing{}, nil
	}
	e, _, err := db.One(v.Context(), h.DB, func(sc db.Scanner) (e existing, err error) {
		return e, sc.Scan(&e.Torrent, &e.Group, &e.Title)
	}, `SELECT t.id, t.group_id, g.title FROM torrent_content c JOIN torrent t ON t.id = c.torrent_id
		JOIN torrent_group g ON g.id = t.group_id WHERE t.deleted_at = 0 AND c.content_hash IN (`+db.Marks(len(args))+") ORDER BY t.id LIMIT 1", args...)
	if err != nil {
		return existing{}, core.Wrap(err, core.Unavailable, "the catalogue could not be searched; try again in a minute")
	}
	return e, nil
}
