package site_test

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// passphrase is one that anybody may have.
const passphrase = "correct horse battery staple 9"

// sends makes a form of names and values by turns.
func sends(pairs ...string) func(*matrix, *role) url.Values {
	return func(*matrix, *role) url.Values {
		form := url.Values{}
		for i := 0; i+1 < len(pairs); i += 2 {
			form.Add(pairs[i], pairs[i+1])
		}
		return form
	}
}

func publicActs() []*row {
	return []*row{
		{route: "POST /login", need: anyone, form: func(m *matrix, _ *role) url.Values {
			return url.Values{"name": {"spare"}, "password": {m.w.People["spare"].Password}, "next": {"/browse"}}
		}, ok: leadsTo("/browse$"), writes: []string{"session", "security_log"}},
		{route: "POST /logout", need: anyone, form: sends(), ok: leadsTo("/$"), writes: []string{"session"}, idle: func(r *role) bool { return r.cookie == noCookie || r.cookie == withdrawn }},
		{route: "POST /recover", need: anyone, form: func(m *matrix, _ *role) url.Values { return url.Values{"who": {m.name()}} }, ok: okay, writes: []string{"recovery_request"}},
		{route: "POST /recover/code", need: anyone, form: func(m *matrix, _ *role) url.Values {
			if len(m.codes) == 0 {
				var err error
				m.codes, err = m.w.Deps.Members.NewRecoveryCodes(m.t.Context(), m.w.People["target"].Member.ID)
				m.w.Must(err)
			}
			code := m.codes[0]
			m.codes = m.codes[1:]
			return url.Values{"name": {"target"}, "code": {code}, "password": {passphrase}, "again": {passphrase}}
		}, ok: okay, writes: []string{"member", "recovery_code", "security_log"}},
		{route: "POST /recover/:token", need: anyone, path: recoverLink, form: sends("password", passphrase, "again", passphrase), ok: okay, writes: []string{"member", "one_time_link", "security_log"}},
		{route: "POST /unsubscribe/:token", need: anyone, path: unsubscribeLink, form: sends(), ok: okay, writes: []string{"notify_choice"}},
	}
}

// joinActs are the forms of those who join or apply.
func joinActs() []*row {
	theirs := func(to string) map[string]special {
		return map[string]special{"applicant": {leadsTo(to), "it is theirs"}}
	}
	tried := []string{"guess"}
	return []*row{
		{route: "POST /join", what: "where one needs an invite", need: anyone, form: joins, ok: forbidden},
		{route: "POST /join", what: "where anybody may join", while: map[string]string{"registration.mode": "open"}, need: anyone, form: joins, ok: okay, inside: forbidden, writes: []string{"member", "session", "rules_accepted", "recovery_code"}},
		{route: "POST /join/:token", need: anyone, path: inviteLink, form: joins, ok: okay, inside: forbidden, writes: []string{"member", "invite", "session", "rules_accepted", "recovery_code"}},
		{route: "POST /apply", what: "where one needs an invite", need: anyone, form: applies, ok: forbidden},
		{route: "POST /apply", what: "while applications are taken", while: applications, need: anyone, form: applies, ok: leadsTo("/application/"), inside: forbidden, writes: []string{"application", "application_answer"}},
		{route: "POST /application", need: anyone, form: func(m *matrix, r *role) url.Values { return url.Values{"code": {m.codeOf(r)}} }, ok: nowhere, except: theirs("/application/"), writes: tried, tries: tried},
		{route: "POST /application/:token/withdraw", need: anyone, path: applicationOf("/withdraw"), form: sends("sure", "yes"), ok: nowhere, except: theirs("/application/"), writes: []string{"application"}, tries: tried},
	}
}

