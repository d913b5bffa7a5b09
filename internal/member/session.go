package member

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

const (
	sessionLife  = 30 * 24 * time.Hour // without use
	sessionTouch = 5 * time.Minute     // how exact is when something was used last
	maxSessions  = 50                  // of one member; the oldest go first
	maxAgent     = 160                 // bytes of what a browser says of itself
	maxTokens    = 20
	refusedFor   = 24 * time.Hour // how long a refused announce is told of
	tokenLen     = 43             // letters and digits, of a session or an API token
)

// Session is one login of a browser.
type Session struct {
	ID        int64
	Agent     string
	CreatedAt time.Time
	SeenAt    time.Time
	EndsAt    time.Time // if it is used no more; of BySession alone
	Unread    int       // notifications in the inbox of its member; of BySession alone
	Renewed   bool      // its end has just been moved on, so a cookie's must be; of BySession alone
	Refused   bool      // the tracker has refused an announce of the member in the last day; of BySession alone
	// MailFails says that letters to the member come back, so that none are sent, and Accepted
	// is the last revision of the rules that the member has accepted, -1 for none. Both are of
	// BySession alone.
	MailFails bool
	Accepted  int64
}

// sessionEnd is when a session ends that is used at now for the last time.
func (s *Store) sessionEnd(created, now time.Time) time.Time {
	idle, most := now.Add(sessionLife), created.UTC().AddDate(0, 0, s.sessionDays)
	if most.Before(idle) {
		return most
	}
	return idle
}

// NewSession starts a session and returns its token for the cookie. agent is the
// browser's own description, cut to what fits.
func (s *Store) NewSession(ctx context.Context, id core.MemberID, agent string) (string, error) {
	token := secret.Token(tokenLen)
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := s.beginSession(ctx, tx, id, token, agent); err != nil {
			return err
		}
		if err := s.In(tx).wake(ctx, id); err != nil {
			return err
		}
		return s.recordLogin(ctx, tx, id, agent)
	})
	if err != nil {
		return "", fmt.Errorf("start a session: %w", err)
	}
	return token, nil
}

// beginSession writes a session, and drops the oldest where there are too many.
func (s *Store) beginSession(ctx context.Context, tx *db.Tx, id core.MemberID, token, agent string) error {
	now := s.clock()
	_, err := tx.Insert(ctx, "session", db.Row{"token_mac", s.keys.MAC(sessionUse, token), "member_id", id,
		"agent", clip(agent, maxAgent), "created_at", now.Unix(), "seen_at", now.Unix(), "expires_at", s.sessionEnd(now, now).Unix()})
	if err == nil {
		err = s.seen(ctx, tx, id, now)
	}
	if err != nil {
		return err
	}
	oldest, ok, err := db.One(ctx, tx, db.Value[int64],
		"SELECT id FROM session WHERE member_id = ? ORDER BY id DESC LIMIT 1 OFFSET ?", id, maxSessions)
	if err != nil || !ok {
		return err
	}
	_, err = tx.Exec(ctx, "DELETE FROM session WHERE member_id = ? AND id <= ?", id, oldest)
	return err
}

// BySession returns the member to whom a token belongs. An unknown or expired token,
// or one of a disabled member, gives Forbidden.
func (s *Store) BySession(ctx context.Context, token string) (Member, Session, error) {
	var v Session
	r, ok, err := db.One(ctx, s.db, func(sc db.Scanner) (row, error) {
		var created, seen, ends int64
		r, err := scanMember(with(sc, &v.ID, &v.Agent, &created, &seen, &ends, &v.Refused, &v.Unread, &v.MailFails, &v.Accepted))
		v.CreatedAt, v.SeenAt, v.EndsAt = time.Unix(created, 0).UTC(), time.Unix(seen, 0).UTC(), time.Unix(ends, 0).UTC()
		return r, err
	}, "SELECT "+s.columns()+", s.id, s.agent, s.created_at, s.seen_at, s.expires_at, "+
		"EXISTS (SELECT 1 FROM announce_record a WHERE a.member_id = m.id AND a.ring = 0 AND a.at >= ?), "+unread+", m.email_failed_at > 0, "+
		"(SELECT COALESCE(MAX(x.revision), -1) FROM rules_accepted x WHERE x.member_id = m.id) FROM session s JOIN member m ON m.id = s.member_id WHERE s.token_mac = ?",
		s.clock().Add(-refusedFor).Unix(), s.keys.MAC(sessionUse, token))
	if err != nil {
		return Member{}, Session{}, fmt.Errorf("read a session: %w", err)
	}
	now := s.clock()
	if !ok || !core.Lasts(now, v.EndsAt, sessionLife) || v.CreatedAt.After(core.Horizon(now, 0)) || !s.sessionEnd(v.CreatedAt, now).After(now) {
		return Member{}, Session{}, core.Errorf(core.Forbidden, "you are not logged in")
	}
	list, err := s.made(ctx, r)
	if err != nil {
		return Member{}, Session{}, err
	}
	m := list[0]
	if err := m.mayEnter(); err != nil {
		return Member{}, Session{}, err
	}
	if core.Due(now, v.SeenAt, sessionTouch) {
		v.EndsAt, v.Renewed = s.sessionEnd(v.CreatedAt, now), true
		err = s.exec(ctx, "UPDATE session SET seen_at = ?, expires_at = ? WHERE id = ?", now.Unix(), v.EndsAt.Unix(), v.ID)
	}
	if err == nil {
		err = s.used(ctx, &m)
	}
	return m, v, err
}

