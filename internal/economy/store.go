package economy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// Store keeps the windows that people open, in leech_window.
type Store struct {
	db     db.Conn
	log    *eventlog.Log
	clock  core.Clock
	config Config
	kept   *eventlog.Kept[Schedule] // nil where the store is bound to a transaction
}

// NewStore returns the store of d, with the calendar that c asks for.
func NewStore(d *db.DB, log *eventlog.Log, clock core.Clock, c Config) *Store {
	s := &Store{db: d, log: log, clock: clock, config: c}
	s.kept = eventlog.Keep(log, keepSchedule, s.readSchedule, eventlog.LeechWindowsChanged{})
	return s
}

// In returns the store bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db, bound.kept = tx, nil
	return &bound
}

const (
	keepPast     = 48 * time.Hour // for how long a Schedule still knows a window that is over
	keepSchedule = time.Hour      // for how long it is kept while no window is opened or ended
	pageSize     = 1000
)

// credible leaves out windows that a wrong clock has opened in the time to come. It takes
// madeBy.
const credible = " AND created_at <= ?"

// madeBy is the last time at which a window can have been opened.
func madeBy(now time.Time) int64 { return core.Horizon(now, 0).Unix() }

const windowColumns = "id, source, state, torrent_id, member_id, starts_at, ends_at, reason, created_by, created_at"

func scanWindow(s db.Scanner) (Window, error) {
	var w Window
	var starts, ends, created int64
	err := s.Scan(&w.ID, &w.Source, &w.State, &w.Torrent, &w.Member, &starts, &ends, &w.Reason, &w.CreatedBy, &created)
	w.Key = storedKey(w.ID)
	w.Starts, w.Ends, w.CreatedAt = instant(starts), instant(ends), instant(created)
	return w, err
}

func instant(unix int64) time.Time { return time.Unix(unix, 0).UTC() }

// Schedule returns a snapshot of everything that can change a leech state from
// now on. It is kept in memory until a window is opened or ended, wherever that is
// done. Get it again at each LeechWindowsChanged event.
func (s *Store) Schedule(ctx context.Context) (Schedule, error) {
	if s.kept == nil {
		return s.readSchedule(ctx)
	}
	return s.kept.Get(ctx)
}

func (s *Store) readSchedule(ctx context.Context) (Schedule, error) {
	now := s.clock()
	var all []Window
	for after := int64(0); ; {
		page, err := db.All(ctx, s.db, scanWindow, "SELECT "+windowColumns+
			" FROM leech_window WHERE ends_at > ? AND id > ?"+credible+" ORDER BY id LIMIT ?", now.Add(-keepPast).Unix(), after, madeBy(now), pageSize)
		if err != nil {
			return Schedule{}, fmt.Errorf("read freeleech windows: %w", err)
		}
		all = append(all, page...)
		if len(page) < pageSize {
			return NewSchedule(s.config, all, now), nil
		}
		after = page[len(page)-1].ID
	}
}

// ByID returns a stored window, over or not, or an error with code NotFound.
func (s *Store) ByID(ctx context.Context, id int64) (Window, error) { return windowByID(ctx, s.db, id) }

func windowByID(ctx context.Context, q db.Queryer, id int64) (Window, error) {
	w, ok, err := db.One(ctx, q, scanWindow, "SELECT "+windowColumns+" FROM leech_window WHERE id = ?", id)
	if err != nil {
		return Window{}, fmt.Errorf("read freeleech window %d: %w", id, err)
	}
	if !ok {
		return Window{}, core.Errorf(core.NotFound, "there is no freeleech window %d", id)
	}
	return w, nil
}

// Active returns the windows in force now that concern every member, including those
// of the calendar, the one that ends soonest first; at most 100.
func (s *Store) Active(ctx context.Context) ([]Window, error) {
	now := s.clock()
	stored, err := db.All(ctx, s.db, scanWindow, "SELECT "+windowColumns+
		" FROM leech_window WHERE ends_at > ? AND starts_at <= ? AND member_id = 0"+credible+" ORDER BY ends_at, id LIMIT ?",
		now.Unix(), now.Unix(), madeBy(now), maxList)
	if err != nil {
		return nil, fmt.Errorf("read freeleech windows: %w", err)
	}
	if s.config.Calendar {
		for _, w := range Calendar(now, now.Add(time.Second), s.config.Zone.Loc()) {
			if w.Holds(now) {
				stored = append(stored, w)
			}
		}
	}
	slices.SortStableFunc(stored, func(a, b Window) int { return a.Ends.Compare(b.Ends) })
	return stored[:min(len(stored), maxList)], nil
}

// Upcoming returns the next n windows that concern every member and begin after now,
// including those of the calendar, soonest first; n is at most 100.
func (s *Store) Upcoming(ctx context.Context, n int) ([]Window, error) {
	n = min(max(n, 0), maxList)
	now := s.clock()
	stored, err := db.All(ctx, s.db, scanWindow, "SELECT "+windowColumns+
		" FROM leech_window WHERE starts_at > ? AND ends_at > starts_at AND member_id = 0"+credible+" ORDER BY starts_at, id LIMIT ?",
		now.Unix(), madeBy(now), n)
	if err != nil {
		return nil, fmt.Errorf("read freeleech windows: %w", err)
	}
	if s.config.Calendar {
		for _, w := range Coming(now, n+1, s.config.Zone.Loc()) {
			if w.Starts.After(now) {
				stored = append(stored, w)
			}
		}
	}
	slices.SortStableFunc(stored, func(a, b Window) int { return cmp.Or(a.Starts.Compare(b.Starts), cmp.Compare(a.ID, b.ID)) })
	return stored[:min(len(stored), n)], nil
}

