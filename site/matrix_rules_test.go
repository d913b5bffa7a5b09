package site_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// This file is the rule by which the matrix judges. Nothing of it is asked of the program:
// what classes may do, what effects take and what a need means is said here once more.

// What each class of a new site may do, as far as an address of the site asks for it.
var (
	userMay = []core.Permission{core.TorrentUpload, core.TorrentEditOwn, core.TorrentDeleteOwn, core.StatsRead, core.IRCConnect, core.InviteSend}
	modMay  = append(slices.Clone(userMay), core.TorrentEditAny, core.TorrentDeleteAny, core.TorrentSeeHidden, core.MemberCreate, core.MemberDisable,
		core.MemberWarn, core.MemberGrant, core.MemberClass, core.MemberKeys, core.MemberSeePrivate, core.MemberSeeAddress, core.MemberNote, core.BanManage, core.PageEdit,
		core.AuditRead, core.TrackerRead, core.IRCRemove, core.InviteManage, core.ApplicantReview, core.SupportAnswer)
	sysopMay = append(slices.Clone(modMay), core.JobManage, core.MailManage, core.ClassManage, core.SettingManage, core.IRCChannels)

	classMay = map[string][]core.Permission{
		"User": userMay, "Member": userMay, "Power User": userMay, "Elite": userMay, "Bot": {core.IRCConnect}, "Moderator": modMay, "Sysop": sysopMay,
		"Donor": nil, "First-line Support": nil, // besides what the primary class may
	}
)

// effect is what an effect does on the site.
type effect struct {
	shuts bool // nobody can use the account
	waits bool // nothing can be done but what ends it
	takes []core.Permission
	gives []core.Permission
}

// single is the permission with which the matrix begins an effect that concerns one.
func (e effect) single() core.Permission { return append(slices.Clone(e.takes), e.gives...)[0] }

// effects are those of internal/member. One that is new there needs a row here.
var effects = map[member.Effect]effect{
	member.Disabled:    {shuts: true},
	member.Unconfirmed: {waits: true},
	member.Parked:      {}, // it stops downloads by the tracker alone, and so do no-download
	member.NoDownload:  {},
	member.Warned:      {},
	member.NoUpload:    {takes: []core.Permission{core.TorrentUpload}},
	member.NoInvites:   {takes: []core.Permission{core.InviteSend}},
	member.NoIRC:       {takes: []core.Permission{core.IRCConnect}},
	member.Granted:     {gives: []core.Permission{core.TrackerRead}},
	member.Withheld:    {takes: []core.Permission{core.TorrentEditOwn}},
}

// may reports whether a role has one of some permissions.
func (r *role) may(any ...core.Permission) bool {
	has := slices.Clone(classMay[r.class])
	for _, e := range r.effects {
		has = append(has, effects[e].gives...)
	}
	for _, e := range r.effects {
		has = slices.DeleteFunc(has, func(p core.Permission) bool { return slices.Contains(effects[e].takes, p) })
	}
	return slices.ContainsFunc(any, func(p core.Permission) bool { return slices.Contains(has, p) })
}

// need is what an address asks of its visitor.
type need int

const (
	anyone  need = iota
	files        // anyone, and banned addresses too: they get the same as all
	owners       // who is logged in, even if the account waits for something
	members      // who is logged in and may do something
	reader       // a program with a token
	writer       // a program with a token to upload
)

// answer is a status, and for a redirection where it leads: a prefix, or all of it where
// it ends with $.
type answer struct {
	status int
	to     string
}

func (a answer) String() string { return strings.TrimSpace(fmt.Sprint(a.status, " ", a.to)) }

var (
	okay      = answer{status: http.StatusOK}
	forbidden = answer{status: http.StatusForbidden}
	nowhere   = answer{status: http.StatusNotFound}
	noProgram = answer{status: http.StatusUnauthorized}
	toLogin   = answer{http.StatusSeeOther, "/login"}
	toRules   = answer{http.StatusSeeOther, "/rules/accept"}
)

func leadsTo(path string) answer { return answer{http.StatusSeeOther, path} }

// expected is the rule: what a role is answered where a row asks something.
func expected(c *row, kind web.Kind, r *role) answer {
	if special, is := c.except[r.name]; is {
		return special.answer
	}
	switch {
	case c.need == files:
		return c.ok
	case r.banned && !c.open:
		return forbidden
	case kind == web.Download && r.link && (r.shut() || r.waits()): // the keys are right, and it is said why they don't help
		return forbidden
	case c.need == anyone && c.waiting.status != 0 && r.in(kind) && r.led(), c.need == members && r.led() && r.in(kind) && kind == web.Page && c.method() == http.MethodGet && !c.early:
		return toRules
	case c.need == members && r.led() && r.in(kind) && !c.early:
		return forbidden
	case c.need == anyone && c.waiting.status != 0 && r.in(kind) && r.waits():
		return c.waiting
	case c.need == anyone && c.inside.status != 0 && r.in(kind):
		return c.inside
	case c.need == anyone:
		return c.ok
	case !r.in(kind):
		return stranger(kind)
	case kind == web.API && r.waits(): // a program can't end it
		return noProgram
	case r.waits() && c.need != owners:
		return forbidden
	case kind == web.API && r.token == noScope, c.need == writer && r.token != string(member.ScopeUpload):
		return forbidden
	case len(c.perms) > 0 && !r.may(c.perms...) && c.hidden:
		return nowhere
	case len(c.perms) > 0 && !r.may(c.perms...):
		return forbidden
	}
	return c.ok
}

// does reports whether somebody who gets the answer has done what they came for.
func (a answer) does() bool { return a.status < 400 && a != toLogin && a != toRules }

// stranger is what those are answered whom the site doesn't know.
func stranger(kind web.Kind) answer {
	switch kind {
	case web.API, web.Fragment:
		return noProgram
	case web.Download:
		return forbidden
	}
	return toLogin
}
