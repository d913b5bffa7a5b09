package ban

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

const (
	valueUse = "ban value"          // keeps apart what is sealed here
	turnName = "bans"               // of those who add bans
	keptFor  = 180 * 24 * time.Hour // how long a ban that is over can still be read
	pruned   = 500                  // old bans that one addition clears away
	openEnd  = "lifted_at = 0 AND (ends_at = 0 OR (ends_at > ? AND starts_at <= ?))"
	replaced = "replaced by a newer one" // why a line was lifted
)

// Store keeps the table ban.
type Store struct {
	db    db.Conn
	log   *eventlog.Log
	keys  *secret.Keyring
	clock core.Clock
}

// NewStore returns the store on d.
func NewStore(d *db.DB, log *eventlog.Log, keys *secret.Keyring, clock core.Clock) *Store {
	return &Store{db: d, log: log, keys: keys, clock: clock}
}

// In returns the store bound to tx: what it reads and writes is part of that transaction.
// It must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db = tx
	return &bound
}

const columns = "id, kind, value, sealed, reach, reason, note, by_id, by_name, starts_at, ends_at, lifted_at, lifted_by, lift_reason"

// instant is a stored instant; 0 is the zero time.
func instant(at int64) time.Time {
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(at, 0).UTC()
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func (s *Store) scan(sc db.Scanner) (Ban, error) {
	var b Ban
	var value []byte
	var sealed, starts, ends, lifted int64
	if err := sc.Scan(&b.ID, &b.Kind, &value, &sealed, &b.Reach, &b.Reason, &b.Note, &b.ByID, &b.By, &starts, &ends, &lifted, &b.LiftedBy, &b.LiftReason); err != nil {
		return b, err
	}
	b.Starts, b.Ends, b.LiftedAt = time.Unix(starts, 0).UTC(), instant(ends), instant(lifted)
	if sealed != 0 {
		var err error
		if value, err = s.keys.Open(value, valueUse); err != nil {
			return b, fmt.Errorf("the value of ban %d: %w", b.ID, err)
		}
	}
	b.Value = plainValue(b.Kind, string(value))
	return b, nil
}

// plainValue brings the value of a line of an older release into the form of New: such a
// line had an address as a network of one.
func plainValue(k Kind, value string) string {
	if k.IsAddress() {
		if p, ok := prefixOf(value); ok {
			_, value, _ = ofPrefix(p)
		}
	}
	return value
}

// inForce are the arguments of openEnd.
func (s *Store) inForce() []any {
	now := s.clock()
	return []any{now.Unix(), core.Horizon(now, 0).Unix()}
}

// Active returns the bans that are in force, newest first.
func (s *Store) Active(ctx context.Context) ([]Ban, error) {
	list, err := db.All(ctx, s.db, s.scan, "SELECT "+columns+" FROM ban WHERE "+openEnd+" ORDER BY id DESC LIMIT ?", append(s.inForce(), MaxActive)...)
	return list, wrap("read the bans", err)
}

// Filter chooses bans for a list.
type Filter struct {
	Kind  Kind  // "" any
	Reach Reach // that reach any of it; 0 any
	Over  bool  // those that are over or lifted, in place of those in force
	// Before is the id before which the list begins; 0 is the newest.
	Before int64
}

// MaxPage is the longest list that is read at once.
const MaxPage = 200

// Page returns up to limit (1 to MaxPage) bans, newest first.
func (s *Store) Page(ctx context.Context, f Filter, limit int) ([]Ban, error) {
	where, args := []string{openEnd}, s.inForce()
	if f.Over {
		where[0] = "NOT (" + openEnd + ")"
	}
	if f.Kind != "" {
		where, args = append(where, "kind = ?"), append(args, f.Kind)
	}
	if f.Reach != 0 {
		where, args = append(where, "(reach & ?) <> 0"), append(args, f.Reach)
	}
	if f.Before > 0 {
		where, args = append(where, "id < ?"), append(args, f.Before)
	}
	list, err := db.All(ctx, s.db, s.scan, "SELECT "+columns+" FROM ban WHERE "+strings.Join(where, " AND ")+" ORDER BY id DESC LIMIT ?",
		append(args, min(max(limit, 1), MaxPage))...)
	return list, wrap("list bans", err)
}

// ByID returns a ban, in force or not, or NotFound.
func (s *Store) ByID(ctx context.Context, id int64) (Ban, error) {
	b, found, err := db.One(ctx, s.db, s.scan, "SELECT "+columns+" FROM ban WHERE id = ?", id)
	switch {
	case err != nil:
		return b, wrap("read a ban", err)
	case !found:
		return b, &core.Error{Code: core.NotFound, Field: "id", Text: fmt.Sprintf("there is no ban %d", id)}
	}
	return b, nil
}

// slot is the keyed hash under which there is one ban in force.
func (s *Store) slot(b Ban) []byte {
	return s.keys.MAC(valueUse, fmt.Sprintf("%s\n%d\n%s", b.Kind, b.Reach, b.Value))
}

// Same returns the ban in force with the kind, value and reach of b, and reports whether
// there is one.
func (s *Store) Same(ctx context.Context, b Ban) (Ban, bool, error) {
	// Bans that are not sealed yet have no slot, so they are compared one by one.
	list, err := db.All(ctx, s.db, s.scan, "SELECT "+columns+" FROM ban WHERE (slot = ? OR (sealed = 0 AND kind = ? AND reach = ?)) AND "+openEnd+" ORDER BY id DESC LIMIT ?",
		append(append([]any{s.slot(b), b.Kind, b.Reach}, s.inForce()...), MaxActive)...)
	if err != nil {
		return Ban{}, false, wrap("look up a ban", err)
	}
	for _, other := range list {
		if other.Kind == b.Kind && other.Value == b.Value && other.Reach == b.Reach {
			return other, true, nil
		}
	}
	return Ban{}, false, nil
}

// Add stores a ban that New made, and tells all rooms. Where there is one in force with
// the same value and reach, the error is a Conflict that names it.
func (s *Store) Add(ctx context.Context, b Ban) (Ban, error) { return s.add(ctx, b, false) }

// Put is Add in place of a ban in force with the same value and reach.
func (s *Store) Put(ctx context.Context, b Ban) (Ban, error) { return s.add(ctx, b, true) }

func (s *Store) add(ctx context.Context, b Ban, replace bool) (Ban, error) {
	slot := s.slot(b)
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, turnName); err != nil {
			return err
		}
		bound := s.In(tx)
		if err := bound.clear(ctx, tx, slot); err != nil {
			return err
		}
		other, there, err := bound.Same(ctx, b)
		switch {
		case err != nil:
			return err
		case there && !replace:
			return core.Errorf(core.Conflict, "this is banned already, by ban %d; lift that one first", other.ID)
		case there:
			if err := bound.end(ctx, tx, other.ID, b.By, replaced); err != nil {
				return err
			}
		}
		if err := bound.room(ctx); err != nil {
			return err
		}
		b.ID, err = tx.Insert(ctx, "ban", db.Row{"kind", b.Kind, "value", s.keys.Seal([]byte(b.Value), valueUse), "sealed", 1, "slot", slot, "reach", b.Reach,
			"reason", b.Reason, "note", b.Note, "by_id", b.ByID, "by_name", b.By, "starts_at", unix(b.Starts), "ends_at", unix(b.Ends),
			"lifted_at", 0, "lifted_by", "", "lift_reason", ""})
		if err != nil {
			return err
		}
		return s.tell(ctx, tx)
	})
	return b, wrap("add a ban", err)
}

