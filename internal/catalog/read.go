package catalog

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

const groupSelect = `SELECT g.id, g.category_id, g.title, g.subject, g.object, g.year, g.workgroup, g.location,
	g.identifier, g.picture, g.revision, g.created_at, g.updated_at, c.name, c.slug
	FROM torrent_group g JOIN category c ON c.id = g.category_id`

func scanGroup(sc db.Scanner) (Group, error) {
	var g Group
	var created, updated int64
	err := sc.Scan(&g.ID, &g.Category, &g.Title, &g.Subject, &g.Object, &g.Year, &g.Workgroup, &g.Location,
		&g.Identifier, &g.Picture, &g.Revision, &created, &updated, &g.CategoryName, &g.CategorySlug)
	g.CreatedAt, g.UpdatedAt = instant(created), instant(updated)
	return g, err
}

func instant(unix int64) time.Time { return time.Unix(unix, 0).UTC() }

const torrentSelect = `SELECT t.id, t.group_id, t.uploader_id, COALESCE(m.name, ''), t.anonymous,
	t.platform, t.format, t.archive, t.scope, t.license, t.version, t.annotated, t.seqhash,
	g.title, g.subject, c.name, c.slug, g.revision,
	t.leech, t.leech_reason, t.name, t.info_hash, t.info_hash_v2, t.source, t.size, t.file_count, t.piece_length,
	t.created_at, t.updated_at, COALESCE(w.seeders, 0), COALESCE(w.leechers, 0), COALESCE(x.snatches, 0)
	FROM torrent t JOIN torrent_group g ON g.id = t.group_id JOIN category c ON c.id = g.category_id
	LEFT JOIN member m ON m.id = t.uploader_id
	LEFT JOIN swarm_count w ON w.torrent_id = t.id
	LEFT JOIN transfer_torrent x ON x.torrent_id = t.id`

// scanTorrent reads a row of torrentSelect and leaves out what v may not see.
func scanTorrent(v Viewer) func(db.Scanner) (Torrent, error) {
	return func(sc db.Scanner) (Torrent, error) {
		var t Torrent
		var u Uploader
		var anonymous, annotated, created, updated int64
		var h1, h2 []byte
		err := sc.Scan(&t.ID, &t.Group, &u.ID, &u.Name, &anonymous,
			&t.Platform, &t.Format, &t.Archive, &t.Scope, &t.License, &t.Version, &annotated, &t.Seqhash,
			&t.Title, &t.Subject, &t.CategoryName, &t.CategorySlug, &t.Revision,
			&t.Leech, &t.LeechReason, &t.Name, &h1, &h2, &t.Source, &t.Size, &t.FileCount, &t.PieceLength,
			&created, &updated, &t.Seeders, &t.Leechers, &t.Snatches)
		copy(t.InfoHash[:], h1)
		copy(t.InfoHashV2[:], h2)
		t.CreatedAt, t.UpdatedAt = instant(created), instant(updated)
		t.Anonymous, t.Annotated = anonymous != 0, annotated != 0
		t.Mine = v.ID != 0 && u.ID == v.ID
		if t.Anonymous && !t.Mine && !v.SeeHidden {
			u = Uploader{}
		}
		u.Anonymous = t.Anonymous
		t.Uploader = u
		return t, err
	}
}

// Group returns a group with its newest 500 live torrents, whose notes Notes reads.
func (s *Store) Group(ctx context.Context, v Viewer, id core.GroupID) (Group, error) {
	const most = 500
	groups, err := s.groups(ctx, v, []core.GroupID{id}, most)
	if err != nil {
		return Group{}, err
	}
	if len(groups) == 0 {
		return Group{}, noGroup()
	}
	g := groups[0]
	g.Description, err = s.source(ctx, "torrent_group", int64(id))
	return g, err
}

