package main

import (
	"bytes"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"text/tabwriter"
	"time"
)

// histogram counts latencies in nanoseconds, in steps of 3 %.
type histogram struct {
	counts [64 * 32]uint32
	total  int
	max    time.Duration
}

const subBits = 5

func (h *histogram) add(d time.Duration) {
	n := uint64(max(d, 1))
	shift := max(bits.Len64(n)-subBits-1, 0)
	h.counts[shift<<subBits+int(n>>shift)]++
	h.total++
	h.max = max(h.max, d)
}

// quantile is the latency that a share q of all did not exceed, in milliseconds.
func (h *histogram) quantile(q float64) float64 {
	want := int(q * float64(h.total))
	for i, n := range h.counts {
		if want -= int(n); want < 0 {
			shift := max(i>>subBits-1, 0)
			return float64(uint64(i-shift<<subBits)<<shift) / 1e6
		}
	}
	return float64(h.max) / 1e6
}

// result is one measurement.
type result struct {
	server, mode string
	rate         float64 // announces a second
	latency      histogram
	silence      time.Duration // the longest without any answer
	cpu, db      float64       // seconds for 100,000 announces
	hasDB        bool
	rss          int64   // bytes
	foreign      float64 // share of the machine's CPUs that went to other programs meanwhile
	failures     int
}

// String tells of a measurement while others are still to come.
func (r result) String() string {
	return fmt.Sprintf("%-10s %-24s %8.0f/s  p50 %.2f p99 %.2f max %.1f silence %.1f ms  CPU %.2f s  others %.0f %%", r.mode, r.server, r.rate,
		r.latency.quantile(0.5), r.latency.quantile(0.99), ms(r.latency.max), ms(r.silence), r.cpu, 100*r.foreign)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// report prints the table: medians of each server's measurements, the range of
// its rates, and the worst of its pauses.
func report(w io.Writer, o options, all []result) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d members, %d torrents, %d clients, %d %% of them over IPv6; %d connections, %v after %v of warm-up, medians of %d\n",
		o.members, o.torrents, o.peers, o.v6, o.connections, o.duration, o.warmup, o.repeat)
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "mode\tserver\tannounces/s\tlowest–highest\tp50 ms\tp99 ms\tp999 ms\tmax ms\tsilence ms\tCPU s/100k\tdatabase s/100k\tRSS MiB\tothers %\tfailures\t")
	for len(all) > 0 {
		first := all[0]
		var same, rest []result
		for _, r := range all {
			if r.server == first.server && r.mode == first.mode {
				same = append(same, r)
			} else {
				rest = append(rest, r)
			}
		}
		all = rest
		of := func(f func(r result) float64) []float64 {
			v := make([]float64, len(same))
			for i, r := range same {
				v[i] = f(r)
			}
			slices.Sort(v)
			return v
		}
		mid := func(f func(r result) float64) float64 { return of(f)[len(same)/2] }
		worst := func(f func(r result) float64) float64 { return of(f)[len(same)-1] }
		quantile := func(q float64) float64 { return mid(func(r result) float64 { return r.latency.quantile(q) }) }
		rates, database, failures := of(func(r result) float64 { return r.rate }), "–", 0
		if first.hasDB {
			database = fmt.Sprintf("%.2f", mid(func(r result) float64 { return r.db }))
		}
		for _, r := range same {
			failures += r.failures
		}
		_, _ = fmt.Fprintf(t, "%s\t%s\t%.0f\t%.0f–%.0f\t%.2f\t%.2f\t%.2f\t%.1f\t%.1f\t%.2f\t%s\t%d\t%.0f\t%d\t\n", first.mode, first.server, rates[len(rates)/2],
			rates[0], rates[len(rates)-1], quantile(0.5), quantile(0.99), quantile(0.999), worst(func(r result) float64 { return ms(r.latency.max) }), worst(func(r result) float64 { return ms(r.silence) }),
			mid(func(r result) float64 { return r.cpu }), database, int64(mid(func(r result) float64 { return float64(r.rss) }))>>20,
			100*mid(func(r result) float64 { return r.foreign }), failures)
	}
	_ = t.Flush() // a buffer takes everything
	_, err := w.Write(b.Bytes())
	return err
}
