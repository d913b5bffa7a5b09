package member

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// Source says what began a cause.
type Source string

// The sources.
const (
	ByStaff   Source = "staff"
	ByOwner   Source = "owner"   // the member, about their own account
	ByJoining Source = "joining" // the account was made so
)

// Cause is a reason for which somebody may do less, or more, than their class says. Causes
// overlap: what holds is computed from all of them (Member.At), and ending one ends nothing
// else.
type Cause struct {
	ID         int64
	Member     core.MemberID
	Effect     Effect
	Permission core.Permission // of the effects Granted and Withheld
	Source     Source
	Reason     string    // shown to the member; "" was recorded by an older release
	Starts     time.Time // the zero time where an older release has not dated it
	Ends       time.Time // the zero time where no end is set
	By         By

	EndedAt     time.Time // before its end, by somebody; the zero time where nobody has
	EndedBy     By
	EndedReason string // may be ""
}

// By is who did something: a member, or a program without an account, such as the shell.
type By struct {
	ID   core.MemberID
	Name string
}

// NewCause is a cause to begin.
type NewCause struct {
	Member     core.MemberID
	Effect     Effect
	Permission core.Permission // of the effects Granted and Withheld
	Source     Source          // "" is ByStaff
	Reason     string          // shown to the member
	For        time.Duration   // 0 sets no end
	By         By
}

// maxCauses is how many causes of one member may hold at once.
const maxCauses = 50

// CheckReason checks the reason of a cause.
func CheckReason(reason string) error {
	if !text.HasLetters(reason) {
		return core.FieldErrorf("reason", "say why: the member is shown the reason")
	}
	if len(reason) > 255 {
		return core.FieldErrorf("reason", "keep the reason within 255 bytes")
	}
	return nil
}

// check is what can be said of a cause by itself.
func (n NewCause) check() error {
	i := n.Effect.info()
	switch {
	case i.Effect == "":
		return core.FieldErrorf("effect", "there is no effect %q", n.Effect)
	case i.Single && !core.ValidPermission(n.Permission):
		return core.FieldErrorf("permission", "there is no permission %q", n.Permission)
	case !i.Single && n.Permission != "":
		return core.FieldErrorf("permission", "%s concerns no single permission", n.Effect)
	case n.For < 0 || n.For > i.longest():
		return core.FieldErrorf("for", "it can last %s at most", text.Span(i.longest()))
	case n.For > 0 && n.For < time.Minute:
		return core.FieldErrorf("for", "let it last a minute at least")
	case n.For == 0 && i.MustEnd:
		return core.FieldErrorf("for", "say how long it lasts, such as 7d")
	}
	return CheckReason(n.Reason)
}

// BeginCause begins a cause and returns it. It fails with Invalid where a field is wrong,
// and with Conflict where the same holds already from the same source. Disabling ends all
// sessions, and so does parking. The caller checks who may do this.
func (s *Store) BeginCause(ctx context.Context, n NewCause) (Cause, error) {
	n.Reason = text.Line(n.Reason)
	if n.Source == "" {
		n.Source = ByStaff
	}
	if err := n.check(); err != nil {
		return Cause{}, err
	}
	now := s.clock().Truncate(time.Second).UTC()
	c := Cause{Member: n.Member, Effect: n.Effect, Permission: n.Permission, Source: n.Source, Reason: n.Reason, Starts: now, By: n.By}
	if n.For > 0 {
		c.Ends = now.Add(n.For).Truncate(time.Second)
	}
	err := s.change(ctx, n.Member, func(tx *db.Tx) (int64, error) {
		if err := tx.Lock(ctx, "member", "id = ?", n.Member); err != nil {
			return 0, err
		}
		m, err := s.In(tx).ByID(ctx, n.Member)
		if err != nil {
			return 0, err
		}
		if err := m.mayBegin(c); err != nil {
			return 0, err
		}
		c.ID, err = tx.Insert(ctx, "member_cause", db.Row{"member_id", c.Member, "effect", c.Effect, "permission", c.Permission, "source", c.Source,
			"reason", c.Reason, "starts_at", c.Starts.Unix(), "ends_at", unix(c.Ends), "begun_by", c.By.ID, "begun_name", clip(c.By.Name, 64),
			"ended_at", 0, "ended_by", 0, "ended_name", "", "ended_reason", ""})
		if err != nil {
			return 0, err
		}
		if err := s.endFor(ctx, tx, c); err != nil {
			return 0, err
		}
		_, err = s.log.Append(ctx, tx, eventlog.CauseBegan{Cause: c.ID, Member: c.Member})
		return 1, err
	})
	return c, err
}

