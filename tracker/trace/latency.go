package trace

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The buckets of a Latency: two for each octave from 5 µs to 1.3 s, and one for what is
// slower.
const (
	finest  = 5 * time.Microsecond
	octaves = 18
	buckets = 2*octaves + 2
)

// bounds are the upper bounds of all buckets but the last.
var bounds = func() (b [buckets - 1]time.Duration) {
	for i := range b {
		b[i] = finest << (i / 2)
		if i%2 == 1 {
			b[i] += b[i] / 2
		}
	}
	return b
}()

// bucket returns the first bucket whose upper bound is not below d: 5, 7.5, 10, 15, 20,
// 30 µs …
func bucket(d time.Duration) int {
	if d <= finest {
		return 0
	}
	octave := bits.Len64(uint64(d-1)/uint64(finest)) - 1
	if octave >= octaves {
		if d <= bounds[buckets-2] {
			return buckets - 2
		}
		return buckets - 1
	}
	low := finest << octave
	if d <= low+low/2 {
		return 2*octave + 1
	}
	return 2*octave + 2
}

// Latency is a lock-free histogram of how long answers took, for Prometheus and for the
// rows by the minute. It is safe for concurrent use.
type Latency struct {
	counts [buckets]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
	worst  [2]atomic.Int64

	seconds, worstSeconds *prometheus.Desc
}

// The readers of the worst latency. Each has a maximum of its own.
const (
	forScrape = iota
	forMinute
)

// NewLatency returns a collector of the metric name and of name_worst, the maximum since
// the last scrape.
func NewLatency(name, help string) *Latency {
	return &Latency{
		seconds:      prometheus.NewDesc(name, help, nil, nil),
		worstSeconds: prometheus.NewDesc(name+"_worst", help+" The longest since the last scrape.", nil, nil),
	}
}

// Observe counts n answers that took d each.
func (l *Latency) Observe(n int, d time.Duration) {
	l.counts[bucket(d)].Add(uint64(n))
	l.sum.Add(int64(d) * int64(n))
	for i := range l.worst {
		for w := l.worst[i].Load(); int64(d) > w && !l.worst[i].CompareAndSwap(w, int64(d)); w = l.worst[i].Load() {
		}
	}
}

// Describe implements prometheus.Collector.
func (l *Latency) Describe(ch chan<- *prometheus.Desc) {
	ch <- l.seconds
	ch <- l.worstSeconds
}

// Collect implements prometheus.Collector.
func (l *Latency) Collect(ch chan<- prometheus.Metric) {
	sum := time.Duration(l.sum.Load()).Seconds()
	counts := l.snapshot()
	cumulative := make(map[float64]uint64, len(bounds))
	var n uint64
	for i, b := range bounds {
		n += counts[i]
		cumulative[b.Seconds()] = n
	}
	n += counts[buckets-1]
	ch <- prometheus.MustNewConstHistogram(l.seconds, n, sum, cumulative)
	ch <- prometheus.MustNewConstMetric(l.worstSeconds, prometheus.GaugeValue, l.takeWorst(forScrape).Seconds())
}

func (l *Latency) takeWorst(who int) time.Duration { return time.Duration(l.worst[who].Swap(0)) }

// histogram is a copy of the counts.
type histogram [buckets]uint64

func (l *Latency) snapshot() (t histogram) {
	for i := range t {
		t[i] = l.counts[i].Load()
	}
	return t
}

// since returns what was counted after before.
func (t histogram) since(before histogram) histogram {
	for i := range t {
		t[i] -= before[i]
	}
	return t
}

// quantile estimates the duration below which a fraction q of the answers lies, assuming
// that they are evenly spread within each bucket. It is 0 without any answers.
func (t histogram) quantile(q float64) time.Duration {
	var n uint64
	for _, c := range t {
		n += c
	}
	if n == 0 {
		return 0
	}
	rank := q * float64(n)
	var below float64
	for i, c := range t {
		if c == 0 || below+float64(c) < rank {
			below += float64(c)
			continue
		}
		var low time.Duration
		if i > 0 {
			low = bounds[i-1]
		}
		if i == buckets-1 {
			return low
		}
		return low + time.Duration(float64(bounds[i]-low)*(rank-below)/float64(c))
	}
	return bounds[buckets-2]
}
