package member

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// Nick is another name that this member alone may use on IRC.
type Nick struct {
	Nick    string
	AddedAt time.Time
}

// nameTurn is the turn of those who add a name or a nick: each is compared with all
// that are there.
const nameTurn = "names"

// MaxNicks is the most that a site may allow each member.
const MaxNicks = 20

var nickPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,31}$`)

// AddNick registers another nick for a member who may have up to limit of them. It
// must not be, or look like, anybody else's name or nick. Once it is registered, no
// account with such a name can be made.
func (s *Store) AddNick(ctx context.Context, id core.MemberID, nick string, limit int) error {
	if !nickPattern.MatchString(nick) {
		return core.FieldErrorf("nick", "a nick has 1 to 32 letters (A to Z), digits and underscores, and does not begin with a digit")
	}
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Turn(ctx, nameTurn); err != nil {
			return err
		}
		fresh, err := tx.InsertIgnore(ctx, "member_nick", db.Row{"nick", nick, "skeleton", skeletonOf(nick), "member_id", id, "added_at", s.clock().Unix()})
		if err != nil {
			return err
		}
		if !fresh {
			return core.Errorf(core.Conflict, "%s is registered already", nick)
		}
		if err := s.mustHaveRoom(ctx, tx, id, nick, limit); err != nil {
			return err
		}
		if err := s.mustBeFree(ctx, tx, id, calling{field: "nick", name: nick}); err != nil {
			return err
		}
		_, err = s.log.Append(ctx, tx, eventlog.IRCNickChanged{Member: id, Nick: nick})
		return err
	})
}

// mustHaveRoom refuses a nick that was just written if it is one too many, or the
// member's own name.
func (s *Store) mustHaveRoom(ctx context.Context, tx *db.Tx, id core.MemberID, nick string, limit int) error {
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM member_nick WHERE member_id = ?", id).Scan(&n); err != nil {
		return err
	}
	if n > min(limit, MaxNicks) {
		return core.Errorf(core.Conflict, "you may have %d nicks besides your name", limit)
	}
	m, err := s.In(tx).one(ctx, tx, "SELECT "+s.columns()+" FROM member m WHERE m.id = ?", id)
	if err == nil && strings.EqualFold(m.Name, nick) {
		err = core.Errorf(core.Conflict, "this is your name already")
	}
	return err
}

// Nicks returns the member's nicks besides the name, the oldest first.
func (s *Store) Nicks(ctx context.Context, id core.MemberID) ([]Nick, error) {
	return db.All(ctx, s.db, func(sc db.Scanner) (n Nick, err error) {
		var added int64
		err = sc.Scan(&n.Nick, &added)
		n.AddedAt = time.Unix(added, 0).UTC()
		return n, err
	}, "SELECT nick, added_at FROM member_nick WHERE member_id = ? ORDER BY added_at, nick LIMIT ?", id, MaxNicks)
}

// RemoveNick gives up one of the member's nicks; anybody may register it then.
func (s *Store) RemoveNick(ctx context.Context, id core.MemberID, nick string) error {
	folded, possible := foldName(nick)
	return s.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := int64(0), error(nil)
		if possible {
			n, err = tx.Exec(ctx, "DELETE FROM member_nick WHERE member_id = ? AND nick = ?", id, folded)
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return core.Errorf(core.NotFound, "you have no such nick")
		}
		_, err = s.log.Append(ctx, tx, eventlog.IRCNickChanged{Member: id, Nick: nick, Removed: true})
		return err
	})
}

// ByNick returns the member with this name or other nick, in any case and state, or
// NotFound. A name takes precedence over a nick.
func (s *Store) ByNick(ctx context.Context, nick string) (Member, error) {
	m, err := s.ByName(ctx, nick)
	if core.CodeOf(err) != core.NotFound {
		return m, err
	}
	folded, ok := foldName(nick)
	if !ok {
		return Member{}, noMember()
	}
	return s.one(ctx, s.db, "SELECT "+s.columns()+" FROM member_nick k JOIN member m ON m.id = k.member_id WHERE k.nick = ?", folded)
}
