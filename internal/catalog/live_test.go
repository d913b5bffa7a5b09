package catalog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// sumsOf reads what is kept, or with counted what it should be.
func sumsOf(t *testing.T, d *db.DB, counted bool) (out []string) {
	t.Helper()
	groups := "SELECT 'group', group_id, category_id, newest, torrents, size FROM group_live"
	sums := "SELECT 'category', category_id, group_count, torrents, size, 0 FROM catalog_sum WHERE group_count <> 0 OR torrents <> 0 OR size <> 0"
	if counted {
		const torrents = "FROM torrent t JOIN torrent_group g ON g.id = t.group_id WHERE t.deleted_at = 0"
		groups = "SELECT 'group', g.id, g.category_id, MAX(t.id), COUNT(*), SUM(t.size) " + torrents + " GROUP BY g.id, g.category_id"
		sums = "SELECT 'category', g.category_id, COUNT(DISTINCT g.id), COUNT(*), SUM(t.size), 0 " + torrents + " GROUP BY g.category_id"
	}
	out, err := db.All(t.Context(), d, func(sc db.Scanner) (string, error) {
		var what string
		var n [5]int64
		err := sc.Scan(&what, &n[0], &n[1], &n[2], &n[3], &n[4])
		return fmt.Sprint(what, n), err
	}, groups+" UNION ALL "+sums+" ORDER BY 1, 2")
	must(t, err)
	return out
}

// another is an upload into a group of any category.
func (h house) another(t *testing.T, id core.GroupID, data string) Upload {
	t.Helper()
	g, err := h.Group(t.Context(), Viewer{}, id)
	must(t, err)
	v, err := h.Vocabulary(t.Context(), g.Category)
	must(t, err)
	u := upload(1, "", makeTorrent("more", data))
	u.Group, u.Torrent.Platform, u.Torrent.Format = id, v.Platforms[0].Terms[0].Name, v.Formats[0].Terms[0].Name
	return u
}

// TestSumsAreKept does all that changes them, in any order.
func TestSumsAreKept(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		random := rand.New(rand.NewPCG(3, 4))
		var alive []Added
		for i := range 60 {
			title := fmt.Sprintf("Dataset number %d", i)
			switch n := len(alive); {
			case n < 3 || random.IntN(4) == 0:
				alive = append(alive, h.add(t, 1, title))
			case random.IntN(3) == 0:
				a, err := h.Add(t.Context(), h.another(t, alive[random.IntN(n)].Group, title))
				must(t, err)
				alive = append(alive, a)
			case random.IntN(2) == 0:
				g, err := h.Group(t.Context(), Viewer{}, alive[random.IntN(n)].Group)
				must(t, err)
				form := g.GroupForm
				form.Category = int64(1 + random.IntN(3))
				must(t, h.Edit(t.Context(), Edit{Group: g.ID, Revision: g.Revision, GroupForm: &form}))
			default:
				k := random.IntN(n)
				must(t, h.Delete(t.Context(), 1, alive[k].Torrent, "no longer wanted"))
				alive = append(alive[:k], alive[k+1:]...)
			}
			if diff := cmp.Diff(sumsOf(t, d, true), sumsOf(t, d, false)); diff != "" {
				t.Fatalf("after step %d (- counted, + kept):\n%s", i, diff)
			}
		}
		all, by, err := h.Counts(t.Context())
		must(t, err)
		var sum Counts
		for _, c := range by {
			sum.Groups, sum.Torrents, sum.Size = sum.Groups+c.Groups, sum.Torrents+c.Torrents, sum.Size+c.Size
		}
		if all != sum || all.Torrents != len(alive) {
			t.Errorf("in all %+v, by category %+v, %d torrents", all, by, len(alive))
		}
		// Pages are shown what is kept: nothing is counted for them.
		must(t, d.Tx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "UPDATE catalog_sum SET size = size + 7")
			return err
		}))
		if changed, _, err := h.Counts(t.Context()); err != nil || changed.Size != all.Size+core.Bytes(7*len(by)) {
			t.Errorf("what is kept is not what is read: %+v, %v", changed, err)
		}
	})
}

// TestSumsOfSeveralAtOnce changes groups from many sides at once, also in transactions
// that have read before others wrote, as commands do.
func TestSumsOfSeveralAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d)
		const groups, each = 3, 4
		var torrents []core.TorrentID
		var ids []core.GroupID
		for i := range groups {
			a := h.add(t, 1, fmt.Sprintf("Dataset number %d", i))
			torrents, ids = append(torrents, a.Torrent), append(ids, a.Group)
			for j := range each {
				u := upload(1, "", makeTorrent("more", fmt.Sprint(i, j)))
				u.Group = a.Group
				more, err := h.Add(t.Context(), u)
				must(t, err)
				torrents = append(torrents, more.Torrent)
			}
		}
		var wait sync.WaitGroup
		for i, id := range torrents {
			if i%(each+1) == 0 {
				continue // one of each group stays
			}
			wait.Go(func() {
				err := d.Tx(t.Context(), func(tx *db.Tx) error {
					if _, err := h.In(tx).Torrent(t.Context(), Viewer{}, id); err != nil { // from now on MariaDB shows the rows as they are
						return err
					}
					return h.In(tx).Delete(t.Context(), 1, id, "no longer wanted")
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		for i := range groups {
			wait.Go(func() {
				u := upload(1, "", makeTorrent("another", fmt.Sprint("another", i)))
				u.Group = ids[i]
				if _, err := h.Add(context.WithoutCancel(t.Context()), u); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if diff := cmp.Diff(sumsOf(t, d, true), sumsOf(t, d, false)); diff != "" {
			t.Errorf("(- counted, + kept):\n%s", diff)
		}
	})
}
