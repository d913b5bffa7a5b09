package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"strconv"
	"strings"
)

// MaxRecord is the size of the largest record in bytes.
const MaxRecord = 1<<16 - 1

const (
	magic         = "cadjrnl\x01" // the last byte is the version of the format; headers stay as they are in all versions
	segmentHeader = 40            // magic 8, first 8, before 8, mark 8, zero 4, checksum 4
	groupHeader   = 32            // checksum 4, bytes 4, first 8, mark 8, records 4, zero 4
	maxGroup      = 1 << 20       // bytes, header included
	lengthSize    = 2
	suffix        = ".wal"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var le = binary.LittleEndian

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", first, suffix))
}

// parseName returns the first position of the segment called name.
func parseName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil && first > 0
}

// head is the header of a segment.
type head struct {
	first  uint64 // position of the first record it can hold
	before uint64 // position of the last record before it
	mark   uint64 // up to where the journal was synced when the segment was begun
}

func (h head) encode() []byte {
	b := make([]byte, segmentHeader)
	copy(b, magic)
	le.PutUint64(b[8:], h.first)
	le.PutUint64(b[16:], h.before)
	le.PutUint64(b[24:], h.mark)
	le.PutUint32(b[36:], crc32.Checksum(b[:36], castagnoli))
	return b
}

// readHead parses the header of the segment at path, which is named after first. It
// returns nil for a damaged header, and an error for one of another version.
func readHead(b []byte, path string, first uint64) (*head, error) {
	if len(b) < segmentHeader || string(b[:7]) != magic[:7] || le.Uint32(b[36:]) != crc32.Checksum(b[:36], castagnoli) {
		return nil, nil
	}
	if b[7] != magic[7] {
		return nil, fmt.Errorf("journal: %s has version %d of the format, but this program reads version %d", path, b[7], magic[7])
	}
	h := &head{first: le.Uint64(b[8:]), before: le.Uint64(b[16:]), mark: le.Uint64(b[24:])}
	if h.first != first || h.before >= first || h.mark >= first {
		return nil, nil
	}
	return h, nil
}

// seal writes the header of the group b.
func seal(b []byte, first uint64, records int, mark uint64) {
	le.PutUint32(b[4:], uint32(len(b)))
	le.PutUint64(b[8:], first)
	le.PutUint64(b[16:], mark)
	le.PutUint32(b[24:], uint32(records))
	le.PutUint32(b[28:], 0)
	le.PutUint32(b, crc32.Checksum(b[4:], castagnoli))
}

// frame is a group that was read.
type frame struct {
	first   uint64
	records int
	mark    uint64
	size    int    // bytes, header included
	body    []byte // the records
}

// last returns the position of the last record; there must be one. In a group without
// records, first means nothing: the next group may begin before it.
func (f *frame) last() uint64 { return f.first + uint64(f.records) - 1 }

// decodeFrameHeader parses the header of a group. It returns true if this can be a group
// whose first record is not before next.
func decodeFrameHeader(b []byte, next uint64) (frame, bool) {
	f := frame{first: le.Uint64(b[8:])}
	if f.first < next || f.first > 1<<63 {
		return f, false
	}
	f.mark = le.Uint64(b[16:])
	size, records := le.Uint32(b[4:]), le.Uint32(b[24:])
	if f.mark >= f.first || size < groupHeader || size > maxGroup || records > (size-groupHeader)/lengthSize || le.Uint32(b[28:]) != 0 {
		return f, false
	}
	f.size, f.records = int(size), int(records)
	return f, true
}

// check reports whether b, all bytes of the group, are as they were written.
func (f *frame) check(b []byte) bool {
	if le.Uint32(b) != crc32.Checksum(b[4:], castagnoli) {
		return false
	}
	f.body = b[groupHeader:]
	rest := f.body
	for range f.records {
		if len(rest) < lengthSize || len(rest)-lengthSize < int(le.Uint16(rest)) {
			return false
		}
		rest = rest[lengthSize+int(le.Uint16(rest)):]
	}
	return len(rest) == 0
}

// each calls fn for every record after the given position.
func (f *frame) each(after uint64, fn func(pos uint64, rec []byte) error) error {
	rest := f.body
	for n := range f.records {
		end := lengthSize + int(le.Uint16(rest))
		if pos := f.first + uint64(n); pos > after {
			if err := fn(pos, rest[lengthSize:end:end]); err != nil {
				return err
			}
		}
		rest = rest[end:]
	}
	return nil
}
