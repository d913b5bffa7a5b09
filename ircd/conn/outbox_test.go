package conn

import "testing"

func TestOutboxIsBounded(t *testing.T) {
	o := &outbox{limit: 10, busy: true}
	if o.push([]byte("12345")) == Overflow || o.push([]byte("67890")) == Overflow {
		t.Fatal("what fits was refused")
	}
	if o.push([]byte("x")) != Overflow {
		t.Fatal("the limit was passed")
	}
	if lines, closed := o.take(); len(lines) != 0 || !closed {
		t.Errorf("after the overflow %d lines are kept (closed %v)", len(lines), closed)
	}
	if o.push([]byte("y")) == Overflow {
		t.Error("a closed queue overflows again")
	}
}

// TestQueueCountsWhatIsUnderWay makes sure that bytes which were taken from the queue but
// are not written yet count towards the limit for a client that reads nothing.
func TestQueueCountsWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	o := &outbox{limit: 100, busy: true}
	if o.push(make([]byte, 60)) != Queued || !func() bool { lines, _ := o.take(); return len(lines) == 1 }() {
		t.Fatal("a line was not queued")
	}
	if o.push(make([]byte, 60)) != Overflow {
		t.Error("what is being written doesn't count")
	}
	o = &outbox{limit: 100, busy: true}
	o.push(make([]byte, 60))
	lines, _ := o.take()
	o.sent(60, lines)
	if !o.release() || o.push(make([]byte, 100)) != Unwritten {
		t.Error("what was written still counts")
	}
	if o.release() {
		t.Error("a queue was left that has a line")
	}
}
