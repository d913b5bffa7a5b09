package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// MariaDB error numbers after which the same transaction may succeed.
const (
	errLockWaitTimeout = 1205
	errDeadlock        = 1213
	errDupEntry        = 1062
)

func openMariaDB(ctx context.Context, c Config, log *slog.Logger) (*DB, error) {
	mc, err := mysqlConfig(c)
	if err != nil {
		return nil, err
	}
	connector, err := mysql.NewConnector(mc)
	if err != nil {
		return nil, fmt.Errorf("MariaDB settings: %w", err)
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(c.MaxConnections)
	pool.SetMaxIdleConns(c.MaxConnections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := pingOnce(ctx, pool)
		if err == nil {
			return &DB{engine: MariaDB, read: pool, write: pool, log: log}, nil
		}
		if denied(err) {
			return nil, errors.Join(fmt.Errorf("MariaDB at %s refuses us: %w", c.Address, err), pool.Close())
		}
		log.Warn("MariaDB does not answer; nothing is served until it does", "address", c.Address, "err", err, "again_in", wait)
		if !core.Sleep(ctx, wait) {
			return nil, errors.Join(fmt.Errorf("MariaDB at %s did not answer: %w", c.Address, ctx.Err()), pool.Close())
		}
	}
}

func pingOnce(ctx context.Context, pool *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return pool.PingContext(ctx)
}

func mysqlConfig(c Config) (*mysql.Config, error) {
	mc := mysql.NewConfig()
	mc.User, mc.Passwd, mc.DBName, mc.Addr = c.User, c.Password, c.Name, c.Address
	if c.PasswordFile != "" {
		raw, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("database password: %w", err)
		}
		mc.Passwd = strings.TrimSpace(string(raw))
	}
	mc.Net = "tcp"
	if strings.HasPrefix(c.Address, "/") {
		mc.Net = "unix"
	}
	mc.Collation = "utf8mb4_bin"
	mc.Timeout, mc.ReadTimeout, mc.WriteTimeout = 5*time.Second, 30*time.Second, 30*time.Second
	mc.Params = map[string]string{
		"sql_mode": "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'",
	}
	mc.InterpolateParams = true // one round trip; the driver escapes, which utf8mb4 makes safe
	mc.ClientFoundRows = true   // RowsAffected counts matched rows, as SQLite does
	mc.Logger = stdlog.New(io.Discard, "", 0)
	return mc, nil
}

// denied tells a wrong password or a missing database from a server that is merely
// down: waiting does not mend those two.
func denied(err error) bool {
	var me *mysql.MySQLError
	return errors.As(err, &me) && (me.Number == 1044 || me.Number == 1045 || me.Number == 1049 || me.Number == 1698)
}

func retryable(err error) bool {
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		return me.Number == errDeadlock || me.Number == errLockWaitTimeout || me.Number == 1020
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		code := se.Code() & 0xff
		return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
	}
	return false
}

// IsDuplicate reports whether err is the violation of a unique key.
func IsDuplicate(err error) bool {
	var me *mysql.MySQLError
	if errors.As(err, &me) {
		return me.Number == errDupEntry
	}
	var se *sqlite.Error
	if errors.As(err, &se) {
		return se.Code() == sqlite3.SQLITE_CONSTRAINT_UNIQUE || se.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
	}
	return false
}