// inviteActs are the forms about one's own invites.
func inviteActs() []*row {
	return []*row{
		{route: "POST /settings/invites", need: members, perms: []core.Permission{core.InviteSend}, form: func(m *matrix, r *role) url.Values {
			m.exec("DELETE FROM invite WHERE inviter_id = ?", r.id) // what they have made counts, and there is an end to it
			return url.Values{"note": {"for a friend"}}
		}, ok: leadsTo("/settings/invites$"), writes: []string{"invite", "one_time_link", "audit"}, tries: []string{"audit"}},
		{route: "POST /settings/invites/:id/revoke", what: "of their own", need: members, perms: []core.Permission{core.InviteSend}, path: func(m *matrix, r *role) string {
			made, err := m.w.Deps.Invites.Make(m.t.Context(), 0, invite.New{})
			m.w.Must(err)
			m.exec("UPDATE invite SET inviter_id = ? WHERE id = ?", r.id, made.ID)
			return fmt.Sprintf("/settings/invites/%d/revoke", made.ID)
		}, form: sends("sure", "yes"), ok: leadsTo("/settings/invites"), writes: []string{"one_time_link", "audit"}, tries: []string{"audit"}},
		{route: "POST /settings/invites/:id/revoke", what: "of another", need: members, path: func(m *matrix, _ *role) string {
			made, err := m.w.Deps.Invites.Make(m.t.Context(), 0, invite.New{})
			m.w.Must(err)
			return fmt.Sprintf("/settings/invites/%d/revoke", made.ID)
		}, form: sends("sure", "yes"), ok: nowhere},
	}
}

// applies is the form of somebody who applies.
func applies(m *matrix, _ *role) url.Values {
	form := url.Values{"name": {m.name()}, "email": {m.name() + "@mail.example"}, "stamp": {m.human().Stamp}, invite.TrapField: {""}}
	list, err := m.w.Deps.Invites.Questions(m.t.Context())
	m.w.Must(err)
	for _, q := range list {
		form.Set(q.Field(), "Yeast, and what its genome tells.")
	}
	return form
}

// joins is the form of somebody who joins.
func joins(m *matrix, _ *role) url.Values {
	revision, err := m.w.Deps.Pages.ShownRevision(m.t.Context(), "rules")
	m.w.Must(err)
	return url.Values{"name": {m.name()}, "password": {passphrase}, "again": {passphrase}, "rules": {"on"}, "revision": {fmt.Sprint(revision)}, "stamp": {m.human().Stamp}, invite.TrapField: {""}}
}