// used notes that a member who has just been read uses the site, in whatever way:
// at most every few minutes.
func (s *Store) used(ctx context.Context, m *Member) error {
	now := s.clock()
	if !core.Due(now, m.seenAt, sessionTouch) {
		return nil
	}
	m.seenAt = time.Unix(now.Unix(), 0).UTC()
	return s.db.Tx(ctx, func(tx *db.Tx) error { return s.seen(ctx, tx, m.ID, now) })
}

func (s *Store) seen(ctx context.Context, tx *db.Tx, id core.MemberID, now time.Time) error {
	_, err := tx.Exec(ctx, "UPDATE member SET seen_at = ? WHERE id = ?", now.Unix(), id)
	return err
}

// Sessions returns the member's running sessions, newest first.
func (s *Store) Sessions(ctx context.Context, id core.MemberID) ([]Session, error) {
	return db.All(ctx, s.db, func(sc db.Scanner) (v Session, err error) {
		var created, seen int64
		err = sc.Scan(&v.ID, &v.Agent, &created, &seen)
		v.CreatedAt, v.SeenAt = time.Unix(created, 0).UTC(), time.Unix(seen, 0).UTC()
		return v, err
	}, "SELECT id, agent, created_at, seen_at FROM session WHERE member_id = ? AND expires_at > ? AND expires_at <= ? ORDER BY id DESC LIMIT ?",
		id, s.clock().Unix(), core.Horizon(s.clock(), sessionLife).Unix(), maxSessions)
}

// EndSession ends the session of a token; an unknown token is no error.
func (s *Store) EndSession(ctx context.Context, token string) error {
	return s.exec(ctx, "DELETE FROM session WHERE token_mac = ?", s.keys.MAC(sessionUse, token))
}

// EndSessionByID ends one of the member's own sessions.
func (s *Store) EndSessionByID(ctx context.Context, id core.MemberID, session int64) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		agent, ok, err := db.One(ctx, tx, db.Value[string], "SELECT agent FROM session WHERE member_id = ? AND id = ?", id, session)
		if err != nil || !ok {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM session WHERE member_id = ? AND id = ?", id, session); err != nil {
			return err
		}
		return s.security.Record(ctx, tx, security.Event{Member: id, Kind: security.SessionsEnded, Detail: agent})
	})
}

// ExpireSessions deletes up to limit sessions that ran out, or that a wrong clock has
// dated ahead, and returns how many.
func (s *Store) ExpireSessions(ctx context.Context, limit int) (int64, error) {
	var n int64
	now := s.clock()
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		ids, err := db.All(ctx, tx, db.Value[any], "SELECT id FROM session WHERE expires_at <= ? OR expires_at > ? ORDER BY expires_at LIMIT ?",
			now.Unix(), core.Horizon(now, sessionLife).Unix(), min(max(limit, 1), 1000))
		if err != nil || len(ids) == 0 {
			n = 0
			return err
		}
		n, err = tx.Exec(ctx, "DELETE FROM session WHERE (expires_at <= ? OR expires_at > ?) AND id IN ("+db.Marks(len(ids))+")",
			append([]any{now.Unix(), core.Horizon(now, sessionLife).Unix()}, ids...)...)
		return err
	})
	return n, err
}

// EndAllSessions ends everybody's sessions on the site. Only who has the machine may.
func (s *Store) EndAllSessions(ctx context.Context) error {
	for {
		n := int64(0)
		err := s.db.Tx(ctx, func(tx *db.Tx) error {
			ids, err := db.All(ctx, tx, db.Value[any], "SELECT id FROM session ORDER BY id LIMIT 1000")
			if err != nil || len(ids) == 0 {
				n = 0
				return err
			}
			n, err = tx.Exec(ctx, "DELETE FROM session WHERE id IN ("+db.Marks(len(ids))+")", ids...)
			return err
		})
		if err != nil || n == 0 {
			return err
		}
	}
}

func (s *Store) exec(ctx context.Context, query string, args ...any) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
}

// Scope is what an API token may be used for.
type Scope string

// The scopes. An upload token may read, too.
const (
	ScopeRead   Scope = "read"
	ScopeUpload Scope = "upload"
)

// Includes reports whether a token of scope s may be used for what needs scope n. A scope
// that is unknown includes nothing.
func (s Scope) Includes(n Scope) bool {
	return s == ScopeUpload && n == ScopeRead || s == n && (n == ScopeRead || n == ScopeUpload)
}

// Token is an API token without its secret.
type Token struct {
	ID        int64
	Name      string
	Scope     Scope
	CreatedAt time.Time
	SeenAt    time.Time // the zero time when never used
}

