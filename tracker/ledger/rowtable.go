package ledger

import (
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// sheet merges rows. It has no pointers but to its two arrays, which are used
// again.
type sheet struct {
	rows  []row
	cells []uint32 // places in rows from 1, found by linear probing; 0 is none
}

type key struct {
	member  core.MemberID
	torrent core.TorrentID
}

// row is what an entry adds to the books, or the sum of several of the same key.
type row struct {
	key
	up, down, rawUp, rawDown int64
	left                     int64
	seconds                  uint32 // of seed time
	first, last, completed   uint32 // Unix seconds
	active                   bool
	completion               Completion
}

func newSheet() *sheet { return &sheet{cells: make([]uint32, 64)} }

func (k key) hash() uint64 {
	h := (uint64(k.torrent)<<32 | uint64(k.torrent)>>32 ^ uint64(k.member)) * 0x9E3779B97F4A7C15
	return h ^ h>>32
}

// rowOf is the row of one entry.
func rowOf(e *Entry) row {
	at := seconds32(e.At.Unix())
	r := row{key: key{e.Member, e.Torrent}, up: int64(e.Up), down: int64(e.Down), rawUp: int64(e.RawUp), rawDown: int64(e.RawDown),
		left: int64(e.Left), seconds: seconds32(int64(e.SeedTime / time.Second)), first: at, last: at, active: e.Active, completion: e.Completion}
	if r.completion != NoCompletion {
		r.completed = at
	}
	return r
}

// add merges a row that is later than those before.
func (s *sheet) add(r *row) {
	last := uint64(len(s.cells) - 1) // their number is a power of two
	cell := r.hash() & last
	for ; s.cells[cell] != 0; cell = (cell + 1) & last {
		if old := &s.rows[s.cells[cell]-1]; old.key == r.key {
			old.merge(r)
			return
		}
	}
	if len(s.rows) == cap(s.rows) {
		s.rows = append(make([]row, 0, len(s.rows)+len(s.rows)/4+16), s.rows...)
	}
	s.rows = append(s.rows, *r)
	s.cells[cell] = uint32(len(s.rows))
	if len(s.rows)*3 > len(s.cells)*2 {
		s.spread(2 * len(s.cells))
	}
}

// spread makes so many cells, and finds each row one.
func (s *sheet) spread(cells int) {
	s.cells = make([]uint32, cells)
	last := uint64(cells - 1)
	for i := range s.rows {
		cell := s.rows[i].hash() & last
		for s.cells[cell] != 0 {
			cell = (cell + 1) & last
		}
		s.cells[cell] = uint32(i + 1)
	}
}

func (s *sheet) empty() {
	clear(s.cells)
	s.rows = s.rows[:0]
}

// merge adds a later row of the same key.
func (r *row) merge(o *row) {
	r.up, r.down = add(r.up, o.up), add(r.down, o.down)
	r.rawUp, r.rawDown = add(r.rawUp, o.rawUp), add(r.rawDown, o.rawDown)
	r.seconds = seconds32(int64(r.seconds) + int64(o.seconds))
	r.left, r.active = o.left, o.active
	r.last, r.first = max(r.last, o.last), min(r.first, o.first)
	if o.completion > r.completion {
		r.completion, r.completed = o.completion, o.completed
	}
}

// seconds32 keeps seconds in 32 bits: as an instant until 2106, as seed time
// between two flushes for 136 years.
func seconds32(n int64) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }

// add adds two amounts that are not negative and stays at the largest.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
