package ledger

import (
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// rowTable merges rows of the same member and torrent. It is a hash table with
// linear probing that holds no pointers but those to its two arrays, which are
// reused.
type rowTable struct {
	rows  []row
	cells []uint32 // 1 + an index of rows; 0 is an empty cell
}

type key struct {
	member  core.MemberID
	torrent core.TorrentID
}

// row is what an entry adds to the books, or the sum of several entries of the same
// key.
type row struct {
	key
	up, down, rawUp, rawDown int64
	left                     int64
	seconds                  uint32 // of seed time
	first, last, completed   uint32 // Unix seconds
	active                   bool
	completion               Completion
}

func newRowTable() *rowTable { return &rowTable{cells: make([]uint32, 64)} }

func (k key) hash() uint64 {
	h := (uint64(k.torrent)<<32 | uint64(k.torrent)>>32 ^ uint64(k.member)) * 0x9E3779B97F4A7C15
	return h ^ h>>32
}

// newRow is the row of one entry.
func newRow(e *Entry) row {
	at := seconds32(e.At.Unix())
	r := row{key: key{e.Member, e.Torrent}, up: int64(e.Up), down: int64(e.Down), rawUp: int64(e.RawUp), rawDown: int64(e.RawDown),
		left: int64(e.Left), seconds: seconds32(int64(e.SeedTime / time.Second)), first: at, last: at, active: e.Active, completion: e.Completion}
	if r.completion != NoCompletion {
		r.completed = at
	}
	return r
}

// add merges a row that is later than those added before.
func (t *rowTable) add(r *row) {
	mask := uint64(len(t.cells) - 1) // their number is a power of two
	cell := r.hash() & mask
	for ; t.cells[cell] != 0; cell = (cell + 1) & mask {
		if old := &t.rows[t.cells[cell]-1]; old.key == r.key {
			old.merge(r)
			return
		}
	}
	if len(t.rows) == cap(t.rows) {
		t.rows = append(make([]row, 0, len(t.rows)+len(t.rows)/4+16), t.rows...)
	}
	t.rows = append(t.rows, *r)
	t.cells[cell] = uint32(len(t.rows))
	if len(t.rows)*3 > len(t.cells)*2 {
		t.grow(2 * len(t.cells))
	}
}

// grow makes a new array of cells and puts every row into it.
func (t *rowTable) grow(cells int) {
	t.cells = make([]uint32, cells)
	mask := uint64(cells - 1)
	for i := range t.rows {
		cell := t.rows[i].hash() & mask
		for t.cells[cell] != 0 {
			cell = (cell + 1) & mask
		}
		t.cells[cell] = uint32(i + 1)
	}
}

func (t *rowTable) reset() {
	clear(t.cells)
	t.rows = t.rows[:0]
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

// seconds32 keeps seconds in 32 bits: instants until 2106, or a seed time of up to
// 136 years between two flushes.
func seconds32(n int64) uint32 { return uint32(min(max(n, 0), math.MaxUint32)) }

// add adds two amounts that are not negative. A sum that does not fit becomes the
// largest number.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
