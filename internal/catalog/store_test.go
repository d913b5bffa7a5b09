package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

func TestAddAndRead(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		ctx := t.Context()
		mara := h.member(t, "mara")
		u := upload(mara, "Lambda phage reference genome", buildTorrent(t, metainfo.Hybrid, "ACGT"))
		a, err := h.Add(ctx, u)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(a.Source, "BioTorrents-") || len(a.Source) != len("BioTorrents-")+16 {
			t.Errorf("source %q", a.Source)
		}
		if len(a.Changes) == 0 || a.InfoHash.IsZero() || a.InfoHashV2.IsZero() {
			t.Errorf("%+v", a)
		}
		g, err := h.Group(ctx, Viewer{}, a.Group)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(u.GroupForm, g.GroupForm); diff != "" {
			t.Errorf("group (-want +got):\n%s", diff)
		}
		if g.CategorySlug != "sequences" || g.Revision != 1 || !g.CreatedAt.Equal(h.clock.Now()) || len(g.Torrents) != 1 {
			t.Errorf("%+v", g)
		}
		got := g.Torrents[0]
		if diff := cmp.Diff(u.Torrent, got.TorrentForm); diff != "" {
			t.Errorf("torrent (-want +got):\n%s", diff)
		}
		want := Torrent{
			ID: a.Torrent, Group: a.Group, TorrentForm: got.TorrentForm, Uploader: Uploader{ID: mara, Name: "mara"},
			Title: u.Title, Subject: u.Subject, CategoryName: "Sequences", CategorySlug: "sequences", Revision: 1,
			Leech: core.LeechNormal, Name: "set", InfoHash: a.InfoHash, InfoHashV2: a.InfoHashV2, Source: a.Source,
			Size: 10, FileCount: 2, PieceLength: 16 * core.KiB, CreatedAt: h.clock.Now(), UpdatedAt: h.clock.Now(),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("torrent (-want +got):\n%s", diff)
		}
		files, err := h.Files(ctx, a.Torrent, -1, 10)
		if err != nil {
			t.Fatal(err)
		}
		wantFiles := []FileRow{{0, metainfo.File{Path: "a.fastq", Size: 4}}, {1, metainfo.File{Path: "sub/b.txt", Size: 6}}}
		if diff := cmp.Diff(wantFiles, files); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
		if rest, err := h.Files(ctx, a.Torrent, 0, 1); err != nil || len(rest) != 1 || rest[0].Position != 1 {
			t.Errorf("second page of files: %v, %v", rest, err)
		}
		if diff := cmp.Diff([]string{fmt.Sprintf(`TorrentAdded{"torrent":%d,"group":%d}`, a.Torrent, a.Group)}, h.events(t)); diff != "" {
			t.Errorf("events:\n%s", diff)
		}
		for _, hash := range []string{a.InfoHash.String(), strings.ToUpper(a.InfoHash.String()), a.InfoHashV2.String(), a.InfoHashV2.Truncated().String()} {
			if byHash, err := h.ByInfoHash(ctx, Viewer{}, hash); err != nil || byHash.ID != a.Torrent {
				t.Errorf("by %s: %d, %v", hash, byHash.ID, err)
			}
		}
		_, err = h.ByInfoHash(ctx, Viewer{}, "zz")
		wantCode(t, err, core.Invalid)
		_, err = h.ByInfoHash(ctx, Viewer{}, strings.Repeat("0", 40))
		wantCode(t, err, core.NotFound)
		if c, _, err := h.Counts(ctx); err != nil || c != (Counts{1, 1, 10}) {
			t.Errorf("counts %+v, %v", c, err)
		}
	})
}

