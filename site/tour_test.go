//go:build look

package site_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestLook takes pictures of every page, for every role, wide and narrow, light and dark,
// and lets axe look at each. It is what make look runs: CADUCEUS_LOOK names the folder.
func TestLook(t *testing.T) {
	dir := os.Getenv("CADUCEUS_LOOK")
	if dir == "" {
		t.Fatal("CADUCEUS_LOOK names no folder: make look runs this")
	}
	w := furnished(t, envInt("CADUCEUS_LOOK_DATASETS", 8))
	l := newLooker(t, w)
	w.Must(os.MkdirAll(dir, 0o755))
	only := os.Getenv("CADUCEUS_LOOK_ONLY")
	var index strings.Builder
	index.WriteString("<!doctype html><html lang=en><title>Every page</title><style>img{width:24%;border:1px solid #999;vertical-align:top}</style>")
	for _, role := range []string{"anonymous", "user", "moderator", "sysop"} {
		l.become(role)
		b := w.As(role)
		for _, path := range pagesOf(t, w) {
			if b.Get(path).StatusCode == http.StatusSeeOther || only != "" && !regexp.MustCompile(only).MatchString(role+" "+path) {
				continue
			}
			fmt.Fprintf(&index, "<h2>%s as %s</h2>", path, role)
			for _, look := range []struct {
				name          string
				scheme        string
				width, height int64
			}{{"desk-light", "light", 1366, 768}, {"desk-dark", "dark", 1366, 768}, {"phone-light", "light", 390, 844}, {"phone-dark", "dark", 390, 844}} {
				l.scheme(look.scheme)
				l.open(path, look.width, look.height)
				l.audit(path + " as " + role + ", " + look.name)
				shot, err := chromedp.Run(l.page, chromedp.FullScreenshot(100))
				w.Must(err)
				name := strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(role+path, "-"), "-") + "." + look.name + ".png"
				w.Must(os.WriteFile(filepath.Join(dir, name), shot, 0o644))
				fmt.Fprintf(&index, "<a href=%s><img src=%s alt=%s></a> ", name, name, look.name)
			}
		}
	}
	w.Must(os.WriteFile(filepath.Join(dir, "index.html"), []byte(index.String()), 0o644))
}
