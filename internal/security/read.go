package security

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Entry is one row of the log, as the member and staff who may see it read it.
type Entry struct {
	ID      int64
	Kind    Kind
	Face    Face
	At      time.Time // the first time, where there were several
	LastAt  time.Time
	Tries   int
	By      string // who did it in the member's place; "" for the member, or for nobody known
	Detail  string
	Address string // of the member, or of whoever tried, the last one; "" where none was known, and for what others did
}

// MaxPage is the longest part of the log that is read at once.
const MaxPage = 100

// Page returns up to limit (1 to MaxPage) entries of a member, newest first: those
// before the entry with the given id, or the newest where it is 0.
func (l *Log) Page(ctx context.Context, m core.MemberID, before int64, limit int) ([]Entry, error) {
	query, args := "SELECT id, kind, face, at, last_at, tries, by_name, detail, address FROM security_log WHERE member_id = ?", []any{m}
	if before > 0 {
		query, args = query+" AND id < ?", append(args, before)
	}
	list, err := db.All(ctx, l.db, func(sc db.Scanner) (e Entry, err error) {
		var at, last int64
		var box, plain []byte
		if err = sc.Scan(&e.ID, &e.Kind, &e.Face, &at, &last, &e.Tries, &e.By, &e.Detail, &box); err == nil && len(box) > 0 {
			plain, err = l.keys.Open(box, addressUse(m))
		}
		e.At, e.LastAt = time.Unix(at, 0).UTC(), time.Unix(last, 0).UTC()
		if e.By == "" { // older releases kept the address of staff, too
			e.Address = string(plain)
		}
		return e, err
	}, query+" ORDER BY id DESC LIMIT ?", append(args, min(max(limit, 1), MaxPage))...)
	if err != nil {
		return nil, fmt.Errorf("read the security log: %w", err)
	}
	return list, nil
}

// Last returns when an entry of a kind was last made for a member, among the newest 1000
// of that one's entries; the zero time where there is none.
func (l *Log) Last(ctx context.Context, m core.MemberID, k Kind) (time.Time, error) {
	at, _, err := db.One(ctx, l.db, db.Value[int64], `SELECT COALESCE(MAX(s.at), 0) FROM (SELECT kind, at FROM security_log WHERE member_id = ? ORDER BY id DESC LIMIT 1000) AS s
		WHERE s.kind = ?`, m, string(k))
	if err != nil {
		return time.Time{}, fmt.Errorf("read the security log: %w", err)
	}
	if at == 0 {
		return time.Time{}, nil
	}
	return time.Unix(at, 0).UTC(), nil
}

// Keys is when the present keys of a member were made and last used, as far as the log
// knows; what it doesn't know is the zero time.
type Keys struct {
	AnnounceMade time.Time // with it the key of download links is made, too
	LinkUsed     time.Time // noted once a day for each network: its day is right
	IRCMade      time.Time
	IRCUsed      time.Time // the last login by it, wherever it was
}

// Keys tells of the keys of a member, by the newest 1000 of that one's entries.
func (l *Log) Keys(ctx context.Context, m core.MemberID) (k Keys, err error) {
	_, err = db.All(ctx, l.db, func(sc db.Scanner) (none struct{}, err error) {
		var kind Kind
		var last int64
		if err = sc.Scan(&kind, &last); err != nil {
			return none, err
		}
		at := map[Kind]*time.Time{AnnounceKeyNew: &k.AnnounceMade, Used: &k.LinkUsed, IRCKeyNew: &k.IRCMade, LoggedIn: &k.IRCUsed}[kind]
		*at = time.Unix(last, 0).UTC()
		return none, nil
	}, `SELECT s.kind, MAX(s.last_at) FROM (SELECT kind, face, detail, last_at FROM security_log WHERE member_id = ? ORDER BY id DESC LIMIT 1000) AS s
		WHERE s.kind IN (?, ?) OR (s.kind = ? AND s.face = ?) OR (s.kind = ? AND s.face IN (?, ?) AND s.detail <> ?) GROUP BY s.kind`,
		m, string(AnnounceKeyNew), string(IRCKeyNew), string(Used), string(Link), string(LoggedIn), string(IRC), string(Bot), ByCertificate)
	if err != nil {
		return Keys{}, fmt.Errorf("read of keys in the security log: %w", err)
	}
	k.LinkUsed, k.IRCUsed = UsedSince(k.AnnounceMade, k.LinkUsed), UsedSince(k.IRCMade, k.IRCUsed)
	return k, nil
}

// UsedSince is when a key was used that was made at an instant, or the zero time if what
// was used then is the one before it.
func UsedSince(made, used time.Time) time.Time {
	if used.Before(made) {
		return time.Time{}
	}
	return used
}

