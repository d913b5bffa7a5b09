package member

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// Secrets that somebody writes where others read it. What may be one by its shape is
// looked up by its keyed hash; what is none stays an ordinary text.

// SecretKind is what a secret is good for.
type SecretKind string

// The kinds.
const (
	SecretIRCKey      SecretKind = "irc"
	SecretAnnounceKey SecretKind = "announce" // or one of a torrent, which is derived from it
	SecretToken       SecretKind = "token"    // of the API
	SecretSession     SecretKind = "session"  // the cookie of a browser
	SecretPassphrase  SecretKind = "passphrase"
)

// String is the kind in a sentence.
func (k SecretKind) String() string {
	switch k {
	case SecretIRCKey:
		return "IRC key"
	case SecretAnnounceKey:
		return "announce key"
	case SecretToken:
		return "API token"
	case SecretSession:
		return "session cookie"
	}
	return string(k)
}

// Ways are what a new secret of the kind ends.
func (k SecretKind) Ways() Ways {
	return Ways{IRCKey: k == SecretIRCKey, AnnounceKey: k == SecretAnnounceKey, Tokens: k == SecretToken, Sessions: k == SecretSession}
}

// maxSuspects is how many strings of one text are looked up. More than that is a list of
// hashes rather than somebody's slip.
const maxSuspects = 32

// botKeyLen is the length of the key that the program draws for its bot.
const botKeyLen = 32

// Suspects returns what in a text has the exact shape of a secret of this site, the first
// maxSuspects of it: an IRC key, announce key, token or cookie, which are so many letters
// and digits with none on either side; a torrent key; or a passphrase as the site draws them.
func Suspects(text string) []string {
	var out []string
	add := func(word string) {
		if len(out) < maxSuspects && !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	for word := range words(text, isTokenByte) {
		switch len(word) {
		case ircKeyLen, AnnounceKeyLen, tokenLen:
			add(word)
		}
	}
	for word := range words(text, func(b byte) bool { return isTokenByte(b) || b == '-' || b == '_' }) {
		k, ok := ReadTorrentKey(word)
		if ok && k.Member < 1<<40 || secret.IsPassphrase(word) {
			add(word)
		}
	}
	return out
}

func isTokenByte(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' || b >= '0' && b <= '9' }

// words yields the longest pieces of a text of bytes that belong.
func words(text string, belongs func(byte) bool) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		begin := 0
		for i := 0; i <= len(text); i++ {
			if i < len(text) && belongs(text[i]) {
				continue
			}
			if i > begin && !yield(text[begin:i]) {
				return
			}
			begin = i + 1
		}
	}
}

// Shown is somebody's secret in a text. Member is 0 where it can't be told whose it is.
type Shown struct {
	Member core.MemberID
	Kind   SecretKind
}

// WhoseSecrets looks up suspects, with one query. speaker is who wrote them, 0 for a
// guest: a passphrase is compared with the speaker's own alone, which takes as long as a
// login; a guest's is taken for one by its shape. So is a torrent key, which could be proved
// for one torrent after the other only: it is the speaker's if it says so, and nobody's
// otherwise, or anybody could have others told to replace their keys. The caller limits how
// often this is asked.
func (s *Store) WhoseSecrets(ctx context.Context, suspects []string, speaker core.MemberID) ([]Shown, error) {
	var parts []string
	var args []any
	look := func(kind SecretKind, id, table, column, use string, lengths ...int) {
		var macs []any
		for _, word := range suspects {
			if slices.Contains(lengths, len(word)) {
				macs = append(macs, s.keys.MAC(use, word))
			}
		}
		if len(macs) > 0 {
			parts = append(parts, "SELECT '"+string(kind)+"', "+id+" FROM "+table+" WHERE "+column+" IN ("+db.Marks(len(macs))+")")
			args = append(args, macs...)
		}
	}
	look(SecretIRCKey, "id", "member", "irc_key_mac", ircKeyUse, ircKeyLen, botKeyLen)
	look(SecretAnnounceKey, "id", "member", "passkey_mac", announceKeyUse, AnnounceKeyLen)
	look(SecretToken, "member_id", "api_token", "token_mac", tokenUse, tokenLen)
	look(SecretSession, "member_id", "session", "token_mac", sessionUse, tokenLen)
	var out []Shown
	if len(parts) > 0 {
		var err error
		out, err = db.All(ctx, s.db, func(sc db.Scanner) (f Shown, err error) { return f, sc.Scan(&f.Kind, &f.Member) },
			strings.Join(parts, " UNION ")+" LIMIT 100", args...)
		if err != nil {
			return nil, fmt.Errorf("look up keys in a text: %w", err)
		}
	}
	for _, word := range suspects {
		k, ok := ReadTorrentKey(word)
		if ok && k.Member == speaker {
			out = append(out, Shown{speaker, SecretAnnounceKey})
		} else if ok {
			out = append(out, Shown{0, SecretAnnounceKey})
		}
	}
	known, err := s.isPassphraseOf(ctx, suspects, speaker)
	if known {
		out = append(out, Shown{speaker, SecretPassphrase})
	}
	return out, err
}

// isPassphraseOf reports whether the first that looks like a passphrase is the speaker's.
func (s *Store) isPassphraseOf(ctx context.Context, suspects []string, speaker core.MemberID) (bool, error) {
	i := slices.IndexFunc(suspects, secret.IsPassphrase)
	if i < 0 || speaker == 0 {
		return i >= 0, nil
	}
	hash, found, err := db.One(ctx, s.db, db.Value[string], "SELECT password_hash FROM member WHERE id = ?", speaker)
	if err != nil || !found {
		return false, err
	}
	return s.keys.VerifyPassword(ctx, hash, suspects[i])
}

// NoteShown writes down that a member's secret was written into a channel or to somebody:
// in the security log, and as an event, on which the bot asks the member. nick is the
// member's, "" where somebody else wrote it; reached says that others could read it.
func (s *Store) NoteShown(ctx context.Context, f Shown, nick, where string, reached bool) error {
	detail := "the " + f.Kind.String() + ", in " + where
	if !reached {
		detail += "; it was kept back"
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		err := s.security.Record(ctx, tx, security.Event{Member: f.Member, Kind: security.KeyShown, Detail: detail})
		if err == nil {
			_, err = s.log.Append(ctx, tx, eventlog.KeyShown{Member: f.Member, Key: string(f.Kind), Nick: nick, Where: where, Reached: reached})
		}
		return err
	})
}
