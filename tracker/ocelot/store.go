package ocelot

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// keepDeleted is how long clients are told why a torrent was deleted.
const keepDeleted = 30 * 24 * time.Hour

// Store keeps what Gazelle has sent.
type Store struct {
	db    *db.DB
	log   *eventlog.Log
	clock core.Clock
}

// NewStore returns the store on d.
func NewStore(d *db.DB, log *eventlog.Log, clock core.Clock) *Store {
	return &Store{db: d, log: log, clock: clock}
}

// change runs fn in a transaction and appends the events that fn returns. They tell the
// roster what to read again. change returns the last event, 0 if there was none.
func (s *Store) change(ctx context.Context, fn func(tx *db.Tx) ([]eventlog.Body, error)) (event int64, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		event = 0
		if err := tx.Turn(ctx, "ocelot"); err != nil {
			return err
		}
		bodies, err := fn(tx)
		for _, b := range bodies {
			if err == nil {
				event, err = s.log.Append(ctx, tx, b)
			}
		}
		return err
	})
	return event, err
}

func (s *Store) now() int64 { return s.clock().Unix() }

func one(b eventlog.Body) []eventlog.Body { return []eventlog.Body{b} }

// addMember adds a member, or changes the passkey of an existing one. Rights that are
// not given stay as they are.
func (s *Store) addMember(ctx context.Context, id core.MemberID, passkey string, p rights) (int64, error) {
	return s.change(ctx, func(tx *db.Tx) ([]eventlog.Body, error) {
		owner, taken, err := memberOf(ctx, tx, passkey)
		if err != nil {
			return nil, err
		}
		if taken && owner != id {
			return nil, core.Errorf(core.Conflict, "another member has that passkey")
		}
		_, err = tx.InsertIgnore(ctx, "ocelot_member", db.Row{"id", id, "passkey", passkey, "can_leech", 1, "visible", 1, "updated_at", s.now()})
		if err != nil {
			return nil, err
		}
		if _, err = tx.Exec(ctx, "UPDATE ocelot_member SET passkey = ?, updated_at = ? WHERE id = ?", passkey, s.now(), id); err != nil {
			return nil, err
		}
		return one(eventlog.MemberChanged{Member: id}), s.setRights(ctx, tx, id, p)
	})
}

// rights are what an update says about a member; nil says nothing.
type rights struct{ canLeech, visible *bool }

func (s *Store) setRights(ctx context.Context, tx *db.Tx, id core.MemberID, p rights) error {
	for _, c := range []struct {
		column string
		value  *bool
	}{{"can_leech", p.canLeech}, {"visible", p.visible}} {
		if c.value == nil {
			continue
		}
		n := 0
		if *c.value {
			n = 1
		}
		if _, err := tx.Exec(ctx, "UPDATE ocelot_member SET "+c.column+" = ?, updated_at = ? WHERE id = ?", n, s.now(), id); err != nil {
			return err
		}
	}
	return nil
}

func memberOf(ctx context.Context, q db.Queryer, passkey string) (core.MemberID, bool, error) {
	return db.One(ctx, q, db.Value[core.MemberID], "SELECT id FROM ocelot_member WHERE passkey = ?", passkey)
}

var errNoMember = core.Errorf(core.NotFound, "there is no member with that passkey")

func (s *Store) updateMember(ctx context.Context, passkey string, p rights) (int64, error) {
	return s.change(ctx, func(tx *db.Tx) ([]eventlog.Body, error) {
		id, ok, err := memberOf(ctx, tx, passkey)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errNoMember
		}
		return one(eventlog.MemberChanged{Member: id}), s.setRights(ctx, tx, id, p)
	})
}

func (s *Store) changePasskey(ctx context.Context, from, to string) (int64, error) {
	return s.change(ctx, func(tx *db.Tx) ([]eventlog.Body, error) {
		id, ok, err := memberOf(ctx, tx, from)
		if err != nil {
			return nil, err
		}
		_, done, err := memberOf(ctx, tx, to)
		switch {
		case err != nil:
			return nil, err
		case !ok && done:
			return nil, nil // Gazelle has lost the answer to its first request
		case !ok:
			return nil, errNoMember
		case done && from != to:
			return nil, core.Errorf(core.Conflict, "another member has that passkey")
		}
		_, err = tx.Exec(ctx, "UPDATE ocelot_member SET passkey = ?, updated_at = ? WHERE id = ?", to, s.now(), id)
		return one(eventlog.MemberChanged{Member: id}), err
	})
}

