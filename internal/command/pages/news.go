package pages

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/pages"
)

// itemsShown is how many items of news one answer lists.
const itemsShown = 5

func (d Deps) newsList() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "news list", Aliases: []string{"news"}, Summary: "the newest news", Public: true},
		Run: func(ctx context.Context, _ command.Call, _ command.None) (command.Reply, error) {
			items, next, err := d.Pages.News(ctx, 0, itemsShown)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Number", "Date", "Title"}, Empty: "There is no news."}
			for _, i := range items {
				t.Rows = append(t.Rows, command.Row{Cells: []string{fmt.Sprint(i.News), text.Instant(i.CreatedAt), i.Title},
					Text: fmt.Sprintf("%d, %s: %s", i.News, text.Instant(i.CreatedAt), i.Title), Link: d.link(i.Slug)})
			}
			if next > 0 {
				t.More = "There is more: " + d.link("news")
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

type newsArgs struct {
	Title string           `arg:"title"`
	Text  command.Document `arg:"text"`
}

func (d Deps) newsAdd() command.Command {
	return command.Action[newsArgs]{
		Spec: command.Spec{Name: "news add", Summary: "tell members something new", Permission: core.PageEdit, Form: FormOfNews},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a newsArgs) (command.Reply, error) {
			h, err := d.Pages.In(tx).AddNews(ctx, pages.Draft{Title: a.Title, Source: string(a.Text)}, by(c))
			if err != nil {
				return command.Reply{}, err
			}
			return d.done(h, 0, "“%s” is news %d.", h.Title, h.News), nil
		},
	}
}

type itemArgs struct {
	Number command.ID `arg:"number"`
}

func (d Deps) newsRemove() command.Command {
	return command.Action[itemArgs]{
		Spec: command.Spec{Name: "news remove", Summary: "take an item of news away, by its number", Permission: core.PageEdit},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a itemArgs) (string, error) {
			return d.state(ctx, tx, pages.NewsSlug(int64(a.Number)))
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a itemArgs) (command.Reply, error) {
			return d.goBack(ctx, tx, c, pages.NewsSlug(int64(a.Number)), 0)
		},
	}
}
