package metainfo

import (
	"bytes"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// document is a bencoded text (BEP 3) that was read once. It holds where each value
// begins and nothing else: 12 bytes for a value, however small.
type document struct {
	data   []byte
	tokens []token
}

// token is a value, or the key of a dictionary. Those that a list or dictionary holds
// follow it.
type token struct {
	at   uint32 // where its encoding begins
	next uint32 // the token after it and all that it holds
	mark mark
}

// mark says how a value differs from the one way in which bencode is to be written.
type mark uint8

const (
	loose    mark = 1 << iota // a number has leading zeros or is minus zero
	unsorted                  // keys are out of order
	twice                     // a key stands twice
)

// node is one value of a document. The zero node is absent.
type node struct {
	doc *document
	i   uint32
}

func (n node) ok() bool { return n.doc != nil }

// kind is 'i', 's', 'l' or 'd', and 0 for an absent value.
func (n node) kind() byte {
	if n.doc == nil {
		return 0
	}
	c := n.doc.data[n.doc.tokens[n.i].at]
	if c >= '0' && c <= '9' {
		return 's'
	}
	return c
}

// raw is the whole encoding of the value.
func (n node) raw() []byte {
	p := parser{data: n.doc.data, pos: int(n.doc.tokens[n.i].at)}
	from := p.pos
	if err := p.skip(); err != nil {
		return nil // it was read before
	}
	return n.doc.data[from:p.pos]
}

// str returns the bytes of a string, nil for any other value.
func (n node) str() []byte {
	if n.kind() != 's' {
		return nil
	}
	p := parser{data: n.doc.data, pos: int(n.doc.tokens[n.i].at)}
	s, _, err := p.str()
	if err != nil {
		return nil
	}
	return s
}

// num returns an integer, and whether the value is one of at most 18 digits, which is
// more than any size or date needs.
func (n node) num() (int64, bool) {
	if n.kind() != 'i' {
		return 0, false
	}
	text := n.doc.data[n.doc.tokens[n.i].at+1:]
	text = text[:bytes.IndexByte(text, 'e')]
	text, negative := bytes.CutPrefix(text, []byte("-"))
	num, ok := digits(bytes.TrimLeft(text, "0"))
	if negative {
		num = -num
	}
	return num, ok
}

// digits reads a number of at most 18 digits; none is 0.
func digits(b []byte) (n int64, ok bool) {
	if len(b) > 18 {
		return 0, false
	}
	for _, c := range b {
		n = 10*n + int64(c-'0')
	}
	return n, true
}

// items are the values of a list.
func (n node) items() iter.Seq[node] {
	return func(yield func(node) bool) {
		if n.kind() == 'l' {
			n.below(func(i uint32) bool { return yield(node{n.doc, i}) })
		}
	}
}

// entries are the keys and values of a dictionary, in the order in which they stand.
func (n node) entries() iter.Seq2[[]byte, node] {
	return func(yield func([]byte, node) bool) {
		if n.kind() != 'd' {
			return
		}
		key := node{}
		n.below(func(i uint32) bool {
			if !key.ok() {
				key = node{n.doc, i}
				return true
			}
			k := key.str()
			key = node{}
			return yield(k, node{n.doc, i})
		})
	}
}

// below calls f for each token that n holds itself, until f returns false.
func (n node) below(f func(i uint32) bool) {
	end := n.doc.tokens[n.i].next
	for i := n.i + 1; i < end; i = n.doc.tokens[i].next {
		if !f(i) {
			return
		}
	}
}

// len returns how many values a list holds, or how many keys a dictionary.
func (n node) len() int {
	count := 0
	if n.ok() {
		n.below(func(uint32) bool { count++; return true })
	}
	if n.kind() == 'd' {
		count /= 2
	}
	return count
}

// get returns the value of a key of a dictionary. Of a key that stands twice it is the
// first.
func (n node) get(key string) node {
	for k, v := range n.entries() {
		if string(k) == key {
			return v
		}
	}
	return node{}
}

// marks returns what is marked in the value and in all that it holds.
func (n node) marks() (m mark) {
	if !n.ok() {
		return 0
	}
	for _, t := range n.doc.tokens[n.i:n.doc.tokens[n.i].next] {
		m |= t.mark
	}
	return m
}

// unique returns an error if a key stands twice in the value, or in one that it holds:
// clients may differ in which of the two they take.
func (n node) unique() error {
	for i := n.i; i < n.doc.tokens[n.i].next; i++ {
		if n.doc.tokens[i].mark&twice != 0 {
			return twiceError(node{n.doc, i}, twin(node{n.doc, i}.keys()))
		}
	}
	return nil
}

func twiceError(n node, key []byte) error {
	return core.FieldErrorf("byte "+strconv.Itoa(int(n.doc.tokens[n.i].at)),
		"not a valid .torrent file: the key %q stands twice in the dictionary that begins here", printable(key))
}

// keys are the keys of a dictionary, sorted.
func (n node) keys() [][]byte {
	var keys [][]byte
	for k := range n.entries() {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, bytes.Compare)
	return keys
}

// maxDepth leaves room for a v2 file tree of maxPathDepth.
const maxDepth = maxPathDepth + 8

// parser reads bencode as clients do: keys may be out of order, and numbers may have
// leading zeros. What deviates is marked. Everything else that BEP 3 does not allow is
// an error.
type parser struct {
	data   []byte
	pos    int
	tokens []token
	most   int // values and keys
	met    int // of them that skip has passed over
}

// parse reads data as one value of at most maxTokens values and keys. What follows the
// value is the caller's to judge: it begins at end.
func parse(data []byte, maxTokens int) (root node, end int, err error) {
	if int64(len(data)) > math.MaxUint32 {
		return node{}, 0, core.FieldErrorf("torrent", "the .torrent file is larger than 4 GiB")
	}
	// Counted first: a list that grows takes several times its size.
	count := parser{data: data, most: maxTokens}
	_ = count.skip() // where it ends, so does the parser, and says why
	p := &parser{data: data, most: maxTokens, tokens: make([]token, 0, min(count.met, maxTokens))}
	if err := p.value(0); err != nil {
		return node{}, 0, err
	}
	return node{&document{data, p.tokens}, 0}, p.pos, nil
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

// begin adds a token for what stands here.
func (p *parser) begin() (i int, err error) {
	if len(p.tokens) >= p.most {
		return 0, p.errorf("it holds too many values")
	}
	p.tokens = append(p.tokens, token{at: uint32(p.pos)})
	return len(p.tokens) - 1, nil
}

// end notes that the token and all that it holds are read.
func (p *parser) end(i int, m mark) {
	p.tokens[i].next, p.tokens[i].mark = uint32(len(p.tokens)), m
}

// value reads one value.
func (p *parser) value(depth int) error {
	if p.pos >= len(p.data) {
		return p.errorf("it ends too early")
	}
	if depth > maxDepth {
		return p.errorf("it is nested more than %d levels deep", maxDepth)
	}
	i, err := p.begin()
	if err != nil {
		return err
	}
	var m mark
	switch c := p.data[p.pos]; {
	case c == 'i':
		m, err = p.integer()
	case c >= '0' && c <= '9':
		_, m, err = p.str()
	case c == 'l':
		err = p.list(depth)
	case c == 'd':
		m, err = p.dict(i, depth)
	default:
		err = p.errorf("there is no value here")
	}
	p.end(i, m)
	return err
}

func (p *parser) integer() (mark, error) {
	from := p.pos + 1
	if from < len(p.data) && p.data[from] == '-' {
		from++
	}
	to := from
	for to < len(p.data) && p.data[to] >= '0' && p.data[to] <= '9' {
		to++
	}
	if to == from || to >= len(p.data) || p.data[to] != 'e' {
		return 0, p.errorf("an integer is not written as bencode demands")
	}
	var m mark
	if p.data[from] == '0' && (to > from+1 || p.data[from-1] == '-') {
		m = loose
	}
	p.pos = to + 1
	return m, nil
}

func (p *parser) str() ([]byte, mark, error) {
	from := p.pos
	to := from
	for to < len(p.data) && p.data[to] >= '0' && p.data[to] <= '9' && to < from+18 {
		to++
	}
	if to == from || to >= len(p.data) || p.data[to] != ':' {
		return nil, 0, p.errorf("a string has no length")
	}
	length, _ := digits(p.data[from:to])
	if length > int64(len(p.data)-to-1) {
		return nil, 0, p.errorf("a string is longer than the file")
	}
	var m mark
	if p.data[from] == '0' && to > from+1 {
		m = loose
	}
	p.pos = to + 1 + int(length)
	return p.data[to+1 : p.pos], m, nil
}

func (p *parser) list(depth int) error {
	for p.pos++; p.pos < len(p.data) && p.data[p.pos] != 'e'; {
		if err := p.value(depth + 1); err != nil {
			return err
		}
	}
	return p.close()
}

func (p *parser) dict(self, depth int) (m mark, err error) {
	var last []byte
	first := true
	for p.pos++; p.pos < len(p.data) && p.data[p.pos] != 'e'; first = false {
		if c := p.data[p.pos]; c < '0' || c > '9' {
			return 0, p.errorf("a dictionary's key is not a string")
		}
		i, err := p.begin()
		if err != nil {
			return 0, err
		}
		key, odd, err := p.str()
		if err != nil {
			return 0, err
		}
		p.end(i, odd)
		if order := bytes.Compare(last, key); !first && order == 0 {
			m |= twice
		} else if !first && order > 0 {
			m |= unsorted
		}
		last = key
		if err = p.value(depth + 1); err != nil {
			return 0, err
		}
	}
	if err := p.close(); err != nil {
		return 0, err
	}
	if m&unsorted != 0 && m&twice == 0 && p.anyTwice(self) {
		m |= twice
	}
	return m, nil
}

// anyTwice looks for a key that stands twice, though not side by side, in the dictionary
// that was just read.
func (p *parser) anyTwice(self int) bool {
	p.tokens[self].next = uint32(len(p.tokens))
	keys := node{&document{p.data, p.tokens}, uint32(self)}.keys()
	return twin(keys) != nil
}

// twin returns the first of some sorted keys that stands twice, or nil.
func twin(sorted [][]byte) []byte {
	for i := 1; i < len(sorted); i++ {
		if bytes.Equal(sorted[i-1], sorted[i]) {
			return sorted[i]
		}
	}
	return nil
}

func (p *parser) close() error {
	if p.pos >= len(p.data) {
		return p.errorf("it ends too early")
	}
	p.pos++
	return nil
}

// skip passes over one value without reading what it holds.
func (p *parser) skip() error {
	for depth := 0; ; {
		if p.pos >= len(p.data) {
			return p.errorf("it ends too early")
		}
		var err error
		if p.data[p.pos] != 'e' {
			p.met++
		}
		switch c := p.data[p.pos]; {
		case c == 'd' || c == 'l':
			depth++
			p.pos++
		case c == 'e' && depth > 0:
			depth--
			p.pos++
		case c == 'i':
			_, err = p.integer()
		default:
			_, _, err = p.str()
		}
		if err != nil || depth == 0 {
			return err
		}
	}
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
