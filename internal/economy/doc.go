// Package economy decides how transfer is counted. Freeleech by calendar, by
// staff (later by token and pool) is kept as windows laid over the torrents' own
// states: rows of causes with their times. What holds is computed from them by
// Schedule.Effective, which tracker, pages, feeds and announce lines share, so
// they agree at every instant. Nothing is rewritten when a window begins or
// ends, so nothing has to be restored, and ending one ends nothing else.
//
// What counts for an announce is what holds when it arrives, for all that it
// reports.
//
// Concurrency: Window, Schedule and all functions are pure and immutable values,
// safe for concurrent use; a Store is safe for concurrent use as well.
package economy
