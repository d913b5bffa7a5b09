package metainfo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestUnfriendlyNames tells of names that Windows can't store, or refuses them: by the
// same rule.
func TestUnfriendlyNames(t *testing.T) {
	deep := strings.Repeat("d", 120)
	for name, c := range map[string]struct {
		data []byte
		want []Unfriendly
	}{
		"nothing":           {files(comp("Streptomyces sp", "a.fa"), comp(".hidden"), comp("a b", "c.d"), comp("console"), comp("com10"), comp("nulls.txt"), comp("écoli.fa")), nil},
		"a dot at the end":  {files(comp("Streptomyces sp.", "a.fa"), comp("Streptomyces sp.", "b.fa")), []Unfriendly{{reasonEnd, []string{"Streptomyces sp."}, 1}}},
		"a blank":           {files(comp("a ", "b "), comp("c")), []Unfriendly{{reasonEnd, []string{"a ", "a /b "}, 2}}},
		"a device":          {files(comp("aux", "x.fa"), comp("NUL"), comp("Con.tar.gz"), comp("x", "com¹.txt"), comp("lpt9 .a")), []Unfriendly{{reasonReserved, []string{"Con.tar.gz", "NUL", "aux"}, 5}}},
		"a colon":           {files(comp("GO:0008150.tsv")), []Unfriendly{{reasonSigns, []string{"GO:0008150.tsv"}, 1}}},
		"each sign":         {files(comp("a<"), comp("a>"), comp("ab:"), comp(`a"`), comp("a|"), comp("a?"), comp("a*02:01"), comp(`a\b`)), []Unfriendly{{reasonSigns, []string{`a\"`, "a*02:01", "a<"}, 8}}},
		"case":              {files(comp("A"), comp("a")), []Unfriendly{{reasonCase, []string{"a"}, 1}}},
		"composed letters":  {files(comp("\u00e9"), comp("e\u0301")), []Unfriendly{{reasonCase, []string{"é"}, 1}}},
		"a file, a Folder":  {files(comp("a"), comp("A", "b")), []Unfriendly{{reasonCase, []string{"a/b"}, 1}}},
		"folders that meet": {files(comp("A", "x"), comp("a", "y")), nil},
		"a long path":       {files(comp(deep, deep)), []Unfriendly{{reasonLong, []string{printable([]byte(deep + "/" + deep))}, 1}}},
		"the torrent's own": {torrent("d5:filesld6:lengthi5e4:pathl1:aeee4:name3:aux12:piece lengthi16384e6:pieces<P>e"), []Unfriendly{{reasonReserved, []string{"aux"}, 1}}},
		"one file":          {torrent("d6:lengthi5e4:name3:aux12:piece lengthi16384e6:pieces<P>e"), []Unfriendly{{reasonReserved, []string{"aux"}, 1}}},
		"several reasons":   {files(comp("aux", "a?"), comp("b.")), []Unfriendly{{reasonEnd, []string{"b."}, 1}, {reasonReserved, []string{"aux"}, 1}, {reasonSigns, []string{"aux/a?"}, 1}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Check(c.data, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Unfriendly); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			checkClean(t, got.Sanitize(testOptions))
			_, err = Check(c.data, Limits{Names: NamesRefuse})
			if (err != nil) != (c.want != nil) {
				t.Errorf("refused: %v", err)
			}
			if err != nil && (core.FieldOf(err) != c.want[0].Examples[0] || !strings.Contains(core.SafeText(err), c.want[0].Reason)) {
				t.Errorf("refused as %s: %v", core.FieldOf(err), err)
			}
		})
	}
}