// groups returns those of the groups that have a live torrent, in the order of
// ids, each with at most perGroup torrents.
func (s *Store) groups(ctx context.Context, v Viewer, ids []core.GroupID, perGroup int) ([]Group, error) {
	out, err := s.bareGroups(ctx, v, ids, perGroup)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return out, fillGroups(ctx, s.db, out)
}

// bareGroups is groups without creators, tags and literature.
func (s *Store) bareGroups(ctx context.Context, v Viewer, ids []core.GroupID, perGroup int) ([]Group, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := db.Anys(ids)
	rows, err := db.All(ctx, s.db, scanGroup, groupSelect+" WHERE g.id IN ("+db.Marks(len(ids))+")", args...)
	if err != nil {
		return nil, fmt.Errorf("read groups: %w", err)
	}
	torrents, err := s.torrents(ctx, v, `t.id IN (SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY group_id ORDER BY id DESC) AS n
		FROM torrent WHERE deleted_at = 0 AND group_id IN (`+db.Marks(len(ids))+`)) AS newest WHERE n <= ?) ORDER BY t.id DESC`,
		append(args, perGroup)...)
	if err != nil {
		return nil, err
	}
	byID := make(map[core.GroupID]Group, len(rows))
	for _, g := range rows {
		byID[g.ID] = g
	}
	for _, t := range torrents {
		g := byID[t.Group]
		g.Torrents = append(g.Torrents, t)
		byID[t.Group] = g
	}
	var out []Group
	for _, id := range ids {
		if g := byID[id]; len(g.Torrents) > 0 {
			out = append(out, g)
		}
	}
	return out, nil
}

// fillGroups reads creators, tags and literature of groups.
func fillGroups(ctx context.Context, q db.Queryer, groups []Group) error {
	index := make(map[int64]int, len(groups))
	ids := make([]core.GroupID, len(groups))
	for i, g := range groups {
		index[int64(g.ID)], ids[i] = i, g.ID
	}
	for _, part := range []struct {
		query string
		list  func(*Group) *[]string
	}{
		{"SELECT l.group_id, n.name FROM group_creator l JOIN creator n ON n.id = l.creator_id",
			func(g *Group) *[]string { return &g.Creators }},
		{"SELECT l.group_id, n.name FROM group_tag l JOIN tag n ON n.id = l.tag_id",
			func(g *Group) *[]string { return &g.Tags }},
		{"SELECT l.group_id, l.doi FROM group_literature l", func(g *Group) *[]string { return &g.Literature }},
	} {
		err := eachText(ctx, q, part.query+" WHERE l.group_id IN ("+marks(ids)+") ORDER BY l.group_id, l.position", db.Anys(ids),
			func(id int64, text string) {
				list := part.list(&groups[index[id]])
				*list = append(*list, text)
			})
		if err != nil {
			return fmt.Errorf("read groups: %w", err)
		}
	}
	return nil
}

// marks returns the marks of an IN list, and NULL, which matches nothing, for
// an empty one.
func marks[T any](ids []T) string {
	if len(ids) == 0 {
		return "NULL"
	}
	return db.Marks(len(ids))
}

// eachText runs a query whose rows hold an id and a text.
func eachText(ctx context.Context, q db.Queryer, query string, args []any, f func(id int64, text string)) error {
	_, err := db.All(ctx, q, func(sc db.Scanner) (struct{}, error) {
		var id int64
		var text string
		if err := sc.Scan(&id, &text); err != nil {
			return struct{}{}, err
		}
		f(id, text)
		return struct{}{}, nil
	}, query, args...)
	return err
}

