package catalog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// generate fills the catalogue with datasets as they would come: two torrents for every
// second group, words of which few are in many groups and most in few. Each group has
// the word "common", every tenth the word and tag "tenth", and the oldest alone the word
// "onlyhere", the tag "onlyhere", a creator and a format of its own. It writes rows, and
// is a thousand times as fast as uploads are.
func generate(tb testing.TB, d *db.DB, groups, wordsEach int) {
	tb.Helper()
	ctx := tb.Context()
	random := rand.New(rand.NewPCG(1, 2))
	zipf := rand.NewZipf(random, 1.1, 8, 200_000)
	write := func(tx *db.Tx, table string, key []string, set []string, rows [][]any) {
		if err := tx.Upsert(ctx, db.UpsertSpec{Table: table, Key: key, Set: set}, rows...); err != nil {
			tb.Fatal(err)
		}
	}
	names := [][]any{{1, "onlyhere"}, {2, "tenth"}, {3, "every.one"}}
	must(tb, d.Tx(ctx, func(tx *db.Tx) error {
		write(tx, "tag", []string{"id"}, []string{"name"}, names)
		write(tx, "creator", []string{"id"}, []string{"name"}, names)
		return nil
	}))
	torrent := 0
	for from := 1; from <= groups; from += 1000 {
		var rows struct{ group, live, word, tag, creator, torrent [][]any }
		for g := from; g < min(from+1000, groups+1); g++ {
			category, format := 1+g%3, "FASTA"
			list := map[string]bool{"common": true}
			if g%10 == 0 {
				list["tenth"] = true
				rows.tag = append(rows.tag, []any{g, 2, 2})
			}
			if g == 1 {
				list["onlyhere"], format = true, "onlyhere"
				rows.tag = append(rows.tag, []any{g, 1, 1})
				rows.creator = append(rows.creator, []any{g, 1, 1})
			}
			rows.tag, rows.creator = append(rows.tag, []any{g, 3, 3}), append(rows.creator, []any{g, 3, 3})
			for len(list) < wordsEach {
				list[fmt.Sprintf("w%06d", zipf.Uint64())] = true
			}
			for w := range list {
				rows.word = append(rows.word, []any{w, g})
			}
			n := 1 + g%2
			for range n {
				torrent++
				rows.torrent = append(rows.torrent, torrentRowOf(torrent, g, format))
			}
			rows.live = append(rows.live, []any{g, category, torrent, n, n * 1000})
			rows.group = append(rows.group, []any{g, category, fmt.Sprintf("Dataset %d", g), "", "", 2020, "Lab", "", "", "",
				"A description of some length, as people write it. It says what was measured, and how.", 1, 1, 1, text.SearchVersion})
		}
		must(tb, d.Tx(ctx, func(tx *db.Tx) error {
			write(tx, "torrent_group", []string{"id"}, []string{"category_id", "title", "subject", "object", "year", "workgroup", "location",
				"identifier", "picture", "description", "revision", "created_at", "updated_at", "words_version"}, rows.group)
			write(tx, "group_live", []string{"group_id"}, []string{"category_id", "newest", "torrents", "size"}, rows.live)
			write(tx, "group_word", []string{"word", "group_id"}, nil, rows.word)
			write(tx, "group_tag", []string{"group_id", "tag_id"}, []string{"position"}, rows.tag)
			write(tx, "group_creator", []string{"group_id", "position"}, []string{"creator_id"}, rows.creator)
			write(tx, "torrent", []string{"id"}, []string{"group_id", "uploader_id", "anonymous", "platform", "format", "archive", "scope", "license",
				"version", "annotated", "description", "seqhash", "leech", "leech_reason", "name", "source", "size", "file_count", "piece_length",
				"created_at", "updated_at", "deleted_at", "deleted_by", "delete_reason"}, rows.torrent)
			return nil
		}))
	}
	must(tb, d.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO catalog_sum (category_id, group_count, torrents, size) SELECT category_id, COUNT(*), SUM(torrents), SUM(size) FROM group_live GROUP BY category_id")
		return err
	}))
	if d.Engine() == db.MariaDB {
		analyze(tb, d)
	}
}

// analyze brings MariaDB's statistics up to date, which it otherwise does later.
func analyze(tb testing.TB, d *db.DB) {
	tb.Helper()
	rows, err := d.QueryContext(tb.Context(), "ANALYZE TABLE torrent, torrent_group, group_live, group_word, group_tag, group_creator")
	must(tb, err)
	for rows.Next() { // its answer is a table
	}
	must(tb, rows.Err())
	must(tb, rows.Close())
}

func torrentRowOf(id, group int, format string) []any {
	return []any{id, group, 1, 0, "Sanger", format, "None", "Genome", "CC0", "", 0, "", "", string(core.LeechNormal), "", "data", "x", 1000, 1, 16384, 1, 1, 0, 0, ""}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// onOneConnection runs f with a store all of whose statements come over one connection.
func (h house) onOneConnection(ctx context.Context, f func(s *Store, tx *db.Tx) error) error {
	return h.d.Tx(ctx, func(tx *db.Tx) error { return f(h.In(tx), tx) })
}
