// Package freeleech is the family of commands about freeleech: the calendar,
// windows for everybody or for a member, and the state of a torrent.
//
// Concurrency: the commands have no state of their own.
package freeleech

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/economy"
)

// Deps is what the family works on.
type Deps struct {
	Economy *economy.Store
	Catalog *catalog.Store
}

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{d.calendar(), d.status(), d.on(), d.off(), d.torrent(), d.member()}
}

const calendarRows = 8

func (d Deps) calendar() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "freeleech calendar", Aliases: []string{"next freeleech"}, Summary: "the coming eight equinoxes and solstices", Public: true},
		Run: func(ctx context.Context, c command.Call, _ command.None) (command.Reply, error) {
			schedule, err := d.Economy.Schedule(ctx)
			if err != nil {
				return command.Reply{}, err
			}
			zone := schedule.Config().Zone.Loc()
			days := command.Table{Columns: []string{"Day", "From", "To", "The instant"}}
			for _, w := range economy.Coming(c.Now, calendarRows, zone) {
				days.Rows = append(days.Rows, calendarRow(w, c.Zone))
			}
			var blocks []command.Block
			if !schedule.Config().Calendar {
				blocks = command.Lines("The calendar is switched off on this site; these days are ordinary ones.")
			}
			return command.Reply{Blocks: append(blocks, days)}, nil
		},
	}
}

func calendarRow(w economy.Window, zone *time.Location) command.Row {
	row := command.Row{
		Text:  fmt.Sprintf("%s: %s to %s", w.Reason, text.Instant(w.Starts), text.Instant(w.Ends)),
		Cells: []string{w.Reason, text.Instant(w.Starts), text.Instant(w.Ends), ""},
	}
	if at, ok := seasonInstant(w.Key); ok {
		row.Cells[3] = at.Format("2006-01-02 15:04:05 UTC")
		row.Text += "; the instant is " + row.Cells[3]
	}
	if zone != nil && zone != time.UTC {
		row.Text += fmt.Sprintf("; for you %s to %s", w.Starts.In(zone).Format("2 Jan 15:04"), w.Ends.In(zone).Format("2 Jan 15:04 MST"))
	}
	return row
}

// seasonInstant computes the instant of a calendar window from its key, such as
// "calendar:2026-09".
func seasonInstant(key string) (time.Time, bool) {
	y, m, _ := strings.Cut(strings.TrimPrefix(key, "calendar:"), "-")
	year, yerr := strconv.Atoi(y)
	month, merr := strconv.Atoi(m)
	season, ok := map[time.Month]economy.Season{
		time.March: economy.March, time.June: economy.June, time.September: economy.September, time.December: economy.December,
	}[time.Month(month)]
	if yerr != nil || merr != nil || !ok {
		return time.Time{}, false
	}
	return economy.Instant(year, season).UTC(), true
}

func (d Deps) status() command.Command {
	return command.Question[command.None]{
		Spec: command.Spec{Name: "freeleech status", Aliases: []string{"fl"}, Summary: "whether freeleech holds now, and until when", Public: true},
		Run: func(ctx context.Context, c command.Call, _ command.None) (command.Reply, error) {
			schedule, err := d.Economy.Schedule(ctx)
			if err != nil {
				return command.Reply{}, err
			}
			var lines []string
			for _, w := range schedule.Active(c.Now) {
				lines = append(lines, fmt.Sprintf("Now: %s for every torrent, %s", w.State.Words(), w.Span()))
			}
			if len(lines) == 0 {
				lines = []string{"No freeleech holds for every torrent now; some may have their own."}
			}
			for _, w := range schedule.Own(c.Actor.Member.ID, c.Now) {
				lines = append(lines, "For you alone: "+ownWindow(w))
			}
			for _, w := range schedule.Upcoming(c.Now, 1) {
				lines = append(lines, fmt.Sprintf("Next: %s in %s, %s", w.State.Words(), text.Span(w.Starts.Sub(c.Now)), w.Span()))
			}
			return command.Reply{Blocks: command.Lines(lines...)}, nil
		},
	}
}

// ownWindow says a member's own window in words.
func ownWindow(w economy.Window) string {
	on := "every torrent"
	if w.Torrent != 0 {
		on = fmt.Sprintf("torrent %d", w.Torrent)
	}
	return fmt.Sprintf("%s on %s, %s", w.State.Words(), on, w.Span())
}
