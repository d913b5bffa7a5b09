package db_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestConfigNamesTheKeyAtFault(t *testing.T) {
	t.Parallel()
	good := db.DefaultConfig()
	good.Path = "x.db"
	if err := good.Validate(); err != nil {
		t.Fatalf("the default: %v", err)
	}
	maria := good
	maria.Engine = db.MariaDB
	if err := maria.Validate(); err != nil {
		t.Fatalf("MariaDB with defaults: %v", err)
	}
	tests := map[string]struct {
		base   db.Config
		change func(*db.Config)
	}{
		"engine":          {good, func(c *db.Config) { c.Engine = "oracle" }},
		"path":            {good, func(c *db.Config) { c.Path = "" }},
		"address":         {maria, func(c *db.Config) { c.Address = "" }},
		"name":            {maria, func(c *db.Config) { c.Name = "" }},
		"user":            {maria, func(c *db.Config) { c.User = "" }},
		"password_file":   {maria, func(c *db.Config) { c.Password, c.PasswordFile = "a", "b" }},
		"max_connections": {maria, func(c *db.Config) { c.MaxConnections = 1 }},
	}
	for field, tt := range tests {
		c := tt.base
		tt.change(&c)
		if err := c.Validate(); core.FieldOf(err) != field || core.CodeOf(err) != core.Invalid {
			t.Errorf("%s: %v", field, err)
		}
		if _, err := db.Open(t.Context(), c, quiet()); core.FieldOf(err) != field {
			t.Errorf("Open with a bad %s: %v", field, err)
		}
	}
}

func TestSQLiteFileMayHaveAnyName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"plain.db", "a b.db", "50%.db", "100%25.db", "who?.db", "a#b.db", "é&=.db"} {
		c := db.DefaultConfig()
		c.Path = filepath.Join(t.TempDir(), "new folder", name)
		d := dbtest.Reopen(t, c) // not a copy of another file
		if _, err := d.Migrate(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(c.Path); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMariaDBWithAWrongPasswordOrDatabaseIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	base := dbtest.MariaDBConfig(t)
	for what, change := range map[string]func(*db.Config){
		"user":     func(c *db.Config) { c.User, c.Password = "nobody_here", "wrong" },
		"database": func(c *db.Config) { c.Name = "caduceus_test_missing" },
	} {
		c := base
		change(&c)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		_, err := db.Open(ctx, c, quiet())
		cancel()
		if err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("wrong %s: %v", what, err)
		}
	}
	c := base
	c.PasswordFile = filepath.Join(t.TempDir(), "missing")
	if _, err := db.Open(t.Context(), c, quiet()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing password file: %v", err)
	}
}

// TestMariaDBThatIsDownIsWaitedFor opens the address of a server that comes up later:
// a link to its socket is made after the first failed try.
func TestMariaDBThatIsDownIsWaitedFor(t *testing.T) {
	t.Parallel()
	c := dbtest.MariaDBConfig(t)
	server := c.Address
	c.Address = filepath.Join(t.TempDir(), "later.sock")
	log := &firstWarning{said: make(chan struct{})}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	var opened *db.DB
	var err error
	wg.Go(func() { opened, err = db.Open(ctx, c, slog.New(log)) })
	select {
	case <-log.said:
	case <-ctx.Done():
		t.Fatal("a server that is down was not logged")
	}
	if err := os.Symlink(server, c.Address); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(opened.Ping(t.Context()), opened.Close()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.text, "does not answer") {
		t.Errorf("logged: %q", log.text)
	}
}

func TestMariaDBThatStaysDownEndsWithTheContext(t *testing.T) {
	t.Parallel()
	c := db.DefaultConfig()
	c.Engine, c.Address = db.MariaDB, filepath.Join(t.TempDir(), "none.sock")
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := db.Open(ctx, c, quiet()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestPingAfterClose(t *testing.T) {
	t.Parallel()
	c := dbtest.SQLiteConfig(t)
	d, err := db.Open(t.Context(), c, quiet())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Ping(t.Context()), d.Close()); err != nil {
		t.Fatal(err)
	}
	if err := d.Ping(t.Context()); core.CodeOf(err) != core.Unavailable {
		t.Errorf("got %v", err)
	}
}

// firstWarning is a log handler that tells when something was logged.
type firstWarning struct {
	slog.Handler
	once sync.Once
	said chan struct{}
	text string
}

func (f *firstWarning) Enabled(context.Context, slog.Level) bool { return true }

func (f *firstWarning) Handle(_ context.Context, r slog.Record) error {
	f.once.Do(func() { f.text = r.Message; close(f.said) })
	return nil
}
