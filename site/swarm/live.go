package swarm

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/site/web"
)

// swarmNumbers are the live numbers of one torrent.
type swarmNumbers struct {
	ID                          core.TorrentID
	Seeders, Leechers, Snatches int
}

// swarmPiece stands in for the numbers on a page.
var swarmPiece = web.NewPiece("swarm_numbers", []swarmNumbers{{}})

// swarm answers the pages' question for fresh numbers with the pieces to put in
// place of the old ones.
func (h handlers) swarm(v *web.Visit) error {
	var ids []any
	for _, text := range v.QueryAll("t") {
		if id := web.Number(text); id > 0 && len(ids) < web.MaxSwarms {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return v.NoContent()
	}
	numbers, err := h.swarmNumbers(v.Context(), ids)
	if err != nil {
		return err
	}
	return swarmPiece.OK(v, numbers)
}

// swarmNumbers joins what the tracker's ledger counted to the live torrents
// among ids.
func (h handlers) swarmNumbers(ctx context.Context, ids []any) ([]swarmNumbers, error) {
	out, err := db.All(ctx, h.DB, func(sc db.Scanner) (n swarmNumbers, err error) {
		return n, sc.Scan(&n.ID, &n.Seeders, &n.Leechers, &n.Snatches)
	}, `SELECT t.id, COALESCE(c.seeders, 0), COALESCE(c.leechers, 0), COALESCE(x.snatches, 0)
		FROM torrent t LEFT JOIN swarm_count c ON c.torrent_id = t.id LEFT JOIN transfer_torrent x ON x.torrent_id = t.id
		WHERE t.deleted_at = 0 AND t.id IN (`+db.Marks(len(ids))+")", ids...)
	if err != nil {
		return nil, fmt.Errorf("read swarm numbers: %w", err)
	}
	return out, nil
}
