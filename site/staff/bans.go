package staff

import (
	"net/url"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// bansPage lists bans, with what may be done to them.
type bansPage struct {
	Head                 part.Head
	Kind, Reach, Over    string // the filters
	Before               string
	Kinds, Reaches, When []web.Choice
	Chips                []part.Chip
	Bans                 []banRow
	Acts                 []web.CommandForm
	First, Next          string
}

// banRow is a ban as the command "ban list" shows it: what the visitor may not see is
// hidden there.
type banRow struct {
	ID, Kind, Value, Reach, Holds, By, Set, Reason string
	Lift                                           []web.CommandForm // one at most
}

var bansView = web.NewView[bansPage]("bans")

const bansAddress = "/staff/bans"

// The filters of the page.
var (
	banReaches = []web.Choice{{Value: "site", Text: "the site"}, {Value: "irc", Text: "IRC"}, {Value: "tracker", Text: "the tracker"}, {Value: "mail", Text: "joining by mail"}}
	banWhen    = []web.Choice{{Value: "on", Text: "over or lifted"}}
)

// kindWords are the kinds as a list names them.
func kindWords() (out []web.Choice) {
	for _, k := range ban.Kinds() {
		out = append(out, web.Choice{Value: string(k), Text: k.Words()})
	}
	return out
}

// bans shows what the command "ban list" answers. So the same rules say who sees what, and
// the look is in the audit log.
func (h handlers) bans(v *web.Visit) error {
	p := bansPage{Kinds: kindWords(), Reaches: banReaches, When: banWhen, Before: v.Query("before"),
		Head: part.Head{Title: "Bans", Lead: "Who is kept out, from what, why and until when. A ban is about an address or a mail address; an account is disabled on its own page.",
			Action: part.Link{Text: "How bans work", Address: "/help/bans"}}}
	p.Kind, p.Reach, p.Over = oneOf(p.Kinds, v.Query("kind")), oneOf(banReaches, v.Query("reach")), oneOf(banWhen, v.Query("over"))
	if web.Number(p.Before) == 0 {
		p.Before = ""
	}
	answer, err := h.Commands.Execute(v.Context(), command.Request{Actor: v.Actor(), Command: "ban list",
		Given: map[string]string{"kind": p.Kind, "reach": p.Reach, "over": p.Over, "before": p.Before}})
	if err != nil {
		return err
	}
	for _, b := range answer.Blocks {
		if t, ok := b.(command.Table); ok {
			p.rows(t)
		}
	}
	for _, c := range []struct {
		name, label, value string
		among              []web.Choice
	}{{"kind", "Kind", p.Kind, p.Kinds}, {"reach", "Reach", p.Reach, banReaches}, {"over", "Shown", p.Over, banWhen}} {
		if c.value != "" {
			p.Chips = append(p.Chips, part.Chip{Text: c.label + ": " + textOf(c.among, c.value), Address: p.address(c.name, "")})
		}
	}
	if p.Before != "" {
		p.First = p.address("before", "")
	}
	if err := h.banActs(v, &p); err != nil {
		return err
	}
	return bansView.OK(v, p)
}

// oneOf is a value that is among the choices, else "".
func oneOf(among []web.Choice, value string) string {
	if textOf(among, value) == "" {
		return ""
	}
	return value
}

// rows reads the table of the answer by its columns.
func (p *bansPage) rows(t command.Table) {
	for _, row := range t.Rows {
		cell := func(column string) string {
			if i := slices.Index(t.Columns, column); i >= 0 && i < len(row.Cells) {
				return row.Cells[i]
			}
			return ""
		}
		p.Bans = append(p.Bans, banRow{ID: cell("Ban"), Kind: cell("Kind"), Value: cell("Value"), Reach: strings.ReplaceAll(cell("Reach"), ",", ", "), Holds: cell("Holds"), By: cell("By"), Set: cell("Set"), Reason: cell("Reason")})
	}
	if t.More != "" {
		p.Next = p.address("before", p.Bans[len(p.Bans)-1].ID)
	}
}

// banActs draws the buttons that the registry gives: to lift each ban, to add one and to
// look one up.
func (h handlers) banActs(v *web.Visit, p *bansPage) error {
	form := func(name string, known map[string]string) (web.CommandForm, error) {
		info, err := h.Commands.Named(v.Actor(), name)
		if err != nil {
			return web.CommandForm{}, err
		}
		return web.NewCommandForm(v, h.Commands, info, known, nil, bansAddress)
	}
	for _, name := range []string{"ban add", "ban find"} {
		f, err := form(name, nil)
		if err != nil {
			return err
		}
		p.Acts = append(p.Acts, f)
	}
	for i, b := range p.Bans {
		name := "ban lift"
		if p.Over != "" {
			name = "ban restore"
		}
		f, err := form(name, map[string]string{"id": b.ID})
		if err != nil {
			return err
		}
		p.Bans[i].Lift = []web.CommandForm{f}
	}
	return nil
}

// address is the page with one value changed. A filter that changes starts over.
func (p *bansPage) address(name, value string) string {
	q := url.Values{}
	for n, val := range map[string]string{"kind": p.Kind, "reach": p.Reach, "over": p.Over, name: value} {
		if val != "" {
			q.Set(n, val)
		}
	}
	if len(q) == 0 {
		return bansAddress
	}
	return bansAddress + "?" + q.Encode()
}