func settingsActs() []*row {
	sure := sends("sure", "yes")
	irc := []core.Permission{core.IRCConnect}
	proof := func(more ...string) func(*matrix, *role) url.Values {
		return func(m *matrix, r *role) url.Values {
			form := sends(more...)(m, r)
			form.Set("current", r.password)
			return form
		}
	}
	return []*row{
		{route: "POST /settings/announce-key", need: members, form: sure, ok: leadsTo("/settings/keys"), writes: []string{"member", "security_log", "event"}},
		{route: "POST /settings/irc-key", need: members, perms: irc, form: sure, ok: leadsTo("/settings/irc"), writes: []string{"member", "security_log", "event"}},
		{route: "POST /settings/tokens", need: members, form: sends("name", "a script", "scope", "read"), ok: leadsTo("/settings/keys"), writes: []string{"api_token", "security_log"}},
		{route: "POST /settings/tokens/:token/revoke", need: members, path: tokenOf, form: sure, ok: leadsTo("/settings/keys"), writes: []string{"api_token", "security_log"}},
		{route: "POST /settings/sessions/:session/end", need: members, path: sessionOf, form: sure, ok: leadsTo("/settings/security"), writes: []string{"session", "security_log"}},
		{route: "POST /settings/end", need: members, form: sends("sure", "yes", "irckey", "on"), ok: leadsTo("/settings/security"), writes: []string{"member", "security_log"}},
		{route: "POST /settings/recovery/mail", need: owners, form: func(m *matrix, r *role) url.Values { return proof("email", m.name()+"@mail.example")(m, r) }, ok: leadsTo("/settings/recovery"), writes: []string{"member", "one_time_link", "event"}},
		{route: "POST /settings/recovery/codes", need: owners, form: proof(), ok: okay, writes: []string{"recovery_code", "security_log"}},
		{route: "POST /settings/notifications", need: members, form: sends("asked", "mail/upload.deleted"), ok: leadsTo("/settings/notifications"), writes: []string{"notify_choice"}},
		{route: "POST /settings/privacy", need: members, form: sends("preset", "nothing"), ok: leadsTo("/settings/privacy"), writes: []string{"member"}},
		{route: "POST /settings/appearance", need: members, form: sends("zone", "Asia/Tokyo", "theme", "dark"), ok: leadsTo("/settings/appearance"), writes: []string{"member"}},
		{route: "POST /settings/irc/certificates", need: members, perms: irc, form: func(m *matrix, r *role) url.Values {
			return url.Values{"certificate": {fingerprint(m.next())}, "label": {"laptop"}}
		}, ok: leadsTo("/settings/irc"), writes: []string{"member_certificate", "security_log"}},
		{route: "POST /settings/irc/certificates/:fingerprint/remove", need: members, perms: irc, path: certificateOf, form: sure, ok: leadsTo("/settings/irc"), writes: []string{"member_certificate"}},
		{route: "POST /settings/irc/nicks", need: members, perms: irc, form: func(m *matrix, r *role) url.Values { return url.Values{"nick": {m.name()}} }, ok: leadsTo("/settings/irc"), writes: []string{"member_nick"}},
		{route: "POST /settings/irc/nicks/:nick/remove", need: members, perms: irc, path: nickOf, form: sure, ok: leadsTo("/settings/irc"), writes: []string{"member_nick"}},
		{route: "POST /settings/passphrase", need: members, form: proof("password", passphrase, "again", passphrase), ok: leadsTo("/settings/security"), writes: []string{"member", "session", "security_log"}},
	}
}

// What follows gives a role something of its own to act on; who has no account, what there
// is not.

func (m *matrix) newest(r *role, table, column string) string {
	if r.id == 0 {
		return "999"
	}
	text, _, err := db.One(m.t.Context(), m.w.DB, db.Value[string], "SELECT "+column+" FROM "+table+" WHERE member_id = ? ORDER BY 1 DESC LIMIT 1", r.id)
	m.w.Must(err)
	return text
}

func tokenOf(m *matrix, r *role) string {
	if r.id != 0 {
		_, err := m.w.Deps.Members.NewToken(m.t.Context(), r.id, "another", member.ScopeRead)
		m.w.Must(err)
	}
	return "/settings/tokens/" + m.newest(r, "api_token", "id") + "/revoke"
}

func sessionOf(m *matrix, r *role) string {
	other := *r
	other.session = ""
	m.login(&other)
	return "/settings/sessions/" + m.newest(r, "session", "id") + "/end"
}

func certificateOf(m *matrix, r *role) string {
	if r.id != 0 {
		_, err := m.w.Deps.Members.AddCertificate(m.t.Context(), r.id, fingerprint(m.next()), "another")
		m.w.Must(err)
	}
	return "/settings/irc/certificates/" + m.newest(r, "member_certificate", "fingerprint") + "/remove"
}

func nickOf(m *matrix, r *role) string {
	nick := m.name()
	if r.id != 0 {
		m.w.Must(m.w.Deps.Members.AddNick(m.t.Context(), r.id, nick, 9))
	}
	return "/settings/irc/nicks/" + nick + "/remove"
}

func noticeOf(m *matrix, r *role) string {
	return "/inbox/" + m.newest(r, "notification", "id") + "/read"
}

// fingerprint is one of a certificate.
func fingerprint(n int) string { return fmt.Sprintf("%064x", n) }