func TestPersonalDownload(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		a, err := h.Add(t.Context(), upload(1, "Lambda: a / genome…", buildTorrent(t, metainfo.V2, "ACGT")))
		if err != nil {
			t.Fatal(err)
		}
		const announce = "http://localhost:34000/0123456789abcdef0123456789abcdef/announce"
		got, err := h.Personal(t.Context(), a.Torrent, []string{announce, "udp://tracker.example:34000/key/announce"})
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("Lambda_ a _ genome_ [%d].torrent", a.Torrent); got.FileName != want {
			t.Errorf("file name %q, want %q", got.FileName, want)
		}
		for _, part := range []string{announce, "udp://tracker.example:34000/key/announce", fmt.Sprintf("https://example.org/torrents/%d", a.Torrent),
			"8:url-listl30:https://mirror.example/lambda/e", "12:piece layers", "7:privatei1e", a.Source} {
			if !bytes.Contains(got.Data, []byte(part)) {
				t.Errorf("the file lacks %q: %q", part, got.Data)
			}
		}
		again, err := metainfo.Sanitize(got.Data, metainfo.Options{Source: a.Source})
		if err != nil || again.InfoHashV2 != a.InfoHashV2 {
			t.Errorf("the member's file has another info-hash: %v", err)
		}
		meta, err := h.Meta(t.Context(), a.Torrent)
		if err != nil || bytes.Contains(meta, []byte("announce")) {
			t.Errorf("stored file: %q, %v", meta, err)
		}
	})
}

func TestAddRefuses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		bad := upload(1, "short", []byte("d4:infod6:lengthi5e4:name2:..12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee"))
		bad.Year, bad.Torrent.License = 82, "WTFPL"
		_, err := h.Add(t.Context(), bad)
		var faults FieldErrors
		if !errors.As(err, &faults) {
			t.Fatalf("%T %v", err, err)
		}
		for field, text := range map[string]string{
			FieldTitle: "at least 10", FieldYear: "four digits", FieldLicense: "licence", FieldTorrent: `"info.name": `,
		} {
			if !strings.Contains(faults.Get(field), text) {
				t.Errorf("%s: %q lacks %q", field, faults.Get(field), text)
			}
		}
		if len(faults) != 4 {
			t.Errorf("faults: %v", faults)
		}
		wantCode(t, err, core.Invalid)
		nowhere := upload(1, "A title that is long enough", makeTorrent("x", "x"))
		nowhere.Category = 99
		_, err = h.Add(t.Context(), nowhere)
		if !errors.As(err, &faults) || faults.Get(FieldCategory) == "" {
			t.Errorf("unknown category: %v", err)
		}
		lost := upload(1, "", makeTorrent("x", "x"))
		lost.Group = 77
		_, err = h.Add(t.Context(), lost)
		wantCode(t, err, core.NotFound)
		for _, table := range []string{"torrent_group", "torrent", "torrent_meta", "torrent_content", "creator", "event"} {
			var n int
			if err := d.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil || n != 0 {
				t.Errorf("%s has %d rows (%v)", table, n, err)
			}
		}
	})
}

// TestAddDetects leaves format and archive empty: they follow from the file names.
func TestAddDetects(t *testing.T) {
	h := open(t, dbtest.SQLite(t))
	u := upload(1, "Reads of some phage", makeTorrent("reads.fastq.gz", "x"))
	u.Torrent.Format, u.Torrent.Archive = "", ""
	a, err := h.Add(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	got, err := h.Torrent(t.Context(), Viewer{}, a.Torrent)
	if err != nil || got.Format != "FASTQ" || got.Archive != "gzip" {
		t.Errorf("%q, %q, %v", got.Format, got.Archive, err)
	}
	u.File = ReadFile(makeTorrent("data.unheard-of", "y"), metainfo.Limits{})
	_, err = h.Add(t.Context(), u)
	var faults FieldErrors
	if !errors.As(err, &faults) || len(faults) != 1 || faults.Get(FieldFormat) == "" {
		t.Errorf("an unknown extension: %v", err)
	}
}

func TestAddToGroup(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		first := h.add(t, 1, "Lambda phage reference genome")
		u := upload(2, "this title is ignored", makeTorrent("annotated.fa", "with genes"))
		u.Group, u.Torrent.Version = first.Group, "2.0.0"
		second, err := h.Add(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		g, err := h.Group(t.Context(), Viewer{}, first.Group)
		if err != nil {
			t.Fatal(err)
		}
		if second.Group != first.Group || g.Title != "Lambda phage reference genome" || g.Revision != 2 || len(g.Torrents) != 2 ||
			g.Torrents[0].ID != second.Torrent || g.Torrents[0].Version != "2.0.0" {
			t.Errorf("%+v", g)
		}
		if found, err := h.Search(t.Context(), Viewer{}, "annotated", 10); err != nil || len(found.Groups) != 1 {
			t.Errorf("the new torrent's name is not found: %v, %v", found, err)
		}
	})
}