// mayBegin refuses what holds already.
func (m Member) mayBegin(c Cause) error {
	for _, h := range m.Holding {
		if h.Effect == c.Effect && h.Source == c.Source && h.Permission == c.Permission && (c.Effect != Warned || h.Reason == c.Reason) {
			return core.Errorf(core.Conflict, "this holds for %s already%s; end it (cause %d) before you begin another", m.Name, h.told(), h.ID)
		}
	}
	if len(m.Holding) >= maxCauses {
		return core.Errorf(core.Conflict, "%s has %d causes already; end some first", m.Name, len(m.Holding))
	}
	return nil
}

// endFor ends what may not go on under a cause.
func (s *Store) endFor(ctx context.Context, tx *db.Tx, c Cause) error {
	if c.Effect != Disabled && c.Effect != Parked {
		return nil
	}
	n, err := tx.Exec(ctx, "DELETE FROM session WHERE member_id = ?", c.Member)
	if err != nil || n == 0 {
		return err
	}
	return s.security.Record(ctx, tx, security.Event{Member: c.Member, Kind: security.SessionsEnded, Detail: fmt.Sprintf("%d of them, as the account was %s", n, c.Effect)})
}

// EndCause ends one cause before its time, and returns it as it was. It fails with NotFound
// for a cause that there is not, and with Conflict for one that is over. reason may be "".
func (s *Store) EndCause(ctx context.Context, id int64, by By, reason string) (Cause, error) {
	reason = text.Line(reason)
	if len(reason) > 255 {
		return Cause{}, core.FieldErrorf("reason", "keep the reason within 255 bytes")
	}
	c, err := s.CauseByID(ctx, id)
	if err != nil {
		return c, err
	}
	if !c.HoldsAt(s.clock()) {
		return c, core.Errorf(core.Conflict, "cause %d is over already", id)
	}
	err = s.change(ctx, c.Member, func(tx *db.Tx) (int64, error) {
		n, err := tx.Exec(ctx, "UPDATE member_cause SET ended_at = ?, ended_by = ?, ended_name = ?, ended_reason = ? WHERE id = ? AND ended_at = 0",
			s.clock().Unix(), by.ID, clip(by.Name, 64), reason, id)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			return 0, core.Errorf(core.Conflict, "cause %d has just been ended", id)
		}
		_, err = s.log.Append(ctx, tx, eventlog.CauseEnded{Cause: id, Member: c.Member})
		return 1, err
	})
	return c, err
}

// wake ends that a member is parked, as they have logged in to the site.
func (s *Store) wake(ctx context.Context, id core.MemberID) error {
	ids, err := db.All(ctx, s.db, db.Value[int64], "SELECT id FROM member_cause WHERE member_id = ? AND ended_at = 0 AND effect = ? AND (ends_at = 0 OR ends_at > ?) LIMIT ?",
		id, Parked, s.clock().Unix(), maxCauses)
	if err != nil {
		return fmt.Errorf("wake a parked account: %w", err)
	}
	for _, cause := range ids {
		if _, err := s.EndCause(ctx, cause, By{ID: id}, "logged in"); err != nil && core.CodeOf(err) != core.Conflict {
			return err
		}
	}
	return nil
}

// ResumeCause takes back that a cause was ended: it holds again, until its own end. It
// fails with Conflict where that has passed or where it holds, or where the same was begun
// anew meanwhile.
func (s *Store) ResumeCause(ctx context.Context, id int64) (Cause, error) {
	c, err := s.CauseByID(ctx, id)
	if err != nil {
		return c, err
	}
	if c.EndedAt.IsZero() {
		return c, core.Errorf(core.Conflict, "nobody has ended cause %d", id)
	}
	c.EndedAt, c.EndedBy, c.EndedReason = time.Time{}, By{}, ""
	if !c.HoldsAt(s.clock()) {
		return c, core.Errorf(core.Conflict, "cause %d would be over by now", id)
	}
	err = s.change(ctx, c.Member, func(tx *db.Tx) (int64, error) {
		if err := tx.Lock(ctx, "member", "id = ?", c.Member); err != nil {
			return 0, err
		}
		m, err := s.In(tx).ByID(ctx, c.Member)
		if err == nil {
			err = m.mayBegin(c)
		}
		if err != nil {
			return 0, err
		}
		if _, err := tx.Exec(ctx, "UPDATE member_cause SET ended_at = 0, ended_by = 0, ended_name = '', ended_reason = '' WHERE id = ?", id); err != nil {
			return 0, err
		}
		if err := s.endFor(ctx, tx, c); err != nil {
			return 0, err
		}
		_, err = s.log.Append(ctx, tx, eventlog.CauseBegan{Cause: id, Member: c.Member})
		return 1, err
	})
	return c, err
}

