package member

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// recordSecret writes into the security log that a member has a new secret, and appends
// the event by which they are told.
func (s *Store) recordSecret(ctx context.Context, tx *db.Tx, e security.Event) error {
	if err := s.security.Record(ctx, tx, e); err != nil {
		return err
	}
	return s.tellOfSecret(ctx, tx, e.Member, e.Kind)
}

// tellOfSecret appends the event by which a member is told of a new secret.
func (s *Store) tellOfSecret(ctx context.Context, tx *db.Tx, id core.MemberID, kind security.Kind) error {
	_, err := s.log.Append(ctx, tx, eventlog.SecretChanged{Member: id, Kind: string(kind), By: security.Of(ctx).ByID})
	return err
}

// recordLogin writes into the security log that a member has logged in on the site. Where
// it was from a network that their account has not been used from before, they are told by
// an event.
func (s *Store) recordLogin(ctx context.Context, tx *db.Tx, id core.MemberID, agent string) error {
	fresh, err := s.security.NewPlace(ctx, tx, id)
	if err != nil {
		return err
	}
	if err := s.security.Record(ctx, tx, security.Event{Member: id, Kind: security.LoggedIn, Detail: clip(agent, maxAgent)}); err != nil || !fresh {
		return err
	}
	_, err = s.log.Append(ctx, tx, eventlog.NewLoginPlace{Member: id})
	return err
}
