package invite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/setting"
)

// The bounds of what staff write about an application.
const (
	maxReason   = 400  // characters of a refusal
	maxRemark   = 1000 // characters of a note
	maxRemarks  = 100  // notes on one application
	mostAnswers = MaxQuestions * 2
)

// Person is a member of staff who acts: 0 and a name for the shell.
type Person struct {
	ID   core.MemberID
	Name string
}

// Note is what staff wrote down about an application; the applicant never reads it.
type Note struct {
	ID     int64
	Author Person
	At     time.Time
	Text   string
}

// Detail is an application as staff read it.
type Detail struct {
	Application
	Answers []Answer
	Notes   []Note
	Email   string // "" where there is none, or it was wiped
	Same    int    // others that came from the same mail address or place
}

// Applications returns up to limit (1 to MaxPage) applications in the given stages, those
// that wait longest first, behind the one with the id after. No stage stands for those that
// wait.
func (s *Store) Applications(ctx context.Context, after int64, limit int, stages ...Stage) ([]Application, error) {
	if len(stages) == 0 {
		stages = []Stage{Fresh, Claimed}
	}
	args := make([]any, 0, len(stages)+2)
	for _, st := range stages {
		args = append(args, st)
	}
	list, err := db.All(ctx, s.db, scanApplication, "SELECT "+applicationColumns+ofApplication+"WHERE a.state IN ("+db.Marks(len(stages))+") AND a.id > ? ORDER BY a.id LIMIT ?",
		append(args, after, min(max(limit, 1), MaxPage))...)
	if err != nil {
		return nil, fmt.Errorf("list applications: %w", err)
	}
	return list, nil
}

// Decided returns up to limit (1 to MaxPage) applications in the given stages, the newest
// first: those with smaller ids than before, or the newest where it is 0.
func (s *Store) Decided(ctx context.Context, before int64, limit int, stages ...Stage) ([]Application, error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	args := make([]any, 0, len(stages)+2)
	for _, st := range stages {
		args = append(args, st)
	}
	list, err := db.All(ctx, s.db, scanApplication, "SELECT "+applicationColumns+ofApplication+"WHERE a.state IN ("+db.Marks(len(stages))+") AND a.id < ? ORDER BY a.id DESC LIMIT ?",
		append(args, before, min(max(limit, 1), MaxPage))...)
	if err != nil {
		return nil, fmt.Errorf("list applications: %w", err)
	}
	return list, nil
}

// Application returns one application, or an error with code NotFound.
func (s *Store) Application(ctx context.Context, id int64) (Application, error) {
	a, ok, err := db.One(ctx, s.db, scanApplication, "SELECT "+applicationColumns+ofApplication+"WHERE a.id = ?", id)
	if err != nil {
		return a, fmt.Errorf("read an application: %w", err)
	}
	if !ok {
		return a, core.Errorf(core.NotFound, "there is no application %d", id)
	}
	return a, nil
}

// Detail returns all of an application, or an error with code NotFound. The caller checks who
// may read it.
func (s *Store) Detail(ctx context.Context, id int64) (d Detail, err error) {
	if d.Application, err = s.Application(ctx, id); err != nil {
		return d, err
	}
	d.Answers, err = db.All(ctx, s.db, func(sc db.Scanner) (a Answer, err error) { return a, sc.Scan(&a.Question, &a.Text) },
		"SELECT question, answer FROM application_answer WHERE application_id = ? ORDER BY position LIMIT ?", id, mostAnswers)
	if err != nil {
		return d, fmt.Errorf("read answers: %w", err)
	}
	d.Notes, err = db.All(ctx, s.db, func(sc db.Scanner) (n Note, err error) {
		var at int64
		err = sc.Scan(&n.ID, &n.Author.ID, &n.Author.Name, &at, &n.Text)
		n.At = instant(at)
		return n, err
	}, "SELECT id, author_id, author_name, at, note FROM application_note WHERE application_id = ? ORDER BY id LIMIT ?", id, maxRemarks)
	if err != nil {
		return d, fmt.Errorf("read notes: %w", err)
	}
	type hidden struct{ box, mail, place []byte }
	h, _, err := db.One(ctx, s.db, func(sc db.Scanner) (h hidden, err error) { return h, sc.Scan(&h.box, &h.mail, &h.place) },
		"SELECT mail_box, mail_mac, place_mac FROM application WHERE id = ?", id)
	if err == nil {
		d.Email, err = s.openMail(h.box)
	}
	if err != nil {
		return d, fmt.Errorf("read an application: %w", err)
	}
	d.Same, _, err = db.One(ctx, s.db, db.Value[int], "SELECT COUNT(*) FROM application WHERE id <> ? AND ((mail_mac = ? AND LENGTH(mail_mac) > 0) OR (place_mac = ? AND LENGTH(place_mac) > 0))", id, h.mail, h.place)
	if err != nil {
		return d, fmt.Errorf("look for others of an applicant: %w", err)
	}
	return d, nil
}

