package mail

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Entry is a letter as staff may see it: without its address, and without what is in it.
type Entry struct {
	ID        int64
	Member    core.MemberID // 0 for nobody
	Kind      string
	State     State
	Tries     int64
	Next      time.Time // of the next try, for one that waits
	LastError string    // "" where nothing went wrong
	Created   time.Time
	Ended     time.Time // the zero time for one that waits
	Kept      bool      // its content is still there
}

const entryColumns = "id, member_id, kind, state, tries, next_at, last_error, created_at, ended_at, kept"

func scanEntry(sc db.Scanner) (e Entry, err error) {
	var next, created, end, kept int64
	err = sc.Scan(&e.ID, &e.Member, &e.Kind, &e.State, &e.Tries, &next, &e.LastError, &created, &end, &kept)
	e.Next, e.Created, e.Kept = time.Unix(next, 0), time.Unix(created, 0), kept == 1
	if end != 0 {
		e.Ended = time.Unix(end, 0)
	}
	return e, err
}

// Overview is how the queue does.
type Overview struct {
	Count  map[State]int64
	Oldest Entry   // of those that wait; the zero Entry where none does
	Errors []Entry // the last ones that a server has refused or that were given up, newest first
}

// Look reads how the queue does, with up to limit errors.
func (q *Queue) Look(ctx context.Context, limit int) (Overview, error) {
	out := Overview{Count: map[State]int64{}}
	type count struct {
		state State
		n     int64
	}
	counts, err := db.All(ctx, q.db, func(sc db.Scanner) (c count, err error) { return c, sc.Scan(&c.state, &c.n) },
		"SELECT state, COUNT(*) FROM mail GROUP BY state LIMIT 100")
	for _, c := range counts {
		out.Count[c.state] = c.n
	}
	if err == nil {
		out.Oldest, err = q.oldest(ctx)
	}
	if err == nil {
		out.Errors, err = db.All(ctx, q.db, scanEntry, "SELECT "+entryColumns+` FROM mail
			WHERE state IN (?, ?, ?) AND last_error <> '' ORDER BY id DESC LIMIT ?`, string(Failed), string(Queued), string(Sending), limit)
	}
	if err != nil {
		return Overview{}, fmt.Errorf("look at the mail: %w", err)
	}
	return out, nil
}

// oldest is the letter that waits for longest.
func (q *Queue) oldest(ctx context.Context) (Entry, error) {
	e, _, err := db.One(ctx, q.db, scanEntry, "SELECT "+entryColumns+" FROM mail WHERE state IN (?, ?) ORDER BY created_at, id LIMIT 1",
		string(Queued), string(Sending))
	return e, err
}

// ByID returns a letter, or an error with code NotFound.
func (q *Queue) ByID(ctx context.Context, id int64) (Entry, error) {
	e, ok, err := db.One(ctx, q.db, scanEntry, "SELECT "+entryColumns+" FROM mail WHERE id = ?", id)
	switch {
	case err != nil:
		return Entry{}, fmt.Errorf("look for letter %d: %w", id, err)
	case !ok:
		return Entry{}, core.Errorf(core.NotFound, "there is no letter %d; mail queue shows those in trouble", id)
	}
	return e, nil
}

// IsTo reports whether a letter went to that address: whoever is told that a letter failed
// (MailFailed) can so see whether the member has the same address still.
func (q *Queue) IsTo(ctx context.Context, id int64, address string) (bool, error) {
	mac, ok, err := db.One(ctx, q.db, db.Value[[]byte], "SELECT to_mac FROM mail WHERE id = ?", id)
	if err != nil {
		return false, fmt.Errorf("look for letter %d: %w", id, err)
	}
	address, bad := CheckAddress(address)
	return ok && bad == nil && secret.Equal(mac, q.toMAC(address)), nil
}

// PutTest puts a letter that tells whether mail arrives, for by, and returns its id. The error
// has code Conflict where the address has had its letters for today.
func (q *Queue) PutTest(ctx context.Context, to, by string) (id int64, err error) {
	if to, err = CheckAddress(to); err == nil && to == "" {
		err = core.FieldErrorf("to", "name the address that the letter is to go to")
	}
	if err != nil {
		return 0, err
	}
	if err := q.Crowded(ctx, to, 0); err != nil {
		return 0, err
	}
	once := "test " + secret.RandomHex(16)
	if _, err := q.Put(ctx, Letter{To: to, Once: once, Content: Test{By: by, At: q.clock()}}); err != nil {
		return 0, err
	}
	id, _, err = db.One(ctx, q.db, db.Value[int64], "SELECT id FROM mail WHERE once_mac = ?", q.onceMAC(once))
	if err != nil {
		return 0, fmt.Errorf("look for the test letter: %w", err)
	}
	return id, nil
}

