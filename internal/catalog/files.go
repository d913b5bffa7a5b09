package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// Files lists up to 1000 files of a live torrent in its own order, after the
// position after (-1 from the start).
func (s *Store) Files(ctx context.Context, id core.TorrentID, after, limit int) ([]FileRow, error) {
	const most = 1000
	list, err := db.All(ctx, s.db, scanFile, `SELECT f.position, f.path, f.size FROM torrent_file f JOIN torrent t ON t.id = f.torrent_id
		WHERE f.torrent_id = ? AND f.position > ? AND t.deleted_at = 0 ORDER BY f.position LIMIT ?`,
		id, after, bounded(limit, most))
	if err != nil {
		return nil, fmt.Errorf("read files of torrent %d: %w", id, err)
	}
	return list, nil
}

// Meta returns the sanitized .torrent of a live torrent, without announce URL.
func (s *Store) Meta(ctx context.Context, id core.TorrentID) ([]byte, error) {
	data, ok, err := db.One(ctx, s.db, db.Value[[]byte],
		"SELECT d.data FROM torrent_meta d JOIN torrent t ON t.id = d.torrent_id WHERE t.id = ? AND t.deleted_at = 0", id)
	if err != nil {
		return nil, fmt.Errorf("read the .torrent of %d: %w", id, err)
	}
	if !ok {
		return nil, noTorrent()
	}
	return data, nil
}

// Personal returns a member's own copy of a live torrent: with the announce URLs
// that hold their announce key, each a tier (BEP 12), the permalink as comment, and the mirrors as they
// are now as web seeds. The caller has checked that the member may download.
func (s *Store) Personal(ctx context.Context, id core.TorrentID, announce []string) (Download, error) {
	data, err := s.Meta(ctx, id)
	if err != nil {
		return Download{}, err
	}
	mirrors, err := db.All(ctx, s.db, db.Value[string],
		"SELECT url FROM torrent_mirror WHERE torrent_id = ? ORDER BY position LIMIT ?", id, maxMirrors)
	if err != nil {
		return Download{}, fmt.Errorf("read mirrors: %w", err)
	}
	if mirrors == nil {
		mirrors = []string{} // empty, so that those of the upload are not kept
	}
	title, ok, err := db.One(ctx, s.db, db.Value[string],
		"SELECT g.title FROM torrent_group g JOIN torrent t ON t.group_id = g.id WHERE t.id = ?", id)
	if err != nil || !ok {
		return Download{}, fmt.Errorf("read the title of torrent %d (found %t): %w", id, ok, err)
	}
	tiers := make([][]string, len(announce))
	for i, u := range announce {
		tiers[i] = []string{u}
	}
	data, err = metainfo.Personal(data, metainfo.Download{
		Announce: tiers, Comment: s.Permalink(id), WebSeeds: mirrors,
	})
	if err != nil {
		return Download{}, fmt.Errorf("torrent %d: %w", id, err)
	}
	return Download{FileName: fileName(title, id), Data: data}, nil
}

// fileName makes a name that every file system takes.
func fileName(title string, id core.TorrentID) string {
	title = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" -_.,()[]", r) {
			return r
		}
		return '_'
	}, title)
	r := []rune(strings.Trim(title, " ."))
	const most = 200 // bytes; with the rest of the name at most the 255 that fit
	for len(string(r)) > most {
		r = r[:len(r)-1]
	}
	return strings.TrimSpace(string(r)) + " [" + strconv.FormatInt(int64(id), 10) + "].torrent"
}
