package invite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/setting"
)

// Stage is how far an application is.
type Stage string

// The stages. The first two wait.
const (
	Fresh     Stage = "new"
	Claimed   Stage = "claimed" // a member of staff looks at it
	Passed    Stage = "passed"
	Refused   Stage = "refused"
	Withdrawn Stage = "withdrawn" // by the applicant
)

// Stages lists them all.
func Stages() []Stage { return []Stage{Fresh, Claimed, Passed, Refused, Withdrawn} }

// Waits reports whether a verdict is still to come.
func (s Stage) Waits() bool { return s == Fresh || s == Claimed }

// longestWait bounds Application.WaitUntil.
const longestWait = 366 * 24 * time.Hour

// codeLen is the length of the code by which an applicant follows theirs: 142 bits.
const codeLen = 24

// CheckCode refuses what can't be the code of an application, with code Invalid, and counts
// as no try.
func CheckCode(code string) error {
	if len(code) != codeLen || strings.ContainsFunc(code, func(r rune) bool { return r > 'z' || !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		return core.FieldErrorf("code", "a code has %d letters and digits; see that you have copied all of it", codeLen)
	}
	return nil
}

// Application is one application, without its answers.
type Application struct {
	ID          int64
	Name        string // that they would like to have
	HasMail     bool
	Stage       Stage
	CreatedAt   time.Time
	ClaimedBy   core.MemberID
	ClaimedName string
	ClaimedAt   time.Time
	EndedAt     time.Time
	EndedBy     core.MemberID
	Reason      string    // of a refusal: the applicant reads it
	WaitUntil   time.Time // after a refusal, when they may apply again
	Invite      int64     // of one that has passed
}

// ApplyForm is what an applicant fills in.
type ApplyForm struct {
	Name    string
	Email   string // may be "", if the site asks for none
	Answers map[int64]string
	Human
	Place string // where they come from, as guess.Place writes it; "" is nowhere known
}

// Apply takes an application and returns it with the code by which the applicant follows it,
// which is shown once. What is wrong with the form has code Invalid and the field. The error
// has code Forbidden while nobody can apply, and Unavailable where too many wait, where too
// many came from the network, or where the time after a refusal is not over.
//
// Whether a mail address is a member's makes no difference, nor whether the name is taken.
func (s *Store) Apply(ctx context.Context, f ApplyForm) (a Application, code string, err error) {
	v, err := s.Settings.Values(ctx)
	if err != nil {
		return a, "", err
	}
	if err := s.human(f.Human); err != nil {
		return a, "", err
	}
	if setting.RegistrationMode.Of(v) != setting.ModeApplication {
		return a, "", core.Errorf(core.Forbidden, "this site takes no applications at present")
	}
	answers, err := s.checkApplication(ctx, v, &f)
	if err != nil {
		return a, "", err
	}
	code = secret.Token(codeLen)
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, "applications"); err != nil {
			return err
		}
		a, err = s.In(tx).apply(ctx, tx, v, f, code, answers)
		return err
	})
	if err != nil {
		return Application{}, "", err
	}
	return a, code, nil
}

// checkApplication checks every field of the form, so that one learns of all mistakes at
// once, and returns the answers in their order.
func (s *Store) checkApplication(ctx context.Context, v setting.Values, f *ApplyForm) ([]Answer, error) {
	questions, err := s.Questions(ctx)
	if err != nil {
		return nil, err
	}
	mail, wrongMail := s.mayWriteTo(ctx, v, f.Email)
	if wrongMail == nil && mail == "" && setting.RegistrationMail.Of(v) == setting.MailRequired {
		wrongMail = core.FieldErrorf("email", "give a mail address: this site asks everybody for one")
	}
	answers, wrongAnswers := checkAnswers(questions, f.Answers)
	f.Email = mail
	return answers, errors.Join(member.CheckName(f.Name), wrongMail, wrongAnswers)
}