// Again makes a letter that waits or has failed be tried at once, as if it were new. The error
// has code Conflict where it went, is gone, or is just being sent.
func (q *Queue) Again(ctx context.Context, id int64) (Entry, error) {
	e, err := q.ByID(ctx, id)
	if err != nil {
		return e, err
	}
	now := q.clock()
	if err := e.inHand(now); err != nil {
		return e, err
	}
	if !e.Kept {
		return e, core.Errorf(core.Conflict, "what was in letter %d is wiped, so it can't be sent again", id)
	}
	return e, q.change(ctx, e, Queued, "", now, "created_at = ?, ended_at = 0", now.Unix())
}

// Drop takes away a letter that waits or has failed, and wipes what is in it. The error has code
// Conflict where it went, is gone, or is just being sent.
func (q *Queue) Drop(ctx context.Context, id int64) (Entry, error) {
	e, err := q.ByID(ctx, id)
	if err != nil {
		return e, err
	}
	now := q.clock()
	if err := e.inHand(now); err != nil {
		return e, err
	}
	return e, q.change(ctx, e, Dropped, byStaff, now, "ended_at = ?, kept = 0, box = x''", now.Unix())
}

// inHand says why staff can't do anything with a letter; nil: they can.
func (e Entry) inHand(now time.Time) error {
	switch {
	case e.State == Sent:
		return core.Errorf(core.Conflict, "letter %d was sent on %s", e.ID, text.Instant(e.Ended))
	case e.State == Dropped:
		return core.Errorf(core.Conflict, "letter %d was dropped on %s", e.ID, text.Instant(e.Ended))
	case e.State == Sending && core.Lasts(now, e.Next, claimTime):
		return core.Errorf(core.Conflict, "letter %d is being sent; look at it again in %s", e.ID, text.Span(max(time.Minute, e.Next.Sub(now))))
	}
	return nil
}

func (q *Queue) change(ctx context.Context, e Entry, st State, why string, now time.Time, set string, args ...any) error {
	err := q.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE mail SET state = ?, last_error = ?, next_at = ?, tries = 0, "+set+" WHERE id = ? AND state = ? AND tries = ?",
			append(append([]any{string(st), why, now.Unix()}, args...), e.ID, string(e.State), e.Tries)...)
		if err == nil && n == 0 {
			return core.Errorf(core.Conflict, "letter %d has just changed; look at it again", e.ID)
		}
		if err == nil && st == Queued {
			_, err = q.log.Append(ctx, tx, eventlog.MailQueued{})
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("change letter %d: %w", e.ID, err)
	}
	return nil
}

// Patience is how long letters may wait before it is a complaint.
const Patience = time.Hour

// overdue says in words what is wrong where letters don't go out; "" for nothing. lastSent is when
// the last one went, the zero time for never.
func overdue(oldest Entry, lastSent, now time.Time, configured bool) string {
	waits := now.Sub(oldest.Created)
	if oldest.ID == 0 || waits < Patience || now.Sub(lastSent) < Patience {
		return ""
	}
	said := "mail has not gone out for " + text.Span(waits)
	switch {
	case !configured:
		return said + ": letters wait, and [mail] names no host; name one, or take them away with mail drop"
	case oldest.LastError != "":
		said += ": " + oldest.LastError
	}
	return said + "; mail queue shows what waits"
}

// look notes what Trouble says.
func (s *Sender) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	oldest, err := s.queue.oldest(ctx)
	var last int64
	if err == nil {
		last, _, err = db.One(ctx, s.queue.db, db.Value[int64], "SELECT COALESCE(MAX(ended_at), 0) FROM mail WHERE state = ? AND ended_at <= ?",
			string(Sent), core.Horizon(s.queue.clock(), 0).Unix())
	}
	if err != nil {
		return fmt.Errorf("look at the mail: %w", err)
	}
	now := s.queue.clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble, s.seen = overdue(oldest, time.Unix(last, 0), now, s.queue.Configured()), now
	return nil
}

// news is for how long what Send saw is told: by then this process or another has looked again.
const news = 10 * time.Minute

// Trouble says in words for staff that letters don't go out; "" while they do, or while another
// process sends them. It never waits.
func (s *Sender) Trouble() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trouble == "" || !core.Lasts(s.queue.clock(), s.seen.Add(news), news) {
		return s.deaf
	}
	return strings.TrimSuffix(s.trouble+"; "+s.deaf, "; ")
}
