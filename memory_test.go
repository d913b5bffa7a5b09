package main

import "testing"

func TestTrim(t *testing.T) {
	t.Parallel()
	if err := trim(); err != nil {
		t.Fatal(err)
	}
}

func TestGarbagePercent(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 10, 80 << 20: 10, 100 << 20: 8, 200 << 20: 4, 1 << 30: 2, 1 << 40: 2} {
		if got := garbagePercent(live); got != want {
			t.Errorf("%d bytes in use: %d %%, want %d", live, got, want)
		}
	}
}
