package commands_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// byTheShell are the commands that everyCommand leaves out, since the shell alone may give
// them.
const byTheShell = "member passphrase ann"

// onMariaDBToo are those that are killed on the slower engine as well: one that asks first,
// one that waits for somebody else, its approval, and one that tells many.
const onMariaDBToo = `member create alice --class User
member disable alice for the test
undo
member recover alice she showed her passport
approve CODE
ban add --for 2h 203.0.113.0/24 for the test`

// TestKillOfEveryCommand kills each command that changes something at each point of its
// transaction: before the commit nothing of it is there, after it all. A program that starts
// on what the kill has left does it then.
func TestKillOfEveryCommand(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		killEach(t, dbtest.SQLite(t), everyCommand+"\n"+byTheShell, true)
	})
	t.Run("mariadb", func(t *testing.T) {
		t.Parallel()
		killEach(t, dbtest.MariaDB(t), onMariaDBToo, false)
	})
}

// victim is a site whose program is killed again and again.
type victim struct {
	*world
	t       *testing.T
	d       *db.DB
	boss    member.Member
	second  member.Member
	entry   int64 // the newest row of the audit log
	tables  []string
	killed  map[string]bool // commands
	message string          // its id
}

// killEach kills every command of some lines.
func killEach(t *testing.T, d *db.DB, lines string, all bool) {
	t.Helper()
	w := newWorld(t, d)
	v := &victim{world: w, t: t, d: d, killed: map[string]bool{}}
	v.boss, v.message = furnish(t, w)
	v.second = w.members["second"].Member
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'goose_db_version' ORDER BY name"
	if d.Engine() == db.MariaDB {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name <> 'goose_db_version' ORDER BY table_name"
	}
	var err error
	if v.tables, err = db.All(t.Context(), d, db.Value[string], query); err != nil || len(v.tables) < 50 {
		t.Fatalf("%d tables, %v", len(v.tables), err)
	}
	for line := range strings.Lines(lines) {
		v.kill(strings.ReplaceAll(strings.TrimSpace(line), "MESSAGE", v.message))
	}
	for _, info := range v.All() {
		if all && info.Changes && info.Name != "undo" && !v.killed[info.Name] {
			t.Errorf("nothing kills %s", info.Name)
		}
	}
}

// restart is the program started anew.
func (v *victim) restart() {
	members := v.members
	v.world = openWorld(v.t, v.d)
	v.members = members
}

// kill runs one line, and lets it be killed at each point on the way.
func (v *victim) kill(line string) {
	v.t.Helper()
	actor, info := v.about(&line)
	if !info.Changes {
		return
	}
	points := []command.Point{command.AtBegin, command.AtConsumed, command.AtActed, command.AtRecorded}
	if info.Approve && !strings.HasPrefix(line, "approve ") && !actor.IsShell() {
		points = slices.DeleteFunc(points, func(p command.Point) bool { return p == command.AtActed }) // it waits instead
	}
	asked := info.Confirms && !strings.HasPrefix(line, "approve ")
	if asked {
		a := v.doOrSend(v.t, actor, line)
		if a.Pending == nil {
			v.t.Fatalf("%s: it does not ask", line)
		}
		line = "confirm " + a.Pending.Code
	}
	before := v.state()
	for _, p := range points {
		v.diesAt(p, actor, line)
	}
	v.restart()
	if now := v.state(); now != before {
		v.t.Errorf("%s (%s): killed before the commit, and something is there", info.Name, line)
	}
	rows := v.count()
	v.diesAt(command.AtCommitted, actor, line)
	v.restart()
	entries, err := v.deps.Audit.Recent(v.t.Context(), max(v.count()-rows, 1))
	if err != nil || v.count() == rows {
		v.t.Fatalf("%s: killed after the commit: %d rows in the audit log were %d, %v", info.Name, v.count(), rows, err)
	}
	v.entry = entries[0].ID
	if !slices.ContainsFunc(entries, func(e audit.Entry) bool {
		return e.Command == info.Name && (e.Outcome == audit.Done || e.Outcome == audit.Asked)
	}) {
		v.t.Errorf("%s: the audit log does not say that it was done: %+v", info.Name, entries)
	}
	if asked {
		v.refuse(v.t, command.Request{Actor: actor, Line: line}, core.Invalid) // once is enough
	}
	v.killed[info.Name] = true
}

