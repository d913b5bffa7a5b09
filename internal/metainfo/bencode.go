package metainfo

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// node is one bencoded value (BEP 3). A dictionary's items are key, value, key,
// value, …; its keys are known to be sorted and distinct.
type node struct {
	raw   []byte // the bytes of a string; the whole encoding of anything else
	items []node
	num   int64
	kind  byte // 'i', 's', 'l' or 'd'
}

// get returns the value of a key of a dictionary, or nil.
func (n *node) get(key string) *node {
	if n == nil || n.kind != 'd' {
		return nil
	}
	for i := 0; i+1 < len(n.items); i += 2 {
		if string(n.items[i].raw) == key {
			return &n.items[i+1]
		}
	}
	return nil
}

// maxDepth leaves room for a v2 file tree of maxPathDepth.
const maxDepth = maxPathDepth + 8

// parser reads canonical bencode only: sorted distinct keys, no leading zeros, no
// minus zero, nothing after the value. So each value has exactly one encoding, and
// everybody who hashes it hashes the same bytes.
type parser struct {
	data  []byte
	pos   int
	nodes int // how many more values may come
}

// parse reads data as one value of at most maxNodes values.
func parse(data []byte, maxNodes int) (node, error) {
	p := &parser{data: data, nodes: maxNodes}
	n, err := p.value(0)
	if err != nil {
		return node{}, err
	}
	if p.pos != len(data) {
		return node{}, p.errorf("%d bytes follow the end of the torrent; they don't belong there", len(data)-p.pos)
	}
	return n, nil
}

// atByte begins the field of an error that is about a position in the file, and not
// about a path or a key.
const atByte = "byte "

// IsPosition reports whether an error's field is a position in the file.
func IsPosition(field string) bool {
	number, ok := strings.CutPrefix(field, atByte)
	_, err := strconv.Atoi(number)
	return ok && err == nil
}

func (p *parser) errorf(format string, args ...any) error {
	return core.FieldErrorf(atByte+strconv.Itoa(p.pos), "not a valid .torrent file: "+format, args...)
}

func (p *parser) value(depth int) (node, error) {
	if p.pos >= len(p.data) {
		return node{}, p.errorf("it ends too early")
	}
	if depth > maxDepth {
		return node{}, p.errorf("it is nested more than %d levels deep", maxDepth)
	}
	if p.nodes--; p.nodes < 0 {
		return node{}, p.errorf("it holds too many values")
	}
	start := p.pos
	var n node
	var err error
	switch c := p.data[p.pos]; {
	case c == 'i':
		n, err = p.integer()
	case c >= '0' && c <= '9':
		return p.str()
	case c == 'l':
		n, err = p.list(depth)
	case c == 'd':
		n, err = p.dict(depth)
	default:
		return node{}, p.errorf("there is no value here")
	}
	n.raw = p.data[start:p.pos]
	return n, err
}

func (p *parser) integer() (node, error) {
	end := bytes.IndexByte(p.data[p.pos:min(len(p.data), p.pos+24)], 'e')
	if end < 0 {
		return node{}, p.errorf("an integer has no end")
	}
	text := p.data[p.pos+1 : p.pos+end]
	abs, negative := bytes.CutPrefix(text, []byte("-"))
	num, ok := digits(abs)
	if !ok || negative && num == 0 {
		return node{}, p.errorf("an integer is not written as bencode demands")
	}
	if negative {
		num = -num
	}
	p.pos += end + 1
	return node{kind: 'i', num: num}, nil
}

func (p *parser) str() (node, error) {
	colon := bytes.IndexByte(p.data[p.pos:min(len(p.data), p.pos+12)], ':')
	if colon < 0 {
		return node{}, p.errorf("a string has no length")
	}
	length, ok := digits(p.data[p.pos : p.pos+colon])
	if !ok {
		return node{}, p.errorf("the length of a string is not written as bencode demands")
	}
	from := p.pos + colon + 1
	if length > int64(len(p.data)-from) {
		return node{}, p.errorf("a string is longer than the file")
	}
	p.pos = from + int(length)
	return node{kind: 's', raw: p.data[from:p.pos]}, nil
}

// digits reads a number without leading zeros of at most 18 digits, which is
// more than any size or date needs.
func digits(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 18 || b[0] == '0' && len(b) > 1 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

func (p *parser) list(depth int) (node, error) {
	n := node{kind: 'l'}
	for p.pos++; p.pos < len(p.data) && p.data[p.pos] != 'e'; {
		item, err := p.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, item)
	}
	return n, p.end()
}

func (p *parser) dict(depth int) (node, error) {
	n := node{kind: 'd'}
	for p.pos++; p.pos < len(p.data) && p.data[p.pos] != 'e'; {
		if c := p.data[p.pos]; c < '0' || c > '9' {
			return node{}, p.errorf("a dictionary's key is not a string")
		}
		if p.nodes--; p.nodes < 0 {
			return node{}, p.errorf("it holds too many values")
		}
		at := p.pos
		key, err := p.str()
		if err != nil {
			return node{}, err
		}
		if k := len(n.items); k > 0 && bytes.Compare(n.items[k-2].raw, key.raw) >= 0 {
			p.pos = at
			return node{}, p.errorf("the key %q stands twice or out of order", printable(key.raw))
		}
		val, err := p.value(depth + 1)
		if err != nil {
			return node{}, err
		}
		n.items = append(n.items, key, val)
	}
	return n, p.end()
}

func (p *parser) end() error {
	if p.pos >= len(p.data) {
		return p.errorf("it ends too early")
	}
	p.pos++
	return nil
}

// writer writes bencode. Its caller writes keys in sorted order; tests make sure of
// that by reading everything back with parse.
type writer struct{ buf []byte }

func (w *writer) dict(body func()) { w.buf = append(w.buf, 'd'); body(); w.buf = append(w.buf, 'e') }
func (w *writer) list(body func()) { w.buf = append(w.buf, 'l'); body(); w.buf = append(w.buf, 'e') }

func (w *writer) str(s string) {
	w.buf = strconv.AppendInt(w.buf, int64(len(s)), 10)
	w.buf = append(w.buf, ':')
	w.buf = append(w.buf, s...)
}

func (w *writer) bytes(b []byte) {
	w.buf = strconv.AppendInt(w.buf, int64(len(b)), 10)
	w.buf = append(w.buf, ':')
	w.buf = append(w.buf, b...)
}

func (w *writer) int(n int64) {
	w.buf = append(w.buf, 'i')
	w.buf = strconv.AppendInt(w.buf, n, 10)
	w.buf = append(w.buf, 'e')
}

func (w *writer) strs(list []string) {
	w.list(func() {
		for _, s := range list {
			w.str(s)
		}
	})
}

// printable makes bytes of a stranger's file safe to show: it escapes control
// characters and invalid UTF-8, and cuts what is longer than a line.
func printable(b []byte) string {
	const longest = 120
	cut := len(b) > longest
	if cut {
		b = b[:longest]
	}
	q := strconv.Quote(string(b))
	q = q[1 : len(q)-1]
	if cut {
		q += "…"
	}
	return q
}

// addSize returns a+b, or false when that leaves int64. Both are non-negative.
func addSize(a, b int64) (int64, bool) {
	if b > math.MaxInt64-a {
		return 0, false
	}
	return a + b, true
}
