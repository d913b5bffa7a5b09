// Package pages is the family of commands about help, rules, terms and news.
//
// Texts of pages are too long for a line, so they are written by the site's form, which
// runs the same commands. Everything else can be done from anywhere.
//
// Concurrency: the commands have no state of their own.
package pages

import (
	"context"
	"fmt"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/pages"
)

// Deps is what the family works on.
type Deps struct {
	Pages   *pages.Store
	SiteURL string // without a slash at its end, for links
}

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{d.list(), d.show(), d.history(), d.edit(), d.title(), d.revert(), d.reset(), d.newsList(), d.newsAdd(), d.newsRemove()}
}

// FormOfPage and FormOfNews are where texts are written on the site.
const (
	FormOfPage = "/pages"
	FormOfNews = "/pages/news"
)

func (d Deps) link(slug string) string { return d.SiteURL + pages.Address(slug) }

// by is who asks.
func by(c command.Call) pages.By { return pages.By{ID: c.Actor.Member.ID, Name: c.Actor.Name} }

// state is what a decision about a page rests on: the revision that is shown.
func (d Deps) state(ctx context.Context, tx *db.Tx, slug string) (string, error) {
	now, err := d.Pages.In(tx).Current(ctx, slug)
	return fmt.Sprintf("page %s is at revision %d", now.Slug, now.Revision), err
}

// changed says who made a revision, and when.
func changed(h pages.Head) string {
	switch {
	case h.Revision == 0:
		return "as it comes with the program"
	case h.Gone:
		return fmt.Sprintf("revision %d, taken away by %s on %s", h.Revision, h.Author, text.Instant(h.At))
	}
	return fmt.Sprintf("revision %d by %s on %s", h.Revision, h.Author, text.Instant(h.At))
}

