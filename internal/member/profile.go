package member

import (
	"context"
	"fmt"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// maxSeen bounds how many members are looked at together.
const maxSeen = 200

// See reads a member's figures, as the viewer may see them. Where the viewer is of the staff
// and sees what the member hides, the security log of the member says so before the figures
// are returned.
func (s *Store) See(ctx context.Context, viewer Viewer, subject Member) (View, error) {
	list, err := s.SeeAll(ctx, viewer, []Member{subject})
	if err != nil {
		return View{}, err
	}
	return list[0], nil
}

// SeeAll is See for up to 200 members together, in their order. For a list that is not
// about one of them, let staff look as Others do: else each is told of it.
func (s *Store) SeeAll(ctx context.Context, viewer Viewer, subjects []Member) ([]View, error) {
	if len(subjects) > maxSeen {
		return nil, core.Errorf(core.Invalid, "at most %d members at once", maxSeen)
	}
	if len(subjects) == 0 {
		return nil, nil
	}
	known, err := s.figures(ctx, subjects)
	if err != nil {
		return nil, err
	}
	views := make([]View, len(subjects))
	var looked []core.MemberID
	for i, m := range subjects {
		views[i] = See(viewer, m, *known[m.ID])
		if views[i].Looks() {
			looked = append(looked, m.ID)
		}
	}
	return views, s.looked(ctx, viewer, looked)
}

// SeeIDs is SeeAll for members by their ids; those that do not exist are left out.
func (s *Store) SeeIDs(ctx context.Context, viewer Viewer, ids []core.MemberID) (map[core.MemberID]View, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := s.list(ctx, "SELECT "+s.columns()+" FROM member m WHERE m.id IN ("+db.Marks(len(ids))+") LIMIT ?", append(db.Anys(ids), maxSeen+1)...)
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	views, err := s.SeeAll(ctx, viewer, list)
	out := make(map[core.MemberID]View, len(views))
	for _, v := range views {
		out[v.member.ID] = v
	}
	return out, err
}

// Look notes that the viewer sees announces of members, which tell what some of them hide: in
// the security log of each who hides their downloads or what they seed, once a day. Whoever
// shows announces of others calls it first.
func (s *Store) Look(ctx context.Context, viewer Viewer, members []core.MemberID) error {
	return s.lookAt(ctx, viewer, members, HideDownloads|HideSeeding)
}

// LookAtInvites is Look for whoever sees who invited members, or whom they invited.
func (s *Store) LookAtInvites(ctx context.Context, viewer Viewer, members ...core.MemberID) error {
	return s.lookAt(ctx, viewer, members, HideInvites)
}

// LookAtAddresses notes that the viewer sees the addresses of members, which nobody shows to
// others: in the security log of each of them, once a day.
func (s *Store) LookAtAddresses(ctx context.Context, viewer Viewer, members ...core.MemberID) error {
	return s.looked(ctx, viewer, slices.DeleteFunc(slices.Clone(members), func(m core.MemberID) bool { return m == viewer.ID }))
}

// lookAt notes a look with those of members who hide something of what is seen.
func (s *Store) lookAt(ctx context.Context, viewer Viewer, members []core.MemberID, what Hides) error {
	if len(members) == 0 {
		return nil
	}
	looked, err := db.All(ctx, s.db, db.Value[core.MemberID], "SELECT id FROM member WHERE id IN ("+db.Marks(len(members))+") AND id <> ? AND (hides & ?) <> 0 LIMIT ?",
		append(db.Anys(members), viewer.ID, int64(what), maxSeen)...)
	if err != nil {
		return fmt.Errorf("read who hides what: %w", err)
	}
	return s.looked(ctx, viewer, looked)
}

func (s *Store) looked(ctx context.Context, viewer Viewer, members []core.MemberID) error {
	if len(members) == 0 {
		return nil
	}
	return s.security.Looked(security.By(ctx, security.Of(ctx).Face, viewer.ID, viewer.Name), s.db, members)
}

// Own reads a member's own figures.
func (s *Store) Own(ctx context.Context, me Member) (View, error) { return s.See(ctx, me.Viewer(), me) }

// figures reads the ledger's and the catalogue's tables, and the security log.
func (s *Store) figures(ctx context.Context, subjects []Member) (map[core.MemberID]*Figures, error) {
	out := make(map[core.MemberID]*Figures, len(subjects))
	ids := make([]core.MemberID, len(subjects))
	for i, m := range subjects {
		ids[i], out[m.ID] = m.ID, &Figures{}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	in, args := "("+db.Marks(len(ids))+")", db.Anys(ids)
	read := func(what string, into func(f *Figures) []any, query string) error {
		_, err := db.All(ctx, s.db, func(sc db.Scanner) (struct{}, error) {
			var id core.MemberID
			var f Figures
			if err := sc.Scan(append([]any{&id}, into(&f)...)...); err != nil {
				return struct{}{}, err
			}
			out[id].add(f)
			return struct{}{}, nil
		}, query, args...)
		if err != nil {
			return fmt.Errorf("read %s: %w", what, err)
		}
		return nil
	}
	err := read("transfer", func(f *Figures) []any { return []any{&f.up, &f.down} },
		"SELECT member_id, uploaded, downloaded FROM transfer_member WHERE member_id IN "+in)
	if err != nil {
		return nil, err
	}
	err = read("activity", func(f *Figures) []any { return []any{&f.snatched, &f.seeding, &f.leeching, &f.seedtime} }, `SELECT member_id,
		COALESCE(SUM(CASE WHEN snatched_at > 0 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN active > 0 AND bytes_left = 0 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN active > 0 AND bytes_left > 0 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(seedtime), 0)
		FROM transfer_member_torrent WHERE member_id IN `+in+" GROUP BY member_id")
	if err != nil {
		return nil, err
	}
	err = read("uploads", func(f *Figures) []any { return []any{&f.uploads, &f.named} }, `SELECT uploader_id, COUNT(*),
		COALESCE(SUM(CASE WHEN anonymous = 0 THEN 1 ELSE 0 END), 0) FROM torrent WHERE deleted_at = 0 AND uploader_id IN `+in+" GROUP BY uploader_id")
	if err != nil {
		return nil, err
	}
	on, err := s.security.LastLogins(ctx, s.db, ids, security.IRC)
	for id, at := range on {
		out[id].ircAt = at
	}
	return out, err
}

// add takes over what one statement has read: what is zero was read by another.
func (f *Figures) add(o Figures) {
	f.up, f.down = f.up+o.up, f.down+o.down
	f.snatched, f.seeding, f.leeching = f.snatched+o.snatched, f.seeding+o.seeding, f.leeching+o.leeching
	f.uploads, f.named, f.seedtime = f.uploads+o.uploads, f.named+o.named, f.seedtime+o.seedtime
}
