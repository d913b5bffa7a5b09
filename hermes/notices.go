package hermes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// noticeCursor is the consumer of everything but uploads. It has its own place,
// so that staff hear of trouble while announces wait for the tracker.
const noticeCursor = "hermes:notices"

const (
	noticeLine     = 400 // bytes
	noticePatience = 2 * time.Minute
	noticeTries    = 5 // refusals before a notice is set aside, so that one closed channel doesn't hold up the others
)

// notices tells channels what happened.
type notices struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	link    *link
	look    func() // lets the topics be checked soon
	offers  *offers
}

func newNotices(c Config, d Deps, m *metrics, l *link, look func(), o *offers) *notices {
	return &notices{cfg: c, deps: d, metrics: m, link: l, look: look, offers: o}
}

func (n *notices) run(ctx context.Context) error {
	return n.deps.Events.Consume(ctx, eventlog.Consumer{
		Name: noticeCursor, Handlers: n.handlers(), Log: n.deps.Log,
		Retry: eventlog.Retry{Tries: noticeTries},
		Missed: func(e eventlog.Event, err error) {
			n.deps.Log.Error("a notice is given up", "event", e.ID, "kind", e.Kind, "err", err)
			n.metrics.given.Inc()
		},
	})
}

func (n *notices) handlers() []eventlog.Handler {
	staff, debug := n.cfg.StaffChannel, n.cfg.DebugChannel
	return []eventlog.Handler{
		eventlog.On(func(context.Context, eventlog.Event, eventlog.LeechWindowsChanged) error {
			n.look()
			return nil
		}),
		eventlog.On(n.leechEdge),
		eventlog.On(n.transferSuspect),
		eventlog.On(n.keyShown),
		eventlog.On(n.approvalAsked),
		eventlog.On(n.approvalGiven),
		notice(n, debug, func(f eventlog.JobFailed) string {
			return fmt.Sprintf("Job %s failed (run %d): %s", f.Job, f.Run, f.Text)
		}),
		notice(n, staff, func(a eventlog.ApplicationMade) string {
			return fmt.Sprintf("Somebody has applied: application #%d waits for one of you.", a.Application)
		}),
		notice(n, staff, func(t eventlog.TicketOpened) string {
			return fmt.Sprintf("Somebody has written to staff: message #%d waits for one of you.", t.Ticket)
		}),
		notice(n, staff, finishLine),
		notice(n, staff, ledgerLine),
		notice(n, staff, driftLine),
		notice(n, staff, asideLine),
	}
}

// notice tells a channel of each event of a kind.
func notice[T eventlog.Body](n *notices, channel string, line func(T) string) eventlog.Handler {
	return eventlog.On(func(ctx context.Context, _ eventlog.Event, body T) error { return n.tell(ctx, channel, line(body)) })
}

