package catalog

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// TestVocabularyFiles checks what a typing error in the data files would break.
func TestVocabularyFiles(t *testing.T) {
	data, err := loadSeed()
	if err != nil {
		t.Fatal(err)
	}
	if len(data.Categories) != 12 {
		t.Fatalf("%d categories", len(data.Categories))
	}
	used := map[string]bool{}
	for i, c := range data.Categories {
		if c.ID != int64(i+1) || c.Slug == "" || c.Name == "" || len(c.Description) < 40 || len(c.Description) > 255 {
			t.Errorf("category %+v", c)
		}
		for kind, names := range map[Kind][]string{KindPlatform: c.Platforms, KindFormat: c.Formats, KindScope: c.Scopes} {
			if len(names) == 0 {
				t.Errorf("%s has no %s", c.Name, kind)
			}
			for _, name := range names {
				used[string(kind)+name] = true
				if !slices.ContainsFunc(data.Families[kind], func(f seedFamily) bool { return f.Name == name }) {
					t.Errorf("%s names a %s family %q that is not there", c.Name, kind, name)
				}
			}
		}
	}
	for kind, list := range data.Families {
		terms := 0
		for _, f := range list {
			if (kind == KindPlatform || kind == KindFormat || kind == KindScope) && !used[string(kind)+f.Name] {
				t.Errorf("no category offers the %s family %q", kind, f.Name)
			}
			for _, term := range f.Terms {
				terms++
				if term.Name == "" || len(term.Name) > 64 || len(term.Detail) > 255 {
					t.Errorf("%s %+v", kind, term)
				}
				for _, e := range term.Extensions {
					if e == "" || len(e) > 32 || e != strings.ToLower(e) || strings.HasPrefix(e, ".") {
						t.Errorf("%s %s: extension %q", kind, term.Name, e)
					}
				}
			}
		}
		if terms < 10 {
			t.Errorf("%d terms of %s", terms, kind)
		}
	}
}

func TestSeed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		ctx := t.Context()
		if err := h.Seed(ctx); err != nil {
			t.Fatalf("a second time: %v", err)
		}
		cats, err := h.Categories(ctx)
		if err != nil || len(cats) != 12 || cats[0].Name != "Sequences" || cats[11].Slug != "machineData" {
			t.Fatalf("%+v, %v", cats, err)
		}
		v, err := h.Vocabulary(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		for kind, name := range map[Kind]string{KindPlatform: "Nanopore", KindFormat: "CRAM", KindArchive: "7z", KindScope: "Genome", KindLicense: "CC0"} {
			if !v.Has(kind, name) {
				t.Errorf("no %s %q", kind, name)
			}
		}
		if v.Has(KindPlatform, "Ultrasound") || !v.HasField("seqhash") || v.Category.Slug != "sequences" {
			t.Errorf("%+v", v.Category)
		}
		images, err := h.Vocabulary(ctx, 8)
		if err != nil || !images.Has(KindPlatform, "Ultrasound") || images.HasField("seqhash") || !images.Has(KindLicense, "CC0") {
			t.Errorf("%+v, %v", images.Category, err)
		}
		i := slices.IndexFunc(v.Licenses[0].Terms, func(t Term) bool { return t.Name == "CC0" })
		if v.Licenses[0].Terms[i].Detail != "CC0-1.0" {
			t.Errorf("%+v", v.Licenses[0].Terms[i])
		}
		_, err = h.Vocabulary(ctx, 13)
		wantCode(t, err, core.Invalid)
		all, err := h.AllTerms(ctx, KindFormat)
		if err != nil || len(all) < 10 {
			t.Errorf("%d families, %v", len(all), err)
		}
	})
}

func TestSeedAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := NewStore(d, nil, nil, Options{})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if err := s.Seed(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		data, err := loadSeed()
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, f := range data.Families[KindFormat] {
			want += len(f.Terms)
		}
		var got int
		if err := d.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM term WHERE kind = 'format'").Scan(&got); err != nil || got != want {
			t.Errorf("%d formats, want %d (%v)", got, want, err)
		}
	})
}

func TestDetect(t *testing.T) {
	h := open(t, dbtest.SQLite(t))
	vocabularies := map[int64]Vocabulary{}
	for _, id := range []int64{1, 8, 9, 12} {
		v, err := h.Vocabulary(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		vocabularies[id] = v
	}
	for _, c := range []struct {
		category        int64
		files           []metainfo.File
		format, archive string
	}{
		{1, []metainfo.File{{Path: "lambda.fa", Size: 50000}, {Path: "README", Size: 5}}, "FASTA", "None"},
		{1, []metainfo.File{{Path: "run/reads_1.fastq.gz", Size: 9}, {Path: "run/reads_2.FQ.GZ", Size: 9}, {Path: "notes.txt", Size: 17}}, "FASTQ", "gzip"},
		{1, []metainfo.File{{Path: "a.tar.gz", Size: 9}}, "", "tar"},
		{1, []metainfo.File{{Path: "v1.2.vcf.bgz", Size: 9}}, "VCF", "BGZF"},
		{8, []metainfo.File{{Path: "scan.nii.gz", Size: 9}}, "NIfTI", "gzip"},
		{8, []metainfo.File{{Path: "cell.ome.tif", Size: 9}}, "OME-TIFF", "None"},
		{8, []metainfo.File{{Path: "cell.tif", Size: 9}}, "TIFF", "None"},
		{9, []metainfo.File{{Path: "land.tif", Size: 9}}, "GeoTIFF", "None"},
		{12, []metainfo.File{{Path: "run.mzML", Size: 9}}, "mzML", "None"},
		{1, []metainfo.File{{Path: "fa", Size: 9}}, "", "None"},
		{1, nil, "", ""},
	} {
		format, archive := vocabularies[c.category].Detect(c.files)
		if format != c.format || archive != c.archive {
			t.Errorf("%v: %q, %q; want %q, %q", c.files, format, archive, c.format, c.archive)
		}
	}
}
