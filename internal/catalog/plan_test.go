package catalog

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

const planGroups = 600

// planned are filters with what they find in what generate made.
var planned = map[string]struct {
	f    Filter
	want int // groups on a page of 5
	rows int // that may be read for it, of 12,000 words and 900 torrents
}{
	"everything":                           {Filter{}, 5, 500},
	"a category":                           {Filter{Category: 2}, 5, 500},
	"a category that is not there":         {Filter{Category: -1}, 0, 500},
	"a word of one group":                  {Filter{Words: "onlyhere"}, 1, 500},
	"its beginning":                        {Filter{Words: "onlyh"}, 1, 500},
	"a word of no group":                   {Filter{Words: "nowhere"}, 0, 500},
	"a word of every group":                {Filter{Words: "common"}, 5, 500},
	"a common and a rare word":             {Filter{Words: "common onlyhere"}, 1, 500},
	"a rare and a common word":             {Filter{Words: "onlyhere common"}, 1, 500},
	"a word of a tenth":                    {Filter{Words: "tenth"}, 5, 1500},
	"two common words":                     {Filter{Words: "tenth common"}, 5, 1500},
	"a rare word in a category":            {Filter{Words: "onlyhere", Category: 2}, 1, 500},
	"a rare word in another category":      {Filter{Words: "onlyhere", Category: 1}, 0, 500},
	"a common word in a category":          {Filter{Words: "common", Category: 2}, 5, 500},
	"a rare tag":                           {Filter{Tags: []string{"onlyhere"}}, 1, 500},
	"a common tag":                         {Filter{Tags: []string{"every.one"}}, 5, 500},
	"both":                                 {Filter{Tags: []string{"every.one", "onlyhere"}}, 1, 500},
	"a rare creator":                       {Filter{Creator: "onlyhere"}, 1, 500},
	"a common creator":                     {Filter{Creator: "every.one"}, 5, 500},
	"a rare format":                        {Filter{Format: "onlyhere"}, 1, 500},
	"a common format":                      {Filter{Format: "FASTA"}, 5, 500},
	"a common licence and a category":      {Filter{License: "CC0", Category: 3}, 5, 500},
	"a word of a tenth in a common format": {Filter{Words: "tenth", Format: "FASTA"}, 5, 1500},
	"a rare word in a rare format":         {Filter{Words: "onlyhere", Format: "onlyhere"}, 1, 500},
	"common words in a rare format":        {Filter{Words: "common tenth", Format: "onlyhere"}, 0, 1500},
	"much at once":                         {Filter{Words: "common tenth", Format: "FASTA", License: "CC0", Category: 1, Tags: []string{"every.one"}, Creator: "every.one", Year: 2020}, 5, 4000},
}

// TestFewRowsAreLookedAt counts what the databases read for one page. It must not grow
// with the catalogue, except by what is allowed for conditions that are few.
func TestFewRowsAreLookedAt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		h.few = 20
		generate(t, d, planGroups, 20)
		for name, c := range planned {
			var run []statement
			err := h.onOneConnection(t.Context(), func(s *Store, tx *db.Tx) error {
				before := rowsRead(t, tx)
				ctx, _ := db.WithTally(t.Context(), func(query string, args []any) { run = append(run, statement{query, slices.Clone(args)}) })
				p, err := s.Browse(ctx, Viewer{}, c.f, 0, 5)
				if err != nil || len(p.Groups) != c.want {
					t.Errorf("%s: %d groups, %v", name, len(p.Groups), err)
				}
				// A page of 5 groups with all their parts, 21 rows for each of up to 8
				// conditions, and 20 groups that are looked at. Where the newest are
				// looked at until 6 of a tenth are found, these are 60 or 180 groups
				// with 20 words each.
				if read := rowsRead(t, tx) - before; read > c.rows {
					t.Errorf("%s: %d rows were read", name, read)
				}
				return nil
			})
			must(t, err)
			if len(run) > 12 {
				t.Errorf("%s: %d statements", name, len(run))
			}
			for _, q := range run {
				if fault := scans(t, d, q); fault != "" {
					t.Errorf("%s:\n%s\n%s", name, q.text, fault)
				}
			}
		}
	})
}

type statement struct {
	text string
	args []any
}

