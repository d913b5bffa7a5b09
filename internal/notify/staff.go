package notify

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// applied tells those who look at applications that one waits.
func (c *Consumer) applied(ctx context.Context, tx *db.Tx, e eventlog.ApplicationMade) ([]Note, error) {
	return c.toStaff(ctx, tx, core.ApplicantReview, 0, Note{Kind: ApplicationWaits, Subject: Subject{"application", e.Application}, Link: fmt.Sprintf("/staff/applications/%d", e.Application),
		Title: fmt.Sprintf("Application %d waits.", e.Application), Text: fmt.Sprintf("Read it (application show %[1]d), and claim it before you decide (application claim %[1]d).", e.Application)})
}

// approvalAsked tells those who could approve an act that it waits, apart from who asked for it.
func (c *Consumer) approvalAsked(ctx context.Context, tx *db.Tx, e eventlog.ApprovalAsked) ([]Note, error) {
	if e.Permission == "" { // of an older release
		return nil, nil
	}
	return c.toStaff(ctx, tx, core.Permission(e.Permission), e.By, Note{Kind: ApprovalWaits, Subject: Subject{"approval", e.Act}, Link: "/staff/approvals",
		Title: "An act of a colleague waits for approval.", Text: "It waits for a day. Look whether it is right, and approve it or take it off the list."})
}

// toStaff is a note for each who has a permission, but one.
func (c *Consumer) toStaff(ctx context.Context, tx *db.Tx, p core.Permission, but core.MemberID, n Note) (notes []Note, err error) {
	staff, err := c.Members.In(tx).Having(ctx, p)
	for _, m := range staff {
		if n.Member = m.ID; m.ID != but {
			notes = append(notes, n)
		}
	}
	return notes, err
}

// recoveryGranted tells a member that staff let whoever has lost the passphrase choose another.
func (c *Consumer) recoveryGranted(_ context.Context, _ *db.Tx, e eventlog.RecoveryGranted) ([]Note, error) {
	return []Note{{Member: e.Member, Kind: RecoveryGranted, Title: "Staff let you choose a new passphrase.",
		Text: "Somebody who says that they are you has lost the passphrase, and was believed. If that was not you, write to staff at once.", Link: "/help/staff"}}, nil
}
