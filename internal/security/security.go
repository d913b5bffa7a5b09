// Package security keeps the security log: who logged in to an account or tried to,
// from where, and which of its keys changed and by whose hand. A change and its entry
// are committed together (Record); logins write theirs alone (Note). The member sees
// the log of their own account, and staff who may see it too.
//
// Addresses are sealed in the database and stand in no line that goes to the
// program's own log. What a stranger can cause is bounded: tries that are alike fall
// into one row with a count for each hour, and beyond a number of rows in a day all
// of an account's fall into one of their kind for each hour.
//
// Concurrency: a Log is safe for concurrent use.
package security

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Kind says what happened.
type Kind string

// The kinds. Those of tries are counted in one row where they are alike.
const (
	LoggedIn           Kind = "login"         // a try
	Refused            Kind = "refused"       // a try: the secret was wrong
	ShutOut            Kind = "shut out"      // a try: the secret was right, and the account may not be used so
	Used               Kind = "used"          // a key in place of a login, noted once a day for each network
	SessionsEnded      Kind = "sessions"      // browsers were logged out
	PassphraseChanged  Kind = "passphrase"    // by the member
	PassphraseReset    Kind = "reset"         // by staff
	AnnounceKeyNew     Kind = "announce key"  //
	IRCKeyNew          Kind = "irc key"       //
	TokenMade          Kind = "token"         //
	TokensRevoked      Kind = "token revoked" //
	CertificateAdded   Kind = "certificate"   //
	CertificateRemoved Kind = "certificate removed"
	KeyShown           Kind = "key shown" // somebody wrote a key where others read it
	Looked             Kind = "looked"    // staff saw what the member hides: once a day for each of them

	RecoveryAsked       Kind = "recovery asked"   // a try: a letter with a link was asked for
	RecoveryGranted     Kind = "recovery granted" // staff made a link
	PassphraseRecovered Kind = "recovered"        // by whoever lost it
	RecoveryCodesNew    Kind = "recovery codes"
	EmailConfirmed      Kind = "mail address"
	EmailFailed         Kind = "mail failed"
)

// Event is something to write down, besides its Origin.
type Event struct {
	Member core.MemberID // 0: of no account
	Kind   Kind
	Detail string // shown to the member; never a secret
}

// Limits of the log.
const (
	window     = time.Hour // tries within one are counted in one row
	usedWindow = 24 * time.Hour
	lately     = 24 * time.Hour
	rowsLately = 100 // rows of one account in that time that stay apart
	maxDetail  = 255
	maxAddress = 160    // bytes of a host
	maxOnce    = 20_000 // keys in use that are remembered
	writeTime  = 5 * time.Second
)

// Log is the security log.
type Log struct {
	db    *db.DB
	keys  *secret.Keyring
	clock core.Clock
	lines *slog.Logger
	alone *db.Gatherer[row, struct{}] // entries of many who log in at once, in one transaction

	mu   sync.Mutex
	once map[string]int64 // what Use has noted, and in which window
}

// New returns the log in d. Lines about what is written there go to lines, without
// addresses; nil is nowhere.
func New(d *db.DB, keys *secret.Keyring, clock core.Clock, lines *slog.Logger) *Log {
	if lines == nil {
		lines = slog.New(slog.DiscardHandler)
	}
	l := &Log{db: d, keys: keys, clock: clock, lines: lines, once: map[string]int64{}}
	l.alone = db.NewGatherer(writeTime, l.writeAlone)
	return l
}

// row is a row to write. It is comparable, and no two are the same.
type row struct {
	slot, folded string // the key; and the one that it has if there are too many
	member       core.MemberID
	at           int64
	kind         Kind
	face         Face
	byID         core.MemberID
	byName       string
	detail       string
	address      string // sealed
	place        string // the keyed hash of it
}

// Record writes an entry in the transaction that makes the change.
func (l *Log) Record(ctx context.Context, tx *db.Tx, e Event) error {
	return l.write(ctx, tx, []row{l.row(ctx, e)})
}

// Note writes the entry of a login, or of a try, alone: even if its sender has gone
// meanwhile. What it can't write is told to the program's own log, as nobody is kept
// from logging in by that.
func (l *Log) Note(ctx context.Context, e Event) {
	if _, _, err := l.alone.Ask(context.WithoutCancel(ctx), l.row(ctx, e)); err != nil {
		l.lines.Error("an entry of the security log is missing", "event", e.Kind, "member", e.Member, "err", err)
	}
}

// Use notes that a key was used in place of a login: once a day for each key, by
// which what names it, and network.
func (l *Log) Use(ctx context.Context, e Event, key string) {
	key += " " + place(Of(ctx))
	today := l.clock().Unix() / int64(usedWindow/time.Second)
	l.mu.Lock()
	known := l.once[key] == today
	if !known {
		if len(l.once) >= maxOnce {
			clear(l.once)
		}
		l.once[key] = today
	}
	l.mu.Unlock()
	if !known {
		l.Note(ctx, e)
	}
}

// place is the network that somebody comes from.
func place(o Origin) string {
	if o.Address.IsValid() {
		return guess.Place(o.Address)
	}
	return o.Host
}