func (s *Store) removeMembers(ctx context.Context, passkeys []string) (int64, error) {
	return s.change(ctx, func(tx *db.Tx) (events []eventlog.Body, err error) {
		for _, passkey := range passkeys {
			id, ok, err := memberOf(ctx, tx, passkey)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			if _, err := tx.Exec(ctx, "DELETE FROM ocelot_member WHERE id = ?", id); err != nil {
				return nil, err
			}
			events = append(events, eventlog.MemberChanged{Member: id})
		}
		return events, nil
	})
}

// torrent is a row of ocelot_torrent.
type torrent struct {
	ID      core.TorrentID
	Hash    core.InfoHash
	Leech   core.Leech
	Deleted bool
	Reason  string
}

const torrentSelect = "SELECT id, info_hash, leech, deleted_at, delete_reason FROM ocelot_torrent"

func scanTorrent(sc db.Scanner) (torrent, error) {
	var t torrent
	var h []byte
	var deleted int64
	if err := sc.Scan(&t.ID, &h, &t.Leech, &deleted, &t.Reason); err != nil {
		return t, err
	}
	if len(h) != len(t.Hash) {
		return t, fmt.Errorf("torrent %d has an info-hash of %d bytes", t.ID, len(h))
	}
	t.Hash, t.Deleted = core.InfoHash(h), deleted != 0
	return t, nil
}

func torrentBy(ctx context.Context, q db.Queryer, h core.InfoHash) (torrent, bool, error) {
	return db.One(ctx, q, scanTorrent, torrentSelect+" WHERE info_hash = ?", h[:])
}

func errNoTorrent(h core.InfoHash) error {
	return core.Errorf(core.NotFound, "there is no torrent %s", h)
}

// addTorrent adds a torrent. If another torrent has its info-hash, the deletion of that
// one was missed, and it is removed. So is a deleted torrent with the same id. An id
// that is in use with another info-hash is refused, because the sums under that id
// belong to the other torrent.
func (s *Store) addTorrent(ctx context.Context, id core.TorrentID, h core.InfoHash, leech core.Leech) (int64, error) {
	return s.change(ctx, func(tx *db.Tx) ([]eventlog.Body, error) {
		old, ok, err := db.One(ctx, tx, scanTorrent, torrentSelect+" WHERE id = ?", id)
		if err != nil {
			return nil, err
		}
		if ok && !old.Deleted && old.Hash != h {
			return nil, core.Errorf(core.Conflict, "torrent %d is there with another info-hash; delete it first", id)
		}
		var events []eventlog.Body
		same, ok, err := torrentBy(ctx, tx, h)
		if err != nil {
			return nil, err
		}
		if ok && same.ID != id {
			if err := forget(ctx, tx, same.ID); err != nil {
				return nil, err
			}
			events = append(events, eventlog.TorrentChanged{Torrent: same.ID}, eventlog.LeechWindowsChanged{})
		}
		if _, err := tx.Exec(ctx, "DELETE FROM ocelot_torrent WHERE id = ?", id); err != nil {
			return nil, err
		}
		_, err = tx.InsertIgnore(ctx, "ocelot_torrent", db.Row{"id", id, "info_hash", h[:], "leech", string(leech),
			"deleted_at", 0, "delete_reason", "", "updated_at", s.now()})
		return append(events, eventlog.TorrentChanged{Torrent: id}), err
	})
}

// forget removes every trace of a torrent.
func forget(ctx context.Context, tx *db.Tx, id core.TorrentID) error {
	if _, err := tx.Exec(ctx, "DELETE FROM ocelot_token WHERE torrent_id = ?", id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "DELETE FROM ocelot_torrent WHERE id = ?", id)
	return err
}

// setLeech changes the torrents that exist, and then returns an error that names those
// that do not.
func (s *Store) setLeech(ctx context.Context, hashes []core.InfoHash, leech core.Leech) (int64, error) {
	var missing []core.InfoHash
	event, err := s.change(ctx, func(tx *db.Tx) (events []eventlog.Body, err error) {
		missing = nil
		for _, h := range hashes {
			t, ok, err := torrentBy(ctx, tx, h)
			if err != nil {
				return nil, err
			}
			if !ok || t.Deleted {
				missing = append(missing, h)
				continue
			}
			if _, err := tx.Exec(ctx, "UPDATE ocelot_torrent SET leech = ?, updated_at = ? WHERE id = ?", string(leech), s.now(), t.ID); err != nil {
				return nil, err
			}
			events = append(events, eventlog.TorrentChanged{Torrent: t.ID})
		}
		return events, nil
	})
	switch {
	case err != nil:
		return 0, err
	case len(missing) == 1:
		return event, errNoTorrent(missing[0])
	case len(missing) > 1:
		return event, core.Errorf(core.NotFound, "%d of %d torrents are not there; the others are changed", len(missing), len(hashes))
	}
	return event, nil
}