// Happened reports whether an event of a kind is known of a member on a face.
func (l *Log) Happened(ctx context.Context, m core.MemberID, k Kind, f Face) (bool, error) {
	_, found, err := db.One(ctx, l.db, func(sc db.Scanner) (id int64, err error) { return id, sc.Scan(&id) },
		"SELECT id FROM security_log WHERE member_id = ? AND kind = ? AND face = ? LIMIT 1", m, string(k), string(f))
	if err != nil {
		return false, fmt.Errorf("read the security log: %w", err)
	}
	return found, nil
}

// Prune deletes up to limit (1 to 1000) entries that were last added to before an
// instant, and returns how many.
func (l *Log) Prune(ctx context.Context, before time.Time, limit int) (int64, error) {
	var n int64
	err := l.db.Tx(ctx, func(tx *db.Tx) error {
		ids, err := db.All(ctx, tx, db.Value[any], "SELECT id FROM security_log WHERE last_at < ? ORDER BY last_at LIMIT ?",
			before.Unix(), min(max(limit, 1), 1000))
		if err != nil || len(ids) == 0 {
			n = 0
			return err
		}
		n, err = tx.Exec(ctx, "DELETE FROM security_log WHERE id IN ("+db.Marks(len(ids))+")", ids...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune the security log: %w", err)
	}
	return n, nil
}

// Seen is from where an account was used.
type Seen struct {
	Member  core.MemberID
	Address netip.Addr
}

// MaxSeen is how many entries Lately looks through at most.
const MaxSeen = 5000

// Lately returns from where accounts were used since an instant, whose proof was right,
// newest first, as q sees it: of one member, or of all where m is 0. It looks through the
// newest MaxSeen entries only; whole reports whether these were all.
func (l *Log) Lately(ctx context.Context, q db.Queryer, m core.MemberID, since time.Time) (list []Seen, whole bool, err error) {
	query, args := "SELECT member_id, address FROM security_log WHERE last_at >= ? AND kind IN (?, ?)", []any{since.Unix(), string(LoggedIn), string(Used)}
	if m != 0 {
		query, args = query+" AND member_id = ?", append(args, m)
	}
	looked := 0
	rows, err := db.All(ctx, q, func(sc db.Scanner) (s Seen, err error) {
		looked++
		var box []byte
		if err = sc.Scan(&s.Member, &box); err != nil || s.Member == 0 || len(box) == 0 {
			return s, err
		}
		plain, err := l.keys.Open(box, addressUse(s.Member))
		s.Address, _ = netip.ParseAddr(string(plain)) // a host, where an IRC network shows no address
		return s, err
	}, query+" ORDER BY last_at DESC, id DESC LIMIT ?", append(args, MaxSeen)...)
	if err != nil {
		return nil, false, fmt.Errorf("read the security log: %w", err)
	}
	for _, s := range rows {
		if s.Address.IsValid() {
			list = append(list, s)
		}
	}
	return list, looked < MaxSeen, nil
}

// words say what happened.
var words = map[Kind]string{ //nolint:gosec // words, and no credentials
	LoggedIn: "Logged in", Refused: "A wrong passphrase or key", ShutOut: "The right passphrase or key, but no way in",
	Used: "A key was used", SessionsEnded: "Browsers were logged out", PassphraseChanged: "The passphrase was changed",
	PassphraseReset: "Staff gave a new passphrase", AnnounceKeyNew: "The announce key was replaced", IRCKeyNew: "The IRC key was replaced",
	TokenMade: "An API token was made", TokensRevoked: "API tokens were revoked", CertificateAdded: "A certificate for IRC was added",
	CertificateRemoved: "Certificates for IRC were removed", KeyShown: "A key was written where others read it",
	Looked:        "Staff looked at what you hide from others",
	RecoveryAsked: "A link to choose a new passphrase was asked for", RecoveryGranted: "Staff made a link to choose a new passphrase",
	PassphraseRecovered: "A new passphrase was chosen in place of a lost one", RecoveryCodesNew: "New recovery codes were made",
	EmailConfirmed: "A mail address was confirmed", EmailFailed: "Letters to the mail address came back",
}

// What says in words what happened.
func (e Entry) What() string {
	if w := words[e.Kind]; w != "" {
		return w
	}
	return string(e.Kind)
}

// Where says by which way it happened.
func (e Entry) Where() string {
	switch e.Face {
	case Site:
		return "on the site"
	case API:
		return "by the API"
	case Link:
		return "by a download link"
	case IRC:
		return "on IRC"
	case Bot:
		return "told to the bot on IRC"
	case Shell:
		return "on the machine itself"
	}
	return "by the program"
}