// clear frees a slot whose ban is over, and deletes some bans that were over long ago.
func (s *Store) clear(ctx context.Context, tx *db.Tx, slot []byte) error {
	if _, err := tx.Exec(ctx, "UPDATE ban SET slot = NULL WHERE slot = ? AND NOT ("+openEnd+")", append([]any{slot}, s.inForce()...)...); err != nil {
		return err
	}
	before := s.clock().Add(-keptFor).Unix()
	ids, err := db.All(ctx, tx, db.Value[any], "SELECT id FROM ban WHERE (lifted_at > 0 AND lifted_at < ?) OR (ends_at > 0 AND ends_at < ?) ORDER BY id LIMIT ?", before, before, pruned)
	if err != nil || len(ids) == 0 {
		return err
	}
	_, err = tx.Exec(ctx, "DELETE FROM ban WHERE id IN ("+db.Marks(len(ids))+")", ids...)
	return err
}

// room refuses one ban more than there may be.
func (s *Store) room(ctx context.Context) error {
	n, _, err := db.One(ctx, s.db, db.Value[int64], "SELECT COUNT(*) FROM ban WHERE "+openEnd, s.inForce()...)
	if err == nil && n >= MaxActive {
		err = core.Errorf(core.Conflict, "there are %d bans already, which is the most; lift some first", n)
	}
	return err
}

// end lifts a ban.
func (s *Store) end(ctx context.Context, tx *db.Tx, id int64, by, reason string) error {
	_, err := tx.Exec(ctx, "UPDATE ban SET lifted_at = ?, lifted_by = ?, lift_reason = ?, slot = NULL WHERE id = ?", s.clock().Unix(), by, reason, id)
	return err
}

