package web

import (
	"net/url"
	"strings"
)

// Trackers are the tracker's public addresses with {announce-key} in them, in the order
// in which clients are to try them.
type Trackers []string

// For is the addresses for one member, by announce key or torrent key.
func (t Trackers) For(key string) []string {
	urls := make([]string, len(t))
	for i, u := range t {
		urls[i] = strings.ReplaceAll(u, "{announce-key}", url.PathEscape(key))
	}
	return urls
}
