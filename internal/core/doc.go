// Package core holds the types that every other package uses: identifiers, byte
// sizes, info-hashes, permissions and error codes. It is storey 0 of the house and
// imports the standard library only.
//
// Concurrency: all types are immutable values and safe for concurrent use.
package core

import "time"

// MemberID identifies a member account. Ids start at 1 and are never reused.
type MemberID int64

// GroupID identifies a dataset group: what is shared by all its torrents.
type GroupID int64

// TorrentID identifies one torrent of a group. Ids are never reused, not even
// after a deletion, so that late credit can't reach another torrent.
type TorrentID int64

// Clock tells the time. It is passed in everywhere, so that tests control it.
type Clock func() time.Time