func memberActs() []*row {
	own := []core.Permission{core.TorrentEditOwn, core.TorrentEditAny}
	uploads := []core.Permission{core.TorrentUpload}
	return []*row{
		{route: "POST /start/rules", need: members, form: sends(), ok: leadsTo("/$"), writes: []string{"member_mark"}},
		{route: "POST /start/away", need: members, form: sends(), ok: leadsTo("/$"), writes: []string{"member_mark"}},
		{route: "POST /inbox/:id/read", need: owners, path: noticeOf, form: sends(), ok: leadsTo("/inbox"), writes: []string{"notification"}},
		{route: "POST /inbox/:id/read", what: "of another", need: owners, path: at("/inbox/1/read"), form: sends(), ok: nowhere},
		{route: "POST /inbox/read", need: owners, form: sends(), ok: leadsTo("/inbox"), writes: []string{"notification"}},
		{route: "POST /upload/check", need: members, perms: uploads, form: sends("category", "sequences"), file: dataset, ok: okay},
		{route: "POST /upload", need: members, perms: uploads, form: describes("A dataset"), file: dataset, ok: leadsTo("/torrents/"), writes: []string{"torrent", "torrent_group", "event"}},
		{route: "POST /groups/:id/edit", what: "of another", need: members, perms: own[1:], form: edits(1), ok: leadsTo("/groups/1"), writes: []string{"torrent_group", "event"}},
		{route: "POST /groups/:id/edit", what: "of their own", need: members, perms: own, path: theirs("/groups/3/edit"), form: edits(3), ok: leadsTo("/groups/3"), writes: []string{"torrent_group", "event"}},
		{route: "POST /torrents/:id/edit", what: "of another", need: members, perms: own[1:], form: edits(1), ok: leadsTo("/groups/1"), writes: []string{"torrent", "event"}},
		{route: "POST /torrents/:id/edit", what: "of their own", need: members, perms: own, path: theirs("/torrents/3/edit"), form: edits(3), ok: leadsTo("/groups/3"), writes: []string{"torrent", "event"}},
		{route: "POST /commands/:command", what: "why", need: members, early: true, path: at("/commands/why"), form: sends()},
		{route: "POST /commands/:command", what: "stats", need: members, perms: []core.Permission{core.StatsRead}, path: at("/commands/stats"), form: sends("member", "victim"), looks: []string{"security_log"}},
	}
}

func staffActs() []*row {
	write := []core.Permission{core.PageEdit}
	return []*row{
		{route: "POST /pages/news", need: members, perms: write, form: sends("title", "Some news", "text", "It was done."), ok: leadsTo("/news"), writes: []string{"page", "page_revision", "audit"}},
		{route: "POST /pages/new", need: members, perms: write, form: func(m *matrix, _ *role) url.Values {
			return url.Values{"page": {m.name()}, "title": {"A page"}, "text": {"It is written."}}
		}, ok: leadsTo("/help/"), writes: []string{"page", "page_revision", "audit"}},
		{route: "POST /pages/:page/edit", need: members, perms: write, form: func(m *matrix, _ *role) url.Values {
			p, err := m.w.Deps.Pages.Current(m.t.Context(), "irc")
			m.w.Must(err)
			return url.Values{"page": {"irc"}, "base": {fmt.Sprint(p.Revision)}, "title": {"IRC"}, "text": {"It is written anew: " + m.name()}}
		}, ok: leadsTo("/help/irc"), writes: []string{"page_revision", "audit"}},
		{route: "POST /commands/:command", what: "member-warn", need: members, perms: []core.Permission{core.MemberWarn}, path: at("/commands/member-warn"), form: func(m *matrix, _ *role) url.Values {
			m.w.Must(membertest.End(m.t.Context(), m.w.Deps.Members, m.w.People["spare"].Member.ID, member.Warned))
			return url.Values{"name": {"spare"}, "duration": {"7d"}, "reason": {"was rude"}, "back": {"/staff"}}
		}, ok: leadsTo("/staff$"), writes: []string{"member_cause", "audit", "event"}},
		{route: "POST /commands/:command", what: "setting-set", need: members, perms: []core.Permission{core.SettingManage}, path: at("/commands/setting-set"), form: func(m *matrix, _ *role) url.Values {
			return url.Values{"name": {"registration.limit"}, "value": {fmt.Sprint(1000 + m.next())}, "back": {"/staff"}}
		}, ok: leadsTo("/staff$"), writes: []string{"setting", "audit", "event"}},
		{route: "POST /commands/:command", what: "member-disable, which asks first", need: members, perms: []core.Permission{core.MemberDisable}, path: at("/commands/member-disable"), form: sends("name", "spare", "reason", "went away"), ok: okay, writes: []string{"pending_act"}},
		asks(core.MemberSeeAddress, "member-security", "name", "victim"),
		asks(core.MemberNote, "note-list", "name", "victim"),
		asks(core.InviteManage, "invite-list", "member", "victim"),
		asks(core.ApplicantReview, "application-show", "id", "1"),
		asks(core.BanManage, "ban-show", "id", "1"),
		{route: "POST /commands/:command", what: "approve", need: members, perms: []core.Permission{core.MemberKeys}, path: at("/commands/approve"), form: func(m *matrix, r *role) url.Values {
			asker := r
			if !r.asker {
				asker = nil
			}
			return url.Values{"code": {m.waiting(asker)}, "back": {"/staff/approvals"}}
		}, ok: leadsTo("/staff/approvals$"), writes: []string{"one_time_link", "audit"}, except: map[string]special{
			"Moderator whose act waits": {forbidden, "nobody approves what they asked for themselves"},
		}},
	}
}

