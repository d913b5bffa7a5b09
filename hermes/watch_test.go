package hermes

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestOutage follows what staff are told through a day of troubles.
func TestOutage(t *testing.T) {
	t.Parallel()
	full := core.Wrap(syscall.ENOSPC, core.Unavailable, "nothing can be saved")
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var o outage
	for _, step := range []struct {
		after time.Duration // noon
		err   error
		lost  bool   // what is said is not delivered
		says  string // part of the line, "" for none
	}{
		{0, nil, false, ""},
		{10 * time.Second, full, false, ""},
		{39 * time.Second, full, false, ""},
		{39500 * time.Millisecond, nil, false, ""}, // short of 30 seconds
		{60 * time.Second, full, false, ""},
		{89 * time.Second, full, false, ""},
		{90 * time.Second, full, true, "Nothing can be saved since 2026-03-01 12:01:00 UTC (3 tries): the database has no room on its disk: make room there."},
		{95 * time.Second, full, false, "(4 tries)"},
		{100 * time.Second, full, false, ""},
		{110 * time.Second, nil, true, "takes changes again"},
		{115 * time.Second, full, false, ""}, // the same outage, as far as staff know
		{120 * time.Second, nil, false, "The database takes changes again. It took none from 2026-03-01 12:01:00 UTC to 2026-03-01 12:02:00 UTC."},
		{125 * time.Second, nil, false, ""},
		{130 * time.Second, errors.New("denied"), false, ""},
		{160 * time.Second, errors.New("denied"), false, "the database refuses: denied"},
		{time.Hour, nil, false, "takes changes again"},
	} {
		now := noon.Add(step.after)
		o.see(now, step.err)
		line := o.line(now)
		if (line == "") != (step.says == "") || !strings.Contains(line, step.says) {
			t.Errorf("after %v: %q, want %q", step.after, line, step.says)
		}
		if line != "" && !step.lost {
			o.said()
		}
	}
}

// counted counts the looks at a database.
type counted struct {
	look Writes

	mu    sync.Mutex
	fails int // since a look was well
	well  bool
}

func (c *counted) writes(ctx context.Context) error {
	err := c.look(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.well = err == nil; c.well {
		c.fails = 0
	} else {
		c.fails++
	}
	return err
}

// until waits for so many failures in a row; 0 is for a look that is well.
func (c *counted) until(t *testing.T, fails int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for core.Sleep(ctx, 5*time.Millisecond) {
		c.mu.Lock()
		ok := fails == 0 && c.well || fails > 0 && c.fails >= fails
		if ok {
			c.fails = 0
		}
		c.mu.Unlock()
		if ok {
			return
		}
	}
	t.Fatalf("waited too long for %d failures", fails)
}

// goesAway takes a database from a bot that runs, ten seconds after noon and for longer than
// it is patient, and gives it back.
func goesAway(t *testing.T, s *site, look Writes, take, give func() error, what db.Trouble) {
	t.Helper()
	f := newFake(t)
	c := &counted{look: look}
	s.deps.Writes = c.writes
	bot := s.start(f)
	select {
	case <-bot.ready:
	case <-time.After(20 * time.Second):
		t.Fatal("the bot is not ready")
	}
	c.until(t, 0)
	if err := take(); err != nil {
		t.Fatal(err)
	}
	c.until(t, 2)
	s.clock.Add(29 * time.Second)
	c.until(t, 2)
	if got := f.in("#debug"); len(got) != 0 {
		t.Errorf("too early: %q", got)
	}
	s.clock.Add(time.Second)
	if got := f.heard("#debug", 1)[0]; !strings.HasPrefix(got, "Nothing can be saved since 2026-03-01 12:00:10 UTC") || !strings.Contains(got, "the database "+string(what)+": ") {
		t.Errorf("staff read %q", got)
	}
	if err := give(); err != nil {
		t.Fatal(err)
	}
	s.clock.Add(10 * time.Second) // what was found is old now
	c.until(t, 0)
	if got := f.heard("#debug", 2)[1]; !strings.HasPrefix(got, "The database takes changes again.") {
		t.Errorf("staff read %q", got)
	}
	bot.stop()
}

func TestStaffHearOfADatabaseThatTakesNoChanges(t *testing.T) {
	t.Parallel()
	s, frozen := newSite(t, dbtest.SQLite(t)), dbtest.SQLite(t)
	if err := frozen.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "PRAGMA query_only = 1") // of the one connection that writes, for ever
		return err
	}); err != nil {
		t.Fatal(err)
	}
	sound, ill := db.NewProbe(s.db, "hermes", s.clock.Now), db.NewProbe(frozen, "hermes", s.clock.Now)
	var isIll atomic.Bool
	look := func(ctx context.Context) error {
		if isIll.Load() {
			return ill.Look(ctx)
		}
		return sound.Look(ctx)
	}
	become := func(is bool) func() error {
		return func() error {
			s.clock.Add(10 * time.Second)
			isIll.Store(is)
			return nil
		}
	}
	goesAway(t, s, look, become(true), become(false), db.ReadOnly)
}

// TestStaffHearOfADatabaseThatIsAway stops a server of its own.
func TestStaffHearOfADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short leaves MariaDB out")
	}
	server, err := dbtest.StartServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	if err := server.Execute("CREATE DATABASE away CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
		t.Fatal(err)
	}
	c := db.DefaultConfig()
	c.Engine, c.Address, c.Name, c.User = db.MariaDB, server.Socket, "away", "root"
	s := newSite(t, dbtest.Open(t, c))
	stop := func() error {
		err := server.Shutdown()
		s.clock.Add(10 * time.Second) // what was found before is old now
		return err
	}
	goesAway(t, s, db.NewProbe(s.db, "hermes", s.clock.Now).Look, stop, server.Restart, db.Away)
}
