package catalog

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/internal/text"
)

// errTaken says that the data is there already; Add finds out where.
var errTaken = errors.New("the same data is there already")

// Add checks an upload, sanitizes its .torrent and stores both with the event
// TorrentAdded in one transaction. A format or archive that is left empty is guessed
// from the file names where possible. The caller has checked that the member may
// upload.
//
// Errors: FieldErrors with every fault of form and file, *DuplicateError when a
// live torrent has the same data, NotFound for a group that is not there.
func (s *Store) Add(ctx context.Context, u Upload) (Added, error) {
	t, err := s.checkAll(ctx, &u)
	if err != nil {
		return Added{}, err
	}
	var n names
	if u.Group == 0 {
		if n, err = s.names(ctx, u.GroupForm); err != nil {
			return Added{}, err
		}
	}
	meta := u.File.Sanitize(s.written(u.Torrent.Mirrors))
	c := checked{texts: t, names: n, meta: meta, tree: treeOf(meta.Files)}
	added := Added{
		Name: meta.Name, InfoHash: meta.InfoHash, InfoHashV2: meta.InfoHashV2, Source: meta.Source, Changes: meta.Changes,
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		added.Torrent, added.Group, err = s.insert(ctx, tx, u, c)
		return err
	})
	if errors.Is(err, errTaken) {
		dup, err := s.SameData(ctx, meta.Findings)
		return Added{}, orErr(dup, err)
	}
	if err != nil {
		return Added{}, fmt.Errorf("add torrent: %w", err)
	}
	return added, nil
}

// Check is Add without storing anything: it finds the same faults, and tells what would
// be changed in the .torrent.
func (s *Store) Check(ctx context.Context, u Upload) ([]metainfo.Change, error) {
	if _, err := s.checkAll(ctx, &u); err != nil {
		return nil, err
	}
	if dup, err := s.SameData(ctx, u.File.Findings); err != nil || dup != nil {
		return nil, orErr(dup, err)
	}
	return s.Preview(u.File, u.Torrent.Mirrors), nil
}

// Preview tells what Add will change in a .torrent without Fault.
func (s *Store) Preview(f TorrentFile, mirrors []string) []metainfo.Change {
	return f.Preview(s.written(mirrors))
}

// written is what stands in a stored .torrent in place of what is dropped. The source is
// another one each time.
func (s *Store) written(mirrors []string) metainfo.Options {
	return metainfo.Options{Source: s.slug() + "-" + strings.ToLower(rand.Text()[:16]), CreatedBy: "Caduceus", WebSeeds: mirrors}
}

// checkAll checks all that can be checked before the data are stored. The same data in
// another file are found when they are.
func (s *Store) checkAll(ctx context.Context, u *Upload) (texts, error) {
	t, err := s.check(ctx, u)
	if err != nil {
		return t, err
	}
	if dup, err := s.duplicateOfHash(ctx, u.File.Findings); err != nil || dup != nil {
		return t, orErr(dup, err)
	}
	return t, nil
}

// orErr returns err, or dup as an error that is not a typed nil. Both are nil
// when the other torrent was deleted in the meantime.
func orErr(dup *DuplicateError, err error) error {
	switch {
	case err != nil:
		return err
	case dup != nil:
		return dup
	}
	return core.Errorf(core.Conflict, "the same data was here a moment ago; try again")
}

// check normalizes the forms and validates them and the file together, so that a
// form comes back with all its faults. It renders the texts.
func (s *Store) check(ctx context.Context, u *Upload) (texts, error) {
	var t texts
	if err := s.fillVocabulary(ctx, u); err != nil {
		return t, err
	}
	v := u.Vocabulary
	if u.File.Checked != nil {
		format, archive := v.Detect(u.File.Files)
		u.Torrent.Format, u.Torrent.Archive = cmp.Or(u.Torrent.Format, format), cmp.Or(u.Torrent.Archive, archive)
	}
	var faults FieldErrors
	if u.Group == 0 {
		faults = append(faults, ValidateGroup(&u.GroupForm, v, s.opt.Rules, s.clock())...)
		t.description = faults.render(FieldDescription, text.Description, u.Description)
	}
	if v.Category.ID != 0 { // without a category no term can be right
		faults = append(faults, ValidateTorrent(&u.Torrent, v)...)
		t.note = faults.render(FieldTorrentDescription, text.Note, u.Torrent.Description)
	}
	switch {
	case u.File.Fault != nil:
		faults = append(faults, u.File.Fault)
	case u.File.Checked == nil:
		faults = append(faults, ReadFile(nil, metainfo.Limits{}).Fault)
	}
	return t, faults.orNil()
}

