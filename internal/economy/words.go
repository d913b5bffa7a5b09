package economy

import (
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Words says what counts now, until when and why: "" when everything counts.
func (e Effective) Words() string {
	if e.State != core.LeechFree && e.State != core.LeechNeutral {
		return ""
	}
	words := e.State.Words()
	if !e.Until.IsZero() {
		words += " until " + text.Instant(e.Until)
	}
	if e.Reason != "" {
		words += " (" + e.Reason + ")"
	}
	return words
}

// Span is when a window holds and why, in words, with the number by which it can be
// ended; windows of the calendar have none.
func (w Window) Span() string {
	span := fmt.Sprintf("%s to %s (%s)", text.Instant(w.Starts), text.Instant(w.Ends), w.Reason)
	if w.ID != 0 {
		span += fmt.Sprintf(" #%d", w.ID)
	}
	return span
}
