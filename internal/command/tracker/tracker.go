// Package tracker is the family of commands about the tracker: announces, its
// state, endangered torrents and the clients that may be used.
//
// Concurrency: the commands have no state of their own.
package tracker

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// Deps is what the family works on.
type Deps struct {
	Members  *member.Store
	Transfer *transfer.Store
	Clients  *client.Store
	SiteURL  string // without a slash at its end, for links
}

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{d.announces(), d.state(), d.unknown(), d.endangered(), d.clients(), d.addClient(), d.lowestClient(), d.removeClient()}
}

const announceLines = 10

type announcesArgs struct {
	Member  *member.Member `arg:"member,other=tracker.read"`
	Torrent command.ID     `arg:"torrent,flag,optional"`
}

func (d Deps) announces() command.Command {
	return command.Question[announcesArgs]{
		Spec: command.Spec{Name: "announces", Summary: "what came of the last announces, yours or another member's, and why", Secret: true},
		Run: func(ctx context.Context, c command.Call, a announcesArgs) (command.Reply, error) {
			if a.Member == nil && c.Actor.IsShell() {
				return command.Reply{}, core.Errorf(core.Invalid, "the shell announces nothing; name a member")
			}
			m, err := c.Actor.MemberOr(a.Member)
			if err != nil {
				return command.Reply{}, err
			}
			if err := d.Members.Look(ctx, c.Actor.Sees(), []core.MemberID{m.ID}); err != nil {
				return command.Reply{}, err
			}
			list, _, err := d.Transfer.OfMember(ctx, m.ID, core.TorrentID(a.Torrent), "", announceLines)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Empty: "No announces of " + m.Name + " are recorded."}
			for _, r := range list {
				t.Rows = append(t.Rows, command.Row{Text: announceLine(r)})
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
}

func announceLine(a transfer.Record) string {
	what := "an unknown torrent"
	if a.Torrent != 0 {
		what = fmt.Sprintf("torrent %d", a.Torrent)
	}
	if a.Title != "" {
		what += " (" + text.Cut(a.Title, 60) + ")"
	}
	line := fmt.Sprintf("%s %s", text.Instant(a.At), what)
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

func (d Deps) state() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "tracker", Summary: "how the tracker does", Permission: core.TrackerRead},
		Run: func(ctx context.Context, c command.Call, _ command.None) (command.Reply, error) {
			newest, err := d.Transfer.Newest(ctx, c.Now.Add(-24*time.Hour))
			if err != nil {
				return command.Reply{}, err
			}
			if len(newest) == 0 {
				return command.Say("No tracker has reported within a day."), nil
			}
			var lines []string
			for _, m := range newest {
				lines = append(lines, stateLines(m, c.Now)...)
			}
			return command.Reply{Blocks: command.Lines(lines...)}, nil
		},
	}
}

func stateLines(m transfer.Minute, now time.Time) []string {
	if silent := now.Sub(m.End()); silent > fresh {
		return []string{fmt.Sprintf("%s: silent for %s", m.Tracker, text.Span(silent))}
	}
	lines := []string{
		fmt.Sprintf("%s: %.1f announces and %.1f scrapes a second, %.1f of them refused; half of the answers within %s, 99 %% within %s, the slowest %s",
			m.Tracker, m.Rate(m.Announces), m.Rate(m.Scrapes), m.Rate(m.Refused), m.P50, m.P99, m.Worst),
		fmt.Sprintf("%s: %d seeders and %d leechers at %d IPv4 and %d IPv6 addresses, in %d torrents; %d sums wait for the database, the oldest for %s; event %d of %d%s",
			m.Tracker, m.Seeders, m.Leechers, m.Peers4, m.Peers6, m.Torrents, m.Unwritten, m.FlushAge.Round(time.Second/10), m.EventRead, m.EventLast, behind(m)),
	}
	if len(m.Refusals) > 0 {
		lines = append(lines, m.Tracker+": refused in this minute: "+refusalsInWords(m))
	}
	return lines
}

// unknownHashes is how many of them are told.
const unknownHashes = 10

func (d Deps) unknown() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "tracker unknown", Summary: "the info-hashes that members ask for most although they are not registered", Permission: core.TrackerRead},
		Run: func(ctx context.Context, c command.Call, _ command.None) (command.Reply, error) {
			list, err := d.Transfer.Unknown(ctx, c.Now.Add(-24*time.Hour), unknownHashes)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Info-hash", "Asked for", "Last"}, Empty: "Nobody has asked for anything that is not registered within a day."}
			for _, u := range list {
				t.Rows = append(t.Rows, command.Row{Text: fmt.Sprintf("%s: asked for %s times within a day, the last time at %s", u.InfoHash, u.Times(), text.Instant(u.LastAt)),
					Cells: []string{u.InfoHash.String(), u.Times(), text.Instant(u.LastAt)}})
			}
			return command.Reply{Blocks: []command.Block{t}}, nil
		},
	}
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
func endangeredLines(p command.Place) int {
	if p == command.Channel {
		return 3
	}
	return 10
}

func (d Deps) endangered() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "endangered", Summary: "torrents that have one seeder or none", Public: true},
		Run: func(ctx context.Context, c command.Call, _ command.None) (command.Reply, error) {
			none, one, err := d.Transfer.EndangeredCounts(ctx, c.Now)
			if err != nil {
				return command.Reply{}, err
			}
			list, _, err := d.Transfer.Endangered(ctx, c.Now, c.Actor.Member.ID, transfer.Danger{}, endangeredLines(c.Place))
			if err != nil {
				return command.Reply{}, err
			}
			if none+one == 0 {
				return command.Say("No torrent has had fewer than two seeders for five minutes."), nil
			}
			t := command.Table{Columns: []string{"Torrent", "State", "Since", "Format", "Size", "Waiting"}}
			for _, e := range list {
				t.Rows = append(t.Rows, d.endangeredRow(e, c.Place))
			}
			return command.Reply{Blocks: []command.Block{
				command.Line{Text: fmt.Sprintf("Torrents without a seeder: %s, with one: %s", upToMany(none), upToMany(one)), Link: d.SiteURL + "/endangered"}, t}}, nil
		},
	}
}

// upToMany writes a number that EndangeredCounts returned.
func upToMany(n int) string {
	if n > transfer.Many {
		return fmt.Sprintf("more than %d", transfer.Many)
	}
	return fmt.Sprint(n)
}

func (d Deps) endangeredRow(e transfer.Endangered, place command.Place) command.Row {
	state := "one seeder"
	if e.Seeders == 0 {
		state = "no seeder"
	}
	line := fmt.Sprintf("%s since %s: %s [%s, %s], %d waiting", state, text.Instant(e.Since), text.Cut(e.Title, 100), e.Format, e.Size, e.Leechers)
	if e.Mine && place != command.Channel {
		line += ", and you had all of it"
	}
	return command.Row{Text: line, Link: fmt.Sprintf("%s/torrents/%d", d.SiteURL, e.Torrent),
		Cells: []string{e.Title, state, text.Instant(e.Since), e.Format, e.Size.String(), fmt.Sprint(e.Leechers)}}
}
