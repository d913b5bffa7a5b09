// Package wire parses the requests of BitTorrent clients and encodes the answers of a
// tracker: query strings of announces and scrapes (BEP 3, 7, 23, 48) and bencoded
// replies (BEP 3, 7, 23, 24, 31, 48).
//
// Parsing a valid query allocates nothing. It works on the raw query string, because
// net/url would build a map of strings. Parsing is strict: a known parameter that is
// missing, doubled, malformed or out of range makes the whole query Invalid, with a
// text that names the parameter. Unknown parameters are skipped.
//
// Concurrency: the package has only functions and plain values; nothing is shared.
package wire
