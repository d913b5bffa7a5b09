package catalog

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// spellings are what is stored and what people type for it.
var spellings = map[string][]string{
	"Müller":       {"Muller", "müller", "MULLER", "Mu\u0308ller", "mull"},
	"Bjork":        {"Björk", "BJÖRK", "bjo"},
	"Weißbach":     {"weissbach", "WEISSBACH", "Weiss"},
	"Kjærgård":     {"kjaergard", "KJÆRGÅRD"},
	"Ørsted":       {"orsted", "ørsted"},
	"Wałęsa":       {"walesa", "Wałesa", "WALESA"},
	"Σίσυφος":      {"σισυφος", "ΣΙΣΥΦΟΣ", "Σίσυφοσ"},
	"Менделе́ев":   {"менделеев", "МЕНДЕЛЕЕВ"},
	"Ｐｒｏｔｅｏｍｅ":     {"proteome", "ｐｒｏｔｅｏｍｅ", "Prot"},
	"ﬁbroblast":    {"fibroblast", "ﬁbro"},
	"Şahin":        {"sahin", "ŞAHİN"},
	"हिन्दी":       {"हिन्दी"},
	"バイオ":          {"ﾊﾞｲｵ", "バイオ"},
	"Ångström":     {"angstrom", "A\u030angstro\u0308m", "\u212bngström"},
	"CO₂":          {"co2", "CO2"},
	"d’Hérelle":    {"herelle", "Hérelle"},
	"Þorsteinsson": {"thorsteinsson"},
}

func TestAccentsDoNotMatterToSearch(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		for name := range spellings {
			h.add(t, 1, "A dataset of "+name)
		}
		for name, typed := range spellings {
			for _, word := range append(typed, name) {
				p, err := h.Browse(t.Context(), Viewer{}, Filter{Words: word}, 0, 50)
				if diff := cmp.Diff([]string{"A dataset of " + name}, titles(p.Groups)); diff != "" || err != nil {
					t.Errorf("%q: %v\n%s", word, err, diff)
				}
			}
		}
		// Another letter, not another spelling.
		for _, word := range []string{"はいお", "हिनदी", "バイ才"} {
			if p, err := h.Browse(t.Context(), Viewer{}, Filter{Words: word}, 0, 50); len(p.Groups) > 0 || err != nil {
				t.Errorf("%q finds %q, %v", word, titles(p.Groups), err)
			}
		}
	})
}

// TestWordsOfAnOlderRule lets groups come from an older release.
func TestWordsOfAnOlderRule(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		for _, name := range []string{"Müller", "Bjork", "Weißbach", "Ørsted", "Wałęsa"} {
			h.add(t, 1, "A dataset of "+name)
		}
		must(t, d.Tx(t.Context(), func(tx *db.Tx) error {
			if _, err := tx.Exec(t.Context(), "UPDATE group_word SET word = 'müller' WHERE word = 'muller'"); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), "UPDATE torrent_group SET words_version = 0 WHERE id < 5")
			return err
		}))
		if p, err := h.Browse(t.Context(), Viewer{}, Filter{Words: "Müller"}, 0, 5); len(p.Groups) != 0 || err != nil {
			t.Fatalf("found before: %q, %v", titles(p.Groups), err)
		}
		before, err := h.Group(t.Context(), Viewer{}, 1)
		must(t, err)
		for _, want := range []int64{3, 1, 0, 0} {
			if n, err := h.RefreshWords(t.Context(), 3); n != want || err != nil {
				t.Errorf("%d groups, %v, want %d", n, err, want)
			}
		}
		p, err := h.Browse(t.Context(), Viewer{}, Filter{Words: "Müller"}, 0, 5)
		if len(p.Groups) != 1 || err != nil {
			t.Errorf("found afterwards: %q, %v", titles(p.Groups), err)
		}
		if after, err := h.Group(t.Context(), Viewer{}, 1); after.Revision != before.Revision || !after.UpdatedAt.Equal(before.UpdatedAt) || err != nil {
			t.Errorf("the group changed: revision %d, was %d, %v", after.Revision, before.Revision, err)
		}
		left, _, err := db.One(t.Context(), d, db.Value[int], "SELECT COUNT(*) FROM torrent_group WHERE words_version <> ?", text.SearchVersion)
		if left != 0 || err != nil {
			t.Errorf("%d groups are left, %v", left, err)
		}
	})
}
