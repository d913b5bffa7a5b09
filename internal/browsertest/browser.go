// Package browsertest is for tests alone: it drives Debian's Chromium as people do, by what is seen
// on the page and what it is called.
//
// Concurrency: a page is for one goroutine at a time.
package browsertest

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// lifetime is how long a browser may be open: make look takes hundreds of pictures.
var lifetime = time.Duration(minutes()) * time.Minute

func minutes() int {
	if n, err := strconv.Atoi(os.Getenv("CADUCEUS_BROWSER_MINUTES")); err == nil && n > 0 {
		return n
	}
	return 8
}

// Tab opens a page of Debian's Chromium, which is ended with the test. It is left out with -short,
// and without Chromium the test fails.
func Tab(t *testing.T) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves the browser out")
	}
	profile, err := os.MkdirTemp("", "caduceus-chromium-")
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(profile), chromedp.NoFirstRun, chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-sync", true))
	limit, stop := context.WithTimeout(context.Background(), lifetime)
	browser, stopBrowser := chromedp.NewExecAllocator(limit, options...)
	page, stopPage := chromedp.NewContext(browser)
	t.Cleanup(func() {
		stopPage()
		stopBrowser()
		stop()
		_ = os.RemoveAll(profile) // the browser may still be writing as it ends
	})
	if err := chromedp.Do(page); err != nil {
		t.Fatalf("start Chromium: %v (apt-get install chromium)", err)
	}
	return page
}

// Ask evaluates a script in the page.
func Ask[T any](t *testing.T, page context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(page, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}
