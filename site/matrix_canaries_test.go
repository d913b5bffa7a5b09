package site_test

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// canary is a text that is somebody else's: where it turns up, something leaks.
type canary struct {
	what  string
	text  string
	seen  func(c *row, r *role) bool // they may see it there; nil is nobody
	found bool                       // by somebody who may: it is where it was planted
}

// Texts that nothing says by chance.
const (
	canaryMail    = "canary.victim@mail.example"
	canaryAddress = "198.18.44.7"
	canaryAgent   = "CanaryBrowser/7.7"
	canaryTold    = "canary of the inbox"
	canaryCause   = "canary of a cause"
	canaryShy     = "quillfeather"
	canaryBan     = "198.18.99.0/24"
	canaryNote    = "canary note on an application"
	canaryAnswer  = "canary answer of an applicant"
	canaryApplied = "canary.applicant@mail.example"
	canaryInvited = "canary.invited@mail.example"
	canaryInvite  = "canary note on an invite"
	canaryNick    = "canarynick"
	canaryToken   = "canary token"
	canaryStaff   = "canary note of staff"
	canaryWrote   = "canary message to staff"
	canaryWriter  = "canary.writer@mail.example"
)

// plant gives the victim what nobody else may see, and lists it.
func (m *matrix) plant() {
	w, ctx := m.w, m.t.Context()
	victim := w.People["victim"]
	id := victim.Member.ID
	must := w.Must
	_, err := w.Deps.Members.AskEmail(ctx, id, canaryMail)
	must(err)
	must(w.Deps.Members.ConfirmEmail(ctx, id, canaryMail))
	from := security.With(ctx, security.Origin{Face: security.Site, Address: netip.MustParseAddr(canaryAddress)})
	session, err := w.Deps.Members.NewSession(from, id, canaryAgent)
	must(err)
	token, err := w.Deps.Members.NewToken(from, id, canaryToken, member.ScopeUpload)
	must(err)
	codes, err := w.Deps.Members.NewRecoveryCodes(ctx, id)
	must(err)
	must(w.Deps.Members.AddNick(ctx, id, canaryNick, 2))
	auth, err := w.Deps.Members.AuthKey(ctx, id)
	must(err)
	_, err = w.Deps.Members.BeginCause(ctx, member.NewCause{Member: id, Effect: member.Warned, Reason: canaryCause, By: member.By{Name: "shell"}})
	must(err)
	w.Tell("victim", notify.Note{Kind: notify.StaffMessage, Title: canaryTold, Text: canaryTold, Link: "/help", Once: "canary"})
	_, err = w.Deps.Members.AddNote(ctx, id, canaryStaff, member.By{ID: w.People["asker"].Member.ID, Name: "asker"})
	must(err)
	_, err = w.Deps.Invites.Make(ctx, id, invite.New{Mail: canaryInvited, Note: canaryInvite})
	must(err)
	link, err := w.Deps.Invites.Make(ctx, 0, invite.New{Note: canaryInvite})
	must(err)
	must(w.DB.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Insert(ctx, "transfer_member", db.Row{"member_id", int64(id), "uploaded", 7777777777, "downloaded", 3333333333})
		return err
	}))
	all := member.Hides(0)
	for _, s := range member.Switches() {
		all |= s.Bit
	}
	must(w.Deps.Members.SetHides(ctx, id, all))
	hash, _, err := db.One(ctx, w.DB, db.Value[string], "SELECT password_hash FROM member WHERE id = ?", id)
	must(err)

	nobody := m.guard(nil)
	nobody("the passphrase", victim.Password)
	nobody("a passphrase's hash", hash[strings.LastIndex(hash, "$")+1:])
	nobody("a hash of something", "$argon2id$")
	nobody("a token", token)
	nobody("a token", victim.Read)
	nobody("a session", session)
	nobody("a recovery code", codes[0])
	nobody("an invite's token", link.Token)
	nobody("whom they invited", canaryInvited)
	nobody("the site's keys", string(make([]byte, 32)))
	theirs := m.guard(func(*row, *role) bool { return false })
	theirs("the announce key", victim.AnnounceKey)
	theirs("the IRC key", victim.IRCKey)
	theirs("the other half of a download link", auth)
	theirs("a nick of theirs", canaryNick)
	theirs("what they were told", canaryTold)
	theirs("the mail address", canaryMail)
	m.guard(asked(core.MemberSeeAddress, "member-security"))("the name of a token", canaryToken)
	m.guard(asked(core.MemberSeeAddress, "member-security"))("an address they came from", canaryAddress)
	m.guard(asked(core.MemberSeeAddress, "member-security"))("their browser", canaryAgent)
	m.guard(asked(core.InviteManage, "invite-list"))("a note on an invite", canaryInvite)
	m.guard(asked(core.BanManage, "ban-show"))("a note on a ban", "canary note of a ban")
	shown, page := asked(core.ApplicantReview, "application-show"), having(core.ApplicantReview, "GET /staff/applications/:number")
	m.guard(page)("an applicant's mail address", canaryApplied)
	m.guard(func(c *row, r *role) bool { return shown(c, r) || page(c, r) })("a note on an applicant", canaryNote)
	applicant := m.guard(func(c *row, r *role) bool { return r.code || shown(c, r) || page(c, r) })
	applicant("an applicant's answer", canaryAnswer)
	m.guard(func(_ *row, r *role) bool { return r.code })("the code of an application", m.follow)
	m.guard(having(core.SupportAnswer, "GET /staff/contact/:number"))("what somebody wrote to staff", canaryWrote)
	m.guard(having(core.SupportAnswer, "GET /staff/contact/:number"))("the address of somebody who wrote to staff", canaryWriter)
	card := "GET /staff/members/:name"
	m.guard(having(core.BanManage, "GET /staff/bans"))("a banned network", canaryBan)
	m.guard(either(having(core.MemberNote, card), asked(core.MemberNote, "note-list")))("a note of staff", canaryStaff)
	m.guard(having(core.MemberSeePrivate, card, "GET /staff/causes"))("why they are warned", canaryCause)
	m.guard(having(core.TorrentSeeHidden, "GET /browse", "GET /", "GET /groups/:id", "GET /api/v1/browse", "GET /staff/members"))("who uploaded anonymously", canaryShy)
	for _, f := range figuresOfOther {
		m.guard(having(core.MemberSeePrivate, card, "GET /members/:name", "POST /commands/:command"))("hidden figures", f)
	}
}

