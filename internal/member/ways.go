package member

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// Ways are what lets somebody act as a member besides the passphrase. Whoever had
// the one for an hour may hold any of the others.
type Ways struct {
	Sessions     bool // browsers that are logged in
	Tokens       bool // of the API
	IRCKey       bool // replaced, so open IRC connections end, and SCRAM's verifiers with them
	Certificates bool // for IRC
	AnnounceKey  bool // replaced, and the keys of torrents and download links with it
}

// AllWays is what could be in a thief's hands.
func AllWays() Ways { return Ways{true, true, true, true, true} }

// None reports whether nothing is to be ended.
func (w Ways) None() bool { return w == Ways{} }

// Held is what a member has of these ways, or what was ended of them.
type Held struct {
	Sessions     int
	Tokens       []string // their names
	IRCKey       bool
	Certificates []string // beginnings of fingerprints, with labels
	AnnounceKey  bool
}

// Words lists it, for the member and for staff.
func (h Held) Words() []string {
	var out []string
	add := func(n int, one, several string, names ...string) {
		line := fmt.Sprintf("%d %s", n, several)
		switch n {
		case 0:
			return
		case 1:
			line = "1 " + one
		}
		if len(names) > 0 {
			line += " (" + text.Cut(strings.Join(names, ", "), 80) + ")"
		}
		out = append(out, line)
	}
	add(h.Sessions, "browser that was logged in", "browsers that were logged in")
	add(len(h.Tokens), "API token", "API tokens", h.Tokens...)
	if h.IRCKey {
		out = append(out, "the IRC key, with every IRC connection")
	}
	add(len(h.Certificates), "certificate for IRC", "certificates for IRC", h.Certificates...)
	if h.AnnounceKey {
		out = append(out, "the announce key, with every .torrent and download link that holds it")
	}
	return out
}

// Holds tells what a member has of some ways. Sessions are those besides one of them,
// by its id; 0 is none.
func (s *Store) Holds(ctx context.Context, id core.MemberID, w Ways, keep int64) (Held, error) {
	h := Held{IRCKey: w.IRCKey, AnnounceKey: w.AnnounceKey}
	if w.Sessions {
		err := s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM session WHERE member_id = ? AND id <> ? AND expires_at > ?",
			id, keep, s.clock().Unix()).Scan(&h.Sessions)
		if err != nil {
			return h, fmt.Errorf("count sessions: %w", err)
		}
	}
	if w.Tokens {
		tokens, err := s.Tokens(ctx, id)
		if err != nil {
			return h, err
		}
		for _, t := range tokens {
			h.Tokens = append(h.Tokens, t.Name)
		}
	}
	if w.Certificates {
		certificates, err := s.Certificates(ctx, id)
		if err != nil {
			return h, err
		}
		for _, c := range certificates {
			h.Certificates = append(h.Certificates, c.short())
		}
	}
	return h, nil
}

// End ends some ways of a member, and returns what that was. The session with the id
// keep goes on; 0 is none. The IRC network, the bot and the tracker follow by event.
func (s *Store) End(ctx context.Context, id core.MemberID, w Ways, keep int64) (Held, error) {
	var h Held
	err := s.change(ctx, id, func(tx *db.Tx) (n int64, err error) {
		if h, err = s.end(ctx, tx, id, w, keep); err != nil {
			return 1, err
		}
		if h.AnnounceKey {
			err = s.tellOfSecret(ctx, tx, id, security.AnnounceKeyNew)
		}
		if err == nil && h.IRCKey {
			err = s.tellOfSecret(ctx, tx, id, security.IRCKeyNew)
		}
		return 1, err
	})
	return h, err
}

