package member

import (
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Effect is what a cause does to what somebody may do.
type Effect string

// The effects. Effects describes each.
const (
	Disabled    Effect = "disabled"
	Unconfirmed Effect = "unconfirmed"
	Parked      Effect = "parked"
	Warned      Effect = "warned"
	NoUpload    Effect = "no-upload"
	NoDownload  Effect = "no-download"
	NoInvites   Effect = "no-invites"
	NoIRC       Effect = "no-irc"
	Granted     Effect = "granted"  // one permission besides those of the classes
	Withheld    Effect = "withheld" // one permission less
)

// EffectInfo is one row of the table of effects.
type EffectInfo struct {
	Effect Effect
	// Word is the word for it in a command, such as "download" in "member restrict"; it is
	// "" for effects that have commands of their own.
	Word string
	// Title tells the member, as a sentence; Means says what follows from it.
	Title, Means string
	Shuts        bool              // the account may not be used at all
	Waits        bool              // nothing but what ends it may be done, by its owner
	NoDownload   bool              // the tracker gives no peers to download from
	Takes        []core.Permission // what may not be done meanwhile
	Single       bool              // gives or takes the permission that the cause names
	Need         core.Permission   // who may begin and end it for others
	Longest      time.Duration     // how long one cause may last, if it has an end; 0 is any time
	MustEnd      bool              // a cause without an end is refused
}

// longestCause is how long anything may last that has an end.
const longestCause = 10 * 366 * 24 * time.Hour

// Effects lists every effect, the gravest first.
func Effects() []EffectInfo { return effects }

var effects = []EffectInfo{
	{Effect: Disabled, Need: core.MemberDisable, Title: "Your account is disabled.", Means: "Nobody can log in to it; the tracker and IRC refuse it.", Shuts: true, NoDownload: true},
	{Effect: Unconfirmed, Need: core.MemberDisable, Title: "Your mail address is not confirmed.", Means: "Follow the link in the letter that was sent to you; until then nothing else can be done.", Waits: true, NoDownload: true},
	{Effect: Parked, Need: core.MemberDisable, Title: "Your account is parked.", Means: "It is kept however long you are away, and can't download. Logging in to the site ends that.", NoDownload: true},
	{Effect: Warned, Need: core.MemberWarn, Title: "You are warned.", Means: "You can go on as before; while it lasts you are not promoted."},
	{Effect: NoDownload, Need: core.MemberWarn, Word: "download", Title: "Your downloads are switched off.", Means: "You can go on seeding what you have; the tracker gives you no peers to download from.", NoDownload: true},
	{Effect: NoUpload, Need: core.MemberWarn, Word: "upload", Title: "You may not upload.", Means: "What you have uploaded stays, and you can go on seeding it.", Takes: []core.Permission{core.TorrentUpload}},
	{Effect: NoInvites, Need: core.MemberWarn, Word: "invites", Title: "You may not invite anybody.", Means: "Invites that are open already can't be used meanwhile.", Takes: []core.Permission{core.InviteSend}},
	{Effect: NoIRC, Need: core.MemberWarn, Word: "irc", Title: "You may not use IRC.", Means: "The network lets you in again when this is over.", Takes: []core.Permission{core.IRCConnect}},
	{Effect: Granted, Need: core.MemberGrant, Title: "You have a permission besides those of your class.", Single: true, MustEnd: true},
	{Effect: Withheld, Need: core.MemberGrant, Title: "A permission of your class is withheld from you.", Single: true},
}

// Info returns the row of an effect, the zero row for one that there is not.
func (e Effect) Info() EffectInfo { return *e.info() }

func (e Effect) info() *EffectInfo {
	for i := range effects {
		if effects[i].Effect == e {
			return &effects[i]
		}
	}
	return &EffectInfo{}
}

func (i *EffectInfo) longest() time.Duration {
	if i.Longest > 0 {
		return i.Longest
	}
	return longestCause
}