// Open adds a window for everybody or for w.Member, on all torrents or on w.Torrent,
// on behalf of the member by (0: the shell), who must have core.FreeleechManage. A
// zero Starts means now. It returns the window as it was stored, or an error that
// names the field at fault. Windows may overlap freely.
func (s *Store) Open(ctx context.Context, w Window, by core.MemberID) (Window, error) {
	now := s.clock().UTC().Truncate(time.Second)
	if w.Starts.IsZero() || w.Starts.Before(now) && now.Sub(w.Starts) <= startSlack {
		w.Starts = now
	}
	w.Starts, w.Ends = w.Starts.UTC().Truncate(time.Second), w.Ends.UTC().Truncate(time.Second)
	w.Source = cmp.Or(w.Source, SourceStaff)
	w.CreatedBy, w.CreatedAt = by, now
	reason, err := checkReason(w.Reason)
	if err != nil {
		return Window{}, err
	}
	w.Reason = reason
	if err := w.check(now); err != nil {
		return Window{}, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, "freeleech windows"); err != nil {
			return err
		}
		if err := roomForOne(ctx, tx, w.Member, now); err != nil {
			return err
		}
		id, err := tx.Insert(ctx, "leech_window", db.Row{"source", string(w.Source), "state", string(w.State),
			"torrent_id", int64(w.Torrent), "member_id", int64(w.Member), "starts_at", w.Starts.Unix(), "ends_at", w.Ends.Unix(),
			"reason", w.Reason, "created_by", int64(by), "created_at", now.Unix(), "ended_by", int64(0)})
		if err != nil {
			return err
		}
		w.ID, w.Key = id, storedKey(id)
		_, err = s.log.Append(ctx, tx, eventlog.LeechWindowsChanged{})
		return err
	})
	if err != nil {
		return Window{}, fmt.Errorf("open a freeleech window: %w", err)
	}
	return w, nil
}

// roomForOne refuses more windows than anyone can keep track of, and more of single
// members than a Schedule should carry.
func roomForOne(ctx context.Context, tx *db.Tx, of core.MemberID, now time.Time) error {
	if of == 0 {
		return atMost(ctx, tx, maxOpen, "%d freeleech windows are open already; end some of them first",
			"member_id = 0 AND source = ? AND ends_at > ?", string(SourceStaff), now.Unix())
	}
	err := atMost(ctx, tx, maxOwn, "this member has %d freeleech windows already; end some of them first",
		"member_id = ? AND ends_at > ?", int64(of), now.Unix())
	if err != nil {
		return err
	}
	return atMost(ctx, tx, maxOwnAll, "members have %d freeleech windows of their own already; open one for everybody instead",
		"member_id <> 0 AND ends_at > ?", now.Unix())
}

func atMost(ctx context.Context, tx *db.Tx, limit int64, words, where string, args ...any) error {
	n, _, err := db.One(ctx, tx, db.Value[int64], "SELECT COUNT(*) FROM leech_window WHERE "+where, args...)
	if err != nil {
		return err
	}
	if n >= limit {
		return core.Errorf(core.Conflict, words, n)
	}
	return nil
}

// Ended is what End did.
type Ended struct {
	Window Window // with its new end
	// Still is what still holds for what the window concerned, without the torrent's
	// own state; a Source other than "" names a window that goes on.
	Still Effective
}

// End ends a stored window now, on behalf of the member by (0: the shell), who
// must have core.FreeleechManage. A window that has not begun is called off. No
// other window is touched. The error has code NotFound when there is no such
// window, and Conflict when it is over already.
func (s *Store) End(ctx context.Context, id int64, by core.MemberID) (Ended, error) {
	now := s.clock().UTC().Truncate(time.Second)
	var w Window
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(ctx, "leech_window", "id = ?", id); err != nil {
			return err
		}
		var err error
		if w, err = windowByID(ctx, tx, id); err != nil {
			return err
		}
		if !w.Ends.After(now) {
			return core.Errorf(core.Conflict, "freeleech window %d ended already, at %s", id, w.Ends.Format(timeLayout))
		}
		w.Ends = now
		if _, err := tx.Exec(ctx, "UPDATE leech_window SET ends_at = ?, ended_by = ? WHERE id = ?", now.Unix(), int64(by), id); err != nil {
			return err
		}
		_, err = s.log.Append(ctx, tx, eventlog.LeechWindowsChanged{})
		return err
	})
	if err != nil {
		return Ended{}, fmt.Errorf("end freeleech window %d: %w", id, err)
	}
	schedule, err := s.Schedule(ctx)
	if err != nil {
		return Ended{}, err
	}
	return Ended{Window: w, Still: schedule.Effective(core.LeechNormal, w.Torrent, w.Member, now)}, nil
}
