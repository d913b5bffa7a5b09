// Command screenshots takes the README's pictures: it starts ./caduceus demo in a scratch
// folder, waits until its datasets are shared and fetched, and photographs its pages in
// Debian's Chromium. It ends within ten minutes, whatever happens.
//
// Concurrency: one goroutine, beside the demo's process.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

const (
	site  = "http://localhost:8080"
	limit = 10 * time.Minute
)

var errEnded = errors.New("the demo ended before it was photographed")

// picture is a page as it is photographed.
type picture struct {
	file, path    string
	width, height int64
	scheme        string
}

var pictures = []picture{
	{"screenshot.png", "/groups/1", 1280, 800, "light"},
	{"screenshot-browse.png", "/browse", 1280, 800, "light"},
	{"screenshot-phone.png", "/browse", 390, 844, "dark"},
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	err := run(ctx)
	cancel()
	if err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "caduceus-screenshots-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		return err
	}
	demo := exec.CommandContext(ctx, "./caduceus", "demo", "--dir", filepath.Join(dir, "demo"), "--pace", "1s")
	demo.Stdout, demo.Stderr = out, out
	demo.Cancel = func() error { return demo.Process.Signal(syscall.SIGTERM) }
	demo.WaitDelay = 10 * time.Second
	if err := demo.Start(); err != nil {
		return fmt.Errorf("start the demo (make build): %w", err)
	}
	ended := make(chan struct{})
	var ending error
	go func() {
		ending = demo.Wait()
		close(ended)
	}()
	defer func() {
		_ = demo.Process.Signal(syscall.SIGTERM) // it may have ended
		<-ended
	}()
	fmt.Println("The demo shares and fetches its datasets, which takes some minutes.")
	err = waitFor(ctx, ended, func() bool { return settled(out.Name()) })
	if errors.Is(err, errEnded) {
		err = errors.Join(err, ending)
	}
	if err != nil {
		text, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%w\n%s", err, text)
	}
	passphrase, err := passphraseOf(filepath.Join(dir, "demo", "secrets", "demo-members"), "barbara")
	if err != nil {
		return err
	}
	return photograph(ctx, dir, passphrase)
}

// settled reports whether the demo has shared most of its datasets and a member has
// fetched several.
func settled(output string) bool {
	text, err := os.ReadFile(output)
	return err == nil && strings.Count(string(text), "has fetched") >= 12 && strings.Count(string(text), " shares ") >= 8
}

func waitFor(ctx context.Context, ended <-chan struct{}, done func() bool) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ended:
			return errEnded
		case <-tick.C:
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, site, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<20))
	return errors.Join(err, res.Body.Close())
}

// passphraseOf reads a member's passphrase from the file that the demo writes.
func passphraseOf(file, name string) (string, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	m := regexp.MustCompile(`(?m)^` + name + ` +passphrase (\S+)`).FindStringSubmatch(string(raw))
	if m == nil {
		return "", fmt.Errorf("%s does not name %s", file, name)
	}
	return m[1], nil
}

func photograph(ctx context.Context, dir, passphrase string) error {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath("chromium"), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(filepath.Join(dir, "browser")))
	browser, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	page, stopPage := chromedp.NewContext(browser)
	defer stopPage()
	err := chromedp.Do(page, chromedp.Navigate(site+"/login"), chromedp.SendKeys("input[name=name]", "barbara"), chromedp.SendKeys("input[name=password]", passphrase),
		chromedp.Submit("input[name=password]"), chromedp.WaitVisible(".menu.self"))
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	for _, p := range pictures {
		features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: p.scheme}}
		if _, err := chromedp.Call(page, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
			return err
		}
		if err := chromedp.Do(page, chromedp.EmulateViewport(p.width, p.height), chromedp.Navigate(site+p.path)); err != nil {
			return fmt.Errorf("%s: %w", p.path, err)
		}
		shot, err := chromedp.Run(page, chromedp.CaptureScreenshot())
		if err != nil {
			return fmt.Errorf("%s: %w", p.path, err)
		}
		if err := os.WriteFile(filepath.Join("docs", p.file), shot, 0o600); err != nil {
			return err
		}
		fmt.Println("docs/" + p.file)
	}
	return nil
}
