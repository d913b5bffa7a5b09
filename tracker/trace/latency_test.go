package trace

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	if bounds[1] != 7500*time.Nanosecond || bounds[2] != 10*time.Microsecond || bounds[buckets-2] < time.Second {
		t.Fatalf("bounds %v", bounds)
	}
	for i, b := range bounds {
		if got := bucket(b); got != i {
			t.Errorf("%v lies in bucket %d, want %d", b, got, i)
		}
		if got := bucket(b + 1); got != i+1 {
			t.Errorf("just over %v lies in bucket %d, want %d", b, got, i+1)
		}
	}
	for _, d := range []time.Duration{-time.Second, 0, 1} {
		if got := bucket(d); got != 0 {
			t.Errorf("%v lies in bucket %d", d, got)
		}
	}
	if got := bucket(1<<63 - 1); got != buckets-1 {
		t.Errorf("for ever lies in bucket %d", got)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	l := NewLatency("x_seconds", "Time.")
	if got := l.snapshot().quantile(0.5); got != 0 {
		t.Errorf("median of nothing: %v", got)
	}
	l.Observe(98, 9*time.Microsecond)
	l.Observe(1, 90*time.Microsecond)
	l.Observe(1, 3*time.Second)
	all := l.snapshot()
	for q, want := range map[float64][2]time.Duration{
		0.5: {7500, 10_000}, 0.98: {7500, 10_000}, 0.99: {80_000, 120_000}, 1: {bounds[buckets-2], bounds[buckets-2]},
	} {
		if got := all.quantile(q); got < want[0] || got > want[1] {
			t.Errorf("%v of all: %v, want it in %v", q, got, want)
		}
	}
	l.Observe(4, time.Millisecond)
	if got := l.snapshot().since(all).quantile(0.5); got < 900*time.Microsecond || got > 1300*time.Microsecond {
		t.Errorf("median of the last four: %v", got)
	}
	for range 2 { // each asker has a worst of their own, since they last asked
		want := 3 * time.Second
		if got := l.takeWorst(forMinute); got != want {
			t.Errorf("worst %v", got)
		}
		if got := l.takeWorst(forMinute); got != 0 {
			t.Errorf("worst of nothing %v", got)
		}
		l.Observe(1, want)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(l)
	families, err := reg.Gather()
	if err != nil || len(families) != 2 {
		t.Fatalf("%d families, %v", len(families), err)
	}
	h := families[0].GetMetric()[0].GetHistogram()
	if h.GetSampleCount() != 106 || len(h.GetBucket()) != len(bounds) || h.GetBucket()[2].GetCumulativeCount() != 98 {
		t.Errorf("histogram %v", h)
	}
	if again, err := reg.Gather(); err != nil || families[1].GetMetric()[0].GetGauge().GetValue() != 3 || again[1].GetMetric()[0].GetGauge().GetValue() != 0 {
		t.Errorf("worst %v, then %v (%v)", families[1], again[1], err)
	}
}

func BenchmarkObserve(b *testing.B) {
	b.Run("ours", func(b *testing.B) {
		l := NewLatency("x", "x")
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for d := time.Duration(0); pb.Next(); d += 777 {
				l.Observe(1, d%time.Millisecond)
			}
		})
	})
	b.Run("prometheus", func(b *testing.B) {
		all := make([]float64, len(bounds))
		for i, d := range bounds {
			all[i] = d.Seconds()
		}
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "x", Buckets: all})
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for d := time.Duration(0); pb.Next(); d += 777 {
				h.Observe((d % time.Millisecond).Seconds())
			}
		})
	})
}