// deleteTorrent deletes a torrent and its tokens, and keeps the reason.
func (s *Store) deleteTorrent(ctx context.Context, h core.InfoHash, reason string) (int64, error) {
	return s.change(ctx, func(tx *db.Tx) ([]eventlog.Body, error) {
		if err := s.prune(ctx, tx); err != nil {
			return nil, err
		}
		t, ok, err := torrentBy(ctx, tx, h)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errNoTorrent(h)
		}
		if t.Deleted {
			return nil, nil
		}
		if _, err := tx.Exec(ctx, "DELETE FROM ocelot_token WHERE torrent_id = ?", t.ID); err != nil {
			return nil, err
		}
		_, err = tx.Exec(ctx, "UPDATE ocelot_torrent SET deleted_at = ?, delete_reason = ?, updated_at = ? WHERE id = ?", s.now(), reason, s.now(), t.ID)
		return []eventlog.Body{eventlog.TorrentChanged{Torrent: t.ID}, eventlog.LeechWindowsChanged{}}, err
	})
}

// prune removes the reasons of deletions that are older than keepDeleted.
func (s *Store) prune(ctx context.Context, tx *db.Tx) error {
	_, err := tx.Exec(ctx, "DELETE FROM ocelot_torrent WHERE deleted_at > 0 AND deleted_at < ?", s.clock().Add(-keepDeleted).Unix())
	return err
}

func (s *Store) addToken(ctx context.Context, h core.InfoHash, member core.MemberID) (int64, error) {
	return s.change(ctx, func(tx *db.Tx) ([]eventlog.Body, error) {
		t, ok, err := torrentBy(ctx, tx, h)
		if err != nil {
			return nil, err
		}
		if !ok || t.Deleted {
			return nil, errNoTorrent(h)
		}
		fresh, err := tx.InsertIgnore(ctx, "ocelot_token", db.Row{"torrent_id", t.ID, "member_id", member, "created_at", s.now()})
		if !fresh {
			return nil, err
		}
		return one(eventlog.LeechWindowsChanged{}), err
	})
}

func (s *Store) removeToken(ctx context.Context, h core.InfoHash, member core.MemberID) (int64, error) {
	return s.change(ctx, func(tx *db.Tx) ([]eventlog.Body, error) {
		t, ok, err := torrentBy(ctx, tx, h)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, errNoTorrent(h)
		}
		n, err := tx.Exec(ctx, "DELETE FROM ocelot_token WHERE torrent_id = ? AND member_id = ?", t.ID, member)
		if n == 0 {
			return nil, err
		}
		return one(eventlog.LeechWindowsChanged{}), err
	})
}

// setClients disallows one prefix and allows another; each may be "".
func (s *Store) setClients(ctx context.Context, remove, add string) (int64, error) {
	return s.change(ctx, func(tx *db.Tx) ([]eventlog.Body, error) {
		if remove != "" && remove != add {
			if _, err := tx.Exec(ctx, "DELETE FROM ocelot_client WHERE prefix = ?", remove); err != nil {
				return nil, err
			}
		}
		if add != "" {
			n, _, err := db.One(ctx, tx, db.Value[int], "SELECT COUNT(*) FROM ocelot_client WHERE prefix <> ?", add)
			if err != nil {
				return nil, err
			}
			if n >= client.MaxRules {
				return nil, core.Errorf(core.Conflict, "the whitelist is full: it holds %d clients", n)
			}
			if _, err := tx.InsertIgnore(ctx, "ocelot_client", db.Row{"prefix", add, "created_at", s.now()}); err != nil {
				return nil, err
			}
		}
		return one(eventlog.ClientsChanged{}), nil
	})
}

// The settings.
const (
	announceInterval = "announce_interval" // seconds
	announceJitter   = "announce_jitter"   // seconds
)

func (s *Store) set(ctx context.Context, name string, value int64) (int64, error) {
	return s.change(ctx, func(tx *db.Tx) ([]eventlog.Body, error) {
		return nil, tx.Upsert(ctx, db.UpsertSpec{Table: "ocelot_setting", Key: []string{"name"}, Set: []string{"value"}}, []any{name, value})
	})
}

// settings returns the settings that Gazelle has made.
func (s *Store) settings(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	_, err := db.All(ctx, s.db, func(sc db.Scanner) (_ struct{}, err error) {
		var name string
		var value int64
		err = sc.Scan(&name, &value)
		out[name] = value
		return struct{}{}, err
	}, "SELECT name, value FROM ocelot_setting LIMIT 100")
	return out, err
}

// sortHashes sorts hashes and removes doubles, so that all transactions lock rows in the
// same order.
func sortHashes(hashes []core.InfoHash) []core.InfoHash {
	slices.SortFunc(hashes, func(a, b core.InfoHash) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(hashes)
}