func (s *Store) end(ctx context.Context, tx *db.Tx, id core.MemberID, w Ways, keep int64) (Held, error) {
	if err := tx.Lock(ctx, "member", "id = ?", id); err != nil {
		return Held{}, err
	}
	in := s.In(tx)
	h, err := in.Holds(ctx, id, w, keep)
	if err != nil {
		return h, err
	}
	note := func(kind security.Kind, detail string) error {
		return s.security.Record(ctx, tx, security.Event{Member: id, Kind: kind, Detail: detail})
	}
	if w.Sessions {
		if _, err := tx.Exec(ctx, "DELETE FROM session WHERE member_id = ? AND id <> ?", id, keep); err != nil {
			return h, err
		}
		if h.Sessions > 0 {
			if err := note(security.SessionsEnded, fmt.Sprintf("%d of them", h.Sessions)); err != nil {
				return h, err
			}
		}
	}
	if w.Tokens && len(h.Tokens) > 0 {
		if _, err := tx.Exec(ctx, "DELETE FROM api_token WHERE member_id = ?", id); err != nil {
			return h, err
		}
		if err := note(security.TokensRevoked, strings.Join(h.Tokens, ", ")); err != nil {
			return h, err
		}
	}
	if w.Certificates && len(h.Certificates) > 0 {
		list, err := in.Certificates(ctx, id)
		if err != nil {
			return h, err
		}
		if err := s.dropCertificates(ctx, tx, id, list...); err != nil {
			return h, err
		}
	}
	if w.IRCKey {
		if _, err := s.replaceIRCKey(ctx, tx, id, secret.Token(ircKeyLen)); err != nil {
			return h, err
		}
	}
	if w.AnnounceKey {
		if _, err := s.replaceAnnounceKey(ctx, tx, id, secret.Token(AnnounceKeyLen)); err != nil {
			return h, err
		}
	}
	return h, nil
}

// NewAnnounceKey draws a new announce key. The old one no longer works at the tracker, and the
// member's auth key changes too.
func (s *Store) NewAnnounceKey(ctx context.Context, id core.MemberID) (string, error) {
	key := secret.Token(AnnounceKeyLen)
	return key, s.change(ctx, id, func(tx *db.Tx) (int64, error) {
		n, err := s.replaceAnnounceKey(ctx, tx, id, key)
		if err == nil && n > 0 {
			err = s.tellOfSecret(ctx, tx, id, security.AnnounceKeyNew)
		}
		return n, err
	})
}

// replaceAnnounceKey returns how many members it was.
func (s *Store) replaceAnnounceKey(ctx context.Context, tx *db.Tx, id core.MemberID, key string) (int64, error) {
	n, err := tx.Exec(ctx, "UPDATE member SET passkey_mac = ?, passkey_box = ?, key_epoch = key_epoch + 1 WHERE id = ?",
		s.keys.MAC(announceKeyUse, key), s.keys.Seal([]byte(key), announceKeyUse), id)
	if err != nil || n == 0 {
		return n, err
	}
	return n, s.security.Record(ctx, tx, security.Event{Member: id, Kind: security.AnnounceKeyNew})
}

// NewIRCKey draws a new IRC key, and ends the connections that logged in with the old
// one.
func (s *Store) NewIRCKey(ctx context.Context, id core.MemberID) (string, error) {
	key := secret.Token(ircKeyLen)
	return key, s.change(ctx, id, func(tx *db.Tx) (int64, error) {
		n, err := s.replaceIRCKey(ctx, tx, id, key)
		if err == nil && n > 0 {
			err = s.tellOfSecret(ctx, tx, id, security.IRCKeyNew)
		}
		return n, err
	})
}

func (s *Store) setIRCKey(ctx context.Context, id core.MemberID, key string) error {
	return s.change(ctx, id, func(tx *db.Tx) (int64, error) { return s.replaceIRCKey(ctx, tx, id, key) })
}

// replaceIRCKey returns how many members it was.
func (s *Store) replaceIRCKey(ctx context.Context, tx *db.Tx, id core.MemberID, key string) (int64, error) {
	n, err := tx.Exec(ctx, "UPDATE member SET irc_key_box = ?, irc_key_mac = ? WHERE id = ?",
		s.keys.Seal([]byte(key), ircKeyUse), s.keys.MAC(ircKeyUse, key), id)
	if err != nil || n == 0 {
		return n, err
	}
	if _, err := s.log.Append(ctx, tx, eventlog.IRCKeyChanged{Member: id}); err != nil {
		return n, err
	}
	return n, s.security.Record(ctx, tx, security.Event{Member: id, Kind: security.IRCKeyNew})
}
