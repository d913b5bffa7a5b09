package tracker

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// others are the swarms of the torrents that other trackers serve, as those have
// last written them: what a scrape of several torrents at once is told of them, as
// a client can be sent on to one tracker only. It is empty where one tracker
// serves all. It is safe for concurrent use.
type others struct {
	store  *transfer.Store
	log    *slog.Logger
	swarms atomic.Pointer[map[core.TorrentID]transfer.Swarm]
}

const (
	othersEvery = 30 * time.Second
	othersPage  = 5000
	othersRead  = 20 * time.Second // and then the old figures stay
)

// swarm returns what another tracker has written of a torrent; ok is false before
// it was read.
func (o *others) swarm(id core.TorrentID) (s transfer.Swarm, ok bool) {
	if o == nil {
		return s, false
	}
	all := o.swarms.Load()
	if all == nil {
		return s, false
	}
	return (*all)[id], true
}

// run keeps the figures fresh until ctx ends.
func (o *others) run(ctx context.Context) error {
	for {
		if err := o.read(ctx); err != nil && ctx.Err() == nil {
			o.log.Warn("the swarms of other trackers could not be read", "err", err, "again_in", othersEvery)
		}
		if !core.Sleep(ctx, othersEvery) {
			return nil
		}
	}
}

func (o *others) read(ctx context.Context) error {
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
