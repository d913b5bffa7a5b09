package catalog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/text"
)

// validNow is when the forms of these tests are sent.
var validNow = time.Date(2026, 12, 31, 23, 59, 0, 0, time.UTC)

// edits are changes of good forms, with the field at fault; "" where nothing is wrong.
var edits = map[string]struct {
	edit  func(*GroupForm, *TorrentForm)
	field string
}{
	"good": {func(*GroupForm, *TorrentForm) {}, ""},
	"little": {func(g *GroupForm, t *TorrentForm) {
		g.Subject, g.Object, g.Location, g.Identifier, g.Literature = "", "", "", "", nil
	}, ""},
	"category":           {func(g *GroupForm, _ *TorrentForm) { g.Category = 2 }, FieldCategory},
	"title":              {func(g *GroupForm, _ *TorrentForm) { g.Title = "  123456789   " }, FieldTitle},
	"title long":         {func(g *GroupForm, _ *TorrentForm) { g.Title = strings.Repeat("ä", 256) }, FieldTitle},
	"title 255":          {func(g *GroupForm, _ *TorrentForm) { g.Title = strings.Repeat("ä", 255) }, ""},
	"title unseen":       {func(g *GroupForm, _ *TorrentForm) { g.Title = strings.Repeat("\u200b", 20) }, FieldTitle},
	"title of fillers":   {func(g *GroupForm, _ *TorrentForm) { g.Title = strings.Repeat("\u3164", 20) }, FieldTitle},
	"title of Braille":   {func(g *GroupForm, _ *TorrentForm) { g.Title = strings.Repeat("\u2800", 20) }, FieldTitle},
	"title of accents":   {func(g *GroupForm, _ *TorrentForm) { g.Title = "a" + strings.Repeat("\u0301", 20) }, FieldTitle},
	"title of signs":     {func(g *GroupForm, _ *TorrentForm) { g.Title = strings.Repeat("!", 20) }, FieldTitle},
	"title in Persian":   {func(g *GroupForm, _ *TorrentForm) { g.Title = "می\u200cخواهم ژنوم" }, ""},
	"creator unseen":     {func(g *GroupForm, _ *TorrentForm) { g.Creators = []string{"\u200b", "\u3164"} }, FieldCreators},
	"creator of signs":   {func(g *GroupForm, _ *TorrentForm) { g.Creators = []string{"?!"} }, FieldCreators},
	"lab unseen":         {func(g *GroupForm, _ *TorrentForm) { g.Workgroup = "\u00ad\u200d" }, FieldWorkgroup},
	"description unseen": {func(g *GroupForm, _ *TorrentForm) { g.Description = strings.Repeat("\u200b\n", 20) }, FieldDescription},
	"organism":           {func(g *GroupForm, _ *TorrentForm) { g.Subject = strings.Repeat("x", 256) }, FieldSubject},
	"strain":             {func(g *GroupForm, _ *TorrentForm) { g.Object = strings.Repeat("x", 256) }, FieldObject},
	"no creators":        {func(g *GroupForm, _ *TorrentForm) { g.Creators = []string{" ", "\t"} }, FieldCreators},
	"creator long":       {func(g *GroupForm, _ *TorrentForm) { g.Creators = []string{strings.Repeat("x", 256)} }, FieldCreators},
	"creators together":  {func(g *GroupForm, _ *TorrentForm) { g.Creators = numbered(500, strings.Repeat("x", 38)) }, FieldCreators},
	"a consortium":       {func(g *GroupForm, _ *TorrentForm) { g.Creators = numbered(500, strings.Repeat("x", 37)) }, ""},
	"many DOIs":          {func(g *GroupForm, _ *TorrentForm) { g.Literature = numbered(100_000, "no DOI ") }, FieldLiterature},
	"many mirrors":       {func(_ *GroupForm, t *TorrentForm) { t.Mirrors = numbered(100_000, "no address ") }, FieldMirrors},
	"many authors":       {func(g *GroupForm, _ *TorrentForm) { g.Creators = numbered(100_000, "") }, FieldCreators},
	"no workgroup":       {func(g *GroupForm, _ *TorrentForm) { g.Workgroup = "" }, FieldWorkgroup},
	"location":           {func(g *GroupForm, _ *TorrentForm) { g.Location = strings.Repeat("x", 129) }, FieldLocation},
	"year":               {func(g *GroupForm, _ *TorrentForm) { g.Year = 99 }, FieldYear},
	"year 5 digits":      {func(g *GroupForm, _ *TorrentForm) { g.Year = 20260 }, FieldYear},
	"year to come":       {func(g *GroupForm, _ *TorrentForm) { g.Year = 2062 }, FieldYear},
	"year after next":    {func(g *GroupForm, _ *TorrentForm) { g.Year = 2028 }, FieldYear},
	"next year":          {func(g *GroupForm, _ *TorrentForm) { g.Year = 2027 }, ""},
	"a herbarium":        {func(g *GroupForm, _ *TorrentForm) { g.Year = 1753 }, ""},
	"identifier":         {func(g *GroupForm, _ *TorrentForm) { g.Identifier = strings.Repeat("x", 65) }, FieldIdentifier},
	"few tags":           {func(g *GroupForm, _ *TorrentForm) { g.Tags = []string{"a", "b", "c", "d", "D"} }, FieldTags},
	"many tags":          {func(g *GroupForm, _ *TorrentForm) { g.Tags = manyTags() }, FieldTags},
	"long tag":           {func(g *GroupForm, _ *TorrentForm) { g.Tags[0] = strings.Repeat("x", 65) }, FieldTags},
	"picture http":       {func(g *GroupForm, _ *TorrentForm) { g.Picture = "http://a.example/x.png" }, FieldPicture},
	"picture script":     {func(g *GroupForm, _ *TorrentForm) { g.Picture = "javascript:alert(1)" }, FieldPicture},
	"picture":            {func(g *GroupForm, _ *TorrentForm) { g.Picture = "https://a.example/x.png" }, ""},
	"doi":                {func(g *GroupForm, _ *TorrentForm) { g.Literature = []string{"10.1/x"} }, FieldLiterature},
	"doi as address":     {func(g *GroupForm, _ *TorrentForm) { g.Literature = []string{"https://doi.org/10.1038/nature12373"} }, ""},
	"doi text":           {func(g *GroupForm, _ *TorrentForm) { g.Literature = []string{"Nature 500, 54"} }, FieldLiterature},
	"description":        {func(g *GroupForm, _ *TorrentForm) { g.Description = "short" }, FieldDescription},
	"description long": {func(g *GroupForm, _ *TorrentForm) {
		g.Description = strings.Repeat("x", text.Description.Limits().Chars+1)
	}, FieldDescription},
	"no platform":        {func(_ *GroupForm, t *TorrentForm) { t.Platform = "" }, FieldPlatform},
	"platform elsewhere": {func(_ *GroupForm, t *TorrentForm) { t.Platform = "Ultrasound" }, FieldPlatform},
	"format":             {func(_ *GroupForm, t *TorrentForm) { t.Format = "fasta" }, FieldFormat},
	"archive":            {func(_ *GroupForm, t *TorrentForm) { t.Archive = "" }, FieldArchive},
	"scope free":         {func(_ *GroupForm, t *TorrentForm) { t.Scope = "Operon" }, ""},
	"no scope":           {func(_ *GroupForm, t *TorrentForm) { t.Scope = " " }, FieldScope},
	"licence":            {func(_ *GroupForm, t *TorrentForm) { t.License = "all mine" }, FieldLicense},
	"version":            {func(_ *GroupForm, t *TorrentForm) { t.Version = "v1" }, FieldVersion},
	"version zero":       {func(_ *GroupForm, t *TorrentForm) { t.Version = "1.02.0" }, FieldVersion},
	"version long form":  {func(_ *GroupForm, t *TorrentForm) { t.Version = "1.0.0-rc.1+build.5" }, ""},
	"seqhash":            {func(_ *GroupForm, t *TorrentForm) { t.Seqhash = "v1_DLD_" + strings.Repeat("a", 64) }, ""},
	"seqhash bad":        {func(_ *GroupForm, t *TorrentForm) { t.Seqhash = "v1_DLD_" }, FieldSeqhash},
	"mirror scheme":      {func(_ *GroupForm, t *TorrentForm) { t.Mirrors = []string{"file:///etc/passwd"} }, FieldMirrors},
	"mirror password":    {func(_ *GroupForm, t *TorrentForm) { t.Mirrors = []string{"ftp://me:pw@a.example/"} }, FieldMirrors},
	"mirror long": {func(_ *GroupForm, t *TorrentForm) {
		t.Mirrors = []string{"http://a.example/" + strings.Repeat("x", 500)}
	}, FieldMirrors},
	"mirrors": {func(_ *GroupForm, t *TorrentForm) { t.Mirrors = []string{"http://a.example/", "ftp://b.example/", ""} }, ""},
	"three mirrors": {func(_ *GroupForm, t *TorrentForm) {
		t.Mirrors = []string{"http://a.example/", "http://b.example/", "http://c.example/"}
	}, FieldMirrors},
}

