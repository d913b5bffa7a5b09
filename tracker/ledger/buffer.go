package ledger

import (
	"encoding/binary"
	"sync"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// pile holds the rows of a shard between two flushes, each entry's as it came:
// written down in some 20 bytes, a quarter of what it takes to merge into. Most
// entries find nothing to be merged with before they are taken; so that memory has
// its bound in the number of pairs all the same, a pile that has grown is pressed.
type pile struct {
	leaves []*leaf // the last one is being filled
	slips  int     // rows as they are written down
	limit  int     // of slips, then it is pressed
	full   bool    // pressing has taken away little: it is time to take it
}

// leaf is a piece of a pile. Piles grow by pieces, which are used again, so that
// nothing is copied and no garbage left.
type leaf struct {
	n    int
	data [leafSize - 8]byte
}

const (
	leafSize  = 8 << 10
	slipRoom  = 128     // bytes; no slip is larger
	pressFrom = 1 << 13 // slips; those of all shards take about 6 MB then
)

// leaves are spare ones, for all shards.
type leaves struct {
	mu   sync.Mutex
	list []*leaf
}

const keptLeaves = shards * pressFrom * 24 / leafSize // as many as all piles have before they are pressed

func (l *leaves) get() *leaf {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.list)
	if n == 0 {
		return new(leaf)
	}
	f := l.list[n-1]
	l.list[n-1], l.list = nil, l.list[:n-1]
	return f
}

func (l *leaves) put(back []*leaf) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range back {
		if len(l.list) == keptLeaves {
			return
		}
		f.n = 0
		l.list = append(l.list, f)
	}
}

// add writes a row down.
func (p *pile) add(r *row, spare *leaves) {
	n := len(p.leaves)
	if n == 0 || len(p.leaves[n-1].data)-p.leaves[n-1].n < slipRoom {
		p.leaves = append(p.leaves, spare.get())
		n++
	}
	f := p.leaves[n-1]
	f.n = len(appendSlip(f.data[:f.n], r))
	p.slips++
}

// into merges the pile into rows, in the order in which it grew.
func (p *pile) into(s *sheet) {
	for _, f := range p.leaves {
		for b := f.data[:f.n]; len(b) > 0; {
			var r row
			r, b = readSlip(b)
			s.add(&r)
		}
	}
}

// press merges what is on the pile, with an empty sheet to do it in. When that takes away less than a quarter,
// the pile is full: to wait for more would take memory, and merge little.
func (p *pile) press(s *sheet, spare *leaves) {
	was := p.slips
	p.into(s)
	spare.put(p.leaves)
	clear(p.leaves)
	p.leaves, p.slips = p.leaves[:0], 0
	for i := range s.rows {
		p.add(&s.rows[i], spare)
	}
	if len(s.cells) > 4*pressFrom {
		*s = *newSheet() // in an outage
	}
	s.empty()
	p.limit = max(pressFrom, 2*p.slips)
	p.full = p.full || 4*p.slips > 3*was
}

// A slip is
//
//	flags (1), member, torrent, last, left, seconds, up and down (uvarint each),
//	then by the flags: up and down as transferred, where that differs; first and
//	completed, where they are not last
const (
	slipActive = 1 << iota
	slipRaw
	slipFirst
	slipCompleted
	slipCompletion // two bits
)

func appendSlip(b []byte, r *row) []byte {
	flags := byte(r.completion) * slipCompletion
	if r.active {
		flags |= slipActive
	}
	if r.rawUp != r.up || r.rawDown != r.down {
		flags |= slipRaw
	}
	if r.first != r.last {
		flags |= slipFirst
	}
	if r.completion != NoCompletion && r.completed != r.last {
		flags |= slipCompleted
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(r.member))
	b = binary.AppendUvarint(b, uint64(r.torrent))
	b = binary.AppendUvarint(b, uint64(r.last))
	b = binary.AppendUvarint(b, uint64(r.left))
	b = binary.AppendUvarint(b, uint64(r.seconds))
	b = binary.AppendUvarint(b, uint64(r.up))
	b = binary.AppendUvarint(b, uint64(r.down))
	if flags&slipRaw != 0 {
		b = binary.AppendUvarint(b, uint64(r.rawUp))
		b = binary.AppendUvarint(b, uint64(r.rawDown))
	}
	if flags&slipFirst != 0 {
		b = binary.AppendUvarint(b, uint64(r.first))
	}
	if flags&slipCompleted != 0 {
		b = binary.AppendUvarint(b, uint64(r.completed))
	}
	return b
}

// readSlip reads what appendSlip wrote, and returns what is behind it.
func readSlip(b []byte) (r row, rest []byte) {
	flags := b[0]
	b = b[1:]
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return v
	}
	r.active, r.completion = flags&slipActive != 0, Completion(flags/slipCompletion)
	r.member, r.torrent = core.MemberID(number()), core.TorrentID(number())
	r.last = uint32(number())
	r.left, r.seconds = int64(number()), uint32(number())
	r.up, r.down = int64(number()), int64(number())
	r.rawUp, r.rawDown, r.first = r.up, r.down, r.last
	if flags&slipRaw != 0 {
		r.rawUp, r.rawDown = int64(number()), int64(number())
	}
	if flags&slipFirst != 0 {
		r.first = uint32(number())
	}
	if r.completion != NoCompletion {
		r.completed = r.last
	}
	if flags&slipCompleted != 0 {
		r.completed = uint32(number())
	}
	return r, b
}
