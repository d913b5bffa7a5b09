package ledger

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// A record of the journal is one entry:
//
//	kind 1 (1), flags (1), member, torrent, arrival in Unix seconds, left, seed time
//	in seconds (uvarint each), then, if their flags are set: up and down as credited;
//	up and down as transferred, where that differs (uvarint each); the rest is for
//	swarm.Replay
//
//	kind 2 (1), torrent (uvarint): nothing is credited; the rest is for swarm.Replay
//
// What an announce is credited with was computed under the freeleech of that moment,
// and a replay does not compute it again.
const (
	recordEntry = 1
	recordMove  = 2
	recordRoom  = 320 // bytes; no record is larger unless its numbers are absurd
)

const (
	flagActive = 1 << iota
	flagCredit
	flagRaw
	flagCompletion      // two bits
	flagsKnown     = 31 // all of them
	completionBits = 3
)

var errRecord = errors.New("a record of the ledger can't be read: another program has written it")

// encode appends the record of e to b.
func encode(b []byte, e *Entry) []byte {
	flags := byte(e.Completion) * flagCompletion
	if e.Active {
		flags |= flagActive
	}
	if e.RawUp != e.Up || e.RawDown != e.Down {
		flags |= flagRaw
	}
	if e.Up != 0 || e.Down != 0 {
		flags |= flagCredit
	}
	b = append(b, recordEntry, flags)
	for _, v := range [...]int64{int64(e.Member), int64(e.Torrent), e.At.Unix(), int64(e.Left), int64(e.SeedTime / time.Second)} {
		b = appendAmount(b, v)
	}
	if flags&flagCredit != 0 {
		b = appendAmount(appendAmount(b, int64(e.Up)), int64(e.Down))
	}
	if flags&flagRaw != 0 {
		b = appendAmount(appendAmount(b, int64(e.RawUp)), int64(e.RawDown))
	}
	return append(b, e.Record...)
}

// encodeMove makes a record that concerns only the swarms.
func encodeMove(id core.TorrentID, rec []byte) []byte {
	return append(binary.AppendUvarint([]byte{recordMove}, uint64(id)), rec...)
}

// appendAmount appends a number that is not negative. A negative one could only come
// from a fault of ours. It becomes 0, because it would make the journal unreadable.
func appendAmount(b []byte, v int64) []byte { return binary.AppendUvarint(b, uint64(max(v, 0))) }

// decode reads a record. Entry.Record is a slice of b.
func decode(b []byte) (e Entry, err error) {
	if len(b) > 0 && b[0] == recordMove {
		id, n := binary.Uvarint(b[1:])
		if n <= 0 {
			return e, errRecord
		}
		return Entry{Torrent: core.TorrentID(id), Record: b[1+n:], Move: true}, nil
	}
	if len(b) < 2 || b[0] != recordEntry || b[1]&^flagsKnown != 0 {
		return e, errRecord
	}
	flags := b[1]
	b = b[2:]
	number := func() int64 {
		v, n := binary.Uvarint(b)
		if n <= 0 || v > math.MaxInt64 {
			err = errRecord
			return 0
		}
		b = b[n:]
		return int64(v)
	}
	e.Active, e.Completion = flags&flagActive != 0, Completion(flags/flagCompletion&completionBits)
	e.Member, e.Torrent = core.MemberID(number()), core.TorrentID(number())
	e.At, e.Left = time.Unix(number(), 0), core.Bytes(number())
	e.SeedTime = time.Duration(min(number(), math.MaxInt64/int64(time.Second))) * time.Second
	if flags&flagCredit != 0 {
		e.Up, e.Down = core.Bytes(number()), core.Bytes(number())
	}
	e.RawUp, e.RawDown = e.Up, e.Down
	if flags&flagRaw != 0 {
		e.RawUp, e.RawDown = core.Bytes(number()), core.Bytes(number())
	}
	e.Record = b
	return e, err
}
