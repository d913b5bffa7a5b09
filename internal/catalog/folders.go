package catalog

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	plain "github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// Folder is a folder of a torrent.
type Folder struct {
	ID    int        // 0 is the torrent's own
	Name  string     // as a path from the folder above: one that holds nothing but another is one with it; "" of the torrent's own
	Files int        // in it and in its folders
	Size  core.Bytes // of these
}

// FolderPage is a part of what lies in a folder: first its folders, then its files, each
// by name.
type FolderPage struct {
	Made    bool     // false while the folders of a torrent that an older release has stored are still to be made; then the rest is empty
	Path    []Folder // from the torrent's own folder to this one
	Folders []Folder
	Files   []FileRow
	Next    FolderCursor // of the page after it, "" when there is none
}

// Here is the folder itself.
func (p FolderPage) Here() Folder {
	if len(p.Path) == 0 {
		return Folder{}
	}
	return p.Path[len(p.Path)-1]
}

// FolderCursor is where a folder goes on. What makes no sense is its beginning.
type FolderCursor string

// after returns the folder and the place behind which it goes on; the place is -1 among
// the folders.
func (c FolderCursor) after() (folder, place int) {
	if n, err := strconv.ParseInt(strings.TrimPrefix(string(c), "f"), 10, 32); err == nil && n >= 0 && strings.HasPrefix(string(c), "f") {
		return int(n), -1
	}
	if n, err := strconv.ParseInt(string(c), 10, 32); err == nil && n >= 0 {
		return 0, int(n)
	}
	return 0, -1
}

const maxFolderPage = 1000

// Folder lists up to limit of what lies in a folder of a live torrent, behind a cursor.
// limit is at most 1000.
func (s *Store) Folder(ctx context.Context, id core.TorrentID, folder int, from FolderCursor, limit int) (FolderPage, error) {
	limit = bounded(limit, maxFolderPage)
	type row struct {
		Folder
		first, own int
	}
	path, err := db.All(ctx, s.db, func(sc db.Scanner) (r row, err error) {
		return r, sc.Scan(&r.ID, &r.Name, &r.first, &r.own, &r.Files, &r.Size)
	}, `WITH RECURSIVE up (folder, parent, name, first_place, own_files, files, size) AS (
		SELECT f.folder, f.parent, f.name, f.first_place, f.own_files, f.files, f.size FROM torrent_folder f JOIN torrent t ON t.id = f.torrent_id
			WHERE f.torrent_id = ? AND f.folder = ? AND t.deleted_at = 0
		UNION ALL
		SELECT f.folder, f.parent, f.name, f.first_place, f.own_files, f.files, f.size FROM up JOIN torrent_folder f ON f.folder = up.parent WHERE f.torrent_id = ?)
		SELECT folder, name, first_place, own_files, files, size FROM up ORDER BY folder LIMIT 1000`, id, folder, id)
	if err != nil {
		return FolderPage{}, fmt.Errorf("read folder %d of torrent %d: %w", folder, id, err)
	}
	if len(path) == 0 {
		if folder != 0 {
			return FolderPage{}, core.Errorf(core.NotFound, "this torrent has no such folder")
		}
		return FolderPage{}, nil
	}
	p := FolderPage{Made: true}
	for _, r := range path {
		p.Path = append(p.Path, r.Folder)
	}
	here := path[len(path)-1]
	afterFolder, afterPlace := from.after()
	if afterPlace < 0 && here.Files > here.own {
		if p.Folders, err = s.foldersIn(ctx, id, folder, afterFolder, limit+1); err != nil {
			return FolderPage{}, err
		}
		if len(p.Folders) > limit {
			p.Folders = p.Folders[:limit]
			p.Next = FolderCursor("f" + strconv.Itoa(p.Folders[limit-1].ID))
			return p, nil
		}
	}
	return p, s.filesIn(ctx, &p, id, max(here.first, afterPlace+1), here.first+here.own, limit)
}

func (s *Store) foldersIn(ctx context.Context, id core.TorrentID, parent, after, limit int) ([]Folder, error) {
	list, err := db.All(ctx, s.db, func(sc db.Scanner) (f Folder, err error) {
		return f, sc.Scan(&f.ID, &f.Name, &f.Files, &f.Size)
	}, "SELECT folder, name, files, size FROM torrent_folder WHERE torrent_id = ? AND parent = ? AND folder > ? ORDER BY folder LIMIT ?", id, parent, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the folders in folder %d of torrent %d: %w", parent, id, err)
	}
	return list, nil
}

// filesIn fills a page up with the files at the places from one on up to before another.
func (s *Store) filesIn(ctx context.Context, p *FolderPage, id core.TorrentID, from, end, limit int) (err error) {
	room := limit - len(p.Folders)
	if from >= end {
		return nil
	}
	p.Files, err = db.All(ctx, s.db, scanFile, `SELECT f.position, f.path, f.size FROM torrent_place p JOIN torrent_file f ON f.torrent_id = p.torrent_id AND f.position = p.position
		WHERE p.torrent_id = ? AND p.place >= ? AND p.place < ? ORDER BY p.place LIMIT ?`, id, from, end, room)
	if err != nil {
		return fmt.Errorf("read the files of torrent %d: %w", id, err)
	}
	if last := from + len(p.Files) - 1; len(p.Files) == room && last+1 < end {
		p.Next = FolderCursor(strconv.Itoa(last))
		if last < 0 {
			p.Next = "f" + FolderCursor(strconv.Itoa(p.Folders[len(p.Folders)-1].ID))
		}
	}
	return nil
}

