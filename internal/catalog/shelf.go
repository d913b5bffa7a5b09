package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// shelf is the catalogue in memory, as far as filters and counts need it, while it is
// small. Larger ones are never read as a whole.
type shelf struct{ groups []onShelf }

// onShelf is a group with its live torrents.
type onShelf struct {
	id       core.GroupID
	category string // its id
	subject  string
	year     int
	newest   core.TorrentID
	size     core.Bytes
	torrents []copyOnShelf
}

// copyOnShelf is a torrent of a group.
type copyOnShelf struct {
	id                                        core.TorrentID
	platform, format, archive, scope, license string
	leech                                     core.Leech
}

// shelfAge is how long a shelf is kept: changes by another process are seen that late,
// those by this one at once.
const shelfAge = 10 * time.Second

// shelves keeps the newest shelf. The zero value has none.
//
// Concurrency: safe for concurrent use; whoever comes while a shelf is read waits for it.
type shelves struct {
	mu      sync.Mutex
	shelf   *shelf // nil where the catalogue is too large for one
	at      time.Time
	filled  bool
	changed int // counts changes
}

// drop makes the next reader read again.
func (k *shelves) drop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.filled = false
	k.changed++
}

// touched drops the shelf once a transaction that changes the catalogue is committed.
func (s *Store) touched(tx *db.Tx) { tx.OnCommit(s.shelves.drop) }

// torrentsPerGroup is how many torrents a group has on average, at most, where the
// catalogue is small.
const torrentsPerGroup = 4