// apply writes an application in the transaction of s, which has the turn.
func (s *Store) apply(ctx context.Context, tx *db.Tx, v setting.Values, f ApplyForm, code string, answers []Answer) (Application, error) {
	network := ""
	if f.Place != "" {
		network = guess.Around(f.Place)
	}
	held, err := s.mayApply(ctx, tx, v, f, network)
	if err != nil {
		return Application{}, err
	}
	a := Application{Name: f.Name, HasMail: f.Email != "", Stage: Fresh, CreatedAt: s.second()}
	a.ID, err = tx.Insert(ctx, "application", db.Row{"code_mac", s.Keys.MAC(codeUse, code), "name", a.Name, "mail_mac", s.mailMAC(f.Email), "mail_box", s.sealMail(f.Email),
		"place_mac", s.placeMAC(f.Place), "network_mac", s.placeMAC(network), "state", a.Stage, "created_at", a.CreatedAt.Unix(),
		"claimed_by", 0, "claimed_at", 0, "ended_at", 0, "ended_by", 0, "reason", "", "wait_until", unix(held), "invite_id", 0})
	if err != nil {
		return a, fmt.Errorf("store an application: %w", err)
	}
	for i, one := range answers {
		if _, err := tx.Insert(ctx, "application_answer", db.Row{"application_id", a.ID, "position", i + 1, "question", one.Question, "answer", one.Text}); err != nil {
			return a, fmt.Errorf("store an answer: %w", err)
		}
	}
	if s.Applied != nil && f.Email != "" {
		if err := s.Applied(ctx, tx, f.Email, code); err != nil {
			return a, err
		}
	}
	_, err = s.Log.Append(ctx, tx, eventlog.ApplicationMade{Application: a.ID})
	return a, err
}

// mayApply holds the bounds. Who was refused at the same address of the network is told until
// when they wait. Of a refusal that the mail address alone shows nobody is told, as it may be
// somebody else's: the application is taken, and held is until when staff need not look at it.
func (s *Store) mayApply(ctx context.Context, tx *db.Tx, v setting.Values, f ApplyForm, network string) (held time.Time, err error) {
	now := s.Clock()
	waiting, err := s.Waiting(ctx)
	if err != nil {
		return held, err
	}
	if waiting >= setting.ApplicationQueue.Of(v) {
		return held, core.Errorf(core.Unavailable, "%d applications wait, and no more are taken until staff have looked at some; come back in some days", waiting)
	}
	if network != "" {
		n, _, err := db.One(ctx, tx, db.Value[int], "SELECT COUNT(*) FROM application WHERE network_mac = ? AND created_at > ? AND created_at <= ?",
			s.placeMAC(network), now.Add(-24*time.Hour).Unix(), core.Horizon(now, 0).Unix())
		if err != nil {
			return held, fmt.Errorf("count applications: %w", err)
		}
		if n >= setting.ApplicationBurst.Of(v) {
			return held, &core.Error{Code: core.Unavailable, Text: fmt.Sprintf("%d applications came from your network within a day; try again tomorrow", n), Retry: 24 * time.Hour}
		}
	}
	here, err := s.waits(ctx, tx, "place_mac", s.placeMAC(f.Place))
	if err != nil {
		return held, err
	}
	if !here.IsZero() {
		return held, &core.Error{Code: core.Unavailable, Retry: here.Sub(now), Text: "an application from where you are was refused; you may apply again from " + text.Instant(here) + " on"}
	}
	return s.waits(ctx, tx, "mail_mac", s.mailMAC(f.Email))
}

// waits is until when whoever has the hash in the column must wait after a refusal; the zero
// time if they need not.
func (s *Store) waits(ctx context.Context, tx *db.Tx, column string, mac []byte) (time.Time, error) {
	if len(mac) == 0 {
		return time.Time{}, nil
	}
	now := s.Clock()
	until, _, err := db.One(ctx, tx, db.Value[int64], "SELECT COALESCE(MAX(wait_until), 0) FROM application WHERE "+column+" = ? AND state = ? AND wait_until <= ?",
		mac, Refused, core.Horizon(now, longestWait).Unix())
	if err != nil {
		return time.Time{}, fmt.Errorf("look for refusals: %w", err)
	}
	if at := instant(until); core.Lasts(now, at, longestWait) {
		return at, nil
	}
	return time.Time{}, nil
}

// Waiting returns how many applications wait.
func (s *Store) Waiting(ctx context.Context) (int, error) {
	n, _, err := db.One(ctx, s.db, db.Value[int], "SELECT COUNT(*) FROM application WHERE state IN (?, ?)", Fresh, Claimed)
	if err != nil {
		return 0, fmt.Errorf("count applications: %w", err)
	}
	return n, nil
}