// tell returns nil once the channel has the line. A channel that doesn't let us in or
// refuses the line is a fault of this notice: others may still go through.
func (n *notices) tell(ctx context.Context, channel, line string) error {
	if channel == "" || line == "" {
		return nil
	}
	s, err := n.link.await(ctx, channel, noticePatience)
	if err == nil {
		err = s.say(ctx, replies, girc.PRIVMSG, channel, text.Cut(text.Clean(line), noticeLine))
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	n.metrics.undelivered.Inc()
	err = fmt.Errorf("tell %s: %w", channel, err)
	if errors.Is(err, errNotLetIn) || errors.Is(err, errRefused) {
		return eventlog.Faulty(err)
	}
	return err
}

func (n *notices) leechEdge(ctx context.Context, _ eventlog.Event, edge eventlog.LeechEdge) error {
	n.look()
	schedule, err := n.deps.Economy.Schedule(ctx)
	if err != nil {
		return err
	}
	now := schedule.Effective(core.LeechNormal, 0, 0, n.deps.Clock())
	return n.tell(ctx, n.cfg.GeneralChannel, edgeLine(edge, now))
}

func (n *notices) transferSuspect(ctx context.Context, _ eventlog.Event, s eventlog.TransferSuspect) error {
	who, err := n.who(ctx, s.Member)
	if err != nil {
		return err
	}
	return n.tell(ctx, n.cfg.StaffChannel, suspectLine(s, who)+" "+n.deps.Catalog.Permalink(s.Torrent))
}

// finishLine tells how a job ended that somebody asked for.
func finishLine(f eventlog.JobFinished) string {
	how := "is done"
	if !f.OK {
		how = "failed"
	}
	return fmt.Sprintf("%s: job %s %s (run %d). %s", f.StartedBy, f.Job, how, f.Run, f.Text)
}

// driftLine tells that the tracker did not know what it should.
func driftLine(d eventlog.RosterDrift) string {
	text := fmt.Sprintf("The tracker was not up to date, and is again: %d members, %d torrents", d.Members, d.Torrents)
	if d.Rules {
		text += " and the rules"
	}
	return text + " differed from the database. Something was changed past the event log."
}

// asideLine tells that a consumer of the event log has given up an event.
func asideLine(e eventlog.EventSetAside) string {
	return fmt.Sprintf("%s could not handle event %d (%s) in %d tries and has set it aside as number %d: %s", e.Consumer, e.Event, e.Kind, e.Tries, e.Skipped, e.Text)
}

// ledgerLine tells of trouble with recording transfer.
func ledgerLine(f eventlog.LedgerTrouble) string {
	since := stamp(time.Unix(f.Since, 0))
	if f.Over {
		return fmt.Sprintf("Over, and nothing was lost, from %s to %s: %s", since, stamp(time.Unix(f.Until, 0)), f.Text)
	}
	return fmt.Sprintf("Trouble since %s: %s", since, f.Text)
}

// who names a member, even one who has been deleted.
func (n *notices) who(ctx context.Context, id core.MemberID) (string, error) {
	m, err := n.deps.Members.ByID(ctx, id)
	switch {
	case core.CodeOf(err) == core.NotFound:
		return fmt.Sprintf("Member %d", id), nil
	case err != nil:
		return "", err
	}
	return m.Name, nil
}

// suspectLine tells of transfer that is hardly possible.
func suspectLine(s eventlog.TransferSuspect, who string) string {
	in := (time.Duration(s.Seconds) * time.Second).String()
	if s.Announces > 1 {
		in += fmt.Sprintf(" (%d announces, %d torrents)", s.Announces, max(s.Torrents, 1))
	}
	var carries, why string
	switch s.Reason {
	case eventlog.SuspectLine:
		carries, why = "the fastest line carries", "their line can't carry more ([tracker] max_line_mbit)"
	case eventlog.SuspectTorrent:
		carries, why = "the torrent accounts for", "the torrent and the others on it account for no more"
	}
	var what string
	switch {
	case why != "" && s.Announces == 0: // an older event
		what = fmt.Sprintf("tells of %s up and %s down in %s, where %s %s", s.Up, s.Down, in, carries, s.Limit)
	case why != "":
		what = fmt.Sprintf("tells of %s up and %s down in %s, of which %s up and %s down count: %s", s.Up, s.Down, in, s.CountedUp, s.CountedDown, why)
	case s.Reason == eventlog.SuspectAlone:
		what = fmt.Sprintf("tells of %s uploaded in %s while nobody lacked anything", s.Up, in)
	case s.Reason == eventlog.SuspectLeft:
		what = fmt.Sprintf("says that %s are missing of a torrent of %s", s.Left, s.Limit)
	case s.Reason == eventlog.SuspectDownloaded:
		what = fmt.Sprintf("says to have downloaded %s of a torrent of %s", s.Down, s.Limit)
	default:
		what = "is suspect: " + string(s.Reason)
	}
	return fmt.Sprintf("Suspect transfer: %s %s.", who, what)
}

// leechName is the name of a state for members.
func leechName(l core.Leech) string {
	if l == core.LeechNeutral {
		return "Neutral leech"
	}
	return "Freeleech"
}

// edgeLine tells of one edge of a window. now is what holds for every torrent.
func edgeLine(e eventlog.LeechEdge, now economy.Effective) string {
	name, starts, ends := leechName(e.State), stamp(time.Unix(e.Starts, 0)), stamp(time.Unix(e.Ends, 0))
	counts := "downloads don't count, uploads do"
	if e.State == core.LeechNeutral {
		counts = "neither downloads nor uploads count"
	}
	switch economy.Phase(e.Phase) {
	case economy.PhaseBefore:
		return fmt.Sprintf("%s is coming: %s, from %s to %s. For every torrent, %s then.", name, e.Name, starts, ends, counts)
	case economy.PhaseStart:
		if e.Late {
			return fmt.Sprintf("%s has held since %s: %s. For every torrent, %s until %s.", name, starts, e.Name, counts, ends)
		}
		return fmt.Sprintf("%s begins: %s. For every torrent, %s until %s.", name, e.Name, counts, ends)
	case economy.PhaseEnd:
		text := fmt.Sprintf("%s has ended: %s.", name, e.Name)
		if e.Ends <= e.Starts {
			text = fmt.Sprintf("%s is called off: %s.", name, e.Name)
		}
		if now.State != core.LeechNormal && !now.Until.IsZero() {
			text += fmt.Sprintf(" %s still holds until %s: %s.", leechName(now.State), stamp(now.Until), now.Reason)
		}
		return text
	}
	return ""
}

// stamp writes an instant for people in all time zones.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
