package ledger

import (
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// sheet holds the rows of a shard between two flushes. It has no pointers but to
// its two arrays, which are used again, so that a million rows are nothing to the
// garbage collector.
type sheet struct {
	rows    []row
	cells   []uint32 // places in rows from 1, found by linear probing; 0 is none
	entries int      // merged
	looked  int      // entries when mostlyNew last looked
}

type key struct {
	member  core.MemberID
	torrent core.TorrentID
}

// row is the sum of all entries of a key since the last flush.
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

// merge reports whether it made a new row.
func (s *sheet) merge(e *Entry) (added bool) {
	s.entries++
	k := key{e.Member, e.Torrent}
	last := uint64(len(s.cells) - 1) // their number is a power of two
	cell := k.hash() & last
	for ; s.cells[cell] != 0; cell = (cell + 1) & last {
		if r := &s.rows[s.cells[cell]-1]; r.key == k {
			r.merge(e)
			return false
		}
	}
	if len(s.rows) == cap(s.rows) {
		s.rows = append(make([]row, 0, len(s.rows)+len(s.rows)/4+16), s.rows...)
	}
	s.rows = append(s.rows, row{key: k, first: seconds32(e.At.Unix())})
	s.rows[len(s.rows)-1].merge(e)
	s.cells[cell] = uint32(len(s.rows))
	if len(s.rows)*3 > len(s.cells)*2 {
		s.spread(2 * len(s.cells))
	}
	return true
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

// lookEvery is after how many new rows mostlyNew looks anew.
const lookEvery = 512

// mostlyNew reports, every so many new rows, whether of the last entries seven in
// eight made one.
func (s *sheet) mostlyNew() bool {
	if len(s.rows)%lookEvery != 0 {
		return false
	}
	n := s.entries - s.looked
	s.looked = s.entries
	return n*7 <= lookEvery*8
}

func (s *sheet) empty() {
	clear(s.cells)
	s.rows, s.entries, s.looked = s.rows[:0], 0, 0
}

func (r *row) merge(e *Entry) {
	r.up, r.down = add(r.up, int64(e.Up)), add(r.down, int64(e.Down))
	r.rawUp, r.rawDown = add(r.rawUp, int64(e.RawUp)), add(r.rawDown, int64(e.RawDown))
	r.seconds = seconds32(int64(r.seconds) + int64(e.SeedTime/time.Second))
	r.left, r.active = int64(e.Left), e.Active
	at := seconds32(e.At.Unix())
	r.last, r.first = max(r.last, at), min(r.first, at)
	if e.Completion > r.completion {
		r.completion, r.completed = e.Completion, at
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
