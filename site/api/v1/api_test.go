package v1_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	v1 "github.com/caduceus-bio/caduceus/site/api/v1"
	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/web"
)

func TestUploadByAPI(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("anonymous")
	bearer := []string{"Authorization", "Bearer " + w.People["user"].Token}
	form := sitetest.Dataset("A dataset that a program sends")
	form.Set("category", "1")
	form["creators"] = []string{"One Author", "Another Author"}
	form["tags"] = []string{"a", "b", "c", "d", "e"}
	form.Del("format")
	form.Del("archive")
	raw := w.Torrent("api", metainfo.Hybrid, map[string]string{"x.fastq.gz": "@x"})
	a := b.Send("/api/v1/torrents", form, raw, bearer...)
	if a.StatusCode != http.StatusCreated {
		t.Fatalf("status %d: %s", a.StatusCode, a.Text)
	}
	made := sitetest.Decode[v1.UploadAnswer](t, a)
	if made.Torrent != 1 || made.Group != 1 || len(made.InfoHash) != 40 || len(made.InfoHashV2) != 64 || made.Name != "api" ||
		made.URL != "http://site.example/torrents/1" || a.Header.Get("Location") != made.URL ||
		made.DownloadURL != "http://site.example/api/v1/torrents/1/download" || !strings.HasPrefix(made.Source, "BioTorrents-") || len(made.Changes) == 0 {
		t.Errorf("answer %+v", made)
	}
	type whole struct {
		v1.TorrentAnswer
		v1.GroupAnswer
	}
	got := sitetest.Decode[whole](t, b.Get("/api/v1/torrents/1", bearer...))
	if got.Format != "FASTQ" || got.Archive != "gzip" || got.InfoHash != made.InfoHash || got.Size != 2 || got.FileCount != 1 || got.Uploader != "user" || got.Leech.State != core.LeechNormal {
		t.Errorf("torrent %+v", got.TorrentAnswer)
	}
	if diff := cmp.Diff([]string{"One Author", "Another Author"}, got.Creators); diff != "" {
		t.Error(diff)
	}
	file := b.Get("/api/v1/torrents/1/download", bearer...)
	if file.StatusCode != http.StatusOK || file.Header.Get("Content-Type") != "application/x-bittorrent" || !strings.Contains(file.Text, member.TorrentKey(w.People["user"].AnnounceKey, w.People["user"].Member.ID, 1)) {
		t.Errorf("download: status %d", file.StatusCode)
	}
	again := b.Send("/api/v1/torrents", form, raw, bearer...)
	dup := sitetest.Decode[web.APIFailure](t, again)
	if again.StatusCode != http.StatusConflict || dup.Error.Code != core.Conflict || dup.Error.Existing == nil || dup.Error.Existing.Torrent != 1 || dup.Error.Existing.URL != made.URL {
		t.Errorf("the same once more: status %d, %s", again.StatusCode, again.Text)
	}
}