const applicationColumns = "a.id, a.name, LENGTH(a.mail_box), a.state, a.created_at, a.claimed_by, COALESCE(m.name, ''), a.claimed_at, a.ended_at, a.ended_by, a.reason, a.wait_until, a.invite_id"

const ofApplication = " FROM application a LEFT JOIN member m ON m.id = a.claimed_by "

func scanApplication(sc db.Scanner) (a Application, err error) {
	var mail, created, claimed, ended, wait int64
	err = sc.Scan(&a.ID, &a.Name, &mail, &a.Stage, &created, &a.ClaimedBy, &a.ClaimedName, &claimed, &ended, &a.EndedBy, &a.Reason, &wait, &a.Invite)
	a.HasMail = mail > 0
	a.CreatedAt, a.ClaimedAt, a.EndedAt, a.WaitUntil = instant(created), instant(claimed), instant(ended), instant(wait)
	return a, err
}

// Followed is what an applicant sees of theirs.
type Followed struct {
	Application
	Place int    // in the queue, from 1 on; 0 once it waits no more
	Token string // of the invite's link, where the site doesn't mail it; "" else
	// Link is what became of the invite of one that has passed, Mailed whether it was sent to
	// the applicant's mail address, and Until until when it is good.
	Link   State
	Mailed bool
	Until  time.Time
}

// Follow returns the application of a code, for the applicant. It fails with NotFound for a
// code that there is not, and with a *guess.Limited after too many of these.
func (s *Store) Follow(ctx context.Context, code, place string) (f Followed, err error) {
	err = s.prove(ctx, place, func(ctx context.Context) error {
		f.Application, err = s.byCode(ctx, s.db, code)
		return err
	})
	if err != nil {
		return Followed{}, err
	}
	if f.Stage != Refused {
		f.WaitUntil = time.Time{} // it would tell of a refusal that somebody else may have had
	}
	if f.Stage.Waits() {
		f.Place, _, err = db.One(ctx, s.db, db.Value[int], "SELECT COUNT(*) FROM application WHERE state IN (?, ?) AND id <= ?", Fresh, Claimed, f.ID)
		if err != nil {
			return f, fmt.Errorf("count applications: %w", err)
		}
	}
	if f.Stage != Passed {
		return f, nil
	}
	i, err := s.ByID(ctx, f.Invite)
	if core.CodeOf(err) == core.NotFound {
		f.Link = Expired
		return f, nil
	}
	if err != nil {
		return f, err
	}
	f.Mailed, f.Until = i.Mailed, i.ExpiresAt
	if f.Link = i.State(s.Clock()); f.Link == Open && !i.Mailed {
		f.Token, err = s.Token(ctx, i)
	}
	return f, err
}

func (s *Store) byCode(ctx context.Context, q db.Queryer, code string) (Application, error) {
	none := core.Errorf(core.NotFound, "there is no application with this code: see that you have copied all of it")
	if len(code) != codeLen {
		return Application{}, none
	}
	a, ok, err := db.One(ctx, q, scanApplication, "SELECT "+applicationColumns+ofApplication+"WHERE a.code_mac = ?", s.Keys.MAC(codeUse, code))
	if err != nil {
		return a, fmt.Errorf("read an application: %w", err)
	}
	if !ok {
		return a, none
	}
	return a, nil
}

// Withdraw ends an application for the applicant. It fails as Follow does, and with Conflict
// where there is a verdict.
func (s *Store) Withdraw(ctx context.Context, code, place string) (a Application, err error) {
	err = s.prove(ctx, place, func(ctx context.Context) error {
		a, err = s.byCode(ctx, s.db, code)
		return err
	})
	if err != nil {
		return a, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE application SET state = ?, ended_at = ? WHERE id = ? AND state IN (?, ?)", Withdrawn, s.Clock().Unix(), a.ID, Fresh, Claimed)
		if err != nil {
			return fmt.Errorf("withdraw an application: %w", err)
		}
		if n == 0 {
			return core.Errorf(core.Conflict, "this application waits no more: it is %s", a.Stage)
		}
		return nil
	})
	a.Stage = Withdrawn
	return a, err
}
