package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

const (
	maxWords      = 2000 // of one group
	maxQueryWords = 10
	maxWordRunes  = 64
)

// words splits text into the words of the index: folded for search, split at everything
// that is neither letter nor digit. Each word occurs once, in order; there are at most
// limit of them.
func words(limit int, texts ...string) []string {
	var out []string
	seen := map[string]bool{}
	for _, t := range texts {
		for _, w := range strings.FieldsFunc(text.FoldSearch(t), func(r rune) bool {
			return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
		}) {
			if r := []rune(w); len(r) > maxWordRunes {
				w = string(r[:maxWordRunes])
			}
			if seen[w] {
				continue
			}
			if len(out) == limit {
				return out
			}
			seen[w] = true
			out = append(out, w)
		}
	}
	return out
}

// reindex replaces the words of a group by those of its rows. The transaction has
// written to the group before.
func reindex(ctx context.Context, tx *db.Tx, id core.GroupID) error {
	g, ok, err := db.One(ctx, tx, scanGroup, groupSelect+" WHERE g.id = ?", id)
	if err != nil || !ok {
		return fmt.Errorf("index group %d (found %t): %w", id, ok, err)
	}
	groups := []Group{g}
	if err := fillGroups(ctx, tx, groups); err != nil {
		return err
	}
	g = groups[0]
	if g.Description, err = source(ctx, tx, "torrent_group", int64(id)); err != nil {
		return err
	}
	texts := []string{g.Title, g.Identifier, g.Subject, g.Object, strings.Join(g.Tags, " ")}
	texts = append(texts, g.Creators...)
	texts = append(texts, g.Workgroup, g.Location, strings.Join(g.Literature, " "))
	names, err := db.All(ctx, tx, db.Value[string],
		"SELECT name FROM torrent WHERE group_id = ? AND deleted_at = 0 ORDER BY id DESC LIMIT 100", id)
	if err != nil {
		return fmt.Errorf("index group %d: %w", id, err)
	}
	texts = append(texts, names...)
	if err := writeWords(ctx, tx, id, words(maxWords, append(texts, g.Description)...)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE torrent_group SET words_version = ? WHERE id = ?", text.SearchVersion, id)
	return err
}

// RefreshWords makes the words of up to limit groups anew that were made by an older
// rule, the newest groups first, and returns how many. It is safe to run at any time,
// and twice.
func (s *Store) RefreshWords(ctx context.Context, limit int) (int64, error) {
	ids, err := db.All(ctx, s.db, db.Value[core.GroupID],
		"SELECT id FROM torrent_group WHERE words_version < ? ORDER BY words_version DESC, id DESC LIMIT ?", text.SearchVersion, bounded(limit, maxPage))
	if err != nil {
		return 0, fmt.Errorf("look for words of an older rule: %w", err)
	}
	for i, id := range ids {
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			// Nothing that people see changes, so the revision stays.
			if _, err := tx.Exec(ctx, "UPDATE torrent_group SET words_version = ? WHERE id = ?", text.SearchVersion, id); err != nil {
				return err
			}
			return reindex(ctx, tx, id)
		})
		if err != nil {
			return int64(i), fmt.Errorf("make the words of group %d: %w", id, err)
		}
	}
	return int64(len(ids)), nil
}

// writeWords changes only the rows that differ: deleting a whole range would lock the
// gaps beside it, and uploads would wait for each other.
func writeWords(ctx context.Context, tx *db.Tx, id core.GroupID, list []string) error {
	old, err := db.All(ctx, tx, db.Value[string], "SELECT word FROM group_word WHERE group_id = ? LIMIT ?", id, 2*maxWords)
	if err != nil {
		return fmt.Errorf("index group %d: %w", id, err)
	}
	slices.Sort(list)
	for _, w := range old {
		if _, keep := slices.BinarySearch(list, w); keep {
			continue
		}
		if _, err := tx.Exec(ctx, "DELETE FROM group_word WHERE word = ? AND group_id = ?", w, id); err != nil {
			return fmt.Errorf("index group %d: %w", id, err)
		}
	}
	slices.Sort(old)
	var rows [][]any
	for _, w := range list {
		if _, have := slices.BinarySearch(old, w); !have {
			rows = append(rows, []any{w, id})
		}
	}
	return tx.Upsert(ctx, db.UpsertSpec{Table: "group_word", Key: []string{"word", "group_id"}}, rows...)
}
