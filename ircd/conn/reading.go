package conn

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// MaxRead is the longest line that is kept until its end comes, in bytes: tags and line.
const MaxRead = 8191 + 512

// ErrLongLine is returned once for a line over MaxRead, of which nothing is kept.
var ErrLongLine = errors.New("the line is too long")

// inlet cuts what a client sends into lines. While a plain connection is silent it has no
// buffer, so that many silent connections cost little.
type inlet struct {
	c          *Conn
	buf        []byte
	start, end int // of what is unread
	try        func(fd uintptr) bool
	n          int
	err        error
}

// inletBuffers are lent to connections, and are long enough for most lines. Thousands may be
// in use at once, when thousands of clients come back at once.
var inletBuffers = sync.Pool{New: func() any { return new([lentRead]byte) }}

const (
	lentRead  = 1 << 10
	smallRead = 512 // the buffer of a connection that can't do without one
)

func (in *inlet) open(c *Conn) {
	in.c = c
	in.try = func(fd uintptr) bool {
		in.room()
		in.n, in.err = readNow(fd, in.buf[in.end:])
		if errors.Is(in.err, unix.EAGAIN) {
			in.giveBack()
			return false
		}
		return !errors.Is(in.err, unix.EINTR)
	}
}

// readNow reads what is there. As in sendNow, the socket never blocks.
func readNow(fd uintptr, b []byte) (int, error) {
	//nolint:gosec // b is not empty; the pointer lives through the call
	n, _, e := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}

// room makes sure that something can be read.
func (in *inlet) room() {
	switch {
	case in.end < len(in.buf):
	case in.buf == nil && in.c.direct != nil:
		in.buf = inletBuffers.Get().(*[lentRead]byte)[:]
	case in.buf == nil:
		in.buf = make([]byte, smallRead)
	default:
		in.buf = append(in.buf, make([]byte, min(len(in.buf), MaxRead-len(in.buf)))...)
	}
}

// giveBack returns an empty buffer that was lent, and drops one that has grown.
func (in *inlet) giveBack() {
	if in.end > 0 || in.buf == nil {
		return
	}
	if len(in.buf) == lentRead && in.c.direct != nil {
		inletBuffers.Put((*[lentRead]byte)(in.buf))
		in.buf = nil
	} else if len(in.buf) != smallRead {
		in.buf = nil
	}
}

// empty reports whether all that came was read.
func (in *inlet) empty() bool { return in.start == in.end }

// ready reports whether next returns a line at once.
func (in *inlet) ready() bool { return bytes.IndexByte(in.buf[in.start:in.end], '\n') >= 0 }

// rest gives the buffer back once all that came was read and isn't needed any more.
func (in *inlet) rest() {
	if in.c.direct != nil && in.empty() {
		in.start, in.end = 0, 0
		in.giveBack()
	}
}

// next waits for a line and returns it without its end, LF or CR LF. It holds until
// the next call.
func (in *inlet) next() ([]byte, error) {
	searched := in.start
	for {
		if i := bytes.IndexByte(in.buf[searched:in.end], '\n'); i >= 0 {
			l := in.buf[in.start : searched+i]
			in.start = searched + i + 1
			return bytes.TrimSuffix(l, []byte("\r")), nil
		}
		if in.start > 0 {
			in.end = copy(in.buf, in.buf[in.start:in.end])
			in.start = 0
		}
		searched = in.end
		if in.end == MaxRead {
			in.end = 0
			return nil, ErrLongLine
		}
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
}

// fill waits until something comes.
func (in *inlet) fill() error {
	in.giveBack()
	if in.c.direct != nil {
		if err := in.c.direct.Read(in.try); err != nil {
			return err
		}
	} else {
		in.room()
		in.n, in.err = in.c.conn.Read(in.buf[in.end:])
	}
	switch {
	case in.n > 0: // an error comes again
		in.end += in.n
		return nil
	case in.err != nil:
		return in.err
	case in.c.direct != nil:
		return io.EOF
	}
	return nil
}
