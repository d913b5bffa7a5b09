package irc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Store keeps what staff decide about the network: its channels with topics, modes
// and lists of masks. The running network calls the Save methods, as it knows the change
// already; the other methods tell it by an event. Who is banned from the whole network
// stands among the bans of package ban, of which the store shows those that reach IRC.
type Store struct {
	db    db.Conn
	log   *eventlog.Log
	bans  *ban.Store
	clock core.Clock
}

// NewStore returns the store on d. bans may be nil where nobody asks for lines.
func NewStore(d *db.DB, log *eventlog.Log, bans *ban.Store, clock core.Clock) *Store {
	return &Store{db: d, log: log, bans: bans, clock: clock}
}

// In returns the store bound to tx: what it reads and writes is part of that
// transaction. It must not be used after the transaction's end.
func (s *Store) In(tx *db.Tx) *Store {
	bound := *s
	bound.db = tx
	if s.bans != nil {
		bound.bans = s.bans.In(tx)
	}
	return &bound
}

// Remove asks the running network to end the connections of whoever has a nick now.
// Nothing is stored: somebody who is not there now is not removed later.
func (s *Store) Remove(ctx context.Context, nick, by, reason string) error {
	reason, err := oneLine("reason", reason, maxReason)
	if err != nil {
		return err
	}
	return wrap("remove somebody from IRC", s.db.Tx(ctx, func(tx *db.Tx) error {
		_, err := s.log.Append(ctx, tx, eventlog.IRCRemoval{Nick: nick, By: by, Reason: reason})
		return err
	}))
}

// maxNick is how long a nick may be on the network, in bytes.
const maxNick = 40

// OwnersOf returns what a member who may be called nick on the network may have as name or
// registered nick: the nick itself comes first, and then what it begins with. What only
// guests are called is nobody's.
func OwnersOf(nick string) []string {
	if len(nick) > maxNick || member.IsGuestNick(nick) {
		return nil
	}
	const signs = "[]\\`^{|}-_" // which may stand before and behind a name
	out := []string{nick}
	for _, from := range []string{nick, strings.TrimLeft(nick, signs)} {
		for i := 1; i <= len(from); i++ {
			if end := i == len(from); (end || strings.IndexByte(signs, from[i]) >= 0) && !slices.Contains(out, from[:i]) {
				out = append(out, from[:i])
			}
		}
	}
	return out
}

// exec runs one statement, which must match a row, and appends the event if there is
// one.
func (s *Store) exec(ctx context.Context, missing string, event eventlog.Body, query string, args ...any) error {
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, query, args...)
		if err != nil {
			return err
		}
		if n == 0 {
			return core.Errorf(core.NotFound, "%s", missing)
		}
		if event == nil {
			return nil
		}
		_, err = s.log.Append(ctx, tx, event)
		return err
	})
}

// oneLine trims a text that people typed, checks its length in bytes, and drops what
// can't be seen.
func oneLine(field, s string, limit int) (string, error) {
	s, ok := text.OneLine(s)
	switch {
	case !ok:
		return "", core.FieldErrorf(field, "the %s must be one line of plain text", field)
	case len(s) > limit:
		return "", core.FieldErrorf(field, "keep the %s within %d bytes", field, limit)
	}
	return s, nil
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