// asks gives a command that tells staff something. That they looked is written down.
func asks(p core.Permission, command string, given ...string) *row {
	return &row{route: "POST /commands/:command", what: command, need: members, perms: []core.Permission{p}, path: at("/commands/" + command), form: sends(given...), looks: []string{"audit", "security_log"}}
}

func programActs() []*row {
	return []*row{
		{route: "POST /api/v1/torrents", need: writer, perms: []core.Permission{core.TorrentUpload}, form: describes("A dataset by a program"), file: dataset, ok: answer{http.StatusCreated, "http://site.example/torrents/"}, writes: []string{"torrent", "torrent_group", "event"}},
	}
}

// lastActs change who somebody is, so they come last.
func lastActs() []*row {
	return []*row{
		{route: "POST /rules/accept", need: owners, form: func(m *matrix, r *role) url.Values {
			m.exec("DELETE FROM rules_accepted WHERE member_id = ?", r.id)
			return url.Values{"accepts": {"1"}, "revision": {fmt.Sprint(m.rules)}, "next": {"/browse"}}
		}, ok: leadsTo("/browse$"), writes: []string{"rules_accepted"}},
		{route: "POST /confirm/:token", need: anyone, path: confirmLink, form: sends(), ok: okay, inside: leadsTo("/settings/recovery$"), writes: []string{"member", "one_time_link"}},
	}
}

// describes is the form of an upload under a name of its own.
func describes(title string) func(*matrix, *role) url.Values {
	return func(m *matrix, _ *role) url.Values { return sitetest.Dataset(fmt.Sprint(title, " ", m.next())) }
}

// dataset is the file of an upload that nobody has sent yet.
func dataset(m *matrix, _ *role) []byte {
	n := m.next()
	return m.w.Torrent(fmt.Sprint("matrix", n), metainfo.V1, map[string]string{"genome.fasta": fmt.Sprint(">", n, "\nACGT\n")})
}

// edits is the form that changes a dataset whose group and torrent have the same id.
func edits(id int64) func(*matrix, *role) url.Values {
	return func(m *matrix, _ *role) url.Values {
		var revision int64
		m.w.Must(m.w.DB.QueryRowContext(m.t.Context(), "SELECT revision FROM torrent_group WHERE id = ?", id).Scan(&revision))
		form := sitetest.Dataset("A dataset of the victim")
		form.Set("category", "1")
		form.Set("description", fmt.Sprintf("Described for the %dth time, in one contig.", m.next()))
		form.Set("torrent_description", fmt.Sprintf("Described for the %dth time.", m.next()))
		form.Set("revision", fmt.Sprint(revision))
		return form
	}
}