func (d Deps) list() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "page list", Aliases: []string{"pages"}, Summary: "the pages of help, the rules and the terms, and who changed them last"},
		Run: func(ctx context.Context, c command.Call, _ command.None) (command.Reply, error) {
			all, err := d.Pages.List(ctx)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Page", "Title", "Revision"}}
			for _, h := range all {
				if h.Gone && !c.Actor.Can(core.PageEdit) {
					continue
				}
				row := command.Row{Cells: []string{h.Slug, h.Title, changed(h)}, Text: fmt.Sprintf("%s: %s (%s)", h.Slug, h.Title, changed(h))}
				if !h.Gone {
					row.Link = d.link(h.Slug)
				}
				t.Rows = append(t.Rows, row)
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

type pageArgs struct {
	Page string `arg:"page"`
}

func (d Deps) show() command.Command {
	return command.Question[pageArgs]{
		Spec: command.Spec{Name: "page show", Aliases: []string{"page"}, Summary: "where a page is, such as rules or irc, and who changed it last", Public: true},
		Run: func(ctx context.Context, _ command.Call, a pageArgs) (command.Reply, error) {
			p, err := d.Pages.Page(ctx, a.Page)
			if err != nil {
				return command.Reply{}, err
			}
			return command.Reply{Blocks: []command.Block{command.Line{Text: fmt.Sprintf("%s (%s)", p.Title, changed(p.Head)), Link: d.link(p.Slug)}}}, nil
		},
	}
}

type historyArgs struct {
	Page   string `arg:"page"`
	Before string `arg:"before,flag,optional"`
}

// revisionsShown is how many revisions one answer lists.
const revisionsShown = 10

func (d Deps) history() command.Command {
	return command.Question[historyArgs]{
		Spec: command.Spec{Name: "page history", Summary: "who changed a page, newest first", Permission: core.PageEdit},
		Run: func(ctx context.Context, _ command.Call, a historyArgs) (command.Reply, error) {
			before, err := number(a.Before)
			if err != nil {
				return command.Reply{}, err
			}
			list, next, err := d.Pages.History(ctx, a.Page, before, revisionsShown)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Revision", "By", "At", "Summary"}, Empty: "Nobody has changed it: it is as it comes with the program."}
			for _, h := range list {
				t.Rows = append(t.Rows, command.Row{Cells: []string{fmt.Sprint(h.Revision), h.Author, text.Instant(h.At), h.Summary},
					Text: fmt.Sprintf("%d by %s on %s: %s", h.Revision, h.Author, text.Instant(h.At), h.Summary),
					Link: fmt.Sprintf("%s/pages/%s/diff?to=%d", d.SiteURL, h.Slug, h.Revision)})
			}
			if next > 0 {
				t.More = fmt.Sprintf("There are older ones: page history %s --before %d", a.Page, next)
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

// number reads the number of a revision; "" is 0.
func number(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, core.FieldErrorf("revision", "%q is no number of a revision; page history lists them", text.Cut(s, 40))
	}
	return n, nil
}

type editArgs struct {
	Page    string           `arg:"page"`
	Base    string           `arg:"base"`
	Title   string           `arg:"title"`
	Summary string           `arg:"summary,flag,optional"`
	Text    command.Document `arg:"text"`
}

func (d Deps) edit() command.Command {
	return command.Action[editArgs]{
		Spec: command.Spec{Name: "page edit", Summary: "write a page of help, the rules, the terms or an item of news; base is the revision that the text rests on",
			Permission: core.PageEdit, Form: FormOfPage},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a editArgs) (command.Reply, error) {
			base, err := number(a.Base)
			if err != nil {
				return command.Reply{}, err
			}
			h, err := d.Pages.In(tx).Edit(ctx, a.Page, pages.Draft{Base: base, Title: a.Title, Source: string(a.Text), Summary: a.Summary}, by(c))
			if err != nil {
				return command.Reply{}, err
			}
			return d.done(h, base, "“%s” is saved as revision %d.", h.Title, h.Revision), nil
		},
	}
}

// done is the reply to a change of a page, which is taken back by going back to the
// revision before.
func (d Deps) done(h pages.Head, before int64, format string, args ...any) command.Reply {
	reply := command.Say(format, args...)
	if !h.Gone {
		reply.Blocks = []command.Block{command.Line{Text: fmt.Sprintf(format, args...), Link: d.link(h.Slug)}}
	}
	return reply.With("page revert", revertArgs{Page: h.Slug, Revision: fmt.Sprint(before)})
}

type titleArgs struct {
	Page  string       `arg:"page"`
	Title command.Text `arg:"title"`
}

func (d Deps) title() command.Command {
	return command.Action[titleArgs]{
		Spec: command.Spec{Name: "page title", Summary: "give a page another title", Permission: core.PageEdit},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a titleArgs) (string, error) {
			return d.state(ctx, tx, a.Page)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a titleArgs) (command.Reply, error) {
			h, err := d.Pages.In(tx).Retitle(ctx, a.Page, string(a.Title), by(c))
			if err != nil {
				return command.Reply{}, err
			}
			return d.done(h, h.Revision-1, "The page %s is called “%s” now.", h.Slug, h.Title), nil
		},
	}
}

type revertArgs struct {
	Page     string `arg:"page"`
	Revision string `arg:"revision"`
}

func (d Deps) revert() command.Command {
	return command.Action[revertArgs]{
		Spec: command.Spec{Name: "page revert", Summary: "make a page say again what a revision of it said; 0 is the text that comes with the program, or none", Permission: core.PageEdit},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a revertArgs) (string, error) {
			return d.state(ctx, tx, a.Page)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a revertArgs) (command.Reply, error) {
			to, err := number(a.Revision)
			if err != nil {
				return command.Reply{}, err
			}
			return d.goBack(ctx, tx, c, a.Page, to)
		},
	}
}

func (d Deps) goBack(ctx context.Context, tx *db.Tx, c command.Call, slug string, to int64) (command.Reply, error) {
	h, err := d.Pages.In(tx).Revert(ctx, slug, to, by(c))
	switch {
	case err != nil:
		return command.Reply{}, err
	case h.Gone:
		return d.done(h, h.Revision-1, "The page %s is taken away; its revisions stay.", h.Slug), nil
	case h.Shipped:
		return d.done(h, h.Revision-1, "“%s” has the text again that comes with the program.", h.Title), nil
	}
	return d.done(h, h.Revision-1, "“%s” says again what it said in revision %d; this is revision %d.", h.Title, to, h.Revision), nil
}

func (d Deps) reset() command.Command {
	return command.Action[pageArgs]{
		Spec: command.Spec{Name: "page reset", Summary: "give a page the text again that comes with the program; a page without one is taken away", Permission: core.PageEdit},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a pageArgs) (string, error) {
			return d.state(ctx, tx, a.Page)
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a pageArgs) (command.Reply, error) {
			return d.goBack(ctx, tx, c, a.Page, 0)
		},
	}
}
