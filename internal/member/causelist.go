package member

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// causesOf is an expression for the causes of m that nobody has ended, as JSON: so that
// they come in the one statement that reads the member.
func causesOf(e db.Engine) string {
	return "(SELECT " + e.JSONList("c.id", "c.effect", "c.permission", "c.source", "c.reason", "c.starts_at", "c.ends_at", "c.begun_by", "c.begun_name") +
		" FROM member_cause c WHERE c.member_id = m.id AND c.ended_at = 0)"
}

// readCauses reads what causesOf gives, in the order of ids and without what is over at now.
func readCauses(data []byte, id core.MemberID, now time.Time) ([]Cause, error) {
	if len(data) <= len("[]") {
		return nil, nil
	}
	r := listReader{rest: string(data)} // one copy, of which the texts are parts
	out := make([]Cause, 0, min(strings.Count(r.rest, "],"), 63)+1)
	for r.next('[', '['); r.err == nil; r.next(',', '[') {
		c := Cause{Member: id, ID: r.number(), Effect: Effect(r.text()), Permission: core.Permission(r.text()), Source: Source(r.text()), Reason: r.text(),
			Starts: instant(r.number()), Ends: instant(r.number())}
		c.By = By{ID: core.MemberID(r.number()), Name: r.text()}
		r.next(']')
		if r.err == nil && c.HoldsAt(now) {
			out = append(out, c)
		}
		if r.peek() == ']' {
			if len(out) == 0 {
				return nil, nil
			}
			slices.SortFunc(out, func(a, b Cause) int { return int(a.ID - b.ID) })
			return out, nil
		}
	}
	return nil, fmt.Errorf("causes of member %d: %w", id, r.err)
}

// listReader reads lists of numbers and texts out of JSON that a database has written. It is
// here because each visit reads causes: encoding/json takes ten times as long for them.
type listReader struct {
	rest   string
	inside bool // behind a value, so that a comma comes before the next
	err    error
}

// peek returns the next byte that is no space.
func (r *listReader) peek() byte {
	for len(r.rest) > 0 && (r.rest[0] == ' ' || r.rest[0] == '\n') {
		r.rest = r.rest[1:]
	}
	if len(r.rest) == 0 {
		return 0
	}
	return r.rest[0]
}

// next takes the given signs.
func (r *listReader) next(signs ...byte) {
	for _, s := range signs {
		if r.peek() != s {
			r.fail()
			return
		}
		r.rest = r.rest[1:]
	}
	r.inside = false
}

func (r *listReader) fail() {
	if r.err == nil {
		r.err = errors.New("this is no list as it should be")
	}
	r.rest = ""
}

// value takes a comma if one is due, and goes to the next value.
func (r *listReader) value() {
	if r.inside {
		r.next(',')
	}
	r.peek()
	r.inside = true
}

func (r *listReader) number() int64 {
	r.value()
	n := 0
	for n < len(r.rest) && (r.rest[n] == '-' || r.rest[n] >= '0' && r.rest[n] <= '9') {
		n++
	}
	v, err := strconv.ParseInt(r.rest[:n], 10, 64)
	if err != nil {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *listReader) text() (s string) {
	r.value()
	if len(r.rest) == 0 || r.rest[0] != '"' {
		r.fail()
		return ""
	}
	plain := true
	for n := 1; n < len(r.rest); n++ {
		switch r.rest[n] {
		case '\\':
			plain, n = false, n+1
		case '"':
			if plain {
				s = r.rest[1:n]
			} else if err := json.Unmarshal([]byte(r.rest[:n+1]), &s); err != nil {
				break
			}
			r.rest = r.rest[n+1:]
			return s
		}
	}
	r.fail()
	return ""
}
