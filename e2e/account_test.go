package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"

	"github.com/PuerkitoBio/goquery"
)

// account is a member of the site under test with all that belongs to them.
type account struct {
	h           *house
	name        string
	ircKey      string
	announceKey string
	token       string
	browser     *http.Client // logged in
}

// member makes an account in a shell, logs in on the site and makes an API token
// there.
func (h *house) member(name, class string) *account {
	h.t.Helper()
	said := h.do("member", "create", name, "--class", class)
	secretOf := func(label string) string {
		m := regexp.MustCompile(`(?m)^` + label + `: (\S+)$`).FindStringSubmatch(said)
		if m == nil {
			h.t.Fatalf("no %s in:\n%s", label, said)
		}
		return m[1]
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		h.t.Fatal(err)
	}
	a := &account{h: h, name: name, ircKey: secretOf("IRC key"), announceKey: secretOf("Announce key"), browser: &http.Client{Jar: jar}}
	a.post("/login", url.Values{"name": {name}, "password": {secretOf("Passphrase")}})
	page := a.post("/settings/tokens", url.Values{"name": {"e2e"}, "scope": {"upload"}})
	page.Find("dt").Each(func(_ int, dt *goquery.Selection) {
		if dt.Text() == "e2e" {
			a.token = strings.TrimSpace(dt.Next().Text())
		}
	})
	if a.token == "" {
		h.t.Fatalf("no token on the page:\n%s", page.Text())
	}
	return a
}