// TestDuplicates uploads the same data in several forms.
func TestDuplicates(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		ctx := t.Context()
		a, err := h.Add(ctx, upload(1, "The first of its kind", buildTorrent(t, metainfo.Hybrid, "ACGTACGT")))
		if err != nil {
			t.Fatal(err)
		}
		personal, err := h.Personal(ctx, a.Torrent, []string{"http://localhost/k/announce"})
		if err != nil {
			t.Fatal(err)
		}
		for name, file := range map[string][]byte{
			"again": buildTorrent(t, metainfo.Hybrid, "ACGTACGT"), "v2 of the hybrid": buildTorrent(t, metainfo.V2, "ACGTACGT"),
			"downloaded here": personal.Data,
		} {
			_, err := h.Add(ctx, upload(2, "The same thing again", file))
			var dup *DuplicateError
			if !errors.As(err, &dup) {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if *dup != (DuplicateError{a.Torrent, a.Group, "The first of its kind"}) {
				t.Errorf("%s: %+v", name, dup)
			}
			wantCode(t, err, core.Conflict)
			if !strings.Contains(core.SafeText(err), "The first of its kind") {
				t.Errorf("%s: text %q", name, core.SafeText(err))
			}
		}
		if c, _, err := h.Counts(ctx); err != nil || c.Torrents != 1 {
			t.Errorf("%+v, %v", c, err)
		}
		if err := h.Delete(ctx, 1, a.Torrent, "wrong sample"); err != nil {
			t.Fatal(err)
		}
		b, err := h.Add(ctx, upload(2, "Better after the deletion", personal.Data))
		if err != nil {
			t.Fatalf("a deleted torrent is in the way: %v", err)
		}
		if b.InfoHash == a.InfoHash || b.Torrent == a.Torrent {
			t.Error("a deleted torrent's hash or id was used again")
		}
	})
}

// TestDuplicateUploadsAtOnce uploads the same data many times at once.
func TestDuplicateUploadsAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		const n = 6
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				_, errs[i] = h.Add(t.Context(), upload(core.MemberID(i+1), fmt.Sprintf("Upload number %d of the same", i), makeTorrent(fmt.Sprint("name", i), "the same data")))
			})
		}
		wg.Wait()
		won := 0
		for i, err := range errs {
			var dup *DuplicateError
			switch {
			case err == nil:
				won++
			case !errors.As(err, &dup) || dup.Torrent == 0:
				t.Errorf("upload %d: %v", i, err)
			}
		}
		if won != 1 {
			t.Errorf("%d uploads won", won)
		}
		if c, _, err := h.Counts(t.Context()); err != nil || c.Torrents != 1 || c.Groups != 1 {
			t.Errorf("%+v, %v", c, err)
		}
		if e := h.events(t); len(e) != 1 {
			t.Errorf("events: %v", e)
		}
	})
}

// TestUploadsAtOnce checks that different uploads do not fail because of each other.
func TestUploadsAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		const n = 12
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				u := upload(core.MemberID(i+1), fmt.Sprintf("Dataset number %d of many", i), makeTorrent(fmt.Sprint("name", i), fmt.Sprint("data", i)))
				u.Creators = append(u.Creators, fmt.Sprint("Author ", i%3))
				_, errs[i] = h.Add(t.Context(), u)
			})
		}
		wg.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		if c, _, err := h.Counts(t.Context()); err != nil || c.Torrents != n || c.Groups != n {
			t.Errorf("%+v, %v", c, err)
		}
	})
}

