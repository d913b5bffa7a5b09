package house

import (
	"slices"
	"testing"
)

func TestTrim(t *testing.T) {
	t.Parallel()
	if err := trim(); err != nil {
		t.Fatal(err)
	}
}

func TestUnwritten(t *testing.T) {
	t.Parallel()
	const smaps = `00400000-00500000 r-xp 00000000 fe:00 7    /opt/caduceus
Size:               1024 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
00500000-00600000 r--p 00100000 fe:00 7    /opt/caduceus
Anonymous:             8 kB
00600000-00700000 rw-p 00200000 fe:00 7    /opt/caduceus
Anonymous:             0 kB
00700000-00800000 r--p 00000000 fe:00 9    /lib/libc.so
Anonymous:             0 kB
00800000-00900000 r--p 00300000 fe:00 7    /opt/caduceus
Anonymous:             0 kB
c000000000-c000400000 rw-p 00000000 00:00 0
Anonymous:             0 kB
`
	want := []mapping{{0x400000, 0x500000}, {0x800000, 0x900000}}
	if got := unwritten(smaps, "/opt/caduceus"); !slices.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
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