// onTheShelf returns the catalogue in memory, or nil where it is too large.
func (s *Store) onTheShelf(ctx context.Context) (*shelf, error) {
	now := s.clock()
	k := s.shelves
	k.mu.Lock()
	if age := now.Sub(k.at); k.filled && age >= 0 && age < shelfAge {
		defer k.mu.Unlock()
		return k.shelf, nil
	}
	changed := k.changed
	k.mu.Unlock()
	read, err := s.readShelf(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the catalogue: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, bound := s.db.(*db.Tx); !bound && k.changed == changed { // a transaction may see what is never committed
		k.shelf, k.at, k.filled = read, now, true
	}
	return read, nil
}

func (s *Store) readShelf(ctx context.Context) (*shelf, error) {
	var groups, torrents int
	err := s.db.QueryRowContext(ctx, "SELECT COALESCE(SUM(group_count), 0), COALESCE(SUM(torrents), 0) FROM catalog_sum").Scan(&groups, &torrents)
	if err != nil || groups > s.few || torrents > torrentsPerGroup*s.few {
		return nil, err
	}
	sh := &shelf{groups: make([]onShelf, 0, groups)}
	known := map[core.GroupID]int{}
	_, err = db.All(ctx, s.db, func(sc db.Scanner) (struct{}, error) {
		var g onShelf
		var c copyOnShelf
		var size core.Bytes
		err := sc.Scan(&c.id, &size, &c.platform, &c.format, &c.archive, &c.scope, &c.license, &c.leech, &g.id, &g.category, &g.subject, &g.year)
		i, seen := known[g.id]
		if !seen {
			i = len(sh.groups)
			known[g.id] = i
			sh.groups = append(sh.groups, g)
		}
		at := &sh.groups[i]
		at.newest, at.size, at.torrents = max(at.newest, c.id), at.size+size, append(at.torrents, c)
		return struct{}{}, err
	}, `SELECT t.id, t.size, t.platform, t.format, t.archive, t.scope, t.license, t.leech, g.id, g.category_id, g.subject, g.year
		FROM torrent t JOIN torrent_group g ON g.id = t.group_id WHERE t.deleted_at = 0 ORDER BY t.id LIMIT ?`, 2*torrentsPerGroup*s.few)
	return sh, err
}

// swarmNumbers are the numbers of torrents that have any.
type swarmNumbers map[core.TorrentID]int64

// numbers reads seeders or snatches of all torrents of a small catalogue.
func (s *Store) numbers(ctx context.Context, query string) (swarmNumbers, error) {
	n := swarmNumbers{}
	_, err := db.All(ctx, s.db, func(sc db.Scanner) (struct{}, error) {
		var id core.TorrentID
		var many int64
		err := sc.Scan(&id, &many)
		n[id] = many
		return struct{}{}, err
	}, query+" LIMIT ?", 10*torrentsPerGroup*s.few)
	if err != nil {
		return nil, fmt.Errorf("read the numbers of swarms: %w", err)
	}
	return n, nil
}

const (
	seedersOfAll  = "SELECT torrent_id, seeders FROM swarm_count WHERE seeders > 0"
	snatchesOfAll = "SELECT torrent_id, snatches FROM transfer_torrent WHERE snatches > 0"
)

// look is what a filter leaves of a small catalogue: what a list needs as well as its
// counts. It belongs to one request.
type look struct {
	shelf   *shelf
	among   map[core.GroupID]bool // that have the words, tags and creator; nil: all
	tally   *tally                // nil until it is weighed
	seeders swarmNumbers          // nil until they are asked for
	passed  []passed              // the groups that pass the whole filter
}

// passed is a group that passes a filter, with the newest of its torrents that does.
type passed struct {
	group  *onShelf
	newest core.TorrentID
}

// look reads it, and returns nil where the catalogue is too large.
func (s *Store) look(ctx context.Context, f Filter) (*look, error) {
	sh, err := s.onTheShelf(ctx)
	if err != nil || sh == nil {
		return nil, err
	}
	among, err := s.found(ctx, f)
	if err != nil {
		return nil, err
	}
	return &look{shelf: sh, among: among}, nil
}

// weigh filters and counts, once. Without seeders, those are not counted who are seeded.
func (s *Store) weigh(ctx context.Context, k *look, f Filter, seeders bool) (err error) {
	if k.tally != nil && (k.seeders != nil || !seeders) {
		return nil
	}
	if seeders {
		if k.seeders, err = s.numbers(ctx, seedersOfAll); err != nil {
			return err
		}
	}
	k.tally, k.passed = tallyOf(f, k.seeders), nil
	for i := range k.shelf.groups {
		g := &k.shelf.groups[i]
		if k.among != nil && !k.among[g.id] {
			continue
		}
		if newest := k.tally.add(g); newest != 0 {
			k.passed = append(k.passed, passed{g, newest})
		}
	}
	return nil
}

// found are the groups that have words, tags and a creator, and nil where a filter names
// none of them.
func (s *Store) found(ctx context.Context, f Filter) (map[core.GroupID]bool, error) {
	asked := Filter{Words: f.Words, Tags: f.Tags, Creator: f.Creator}
	q, possible := asked.query()
	if !possible {
		return map[core.GroupID]bool{}, nil
	}
	var out map[core.GroupID]bool
	for _, c := range q.sources() {
		meet, err := s.meeting(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("look for words: %w", err)
		}
		if out == nil {
			out = meet
		}
		maps.DeleteFunc(out, func(id core.GroupID, _ bool) bool { return !meet[id] })
	}
	return out, nil
}

// meeting are the groups of a small catalogue that meet a condition which an index lists.
func (s *Store) meeting(ctx context.Context, c condition) (map[core.GroupID]bool, error) {
	ids, err := db.All(ctx, s.db, db.Value[core.GroupID], c.source+" LIMIT ?", append(slices.Clone(c.args), 2*s.few+1)...)
	if err == nil && len(ids) > 2*s.few { // of one group many rows, as for the beginning of many words
		live := clause{text: "SELECT l.group_id FROM group_live l WHERE l.torrents > 0"}
		live.meets([]condition{c}, "l.group_id")
		ids, err = db.All(ctx, s.db, db.Value[core.GroupID], live.text+" LIMIT ?", append(live.args, 2*s.few)...)
	}
	out := make(map[core.GroupID]bool, len(ids))
	for _, id := range ids {
		out[id] = true
	}
	return out, err
}
