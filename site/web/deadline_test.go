package web

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// endless are queries that never end: one that finds no row, and one that finds one at
// once and then no other.
func endless(e db.Engine) map[string]string {
	if e == db.SQLite {
		const numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) "
		return map[string]string{"before the first row": numbers + "SELECT COUNT(*) FROM n", "after the first row": numbers + "SELECT x FROM n WHERE x = 1 OR x < 0"}
	}
	const numbers = "FROM seq_1_to_1000000000 a, seq_1_to_1000000000 b"
	return map[string]string{"before the first row": "SELECT COUNT(*) " + numbers, "after the first row": "SELECT a.seq " + numbers + " WHERE a.seq = 1 AND b.seq = 1 OR a.seq < 0"}
}

// TestTheTimeOfARouteReachesTheDatabase asks for what would take for ever. The answer
// says so, and the database works on nothing any more.
func TestTheTimeOfARouteReachesTheDatabase(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { endsInTime(t, dbtest.SQLite(t)) })
	t.Run("mariadb", func(t *testing.T) {
		c := dbtest.MariaDBConfig(t)
		c.Session["max_statement_time"] = "0" // which would end a statement without the route's time
		endsInTime(t, dbtest.Open(t, c))
	})
}

func endsInTime(t *testing.T, d *db.DB) {
	t.Helper()
	for where, query := range endless(d.Engine()) {
		for _, inTx := range []bool{false, true} {
			read := func(ctx context.Context, q db.Queryer) error {
				_, err := db.All(ctx, q, db.Value[int64], query)
				return err
			}
			a := ask(t, Page.Get("/endless", Anyone, func(v *Visit) error {
				if inTx {
					return d.Tx(v.Context(), func(tx *db.Tx) error { return read(v.Context(), tx) })
				}
				return read(v.Context(), d)
			}).Within(300*time.Millisecond))
			if a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") == "" || !strings.Contains(a.Body.String(), "try again") {
				t.Errorf("%s (in a transaction: %t): status %d\n%s", where, inTx, a.Code, a.Body)
			}
			if err := d.Tx(t.Context(), func(tx *db.Tx) error { return nil }); err != nil {
				t.Errorf("%s: the next transaction: %v", where, err)
			}
		}
	}
	mustBeIdle(t, d)
}

// mustBeIdle waits until MariaDB works on none of our endless queries. SQLite works on
// none once its call has returned.
func mustBeIdle(t *testing.T, d *db.DB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for d.Engine() == db.MariaDB {
		n, _, err := db.One(t.Context(), d, db.Value[int64],
			"SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '%seq!_1!_to!_%' ESCAPE '!' AND id <> CONNECTION_ID()")
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
		if !core.Sleep(ctx, 10*time.Millisecond) {
			t.Fatal("MariaDB goes on with what nobody waits for")
		}
	}
}

func TestOvertime(t *testing.T) {
	late, punctual := &Visit{late: true}, &Visit{}
	lost := errors.New("invalid connection")
	for name, tt := range map[string]struct {
		v    *Visit
		r    Route
		err  error
		want string
	}{
		"a statement was ended":         {punctual, Route{Kind: Page}, context.DeadlineExceeded, "longer than the 10 seconds"},
		"the connection went with it":   {late, Route{Kind: Page}, lost, "ask for less"},
		"a form":                        {late, Route{Kind: Page, Body: Small}, lost, "look whether it was done"},
		"an error in time":              {punctual, Route{Kind: Page}, lost, "something went wrong"},
		"what was found in time counts": {late, Route{Kind: Page}, core.Errorf(core.NotFound, "no such thing"), "no such thing"},
	} {
		if got := core.SafeText(overtime(tt.v, tt.r, tt.err)); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	var go303 redirection
	if err := overtime(late, Route{}, RedirectTo("/done")); !errors.As(err, &go303) {
		t.Errorf("what was done in time: %v", err)
	}
}
