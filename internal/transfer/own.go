package transfer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Part is what a member does with a torrent.
type Part string

// The parts. Each torrent that the member has announced is in one of the first three.
const (
	Seeding  Part = "seeding"  // the member is in the swarm and lacks nothing
	Leeching Part = "leeching" // the member is in the swarm and lacks something
	Taken    Part = "taken"    // downloaded, whole or in part, and not in the swarm now
	Uploaded Part = "uploaded" // the member brought it here
)

// Parts are all of them, in the order in which they are shown.
func Parts() []Part { return []Part{Seeding, Leeching, Taken, Uploaded} }

// Own is a torrent with what one member has to do with it.
type Own struct {
	Torrent core.TorrentID
	Group   core.GroupID
	Title   string // of the dataset
	Format  string
	License string
	Version string
	Size    core.Bytes
	Gone    bool // it was deleted
	Mine    bool // the member uploaded it

	Announced  bool // ever, by the member; without it the rest is zero but the swarm's size
	Counted    Amount
	Credited   Amount // what of it counts under freeleech and neutral leech
	Left       core.Bytes
	Active     bool // in the swarm
	Seedtime   time.Duration
	FirstAt    time.Time
	LastAt     time.Time
	SnatchedAt time.Time // when the download was complete for the first time; zero for never

	Seeders, Leechers int // of the swarm

	Last Record // the member's newest announce of it, refused ones among them; zero when none is recorded
	Cut  Record // the newest of those recorded that told more than can be; zero when none is
	All  Record // the newest of those refused that concerns all torrents of a client; zero when none is
}

const ownColumns = `SELECT t.id, t.group_id, g.title, t.format, t.license, t.version, t.size, t.deleted_at, t.uploader_id,
	COALESCE(p.first_at, 0), COALESCE(p.last_at, 0), COALESCE(p.snatched_at, 0), COALESCE(p.raw_up, 0), COALESCE(p.raw_down, 0),
	COALESCE(p.uploaded, 0), COALESCE(p.downloaded, 0), COALESCE(p.bytes_left, 0), COALESCE(p.active, 0), COALESCE(p.seedtime, 0),
	COALESCE(w.seeders, 0), COALESCE(w.leechers, 0) `

const ofMemberTorrent = `FROM transfer_member_torrent p JOIN torrent t ON t.id = p.torrent_id JOIN torrent_group g ON g.id = t.group_id
	LEFT JOIN swarm_count w ON w.torrent_id = t.id WHERE p.member_id = ? AND p.torrent_id < ?`

// query returns the statement of a part; its arguments are the member twice, where the
// list goes on, and how long it may be.
func (p Part) query() string {
	switch p {
	case Leeching:
		return ownColumns + ofMemberTorrent + " AND p.active > 0 AND p.bytes_left > 0 ORDER BY p.torrent_id DESC LIMIT ?"
	case Taken:
		return ownColumns + ofMemberTorrent + " AND p.active = 0 AND (p.snatched_at > 0 OR p.raw_down > 0 OR p.bytes_left > 0) ORDER BY p.torrent_id DESC LIMIT ?"
	case Uploaded:
		return ownColumns + `FROM torrent t JOIN torrent_group g ON g.id = t.group_id LEFT JOIN transfer_member_torrent p ON p.member_id = t.uploader_id AND p.torrent_id = t.id
			LEFT JOIN swarm_count w ON w.torrent_id = t.id WHERE t.uploader_id = ? AND t.id < ? AND t.deleted_at = 0 ORDER BY t.id DESC LIMIT ?`
	default:
		return ownColumns + ofMemberTorrent + " AND p.active > 0 AND p.bytes_left = 0 ORDER BY p.torrent_id DESC LIMIT ?"
	}
}