// row makes a row of an event in ctx.
func (l *Log) row(ctx context.Context, e Event) row {
	o, now := Of(ctx), l.clock()
	r := row{member: e.Member, at: now.Unix(), kind: e.Kind, face: o.Face, detail: text.Cut(text.Clean(cmp.Or(e.Detail, o.Way)), maxDetail)}
	if o.ByID != e.Member || o.ByID == 0 {
		r.byID, r.byName = o.ByID, text.Cut(o.ByName, 64)
	}
	if at := o.address(); at != "" && r.byName == "" { // whoever reads this log needs no address of staff
		r.address = string(l.keys.Seal([]byte(text.Cut(at, maxAddress)), addressUse(e.Member)))
	}
	r.place = l.placeMAC(place(o))
	length := int64(window / time.Second)
	r.folded = l.mac("all", e, strconv.FormatInt(r.at/length, 10))
	switch e.Kind {
	case Looked:
		r.slot = l.mac("one", e, strconv.FormatInt(r.at/int64(usedWindow/time.Second), 10), strconv.FormatInt(int64(o.ByID), 10), o.ByName)
	case Used:
		length = int64(usedWindow / time.Second)
		fallthrough
	case LoggedIn, Refused, ShutOut, RecoveryAsked:
		r.slot = l.mac("one", e, strconv.FormatInt(r.at/length, 10), string(r.face), place(o), r.detail)
	default:
		r.slot = secret.RandomHex(16) // alone
	}
	return r
}

// addressUse is the use under which the addresses of one account are sealed, so that
// one copied to another account can't be read there.
func addressUse(id core.MemberID) string { return fmt.Sprintf("security address/%d", id) }

// mac makes a slot. Its parts hold no line ends.
func (l *Log) mac(what string, e Event, parts ...string) string {
	list := append([]string{what, strconv.FormatInt(int64(e.Member), 10), string(e.Kind)}, parts...)
	var b bytes.Buffer
	for _, p := range list {
		b.WriteString(text.Clean(p))
		b.WriteByte('\n')
	}
	return string(l.keys.MAC("security slot", b.String()))
}

// writeAlone is write in a transaction of its own.
func (l *Log) writeAlone(ctx context.Context, rows []row) (map[row]struct{}, error) {
	err := l.db.Tx(ctx, func(tx *db.Tx) error { return l.write(ctx, tx, rows) })
	return nil, err
}

// write counts rows in those that are there, or adds them.
func (l *Log) write(ctx context.Context, tx *db.Tx, rows []row) error {
	const tries = 4 // its column in the values below
	many, err := l.many(ctx, tx, rows)
	if err != nil {
		return fmt.Errorf("security log: %w", err)
	}
	bySlot := map[string][]any{}
	for _, r := range rows {
		slot, detail := r.slot, r.detail
		if many[r.member] && r.kind != Looked { // of which staff can't make many
			slot, detail = r.folded, "one of many"
		}
		if there := bySlot[slot]; there != nil {
			there[tries] = there[tries].(int64) + 1
			continue
		}
		bySlot[slot] = []any{[]byte(slot), r.at, []byte(r.address), []byte(r.place), int64(1), r.member, r.at, r.kind, r.face, r.byID, r.byName, detail}
	}
	all := make([][]any, 0, len(bySlot))
	for _, values := range bySlot {
		all = append(all, values)
	}
	// In one order, against deadlocks.
	slices.SortFunc(all, func(a, b []any) int { return bytes.Compare(a[0].([]byte), b[0].([]byte)) })
	err = tx.Upsert(ctx, db.UpsertSpec{Table: "security_log", Key: []string{"slot"}, Set: []string{"last_at", "address", "place"}, Add: []string{"tries"},
		Keep: []string{"member_id", "at", "kind", "face", "by_id", "by_name", "detail"}}, all...)
	if err != nil {
		return fmt.Errorf("security log: %w", err)
	}
	tx.OnCommit(func() {
		for _, r := range rows {
			l.lines.Info("security", "event", r.kind, "face", r.face, "member", r.member, "by", r.byID)
		}
	})
	return nil
}

// many tells which of the accounts have so many rows lately that others fall into
// one.
func (l *Log) many(ctx context.Context, tx *db.Tx, rows []row) (map[core.MemberID]bool, error) {
	out := map[core.MemberID]bool{}
	var ids []any
	for _, r := range rows {
		if _, there := out[r.member]; !there {
			out[r.member] = false
			ids = append(ids, r.member)
		}
	}
	now := l.clock()
	_, err := db.All(ctx, tx, func(sc db.Scanner) (struct{}, error) {
		var id core.MemberID
		var n int
		err := sc.Scan(&id, &n)
		out[id] = n >= rowsLately
		return struct{}{}, err
	}, "SELECT member_id, COUNT(*) FROM security_log WHERE member_id IN ("+db.Marks(len(ids))+") AND at > ? AND at <= ? GROUP BY member_id",
		append(ids, now.Add(-lately).Unix(), now.Unix())...)
	return out, err
}
