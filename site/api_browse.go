package site

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
)

type apiBrowseAnswer struct {
	Groups []apiBrowseGroup `json:"groups"`
	Next   core.TorrentID   `json:"next_cursor"` // 0 at the end
}

type apiBrowseGroup struct {
	Group core.GroupID `json:"group_id"`
	apiGroupAnswer
	Torrents []apiTorrentAnswer `json:"torrents"`
}

const apiPerPage = 50

// apiBrowse lists datasets by the filters of the browse page, at most 100 at
// once; cursor is the next_cursor of the page before.
func (s *server) apiBrowse(v *web.Visit) error {
	q := dataset.ReadQuery(v)
	if text := v.Query("cursor"); text != "" {
		if q.Before = core.TorrentID(web.Number(text)); q.Before == 0 {
			return core.FieldErrorf("cursor", "pass the next_cursor of the page before")
		}
	}
	limit := int64(apiPerPage)
	if text := v.Query("limit"); text != "" {
		if limit = web.Number(text); limit < 1 || limit > 100 {
			return core.FieldErrorf("limit", "must be from 1 to 100")
		}
	}
	categories, err := s.Catalog.Categories(v.Context())
	if err != nil {
		return err
	}
	found, err := s.Catalog.Browse(v.Context(), v.Viewer(), q.Filter(categories), q.Before, int(limit))
	if err != nil {
		return err
	}
	schedule, err := s.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	out := apiBrowseAnswer{Groups: make([]apiBrowseGroup, len(found.Groups)), Next: found.Next}
	for i, g := range found.Groups {
		out.Groups[i] = apiBrowseGroup{Group: g.ID, apiGroupAnswer: apiGroupOf(g), Torrents: make([]apiTorrentAnswer, len(g.Torrents))}
		for j, t := range g.Torrents {
			out.Groups[i].Torrents[j] = s.apiTorrentOf(v, schedule, t)
		}
	}
	return v.JSON(http.StatusOK, out)
}
