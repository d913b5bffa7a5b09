package site_test

import (
	"fmt"
	"net/url"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/support"
)

// contactRows are the public face of the site, and what reaches staff by it: the banned are
// let in there, too. With them stand the pages on which staff look after those who join.
func contactRows() []*row {
	tables := []string{"support_ticket", "support_message", "event"}
	return []*row{
		{route: "GET /about", need: anyone},
		{route: "GET /contact", need: anyone, open: true},
		{route: "GET /contact/takedown", need: anyone, open: true},
		{route: "GET /contact/:number", need: anyone, open: true, path: ticketOf, ok: leadsTo("/contact$"), inside: okay},
		{route: "GET /contact/:number", what: "of another", need: anyone, open: true, path: at("/contact/1"), ok: leadsTo("/contact$"), inside: nowhere},
		{route: "GET /staff/applications", need: members, perms: []core.Permission{core.ApplicantReview}},
		{route: "GET /staff/applications/questions", need: members, perms: []core.Permission{core.ApplicantReview}},
		{route: "GET /staff/applications/:number", need: members, perms: []core.Permission{core.ApplicantReview}, looks: []string{"audit"}},
		{route: "GET /staff/members/:name/tree", need: members, perms: []core.Permission{core.InviteManage}, looks: []string{"security_log"}},
		{route: "GET /staff/contact", need: members, perms: []core.Permission{core.SupportAnswer}},
		{route: "GET /staff/contact/:number", need: members, perms: []core.Permission{core.SupportAnswer}, looks: []string{"audit"}},
		{route: "POST /contact", need: anyone, open: true, form: writesToStaff("subject", "A question"), ok: okay, writes: tables},
		{route: "POST /contact/takedown", need: anyone, open: true, form: writesToStaff("work", "The atlas", "where", "/groups/1", "behalf", "The Press", "name", "L. Aw", "true", "1"), ok: okay, writes: tables},
	}
}

// write has somebody write to staff whom nobody else is to know of.
func (m *matrix) write() {
	_, err := m.w.Deps.Support.Open(m.t.Context(), support.Form{Category: support.Question, Subject: "About yeast", Text: canaryWrote, Email: canaryWriter, Human: m.human()})
	m.w.Must(err)
}

// ticketOf is what a role wrote, or what there is not.
func ticketOf(m *matrix, r *role) string {
	if r.id == 0 {
		return "/contact/4711"
	}
	t, err := m.w.Deps.Support.Open(m.t.Context(), support.Form{Category: support.Question, Subject: "A question", Text: "Who runs this?", Member: r.id, Human: m.human()})
	m.w.Must(err)
	return fmt.Sprint("/contact/", t.ID)
}

// writesToStaff is a form for staff.
func writesToStaff(pairs ...string) func(*matrix, *role) url.Values {
	return func(m *matrix, r *role) url.Values {
		form := sends(append(pairs, "text", "Who runs this?", "email", "eve@mail.example", "stamp", m.human().Stamp, invite.TrapField, "")...)(m, r)
		return form
	}
}