func TestEdit(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		ctx := t.Context()
		a := h.add(t, 1, "Lambda phage reference genome")
		before, err := h.Torrent(ctx, Viewer{}, a.Torrent)
		if err != nil {
			t.Fatal(err)
		}
		h.clock.Add(time.Hour)
		g, tf := groupForm(), torrentForm()
		g.Title, g.Creators, g.Tags = "Bacteriophage T7 genome", []string{"Dunn, J. J."}, []string{"phage", "T7", "genome", "virus", "podovirus"}
		g.Literature, tf.License, tf.Mirrors = nil, "CC BY", nil
		if err := h.Edit(ctx, Edit{Torrent: a.Torrent, Revision: 1, GroupForm: &g, TorrentForm: &tf}); err != nil {
			t.Fatal(err)
		}
		got, err := h.Group(ctx, Viewer{}, a.Group)
		if err != nil {
			t.Fatal(err)
		}
		g.Tags[1] = "t7"
		if diff := cmp.Diff(g, got.GroupForm); diff != "" {
			t.Errorf("group (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(tf, got.Torrents[0].TorrentForm); diff != "" {
			t.Errorf("torrent (-want +got):\n%s", diff)
		}
		if got.Revision != 2 || !got.UpdatedAt.Equal(h.clock.Now()) || got.Torrents[0].InfoHash != before.InfoHash {
			t.Errorf("%+v", got)
		}
		for words, want := range map[string]int{"lambda": 1, "sanger": 0, "t7": 1, "dunn": 1} { // lambda still stands in the file's name
			if p, err := h.Browse(ctx, Viewer{}, Filter{Words: words}, 0, 10); err != nil || len(p.Groups) != want {
				t.Errorf("%q finds %d groups, want %d (%v)", words, len(p.Groups), want, err)
			}
		}
		personal, err := h.Personal(ctx, a.Torrent, []string{"http://localhost/k/announce"})
		if err != nil || bytes.Contains(personal.Data, []byte("url-list")) {
			t.Errorf("a mirror that was taken out is still a web seed: %v", err)
		}
		err = h.Edit(ctx, Edit{Torrent: a.Torrent, Revision: 1, GroupForm: &g})
		wantCode(t, err, core.Conflict)
		g.Title = "no"
		err = h.Edit(ctx, Edit{Group: a.Group, Revision: 2, GroupForm: &g})
		wantCode(t, err, core.Invalid)
		wantCode(t, h.Edit(ctx, Edit{Group: a.Group, Revision: 2}), core.Invalid)
		wantCode(t, h.Edit(ctx, Edit{Group: 99, Revision: 2, GroupForm: &g}), core.NotFound)
		wantCode(t, h.Edit(ctx, Edit{Torrent: 99, Revision: 2, TorrentForm: &tf}), core.NotFound)
		wantCode(t, h.Edit(ctx, Edit{Group: a.Group, Revision: 2, TorrentForm: &tf}), core.Invalid)
		if e := h.events(t); len(e) != 2 || e[1] != fmt.Sprintf(`TorrentChanged{"torrent":%d,"group":%d}`, a.Torrent, a.Group) {
			t.Errorf("events %v", e)
		}
	})
}

func TestEditsAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		a := h.add(t, 1, "Lambda phage reference genome")
		const n = 4
		errs := make([]error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				g := groupForm()
				g.Title = fmt.Sprintf("Edited by number %d", i)
				errs[i] = h.Edit(t.Context(), Edit{Group: a.Group, Revision: 1, GroupForm: &g})
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else {
				wantCode(t, err, core.Conflict)
			}
		}
		if g, err := h.Group(t.Context(), Viewer{}, a.Group); won != 1 || err != nil || g.Revision != 2 {
			t.Errorf("%d edits won; revision %d, %v", won, g.Revision, err)
		}
	})
}