// move changes the stage of an application that waits, in a transaction that has it locked.
// check may refuse, and says what is set.
func (s *Store) move(ctx context.Context, id int64, change func(bound *Store, tx *db.Tx, a *Application) error) (a Application, err error) {
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(ctx, "application", "id = ?", id); err != nil {
			return err
		}
		bound := s.In(tx)
		// Current: a reading before in the same transaction must not show an older state.
		var ok bool
		a, ok, err = db.One(ctx, tx, scanApplication, tx.Current("SELECT "+applicationColumns+ofApplication+"WHERE a.id = ?"), id)
		if err != nil {
			return fmt.Errorf("read an application: %w", err)
		}
		if !ok {
			return core.Errorf(core.NotFound, "there is no application %d", id)
		}
		if err := change(bound, tx, &a); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE application SET state = ?, claimed_by = ?, claimed_at = ?, ended_at = ?, ended_by = ?, reason = ?, wait_until = ?, invite_id = ? WHERE id = ?",
			a.Stage, a.ClaimedBy, unix(a.ClaimedAt), unix(a.EndedAt), a.EndedBy, a.Reason, unix(a.WaitUntil), a.Invite, id)
		if err != nil {
			return fmt.Errorf("change an application: %w", err)
		}
		return nil
	})
	return a, err
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// held is who has an application.
func (a Application) held() string {
	if a.ClaimedBy == 0 {
		return "the shell"
	}
	return a.ClaimedName
}

// errNotWaiting is for an application with a verdict.
func (a Application) errNotWaiting() error {
	return core.Errorf(core.Conflict, "application %d waits no more: it is %s", a.ID, a.Stage)
}

// Claim takes an application, so that no two look at one: of several who try at once, one
// gets it, and the others read who. It fails with Conflict where it isn't new.
func (s *Store) Claim(ctx context.Context, id int64, by Person) (Application, error) {
	return s.move(ctx, id, func(_ *Store, _ *db.Tx, a *Application) error {
		switch {
		case a.Stage == Claimed && a.ClaimedBy == by.ID:
			return core.Errorf(core.Conflict, "you have application %d already", id)
		case a.Stage == Claimed:
			return core.Errorf(core.Conflict, "%s has application %d since %s", a.held(), id, text.Instant(a.ClaimedAt))
		case a.Stage != Fresh:
			return a.errNotWaiting()
		}
		a.Stage, a.ClaimedBy, a.ClaimedName, a.ClaimedAt = Claimed, by.ID, by.Name, s.second()
		return nil
	})
}

// Release gives an application back, so that somebody else can take it. Anybody who may
// review can do this, also for one who is away; the audit log has who did.
func (s *Store) Release(ctx context.Context, id int64) (Application, error) {
	return s.move(ctx, id, func(_ *Store, _ *db.Tx, a *Application) error {
		if a.Stage != Claimed {
			return core.Errorf(core.Conflict, "nobody has application %d: it is %s", id, a.Stage)
		}
		a.Stage, a.ClaimedBy, a.ClaimedName, a.ClaimedAt = Fresh, 0, "", time.Time{}
		return nil
	})
}

// mine refuses a verdict by somebody who has not claimed the application.
func (a Application) mine(by Person) error {
	switch {
	case !a.Stage.Waits():
		return a.errNotWaiting()
	case a.Stage != Claimed:
		return core.Errorf(core.Conflict, "claim application %d first, so that nobody else decides about it meanwhile", a.ID)
	case a.ClaimedBy != by.ID:
		return core.Errorf(core.Conflict, "%s has application %d since %s; they decide, or release it", a.held(), a.ID, text.Instant(a.ClaimedAt))
	}
	return nil
}

// AddNote writes a note for other staff.
func (s *Store) AddNote(ctx context.Context, id int64, by Person, note string) error {
	note = text.Line(note)
	if !text.HasLetters(note) || text.Chars(note) > maxRemark {
		return core.FieldErrorf("note", "a note has 1 to %d characters", maxRemark)
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(ctx, "application", "id = ?", id); err != nil {
			return err
		}
		if _, err := s.In(tx).Application(ctx, id); err != nil {
			return err
		}
		n, _, err := db.One(ctx, tx, db.Value[int], tx.Current("SELECT COUNT(*) FROM application_note WHERE application_id = ?"), id)
		if err != nil {
			return fmt.Errorf("count notes: %w", err)
		}
		if n >= maxRemarks {
			return core.Errorf(core.Conflict, "application %d has %d notes, which is as many as are kept", id, n)
		}
		_, err = tx.Insert(ctx, "application_note", db.Row{"application_id", id, "author_id", by.ID, "author_name", text.Cut(by.Name, 64), "at", s.Clock().Unix(), "note", note})
		return err
	})
}