func (s *Store) tell(ctx context.Context, tx *db.Tx) error {
	_, err := s.log.Append(ctx, tx, eventlog.BansChanged{})
	return err
}

// Lift ends a ban that is in force, and returns it as it was. One that is over is a
// Conflict.
func (s *Store) Lift(ctx context.Context, id int64, by, reason string) (Ban, error) {
	reason, err := LiftReason(reason)
	if err != nil {
		return Ban{}, err
	}
	var b Ban
	err = s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if err = tx.Turn(ctx, turnName); err != nil {
			return err
		}
		if b, err = s.In(tx).ByID(ctx, id); err != nil {
			return err
		}
		switch {
		case !b.LiftedAt.IsZero():
			return core.Errorf(core.Conflict, "ban %d was lifted already, by %s", id, b.LiftedBy)
		case !b.Holds(s.clock()):
			return core.Errorf(core.Conflict, "ban %d has run out by itself", id)
		}
		if err = s.end(ctx, tx, id, by, reason); err != nil {
			return err
		}
		return s.tell(ctx, tx)
	})
	return b, wrap("lift a ban", err)
}

// Restore lets a ban that was lifted hold again, until its old end. One that was not
// lifted, or has run out since, is a Conflict.
func (s *Store) Restore(ctx context.Context, id int64) (Ban, error) {
	var b Ban
	err := s.db.Tx(ctx, func(tx *db.Tx) (err error) {
		if err = tx.Turn(ctx, turnName); err != nil {
			return err
		}
		bound := s.In(tx)
		if b, err = bound.ByID(ctx, id); err != nil {
			return err
		}
		if b.LiftedAt.IsZero() {
			return core.Errorf(core.Conflict, "ban %d was not lifted", id)
		}
		b.LiftedAt, b.LiftedBy, b.LiftReason = time.Time{}, "", ""
		if !b.Holds(s.clock()) {
			return core.Errorf(core.Conflict, "ban %d has run out since; add a new one", id)
		}
		slot := s.slot(b)
		if err = bound.clear(ctx, tx, slot); err != nil {
			return err
		}
		switch other, there, err := bound.Same(ctx, b); {
		case err != nil:
			return err
		case there:
			return core.Errorf(core.Conflict, "the same is banned by ban %d now", other.ID)
		}
		if err = bound.room(ctx); err != nil {
			return err
		}
		// A line of an older release that is not sealed yet is sealed on the way.
		if _, err = tx.Exec(ctx, "UPDATE ban SET lifted_at = 0, lifted_by = '', lift_reason = '', slot = ?, value = ?, sealed = 1 WHERE id = ?",
			slot, s.keys.Seal([]byte(b.Value), valueUse), id); err != nil {
			return err
		}
		return s.tell(ctx, tx)
	})
	return b, wrap("restore a ban", err)
}

// Seal seals the values of up to limit bans that came from an older release, which kept
// them as they are, and returns of how many. Others may use the table meanwhile.
func (s *Store) Seal(ctx context.Context, limit int) (int64, error) {
	list, err := db.All(ctx, s.db, s.scan, "SELECT "+columns+" FROM ban WHERE sealed = 0 ORDER BY id LIMIT ?", limit)
	if err != nil || len(list) == 0 {
		return 0, wrap("read bans to seal", err)
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, turnName); err != nil {
			return err
		}
		for _, b := range list {
			if _, err := tx.Exec(ctx, "UPDATE ban SET value = ?, sealed = 1 WHERE id = ? AND sealed = 0", s.keys.Seal([]byte(b.Value), valueUse), b.ID); err != nil {
				return err
			}
			if !b.Holds(s.clock()) {
				continue
			}
			// Of two that an older release wrote in different ways, one has the slot.
			if _, err := tx.Exec(ctx, "UPDATE ban SET slot = NULL WHERE slot = ? AND NOT ("+openEnd+")", append([]any{s.slot(b)}, s.inForce()...)...); err != nil {
				return err
			}
			taken, _, err := db.One(ctx, tx, db.Value[int64], "SELECT COUNT(*) FROM ban WHERE slot = ?", s.slot(b))
			if err != nil {
				return err
			}
			if taken > 0 {
				continue
			}
			if _, err := tx.Exec(ctx, "UPDATE ban SET slot = ? WHERE id = ? AND lifted_at = 0", s.slot(b), b.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return int64(len(list)), wrap("seal bans", err)
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