// rowsRead returns how many rows or entries of indexes the connection has read. SQLite
// does not count.
func rowsRead(t *testing.T, tx *db.Tx) (sum int) {
	t.Helper()
	if tx.Engine() == db.SQLite {
		return 0
	}
	list, err := db.All(t.Context(), tx, func(sc db.Scanner) (n int, err error) {
		var name string
		return n, sc.Scan(&name, &n)
	}, "SHOW SESSION STATUS WHERE variable_name IN ('Handler_read_first', 'Handler_read_key', 'Handler_read_last', 'Handler_read_next', 'Handler_read_prev', 'Handler_read_rnd', 'Handler_read_rnd_next')")
	must(t, err)
	for _, n := range list {
		sum += n
	}
	return sum
}

// scans returns the parts of SQLite's plan that read a whole table or index, or much of it
// for each group, or sort what may be one. Groups may be walked in their order.
func scans(t *testing.T, d *db.DB, q statement) string {
	t.Helper()
	if d.Engine() != db.SQLite || strings.Contains(q.text, "FROM (") {
		return "" // counting is bounded by its LIMIT
	}
	plan, err := db.All(context.WithoutCancel(t.Context()), d, func(sc db.Scanner) (detail string, err error) {
		var id, parent, unused int
		return detail, sc.Scan(&id, &parent, &unused, &detail)
	}, "EXPLAIN QUERY PLAN "+q.text, q.args...)
	must(t, err)
	ordered := strings.Contains(q.text, "ORDER BY l.newest DESC LIMIT") || strings.Contains(q.text, "ORDER BY t.id DESC LIMIT")
	var faults []string
	for _, step := range plan {
		scan := strings.HasPrefix(step, "SCAN ") && !strings.HasPrefix(step, "SCAN CONSTANT") && !strings.Contains(step, "newest")
		sort := ordered && strings.Contains(step, "TEMP B-TREE FOR ORDER BY")
		// For each group that is walked past, all groups of a creator or with a tag.
		scan = scan || ordered && (strings.Contains(step, "(creator_id=?)") || strings.Contains(step, "(tag_id=?)"))
		if scan || sort {
			faults = append(faults, step)
		}
	}
	return strings.Join(faults, "\n")
}

// TestWalksAreBrokenOff looks for two words of which each is in half of the groups and
// none has both: so many groups are looked at for one page, the page says so, and its
// cursor leads on to the one that has both at last.
func TestWalksAreBrokenOff(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		h.few, h.steps = 20, []int{10, 40, 57}
		generate(t, d, planGroups, 2)
		var rows [][]any
		for g := 2; g <= planGroups; g++ {
			rows = append(rows, []any{[]string{"even", "odd"}[g%2], g})
		}
		rows = append(rows, []any{"even", 1}, []any{"odd", 1})
		must(t, d.Tx(t.Context(), func(tx *db.Tx) error {
			return tx.Upsert(t.Context(), db.UpsertSpec{Table: "group_word", Key: []string{"word", "group_id"}}, rows...)
		}))
		for name, f := range map[string]Filter{"groups": {Words: "even odd"}, "torrents": {Words: "even odd", Format: "FASTA"}, "a category": {Words: "even odd", Category: 2}} {
			var found []string
			pages := 0
			for before := core.TorrentID(0); ; pages++ {
				p, err := h.Browse(t.Context(), Viewer{}, f, before, 5)
				must(t, err)
				found = append(found, titles(p.Groups)...)
				if last := p.Next == 0; last == p.Unfinished || !last && len(p.Groups) > 0 {
					t.Fatalf("%s: page %d has %d groups, goes on at %d, unfinished: %t", name, pages, len(p.Groups), p.Next, p.Unfinished)
				}
				if before = p.Next; before == 0 {
					break
				}
			}
			// The oldest group alone has both words; its format is one of its own.
			want, most := []string{"Dataset 1"}, map[string]int{"groups": planGroups / 107, "torrents": planGroups * 3 / 2 / 107, "a category": planGroups / 3 / 107}[name]
			if name == "torrents" {
				want = nil
			}
			if diff := cmp.Diff(want, found); diff != "" || pages != most {
				t.Errorf("%s: %d pages before the last (-want +got):\n%s", name, pages, diff)
			}
		}
		p, err := h.Search(t.Context(), Viewer{}, "even odd", 5)
		if err != nil || len(p.Groups) != 0 || !p.Unfinished || p.Next == 0 {
			t.Errorf("a search finds %+v, %v", p, err)
		}
	})
}