// fillVocabulary reads the vocabulary of the upload's category if the caller has not.
// That of a category which is not there stays empty.
func (s *Store) fillVocabulary(ctx context.Context, u *Upload) error {
	if u.Vocabulary.Category.ID != 0 {
		return nil
	}
	category := u.Category
	if u.Group != 0 {
		var ok bool
		var err error
		category, ok, err = db.One(ctx, s.db, db.Value[int64], "SELECT category_id FROM torrent_group WHERE id = ? AND "+hasLive, u.Group)
		if err != nil {
			return fmt.Errorf("read group %d: %w", u.Group, err)
		}
		if !ok {
			return noGroup()
		}
	}
	var err error
	if u.Vocabulary, err = s.Vocabulary(ctx, category); core.CodeOf(err) == core.Invalid {
		return nil
	}
	return err
}

func noGroup() error { return core.Errorf(core.NotFound, "there is no such group") }

// hasLive is a condition on torrent_group.
const hasLive = "EXISTS (SELECT 1 FROM torrent l WHERE l.group_id = torrent_group.id AND l.deleted_at = 0)"

// checked is what an upload has become before it is stored.
type checked struct {
	texts
	names
	meta *metainfo.Torrent
	tree folderTree
}

func (s *Store) insert(ctx context.Context, tx *db.Tx, u Upload, c checked) (core.TorrentID, core.GroupID, error) {
	now, meta := s.clock().Unix(), c.meta
	group := u.Group
	if group == 0 {
		id, err := tx.Insert(ctx, "torrent_group", append(groupRow(u.GroupForm, c.description),
			"revision", 1, "created_at", now, "updated_at", now))
		if err != nil {
			return 0, 0, err
		}
		group = core.GroupID(id)
		if err := insertGroupLists(ctx, tx, group, u.GroupForm, c.names); err != nil {
			return 0, 0, err
		}
	} else {
		found, err := tx.Exec(ctx, "UPDATE torrent_group SET revision = revision + 1, updated_at = ? WHERE id = ? AND category_id = ? AND "+hasLive,
			now, group, u.Vocabulary.Category.ID)
		if err != nil {
			return 0, 0, err
		}
		if found == 0 {
			return 0, 0, noGroup()
		}
	}
	id, err := tx.Insert(ctx, "torrent", append(torrentRow(u.Torrent, c.note),
		"group_id", group, "uploader_id", u.Uploader, "leech", string(core.LeechNormal), "leech_reason", "",
		"name", meta.Name, "info_hash", orNull(meta.HasV1(), meta.InfoHash[:]),
		"info_hash_v2", orNull(meta.HasV2(), meta.InfoHashV2[:]),
		"announce_hash_2", orNull(meta.HasV2(), meta.InfoHashV2[:20]),
		"source", meta.Source, "size", meta.Size, "file_count", len(meta.Files), "folder_count", len(c.tree.folders), "piece_length", meta.PieceLength,
		"created_at", now, "updated_at", now, "deleted_at", 0, "deleted_by", 0, "delete_reason", ""))
	if err != nil {
		return 0, 0, err
	}
	torrent := core.TorrentID(id)
	if err := s.insertParts(ctx, tx, torrent, u, c); err != nil {
		return 0, 0, err
	}
	if u.Group == 0 {
		err = setLive(ctx, tx, group, live{}, live{category: u.Category, newest: torrent, torrents: 1, size: meta.Size})
	} else {
		err = refreshLive(ctx, tx, group)
	}
	if err != nil {
		return 0, 0, err
	}
	if err := reindex(ctx, tx, group); err != nil {
		return 0, 0, err
	}
	s.touched(tx)
	_, err = s.log.Append(ctx, tx, eventlog.TorrentAdded{Torrent: torrent, Group: group})
	return torrent, group, err
}

func (s *Store) insertParts(ctx context.Context, tx *db.Tx, id core.TorrentID, u Upload, c checked) error {
	meta := c.meta
	for _, h := range meta.Contents() {
		free, err := tx.InsertIgnore(ctx, "torrent_content", db.Row{"content_hash", h[:], "torrent_id", id})
		if err != nil {
			return err
		}
		if !free {
			return errTaken
		}
	}
	if _, err := tx.Insert(ctx, "torrent_meta", db.Row{"torrent_id", id, "data", meta.Data}); err != nil {
		return err
	}
	spec := db.UpsertSpec{Table: "torrent_file", Key: []string{"torrent_id", "position"}, Set: []string{"path", "size"}}
	position := 0
	for part := range slices.Chunk(meta.Files, 1000) {
		rows := make([][]any, len(part))
		for i, f := range part {
			rows[i] = []any{id, position, f.Path, f.Size}
			position++
		}
		if err := tx.Upsert(ctx, spec, rows...); err != nil {
			return err
		}
	}
	if err := insertTree(ctx, tx, id, c.tree); err != nil {
		return err
	}
	return insertMirrors(ctx, tx, id, u.Torrent.Mirrors)
}

// orNull keeps an absent hash out of its unique key.
func orNull(has bool, hash []byte) any {
	if !has {
		return nil
	}
	return hash
}

