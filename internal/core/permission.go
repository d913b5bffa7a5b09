package core

import "slices"

// Permission names one thing that a person may do. Data says which class has which
// permission; the names are in the code, because the code asks for them.
type Permission string

// The permissions of the house. AllPermissions describes each.
const (
	TorrentUpload    Permission = "torrent.upload"
	TorrentEditOwn   Permission = "torrent.edit.own"
	TorrentEditAny   Permission = "torrent.edit.any"
	TorrentDeleteOwn Permission = "torrent.delete.own"
	TorrentDeleteAny Permission = "torrent.delete.any"
	TorrentSeeHidden Permission = "torrent.see.hidden"
	MemberCreate     Permission = "member.create"
	MemberDisable    Permission = "member.disable"
	MemberWarn       Permission = "member.warn"
	MemberGrant      Permission = "member.grant"
	MemberClass      Permission = "member.class"
	ClassManage      Permission = "class.manage"
	MemberKeys       Permission = "member.keys"
	MemberSeePrivate Permission = "member.see.private"
	MemberSeeAddress Permission = "member.see.address"
	MemberNote       Permission = "member.note"
	BanManage        Permission = "ban.manage"
	MemberTell       Permission = "member.tell"
	FreeleechManage  Permission = "freeleech.manage"
	ClientManage     Permission = "client.manage"
	JobManage        Permission = "job.manage"
	MailManage       Permission = "mail.manage"
	PageEdit         Permission = "page.edit"
	AuditRead        Permission = "audit.read"
	InviteSend       Permission = "invite.send"
	InviteManage     Permission = "invite.manage"
	ApplicantReview  Permission = "application.review"
	SupportAnswer    Permission = "support.answer"
	SettingManage    Permission = "setting.manage"
	StatsRead        Permission = "stats.read"
	TrackerRead      Permission = "tracker.read"
	IRCConnect       Permission = "irc.connect"
	IRCAnnounce      Permission = "irc.announce"
	IRCVoice         Permission = "irc.voice"
	IRCOperate       Permission = "irc.operate"
	IRCStaff         Permission = "irc.staff"
	IRCDebug         Permission = "irc.debug"
	IRCHistory       Permission = "irc.history"
	IRCRemove        Permission = "irc.remove"
	IRCAddress       Permission = "irc.address"
	IRCChannels      Permission = "irc.channels"
	IRCOverride      Permission = "irc.override"
)

// PermissionInfo is one row of the permission table.
type PermissionInfo struct {
	Name        Permission
	Description string
}

// AllPermissions lists every permission with what it allows, in display order.
func AllPermissions() []PermissionInfo {
	return []PermissionInfo{
		{TorrentUpload, "upload datasets"},
		{TorrentEditOwn, "edit what they uploaded"},
		{TorrentEditAny, "edit what anyone uploaded"},
		{TorrentDeleteOwn, "delete what they uploaded"},
		{TorrentDeleteAny, "delete what anyone uploaded"},
		{TorrentSeeHidden, "see who uploaded anonymously"},
		{MemberCreate, "create accounts"},
		{MemberDisable, "disable and enable accounts"},
		{MemberWarn, "warn members, and take single rights from them"},
		{MemberGrant, "give members a permission of one's own for a while"},
		{MemberClass, "change a member's class"},
		{ClassManage, "change what classes there are, and what each may do"},
		{MemberKeys, "issue new keys for a member"},
		{MemberSeePrivate, "see what a member hides"},
		{MemberSeeAddress, "see a member's security log, mail address, and the addresses that they came from"},
		{MemberNote, "read and write what staff note about members"},
		{BanManage, "ban addresses, networks and mail patterns, and lift bans"},
		{MemberTell, "write to a member in the name of staff"},
		{FreeleechManage, "begin and end freeleech windows"},
		{ClientManage, "change the client whitelist"},
		{JobManage, "list and run scheduled jobs"},
		{MailManage, "see the mail that waits, send it again and take it away"},
		{PageEdit, "write help, rules, news and terms"},
		{AuditRead, "read the audit log"},
		{InviteSend, "invite people"},
		{InviteManage, "see who invited whom, give invites, and act on a branch of the invite tree"},
		{ApplicantReview, "look at applications and decide about them"},
		{SupportAnswer, "read what people write to staff, and answer them"},
		{SettingManage, "change how people join and other settings of the site"},
		{StatsRead, "see member statistics"},
		{TrackerRead, "see how the tracker does, and anyone's announces"},
		{IRCConnect, "log in to the IRC network"},
		{IRCAnnounce, "speak in #announce"},
		{IRCVoice, "have voice in channels"},
		{IRCOperate, "be channel operator"},
		{IRCStaff, "enter #staff"},
		{IRCDebug, "enter #debug"},
		{IRCHistory, "search what was said on IRC, delete it, and set how long it is kept"},
		{IRCRemove, "remove people from IRC and keep them out"},
		{IRCAddress, "see the addresses of people on IRC"},
		{IRCChannels, "create, change and delete IRC channels"},
		{IRCOverride, "act for others on IRC, whatever the channel says, and reload the server"},
	}
}

// ValidPermission reports whether p is a permission that the code knows.
func ValidPermission(p Permission) bool {
	return slices.ContainsFunc(AllPermissions(), func(i PermissionInfo) bool { return i.Name == p })
}

// Permissions is a set of permissions. The nil set allows nothing.
type Permissions map[Permission]struct{}

// NewPermissions makes a set.
func NewPermissions(ps ...Permission) Permissions {
	set := make(Permissions, len(ps))
	for _, p := range ps {
		set[p] = struct{}{}
	}
	return set
}

// Has reports whether p is in the set. Every set has the empty permission.
func (s Permissions) Has(p Permission) bool {
	if p == "" {
		return true
	}
	_, ok := s[p]
	return ok
}

// Sorted returns the permissions of the set in alphabetical order.
func (s Permissions) Sorted() []Permission {
	out := make([]Permission, 0, len(s))
	for p := range s {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}
