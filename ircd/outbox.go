package ircd

import "sync"

// outbox is the bounded queue of lines to one client. It has its own lock: the
// writer takes from it without the network's.
type outbox struct {
	limit int
	wake  chan struct{} // holds one token when there is something to do

	mu     sync.Mutex
	lines  [][]byte
	size   int
	closed bool
}

func newOutbox(limit int) *outbox {
	return &outbox{limit: limit, wake: make(chan struct{}, 1)}
}

// push adds a line. It returns false when the client has too much unread; the
// queue is then closed and emptied.
func (o *outbox) push(b []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return true
	}
	if o.size+len(b) > o.limit {
		o.closed, o.lines, o.size = true, nil, 0
		o.signal()
		return false
	}
	o.lines = append(o.lines, b)
	o.size += len(b)
	if len(o.lines) == 1 {
		o.signal()
	}
	return true
}

// close lets the writer end once it has sent what is queued.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.signal()
}

// take returns what is queued, and whether nothing more will come.
func (o *outbox) take() ([][]byte, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := o.lines
	o.lines, o.size = nil, 0
	return lines, o.closed
}

func (o *outbox) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// waiting is how many bytes are queued.
func (o *outbox) waiting() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.size
}
