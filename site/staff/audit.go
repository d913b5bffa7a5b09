package staff

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// auditPage is a part of the audit log.
type auditPage struct {
	Filter  audit.Filter
	Member  string // whom the rows are about, by name
	Chips   []part.Chip
	Entries []audit.Entry
	Next    string // address of the older rows; "" when there are none
	First   string // address of the newest rows; "" when these are they
	Sparse  bool   // older rows may fit although there are few here
	Choices []web.Choice
}

var auditView = web.NewView[auditPage]("audit")

const auditPerPage = 50

// outcomes are what rows may be narrowed to.
var outcomes = []web.Choice{{Value: "done", Text: "done"}, {Value: "denied", Text: "denied"}, {Value: "failed", Text: "failed"}, {Value: "asked", Text: "asked for"}}

func (h handlers) audit(v *web.Visit) error {
	p := auditPage{Choices: outcomes, Member: strings.TrimSpace(v.Query("about")), Filter: audit.Filter{
		Actor: strings.TrimSpace(v.Query("by")), Command: strings.TrimSpace(v.Query("command")), Outcome: audit.Outcome(v.Query("outcome")), Before: web.Number(v.Query("before"))}}
	f := p.Filter
	if p.Member != "" {
		m, err := h.Members.ByName(v.Context(), p.Member)
		if err != nil && core.CodeOf(err) != core.NotFound {
			return err
		}
		f.About = audit.MemberSubject(m.ID) // nobody is member 0
	}
	if f.Actor != "" { // as it is written
		if m, err := h.Members.ByName(v.Context(), f.Actor); err == nil {
			f.Actor = m.Name
		}
	}
	var next int64
	var err error
	if p.Entries, next, err = h.Audit.Search(v.Context(), f, auditPerPage); err != nil {
		return err
	}
	if next > 0 {
		p.Next, p.Sparse = p.address("before", fmt.Sprint(next)), len(p.Entries) < auditPerPage
	}
	if f.Before > 0 {
		p.First = p.address("before", "")
	}
	for _, c := range []struct{ name, label, value string }{{"by", "By", p.Filter.Actor}, {"about", "About", p.Member}, {"command", "Command", p.Filter.Command}, {"outcome", "Outcome", string(p.Filter.Outcome)}} {
		if c.value != "" {
			p.Chips = append(p.Chips, part.Chip{Text: c.label + ": " + c.value, Address: p.address(c.name, "")})
		}
	}
	return auditView.OK(v, p)
}

// address is the page with one value changed. A filter that changes starts over.
func (p auditPage) address(name, value string) string {
	q := url.Values{}
	for n, val := range map[string]string{"by": p.Filter.Actor, "about": p.Member, "command": p.Filter.Command, "outcome": string(p.Filter.Outcome), name: value} {
		if val != "" {
			q.Set(n, val)
		}
	}
	if len(q) == 0 {
		return "/staff/audit"
	}
	return "/staff/audit?" + q.Encode()
}

// history is the last that was done by a member and to them.
func (h handlers) history(v *web.Visit, m member.Member) ([]part.Event, error) {
	if !v.Me.Can(core.AuditRead) {
		return nil, nil
	}
	entries, err := h.Audit.About(v.Context(), m.ID, m.Name, lastActs)
	return timeline(entries), err
}
