package catalog

import (
	"errors"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/web"
)

// existing points at a torrent that holds the same data already.
type existing struct {
	Torrent core.TorrentID
	Group   core.GroupID
	Title   string
}

func existingOf(err error) existing {
	var dup *catalog.DuplicateError
	if !errors.As(err, &dup) {
		return existing{}
	}
	return existing{Torrent: dup.Torrent, Group: dup.Group, Title: dup.Title}
}

// already finds the live torrent that holds the same data, so that nobody types
// a description for nothing. The catalogue checks it again when it stores.
func (h handlers) already(v *web.Visit, meta *metainfo.Torrent) (existing, error) {
	var args []any
	for _, hash := range meta.Contents() {
		args = append(args, hash[:])
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
