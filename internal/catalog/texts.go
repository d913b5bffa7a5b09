package catalog

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/text"
)

// texts are the rendered texts of an upload or an edit.
type texts struct{ description, note text.Stored }

// render renders a text, unless there is a fault in its field already.
func (f *FieldErrors) render(field string, k text.Kind, source string) text.Stored {
	if f.Get(field) != "" {
		return text.Stored{}
	}
	s, err := k.Render(source)
	if err != nil {
		f.add(field, "%s", core.SafeText(err))
	}
	return s
}

// textRow are the columns of a text, which have the same names in both tables.
func textRow(t text.Stored) db.Row {
	return db.Row{"description", t.Source, "description_html", t.HTML, "description_renderer", t.Renderer}
}

// textColumns are read by scanText. The source is left out where its HTML is shown,
// which the version of the renderer, the first argument, decides.
const textColumns = "CASE WHEN description_renderer = ? THEN '' ELSE description END, description_html, description_renderer"

func scanText(t *text.Stored) []any { return []any{&t.Source, &t.HTML, &t.Renderer} }

// Description returns the text of a group for its page.
func (s *Store) Description(ctx context.Context, id core.GroupID) (text.Stored, error) {
	t, ok, err := db.One(ctx, s.db, func(sc db.Scanner) (t text.Stored, err error) {
		return t, sc.Scan(scanText(&t)...)
	}, "SELECT "+textColumns+" FROM torrent_group WHERE id = ?", text.Version, id)
	if err != nil {
		return t, fmt.Errorf("read the description of group %d: %w", id, err)
	}
	if !ok {
		return t, noGroup()
	}
	return t, nil
}

// Note is what somebody wrote about one torrent.
type Note struct {
	Torrent core.TorrentID
	Text    text.Stored
}

// MaxNotes is the most notes that are read at once.
const MaxNotes = 10

// Notes returns up to limit (at most MaxNotes) notes on live torrents of a group, the
// newest torrent first, after the cursor before (0 for the first page). next is the
// cursor of the page after it, 0 when there is none.
func (s *Store) Notes(ctx context.Context, group core.GroupID, before core.TorrentID, limit int) (notes []Note, next core.TorrentID, err error) {
	limit = bounded(limit, MaxNotes)
	ids, err := db.All(ctx, s.db, db.Value[core.TorrentID],
		"SELECT id FROM torrent WHERE group_id = ? AND deleted_at = 0 AND description <> '' AND id < ? ORDER BY id DESC LIMIT ?",
		group, cursor(before), limit+1)
	if err != nil {
		return nil, 0, fmt.Errorf("read the notes of group %d: %w", group, err)
	}
	if len(ids) > limit {
		ids, next = ids[:limit], ids[limit-1]
	}
	notes, err = db.All(ctx, s.db, func(sc db.Scanner) (n Note, err error) {
		return n, sc.Scan(append([]any{&n.Torrent}, scanText(&n.Text)...)...)
	}, "SELECT id, "+textColumns+" FROM torrent WHERE id IN ("+marks(ids)+") ORDER BY id DESC", append([]any{text.Version}, db.Anys(ids)...)...)
	if err != nil {
		return nil, 0, fmt.Errorf("read the notes of group %d: %w", group, err)
	}
	return notes, next, nil
}

// source reads what was written about a group or a torrent.
func (s *Store) source(ctx context.Context, table string, id int64) (string, error) {
	return source(ctx, s.db, table, id)
}

func source(ctx context.Context, q db.Queryer, table string, id int64) (string, error) {
	t, _, err := db.One(ctx, q, db.Value[string], "SELECT description FROM "+table+" WHERE id = ?", id)
	if err != nil {
		return "", fmt.Errorf("read the text of %s %d: %w", table, id, err)
	}
	return t, nil
}

// RenderAgain renders up to limit texts that an older renderer made, or none, and
// returns how many. A text that can't be rendered is marked, and is not tried again by
// this version.
func (s *Store) RenderAgain(ctx context.Context, limit int) (int64, error) {
	var done int64
	for _, t := range []struct {
		table string
		kind  text.Kind
	}{{"torrent_group", text.Description}, {"torrent", text.Note}} {
		n, err := s.renderAgain(ctx, t.table, t.kind, limit-int(done))
		if done += n; err != nil {
			return done, fmt.Errorf("render texts of %s: %w", t.table, err)
		}
	}
	return done, nil
}

func (s *Store) renderAgain(ctx context.Context, table string, k text.Kind, limit int) (int64, error) {
	type old struct {
		id       int64
		source   string
		renderer int64
	}
	stale, err := db.All(ctx, s.db, func(sc db.Scanner) (o old, err error) {
		return o, sc.Scan(&o.id, &o.source, &o.renderer)
	}, "SELECT id, description, description_renderer FROM "+table+
		" WHERE description_renderer > ? AND description_renderer < ? ORDER BY description_renderer, id LIMIT ?", -text.Version, text.Version, limit)
	if err != nil || len(stale) == 0 {
		return 0, err
	}
	fresh := make([]text.Stored, len(stale))
	for i, o := range stale {
		fresh[i] = k.Again(o.source)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		for i, o := range stale { // a text that was edited meanwhile is another one
			if _, err := tx.Exec(ctx, "UPDATE "+table+" SET description_html = ?, description_renderer = ? WHERE id = ? AND description_renderer = ? AND description = ?",
				fresh[i].HTML, fresh[i].Renderer, o.id, o.renderer, o.source); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return int64(len(stale)), nil
}
