package journal

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// run starts what the caller of a journal has to run.
func run(b *testing.B, j *Journal) {
	b.Helper()
	done := make(chan error, 1)
	go func() { done <- j.Run(b.Context()) }()
	b.Cleanup(func() {
		closeNow(b, j)
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
}

func report(b *testing.B, j *Journal, records int64, waits []time.Duration) {
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
	if s := j.Stats(); s.Groups > 0 {
		b.ReportMetric(float64(s.Records)/float64(s.Groups), "records/write")
	}
	slices.Sort(waits)
	if n := len(waits); n > 0 {
		b.ReportMetric(float64(waits[n*99/100].Microseconds()), "p99-µs")
		b.ReportMetric(float64(waits[n-1].Microseconds()), "worst-µs")
	}
}

// BenchmarkAppend is one call for each record of 80 bytes.
func BenchmarkAppend(b *testing.B) {
	for _, mode := range []SyncMode{SyncNever, SyncInterval, SyncAlways} {
		for _, workers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%d", mode, workers), func(b *testing.B) {
				j := open(b, b.TempDir(), Options{Sync: mode})
				run(b, j)
				rec := bytes.Repeat([]byte("r"), 80)
				waits := make([]time.Duration, b.N)
				var n atomic.Int64
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for range workers {
					wg.Go(func() {
						for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
							begun := time.Now()
							if _, err := j.Append(rec); err != nil {
								b.Error(err)
								return
							}
							waits[i-1] = time.Since(begun)
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				report(b, j, int64(b.N), waits)
			})
		}
	}
}

// BenchmarkBatch is two server loops that each commit 16 or 64 records at once.
func BenchmarkBatch(b *testing.B) {
	for _, mode := range []SyncMode{SyncNever, SyncInterval, SyncAlways} {
		for _, batch := range []int{16, 64} {
			b.Run(fmt.Sprintf("%s/%d", mode, batch), func(b *testing.B) {
				j := open(b, b.TempDir(), Options{Sync: mode})
				run(b, j)
				rec := bytes.Repeat([]byte("r"), 80)
				waits := make([]time.Duration, b.N/batch+3)
				var n atomic.Int64
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for range 2 {
					wg.Go(func() {
						for i := n.Add(1); i*int64(batch) <= int64(b.N)+int64(batch); i = n.Add(1) {
							begun := time.Now()
							var first, last uint64
							for range batch {
								pos, err := j.AppendNoWait(rec)
								if err != nil {
									b.Error(err)
									return
								}
								if first == 0 {
									first = pos
								}
								last = pos
							}
							if err := j.Commit(first, last); err != nil {
								b.Error(err)
								return
							}
							waits[i-1] = time.Since(begun)
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				report(b, j, int64(j.Stats().Records), slices.DeleteFunc(waits, func(d time.Duration) bool { return d == 0 }))
			})
		}
	}
}

// BenchmarkReplay reads a million records of 80 bytes.
func BenchmarkReplay(b *testing.B) {
	const records = 1_000_000
	j := open(b, b.TempDir(), Options{Sync: SyncNever})
	rec := bytes.Repeat([]byte("r"), 80)
	for n := range records {
		pos, err := j.AppendNoWait(rec)
		if err != nil {
			b.Fatal(err)
		}
		if n%32 == 31 {
			if err := j.WaitFor(pos); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := j.Replay(0, func(uint64, []byte) error { n++; return nil }); err != nil || n != records {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