// manyTags returns sixty tags, more than a group may have.
func manyTags() []string {
	many := make([]string, 60)
	for i := range many {
		many[i] = strings.Repeat("t", i+1)
	}
	return many
}

func TestValidate(t *testing.T) {
	h := open(t, dbtest.SQLite(t))
	v, err := h.Vocabulary(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range edits {
		t.Run(name, func(t *testing.T) {
			g, tf := groupForm(), torrentForm()
			c.edit(&g, &tf)
			faults := append(ValidateGroup(&g, v, Rules{}, validNow), ValidateTorrent(&tf, v)...)
			if c.field == "" {
				if len(faults) > 0 {
					t.Errorf("%v", faults)
				}
				return
			}
			if len(faults) != 1 || faults[0].Field != c.field || faults.Get(c.field) == "" || faults[0].Code != core.Invalid {
				t.Errorf("%v, want one fault of %s", faults, c.field)
			}
		})
	}
}

func TestNormalize(t *testing.T) {
	g, tf := groupForm(), torrentForm()
	g.Title = "  Cafe\u0301\tau\x00 lait\u2028 genome "
	g.Subject, g.Object = "ge\u200bno\u202eme", "می\u200cخواهم a\u200cb"
	g.Tags = []string{"E. coli", "RNA-Seq", "Été", "rna_seq", "e..coli"}
	g.Creators = []string{"A\nB", "A", " "}
	g.Literature = []string{"doi: 10.1038/nature12373", "10.1038/nature12373"}
	g.Description = "one\r\ntwo\x07"
	tf.Mirrors = []string{" http://a.example/ ", "http://a.example/"}
	ValidateGroup(&g, Vocabulary{}, Rules{}, validNow)
	ValidateTorrent(&tf, Vocabulary{})
	for name, c := range map[string]struct{ want, got any }{
		"title": {"Café au lait genome", g.Title}, "subject": {"genome", g.Subject}, "object": {"می\u200cخواهم ab", g.Object}, "tags": {[]string{"e.coli", "rna.seq", "ete"}, g.Tags},
		"creators": {[]string{"A", "B"}, g.Creators}, "literature": {[]string{"10.1038/nature12373"}, g.Literature},
		"description": {"one\ntwo", g.Description}, "mirrors": {[]string{"http://a.example/"}, tf.Mirrors},
		"parsed tags": {[]string{"phage", "e.coli"}, ParseTags("Phage, e.coli\nphage")},
		"lines":       {[]string{"a b", "c"}, Lines("a  b\r\n\r\nc\na b\n")},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWords(t *testing.T) {
	got := words(5, "The GRCh38.p14 ﬁle", "the NC_001416.1", strings.Repeat("x", 100))
	if diff := cmp.Diff([]string{"the", "grch38", "p14", "file", "nc"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if w := words(1, strings.Repeat("é", 100)); len([]rune(w[0])) != maxWordRunes {
		t.Errorf("%d runes", len([]rune(w[0])))
	}
}

func TestSlug(t *testing.T) {
	for _, c := range []struct{ name, url, want string }{
		{"BioTorrents", "", "BioTorrents"}, {"My Site!", "", "My-Site"}, {"ä", "https://bio.example:8080/x", "bio.example"}, {"", "", "caduceus"},
		{strings.Repeat("x", 99), "", strings.Repeat("x", 64)},
	} {
		if got := NewStore(nil, nil, nil, Options{SiteName: c.name, SiteURL: c.url}).slug(); got != c.want {
			t.Errorf("%q, %q: %q, want %q", c.name, c.url, got, c.want)
		}
	}
}

// numbered are n different texts: what, and a number of three digits or more.
func numbered(n int, what string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%03d", what, i)
	}
	return out
}

// TestListsOfAWholeForm reads lists as long as a form may be. Were each item compared with
// all before it, this would take hours.
func TestListsOfAWholeForm(t *testing.T) {
	list := numbered(400_000, "")
	for what, got := range map[string][]string{"lines": Lines(strings.Join(list, "\n")), "tags": ParseTags(strings.Join(list, ","))} {
		if !slices.Equal(got, list[:mostItems]) {
			t.Errorf("%d %s", len(got), what)
		}
	}
	if got := ParseTags("B, a b\nÄ c.-.d"); !slices.Equal(got, []string{"b", "a", "c.d"}) {
		t.Errorf("%q", got)
	}
}