// having lets those see it on some routes who have a permission.
func having(p core.Permission, routes ...string) func(*row, *role) bool {
	return func(c *row, r *role) bool { return slices.Contains(routes, c.route) && r.may(p) }
}

// asked lets those see it who have a permission and give a command.
func asked(p core.Permission, command string) func(*row, *role) bool {
	return func(c *row, r *role) bool { return c.what == command && r.may(p) }
}

// either lets those see it whom one of two lets.
func either(a, b func(*row, *role) bool) func(*row, *role) bool {
	return func(c *row, r *role) bool { return a(c, r) || b(c, r) }
}

// guard plants canaries that only some may see besides the victim; nil is nobody, not even
// the victim.
func (m *matrix) guard(seen func(*row, *role) bool) func(what, text string) {
	return func(what, text string) { m.canaries = append(m.canaries, canary{what: what, text: text, seen: seen}) }
}

// search looks for canaries in all that came back.
func (m *matrix) search(where string, c *row, r *role, a sitetest.Answer) {
	m.t.Helper()
	texts := []string{a.Text}
	for name, values := range a.Header {
		if name != "Content-Security-Policy" {
			texts = append(texts, values...)
		}
	}
	for what, own := range map[string]string{"session": r.session, "API token": r.secret, "passphrase": r.password} {
		for _, text := range texts {
			if own != "" && strings.Contains(text, own) {
				m.t.Errorf("%s: their own %s is in the answer", where, what)
			}
		}
	}
	for i := range m.canaries {
		k := &m.canaries[i]
		for _, text := range texts {
			if !strings.Contains(text, k.text) {
				continue
			}
			if k.seen == nil || !r.victim && !k.seen(c, r) {
				m.t.Errorf("%s: it shows %s (%q)", where, k.what, k.text)
			}
			k.found = true
		}
	}
}

// alive makes sure that each canary was seen by somebody: one that was planted where nothing
// is shown would never be missed.
func (m *matrix) alive() {
	for _, k := range m.canaries {
		if k.seen != nil && !k.found {
			m.t.Errorf("nobody sees %s (%q), not even who may", k.what, k.text)
		}
	}
}
