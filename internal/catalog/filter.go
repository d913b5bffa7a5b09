package catalog

import (
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	plain "github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// condition is a part of a filter.
type condition struct {
	// text is true of a group or of a torrent; "@" stands for the group's id or for the
	// alias of the torrent's table. A subquery in it is a value, so that the database
	// asks it for each row and does not make a join of it.
	text string
	args []any
	// source lists the groups that meet it, by an index, some perhaps several times. It is
	// empty where no index does.
	source string
}

// query is a filter as conditions.
type query struct {
	category int64
	groups   []condition // on the group besides its category
	torrents []condition // on one live torrent of the group
}

// The conditions whose parts are kept beside the group.
const (
	hasTag = "(SELECT 1 FROM group_tag x WHERE x.group_id = @ AND x.tag_id = (SELECT n.id FROM tag n WHERE n.name = ?) LIMIT 1) IS NOT NULL"
	tagged = "SELECT x.group_id FROM group_tag x JOIN tag n ON n.id = x.tag_id WHERE n.name = ?"

	hasCreator = "(SELECT 1 FROM group_creator x WHERE x.group_id = @ AND x.creator_id = (SELECT n.id FROM creator n WHERE n.name = ?) LIMIT 1) IS NOT NULL"
	created    = "SELECT x.group_id FROM group_creator x JOIN creator n ON n.id = x.creator_id WHERE n.name = ?"

	hasWord = "(SELECT 1 FROM group_word w WHERE w.group_id = @ AND w.word = ? LIMIT 1) IS NOT NULL"
	worded  = "SELECT group_id FROM group_word WHERE word = ?"

	hasBeginning = "(SELECT 1 FROM group_word w WHERE w.group_id = @ AND w.word >= ? AND w.word <= ? LIMIT 1) IS NOT NULL"
	begun        = "SELECT group_id FROM group_word WHERE word >= ? AND word <= ?"

	inCategory  = "(SELECT c.category_id FROM group_live c WHERE c.group_id = @) = ?"
	categorized = "SELECT group_id FROM group_live WHERE category_id = ?"

	ofYear    = "(SELECT g.year FROM torrent_group g WHERE g.id = @) = ?"
	ofSubject = "(SELECT g.subject FROM torrent_group g WHERE g.id = @) = ?"

	isSeeded = "(SELECT w.seeders FROM swarm_count w WHERE w.torrent_id = @.id) > 0"
)

// query takes the filter apart. It reports false when nothing can pass it.
func (f Filter) query() (q query, possible bool) {
	q.category = f.Category
	group := func(text, source string, args ...any) { q.groups = append(q.groups, condition{text, args, source}) }
	if f.Year != 0 {
		group(ofYear, "", f.Year)
	}
	if f.Subject != "" {
		group(ofSubject, "", f.Subject)
	}
	for _, tag := range limited(normalTags(f.Tags), maxQueryWords) {
		group(hasTag, tagged, tag)
	}
	if name := plain.Line(f.Creator); name != "" {
		group(hasCreator, created, name)
	}
	list := words(maxQueryWords, f.Words)
	for i, w := range list {
		if i < len(list)-1 {
			group(hasWord, worded, w)
		} else {
			group(hasBeginning, begun, w, w+"\U0010ffff")
		}
	}
	for _, p := range []struct {
		column, value string
		indexed       bool
	}{
		{"platform", f.Platform, false}, {"format", f.Format, true}, {"archive", f.Archive, false}, {"scope", f.Scope, false},
		{"license", f.License, true}, {"leech", string(f.Leech), false},
	} {
		if p.value == "" {
			continue
		}
		c := condition{text: "@." + p.column + " = ?", args: []any{p.value}}
		if p.indexed {
			c.source = "SELECT group_id FROM torrent WHERE " + p.column + " = ?"
		}
		q.torrents = append(q.torrents, c)
	}
	if f.Seeded {
		q.torrents = append(q.torrents, condition{text: isSeeded})
	}
	if f.Free && !f.FreeNow.All {
		q.torrents = append(q.torrents, f.FreeNow.condition())
	}
	onlyMarks := len(list) == 0 && strings.TrimSpace(f.Words) != ""
	return q, !onlyMarks
}

// inOrder reports whether the groups that pass lie in the order of the listing, one
// beside the other.
func (q query) inOrder() bool { return len(q.groups) == 0 && len(q.torrents) == 0 }

// sources returns the conditions that list their groups.
func (q query) sources() (out []condition) {
	if q.category != 0 {
		out = append(out, condition{source: categorized, args: []any{q.category}})
	}
	for _, list := range [][]condition{q.groups, q.torrents} {
		for _, c := range list {
			if c.source != "" {
				out = append(out, c)
			}
		}
	}
	return out
}

// clause is a part of a statement with its arguments.
type clause struct {
	text string
	args []any
}

func (c *clause) and(text string, args ...any) {
	c.text += " AND " + text
	c.args = append(c.args, args...)
}

// meets adds conditions about what is called at.
func (c *clause) meets(list []condition, at string) {
	for _, one := range list {
		c.and(strings.ReplaceAll(one.text, "@", at), one.args...)
	}
}

// maxFree bounds the torrents of a FreeNow that a statement names.
const maxFree = 1000

// condition is what a torrent meets that is free.
func (f FreeNow) condition() condition {
	c := condition{text: "@.leech = ?", args: []any{string(core.LeechFree)}}
	if ids := limited(f.Torrents, maxFree); len(ids) > 0 {
		c.text = "(" + c.text + " OR @.id IN (" + db.Marks(len(ids)) + "))"
		c.args = append(c.args, db.Anys(ids)...)
	}
	return c
}
