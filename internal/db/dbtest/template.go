package dbtest

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/migrations"
)

// fill gives c the current schema if it is an empty database on the test server, or a
// file that is not there yet. Other databases are left as they are.
func fill(c db.Config) error {
	if c.Engine == db.MariaDB {
		if c.Address != os.Getenv(SocketVariable) && c.Address != server.socket {
			return nil
		}
		return fillMariaDB(c.Address, c.Name)
	}
	if _, err := os.Stat(c.Path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	content, err := liteTemplate()
	if err != nil {
		return err
	}
	return os.WriteFile(c.Path, content, 0o600)
}

// liteTemplate is the file of a fresh SQLite database.
var liteTemplate = sync.OnceValues(func() (content []byte, err error) {
	dir, err := os.MkdirTemp("", "caduceus-template-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c := db.DefaultConfig()
	c.Path = filepath.Join(dir, "template.db")
	if err := migrate(c); err != nil {
		return nil, err
	}
	return os.ReadFile(c.Path)
})

// migrate opens c, brings its schema up to date and closes it, which for SQLite leaves
// all of it in one file.
func migrate(c db.Config) error {
	ctx := context.Background()
	d, err := db.Open(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	_, err = d.Migrate(ctx)
	return errors.Join(err, d.Close())
}

var mariaTemplates = struct {
	sync.Mutex
	statements map[string]string // by the server's socket
}{statements: map[string]string{}}

func fillMariaDB(socket, database string) error {
	statements, err := mariaTemplate(socket)
	if err != nil {
		return err
	}
	return asAdmin(socket, database, func(conn *sql.Conn) error {
		ctx := context.Background()
		var tables int
		err := conn.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()").Scan(&tables)
		if err != nil || tables > 0 {
			return err
		}
		_, err = conn.ExecContext(ctx, statements)
		return err
	})
}

// mariaTemplate are the statements that make a fresh database.
func mariaTemplate(socket string) (string, error) {
	mariaTemplates.Lock()
	defer mariaTemplates.Unlock()
	if statements, ok := mariaTemplates.statements[socket]; ok {
		return statements, nil
	}
	statements, err := makeMariaTemplate(socket)
	if err == nil {
		mariaTemplates.statements[socket] = statements
	}
	return statements, err
}

// makeMariaTemplate makes a database with the current schema, which all processes with these
// migrations share and which stays on the server, and returns the statements that copy
// it: each table as it is after all migrations, and its rows, if the migrations put some
// in.
func makeMariaTemplate(socket string) (string, error) {
	sum, err := migrationsHash()
	if err != nil {
		return "", err
	}
	c := db.DefaultConfig()
	c.Engine, c.Address, c.Name, c.User = db.MariaDB, socket, "caduceus_template_"+sum, "root"
	if err := execAdmin(socket, "CREATE DATABASE IF NOT EXISTS "+c.Name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
		return "", err
	}
	if err := migrate(c); err != nil { // under a lock: the processes that need it first may be several
		return "", err
	}
	var all strings.Builder
	err = asAdmin(socket, c.Name, func(conn *sql.Conn) error {
		ctx := context.Background()
		var names string
		if err := conn.QueryRowContext(ctx, "SELECT GROUP_CONCAT(table_name) FROM information_schema.tables WHERE table_schema = DATABASE()").Scan(&names); err != nil {
			return err
		}
		for name := range strings.SplitSeq(names, ",") {
			var create string
			var filled bool
			if err := conn.QueryRowContext(ctx, "SHOW CREATE TABLE "+name).Scan(&name, &create); err != nil {
				return err
			}
			if err := conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM "+name+")").Scan(&filled); err != nil {
				return err
			}
			_, _ = all.WriteString(create + ";\n")
			if filled {
				_, _ = all.WriteString("INSERT INTO " + name + " SELECT * FROM " + c.Name + "." + name + ";\n")
			}
		}
		return nil
	})
	return all.String(), err
}

// migrationsHash tells the migrations for MariaDB from those of other versions of the
// program, whose tests may use the same server.
func migrationsHash() (string, error) {
	h, files := sha256.New(), migrations.MySQL()
	err := fs.WalkDir(files, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		_, _ = h.Write([]byte(path + "\x00" + string(content) + "\x00"))
		return err
	})
	return hex.EncodeToString(h.Sum(nil)[:6]), err
}
