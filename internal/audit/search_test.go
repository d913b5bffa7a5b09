package audit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func TestSearch(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		log := newLog(d)
		if rows, next, err := log.Search(t.Context(), audit.Filter{}, 10); err != nil || len(rows) != 0 || next != 0 {
			t.Errorf("of nothing: %v, %d, %v", rows, next, err)
		}
		for i := range 12 {
			e := audit.Entry{ActorID: 7, ActorName: "mona", Via: audit.ViaSite, Command: "member class", Outcome: audit.Done, Subject: audit.MemberSubject(9)}
			if i%3 == 0 {
				e.ActorName, e.Command, e.Outcome, e.Subject = "carl", "member%x", audit.Denied, ""
			}
			if _, err := log.Note(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		ids := func(f audit.Filter, limit int) string {
			rows, next, err := log.Search(t.Context(), f, limit)
			if err != nil {
				t.Fatal(err)
			}
			var out []string
			for _, r := range rows {
				out = append(out, fmt.Sprint(r.ID))
			}
			return fmt.Sprint(strings.Join(out, " "), " next ", next)
		}
		for _, c := range []struct {
			filter audit.Filter
			limit  int
			want   string
		}{
			{audit.Filter{}, 3, "12 11 10 next 10"},
			{audit.Filter{Before: 3}, 3, "2 1 next 0"},
			{audit.Filter{Before: 99}, 1, "12 next 12"},
			{audit.Filter{Actor: "carl"}, 9, "10 7 4 1 next 0"},
			{audit.Filter{Actor: "nobody"}, 9, " next 0"},
			{audit.Filter{Command: "member"}, 2, "12 11 next 11"},
			{audit.Filter{Command: "member%"}, 9, "10 7 4 1 next 0"},
			{audit.Filter{Outcome: audit.Denied, Before: 5}, 9, "4 1 next 0"},
			{audit.Filter{About: audit.MemberSubject(9), Actor: "carl"}, 9, " next 0"},
		} {
			if got := ids(c.filter, c.limit); got != c.want {
				t.Errorf("%+v: %q, want %q", c.filter, got, c.want)
			}
		}
	})
}