// Own returns up to limit (at most 200) torrents of a part, those that were uploaded last
// first, behind the cursor before (0 for the first page). next is 0 at the end.
func (s *Store) Own(ctx context.Context, m core.MemberID, p Part, before core.TorrentID, limit int) (list []Own, next core.TorrentID, err error) {
	limit = max(1, min(limit, pageLimit))
	if before <= 0 {
		before = 1<<63 - 1
	}
	list, err = db.All(ctx, s.db, scanOwn(m), p.query(), m, before, limit+1)
	if err != nil {
		return nil, 0, fmt.Errorf("read what a member has of torrents: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].Torrent
	}
	return list, next, s.addAnnounces(ctx, m, list)
}

func scanOwn(m core.MemberID) func(db.Scanner) (Own, error) {
	return func(sc db.Scanner) (o Own, err error) {
		var uploader core.MemberID
		var gone, first, last, snatched, seedtime int64
		err = sc.Scan(&o.Torrent, &o.Group, &o.Title, &o.Format, &o.License, &o.Version, &o.Size, &gone, &uploader,
			&first, &last, &snatched, &o.Counted.Up, &o.Counted.Down, &o.Credited.Up, &o.Credited.Down, &o.Left, &o.Active, &seedtime,
			&o.Seeders, &o.Leechers)
		o.Gone, o.Mine, o.Announced = gone > 0, uploader == m, first > 0
		o.Seedtime = time.Duration(seedtime) * time.Second
		o.FirstAt, o.LastAt, o.SnatchedAt = instant(first), instant(last), instant(snatched)
		return o, err
	}
}

// instant is a moment of the database; 0 is the zero time.
func instant(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

// lastOf selects a member's refusals, and of each of some torrents the newest record and
// the newest that told more than can be. Names are left out: the caller knows them.
const lastOf = recordBare + `'', '', 0 FROM announce_record r WHERE r.member_id = ? AND r.ring = 0
	UNION ALL ` + recordBare + `'', '', 0 FROM (SELECT q.ring, MAX(q.at * 256 + q.slot) AS newest, MAX(CASE WHEN q.outcome = 'clamped' THEN q.at * 256 + q.slot END) AS cut
		FROM announce_record q WHERE q.member_id = ? AND q.ring IN (%s) GROUP BY q.ring) AS x
	JOIN announce_record r ON r.member_id = ? AND r.ring = x.ring AND r.slot IN ((x.newest & 255), (COALESCE(x.cut, x.newest) & 255)) LIMIT ?`

// maxOwnRecords bounds the records that are read for a page.
const maxOwnRecords = 3 * pageLimit

// addAnnounces adds the newest records to torrents of a member.
func (s *Store) addAnnounces(ctx context.Context, m core.MemberID, list []Own) error {
	if len(list) == 0 {
		return nil
	}
	index := make(map[core.TorrentID]int, len(list))
	args := []any{m, m}
	for i, o := range list {
		index[o.Torrent] = i
		args = append(args, int64(o.Torrent))
	}
	records, err := db.All(ctx, s.db, scanRecord, fmt.Sprintf(lastOf, db.Marks(len(list))), append(args, m, maxOwnRecords)...)
	if err != nil {
		return fmt.Errorf("read the announces of a page: %w", err)
	}
	var all Record
	for _, r := range records {
		if r.concernsAll() && r.newer(all) {
			all = r
		}
	}
	for i := range list {
		list[i].All = all
	}
	for _, r := range records {
		i, ok := index[r.Torrent]
		if !ok {
			continue
		}
		o := &list[i]
		r.Title, r.Group = o.Title, o.Group
		if r.newer(o.Last) {
			o.Last = r
		}
		if r.Outcome == Clamped && r.newer(o.Cut) {
			o.Cut = r
		}
	}
	return nil
}

// newer reports whether a record is newer than another; of one second it is the refusal,
// which must be explained.
func (r Record) newer(than Record) bool {
	return r.At.After(than.At) || r.At.Equal(than.At) && r.Refused()
}

// concernsAll reports whether an announce was refused before anybody looked of which
// torrent it is: so are those of all torrents.
func (r Record) concernsAll() bool {
	return r.Refused() && r.Torrent == 0 && (r.Outcome == "disabled" || r.Outcome == "client_refused")
}

// Refused says why all announces of a member, or of one of a member's clients, are
// refused; ok is false where none were within a day, or where the client was answered since.
func (s *Store) Refused(ctx context.Context, m core.MemberID, f Facts) (t Trouble, ok bool, err error) {
	records, err := db.All(ctx, s.db, scanRecord, recordColumns+" WHERE r.member_id = ? AND r.ring = 0 AND r.at >= ? LIMIT ?", m, f.Now.Add(-troubleFor).Unix(), pageLimit)
	if err != nil {
		return t, false, fmt.Errorf("read what was refused: %w", err)
	}
	var all Record
	for _, r := range records {
		if r.concernsAll() && r.newer(all) {
			all = r
		}
	}
	if all.Member == 0 {
		return t, false, nil
	}
	var answered int64
	err = s.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(at), 0) FROM announce_record WHERE member_id = ? AND ring > 0 AND client = ?", m, all.Client).Scan(&answered)
	if err != nil {
		return t, false, fmt.Errorf("read what was answered: %w", err)
	}
	if answered > all.At.Unix() {
		return t, false, nil
	}
	return all.trouble(), true, nil
}

// LastAnnounce is when a member last announced anything, whatever came of it; the zero
// time for never. It reads a row for each torrent of the member.
func (s *Store) LastAnnounce(ctx context.Context, m core.MemberID) (time.Time, error) {
	at, _, err := db.One(ctx, s.db, db.Value[int64], `SELECT COALESCE(MAX(x.at), 0) FROM (SELECT MAX(last_at) AS at FROM transfer_member_torrent WHERE member_id = ?
		UNION ALL SELECT MAX(at) FROM announce_record WHERE member_id = ? AND ring = 0) AS x`, m, m)
	if err != nil {
		return time.Time{}, fmt.Errorf("read a member's last announce: %w", err)
	}
	return instant(at), nil
}

// OwnSums is what a member does at this moment, in numbers.
type OwnSums struct {
	Seeding, Leeching int
	Trouble           int // torrents that were refused last, or of which nothing is heard any more
}

// troubleFor is how long a refusal counts, and maxTrouble how many torrents.
const (
	troubleFor = 24 * time.Hour
	maxTrouble = 1000
)

// OwnSums counts what a member does.
func (s *Store) OwnSums(ctx context.Context, m core.MemberID, f Facts) (sums OwnSums, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT COALESCE(SUM(CASE WHEN bytes_left = 0 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN bytes_left > 0 THEN 1 ELSE 0 END), 0)
		FROM transfer_member_torrent WHERE member_id = ? AND active > 0`, m).Scan(&sums.Seeding, &sums.Leeching)
	if err != nil {
		return sums, fmt.Errorf("count what a member does: %w", err)
	}
	ids, err := db.All(ctx, s.db, db.Value[int64], strings.Join([]string{
		"SELECT torrent_id FROM transfer_member_torrent WHERE member_id = ? AND active > 0 AND last_at < ?",
		`SELECT r.torrent_id FROM announce_record r WHERE r.member_id = ? AND r.ring = 0 AND r.torrent_id > 0 AND r.at >= ?
			AND NOT EXISTS (SELECT 1 FROM transfer_member_torrent p WHERE p.member_id = r.member_id AND p.torrent_id = r.torrent_id AND p.last_at > r.at)`,
	}, " UNION ")+" LIMIT ?", m, f.Now.Add(-f.patience()).Unix(), m, f.Now.Add(-troubleFor).Unix(), maxTrouble)
	if err != nil {
		return sums, fmt.Errorf("count the trouble of a member: %w", err)
	}
	sums.Trouble = len(ids)
	return sums, nil
}
