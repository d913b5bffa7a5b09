package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/economy"
)

func (r *Registry) freeleechCommands() []Spec {
	return []Spec{
		{
			Name: "freeleech calendar", Aliases: []string{"next freeleech"}, Summary: "the coming eight equinoxes and solstices", Public: true, Run: r.freeleechCalendar,
		}, {
			Name: "freeleech status", Aliases: []string{"fl"}, Summary: "whether freeleech holds now, and until when", Public: true, Run: r.freeleechStatus,
		}, {
			Name: "freeleech on", Aliases: []string{"freeleech"}, Summary: "freeleech for every torrent from now on", Permission: core.FreeleechManage,
			Args:    []Arg{{Name: "duration", Kind: Duration}, {Name: "reason", Kind: Text}},
			Changes: true, Preview: r.previewFreeleechOn, Run: r.freeleechOn,
		}, {
			Name: "freeleech off", Summary: "end a window that staff opened", Permission: core.FreeleechManage,
			Args: []Arg{{Name: "id", Kind: ID, Optional: true}}, Changes: true, Preview: r.previewFreeleechOff, Run: r.freeleechOff,
		}, {
			Name: "freeleech torrent", Summary: "set a torrent's own state", Permission: core.FreeleechManage,
			Args: []Arg{{Name: "id", Kind: TorrentID},
				{Name: "state", Kind: Choice, Choices: []string{string(core.LeechFree), string(core.LeechNeutral), string(core.LeechNormal)}},
				{Name: "reason", Kind: Text}},
			Changes: true, Run: r.freeleechTorrent,
		}, {
			Name: "freeleech member", Summary: "freeleech for one member, on all torrents or on one", Permission: core.FreeleechManage,
			Args: []Arg{{Name: "name", Kind: MemberName}, {Name: "duration", Kind: Duration},
				{Name: "torrent", Kind: TorrentID, Flag: true, Optional: true}, {Name: "reason", Kind: Text}},
			Changes: true, Run: r.freeleechMember,
		},
	}
}

const calendarRows = 8

