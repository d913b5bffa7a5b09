package core

import "time"

// Skew is how far the clocks of two machines, or one clock before and after it was set,
// may differ without anything being taken for wrong.
const Skew = time.Minute

// Lasts reports whether something that ends at until, and that never lasts longer than
// length, holds at now. An end that lies further ahead was written by a clock that was
// wrong: what it ends does not hold.
func Lasts(now, until time.Time, length time.Duration) bool {
	return until.After(now) && !until.After(Horizon(now, length))
}

// Horizon is the last instant up to which something can hold that never lasts longer than
// length: for queries that leave out what a wrong clock has written.
func Horizon(now time.Time, length time.Duration) time.Time { return now.Add(length + Skew) }

// Due reports whether something that is done every so often is to be done at now, when it
// was last done at last. It is due, too, if last lies ahead: then a clock was wrong.
func Due(now, last time.Time, every time.Duration) bool {
	return now.Sub(last) >= every || last.After(Horizon(now, 0))
}
