package core

import (
	"testing"
	"time"
)

func TestLasts(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		ends time.Duration
		want bool
	}{
		{-time.Second, false},
		{0, false},
		{time.Nanosecond, true},
		{time.Hour, true},
		{time.Hour + Skew, true}, // another machine's clock
		{time.Hour + Skew + time.Nanosecond, false},
		{365 * 24 * time.Hour, false},
		{1<<63 - 1, false},
	} {
		if got := Lasts(now, now.Add(c.ends), time.Hour); got != c.want {
			t.Errorf("what ends in %s and lasts an hour at most: %v, want %v", c.ends, got, c.want)
		}
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		ago  time.Duration
		want bool
	}{
		{time.Hour, true},
		{time.Hour - 1, false},
		{0, false},
		{-Skew, false},
		{-Skew - 1, true},
		{-365 * 24 * time.Hour, true},
	} {
		if got := Due(now, now.Add(-c.ago), time.Hour); got != c.want {
			t.Errorf("done %s ago, every hour: %v, want %v", c.ago, got, c.want)
		}
	}
	if !Due(now, time.Time{}, time.Hour) {
		t.Error("what was never done is not due")
	}
}