// NewToken makes an API token. It is shown once: only its keyed hash is kept.
func (s *Store) NewToken(ctx context.Context, id core.MemberID, name string, scope Scope) (string, error) {
	name = text.Line(name)
	if name == "" || utf8.RuneCountInString(name) > 64 {
		return "", core.FieldErrorf("name", "name the token in 1 to 64 characters, such as the program that uses it")
	}
	if scope != ScopeRead && scope != ScopeUpload {
		return "", core.FieldErrorf("scope", "choose read or upload")
	}
	token := secret.Token(tokenLen)
	err := s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(ctx, "member", "id = ?", id); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM api_token WHERE member_id = ?", id).Scan(&n); err != nil {
			return err
		}
		if n >= maxTokens {
			return core.Errorf(core.Conflict, "you have %d tokens already; revoke one first", maxTokens)
		}
		_, err := tx.Insert(ctx, "api_token", db.Row{"token_mac", s.keys.MAC(tokenUse, token), "member_id", id,
			"name", name, "scope", scope, "created_at", s.clock().Unix(), "seen_at", 0})
		if err != nil {
			return err
		}
		return s.recordSecret(ctx, tx, security.Event{Member: id, Kind: security.TokenMade, Detail: fmt.Sprintf("%s (%s)", name, scope)})
	})
	return token, err
}

// ByToken returns the member to whom an API token belongs. An unknown token, or one
// of a disabled member, gives Forbidden; only the latter comes with the error.
func (s *Store) ByToken(ctx context.Context, token string) (Member, Token, error) {
	if len(token) != tokenLen { // nobody's: it need not be looked up
		return Member{}, Token{}, errToken()
	}
	var owner core.MemberID
	t, ok, err := db.One(ctx, s.db, func(sc db.Scanner) (Token, error) {
		return scanToken(sc, &owner)
	}, "SELECT id, name, scope, created_at, seen_at, member_id FROM api_token WHERE token_mac = ?", s.keys.MAC(tokenUse, token))
	if err != nil {
		return Member{}, Token{}, fmt.Errorf("read a token: %w", err)
	}
	if !ok {
		s.security.Use(ctx, security.Event{Kind: security.Refused, Detail: "an API token"}, "token")
		return Member{}, Token{}, errToken()
	}
	m, err := s.ByID(ctx, owner)
	if err != nil {
		return Member{}, Token{}, err
	}
	detail := "the API token " + t.Name
	if err := s.mustBeOpen(ctx, m, detail); err != nil {
		return m, t, err
	}
	if !m.Enabled() { // programs can't do what the account waits for
		return m, t, m.WhyNot("")
	}
	s.security.Use(ctx, security.Event{Member: m.ID, Kind: security.Used, Detail: detail}, fmt.Sprintf("token %d", t.ID))
	if now := s.clock(); core.Due(now, t.SeenAt, sessionTouch) {
		err = s.exec(ctx, "UPDATE api_token SET seen_at = ? WHERE id = ?", now.Unix(), t.ID)
	}
	if err == nil {
		err = s.used(ctx, &m)
	}
	return m, t, err
}

func errToken() error {
	return core.Errorf(core.Forbidden, "this API token is not valid; make one in your settings")
}

// Tokens returns the member's API tokens, newest first.
func (s *Store) Tokens(ctx context.Context, id core.MemberID) ([]Token, error) {
	return db.All(ctx, s.db, func(sc db.Scanner) (Token, error) {
		var owner core.MemberID
		return scanToken(sc, &owner)
	}, "SELECT id, name, scope, created_at, seen_at, member_id FROM api_token WHERE member_id = ? ORDER BY id DESC LIMIT ?", id, maxTokens)
}

// RevokeToken ends one of the member's own tokens.
func (s *Store) RevokeToken(ctx context.Context, id core.MemberID, token int64) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		name, ok, err := db.One(ctx, tx, db.Value[string], "SELECT name FROM api_token WHERE member_id = ? AND id = ?", id, token)
		if err != nil || !ok {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM api_token WHERE member_id = ? AND id = ?", id, token); err != nil {
			return err
		}
		return s.security.Record(ctx, tx, security.Event{Member: id, Kind: security.TokensRevoked, Detail: name})
	})
}

func scanToken(sc db.Scanner, owner *core.MemberID) (Token, error) {
	var t Token
	var created, seen int64
	err := sc.Scan(&t.ID, &t.Name, &t.Scope, &created, &seen, owner)
	t.CreatedAt = time.Unix(created, 0).UTC()
	if seen != 0 {
		t.SeenAt = time.Unix(seen, 0).UTC()
	}
	return t, err
}

// clip makes one line of what a program says of itself, without what can't be seen, and
// cuts it to at most n bytes.
func clip(s string, n int) string {
	s = text.Line(s)
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// unread counts the unread notifications of member m in the statement that reads the
// session: every page shows how many there are. The table is that of package notify.
const unread = "(SELECT COUNT(*) FROM notification n WHERE n.member_id = m.id AND n.inbox = 1 AND n.read_at = 0)"