func groupRow(g GroupForm, description text.Stored) db.Row {
	return append(db.Row{
		"category_id", g.Category, "title", g.Title, "subject", g.Subject, "object", g.Object, "year", g.Year,
		"workgroup", g.Workgroup, "location", g.Location, "identifier", g.Identifier, "picture", g.Picture,
	}, textRow(description)...)
}

func torrentRow(t TorrentForm, note text.Stored) db.Row {
	return append(db.Row{
		"platform", t.Platform, "format", t.Format, "archive", t.Archive, "scope", t.Scope, "license", t.License,
		"version", t.Version, "annotated", flag(t.Annotated), "anonymous", flag(t.Anonymous),
		"seqhash", t.Seqhash,
	}, textRow(note)...)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// names are the ids of a group's creators and tags, in the form's order.
type names struct{ creators, tags []int64 }

// names makes the creators and tags of a form that are new. It does so before
// the transaction that uses them: they hold nothing but their name and are never
// deleted, and no other upload has to wait for the rest of that transaction.
func (s *Store) names(ctx context.Context, g GroupForm) (n names, err error) {
	if n.creators, err = s.nameIDs(ctx, "creator", g.Creators); err != nil {
		return n, err
	}
	n.tags, err = s.nameIDs(ctx, "tag", g.Tags)
	return n, err
}

func (s *Store) nameIDs(ctx context.Context, table string, list []string) ([]int64, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ids, err := s.findNames(ctx, table, list)
	if err != nil {
		return nil, err
	}
	var missing [][]any
	for _, name := range slices.Sorted(slices.Values(list)) {
		if _, ok := ids[name]; !ok {
			missing = append(missing, []any{name})
		}
	}
	if len(missing) > 0 {
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			return tx.Upsert(ctx, db.UpsertSpec{Table: table, Key: []string{"name"}}, missing...)
		})
		if err != nil {
			return nil, err
		}
		if ids, err = s.findNames(ctx, table, list); err != nil {
			return nil, err
		}
	}
	out := make([]int64, len(list))
	for i, name := range list {
		id, ok := ids[name]
		if !ok {
			return nil, fmt.Errorf("the %s %q was stored but is not there", table, name)
		}
		out[i] = id
	}
	return out, nil
}

func (s *Store) findNames(ctx context.Context, table string, list []string) (map[string]int64, error) {
	ids := make(map[string]int64, len(list))
	_, err := db.All(ctx, s.db, func(sc db.Scanner) (struct{}, error) {
		var id int64
		var name string
		err := sc.Scan(&id, &name)
		ids[name] = id
		return struct{}{}, err
	}, "SELECT id, name FROM "+table+" WHERE name IN ("+db.Marks(len(list))+")", db.Anys(list)...)
	if err != nil {
		return nil, fmt.Errorf("find names of %s: %w", table, err)
	}
	return ids, nil
}

// insertGroupLists writes creators, tags and literature of a group that has none.
func insertGroupLists(ctx context.Context, tx *db.Tx, id core.GroupID, g GroupForm, n names) error {
	for i, creator := range n.creators {
		if _, err := tx.Insert(ctx, "group_creator", db.Row{"group_id", id, "position", i, "creator_id", creator}); err != nil {
			return err
		}
	}
	for i, tag := range n.tags {
		if _, err := tx.Insert(ctx, "group_tag", db.Row{"group_id", id, "tag_id", tag, "position", i}); err != nil {
			return err
		}
	}
	for i, d := range g.Literature {
		if _, err := tx.Insert(ctx, "group_literature", db.Row{"group_id", id, "position", i, "doi", d}); err != nil {
			return err
		}
	}
	return nil
}

func insertMirrors(ctx context.Context, tx *db.Tx, id core.TorrentID, urls []string) error {
	for i, u := range urls {
		if _, err := tx.Insert(ctx, "torrent_mirror", db.Row{"torrent_id", id, "position", i, "url", u}); err != nil {
			return err
		}
	}
	return nil
}

// duplicateOfHash finds a live torrent that is the uploaded file itself, such as
// one that was downloaded here. It returns nil when there is none.
func (s *Store) duplicateOfHash(ctx context.Context, f metainfo.Findings) (*DuplicateError, error) {
	return s.duplicate(ctx, "t.info_hash = ? OR t.info_hash_v2 = ?", f.UploadedInfoHash[:], f.UploadedInfoHashV2[:])
}

func (s *Store) duplicate(ctx context.Context, where string, args ...any) (*DuplicateError, error) {
	dup, ok, err := db.One(ctx, s.db, func(sc db.Scanner) (*DuplicateError, error) {
		var d DuplicateError
		err := sc.Scan(&d.Torrent, &d.Group, &d.Title)
		return &d, err
	}, "SELECT t.id, t.group_id, g.title FROM torrent t JOIN torrent_group g ON g.id = t.group_id WHERE t.deleted_at = 0 AND ("+
		where+") ORDER BY t.id LIMIT 1", args...)
	if err != nil {
		return nil, fmt.Errorf("look for the same data: %w", err)
	}
	if !ok {
		return nil, nil
	}
	return dup, nil
}