// torrents reads torrents with their mirrors. where ends with the order and,
// unless it names few rows, a limit.
func (s *Store) torrents(ctx context.Context, v Viewer, where string, args ...any) ([]Torrent, error) {
	list, err := db.All(ctx, s.db, scanTorrent(v), torrentSelect+" WHERE "+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read torrents: %w", err)
	}
	const chunk = 500
	for from := 0; from < len(list); from += chunk {
		part := list[from:min(len(list), from+chunk)]
		ids := make([]core.TorrentID, len(part))
		index := make(map[int64]int, len(part))
		for i, t := range part {
			ids[i], index[int64(t.ID)] = t.ID, i
		}
		err := eachText(ctx, s.db, "SELECT torrent_id, url FROM torrent_mirror WHERE torrent_id IN ("+marks(ids)+") ORDER BY torrent_id, position",
			db.Anys(ids), func(id int64, url string) { t := &part[index[id]]; t.Mirrors = append(t.Mirrors, url) })
		if err != nil {
			return nil, fmt.Errorf("read mirrors: %w", err)
		}
	}
	return list, nil
}

// Torrent returns a live torrent. For a deleted one the error says why it was
// deleted.
func (s *Store) Torrent(ctx context.Context, v Viewer, id core.TorrentID) (Torrent, error) {
	t, err := s.one(ctx, v, "t.id = ? AND t.deleted_at = 0 LIMIT 1", id)
	if err == nil {
		t.Description, err = s.source(ctx, "torrent", int64(id))
	}
	if core.CodeOf(err) != core.NotFound {
		return t, err
	}
	reason, ok, rerr := db.One(ctx, s.db, db.Value[string], "SELECT delete_reason FROM torrent WHERE id = ? AND deleted_at > 0", id)
	if rerr != nil {
		return t, fmt.Errorf("read torrent %d: %w", id, rerr)
	}
	if ok {
		err = core.Errorf(core.NotFound, "this torrent was deleted: %s", reason)
	}
	return t, err
}

func (s *Store) one(ctx context.Context, v Viewer, where string, args ...any) (Torrent, error) {
	list, err := s.torrents(ctx, v, where, args...)
	if err != nil {
		return Torrent{}, err
	}
	if len(list) == 0 {
		return Torrent{}, noTorrent()
	}
	return list[0], nil
}

// ByInfoHash returns the live torrent with a hash of 40 hexadecimal digits (v1,
// or v2 as it stands in announces) or 64 (v2).
func (s *Store) ByInfoHash(ctx context.Context, v Viewer, text string) (Torrent, error) {
	h, err := hex.DecodeString(strings.TrimSpace(text))
	switch {
	case err != nil || len(h) != 20 && len(h) != 32:
		return Torrent{}, core.Errorf(core.Invalid, "an info-hash has 40 or 64 hexadecimal digits")
	case len(h) == 32:
		return s.one(ctx, v, "t.info_hash_v2 = ? AND t.deleted_at = 0 LIMIT 1", h)
	}
	return s.one(ctx, v, "(t.info_hash = ? OR t.announce_hash_2 = ?) AND t.deleted_at = 0 LIMIT 1", h, h)
}

// Recent returns the newest live torrents, at most 100.
func (s *Store) Recent(ctx context.Context, v Viewer, limit int) ([]Torrent, error) {
	return s.torrents(ctx, v, "t.deleted_at = 0 ORDER BY t.id DESC LIMIT ?", bounded(limit, maxPage))
}

// Uploads returns up to 100 live torrents that a member uploaded, newest first,
// after the cursor before (0 for the first page). Anonymous ones are left out
// unless the viewer may know of them.
func (s *Store) Uploads(ctx context.Context, v Viewer, member core.MemberID, before core.TorrentID, limit int) ([]Torrent, error) {
	where := "t.uploader_id = ? AND t.deleted_at = 0 AND t.id < ?"
	if v.ID != member && !v.SeeHidden {
		where += " AND t.anonymous = 0"
	}
	return s.torrents(ctx, v, where+" ORDER BY t.id DESC LIMIT ?", member, cursor(before), bounded(limit, maxPage))
}

const maxPage = 100

func bounded(limit, most int) int { return max(1, min(limit, most)) }

// cursor replaces 0, the first page, by an id above all others.
func cursor(before core.TorrentID) core.TorrentID {
	if before <= 0 {
		return 1<<63 - 1
	}
	return before
}
