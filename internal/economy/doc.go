// Package economy decides how transfer is counted. Freeleech by calendar or by staff
// (later by token and pool) is kept as windows over the torrents' own states: rows of
// causes with their times. Schedule.Effective computes from them what holds. The
// tracker, pages, feeds and announce lines all use it, so they agree at every
// instant. Nothing is rewritten when a window begins or ends, so nothing has to be
// restored, and ending one window ends no other.
//
// The state at the moment when an announce arrives applies to everything that the
// announce reports.
//
// Concurrency: Window, Schedule and all functions are pure and immutable values,
// safe for concurrent use; a Store is safe for concurrent use as well.
package economy
