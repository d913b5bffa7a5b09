package ocelot

import (
	"context"
	"fmt"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// This file is what the roster reads (roster.Members, Torrents, Clients and Economy):
// Gazelle's data in place of the house's own.

const memberSelect = "SELECT id, passkey, can_leech FROM ocelot_member"

func scanMember(sc db.Scanner) (member.RosterEntry, error) {
	var e member.RosterEntry
	var canLeech int64
	err := sc.Scan(&e.ID, &e.AnnounceKey, &canLeech)
	if canLeech == 0 {
		e.Phases = []member.Phase{{NoLeech: true}}
	}
	return e, err
}

// RosterPage implements roster.Members.
func (s *Store) RosterPage(ctx context.Context, after core.MemberID, limit int) ([]member.RosterEntry, error) {
	return db.All(ctx, s.db, scanMember, memberSelect+" WHERE id > ? ORDER BY id LIMIT ?", after, min(max(limit, 1), 5000))
}

// Roster implements roster.Members.
func (s *Store) Roster(ctx context.Context, ids []core.MemberID) ([]member.RosterEntry, error) {
	return byID(ctx, s.db, scanMember, memberSelect, ids)
}

func scanTrackerTorrent(sc db.Scanner) (catalog.TrackerTorrent, error) {
	t, err := scanTorrent(sc)
	return catalog.TrackerTorrent{ID: t.ID, Hashes: []core.InfoHash{t.Hash}, Leech: t.Leech, Deleted: t.Deleted, DeleteReason: t.Reason}, err
}

// TrackerPage implements roster.Torrents. Gazelle sends no sizes.
func (s *Store) TrackerPage(ctx context.Context, after core.TorrentID, limit int) ([]catalog.TrackerTorrent, error) {
	return db.All(ctx, s.db, scanTrackerTorrent, torrentSelect+" WHERE id > ? AND (deleted_at = 0 OR deleted_at > ?) ORDER BY id LIMIT ?",
		after, s.clock().Add(-keepDeleted).Unix(), min(max(limit, 1), 5000))
}

// TrackerTorrents implements roster.Torrents.
func (s *Store) TrackerTorrents(ctx context.Context, ids []core.TorrentID) ([]catalog.TrackerTorrent, error) {
	return byID(ctx, s.db, scanTrackerTorrent, torrentSelect, ids)
}

// byID reads the rows with the given ids, a part of them in each query.
func byID[K ~int64, T any](ctx context.Context, d *db.DB, scan func(db.Scanner) (T, error), sel string, ids []K) (out []T, err error) {
	const chunk = 500
	for len(ids) > 0 {
		part := ids[:min(chunk, len(ids))]
		ids = ids[len(part):]
		list, err := db.All(ctx, d, scan, sel+" WHERE id IN ("+db.Marks(len(part))+") ORDER BY id", db.Anys(part)...)
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// LeechSlots implements roster.Members: Gazelle limits nobody's downloads.
func (s *Store) LeechSlots(context.Context) (map[int64]int, error) { return nil, nil }

// Rules implements roster.Clients.
func (s *Store) Rules(ctx context.Context) ([]client.Rule, error) {
	return db.All(ctx, s.db, func(sc db.Scanner) (r client.Rule, err error) {
		err = sc.Scan(&r.Prefix)
		r.Name = r.Prefix
		return r, err
	}, "SELECT prefix FROM ocelot_client ORDER BY prefix LIMIT ?", client.MaxRules)
}

// ever is the end of a token: it is valid until Gazelle removes it.
var ever = time.Unix(1<<40, 0)

// Schedule implements roster.Economy: each token is freeleech for its member on its
// torrent. The house's freeleech calendar has no effect here.
func (s *Store) Schedule(ctx context.Context) (economy.Schedule, error) {
	var windows []economy.Window
	var afterTorrent, afterMember int64
	for {
		const page = 5000
		list, err := db.All(ctx, s.db, func(sc db.Scanner) (w economy.Window, err error) {
			var created int64
			err = sc.Scan(&w.Torrent, &w.Member, &created)
			w.Source, w.State, w.Starts, w.Ends, w.Reason = "token", core.LeechFree, time.Unix(created, 0), ever, "token"
			return w, err
		}, `SELECT torrent_id, member_id, created_at FROM ocelot_token WHERE torrent_id > ? OR (torrent_id = ? AND member_id > ?)
			ORDER BY torrent_id, member_id LIMIT ?`, afterTorrent, afterTorrent, afterMember, page)
		if err != nil {
			return economy.Schedule{}, fmt.Errorf("read tokens: %w", err)
		}
		windows = append(windows, list...)
		if len(list) < page {
			return economy.NewSchedule(economy.Config{}, windows, s.clock()), nil
		}
		afterTorrent, afterMember = int64(list[page-1].Torrent), int64(list[page-1].Member)
	}
}