func TestDelete(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		ctx := t.Context()
		a, b := h.add(t, 1, "The first dataset here"), h.add(t, 1, "The second dataset here")
		wantCode(t, h.Delete(ctx, 9, a.Torrent, "no"), core.Invalid)
		if err := h.Delete(ctx, 9, a.Torrent, "contaminated\nsamples"); err != nil {
			t.Fatal(err)
		}
		wantCode(t, h.Delete(ctx, 9, a.Torrent, "once more"), core.NotFound)
		_, err := h.Torrent(ctx, Viewer{}, a.Torrent)
		wantCode(t, err, core.NotFound)
		if !strings.Contains(core.SafeText(err), "contaminated samples") {
			t.Errorf("text %q", core.SafeText(err))
		}
		for name, f := range map[string]func() error{
			"group":    func() error { _, err := h.Group(ctx, Viewer{}, a.Group); return err },
			"hash":     func() error { _, err := h.ByInfoHash(ctx, Viewer{}, a.InfoHash.String()); return err },
			"meta":     func() error { _, err := h.Meta(ctx, a.Torrent); return err },
			"personal": func() error { _, err := h.Personal(ctx, a.Torrent, []string{"x"}); return err },
			"owner":    func() error { _, err := h.Owner(ctx, a.Torrent); return err },
			"leech":    func() error { return h.SetLeech(ctx, a.Torrent, core.LeechFree, "a reason") },
			"edit": func() error {
				f := torrentForm()
				return h.Edit(ctx, Edit{Torrent: a.Torrent, Revision: 2, TorrentForm: &f})
			},
			"add": func() error {
				u := upload(1, "", makeTorrent("new", "new"))
				u.Group = a.Group
				_, err := h.Add(ctx, u)
				return err
			},
		} {
			if err := f(); core.CodeOf(err) != core.NotFound {
				t.Errorf("%s of a deleted torrent: %v", name, err)
			}
		}
		p, err := h.Browse(ctx, Viewer{}, Filter{}, 0, 10)
		if diff := cmp.Diff([]string{"The second dataset here"}, titles(p.Groups)); diff != "" || err != nil {
			t.Errorf("%s%v", diff, err)
		}
		if files, err := h.Files(ctx, a.Torrent, -1, 10); err != nil || len(files) != 0 {
			t.Errorf("files %v, %v", files, err)
		}
		list, err := h.TrackerPage(ctx, 0, 100)
		if err != nil || len(list) != 2 || !list[0].Deleted || list[0].DeleteReason != "contaminated samples" || list[1].Deleted {
			t.Errorf("%+v, %v", list, err)
		}
		h.clock.Add(31 * 24 * time.Hour)
		if list, err = h.TrackerPage(ctx, 0, 100); err != nil || len(list) != 1 || list[0].ID != b.Torrent {
			t.Errorf("after 31 days: %+v, %v", list, err)
		}
		if list, err = h.TrackerTorrents(ctx, []core.TorrentID{a.Torrent, b.Torrent, 999}); err != nil || len(list) != 2 || !list[0].Deleted {
			t.Errorf("%+v, %v", list, err)
		}
		if e := h.events(t); len(e) != 3 || e[2] != fmt.Sprintf(`TorrentDeleted{"torrent":%d,"group":%d}`, a.Torrent, a.Group) {
			t.Errorf("events %v", e)
		}
	})
}

