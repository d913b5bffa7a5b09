package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// lifted says that an effect is over.
var lifted = map[member.Effect]string{
	member.Disabled:   "Your account is open again.",
	member.Parked:     "Your account is no longer parked.",
	member.Warned:     "A warning was taken back.",
	member.NoDownload: "Your downloads are switched on again.",
	member.NoUpload:   "You may upload again.",
	member.NoInvites:  "You may invite again.",
	member.NoIRC:      "You may use IRC again.",
	member.Withheld:   "A permission of your class is no longer withheld.",
}

// kindOf is the kind by which the beginning of a cause is told, "" for one that is not:
// what members do themselves, and what comes with joining.
func kindOf(c member.Cause) Kind {
	switch {
	case c.Source != member.ByStaff:
		return ""
	case c.Effect == member.Granted:
		return PermissionGiven
	case c.Effect == member.Warned:
		return AccountWarned
	}
	return AccountRestricted
}

func (c *Consumer) cause(ctx context.Context, tx *db.Tx, id int64) (cause member.Cause, found bool, err error) {
	cause, err = c.Members.In(tx).CauseByID(ctx, id)
	if core.CodeOf(err) == core.NotFound {
		return cause, false, nil
	}
	return cause, err == nil, err
}

func (c *Consumer) causeBegan(ctx context.Context, tx *db.Tx, e eventlog.CauseBegan) ([]Note, error) {
	cause, found, err := c.cause(ctx, tx, e.Cause)
	if err != nil || !found {
		return nil, err
	}
	n := Note{Member: cause.Member, Kind: kindOf(cause), Subject: Subject{"cause", cause.ID}, Link: "/help/staff"}
	if n.Kind == "" || !cause.EndedAt.IsZero() { // it was a slip, and the end is told
		return nil, nil
	}
	info := cause.Effect.Info()
	n.Title, n.Text = info.Title, fmt.Sprintf("The reason given is: %s. %s %s", strings.TrimRight(cause.Told(), ". "), info.Means, lasts(cause))
	if n.Kind == PermissionGiven {
		n.Title = "You may now " + describe(cause.Permission) + "."
		n.Text = fmt.Sprintf("The reason given is: %s. %s", strings.TrimRight(cause.Told(), ". "), lasts(cause))
	} else if cause.Permission != "" {
		n.Text = "It is to " + describe(cause.Permission) + ". " + n.Text
	}
	return []Note{n}, nil
}

// lasts says until when a cause holds.
func lasts(c member.Cause) string {
	if c.Ends.IsZero() {
		return "It holds until staff lift it."
	}
	return "It ends by itself on " + text.Instant(c.Ends) + "."
}

// describe says what a permission allows.
func describe(p core.Permission) string {
	all := core.AllPermissions()
	if i := slices.IndexFunc(all, func(i core.PermissionInfo) bool { return i.Name == p }); i >= 0 {
		return all[i].Description
	}
	return "use " + string(p)
}

func (c *Consumer) causeEnded(ctx context.Context, tx *db.Tx, e eventlog.CauseEnded) ([]Note, error) {
	cause, found, err := c.cause(ctx, tx, e.Cause)
	if err != nil || !found || kindOf(cause) == "" || cause.EndedBy.ID == cause.Member {
		return nil, err
	}
	n := Note{Member: cause.Member, Kind: AccountLifted, Subject: Subject{"cause", cause.ID}, Title: lifted[cause.Effect], Link: "/help/staff"}
	switch {
	case cause.Effect == member.Granted:
		n.Kind, n.Title = PermissionEnded, "A permission that you had for a while has ended."
		n.Text = "It was to " + describe(cause.Permission) + "."
	case n.Title == "":
		n.Title = "A restriction of your account was lifted."
	}
	if cause.EndedReason != "" {
		n.Text = strings.TrimSpace(n.Text + " The reason given is: " + strings.TrimRight(cause.EndedReason, ". ") + ".")
	}
	m, err := c.Members.In(tx).ByID(ctx, cause.Member)
	if err != nil {
		return nil, err
	}
	if still, holds := m.Holds(cause.Effect); holds && still.Permission == cause.Permission && cause.Effect != member.Granted && cause.Effect != member.Warned {
		n.Title = "A restriction of your account was lifted, and another of its kind still holds."
		n.Text = strings.TrimSpace(n.Text + " " + still.Effect.Info().Title + " " + lasts(still))
	}
	return []Note{n}, nil
}

func (c *Consumer) classGiven(ctx context.Context, tx *db.Tx, e eventlog.ClassGiven) ([]Note, error) {
	m, err := c.Members.In(tx).ByID(ctx, e.Member)
	if core.CodeOf(err) == core.NotFound {
		return nil, nil
	}
	if err != nil || m.Class.ID != e.Class { // it was changed again, which is told, too
		return nil, err
	}
	return []Note{{Member: e.Member, Kind: ClassChanged, Subject: Subject{"class", e.Class}, Title: fmt.Sprintf("Your class is now %s.", m.Class.Name),
		Text: "What you may do here follows from it.", Link: "/members/" + m.Name}}, nil
}
