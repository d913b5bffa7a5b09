package catalog

import (
	"errors"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
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
// a description for nothing.
func (h handlers) already(v *web.Visit, f metainfo.Findings) (existing, error) {
	dup, err := h.Catalog.SameData(v.Context(), f)
	if err != nil {
		return existing{}, core.Wrap(err, core.Unavailable, "the catalogue could not be searched; try again in a minute")
	}
	if dup == nil {
		return existing{}, nil
	}
	return existingOf(dup), nil
}