// post sends a form as a browser does and returns the page it leads to.
func (a *account) post(path string, form url.Values) *goquery.Document {
	a.h.t.Helper()
	req, err := http.NewRequestWithContext(a.h.t.Context(), http.MethodPost, a.h.site+path, strings.NewReader(form.Encode()))
	if err != nil {
		a.h.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return a.page(req)
}

// get opens a page.
func (a *account) get(path string) *goquery.Document {
	a.h.t.Helper()
	req, err := http.NewRequestWithContext(a.h.t.Context(), http.MethodGet, a.h.site+path, nil)
	if err != nil {
		a.h.t.Fatal(err)
	}
	return a.page(req)
}

func (a *account) page(req *http.Request) *goquery.Document {
	a.h.t.Helper()
	raw := a.answer(a.browser, req, http.StatusOK)
	doc, err := goquery.NewDocumentFromReader(bytes.NewReader(raw))
	if err != nil {
		a.h.t.Fatal(err)
	}
	return doc
}

// call asks the API and decodes its answer into out.
func (a *account) call(method, path, contentType string, body io.Reader, status int, out any) {
	a.h.t.Helper()
	req, err := http.NewRequestWithContext(a.h.t.Context(), method, a.h.site+path, body)
	if err != nil {
		a.h.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	raw := a.answer(http.DefaultClient, req, status)
	if file, ok := out.(*[]byte); ok {
		*file = raw
		return
	}
	if err := json.Unmarshal(raw, out); err != nil {
		a.h.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
	}
}

func (a *account) answer(c *http.Client, req *http.Request, status int) []byte {
	a.h.t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		a.h.t.Fatal(err)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != status {
		a.h.t.Fatalf("%s %s: %s, want %d: %v\n%s", req.Method, req.URL.Path, resp.Status, status, err, readable(raw))
	}
	return raw
}

// readable is the text of a page, or anything else as it is, cut short.
func readable(raw []byte) string {
	text := string(raw)
	if doc, err := goquery.NewDocumentFromReader(bytes.NewReader(raw)); err == nil && doc.Find("main").Length() > 0 {
		text = strings.Join(strings.Fields(doc.Find("main").Text()), " ")
	}
	return text[:min(len(text), 600)]
}

// uploaded is what the API answers to an upload.
type uploaded struct {
	GroupID    int64  `json:"group_id"`
	TorrentID  int64  `json:"torrent_id"`
	Name       string `json:"name"`
	InfoHash   string `json:"info_hash"`
	InfoHashV2 string `json:"info_hash_v2"`
}

// lambdaFields describes the dataset that most tests share.
var lambdaFields = map[string]string{
	"category": "sequences", "title": "Enterobacteria phage lambda, complete genome", "subject": "Escherichia phage Lambda",
	"object": "cI857", "creators": "Sanger F\nCoulson AR", "workgroup": "Sanger Group", "location": "Cambridge", "year": "1982",
	"identifier": "NC_001416.1", "tags": "lambda,phage,genome,reference,virus", "literature": "10.1016/0022-2836(82)90546-0",
	"description": "The **genome** of bacteriophage lambda.", "platform": "Sanger", "format": "FASTA", "archive": "None",
	"scope": "Genome", "license": "Public Domain", "version": "1.0.0", "torrent_description": "With the index of Bowtie 2.",
}

// upload uploads a .torrent with the given title through the API.
func (a *account) upload(torrent []byte, title string) uploaded {
	a.h.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("torrent", "dataset.torrent")
	if err == nil {
		_, err = file.Write(torrent)
	}
	for key, value := range lambdaFields {
		if key == "title" {
			value = title
		}
		if err == nil {
			err = form.WriteField(key, value)
		}
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		a.h.t.Fatal(err)
	}
	var out uploaded
	a.call(http.MethodPost, "/api/v1/torrents", form.FormDataContentType(), &body, http.StatusCreated, &out)
	return out
}

// download fetches the member's own .torrent.
func (a *account) download(id int64) (torrent []byte) {
	a.h.t.Helper()
	a.call(http.MethodGet, fmt.Sprintf("/api/v1/torrents/%d/download", id), "", nil, http.StatusOK, &torrent)
	if bytes.Contains(torrent, []byte(a.announceKey)) || announceKey(torrent) == nil {
		a.h.t.Errorf("the .torrent of %s should hold a key for this torrent alone", a.name)
	}
	return torrent
}

// announceKey finds the key in the announce address of a .torrent, nil where there
// is none.
func announceKey(torrent []byte) []byte {
	m := regexp.MustCompile(`/([0-9A-Za-z_-]{40})/announce`).FindSubmatch(torrent)
	if m == nil {
		return nil
	}
	return m[1]
}

// figures is what the API says of the member who asks.
type figures struct {
	Uploaded   int64
	Downloaded int64
	Snatched   int
	Seeding    int
	Leeching   int
}

// waitFigures waits until the API says want of the member, and reads the exact
// byte counts from their profile page too.
func (a *account) waitFigures(want figures) {
	a.h.t.Helper()
	a.h.wait(fmt.Sprintf("%s should have %+v", a.name, want), func() (bool, string) {
		var got figures
		a.call(http.MethodGet, "/api/v1/me", "", nil, http.StatusOK, &got)
		return got == want, fmt.Sprintf("has %+v", got)
	})
	page := a.get("/members/" + a.name)
	shown := map[string]string{}
	page.Find("dt").Each(func(_ int, dt *goquery.Selection) {
		exact := dt.NextFiltered("dd").AttrOr("title", "")
		shown[dt.Text()] = regexp.MustCompile(`[^0-9]`).ReplaceAllString(exact, "")
	})
	if shown["Uploaded"] != fmt.Sprint(want.Uploaded) || shown["Downloaded"] != fmt.Sprint(want.Downloaded) {
		a.h.t.Errorf("the profile of %s shows %q up and %q down, want %+v", a.name, shown["Uploaded"], shown["Downloaded"], want)
	}
}

// snatches waits until the API counts want snatches of a torrent.
func (a *account) waitSnatches(id int64, want int) {
	a.h.t.Helper()
	a.h.wait(fmt.Sprintf("torrent %d should have %d snatches", id, want), func() (bool, string) {
		var got struct{ Snatches int }
		a.call(http.MethodGet, fmt.Sprintf("/api/v1/torrents/%d", id), "", nil, http.StatusOK, &got)
		return got.Snatches == want, fmt.Sprintf("has %d", got.Snatches)
	})
}
