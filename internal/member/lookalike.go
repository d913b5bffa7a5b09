package member

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// What nobody may be called, and who is too much like whom: one rule for names of accounts
// and for the nicks that members register. On IRC guests are told apart by their form.

// LooksOfficial reports whether a reader could take nick for Hermes or for a service
// that people give their key to. Programs trust what Hermes says.
func LooksOfficial(nick string) bool {
	return text.LooksLike(nick, BotName, "NickServ", "ChanServ", "SaslServ", "OperServ", "MemoServ", "HostServ", "BotServ") ||
		strings.HasPrefix(text.Skeleton(nick), text.Skeleton(BotName)) // enough to fool a reader in a hurry or a loose pattern
}

// guestNames are what guests on IRC are called who have asked for no nick.
var guestNames = regexp.MustCompile(`(?i)^guest\d*$`)

// IsGuestName reports whether nick is Guest or that with a number.
func IsGuestName(nick string) bool { return guestNames.MatchString(nick) }

// GuestSuffix ends the nick of a guest who asked for one.
const GuestSuffix = "|guest"

// IsGuestNick reports whether a nick has the form that guests on IRC have, and nobody else.
func IsGuestNick(nick string) bool {
	return strings.HasSuffix(text.FoldASCII(nick), GuestSuffix) || IsGuestName(nick)
}

// staffWords is what people call those who run a site. The names of their classes come
// besides.
var staffWords = []string{"staff", "sysop", "admin", "administrator", "sysadmin", "moderator", "mod", "operator", "oper", "support", "helpdesk", "webmaster", "official"}

// looksLikeStaff reports whether a reader could take name, or what stands in it between
// underscores, for one of staffWords or the name of a class of staff.
func looksLikeStaff(name string, classes ...Class) bool {
	words := slices.Clone(staffWords)
	for _, c := range classes {
		if c.isStaff() {
			words = append(words, strings.ReplaceAll(c.Name, " ", ""))
		}
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == '-' })
	return text.LooksLike(name, words...) || slices.ContainsFunc(parts, func(part string) bool { return text.LooksLike(part, words...) })
}

// Trusted reports whether people do what somebody tells them who is called name: Hermes,
// a service or staff. Guests are never called so.
func Trusted(name string) bool { return LooksOfficial(name) || looksLikeStaff(name) }

// isStaff reports whether members of the class run the site.
func (c Class) isStaff() bool { return c.Name != BotClass && c.Permissions.Has(core.IRCOperate) }

// calling is what somebody wants to be called: the name of an account, or a nick.
type calling struct {
	field string // of the form: "name" or "nick"
	name  string
	staff bool // they run the site
}

// check refuses what nobody may be called, whoever else there is.
func (c calling) check(classes []Class) error {
	switch {
	case LooksOfficial(c.name) || text.LooksLike(c.name, "Guest"):
		return core.FieldErrorf(c.field, "this %s is reserved: people could take you for %s, for a service or for a guest", c.field, BotName)
	case !c.staff && looksLikeStaff(c.name, classes...):
		return core.FieldErrorf(c.field, "this %s is reserved: people could take you for one of the staff", c.field)
	}
	return nil
}

// tooMuchLike reports whether a reader could take one for somebody who is called other:
// because it looks the same. A nick must not continue it after an underscore, either:
// that is how members vary their own.
func (c calling) tooMuchLike(other string) bool {
	return skeletonOf(c.name) == skeletonOf(other) || c.field == "nick" && strings.HasPrefix(text.FoldASCII(c.name), text.FoldASCII(other)+"_")
}

// skeletonOf is what is stored of a name or nick to find those that look alike. It is
// never empty, which marks a row that an older release has written.
func skeletonOf(name string) string {
	if s := text.Skeleton(name); s != "" {
		return s
	}
	return "_"
}

// mustBeFree refuses what member id wants to be called, and what was just written, if
// that is reserved, or is or looks like anybody else's name or nick. The transaction has
// the turn of names.
func (s *Store) mustBeFree(ctx context.Context, tx *db.Tx, id core.MemberID, c calling) error {
	classes, err := readClasses(ctx, tx)
	if err == nil {
		err = c.check(classes)
	}
	if err != nil {
		return err
	}
	// One query finds those with the same skeleton, and those that a nick continues.
	skeleton := skeletonOf(c.name)
	query := `SELECT name FROM (SELECT name AS name, id AS owner FROM member WHERE skeleton = ?
		UNION ALL SELECT nick AS name, member_id AS owner FROM member_nick WHERE skeleton = ?`
	args := []any{skeleton, skeleton}
	if heads := c.heads(); len(heads) > 0 {
		query += " UNION ALL SELECT name AS name, id AS owner FROM member WHERE name IN (" + db.Marks(len(heads)) +
			") UNION ALL SELECT nick AS name, member_id AS owner FROM member_nick WHERE nick IN (" + db.Marks(len(heads)) + ")"
		args = append(append(args, heads...), heads...)
	}
	other, found, err := db.One(ctx, tx, db.Value[string], query+") AS known WHERE owner <> ? LIMIT 1", append(args, id)...)
	if err == nil && !found {
		other, found, err = s.unmarkedLike(ctx, tx, id, c)
	}
	switch {
	case err != nil:
		return err
	case found && strings.EqualFold(other, c.name):
		return &core.Error{Code: core.Conflict, Field: c.field, Text: "the name " + c.name + " is taken"}
	case found:
		return &core.Error{Code: core.Conflict, Field: c.field, Text: c.name + " is too much like " + other + ", who is somebody else"}
	}
	return nil
}

// heads are the names that a nick continues after an underscore.
func (c calling) heads() (out []any) {
	if c.field != "nick" {
		return nil
	}
	folded := text.FoldASCII(c.name)
	for i := 1; i < len(folded); i++ {
		if folded[i] == '_' {
			out = append(out, folded[:i])
		}
	}
	return out
}

// unmarkedLike looks at the names and nicks that an older release has written and Refresh
// has not yet been at: usually none.
func (s *Store) unmarkedLike(ctx context.Context, tx *db.Tx, id core.MemberID, c calling) (string, bool, error) {
	type named struct {
		name string
		id   core.MemberID
	}
	const page = 2000
	for _, query := range []string{
		"SELECT name, id FROM member WHERE skeleton = '' AND name > ? ORDER BY name LIMIT ?",
		"SELECT nick, member_id FROM member_nick WHERE skeleton = '' AND nick > ? ORDER BY nick LIMIT ?",
	} {
		for after, more := "", true; more; {
			rows, err := db.All(ctx, tx, func(sc db.Scanner) (n named, err error) { return n, sc.Scan(&n.name, &n.id) }, query, after, page)
			if err != nil {
				return "", false, err
			}
			for _, r := range rows {
				if r.id != id && c.tooMuchLike(r.name) {
					return r.name, true, nil
				}
			}
			if more = len(rows) == page; more {
				after = rows[page-1].name
			}
		}
	}
	return "", false, nil
}
