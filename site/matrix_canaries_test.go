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
	what string
	text string
	seen func(c *row, r *role) bool // they may see it there
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

	never := m.guard(func(*row, *role) bool { return false })
	never("the announce key", victim.AnnounceKey)
	never("the IRC key", victim.IRCKey)
	never("the passphrase", victim.Password)
	never("a passphrase's hash", hash[strings.LastIndex(hash, "$")+1:])
	never("a hash of something", "$argon2id$")
	never("a token", token)
	never("a token", victim.Read)
	never("a session", session)
	never("a download link", auth)
	never("a recovery code", codes[0])
	never("the mail address", canaryMail)
	never("an address they came from", canaryAddress)
	never("their browser", canaryAgent)
	never("the name of a token", canaryToken)
	never("a nick of theirs", canaryNick)
	never("what they were told", canaryTold)
	never("whom they invited", canaryInvited)
	never("an invite's token", link.Token)
	never("a note on an invite", canaryInvite)
	never("a note on an applicant", canaryNote)
	never("a note on a ban", "canary note of a ban")
	applicant := m.guard(func(_ *row, r *role) bool { return r.code })
	applicant("an applicant's mail address", canaryApplied)
	applicant("an applicant's answer", canaryAnswer)
	applicant("the code of an application", m.follow)
	m.guard(having(core.SupportAnswer, "GET /staff/contact/:number"))("what somebody wrote to staff", canaryWrote)
	m.guard(having(core.SupportAnswer, "GET /staff/contact/:number"))("the address of somebody who wrote to staff", canaryWriter)
	card := "GET /staff/members/:name"
	m.guard(having(core.BanManage, "GET /staff/bans"))("a banned network", canaryBan)
	m.guard(having(core.MemberNote, card))("a note of staff", canaryStaff)
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

// guard plants canaries that only some may see.
func (m *matrix) guard(seen func(*row, *role) bool) func(what, text string) {
	return func(what, text string) { m.canaries = append(m.canaries, canary{what, text, seen}) }
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
	if r.session != "" {
		for _, text := range texts {
			if strings.Contains(text, r.session) {
				m.t.Errorf("%s: the session's own token is in the answer", where)
			}
		}
	}
	for _, k := range m.canaries {
		for _, text := range texts {
			if strings.Contains(text, k.text) && !k.seen(c, r) {
				m.t.Errorf("%s: it shows %s (%q)", where, k.what, k.text)
			}
		}
	}
}
