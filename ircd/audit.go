package ircd

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// Audit keeps what operators do, beside what they change; NewAudit makes one.
type Audit interface {
	// Commit runs change in a transaction, on a store that is part of it, and writes the
	// row that change returns in the same one: with an error neither is kept. change may
	// run several times.
	Commit(ctx context.Context, change func(ctx context.Context, store ChannelStore) (audit.Entry, error)) error
	// Note writes a row alone: of what was denied or failed.
	Note(ctx context.Context, e audit.Entry) (int64, error)
}

// siteAudit is the audit log of the site.
type siteAudit struct {
	*audit.Log
	db    *db.DB
	store *irc.Store
}

// NewAudit returns the audit log in d, which the site and the commands of staff write
// to as well. store must be the network's, on d too.
func NewAudit(d *db.DB, log *audit.Log, store *irc.Store) Audit { return siteAudit{log, d, store} }

// Commit implements Audit.
func (a siteAudit) Commit(ctx context.Context, change func(ctx context.Context, store ChannelStore) (audit.Entry, error)) error {
	return a.db.Tx(ctx, func(tx *db.Tx) error {
		e, err := change(tx.Guard(ctx), a.store.In(tx))
		if err != nil {
			return err
		}
		_, err = a.Append(ctx, tx, e)
		return err
	})
}
