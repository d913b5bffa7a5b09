package tracker

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// otherTrackers holds the sizes of the swarms that other trackers serve, as they have
// last written them. A scrape of torrents from several trackers is answered from it,
// because a client can be redirected to only one of them. It is safe for concurrent use.
type otherTrackers struct {
	store  *transfer.Store
	log    *slog.Logger
	swarms atomic.Pointer[map[core.TorrentID]transfer.Swarm]
}

const (
	othersEvery = 30 * time.Second
	othersPage  = 5000
	othersRead  = 20 * time.Second // after that the old figures stay
)

// swarm returns what another tracker has written about a torrent. ok is false before the
// first read.
func (o *otherTrackers) swarm(id core.TorrentID) (s transfer.Swarm, ok bool) {
	if o == nil {
		return s, false
	}
	all := o.swarms.Load()
	if all == nil {
		return s, false
	}
	return (*all)[id], true
}

// run keeps the figures up to date until ctx ends.
func (o *otherTrackers) run(ctx context.Context) error {
	for {
		if err := o.read(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn("the swarms of other trackers could not be read", "err", err, "again_in", othersEvery)
		}
		if !core.Sleep(ctx, othersEvery) {
			return nil
		}
	}
}

func (o *otherTrackers) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, othersRead)
	defer cancel()
	all := map[core.TorrentID]transfer.Swarm{}
	for after := core.TorrentID(0); ; {
		page, err := o.store.Swarms(ctx, after, othersPage)
		if err != nil {
			return err
		}
		for _, s := range page {
			all[s.Torrent] = s
		}
		if len(page) < othersPage {
			o.swarms.Store(&all)
			return nil
		}
		after = page[len(page)-1].Torrent
	}
}
