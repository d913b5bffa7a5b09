package staff

import (
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// deskPage shows what some commands list, and the buttons of those that change it.
type deskPage struct {
	Head     part.Head
	Sections []deskSection
	Acts     []web.CommandForm
	Back     string
}

// deskSection is the answer of one command.
type deskSection struct {
	ID, Title string
	Blocks    []web.Block
}

var deskView = web.NewView[deskPage]("desk")

// desk is a page over commands: what it asks, by title, and whose families it offers.
type desk struct {
	head      part.Head
	address   string
	questions []question
	families  []string
}

type question struct{ id, title, line string }

var (
	jobsDesk = desk{
		head: part.Head{Title: "Jobs"}, address: "/staff/jobs", families: []string{"job", "events"},
		questions: []question{{"jobs", "Scheduled work", "job list"}, {"events", "Events that were set aside", "events skipped"}},
	}
	ircDesk = desk{
		head: part.Head{Title: "IRC"}, address: "/staff/irc", families: []string{"channel", "kline", "dline", "kill", "irclog"},
		questions: []question{{"channels", "Channels", "channel list"}, {"lines", "Who is kept out", "kline list"}},
	}
	mailDesk = desk{
		head: part.Head{Title: "Mail", Lead: "The letters that the site sends. Neither addresses nor what is in a letter is shown."}, address: "/staff/mail", families: []string{"mail"},
		questions: []question{{"queue", "What waits and what failed", "mail queue"}},
	}
	limitsDesk = desk{
		head: part.Head{Title: "Limits", Lead: "Who has tried wrong passphrases or does too much, and what can be forgiven them."}, address: "/staff/limits", families: []string{"limits"},
		questions: []question{{"limits", "Who is held back", "limits"}},
	}
	torrentsDesk = desk{
		head: part.Head{Title: "Torrents"}, address: "/staff/torrents", families: []string{"torrent", "client", "freeleech"},
		questions: []question{{"endangered", "In danger", "endangered"}, {"clients", "Clients that may announce", "client list"}, {"freeleech", "Freeleech", "freeleech status"}},
	}
)

// desk answers with the page of d. What the visitor may not ask is left out.
func (h handlers) desk(d desk) web.Handler {
	return func(v *web.Visit) error {
		p := deskPage{Head: d.head, Back: d.address}
		for _, q := range d.questions {
			if _, err := h.Commands.Named(v.Actor(), q.line); err != nil {
				continue
			}
			answer, err := h.Commands.Execute(v.Context(), command.Request{Actor: v.Actor(), Line: q.line, Zone: v.Zone()})
			if err != nil {
				return err
			}
			p.Sections = append(p.Sections, deskSection{ID: q.id, Title: q.title, Blocks: web.Blocks(answer.Blocks)})
		}
		var err error
		if p.Acts, err = h.familyForms(v, d.address, d.families...); err != nil {
			return err
		}
		return deskView.OK(v, p)
	}
}

// familyForms are the forms of the staff's commands that change something and whose names
// begin with one of some words.
func (h handlers) familyForms(v *web.Visit, back string, families ...string) (out []web.CommandForm, err error) {
	for _, info := range h.Commands.List(v.Actor()) {
		family, _, _ := strings.Cut(info.Name, " ")
		if !info.Changes || info.Permission == "" || !slices.Contains(families, family) {
			continue
		}
		form, err := web.NewCommandForm(v, h.Commands, info, nil, nil, back)
		if err != nil {
			return nil, err
		}
		out = append(out, form)
	}
	return out, nil
}
