package audit

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// Filter chooses rows of the log. What is empty chooses nothing.
type Filter struct {
	Actor   string // a whole name
	Command string // the beginning of its name, such as "member"
	About   string // a subject, from MemberSubject and its like
	Outcome Outcome
	Before  int64 // rows before this one; 0: from the newest
}

// Search returns up to limit (at most 200) rows, newest first, and the Before that
// goes on: 0 when there are no more. It looks through at most 50,000 rows, so a page
// may have few rows, or none, and still go on.
func (l *Log) Search(ctx context.Context, f Filter, limit int) (list []Entry, next int64, err error) {
	limit = min(max(limit, 1), most)
	var newest, oldest int64
	if err := l.db.QueryRowContext(ctx, "SELECT COALESCE(MAX(id), 0), COALESCE(MIN(id), 0) FROM audit").Scan(&newest, &oldest); err != nil {
		return nil, 0, fmt.Errorf("read the audit log: %w", err)
	}
	if f.Before <= 0 || f.Before > newest {
		f.Before = newest + 1
	}
	from := f.Before - reach
	where, args := []string{"id < ?", "id >= ?"}, []any{f.Before, from}
	add := func(condition string, value any) {
		where, args = append(where, condition), append(args, value)
	}
	if f.Actor != "" {
		add("actor_name = ?", f.Actor)
	}
	if f.Command != "" {
		add("command LIKE ? ESCAPE '!'", db.EscapeLike(f.Command)+"%")
	}
	if f.About != "" {
		add("subject = ?", f.About)
	}
	if f.Outcome != "" {
		add("outcome = ?", f.Outcome)
	}
	list, err = db.All(ctx, l.db, scan, "SELECT "+columns+" FROM audit WHERE "+strings.Join(where, " AND ")+" ORDER BY id DESC LIMIT ?", append(args, limit+1)...)
	if err != nil {
		return nil, 0, fmt.Errorf("read the audit log: %w", err)
	}
	switch {
	case len(list) > limit:
		list = list[:limit]
		next = list[limit-1].ID
	case from > oldest:
		next = from
	}
	return list, next, nil
}