func (r *Registry) freeleechCalendar(ctx context.Context, c Call) (Reply, error) {
	schedule, err := r.deps.Economy.Schedule(ctx)
	if err != nil {
		return Reply{}, err
	}
	zone := schedule.Config().Zone.Loc()
	var lines []string
	for _, w := range economy.Coming(c.Now, calendarRows, zone) {
		line := fmt.Sprintf("%s: %s to %s", w.Reason, instant(w.Starts), instant(w.Ends))
		if at, ok := seasonInstant(w.Key); ok {
			line += "; the instant is " + at.Format("2006-01-02 15:04:05 UTC")
		}
		if c.Zone != nil && c.Zone != time.UTC {
			line += fmt.Sprintf("; for you %s to %s", w.Starts.In(c.Zone).Format("2 Jan 15:04"), w.Ends.In(c.Zone).Format("2 Jan 15:04 MST"))
		}
		lines = append(lines, line)
	}
	if !schedule.Config().Calendar {
		lines = append([]string{"The calendar is switched off on this site; these days are ordinary ones."}, lines...)
	}
	return Reply{Lines: lines}, nil
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

func (r *Registry) freeleechStatus(ctx context.Context, c Call) (Reply, error) {
	schedule, err := r.deps.Economy.Schedule(ctx)
	if err != nil {
		return Reply{}, err
	}
	var lines []string
	for _, w := range schedule.Active(c.Now) {
		lines = append(lines, fmt.Sprintf("Now: %s for every torrent, %s to %s (%s)%s",
			stateName(w.State), instant(w.Starts), instant(w.Ends), w.Reason, windowID(w)))
	}
	if len(lines) == 0 {
		lines = []string{"No freeleech holds for every torrent now; some may have their own."}
	}
	for _, w := range schedule.Own(c.Actor.Member.ID, c.Now) {
		lines = append(lines, "For you alone: "+ownWindow(w))
	}
	for _, w := range schedule.Upcoming(c.Now, 1) {
		lines = append(lines, fmt.Sprintf("Next: %s in %s, %s to %s (%s)%s",
			stateName(w.State), formatDuration(w.Starts.Sub(c.Now)), instant(w.Starts), instant(w.Ends), w.Reason, windowID(w)))
	}
	return Reply{Lines: lines}, nil
}

func stateName(l core.Leech) string {
	switch l {
	case core.LeechFree:
		return "freeleech"
	case core.LeechNeutral:
		return "neutral leech"
	default:
		return "normal"
	}
}

// windowID names a window so that it can be ended; those of the calendar can't.
func windowID(w economy.Window) string {
	if w.ID == 0 {
		return ""
	}
	return fmt.Sprintf(" #%d", w.ID)
}

func (r *Registry) previewFreeleechOn(_ context.Context, c Call) (Preview, error) {
	d := c.Duration("duration")
	return Preview{
		Lines: []string{fmt.Sprintf("This would make every torrent freeleech for %s, until %s. Reason: %s",
			formatDuration(d), instant(c.Now.Add(d)), c.Text("reason"))},
		State: d.String(),
	}, nil
}

func (r *Registry) freeleechOn(ctx context.Context, c Call) (Reply, error) {
	w, err := r.deps.Economy.Open(ctx, economy.Window{
		Source: economy.SourceStaff, State: core.LeechFree, Ends: c.Now.Add(c.Duration("duration")), Reason: c.Text("reason"),
	}, c.Actor.Member.ID)
	if err != nil {
		return Reply{}, err
	}
	return Reply{
		Lines: []string{fmt.Sprintf("Freeleech for every torrent until %s, window #%d: %s", instant(w.Ends), w.ID, w.Reason)},
		Undo:  fmt.Sprintf("freeleech off %d", w.ID),
	}, nil
}

// staffWindow finds the window to end: the given one, or the only one that staff
// opened for every torrent and that is not over.
func (r *Registry) staffWindow(ctx context.Context, c Call) (economy.Window, error) {
	if c.Has("id") {
		return r.deps.Economy.ByID(ctx, c.ID("id"))
	}
	schedule, err := r.deps.Economy.Schedule(ctx)
	if err != nil {
		return economy.Window{}, err
	}
	var mine []economy.Window
	for _, w := range append(schedule.Active(c.Now), schedule.Upcoming(c.Now, 100)...) {
		if w.Source == economy.SourceStaff {
			mine = append(mine, w)
		}
	}
	switch len(mine) {
	case 0:
		return economy.Window{}, core.Errorf(core.NotFound, "staff opened no window that is not over; those of the calendar can't be ended")
	case 1:
		return mine[0], nil
	}
	ids := make([]string, len(mine))
	for i, w := range mine {
		ids[i] = fmt.Sprintf("%d (until %s: %s)", w.ID, instant(w.Ends), w.Reason)
	}
	return economy.Window{}, core.Errorf(core.Invalid, "there are several; add the id of one: %s", strings.Join(ids, ", "))
}

func (r *Registry) previewFreeleechOff(ctx context.Context, c Call) (Preview, error) {
	w, err := r.staffWindow(ctx, c)
	if err != nil {
		return Preview{}, err
	}
	if !c.Now.Before(w.Ends) {
		return Preview{}, core.Errorf(core.Conflict, "window #%d is over since %s", w.ID, instant(w.Ends))
	}
	return Preview{
		Lines: []string{fmt.Sprintf("This would end window #%d (%s) now instead of at %s.", w.ID, w.Reason, instant(w.Ends))},
		State: fmt.Sprintf("%d %d", w.ID, w.Ends.Unix()),
	}, nil
}

func (r *Registry) freeleechOff(ctx context.Context, c Call) (Reply, error) {
	w, err := r.staffWindow(ctx, c)
	if err != nil {
		return Reply{}, err
	}
	ended, err := r.deps.Economy.End(ctx, w.ID, c.Actor.Member.ID)
	if err != nil {
		return Reply{}, err
	}
	line := fmt.Sprintf("Window #%d (%s) has ended.", w.ID, w.Reason)
	if still := leechNote(ended.Still); still != "" {
		line += " Still holding:" + strings.TrimPrefix(still, " -") + "."
	} else if w.SiteWide() {
		line += " Nothing else holds for every torrent."
	} else {
		line += " Nothing else holds for what it concerned."
	}
	undo := ""
	if left := w.Ends.Sub(c.Now); left >= time.Minute && w.SiteWide() && w.State == core.LeechFree {
		undo = fmt.Sprintf("freeleech on %dm %s", int(left.Minutes()), w.Reason)
	}
	return Reply{Lines: []string{line}, Undo: undo}, nil
}

func (r *Registry) freeleechTorrent(ctx context.Context, c Call) (Reply, error) {
	t, state := c.Torrent("id"), core.Leech(c.Text("state"))
	if t.Leech == state {
		return Reply{}, core.Errorf(core.Conflict, "torrent %d is %s already", t.ID, stateName(state))
	}
	if err := r.deps.Catalog.SetLeech(ctx, t.ID, state, c.Text("reason")); err != nil {
		return Reply{}, err
	}
	line := fmt.Sprintf("Torrent %d (%s) is %s from now on.", t.ID, text.Cut(t.Title, 160), stateName(state))
	schedule, err := r.deps.Economy.Schedule(ctx)
	if err != nil {
		return Reply{}, err
	}
	if e := schedule.Effective(state, t.ID, 0, c.Now); e.State != state {
		line += " What counts now is" + strings.TrimPrefix(leechNote(e), " -") + "."
	}
	was := t.LeechReason
	if was == "" {
		was = "as it was before"
	}
	return Reply{Lines: []string{line}, Undo: Join([]string{"freeleech", "torrent", strconv.FormatInt(int64(t.ID), 10), string(t.Leech)}) + " " + was}, nil
}

func (r *Registry) freeleechMember(ctx context.Context, c Call) (Reply, error) {
	m := c.Member("name")
	w := economy.Window{Source: economy.SourceStaff, State: core.LeechFree, Member: m.ID,
		Ends: c.Now.Add(c.Duration("duration")), Reason: c.Text("reason")}
	if c.Has("torrent") {
		w.Torrent = c.Torrent("torrent").ID
	}
	w, err := r.deps.Economy.Open(ctx, w, c.Actor.Member.ID)
	if err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{"For " + m.Name + ": " + ownWindow(w)}, Undo: fmt.Sprintf("freeleech off %d", w.ID)}, nil
}

// ownWindow says a member's own window in words.
func ownWindow(w economy.Window) string {
	on := "every torrent"
	if w.Torrent != 0 {
		on = fmt.Sprintf("torrent %d", w.Torrent)
	}
	return fmt.Sprintf("%s on %s, %s to %s (%s)%s", stateName(w.State), on, instant(w.Starts), instant(w.Ends), w.Reason, windowID(w))
}
