package command

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

func (r *Registry) trackerCommands() []Spec {
	return []Spec{
		{
			Name: "announces", Summary: "what came of the last announces, yours or another member's, and why",
			Args: []Arg{{Name: "member", Kind: MemberName, Optional: true, Other: core.TrackerRead},
				{Name: "torrent", Kind: ID, Optional: true, Flag: true}},
			Secret: true, Run: r.announces,
		}, {
			Name: "tracker", Summary: "how the tracker does", Permission: core.TrackerRead, Run: r.tracker,
		}, {
			Name: "endangered", Summary: "torrents that have one seeder or none", Public: true, Run: r.endangered,
		},
	}
}

const announceLines = 10

func (r *Registry) announces(ctx context.Context, c Call) (Reply, error) {
	m := c.Actor.Member
	if c.Has("member") {
		m = c.Member("member")
	}
	if m.ID == 0 {
		return Reply{}, core.Errorf(core.Invalid, "the shell announces nothing; name a member")
	}
	list, _, err := r.transfer.OfMember(ctx, m.ID, core.TorrentID(c.ID("torrent")), "", announceLines)
	if err != nil {
		return Reply{}, err
	}
	if len(list) == 0 {
		return Reply{Lines: []string{"No announces of " + m.Name + " are recorded."}}, nil
	}
	lines := make([]string, len(list))
	for i, a := range list {
		lines[i] = announceLine(a)
	}
	return Reply{Lines: lines}, nil
}

func announceLine(a transfer.Record) string {
	what := "an unknown torrent"
	if a.Torrent != 0 {
		what = fmt.Sprintf("torrent %d", a.Torrent)
	}
	if a.Title != "" {
		what += " (" + text.Cut(a.Title, 60) + ")"
	}
	line := fmt.Sprintf("%s %s", instant(a.At), what)
	if a.Event != "" {
		line += ", " + a.Event
	}
	line += ", " + a.Client
	if family := a.Family(); family != "" {
		line += " over " + family
	}
	if a.Announced != (transfer.Amount{}) {
		line += fmt.Sprintf(": %s up, %s down", a.Announced.Up, a.Announced.Down)
	}
	line += ". " + a.Explain()
	if a.Reach != transfer.ReachUnknown || !a.Public {
		line += " " + a.Connectable()
	}
	return line
}

// fresh is how old the state of a tracker that runs can be.
const fresh = time.Minute

func (r *Registry) tracker(ctx context.Context, c Call) (Reply, error) {
	minutes, err := r.transfer.Minutes(ctx, c.Now.Add(-24*time.Hour))
	if err != nil {
		return Reply{}, err
	}
	if len(minutes) == 0 {
		return Reply{Lines: []string{"No tracker has reported within a day."}}, nil
	}
	var lines []string
	for _, m := range transfer.Newest(minutes) {
		if silent := c.Now.Sub(m.End()); silent > fresh {
			lines = append(lines, fmt.Sprintf("%s: silent for %s", m.Tracker, formatDuration(silent)))
			continue
		}
		lines = append(lines,
			fmt.Sprintf("%s: %.1f announces and %.1f scrapes a second, %.1f of them refused; half of the answers within %s, 99 %% within %s, the slowest %s",
				m.Tracker, m.Rate(m.Announces), m.Rate(m.Scrapes), m.Rate(m.Refused), m.P50, m.P99, m.Worst),
			fmt.Sprintf("%s: %d seeders and %d leechers at %d IPv4 and %d IPv6 addresses, in %d torrents; %d sums wait for the database, the oldest for %s; event %d of %d%s",
				m.Tracker, m.Seeders, m.Leechers, m.Peers4, m.Peers6, m.Torrents, m.Unwritten, m.FlushAge.Round(time.Second/10), m.EventRead, m.EventLast, behind(m)))
		if len(m.Refusals) > 0 {
			lines = append(lines, m.Tracker+": refused in this minute: "+refusalsInWords(m))
		}
	}
	return Reply{Lines: lines}, nil
}

func behind(m transfer.Minute) string {
	if m.EventLag == 0 {
		return ""
	}
	return ", " + m.EventLag.Round(time.Second/10).String() + " behind"
}

func refusalsInWords(m transfer.Minute) string {
	var text string
	for i, r := range m.Reasons() {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s %d", r, m.Refusals[r])
	}
	return text
}

// endangeredLines is how many torrents are named: fewer where others read along.
func endangeredLines(p Place) int {
	if p == Channel {
		return 3
	}
	return 10
}

func (r *Registry) endangered(ctx context.Context, c Call) (Reply, error) {
	none, one, err := r.transfer.EndangeredCounts(ctx)
	if err != nil {
		return Reply{}, err
	}
	list, _, err := r.transfer.Endangered(ctx, c.Actor.Member.ID, transfer.Danger{}, endangeredLines(c.Place))
	if err != nil {
		return Reply{}, err
	}
	if none+one == 0 {
		return Reply{Lines: []string{"No torrent has fewer than two seeders."}}, nil
	}
	lines := []string{fmt.Sprintf("%d torrents without a seeder, %d with one; the list: %s/endangered", none, one, r.deps.SiteURL)}
	for _, e := range list {
		state := "one seeder"
		if e.Seeders == 0 {
			state = "no seeder"
		}
		line := fmt.Sprintf("%s since %s: %s [%s, %s], %d waiting", state, instant(e.Since), text.Cut(e.Title, 100), e.Format, e.Size, e.Leechers)
		if e.Mine && c.Place != Channel {
			line += ", and you had all of it"
		}
		lines = append(lines, line+" - "+r.torrentLink(e.Torrent))
	}
	return Reply{Lines: slices.Clip(lines)}, nil
}
