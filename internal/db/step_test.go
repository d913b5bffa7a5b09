package db

import (
	"context"
	"testing"
)

// fickle is a context that ends while it is asked.
type fickle struct {
	context.Context
	asked int
}

// Err implements context.Context.
func (f *fickle) Err() error {
	if f.asked++; f.asked == 1 {
		return nil
	}
	return context.Canceled
}

// TestStepThatIsNotTaken makes sure that a step counts as taken only if it is: otherwise it
// would be interrupted later, when its connection may be closed and its memory another's.
func TestStepThatIsNotTaken(t *testing.T) {
	t.Parallel()
	r := &rows{ctx: &fickle{Context: t.Context()}}
	if taken := r.step(true); taken != r.stepping {
		t.Errorf("taken: %v, and it counts as taken: %v", taken, r.stepping)
	}
	if r.step(true) || r.stepping {
		t.Error("a step is taken after the context's end")
	}
}
