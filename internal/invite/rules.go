package invite

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/setting"
)

// Accept notes that a member has accepted a revision of the rules, which must be the one that
// holds: it fails with Conflict where they have changed meanwhile.
func (s *Store) Accept(ctx context.Context, id core.MemberID, revision int64) error {
	if err := s.mustBeCurrent(ctx, revision); err != nil {
		return err
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error { return s.accept(ctx, tx, id, revision) })
}

func (s *Store) mustBeCurrent(ctx context.Context, revision int64) error {
	now, err := s.Rules(ctx)
	if err != nil {
		return fmt.Errorf("read the rules: %w", err)
	}
	if now != revision {
		return &core.Error{Code: core.Conflict, Field: "rules", Text: "the rules have changed since you read them: read them again, and accept them as they are now"}
	}
	return nil
}

func (s *Store) accept(ctx context.Context, tx *db.Tx, id core.MemberID, revision int64) error {
	if _, err := tx.InsertIgnore(ctx, "rules_accepted", db.Row{"member_id", id, "revision", revision, "at", s.Clock().Unix()}); err != nil {
		return fmt.Errorf("note that the rules are accepted: %w", err)
	}
	return nil
}

// Accepted returns the last revision of the rules that a member has accepted, and false where
// they have accepted none.
func (s *Store) Accepted(ctx context.Context, id core.MemberID) (revision int64, any bool, err error) {
	last, err := s.lastAccepted(ctx, id)
	return max(last, 0), last >= 0, err
}

// lastAccepted is -1 for none.
func (s *Store) lastAccepted(ctx context.Context, id core.MemberID) (int64, error) {
	last, _, err := db.One(ctx, s.db, db.Value[int64], "SELECT COALESCE(MAX(revision), -1) FROM rules_accepted WHERE member_id = ?", id)
	if err != nil {
		return -1, fmt.Errorf("read who accepted the rules: %w", err)
	}
	return last, nil
}

// Asks reports whether somebody is to accept the rules before going on whose last acceptance
// is of a revision, -1 for none: staff have asked everybody to accept a later one (the setting
// rules.revision).
func Asks(v setting.Values, accepted int64) bool {
	asked := int64(setting.RulesRevision.Of(v))
	return asked > 0 && accepted < asked
}

// MustAccept is Asks for a member. It asks the database only where staff have asked anybody.
func (s *Store) MustAccept(ctx context.Context, id core.MemberID) (bool, error) {
	v, err := s.Settings.Values(ctx)
	if err != nil || !Asks(v, -1) {
		return false, err
	}
	last, err := s.lastAccepted(ctx, id)
	return Asks(v, last), err
}