// about finds who gives a line, and which command it is. What stands for something that is
// known only now is put into the line.
func (v *victim) about(line *string) (actor command.Actor, info command.Info) {
	v.t.Helper()
	t := v.t
	now, err := v.deps.Members.ByID(t.Context(), v.boss.ID)
	if err != nil {
		t.Fatal(err)
	}
	actor = command.Of(now, audit.ViaIRC)
	name := *line
	switch {
	case *line == byTheShell:
		actor = command.Shell()
	case strings.HasSuffix(*line, "CODE"):
		*line = v.withCode(t, *line)
		if strings.HasPrefix(*line, "approve ") {
			actor = command.Of(v.second, audit.ViaIRC)
			name = v.waits(actor)
		}
	case *line == "undo":
		*line = fmt.Sprintf("undo %d", v.entry)
		e, err := v.deps.Audit.ByID(t.Context(), v.entry)
		if err != nil || e.UndoWith == "" {
			t.Fatalf("entry %d (%s) can't be undone: %v", v.entry, e.Command, err)
		}
		name = e.UndoWith
	}
	info, ok := v.named(name)
	if !ok {
		t.Fatalf("%s: there is no such command", *line)
	}
	v.killed["approve"] = v.killed["approve"] || strings.HasPrefix(*line, "approve ")
	return actor, info
}

// waits is the newest act that waits for approval.
func (v *victim) waits(a command.Actor) string {
	v.t.Helper()
	list, err := v.Waiting(v.t.Context(), a)
	if err != nil || len(list) == 0 {
		v.t.Fatalf("nothing waits: %v", err)
	}
	return list[len(list)-1].Command
}

// named finds the command that a line begins with, by any of its names.
func (w *world) named(line string) (found command.Info, ok bool) {
	most := 0
	for _, info := range w.All() {
		for _, name := range append([]string{info.Name}, info.Aliases...) {
			if len(name) > most && strings.HasPrefix(line+" ", name+" ") {
				found, most = info, len(name)
			}
		}
	}
	return found, most > 0
}

// diesAt runs a line that is killed at a point: a panic ends a transaction as a kill does.
func (v *victim) diesAt(point command.Point, a command.Actor, line string) {
	v.t.Helper()
	defer func() { v.at = nil }()
	v.at = func(p command.Point) {
		if p == point {
			panic(killed)
		}
	}
	func() {
		defer func() {
			switch p := recover(); p {
			case killed:
			case nil:
				v.t.Fatalf("%s was not killed at %q", line, point)
			default:
				panic(p)
			}
		}()
		v.doOrSend(v.t, a, line)
	}()
}

const killed = "killed"

// state is a digest of every row of every table.
func (v *victim) state() string {
	v.t.Helper()
	h := sha256.New()
	for _, table := range v.tables {
		rows, err := v.d.QueryContext(v.t.Context(), "SELECT * FROM "+table)
		if err != nil {
			v.t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			v.t.Fatal(err)
		}
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				v.t.Fatal(err)
			}
			_, _ = fmt.Fprintf(h, "%s %v\n", table, values) // a hash takes everything
		}
		if err := rows.Close(); err != nil {
			v.t.Fatal(err)
		}
		if err := rows.Err(); err != nil {
			v.t.Fatal(err)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// count is how many rows the audit log has.
func (v *victim) count() (n int) {
	v.t.Helper()
	if err := v.d.QueryRowContext(v.t.Context(), "SELECT COUNT(*) FROM audit").Scan(&n); err != nil {
		v.t.Fatal(err)
	}
	return n
}