const causeColumns = "id, member_id, effect, permission, source, reason, starts_at, ends_at, begun_by, begun_name, ended_at, ended_by, ended_name, ended_reason"

// CauseByID returns a cause, over or not, or an error with code NotFound.
func (s *Store) CauseByID(ctx context.Context, id int64) (Cause, error) {
	c, ok, err := db.One(ctx, s.db, scanCause, "SELECT "+causeColumns+" FROM member_cause WHERE id = ?", id)
	if err != nil {
		return c, fmt.Errorf("read a cause: %w", err)
	}
	if !ok {
		return c, core.Errorf(core.NotFound, "there is no cause %d", id)
	}
	return c, nil
}

// CausesOf returns up to limit (1 to 200) causes of a member, over or not, newest first:
// those with smaller ids than before, or the newest where it is 0.
func (s *Store) CausesOf(ctx context.Context, id core.MemberID, before int64, limit int) ([]Cause, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	list, err := db.All(ctx, s.db, scanCause, "SELECT "+causeColumns+" FROM member_cause WHERE member_id = ? AND id < ? ORDER BY id DESC LIMIT ?",
		id, before, min(max(limit, 1), 200))
	if err != nil {
		return nil, fmt.Errorf("read causes: %w", err)
	}
	return list, nil
}

// Running returns up to limit (1 to 199) causes that hold, of all members, the newest
// first: of one effect, or of all where it is "", with smaller ids than before. next is where
// the list goes on, 0 at its end.
func (s *Store) Running(ctx context.Context, e Effect, before int64, limit int) (list []Cause, next int64, err error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	limit = min(max(limit, 1), 199)
	now := s.clock()
	where, args := "ended_at = 0 AND (ends_at = 0 OR ends_at > ?) AND id < ?", []any{now.Unix(), before}
	if e != "" {
		where, args = "effect = ? AND "+where, append([]any{e}, args...)
	}
	list, err = db.All(ctx, s.db, scanCause, "SELECT "+causeColumns+" FROM member_cause WHERE "+where+" ORDER BY id DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, 0, fmt.Errorf("read running causes: %w", err)
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].ID
	}
	return slices.DeleteFunc(list, func(c Cause) bool { return !c.HoldsAt(now) }), next, nil
}

// RanOut returns up to limit (1 to 500) causes that have ended by their time alone, after an
// instant and not after another, by id: those with greater ids than after.
func (s *Store) RanOut(ctx context.Context, from, until time.Time, after int64, limit int) ([]Cause, error) {
	args := []any{}
	for _, e := range effects {
		args = append(args, string(e.Effect))
	}
	list, err := db.All(ctx, s.db, scanCause, "SELECT "+causeColumns+" FROM member_cause WHERE effect IN ("+db.Marks(len(args))+") AND ended_at = 0 AND ends_at > ? AND ends_at <= ? AND id > ? ORDER BY id LIMIT ?",
		append(args, from.Unix(), until.Unix(), after, min(max(limit, 1), 500))...)
	if err != nil {
		return nil, fmt.Errorf("read causes that ran out: %w", err)
	}
	return list, nil
}

func scanCause(sc db.Scanner) (c Cause, err error) {
	var starts, ends, ended int64
	err = sc.Scan(&c.ID, &c.Member, &c.Effect, &c.Permission, &c.Source, &c.Reason, &starts, &ends, &c.By.ID, &c.By.Name, &ended, &c.EndedBy.ID, &c.EndedBy.Name, &c.EndedReason)
	c.Starts, c.Ends, c.EndedAt = instant(starts), instant(ends), instant(ended)
	return c, err
}

// instant is a stored instant, where 0 is none.
func instant(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
