package site_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// statements returns how many statements the answers of a route took so far, and how
// many answers these were.
func statements(t *testing.T, w *sitetest.World, route string) (sum, answers int) {
	t.Helper()
	families, err := w.Deps.Metrics.(prometheus.Gatherer).Gather()
	w.Must(err)
	for _, f := range families {
		if f.GetName() != "caduceus_site_request_statements" {
			continue
		}
		for _, m := range f.GetMetric() {
			if m.GetLabel()[0].GetValue() == route {
				return int(m.GetHistogram().GetSampleSum()), int(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0, 0
}

// TestPagesNeedFewStatements counts what each page asks of the database, with little on
// the site and with much: the number is bounded and does not grow.
func TestPagesNeedFewStatements(t *testing.T) {
	w := sitetest.OnSQLite(t)
	for i := range 3 {
		w.Upload("other", fmt.Sprintf("A dataset, part %d", i), nil)
	}
	w.Must(membertest.Begin(t.Context(), w.Deps.Members, w.People["sysop"].Member.ID, member.Warned, "a test"))
	visitors := map[bool]*sitetest.Browser{false: w.As("user"), true: w.As("moderator")}
	pages := map[string]string{"/": "/", "/browse": "/browse", "/browse?q=dataset": "/browse", "/groups/1": "/groups/:id", "/freeleech": "/freeleech",
		"/endangered": "/endangered", "/members/other": "/members/:name", "/upload": "/upload", "/swarm?t=1&t=2&t=3": "/swarm",
		"/settings/keys": "/settings/keys", "/settings/irc": "/settings/irc", "/settings/recovery": "/settings/recovery", "/settings/appearance": "/settings/appearance", "/settings/privacy": "/settings/privacy", "/settings/notifications": "/settings/notifications", "/inbox": "/inbox",
		"/about": "/about", "/contact": "/contact",
		"/settings/invites": "/settings/invites",
		"/staff/members":    "/staff/members", "/staff/members?client=qB&inviter=user&class=User&state=warned": "/staff/members", "/staff/members/other": "/staff/members/:name", "/staff/causes": "/staff/causes"}
	once := func(page string) int {
		before, answers := statements(t, w, pages[page])
		if a := visitors[strings.HasPrefix(page, "/staff")].Get(page); a.StatusCode != http.StatusOK {
			t.Fatalf("%s: status %d", page, a.StatusCode)
		}
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) { // it is counted once it is sent
			if sum, n := statements(t, w, pages[page]); n > answers || time.Now().After(deadline) {
				return sum - before
			}
		}
	}
	visit := func(page string) int {
		once(page) // what is kept in memory is read once
		return once(page)
	}
	little := map[string]int{}
	for page := range pages {
		if little[page] = visit(page); little[page] == 0 || little[page] > 30 {
			t.Errorf("%s takes %d statements", page, little[page])
		}
	}
	for i := range 12 {
		w.Upload("other", fmt.Sprintf("Another dataset, part %d", i), nil)
	}
	manyWindows(t, w, 4000)
	staffAct(t, w)
	if n := little["/settings/appearance"]; n > 2 {
		t.Errorf("the frame of a page takes %d statements", n)
	}
	for page := range pages {
		if much := visit(page); much > little[page] {
			t.Errorf("%s takes %d statements, and %d with little on the site", page, much, little[page])
		}
	}
}

// staffAct has staff write down and begin what stands on the pages about members.
func staffAct(t *testing.T, w *sitetest.World) {
	t.Helper()
	for i := range 12 {
		_, err := w.Deps.Members.AddNote(t.Context(), w.People["other"].Member.ID, fmt.Sprintf("Note %d", i), member.By{Name: "shell"})
		w.Must(err)
	}
	for _, who := range []string{"user", "other"} {
		for _, e := range []member.Effect{member.Warned, member.NoInvites} {
			w.Must(membertest.Begin(t.Context(), w.Deps.Members, w.People[who].Member.ID, e, "a test"))
		}
	}
}

// manyWindows opens freeleech windows for members, as another process does.
func manyWindows(t *testing.T, w *sitetest.World, n int) {
	t.Helper()
	log := eventlog.New(w.DB, w.Now)
	w.Must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
		rows := make([][]any, n)
		for i := range rows {
			rows[i] = []any{i + 1, "staff", string(core.LeechFree), 0, 100 + i, w.Now().Unix(), w.Now().Add(time.Hour).Unix(), "thanks", 0, 0, 0}
		}
		err := tx.Upsert(t.Context(), db.UpsertSpec{Table: "leech_window", Key: []string{"id"}, Set: []string{"source", "state", "torrent_id", "member_id",
			"starts_at", "ends_at", "reason", "created_by", "created_at", "ended_by"}}, rows...)
		if err != nil {
			return err
		}
		_, err = log.Append(t.Context(), tx, eventlog.LeechWindowsChanged{})
		return err
	}))
}
