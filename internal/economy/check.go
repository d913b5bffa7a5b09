package economy

import (
	"time"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

const (
	startSlack = time.Minute // a start that is no further in the past than this means now
	maxAhead   = 366 * 24 * time.Hour
	minLength  = time.Minute
	maxLength  = 90 * 24 * time.Hour
	maxReason  = 255    // characters
	maxOpen    = 100    // windows of staff for every member that are not over
	maxOwn     = 20     // windows of one member that are not over
	maxOwnAll  = 20_000 // of all members
	timeLayout = "2006-01-02 15:04:05 MST"
)

// check returns an error for the first field of a new window that makes no sense.
func (w Window) check(now time.Time) error {
	length := w.Ends.Sub(w.Starts)
	switch {
	case w.State != core.LeechFree && w.State != core.LeechNeutral:
		return core.FieldErrorf("state", `a window is "%s" or "%s", not %q`, core.LeechFree, core.LeechNeutral, w.State)
	case w.Source != SourceStaff:
		return core.FieldErrorf("source", "only windows of staff can be opened, not %q", w.Source)
	case w.Torrent < 0:
		return core.FieldErrorf("torrent", "there is no torrent %d", w.Torrent)
	case w.Member < 0:
		return core.FieldErrorf("member", "there is no member %d", w.Member)
	case w.Starts.Before(now):
		return core.FieldErrorf("starts", "it is %s now: a window can't begin in the past", now.Format(timeLayout))
	case w.Starts.Sub(now) > maxAhead:
		return core.FieldErrorf("starts", "a window can be set up a year ahead at most")
	case length < minLength:
		return core.FieldErrorf("ends", "a window must end a minute or more after it begins")
	case length > maxLength:
		return core.FieldErrorf("ends", "a window lasts %d days at most", maxLength/(24*time.Hour))
	}
	return nil
}

// checkReason trims the reason and refuses one that can't be shown on one line.
func checkReason(reason string) (string, error) {
	reason, ok := text.OneLine(reason)
	switch {
	case !ok:
		return "", core.FieldErrorf("reason", "write the reason in one line of plain text")
	case reason == "":
		return "", core.FieldErrorf("reason", "say why: members are told the reason")
	case !text.HasLetters(reason):
		return "", core.FieldErrorf("reason", "say why, in letters: members are told the reason")
	case utf8.RuneCountInString(reason) > maxReason:
		return "", core.FieldErrorf("reason", "the reason may have %d characters at most", maxReason)
	}
	return reason, nil
}
