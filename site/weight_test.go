package site_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// What a first visit may load, before and after the log-in: bytes of bodies as they are
// sent, and requests.
const (
	visitBytes    = 120_000
	visitRequests = 10
)

// weigher loads pages as a browser with an empty cache does: what is there already is not
// asked for again.
type weigher struct {
	*testing.T
	client   *http.Client
	base     *url.URL
	kept     map[string]bool
	bytes    int
	requests int
}

// load sends a request that accepts gzip, and returns the answer with its body as it was sent.
func (w *weigher) load(method, address string, form url.Values) (*http.Response, []byte) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := w.client.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		w.Fatal(err)
	}
	w.bytes += len(raw)
	w.requests++
	return res, raw
}

var inStyles = regexp.MustCompile(`url\(["']?([^"')]+)`)

// page loads a page and what it refers to, as far as a browser fetches that by itself.
func (w *weigher) page(address string) {
	w.Helper()
	res, raw := w.load(http.MethodGet, address, nil)
	if res.StatusCode != http.StatusOK {
		w.Fatalf("%s: status %d", address, res.StatusCode)
	}
	w.assets(string(raw))
}

func (w *weigher) assets(html string) {
	w.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(html))
	if err != nil {
		w.Fatal(err)
	}
	var list []string
	for selector, name := range map[string]string{`link[rel~="icon"], link[rel~="stylesheet"], link[rel~="preload"], link[rel~="manifest"]`: "href",
		"script[src], img[src], iframe[src], source[src], video[src], audio[src], embed[src]": "src", "object[data]": "data", "img[srcset]": "srcset"} {
		doc.Find(selector).Each(func(_ int, s *goquery.Selection) { list = append(list, s.AttrOr(name, "")) })
	}
	for _, m := range inStyles.FindAllStringSubmatch(html, -1) {
		list = append(list, m[1])
	}
	slices.Sort(list)
	for _, at := range list {
		w.asset(at)
	}
}

func (w *weigher) asset(at string) {
	w.Helper()
	u, err := w.base.Parse(at)
	if err != nil {
		w.Fatal(err)
	}
	if u.Host != w.base.Host {
		w.Errorf("%s is of a foreign host", at)
		return
	}
	if w.kept[u.Path] {
		return
	}
	w.kept[u.Path] = true
	res, raw := w.load(http.MethodGet, u.String(), nil)
	if res.StatusCode != http.StatusOK || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
		w.Errorf("%s: status %d, Cache-Control %q", at, res.StatusCode, res.Header.Get("Cache-Control"))
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/css") {
		if packed := res.Header.Get("Content-Encoding"); packed != "gzip" {
			w.Errorf("the styles are sent with the encoding %q", packed)
		}
		if plain := unpack(w.T, raw); inStyles.MatchString(plain) {
			w.Errorf("the styles refer to files, which this test does not weigh: %s", inStyles.FindString(plain))
		}
	}
}

func unpack(t *testing.T, raw []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// TestFirstVisitIsLight weighs the front page and, after the log-in, the first page of a
// member, with datasets on it: each by itself, as by somebody who has nothing in the cache.
func TestFirstVisitIsLight(t *testing.T) {
	w := furnished(t, 20)
	base, err := url.Parse(w.Server.URL)
	w.Must(err)
	for _, where := range []string{"the front page", "the first page after the log-in", "both"} {
		b := w.As("anonymous")
		b.Client.Transport = &http.Transport{DisableCompression: true} // it asks for gzip itself, and leaves it packed
		v := &weigher{T: t, client: b.Client, base: base, kept: map[string]bool{}}
		if where != "the first page after the log-in" {
			v.page(w.Server.URL + "/")
		}
		if where != "the front page" {
			res, _ := v.load(http.MethodPost, w.Server.URL+"/login", url.Values{"name": {"user"}, "password": {w.People["user"].Password}})
			if res.StatusCode != http.StatusSeeOther {
				t.Fatalf("log in: status %d", res.StatusCode)
			}
			v.page(w.Server.URL + res.Header.Get("Location"))
		}
		t.Logf("%s: %d bytes in %d requests", where, v.bytes, v.requests)
		if v.bytes > visitBytes || v.requests > visitRequests {
			t.Errorf("%s: %d bytes in %d requests, want at most %d in %d", where, v.bytes, v.requests, visitBytes, visitRequests)
		}
	}
}
