package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

const (
	maxWords      = 2000 // of one group
	maxQueryWords = 10
	maxWordRunes  = 64
)

// words splits text into the words of the index: lower case, compatible forms made
// equal, split at everything that is neither letter nor digit. Each word occurs once,
// in order; there are at most limit of them.
func words(limit int, texts ...string) []string {
	var out []string
	seen := map[string]bool{}
	for _, text := range texts {
		for _, w := range strings.FieldsFunc(strings.ToLower(norm.NFKC.String(text)), func(r rune) bool {
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

// reindex replaces the words of a group by those of its rows.
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
	return writeWords(ctx, tx, id, words(maxWords, append(texts, g.Description)...))
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
