// Package wire reads what BitTorrent clients ask of a tracker and writes what it
// answers: the query strings of announces and scrapes (BEP 3, 7, 23, 48) and
// bencoded replies (BEP 3, 7, 23, 24, 31, 48).
//
// Reading a valid query allocates nothing; it works on the raw query string, as
// net/url would build a map of strings. What is read is taken literally and
// strictly: a known parameter that is missing, doubled, malformed or out of
// range makes the whole query Invalid, with a text that names it. Parameters
// that the tracker does not know are skipped unread.
//
// Concurrency: functions and plain values only; nothing is shared.
package wire
