package hermes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Writes tries whether the database takes changes; nil says that it has just taken one.
type Writes func(ctx context.Context) error

const (
	watchEvery   = 5 * time.Second  // between two looks
	failingLimit = 30 * time.Second // of failing, before staff are told
	watchTime    = 10 * time.Second // for one look
	tellTime     = 40 * time.Second // for one line: longer than the server has to answer
	tellRetry    = time.Minute      // after a line that was not delivered
)

// outage is a time in which no change was taken. It is a pure state: see.
type outage struct {
	since time.Time // the first failure; zero while changes are taken
	tries int
	last  error

	told  time.Time // since when, as staff were told; zero while they have nothing to be told the end of
	ended time.Time // when the outage that they were told of was over; zero before
	quiet time.Time // nothing is said until then
}

// see notes what one look has found.
func (o *outage) see(now time.Time, err error) {
	if err == nil {
		if !o.told.IsZero() && o.ended.IsZero() {
			o.ended = now
		}
		o.since, o.tries, o.last = time.Time{}, 0, nil
		return
	}
	switch {
	case !o.ended.IsZero(): // before staff heard of its end
		o.since, o.ended = o.told, time.Time{}
	case o.since.IsZero():
		o.since = now
	}
	o.tries++
	o.last = err
}

// line is what staff are to be told now, "" for nothing.
func (o *outage) line(now time.Time) string {
	switch {
	case now.Before(o.quiet):
		return ""
	case !o.ended.IsZero():
		return fmt.Sprintf("The database takes changes again. It took none from %s to %s.", clockTime(o.told), clockTime(o.ended))
	case o.told.IsZero() && !o.since.IsZero() && now.Sub(o.since) >= failingLimit:
		return fmt.Sprintf("Nothing can be saved since %s (%d tries): %s. Members are told to try again later; what they transfer waits in the tracker's journal. I say so when it is over.",
			clockTime(o.since), o.tries, db.Diagnose(o.last))
	}
	return ""
}

// said notes that the line of this moment was delivered.
func (o *outage) said() {
	if !o.ended.IsZero() {
		o.told, o.ended = time.Time{}, time.Time{}
		return
	}
	o.told = o.since
}

// clockTime writes an instant of an outage, which may be short.
func clockTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// watch tells staff in the debug channel when the database has taken no changes for a
// while, and when it takes them again. It needs the database for neither: notices, which
// come by the event log, can't tell that there is none.
type watch struct {
	cfg   Config
	deps  Deps
	link  *link
	every time.Duration
}

func newWatch(c Config, d Deps, l *link, every time.Duration) *watch {
	return &watch{cfg: c, deps: d, link: l, every: every}
}

func (w *watch) run(ctx context.Context) error {
	if w.deps.Writes == nil || w.cfg.DebugChannel == "" {
		return nil
	}
	var o outage
	for core.Sleep(ctx, w.every) {
		w.look(ctx, &o)
	}
	return nil
}

// look tries the database once, and tells staff what there is to tell.
func (w *watch) look(ctx context.Context, o *outage) {
	looking, cancel := context.WithTimeout(ctx, watchTime)
	err := w.deps.Writes(looking)
	cancel()
	if ctx.Err() != nil {
		return
	}
	now := w.deps.Clock()
	o.see(now, err)
	line := o.line(now)
	if line == "" {
		return
	}
	switch err := w.tell(ctx, line); {
	case errors.Is(err, errGone): // it is told once we are back
	case err != nil:
		w.deps.Log.Warn("staff can't be told of the database yet", "what", line, "err", err)
		o.quiet = now.Add(tellRetry)
	default:
		o.said()
	}
}

// tell says a line if we are in the channel, and waits for nothing but its delivery.
func (w *watch) tell(ctx context.Context, line string) error {
	s, _ := w.link.now()
	if s == nil || !s.ready(w.cfg.DebugChannel) {
		return errGone
	}
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	return s.say(ctx, replies, girc.PRIVMSG, w.cfg.DebugChannel, text.Cut(text.Clean(line), noticeLine))
}
