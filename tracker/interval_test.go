package tracker

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	t.Parallel()
	p := pace{interval: 30 * time.Minute, timeout: 75 * time.Minute}
	for _, tt := range []struct {
		peers    int
		fresh    bool
		chance   float64
		min, max time.Duration
	}{
		{0, false, 0, 30 * time.Minute, 30 * time.Minute},
		{100, false, 0, 30 * time.Minute, 30 * time.Minute},
		{100, false, 1, 33 * time.Minute, 33 * time.Minute},
		{1000, false, 0, 40 * time.Minute, 40 * time.Minute},
		{100_000, false, 0, time.Hour, time.Hour},
		{100_000_000, false, 1, 66 * time.Minute, 66 * time.Minute},
		{1, true, 0, 15 * time.Minute, 15 * time.Minute},
		{1, true, 1, 33 * time.Minute, 33 * time.Minute},
	} {
		if got := p.next(tt.peers, tt.fresh, tt.chance); got < tt.min || got > tt.max {
			t.Errorf("%+v: %v", tt, got)
		}
	}
	before := time.Duration(0)
	for peers := range 200_000 { // it never falls, and never jumps
		now := p.next(peers, false, 0)
		if now < before || before > 0 && now-before > 3*time.Second {
			t.Fatalf("%d peers: %v after %v", peers, now, before)
		}
		before = now
	}
	for _, tight := range []pace{{time.Second, 1500 * time.Millisecond}, {30 * time.Minute, 31 * time.Minute}, {time.Hour, 7 * 24 * time.Hour}} {
		for _, peers := range []int{1, 1000, 1_000_000} {
			if got := tight.next(peers, false, 1); got > tight.timeout && got > time.Second || got < tight.interval {
				t.Errorf("%+v: %v in a swarm of %d", tight, got, peers)
			}
		}
		if tight.seedCap() < tight.interval {
			t.Errorf("%+v: seed time is cut to %v", tight, tight.seedCap())
		}
	}
	for silence, want := range map[time.Duration]bool{0: true, time.Second: false, 33 * time.Minute: false, 40 * time.Minute: true} {
		if got := p.fresh(silence, 1); got != want {
			t.Errorf("silent for %v: fresh %v", silence, got)
		}
	}
}
