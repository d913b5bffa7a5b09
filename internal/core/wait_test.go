package core

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestSleepAndWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if !Sleep(t.Context(), time.Minute) || time.Since(start) != time.Minute {
			t.Errorf("slept for %s", time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if Sleep(ctx, time.Minute) || time.Since(start) != time.Second {
			t.Errorf("the context ended, and it slept for %s", time.Since(start))
		}
		if Sleep(ctx, 0) {
			t.Error("the context has ended, and it says that it goes on")
		}
		wake := make(chan struct{}, 1)
		wake <- struct{}{}
		start = time.Now()
		if !Wait(t.Context(), time.Minute, wake) || time.Since(start) != 0 {
			t.Errorf("woken after %s", time.Since(start))
		}
	})
}