// Pass lets an applicant in who was claimed by the same person: it makes an invite, of which
// the token is returned where the site can't mail it ("" where it does).
func (s *Store) Pass(ctx context.Context, id int64, by Person) (a Application, m Made, err error) {
	a, err = s.move(ctx, id, func(bound *Store, tx *db.Tx, a *Application) error {
		if err := a.mine(by); err != nil {
			return err
		}
		box, _, err := db.One(ctx, tx, db.Value[[]byte], "SELECT mail_box FROM application WHERE id = ?", id)
		if err != nil {
			return fmt.Errorf("read an application: %w", err)
		}
		mail, err := s.openMail(box)
		if err != nil {
			return err
		}
		m, err = bound.make(ctx, tx, by.ID, ViaApplication, fromNone, New{Mail: mail, Note: fmt.Sprintf("application %d of %s", id, a.Name)})
		if err != nil {
			return err
		}
		a.Stage, a.Invite, a.EndedAt, a.EndedBy, a.WaitUntil = Passed, m.ID, s.second(), by.ID, time.Time{}
		_, err = s.Log.Append(ctx, tx, eventlog.ApplicationDecided{Application: id})
		return err
	})
	return a, m, err
}

// Refuse refuses an applicant who was claimed by the same person, for a reason that they
// read. They may apply again after wait, from 0 to a year; below 0 it is what the settings say.
func (s *Store) Refuse(ctx context.Context, id int64, by Person, reason string, wait time.Duration) (Application, error) {
	reason = text.Line(reason)
	if !text.HasLetters(reason) || text.Chars(reason) > maxReason {
		return Application{}, core.FieldErrorf("reason", "say why, in 1 to %d characters: the applicant reads it", maxReason)
	}
	if wait > longestWait {
		return Application{}, core.FieldErrorf("wait", "they can wait for %s at most", text.Span(longestWait))
	}
	return s.move(ctx, id, func(bound *Store, tx *db.Tx, a *Application) error {
		if err := a.mine(by); err != nil {
			return err
		}
		if wait < 0 {
			v, err := bound.Settings.Values(ctx)
			if err != nil {
				return err
			}
			wait = setting.ApplicationWait.Of(v)
		}
		a.Stage, a.Reason, a.EndedAt, a.EndedBy, a.WaitUntil = Refused, reason, s.second(), by.ID, time.Time{}
		if wait > 0 {
			a.WaitUntil = time.Unix(a.EndedAt.Add(wait).Unix(), 0).UTC()
		}
		_, err := s.Log.Append(ctx, tx, eventlog.ApplicationDecided{Application: id})
		return err
	})
}

// Reopen takes a verdict back, or that it was withdrawn: the application is claimed again by
// whoever does this. It fails with Conflict where somebody has joined by the invite.
func (s *Store) Reopen(ctx context.Context, id int64, by Person) (was Application, err error) {
	_, err = s.move(ctx, id, func(bound *Store, tx *db.Tx, a *Application) error {
		if was = *a; a.Stage.Waits() {
			return core.Errorf(core.Conflict, "application %d waits for a verdict: there is nothing to take back", id)
		}
		if a.Stage == Passed {
			i, err := bound.ByID(ctx, a.Invite)
			switch {
			case core.CodeOf(err) == core.NotFound:
			case err != nil:
				return err
			case i.State(s.Clock()) == Used:
				return core.Errorf(core.Conflict, "%s has joined by the invite of application %d already", strings.TrimSpace(i.UsedName), id)
			case i.State(s.Clock()) == Open:
				if _, err := bound.Revoke(ctx, a.Invite, by.ID); err != nil {
					return err
				}
			}
		}
		a.Stage, a.ClaimedBy, a.ClaimedName, a.ClaimedAt = Claimed, by.ID, by.Name, s.second()
		a.EndedAt, a.EndedBy, a.Reason, a.WaitUntil, a.Invite = time.Time{}, 0, "", time.Time{}, 0
		return nil
	})
	return was, err
}

// Verdict is what the mail about a refusal says. Of who has passed, the letter of the invite
// tells: see Letter.
type Verdict struct {
	To        string
	Reason    string
	At        time.Time
	WaitUntil time.Time // the zero time where they may apply again at once
}

// Verdict returns what the mail about a refusal says, and false where there is nothing to
// write: the application has no address, or is not refused any more.
func (s *Store) Verdict(ctx context.Context, id int64) (v Verdict, ok bool, err error) {
	a, err := s.Application(ctx, id)
	if core.CodeOf(err) == core.NotFound {
		return v, false, nil
	}
	if err != nil || a.Stage != Refused {
		return v, false, err
	}
	box, _, err := db.One(ctx, s.db, db.Value[[]byte], "SELECT mail_box FROM application WHERE id = ?", id)
	if err == nil {
		v.To, err = s.openMail(box)
	}
	v.Reason, v.WaitUntil, v.At = a.Reason, a.WaitUntil, a.EndedAt
	return v, err == nil && v.To != "", err
}
