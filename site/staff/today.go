package staff

import (
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// todayPage is the first page of the staff: what is wrong, and what was done lately. Each
// visitor sees what their pages would show them.
type todayPage struct {
	Troubles []part.Notice
	Waiting  []part.Notice // acts that wait for approval
	Well     bool          // nothing that they may see is wrong
	Acts     []part.Event
}

var todayView = web.NewView[todayPage]("today")

const (
	lastActs    = 15
	mostWaiting = 3               // acts that wait and are shown there
	silentFrom  = 2 * time.Minute // a tracker that runs writes something more often
	silentDay   = 24 * time.Hour  // one that has been gone for longer was taken away
)

func (h handlers) today(v *web.Visit) error {
	var p todayPage
	now := h.Clock()
	if v.Me.Can(core.TrackerRead) {
		newest, err := h.Transfer.Newest(v.Context(), now.Add(-silentDay))
		if err != nil {
			return err
		}
		p.Troubles = append(p.Troubles, trackerTroubles(newest, now)...)
	}
	if v.Me.Can(core.JobManage) {
		jobs, err := h.Schedule.Status(v.Context())
		if err != nil {
			return err
		}
		p.Troubles = append(p.Troubles, jobTroubles(jobs)...)
		skipped, err := h.Events.Skipped(v.Context(), 1)
		if err != nil {
			return err
		}
		if len(skipped) > 0 {
			p.Troubles = append(p.Troubles, part.Notice{Kind: part.Bad, Title: "Events were set aside.", Text: "What they tell has not reached everybody.", Action: part.Link{Text: "Look at them", Address: "/staff/jobs#events"}})
		}
	}
	p.Well = len(p.Troubles) == 0
	if h.mayApprove(v) {
		waiting, err := h.Commands.Waiting(v.Context(), v.Actor())
		if err != nil {
			return err
		}
		for _, w := range waiting[:min(len(waiting), mostWaiting)] {
			p.Waiting = append(p.Waiting, part.Notice{Kind: part.Warn, Title: w.Asker + " asks for approval.", Text: w.Line, Action: part.Link{Text: "Look at what waits", Address: approvalsAddress}})
		}
	}
	if v.Me.Can(core.AuditRead) {
		entries, err := h.Audit.Recent(v.Context(), lastActs)
		if err != nil {
			return err
		}
		p.Acts = timeline(entries)
	}
	return todayView.OK(v, p)
}

// trackerTroubles says what is wrong with trackers, by the newest that each told.
func trackerTroubles(newest []transfer.Minute, now time.Time) (out []part.Notice) {
	link := part.Link{Text: "Look at the tracker", Address: "/staff/tracker"}
	if len(newest) == 0 {
		return []part.Notice{{Kind: part.Bad, Title: "No tracker has told anything for a day.", Text: "It may not run, or not reach the database.", Action: link}}
	}
	for _, m := range newest {
		switch {
		case now.Sub(m.End()) > silentFrom:
			out = append(out, part.Notice{Kind: part.Bad, Title: m.Tracker + " is silent.", Text: "It told nothing for " + web.InWords(now.Sub(m.End())) + ".", Action: link})
		case m.EventLag > silentFrom:
			out = append(out, part.Notice{Kind: part.Warn, Title: m.Tracker + " is behind.", Text: "It learns of changes " + web.InWords(m.EventLag) + " late.", Action: link})
		case m.FlushAge > silentFrom:
			out = append(out, part.Notice{Kind: part.Warn, Title: m.Tracker + " does not reach the database.", Text: "Its sums of the last " + web.InWords(m.FlushAge) + " wait in its journal.", Action: link})
		}
	}
	return out
}

// jobTroubles says which jobs failed when they last ran.
func jobTroubles(jobs []schedule.Status) (out []part.Notice) {
	for _, s := range jobs {
		if s.Last.Outcome == schedule.Failed {
			out = append(out, part.Notice{Kind: part.Bad, Title: "The job " + s.Job.Name + " failed.", Text: s.Last.Detail, Action: part.Link{Text: "Look at the jobs", Address: "/staff/jobs"}})
		}
	}
	return out
}

// timeline draws rows of the audit log.
func timeline(entries []audit.Entry) (out []part.Event) {
	for _, e := range entries {
		event := part.Event{At: e.At, Kind: part.Good, Title: fmt.Sprintf("%s: %s", e.ActorName, e.Command), Text: e.Detail, Address: fmt.Sprintf("/staff/audit?before=%d#entry-%d", e.ID+1, e.ID)}
		switch e.Outcome {
		case audit.Failed, audit.Started:
			event.Kind = part.Warn
		case audit.Denied:
			event.Kind, event.Title = part.Bad, event.Title+" (denied)"
		}
		out = append(out, event)
	}
	return out
}
