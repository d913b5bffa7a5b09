//go:build look

package site_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// TestLook takes pictures of every page, for every role, wide and narrow, light and dark,
// and lets axe look at each. It is what make look runs: CADUCEUS_LOOK names the folder.
func TestLook(t *testing.T) {
	dir := os.Getenv("CADUCEUS_LOOK")
	if dir == "" {
		t.Fatal("CADUCEUS_LOOK names no folder: make look runs this")
	}
	w := furnished(t, envInt("CADUCEUS_LOOK_DATASETS", 8))
	far := extremes(w)
	l := newLooker(t, w)
	w.Must(os.MkdirAll(dir, 0o755))
	only := os.Getenv("CADUCEUS_LOOK_ONLY")
	var index strings.Builder
	index.WriteString("<!doctype html><html lang=en><title>Every page</title><style>img{width:24%;border:1px solid #999;vertical-align:top}</style>")
	for _, role := range []string{"anonymous", "user", "moderator", "sysop"} {
		l.become(role)
		b := w.As(role)
		for _, path := range append(pagesOf(t, w), far...) {
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

// extremes uploads what is as small or as large as anything may be, and returns where it
// is to be seen.
func extremes(w *sitetest.World) (paths []string) {
	group, _ := w.Upload("user", "A name of one letter", nil)
	w.Must(w.DB.Tx(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), "UPDATE torrent_group SET title = 'X' WHERE id = ?", group)
		return err
	}))
	paths = append(paths, fmt.Sprintf("/groups/%d", group))
	word := strings.Repeat("abcdefghij", 20) // no browser breaks it by itself
	group, _ = w.Upload("other", "A word of 200 letters", func(form url.Values) {
		form.Set("title", word)
		form.Set("subject", word)
		form.Set("workgroup", word[:128])
		form.Set("description", "So long: "+word+", and `"+word+"`.")
		var authors []string
		for i := range 60 {
			authors = append(authors, fmt.Sprintf("Author Number %d", i))
		}
		form.Set("creators", strings.Join(append(authors, word), "\n"))
		form.Set("tags", "phage, lambda, genome, dna, "+word[:30])
	})
	paths = append(paths, fmt.Sprintf("/groups/%d", group))

	const files = 100_000
	var list strings.Builder
	for i := range files {
		name := fmt.Sprintf("f%06d.fa", i)
		if i%1000 == 0 {
			name = fmt.Sprintf("f%06d", i) + word
		}
		fmt.Fprintf(&list, "d6:lengthi%de4:pathl4:d%03d%d:%see", i+1, i/1000, len(name), name)
	}
	raw := "d4:infod5:filesl" + list.String() + "e4:name3:set12:piece lengthi16777216e6:pieces" + fmt.Sprint(20*pieces(files)) + ":" + strings.Repeat("a", 20*pieces(files)) + "ee"
	a := w.As("user").Send("/upload", sitetest.Dataset("A dataset of a hundred thousand files"), []byte(raw))
	var torrent int
	if _, err := fmt.Sscanf(a.Header.Get("Location"), "/torrents/%d/uploaded", &torrent); err != nil {
		panic(fmt.Sprintf("upload of many files: status %d: %s", a.StatusCode, a.Text))
	}
	b := w.As("user")
	dataset := b.Get(fmt.Sprintf("/torrents/%d", torrent)).Header.Get("Location")
	return append(paths, dataset, fmt.Sprintf("/torrents/%d/files", torrent), fmt.Sprintf("/torrents/%d/files?q=f05", torrent))
}

// pieces is how many pieces of 16 MiB so many files have, of 1, 2, 3 … bytes.
func pieces(files int) int { return (files*(files+1)/2 + 1<<24 - 1) >> 24 }

func envInt(name string, fallback int) int {
	n := fallback
	if _, err := fmt.Sscan(os.Getenv(name), &n); err != nil {
		return fallback
	}
	return n
}
