package notify

import (
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Way is how something reaches a member.
type Way string

// The ways.
const (
	Inbox Way = "inbox" // on the site; the notification itself
	Mail  Way = "mail"
)

func allWays() []Way { return []Way{Inbox, Mail} }

// Words are what the settings call the way.
func (w Way) Words() string {
	return map[Way]string{Inbox: "Inbox", Mail: "Mail"}[w]
}

// Kind is what a notification tells of.
type Kind string

// The kinds.
const (
	AccountRestricted Kind = "account.restricted"
	AccountWarned     Kind = "account.warned"
	AccountLifted     Kind = "account.lifted"
	PermissionGiven   Kind = "permission.given"
	PermissionEnded   Kind = "permission.ended"
	ClassChanged      Kind = "class.changed"
	StaffMessage      Kind = "staff.message"
	InviteUsed        Kind = "invite.used"
	ContactNew        Kind = "contact.new"
	ContactAnswered   Kind = "contact.answered"
	ContactFailed     Kind = "contact.failed"
	InviteFailed      Kind = "invite.failed"
	InviteEnded       Kind = "invite.ended"
	InvitesGiven      Kind = "invites.given"
	SecretChanged     Kind = "secret.changed"
	MailReturned      Kind = "mail.returned"
	NewPlace          Kind = "login.place"
	KeyShown          Kind = "key.shown"
	UploadEdited      Kind = "upload.edited"
	UploadDeleted     Kind = "upload.deleted"
	RecoveryGranted   Kind = "recovery.granted"
	ApplicationWaits  Kind = "staff.application"
	ApprovalWaits     Kind = "staff.approval"
)

// Info is a row of the table of kinds.
type Info struct {
	Kind  Kind
	Words string          // what it tells of, on the page where it is chosen
	Ways  []Way           // by which it goes unless the member chooses otherwise
	Must  []Way           // of these, those that can't be switched off
	Needs core.Permission // whom it can concern; "" is everyone
	Said  bool            // the words are a person's own, so none may replace another
}

// kinds is the table, in the order in which the settings show it.
var kinds = []Info{
	{Kind: AccountRestricted, Words: "Staff restricted or disabled your account", Ways: []Way{Inbox, Mail}, Must: []Way{Inbox, Mail}},
	{Kind: AccountWarned, Words: "Staff warned you", Ways: []Way{Inbox, Mail}, Must: []Way{Inbox, Mail}},
	{Kind: AccountLifted, Words: "A restriction or warning was lifted, or its time is over", Ways: []Way{Inbox, Mail}, Must: []Way{Inbox}},
	{Kind: PermissionGiven, Words: "You were given a permission for a while", Ways: []Way{Inbox}},
	{Kind: PermissionEnded, Words: "A permission that you had for a while has ended", Ways: []Way{Inbox}},
	{Kind: ClassChanged, Words: "You have another class", Ways: []Way{Inbox, Mail}},
	{Kind: StaffMessage, Words: "A message from staff", Ways: []Way{Inbox, Mail}, Must: []Way{Inbox}, Said: true},
	{Kind: ContactAnswered, Words: "Staff answered what you wrote to them", Ways: []Way{Inbox, Mail}, Must: []Way{Inbox}},
	{Kind: ContactNew, Words: "Somebody wrote to staff", Ways: []Way{Inbox}, Needs: core.SupportAnswer},
	{Kind: ContactFailed, Words: "An answer that you sent by mail did not arrive", Ways: []Way{Inbox, Mail}, Must: []Way{Inbox}, Needs: core.SupportAnswer},
	{Kind: InviteUsed, Words: "Somebody joined by your invite", Ways: []Way{Inbox}, Needs: core.InviteSend},
	{Kind: InviteFailed, Words: "An invite that you sent by mail did not arrive", Ways: []Way{Inbox, Mail}, Needs: core.InviteSend},
	{Kind: InviteEnded, Words: "An invite of yours ran out unused", Ways: []Way{Inbox}, Needs: core.InviteSend},
	{Kind: InvitesGiven, Words: "Staff gave you invites, or took some back", Ways: []Way{Inbox}},
	{Kind: SecretChanged, Words: "Your passphrase or one of your keys was replaced", Ways: []Way{Inbox, Mail}, Must: []Way{Inbox, Mail}},
	{Kind: RecoveryGranted, Words: "Staff let you choose a new passphrase", Ways: []Way{Inbox, Mail}, Must: []Way{Inbox, Mail}},
	{Kind: MailReturned, Words: "Letters to your mail address come back", Ways: []Way{Inbox}, Must: []Way{Inbox}},
	{Kind: NewPlace, Words: "A login from a network that was not used with your account before", Ways: []Way{Inbox, Mail}, Must: []Way{Inbox}},
	{Kind: KeyShown, Words: "One of your keys was written where others read it", Ways: []Way{Inbox, Mail}, Must: []Way{Inbox}},
	{Kind: UploadEdited, Words: "Somebody else edited what you uploaded", Ways: []Way{Inbox}, Needs: core.TorrentUpload},
	{Kind: UploadDeleted, Words: "Somebody else deleted what you uploaded", Ways: []Way{Inbox, Mail}, Must: []Way{Inbox}, Needs: core.TorrentUpload},
	{Kind: ApplicationWaits, Words: "An application waits for staff", Ways: []Way{Inbox}, Needs: core.ApplicantReview},
	{Kind: ApprovalWaits, Words: "An act of a colleague waits for approval", Ways: []Way{Inbox}, Needs: core.MemberKeys},
}

// Kinds returns the table of kinds, in the order in which they are shown.
func Kinds() []Info { return slices.Clone(kinds) }

// KindNamed finds a kind in the table.
func KindNamed(k Kind) (Info, bool) {
	i := slices.IndexFunc(kinds, func(i Info) bool { return i.Kind == k })
	if i < 0 {
		return Info{}, false
	}
	return kinds[i], true
}

// Fixed reports whether the way can't be switched off for the kind.
func (i Info) Fixed(w Way) bool { return slices.Contains(i.Must, w) }

// Default reports whether the kind goes by the way unless the member chooses otherwise.
func (i Info) Default(w Way) bool { return slices.Contains(i.Ways, w) }