func TestTrackerHashes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		ctx := t.Context()
		var want []TrackerTorrent
		for i, f := range []metainfo.Format{metainfo.V1, metainfo.V2, metainfo.Hybrid} {
			a, err := h.Add(ctx, upload(1, "A dataset in "+string(f), buildTorrent(t, f, fmt.Sprint("data", i))))
			if err != nil {
				t.Fatal(err)
			}
			w := TrackerTorrent{ID: a.Torrent, Size: 11, Leech: core.LeechNormal, CreatedAt: h.clock.Now()}
			if f != metainfo.V2 {
				w.Hashes = append(w.Hashes, a.InfoHash)
			}
			if f != metainfo.V1 {
				w.Hashes = append(w.Hashes, a.InfoHashV2.Truncated())
			}
			want = append(want, w)
		}
		if err := h.SetLeech(ctx, want[1].ID, core.LeechFree, "staff pick"); err != nil {
			t.Fatal(err)
		}
		want[1].Leech = core.LeechFree
		var got []TrackerTorrent
		for after := core.TorrentID(0); ; {
			page, err := h.TrackerPage(ctx, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			got, after = append(got, page...), page[len(page)-1].ID
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		tt, err := h.Torrent(ctx, Viewer{}, want[1].ID)
		if err != nil || tt.Leech != core.LeechFree || tt.LeechReason != "staff pick" {
			t.Errorf("%+v, %v", tt, err)
		}
		wantCode(t, h.SetLeech(ctx, want[1].ID, "open", "a reason"), core.Invalid)
		wantCode(t, h.SetLeech(ctx, want[1].ID, core.LeechNeutral, ""), core.Invalid)
		if err := h.SetLeech(ctx, want[1].ID, core.LeechNormal, ""); err != nil {
			t.Error(err)
		}
	})
}

// TestAnonymous reads one anonymous upload as every kind of viewer, through every
// read that tells who uploaded.
func TestAnonymous(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		mara, other := h.member(t, "mara"), h.member(t, "other")
		u := upload(mara, "Somebody's secret dataset", makeTorrent("x", "x"))
		u.Torrent.Anonymous = true
		a, err := h.Add(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		hidden, known := Uploader{Anonymous: true}, Uploader{ID: mara, Name: "mara", Anonymous: true}
		for _, c := range []struct {
			v       Viewer
			want    Uploader
			mine    bool
			uploads int
		}{
			{Viewer{}, hidden, false, 0}, {Viewer{ID: other}, hidden, false, 0},
			{Viewer{ID: mara}, known, true, 1}, {Viewer{ID: other, SeeHidden: true}, known, false, 1},
		} {
			for name, got := range reads(t, h, c.v, a) {
				if got.Uploader != c.want || got.Mine != c.mine {
					t.Errorf("%+v sees in %s: %+v, mine %t", c.v, name, got.Uploader, got.Mine)
				}
			}
			list, err := h.Uploads(t.Context(), c.v, mara, 0, 10)
			if err != nil || len(list) != c.uploads {
				t.Errorf("%+v sees %d uploads, want %d (%v)", c.v, len(list), c.uploads, err)
			}
		}
		if hidden.String() != "Anonymous" || known.String() != "mara" {
			t.Errorf("%s, %s", hidden, known)
		}
		if owner, err := h.Owner(t.Context(), a.Torrent); err != nil || owner != mara {
			t.Errorf("owner %d, %v", owner, err)
		}
	})
}

func reads(t *testing.T, h house, v Viewer, a Added) map[string]Torrent {
	t.Helper()
	ctx := context.Background()
	out := map[string]Torrent{}
	keep := func(name string, list []Torrent, err error) {
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %d torrents, %v", name, len(list), err)
		}
		out[name] = list[0]
	}
	one, err := h.Torrent(ctx, v, a.Torrent)
	keep("torrent", []Torrent{one}, err)
	one, err = h.ByInfoHash(ctx, v, a.InfoHash.String())
	keep("hash", []Torrent{one}, err)
	g, err := h.Group(ctx, v, a.Group)
	keep("group", g.Torrents, err)
	list, err := h.Recent(ctx, v, 10)
	keep("recent", list, err)
	p, err := h.Browse(ctx, v, Filter{}, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	keep("browse", p.Groups[0].Torrents, nil)
	found, err := h.Search(ctx, v, "secret", 10)
	if err != nil {
		t.Fatal(err)
	}
	keep("search", found.Groups[0].Torrents, nil)
	return out
}
