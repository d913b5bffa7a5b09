// Package membertest brings accounts into the states that tests need. Only tests import
// it.
//
// Concurrency: nothing is shared.
package membertest

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Begin begins a cause with an effect, for good.
func Begin(ctx context.Context, s *member.Store, id core.MemberID, e member.Effect, reason string) error {
	_, err := s.BeginCause(ctx, member.NewCause{Member: id, Effect: e, Reason: reason})
	return err
}

// End ends every cause with an effect.
func End(ctx context.Context, s *member.Store, id core.MemberID, e member.Effect) error {
	m, err := s.ByID(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range m.Holding {
		if c.Effect != e {
			continue
		}
		if _, err := s.EndCause(ctx, c.ID, member.By{}, ""); err != nil {
			return err
		}
	}
	return nil
}

// Disable disables an account.
func Disable(ctx context.Context, s *member.Store, id core.MemberID, reason string) error {
	return Begin(ctx, s, id, member.Disabled, reason)
}

// Enable enables it again.
func Enable(ctx context.Context, s *member.Store, id core.MemberID) error {
	return End(ctx, s, id, member.Disabled)
}