func scanFile(sc db.Scanner) (f FileRow, err error) { return f, sc.Scan(&f.Position, &f.Path, &f.Size) }

// FoundFiles are files that have something in their path.
type FoundFiles struct {
	Files []FileRow
	Next  int // the position after which to look on; -1 when all were looked at
}

// lookAt and mostLooked are how many files a search looks at with one statement, and in
// all.
const (
	lookAt     = 5000
	mostLooked = 100_000
)

// errEnough ends the reading of rows.
var errEnough = errors.New("enough was found")

// FindFiles returns up to limit files of a live torrent whose path has a text in it,
// without regard to case and accents, in the torrent's order after a position (-1 from
// the start). limit is at most 1000. It looks at 100,000 files and then says where to go
// on, so a page may be short or empty and still not be the last.
func (s *Store) FindFiles(ctx context.Context, id core.TorrentID, part string, after, limit int) (FoundFiles, error) {
	limit = bounded(limit, maxFolderPage)
	part = plain.FoldSearch(plain.Line(part))
	if part == "" {
		return FoundFiles{}, core.Errorf(core.Invalid, "say what to look for in the names")
	}
	found := FoundFiles{Next: max(after, -1)}
	for looked := 0; looked < mostLooked; looked += lookAt {
		rows := 0
		_, err := db.All(ctx, s.db, func(sc db.Scanner) (struct{}, error) {
			f, err := scanFile(sc)
			if err != nil {
				return struct{}{}, err
			}
			if rows++; strings.Contains(plain.FoldSearch(f.Path), part) {
				if len(found.Files) == limit {
					return struct{}{}, errEnough
				}
				found.Files = append(found.Files, f)
			}
			found.Next = f.Position
			return struct{}{}, nil
		}, `SELECT f.position, f.path, f.size FROM torrent_file f JOIN torrent t ON t.id = f.torrent_id
			WHERE f.torrent_id = ? AND f.position > ? AND t.deleted_at = 0 ORDER BY f.position LIMIT ?`, id, found.Next, lookAt)
		switch {
		case errors.Is(err, errEnough):
			return found, nil
		case err != nil:
			return FoundFiles{}, fmt.Errorf("look for files of torrent %d: %w", id, err)
		case rows < lookAt:
			found.Next = -1
			return found, nil
		}
	}
	return found, nil
}

// insertTree stores the folders of torrents that have none yet.
func insertTree(ctx context.Context, tx *db.Tx, id core.TorrentID, t folderTree) error {
	rows := make([][]any, len(t.folders))
	for i, f := range t.folders {
		rows[i] = []any{id, i, f.parent, t.name(i), f.first, f.own, f.files, f.size}
	}
	err := tx.Upsert(ctx, db.UpsertSpec{Table: "torrent_folder", Key: []string{"torrent_id", "folder"},
		Set: []string{"parent", "name", "first_place", "own_files", "files", "size"}}, rows...)
	if err != nil {
		return err
	}
	spec := db.UpsertSpec{Table: "torrent_place", Key: []string{"torrent_id", "place"}, Set: []string{"position"}}
	return tx.UpsertIntegers(ctx, spec, len(t.places), func(place int, values []int64) error {
		values[0], values[1], values[2] = int64(id), int64(place), int64(t.places[place])
		return nil
	})
}

// treesAtOnce is with how many files a transaction of RefreshFolders is full.
const treesAtOnce = 20_000

// RefreshFolders makes the folders of up to limit torrents that an older release has
// stored without any, the newest first, and returns how many. It is safe to run at any
// time, and twice.
func (s *Store) RefreshFolders(ctx context.Context, limit int) (done int64, err error) {
	ids, err := db.All(ctx, s.db, db.Value[core.TorrentID], "SELECT id FROM torrent WHERE folder_count = 0 ORDER BY id DESC LIMIT ?", bounded(limit, maxPage))
	if err != nil {
		return 0, fmt.Errorf("look for torrents without folders: %w", err)
	}
	trees := map[core.TorrentID]folderTree{}
	files := 0
	for i, id := range ids {
		list, err := db.All(ctx, s.db, func(sc db.Scanner) (f metainfo.File, err error) { return f, sc.Scan(&f.Path, &f.Size) },
			"SELECT path, size FROM torrent_file WHERE torrent_id = ? ORDER BY position LIMIT ?", id, mostFiles)
		if err != nil {
			return done, fmt.Errorf("read the files of torrent %d: %w", id, err)
		}
		trees[id] = treeOf(list)
		if files += len(list); files < treesAtOnce && i < len(ids)-1 {
			continue
		}
		if err := s.storeTrees(ctx, trees); err != nil {
			return done, err
		}
		done += int64(len(trees))
		files = 0
		clear(trees)
	}
	return done, nil
}

// mostFiles bounds what is read of one torrent; a limit on uploads stands far below it.
const mostFiles = 10_000_000

func (s *Store) storeTrees(ctx context.Context, trees map[core.TorrentID]folderTree) error {
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		ids := make([]core.TorrentID, 0, len(trees))
		for id := range trees {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		for _, id := range ids {
			if err := insertTree(ctx, tx, id, trees[id]); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "UPDATE torrent SET folder_count = ? WHERE id = ?", len(trees[id].folders), id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store folders: %w", err)
	}
	return nil
}
