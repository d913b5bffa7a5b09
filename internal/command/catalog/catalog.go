// Package catalog is the family of commands about datasets and torrents.
//
// Concurrency: the commands have no state of their own.
package catalog

import (
	"context"
	"fmt"
	"net/url"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
)

// Deps is what the family works on.
type Deps struct {
	Catalog *catalog.Store
	Economy *economy.Store
	SiteURL string // without a slash at its end, for links
}

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{d.search(), d.info(), d.delete()}
}

const searchHits = 5

// viewer is who looks: for what is said in a channel nobody in particular, as
// others read along.
func viewer(c command.Call) catalog.Viewer {
	if c.Place == command.Channel {
		return catalog.Viewer{}
	}
	return command.Viewer(c.Actor)
}

type searchArgs struct {
	Terms command.Text `arg:"terms"`
}

func (d Deps) search() command.Command {
	return command.Question[searchArgs]{
		Spec: command.Spec{Name: "search", Aliases: []string{"s"}, Summary: "datasets that hold all these words", Public: true},
		Run: func(ctx context.Context, c command.Call, a searchArgs) (command.Reply, error) {
			page, err := d.Catalog.Search(ctx, viewer(c), string(a.Terms), searchHits+1)
			if err != nil {
				return command.Reply{}, err
			}
			groups := page.Groups
			found := command.Table{Columns: []string{"Dataset", "Year", "Category", "Torrents", "Seeders"}, Empty: "Nothing holds all of these words."}
			for _, g := range groups[:min(len(groups), searchHits)] {
				seeders := 0
				for _, t := range g.Torrents {
					seeders += t.Seeders
				}
				found.Rows = append(found.Rows, command.Row{
					Cells: []string{g.Title, fmt.Sprint(g.Year), g.CategoryName, fmt.Sprint(len(g.Torrents)), fmt.Sprint(seeders)},
					Text: fmt.Sprintf("%s [%d] [%s] - torrents: %d, seeders: %d",
						text.Cut(g.Title, 160), g.Year, g.CategoryName, len(g.Torrents), seeders),
					Link: fmt.Sprintf("%s/groups/%d", d.SiteURL, g.ID),
				})
			}
			switch {
			case len(groups) > searchHits:
				found.Rows[searchHits-1].Note = "(there are more: add a word)"
			case page.Unfinished:
				found.Rows = append(found.Rows, command.Row{Text: "Only the newest datasets were looked at, as all of these words are common: add a rarer one, or look further",
					Link: d.SiteURL + "/browse?" + url.Values{"q": {string(a.Terms)}, "before": {fmt.Sprint(page.Next)}}.Encode()})
			}
			return command.Reply{Blocks: []command.Block{found}}, nil
		},
	}
}

type infoArgs struct {
	Torrent catalog.Torrent `arg:"id"`
}

func (d Deps) info() command.Command {
	return command.Question[infoArgs]{
		Spec: command.Spec{Name: "info", Aliases: []string{"t", "torrent"}, Summary: "one torrent, by its id or link", Public: true},
		Run: func(ctx context.Context, c command.Call, a infoArgs) (command.Reply, error) {
			t := a.Torrent
			schedule, err := d.Economy.Schedule(ctx)
			if err != nil {
				return command.Reply{}, err
			}
			uploader := t.Uploader.String()
			if t.Uploader.Anonymous && c.Place == command.Channel {
				uploader = "Anonymous" // even to those who may see the name, others read along
			}
			counts := schedule.Effective(t.Leech, t.ID, c.Actor.Member.ID, c.Now).Words()
			if counts != "" {
				counts = " - " + counts
			}
			line := fmt.Sprintf("%s [%s] - %s / %s / %s / %s, %s, by %s - seeders %d, leechers %d, snatches %d%s",
				text.Cut(t.Title, 120), t.CategoryName, t.Format, t.Archive, t.License, t.Size, text.Plural(t.FileCount, "file"), uploader,
				t.Seeders, t.Leechers, t.Snatches, counts)
			link := fmt.Sprintf("%s/torrents/%d", d.SiteURL, t.ID)
			return command.Reply{Blocks: []command.Block{command.Line{Text: line, Link: link}}}, nil
		},
	}
}

type deleteArgs struct {
	Torrent catalog.Torrent `arg:"id,other=torrent.delete.any"`
	Reason  command.Text    `arg:"reason" hint:"Members whose clients ask for it are shown this reason."`
}

func (d Deps) delete() command.Command {
	return command.Action[deleteArgs]{
		Spec: command.Spec{Name: "torrent delete", Summary: "take a torrent off the site", Permission: core.TorrentDeleteOwn},
		Preview: func(_ context.Context, _ *db.Tx, _ command.Call, a deleteArgs) ([]string, error) {
			if err := catalog.CheckReason(string(a.Reason)); err != nil {
				return nil, err
			}
			t := a.Torrent
			return []string{fmt.Sprintf("This would delete torrent %d, %s (%s, %s, %s), for good. Reason: %s",
				t.ID, text.Cut(t.Title, 160), t.Size, text.Plural(t.FileCount, "file"), text.Plural(t.Seeders, "seeder"), a.Reason)}, nil
		},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a deleteArgs) (string, error) {
			return fmt.Sprintf("%d of group %d", a.Torrent.ID, a.Torrent.Group), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a deleteArgs) (command.Reply, error) {
			t := a.Torrent
			if err := d.Catalog.In(tx).Delete(ctx, c.Actor.Member.ID, t.ID, string(a.Reason)); err != nil {
				return command.Reply{}, err
			}
			return command.Say("Torrent %d (%s) is deleted; the tracker refuses it from now on.", t.ID, text.Cut(t.Title, 160)), nil
		},
	}
}
