package ledger

import (
	"encoding/binary"
	"sync"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// buffer holds the rows of a shard between two flushes, one for each entry, packed
// into some 20 bytes: a quarter of what a row of a table takes. Most rows meet no
// other of the same member and torrent before they are flushed, so it does not pay
// to merge them at once. A buffer that has grown large is compacted, which bounds
// memory by the number of pairs of member and torrent.
type buffer struct {
	chunks    []*chunk // the last one is being filled
	rows      int
	compactAt int  // how many rows it may have before it is compacted
	full      bool // compacting has saved little: it is time to flush
}

// chunk is a piece of a buffer. Buffers grow by whole chunks, which are reused, so
// that growing copies nothing and leaves no garbage.
type chunk struct {
	n    int
	data [chunkSize - 8]byte
}

const (
	chunkSize    = 8 << 10
	maxPackedRow = 128     // bytes; no packed row is larger
	compactFrom  = 1 << 13 // rows; when every shard has as many, they take about 6 MB
)

// chunkPool keeps chunks that are not in use, for all shards.
type chunkPool struct {
	mu   sync.Mutex
	list []*chunk
}

// maxSpareChunks is as many as all buffers have before they are compacted.
const maxSpareChunks = shards * compactFrom * 24 / chunkSize

func (l *chunkPool) get() *chunk {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.list)
	if n == 0 {
		return new(chunk)
	}
	c := l.list[n-1]
	l.list[n-1], l.list = nil, l.list[:n-1]
	return c
}

func (l *chunkPool) put(back []*chunk) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range back {
		if len(l.list) == maxSpareChunks {
			return
		}
		c.n = 0
		l.list = append(l.list, c)
	}
}

// add appends a row.
func (b *buffer) add(r *row, pool *chunkPool) {
	n := len(b.chunks)
	if n == 0 || len(b.chunks[n-1].data)-b.chunks[n-1].n < maxPackedRow {
		b.chunks = append(b.chunks, pool.get())
		n++
	}
	c := b.chunks[n-1]
	c.n = len(packRow(c.data[:c.n], r))
	b.rows++
}

// mergeInto merges all rows into t, in the order in which they were added.
func (b *buffer) mergeInto(t *rowTable) {
	for _, c := range b.chunks {
		for rest := c.data[:c.n]; len(rest) > 0; {
			var r row
			r, rest = unpackRow(rest)
			t.add(&r)
		}
	}
}

// compact merges the rows of the buffer, using the empty table t. If that leaves
// more than three quarters of them, the buffer is full: waiting for more rows would
// cost memory and merge little.
func (b *buffer) compact(t *rowTable, pool *chunkPool) {
	before := b.rows
	b.mergeInto(t)
	pool.put(b.chunks)
	clear(b.chunks)
	b.chunks, b.rows = b.chunks[:0], 0
	for i := range t.rows {
		b.add(&t.rows[i], pool)
	}
	if len(t.cells) > 4*compactFrom {
		*t = *newRowTable() // it has grown so large in an outage
	}
	t.reset()
	b.compactAt = max(compactFrom, 2*b.rows)
	b.full = b.full || 4*b.rows > 3*before
}

// A packed row is
//
//	flags (1), member, torrent, last, left, seconds, up and down (uvarint each),
//	then, if their flags are set: up and down as transferred, where that differs;
//	first and completed, where they differ from last
const (
	packedActive = 1 << iota
	packedRaw
	packedFirst
	packedCompleted
	packedCompletion // two bits
)

func packRow(b []byte, r *row) []byte {
	flags := byte(r.completion) * packedCompletion
	if r.active {
		flags |= packedActive
	}
	if r.rawUp != r.up || r.rawDown != r.down {
		flags |= packedRaw
	}
	if r.first != r.last {
		flags |= packedFirst
	}
	if r.completion != NoCompletion && r.completed != r.last {
		flags |= packedCompleted
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(r.member))
	b = binary.AppendUvarint(b, uint64(r.torrent))
	b = binary.AppendUvarint(b, uint64(r.last))
	b = binary.AppendUvarint(b, uint64(r.left))
	b = binary.AppendUvarint(b, uint64(r.seconds))
	b = binary.AppendUvarint(b, uint64(r.up))
	b = binary.AppendUvarint(b, uint64(r.down))
	if flags&packedRaw != 0 {
		b = binary.AppendUvarint(b, uint64(r.rawUp))
		b = binary.AppendUvarint(b, uint64(r.rawDown))
	}
	if flags&packedFirst != 0 {
		b = binary.AppendUvarint(b, uint64(r.first))
	}
	if flags&packedCompleted != 0 {
		b = binary.AppendUvarint(b, uint64(r.completed))
	}
	return b
}

// unpackRow reads what packRow wrote, and returns the bytes after it.
func unpackRow(b []byte) (r row, rest []byte) {
	flags := b[0]
	b = b[1:]
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return v
	}
	r.active, r.completion = flags&packedActive != 0, Completion(flags/packedCompletion)
	r.member, r.torrent = core.MemberID(number()), core.TorrentID(number())
	r.last = uint32(number())
	r.left, r.seconds = int64(number()), uint32(number())
	r.up, r.down = int64(number()), int64(number())
	r.rawUp, r.rawDown, r.first = r.up, r.down, r.last
	if flags&packedRaw != 0 {
		r.rawUp, r.rawDown = int64(number()), int64(number())
	}
	if flags&packedFirst != 0 {
		r.first = uint32(number())
	}
	if r.completion != NoCompletion {
		r.completed = r.last
	}
	if flags&packedCompleted != 0 {
		r.completed = uint32(number())
	}
	return r, b
}
