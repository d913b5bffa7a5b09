package command

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/economy"
)

func (r *Registry) catalogCommands() []Spec {
	return []Spec{
		{
			Name: "search", Aliases: []string{"s"}, Summary: "datasets that hold all these words",
			Args: []Arg{{Name: "terms", Kind: Text}}, Public: true, Run: r.search,
		}, {
			Name: "info", Aliases: []string{"t", "torrent"}, Summary: "one torrent, by its id or link",
			Args: []Arg{{Name: "id", Kind: TorrentID}}, Public: true, Run: r.info,
		}, {
			Name: "torrent delete", Summary: "take a torrent off the site", Permission: core.TorrentDeleteOwn,
			Args:    []Arg{{Name: "id", Kind: TorrentID, Other: core.TorrentDeleteAny}, {Name: "reason", Kind: Text}},
			Changes: true, Preview: r.previewDelete, Run: r.torrentDelete,
		},
	}
}

const searchHits = 5

// viewer is the actor as the catalogue sees them.
func viewer(a Actor) catalog.Viewer {
	return catalog.Viewer{ID: a.Member.ID, SeeHidden: a.can(core.TorrentSeeHidden)}
}

// bystander is the viewer for what is said in a channel, where others read it.
func (c Call) viewer() catalog.Viewer {
	if c.Place == Channel {
		return catalog.Viewer{}
	}
	return viewer(c.Actor)
}

func (r *Registry) groupLink(id core.GroupID) string {
	return fmt.Sprintf("%s/torrents.php?id=%d", r.deps.SiteURL, id)
}

func (r *Registry) torrentLink(id core.TorrentID) string {
	return fmt.Sprintf("%s/torrents.php?torrentid=%d", r.deps.SiteURL, id)
}

func (r *Registry) search(ctx context.Context, c Call) (Reply, error) {
	groups, err := r.deps.Catalog.Search(ctx, c.viewer(), c.Text("terms"), searchHits+1)
	if err != nil {
		return Reply{}, err
	}
	if len(groups) == 0 {
		return Reply{Lines: []string{"Nothing holds all of these words."}}, nil
	}
	var lines []string
	for _, g := range groups[:min(len(groups), searchHits)] {
		seeders := 0
		for _, t := range g.Torrents {
			seeders += t.Seeders
		}
		lines = append(lines, fmt.Sprintf("%s [%d] [%s] - torrents: %d, seeders: %d - %s",
			text.Cut(g.Title, 160), g.Year, g.CategoryName, len(g.Torrents), seeders, r.groupLink(g.ID)))
	}
	if len(groups) > searchHits {
		lines[searchHits-1] += " (there are more: add a word)"
	}
	return Reply{Lines: lines}, nil
}

func (r *Registry) info(ctx context.Context, c Call) (Reply, error) {
	t := c.Torrent("id")
	schedule, err := r.deps.Economy.Schedule(ctx)
	if err != nil {
		return Reply{}, err
	}
	uploader := t.Uploader.String()
	if t.Uploader.Anonymous && c.Place == Channel {
		uploader = "Anonymous" // even to those who may see the name, others read along
	}
	line := fmt.Sprintf("%s [%s] - %s / %s / %s / %s, %d files, by %s - seeders %d, leechers %d, snatches %d%s - %s",
		text.Cut(t.Title, 120), t.CategoryName, t.Format, t.Archive, t.License, t.Size, t.FileCount, uploader,
		t.Seeders, t.Leechers, t.Snatches, leechNote(schedule.Effective(t.Leech, t.ID, c.Actor.Member.ID, c.Now)), r.torrentLink(t.ID))
	return Reply{Lines: []string{line}}, nil
}

// leechNote says in words what counts now, "" when everything does.
func leechNote(e economy.Effective) string {
	var text string
	switch e.State {
	case core.LeechFree:
		text = " - freeleech"
	case core.LeechNeutral:
		text = " - neutral leech"
	default:
		return ""
	}
	if !e.Until.IsZero() {
		text += " until " + instant(e.Until)
	}
	if e.Reason != "" {
		text += " (" + e.Reason + ")"
	}
	return text
}

func (r *Registry) previewDelete(_ context.Context, c Call) (Preview, error) {
	t := c.Torrent("id")
	return Preview{
		Lines: []string{fmt.Sprintf("This would delete torrent %d, %s (%s, %d files, %d seeders), for good. Reason: %s",
			t.ID, text.Cut(t.Title, 160), t.Size, t.FileCount, t.Seeders, c.Text("reason"))},
		State: fmt.Sprintf("%d of group %d", t.ID, t.Group),
	}, nil
}

func (r *Registry) torrentDelete(ctx context.Context, c Call) (Reply, error) {
	t := c.Torrent("id")
	if err := r.deps.Catalog.Delete(ctx, c.Actor.Member.ID, t.ID, c.Text("reason")); err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{fmt.Sprintf("Torrent %d (%s) is deleted; the tracker refuses it from now on.", t.ID, text.Cut(t.Title, 160))}}, nil
}