func TestAPIErrors(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user") // a cookie counts for nothing here
	upload := []string{"Authorization", "token " + w.People["user"].Token}
	read := []string{"Authorization", w.People["user"].Read}
	raw := w.Torrent("errors", metainfo.V1, map[string]string{"x": "y"})
	wrong := sitetest.Dataset("short")
	wrong.Set("title", "short")
	wrong.Set("license", "My own")
	tests := map[string]struct {
		a      sitetest.Answer
		status int
		code   core.Code
		fields []string
	}{
		"no token":    {b.Send("/api/v1/torrents", sitetest.Dataset("A dataset without a token"), raw), 401, core.Forbidden, nil},
		"wrong token": {b.Get("/api/v1/me", "Authorization", "Bearer nonsense"), 401, core.Forbidden, nil},
		"disabled": {func() sitetest.Answer {
			w.As("disabled")
			return b.Get("/api/v1/me", "Authorization", "Bearer "+w.People["disabled"].Token)
		}(), 401, core.Forbidden, nil},
		"read-only token":  {b.Send("/api/v1/torrents", sitetest.Dataset("A dataset by a reader"), raw, read...), 403, core.Forbidden, nil},
		"no torrent":       {b.Get("/api/v1/torrents/7", read...), 404, core.NotFound, nil},
		"no such address":  {b.Get("/api/v1/nonsense", read...), 404, core.NotFound, nil},
		"wrong method":     {b.Post("/api/v1/me", nil, upload...), 405, core.Invalid, nil},
		"two mistakes":     {b.Send("/api/v1/torrents", wrong, raw, upload...), 422, core.Invalid, []string{"license", "title"}},
		"mistake and file": {b.Send("/api/v1/torrents", wrong, []byte("junk"), upload...), 422, core.Invalid, []string{"license", "title", "torrent"}},
		"no file":          {b.Send("/api/v1/torrents", sitetest.Dataset("A dataset without a file"), nil, upload...), 422, core.Invalid, []string{"torrent"}},
		"no category":      {b.Send("/api/v1/torrents", url.Values{}, raw, upload...), 422, core.Invalid, []string{"category"}},
		"bad limit":        {b.Get("/api/v1/browse?limit=1000", read...), 422, core.Invalid, []string{"limit"}},
		"bad cursor":       {b.Get("/api/v1/browse?cursor=x", read...), 422, core.Invalid, []string{"cursor"}},
		"too large":        {b.Send("/api/v1/torrents", sitetest.Dataset("A dataset of great size"), make([]byte, 25<<20), upload...), 413, core.Invalid, nil},
	}
	for name, tt := range tests {
		got := sitetest.Decode[web.APIFailure](t, tt.a)
		if tt.a.StatusCode != tt.status || got.Error.Code != tt.code || got.Error.Text == "" {
			t.Errorf("%s: status %d, %s", name, tt.a.StatusCode, tt.a.Text)
		}
		var fields []string
		for f := range got.Error.Fields {
			fields = append(fields, f)
		}
		if len(fields) != len(tt.fields) {
			t.Errorf("%s: fields %v, want %v", name, got.Error.Fields, tt.fields)
		}
		for _, f := range tt.fields {
			if got.Error.Fields[f] == "" {
				t.Errorf("%s: nothing is said about %s", name, f)
			}
		}
		if tt.status == 401 && tt.a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", name)
		}
	}
}

func TestAPIMeAndBrowse(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		for i := range 5 {
			w.Upload("other", fmt.Sprintf("Dataset number %d of several", i), nil)
		}
		w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO transfer_member (member_id, uploaded, downloaded) VALUES (?, 3000000000001, 1500000000000)", w.People["user"].Member.ID)
			return err
		}))
		b := w.As("anonymous")
		auth := []string{"Authorization", "Bearer " + w.People["user"].Read}
		me := sitetest.Decode[v1.MeAnswer](t, b.Get("/api/v1/me", auth...))
		if me.Name != "user" || me.Uploaded != 3000000000001 || me.Downloaded != 1500000000000 || me.Ratio == nil || *me.Ratio < 2 {
			t.Errorf("me is %+v", me)
		}
		var titles []string
		for cursor := "0"; ; {
			path := "/api/v1/browse?q=several&category=sequences&tag=phage&format=FASTA&license=CC0&limit=2"
			if cursor != "0" {
				path += "&cursor=" + cursor
			}
			p := sitetest.Decode[v1.BrowseAnswer](t, b.Get(path, auth...))
			for _, g := range p.Groups {
				titles = append(titles, g.Title)
			}
			if cursor = fmt.Sprint(p.Next); p.Next == 0 {
				break
			}
		}
		want := []string{"Dataset number 4 of several", "Dataset number 3 of several", "Dataset number 2 of several", "Dataset number 1 of several", "Dataset number 0 of several"}
		if diff := cmp.Diff(want, titles); diff != "" {
			t.Error(diff)
		}
		if p := sitetest.Decode[v1.BrowseAnswer](t, b.Get("/api/v1/browse?category=nonsense", auth...)); len(p.Groups) != 0 {
			t.Error("a category that is not there finds something")
		}
	})
}

func TestAPIRateLimit(t *testing.T) {
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.APIRequests = 3 })
	b := w.As("anonymous")
	for range 3 {
		if a := b.Get("/api/v1/me", "Authorization", "Bearer "+w.People["user"].Token); a.StatusCode != http.StatusOK {
			t.Fatalf("status %d", a.StatusCode)
		}
	}
	a := b.Get("/api/v1/me", "Authorization", "Bearer "+w.People["user"].Token)
	if a.StatusCode != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "21" {
		t.Errorf("status %d, Retry-After %q", a.StatusCode, a.Header.Get("Retry-After"))
	}
	if a := b.Get("/api/v1/me", "Authorization", "Bearer "+w.People["other"].Token); a.StatusCode != http.StatusOK {
		t.Errorf("another token: status %d", a.StatusCode)
	}
}
