package v1

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
)

// BrowseAnswer is one page of datasets.
type BrowseAnswer struct {
	Groups []BrowseGroup  `json:"groups"`
	Next   core.TorrentID `json:"next_cursor"` // 0 at the end; a page before that may hold few or none
}

// BrowseGroup is a dataset with its torrents.
type BrowseGroup struct {
	Group core.GroupID `json:"group_id"`
	GroupAnswer
	Torrents []TorrentAnswer `json:"torrents"`
}

const perPage = 50

// browse lists datasets by the filters of the browse page, at most 100 at
// once; cursor is the next_cursor of the page before.
func (h handlers) browse(v *web.Visit) error {
	q := dataset.ReadQuery(v)
	if text := v.Query("cursor"); text != "" {
		if q.Before = core.TorrentID(web.Number(text)); q.Before == 0 {
			return core.FieldErrorf("cursor", "pass the next_cursor of the page before")
		}
	}
	limit := int64(perPage)
	if text := v.Query("limit"); text != "" {
		if limit = web.Number(text); limit < 1 || limit > 100 {
			return core.FieldErrorf("limit", "must be from 1 to 100")
		}
	}
	categories, err := h.Catalog.Categories(v.Context())
	if err != nil {
		return err
	}
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	found, err := h.Catalog.Browse(v.Context(), v.Viewer(), q.Filter(categories, dataset.FreeFor(schedule, v.Me.ID, h.Clock())), q.Before, int(limit))
	if err != nil {
		return err
	}
	out := BrowseAnswer{Groups: make([]BrowseGroup, len(found.Groups)), Next: found.Next}
	for i, g := range found.Groups {
		out.Groups[i] = BrowseGroup{Group: g.ID, GroupAnswer: groupOf(g), Torrents: make([]TorrentAnswer, len(g.Torrents))}
		for j, t := range g.Torrents {
			out.Groups[i].Torrents[j] = h.torrentOf(v, schedule, t)
		}
	}
	return v.JSON(http.StatusOK, out)
}
