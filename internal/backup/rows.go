package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// The kinds of values. What follows each is: nothing, a varint, eight bytes, or the length
// as a uvarint and that many bytes.
const (
	kindNull  = 'n'
	kindInt   = 'i'
	kindFloat = 'f'
	kindText  = 't'
	kindBytes = 'b'
)

// maxValue is the largest value that is read, in bytes.
const maxValue = 1 << 30

// rowCoder writes rows and takes their digest. The zero value is ready for use.
type rowCoder struct {
	Digest
	blobs []int // where values are bytes, in the row that is written
}

// append adds a row to b.
func (c *rowCoder) append(b []byte, values []any) ([]byte, error) {
	begin := len(b)
	c.blobs = c.blobs[:0]
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			b = append(b, kindNull)
		case int64:
			b = binary.AppendVarint(append(b, kindInt), v)
		case float64:
			b = binary.LittleEndian.AppendUint64(append(b, kindFloat), math.Float64bits(v))
		case string:
			b = append(binary.AppendUvarint(append(b, kindText), uint64(len(v))), v...)
		case []byte:
			c.blobs = append(c.blobs, len(b))
			b = append(binary.AppendUvarint(append(b, kindText), uint64(len(v))), v...)
		default:
			return b, fmt.Errorf("a value is a %T", v)
		}
	}
	c.add(b[begin:])
	for _, at := range c.blobs {
		b[at] = kindBytes
	}
	return b, nil
}

// Digest sums up rows: how many there are, and the sum of their SHA-256 modulo 2²⁵⁶. The
// order of the rows does not matter, as databases return them in different ones, nor
// whether a value is text or bytes, which SQLite leaves to whoever writes it.
type Digest struct {
	Rows int64
	sum  [4]uint64
}

func (d *Digest) add(row []byte) {
	h := sha256.Sum256(row)
	d.Rows++
	var carry uint64
	for i := range d.sum {
		d.sum[i], carry = bits.Add64(d.sum[i], binary.LittleEndian.Uint64(h[8*i:]), carry)
	}
}

// String is the sum in hexadecimal digits.
func (d *Digest) String() string {
	var b []byte
	for _, word := range d.sum {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	return hex.EncodeToString(b)
}

var errRows = errors.New("its rows can't be read")

// readRow reads the next row of n values. At the end the error is io.EOF.
func readRow(r *bufio.Reader, n int) ([]any, error) {
	values := make([]any, n)
	for i := range values {
		kind, err := r.ReadByte()
		if errors.Is(err, io.EOF) && i == 0 {
			return nil, io.EOF
		}
		if err == nil {
			values[i], err = readValue(r, kind)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, errRows
		}
		if err != nil {
			return nil, err
		}
	}
	return values, nil
}

func readValue(r *bufio.Reader, kind byte) (any, error) {
	switch kind {
	case kindNull:
		return nil, nil
	case kindInt:
		return binary.ReadVarint(r)
	case kindFloat:
		var b [8]byte
		_, err := io.ReadFull(r, b[:])
		return math.Float64frombits(binary.LittleEndian.Uint64(b[:])), err
	case kindText, kindBytes:
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return nil, err
		}
		if n > maxValue {
			return nil, errRows
		}
		raw, err := readBytes(r, int64(n))
		if err != nil || kind == kindBytes {
			return raw, err
		}
		return string(raw), nil
	}
	return nil, errRows
}

// readBytes reads n bytes. Its memory grows with what is there, not with what is promised.
func readBytes(r *bufio.Reader, n int64) ([]byte, error) {
	const small = 64 << 10
	if n <= small {
		raw := make([]byte, n)
		_, err := io.ReadFull(r, raw)
		return raw, err
	}
	var b bytes.Buffer
	_, err := io.CopyN(&b, r, n)
	return b.Bytes(), err
}
