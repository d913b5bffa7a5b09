package site

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// maxSwarms bounds how many torrents one request for live numbers may name.
const maxSwarms = 100

// swarmAddress asks for the numbers of all torrents of a list.
func swarmAddress(groups []groupRow) string {
	values := url.Values{}
	for _, g := range groups {
		for _, t := range g.Torrents {
			if len(values["t"]) < maxSwarms {
				values.Add("t", strconv.FormatInt(int64(t.ID), 10))
			}
		}
	}
	if len(values) == 0 {
		return ""
	}
	return "/swarm?" + values.Encode()
}

// swarmNumbers are the live numbers of one torrent.
type swarmNumbers struct {
	ID                          core.TorrentID
	Seeders, Leechers, Snatches int
}

// swarm answers the pages' question for fresh numbers with the pieces to put in
// place of the old ones.
func (s *server) swarm(v *visit) error {
	var ids []any
	for _, text := range v.QueryArray("t") {
		if id := number(text); id > 0 && len(ids) < maxSwarms {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		v.Status(http.StatusNoContent)
		return nil
	}
	numbers, err := s.swarmNumbers(v, ids)
	if err != nil {
		return err
	}
	b, err := s.pages.piece("swarm_numbers", numbers)
	if err != nil {
		return err
	}
	v.Data(http.StatusOK, "text/html; charset=utf-8", b)
	return nil
}

// swarmNumbers joins what the tracker's ledger counted to the live torrents
// among ids.
func (s *server) swarmNumbers(v *visit, ids []any) ([]swarmNumbers, error) {
	out, err := db.All(v, s.DB, func(sc db.Scanner) (n swarmNumbers, err error) {
		return n, sc.Scan(&n.ID, &n.Seeders, &n.Leechers, &n.Snatches)
	}, `SELECT t.id, COALESCE(c.seeders, 0), COALESCE(c.leechers, 0), COALESCE(x.snatches, 0)
		FROM torrent t LEFT JOIN swarm_count c ON c.torrent_id = t.id LEFT JOIN transfer_torrent x ON x.torrent_id = t.id
		WHERE t.deleted_at = 0 AND t.id IN (`+db.Marks(len(ids))+")", ids...)
	if err != nil {
		return nil, fmt.Errorf("read swarm numbers: %w", err)
	}
	return out, nil
}
