package web

import (
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(2, time.Minute, func() time.Time { return now })
	for i, want := range []bool{true, true, false} {
		if _, ok := l.take("a"); ok != want {
			t.Errorf("take %d: %v", i, ok)
		}
	}
	if wait, _ := l.take("a"); wait != 30*time.Second {
		t.Errorf("wait %v, want 30s", wait)
	}
	now = now.Add(30 * time.Second)
	if _, ok := l.take("a"); !ok {
		t.Error("a token did not come back")
	}
	l.giveBack("a")
	if _, ok := l.take("a"); !ok {
		t.Error("giveBack gave nothing")
	}
	for i := range 2*maxBuckets + 10 {
		l.take(string(rune(i)) + "/" + time.Duration(i).String())
	}
	if n := len(l.buckets); n > maxBuckets {
		t.Errorf("%d buckets, want at most %d", n, maxBuckets)
	}
	if a, b := addressKey("2001:db8:1:2:3::4"), addressKey("2001:db8:1:2::9"); a != b || a == addressKey("2001:db8:1:3::9") {
		t.Errorf("IPv6 keys are %s and %s", a, b)
	}
	if addressKey("::ffff:192.0.2.1") != addressKey("192.0.2.1") || addressKey("junk") != "unknown" {
		t.Error("addresses are not normalised")
	}
}
