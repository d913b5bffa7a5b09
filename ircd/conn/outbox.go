package conn

import "sync"

// outbox is the bounded queue of lines to one client. It has its own lock, so that taking
// lines from it doesn't need the network's.
type outbox struct {
	limit int

	mu     sync.Mutex
	lines  [][]byte
	spare  [][]byte // memory of lines that were written, where it is little
	size   int      // bytes that are queued, or were taken and aren't written yet
	busy   bool     // somebody is writing, or about to; set at first, when nobody may write yet
	corked bool     // more will be queued in a moment
	closed bool
}

// Pushed says what became of a line.
type Pushed int

// What Push, Finish and Cork report.
const (
	Queued    Pushed = iota // somebody is writing, or about to
	Unwritten               // queued, and nobody is about to write it: give the connection to Flush or a Crew
	Overflow                // the client has too much unread; the queue is closed and emptied
)

// push adds a line.
func (o *outbox) push(b []byte) Pushed {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return Queued
	}
	if o.size+len(b) > o.limit {
		o.closed, o.lines = true, nil
		return Overflow
	}
	if o.lines == nil {
		o.lines, o.spare = o.spare, nil
	}
	o.lines = append(o.lines, b)
	o.size += len(b)
	return o.heed()
}

// close lets the writer end once it has sent what is queued.
func (o *outbox) close() Pushed {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	return o.heed()
}

func (o *outbox) heed() Pushed {
	if o.busy || o.corked {
		return Queued
	}
	o.busy = true
	return Unwritten
}

// cork holds what is queued until it is called with false.
func (o *outbox) cork(on bool) Pushed {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.corked = on; len(o.lines) > 0 || o.closed {
		return o.heed()
	}
	return Queued
}

// take returns what is queued, and whether nothing more will come. The slice is the
// caller's, but not the bytes of the lines.
func (o *outbox) take() ([][]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := o.lines
	o.lines = nil
	return lines, o.closed
}

// keepLines is the number of lines for which an empty queue keeps its memory.
const keepLines = 4

// sent notes that some bytes were written. Once all lines of a slice are, it takes the
// slice back.
func (o *outbox) sent(size int, lines [][]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.size -= size
	if lines != nil && cap(lines) <= keepLines {
		clear(lines)
		o.spare = lines[:0]
	}
}

// waiting is how many bytes are queued or being written.
func (o *outbox) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size
}

// release ends the writing and returns true, unless there is more to write.
func (o *outbox) release() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lines) > 0 || o.closed {
		return false
	}
	o.busy = false
	return true
}

// abandon empties the queue of a connection that is broken.
func (o *outbox) abandon() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed, o.lines, o.spare = true, nil, nil
}
