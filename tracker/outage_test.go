package tracker

import (
	"slices"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// ownServer starts a MariaDB for this test alone, with an empty database and an ordinary
// user.
func ownServer(t *testing.T) (*dbtest.Server, db.Config) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short leaves MariaDB out")
	}
	server, err := dbtest.StartServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	for _, q := range []string{"CREATE DATABASE outage CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
		"CREATE USER plain@localhost", "GRANT ALL ON outage.* TO plain@localhost"} {
		if err := server.Execute(q); err != nil {
			t.Fatal(err)
		}
	}
	c := db.DefaultConfig()
	c.Engine, c.Address, c.Name, c.User = db.MariaDB, server.Socket, "outage", "plain"
	return server, c
}

// TestOutages takes the database away under load in three ways. No announce may fail, and
// nothing may be lost, although the tests' MariaDB loses up to a second of commits when
// it is killed.
func TestOutages(t *testing.T) {
	t.Parallel()
	server, c := ownServer(t)
	s := newSurvivor(t, c)
	s.start()
	readOnly := func(on string) func() error {
		return func() error { return server.Execute("SET GLOBAL read_only = " + on) }
	}
	for _, outage := range []struct {
		name        string
		begin, over func() error
	}{
		{"stopped", server.Shutdown, server.Restart},
		{"killed", server.Kill, server.Restart},
		{"read-only", readOnly("1"), readOnly("0")},
		{"hanging", server.Pause, server.Continue},
	} {
		s.drive()
		s.busy()
		if err := outage.begin(); err != nil {
			t.Fatalf("%s: %v", outage.name, err)
		}
		before := s.answered.Load()
		time.Sleep(longOr(time.Minute, 2*time.Second))
		if s.answered.Load() == before {
			t.Errorf("%s: nothing was answered meanwhile", outage.name)
		}
		if err := outage.over(); err != nil {
			t.Fatalf("%s: %v", outage.name, err)
		}
		s.busy()
		s.stopLoad()
		s.checkBounds()
		t.Logf("%s: %d announces answered in all", outage.name, s.answered.Load())
	}

	for _, outage := range []struct{ begin, over func() error }{{server.Pause, server.Continue}, {server.Kill, server.Restart}} {
		s.drive()
		s.busy()
		if err := outage.begin(); err != nil {
			t.Fatal(err)
		}
		s.busy()
		s.stopLoad()
		if took := s.term(); took > 5*time.Second {
			t.Errorf("without its database the stop took %v", took)
		}
		if err := outage.over(); err != nil {
			t.Fatal(err)
		}
		s.start()
		s.checkSwarms()
		s.checkBounds()
	}
	s.finish()
	if s.refused.Load() > 0 || s.broken.Load() > 0 {
		t.Errorf("%d announces were refused, %d not answered", s.refused.Load(), s.broken.Load())
	}
	kinds, err := db.All(t.Context(), s.d, db.Value[string], "SELECT kind FROM event WHERE kind = 'LedgerTrouble'")
	if want := longOr(true, false); err != nil || slices.Contains(kinds, "LedgerTrouble") != want {
		t.Errorf("staff were told %v, %v; want so: %v", kinds, err, want)
	}
}
