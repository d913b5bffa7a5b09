package site_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// This file knows what is written to the database: each table counts its changes by
// triggers, so that nothing escapes, and comparing costs one short query.

// uncounted are tables that hold nothing: rows to lock, and the numbers of events.
var uncounted = []string{"turn", "event_sequence", "matrix_written"}

// count begins to count what is written.
func (m *matrix) count() {
	names, err := db.All(m.t.Context(), m.w.DB, db.Value[string], "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name LIMIT 1000")
	m.w.Must(err)
	m.exec("CREATE TABLE matrix_written (name TEXT PRIMARY KEY, n BIGINT NOT NULL)")
	for _, name := range names {
		if slices.Contains(uncounted, name) {
			continue
		}
		m.exec("INSERT INTO matrix_written (name, n) VALUES (?, 0)", name)
		for _, act := range []string{"INSERT", "UPDATE", "DELETE"} {
			m.exec(fmt.Sprintf("CREATE TRIGGER matrix_%s_%s AFTER %s ON %s BEGIN UPDATE matrix_written SET n = n + 1 WHERE name = '%s'; END", act, name, act, name, name))
		}
	}
}

func (m *matrix) exec(query string, args ...any) {
	m.t.Helper()
	m.w.Must(m.w.DB.Tx(m.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(m.t.Context(), query, args...)
		return err
	}))
}

// sum is how much was written at all.
func (m *matrix) sum() (n int64) {
	m.w.Must(m.w.DB.QueryRowContext(m.t.Context(), "SELECT SUM(n) FROM matrix_written").Scan(&n))
	return n
}

// written are the tables that were written to since mark.
func (m *matrix) written() (names []string) {
	for name, n := range m.counts() {
		if n != m.before[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (m *matrix) counts() map[string]int64 {
	type count struct {
		name string
		n    int64
	}
	list, err := db.All(m.t.Context(), m.w.DB, func(sc db.Scanner) (c count, err error) { return c, sc.Scan(&c.name, &c.n) }, "SELECT name, n FROM matrix_written LIMIT 1000")
	m.w.Must(err)
	out := map[string]int64{"": 0}
	for _, c := range list {
		out[c.name] = c.n
		out[""] += c.n
	}
	return out
}

// mark remembers what was written until now.
func (m *matrix) mark() {
	if m.before == nil || m.sum() != m.before[""] {
		m.before = m.counts()
	}
}

// unchanged makes sure that nothing was written but to some tables.
func (m *matrix) unchanged(where string, but []string) {
	m.t.Helper()
	if m.sum() == m.before[""] {
		return
	}
	for _, name := range m.written() {
		if name != "" && !slices.Contains(but, name) {
			m.t.Errorf("%s: it wrote to %s", where, name)
		}
	}
}

// changed makes sure that each of some tables was written to.
func (m *matrix) changed(where string, tables []string) {
	m.t.Helper()
	got := m.written()
	for _, name := range tables {
		if !slices.Contains(got, name) {
			m.t.Errorf("%s: it wrote nothing to %s, only to %s", where, name, strings.Join(got, ", "))
		}
	}
}

// noted are the tables that tell of somebody who was refused.
func noted(c *row, r *role) []string {
	var out []string
	if len(c.perms) > 0 && strings.HasPrefix(c.route, "POST /commands/") {
		out = append(out, "audit") // who tried what they may not is written down
	}
	if r.link || r.token != "" {
		out = append(out, "security_log") // who came with keys is
	}
	return out
}
