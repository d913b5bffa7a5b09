package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	stdlog "log"
	"log/slog"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// MariaDB error numbers.
const (
	errChangedMeanwhile = 1020 // another transaction has changed the row (innodb_snapshot_isolation)
	errDupEntry         = 1062
	errLockWaitTimeout  = 1205
	errDeadlock         = 1213
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
	pool := sql.OpenDB(committed{connector})
	pool.SetMaxOpenConns(c.MaxConnections)
	pool.SetMaxIdleConns(c.MaxConnections)
	pool.SetConnMaxIdleTime(connIdle)
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := pingOnce(ctx, pool)
		if err == nil {
			return &DB{engine: MariaDB, config: c, read: pool, write: pool, log: log}, nil
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

// committed makes connections whose transactions are READ COMMITTED: each statement
// sees what was committed when it began, so what is read after Lock or Turn is what
// is there. Under MariaDB's default, REPEATABLE READ, it would be what was there at
// the first read; and since 11.6.2 that default fails (1020) when it meets a row that
// has changed since.
type committed struct{ driver.Connector }

// Connect implements driver.Connector.
func (c committed) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	exec, ok := conn.(driver.ExecerContext)
	if !ok {
		return nil, errors.Join(errors.New("MariaDB's driver runs no statements"), conn.Close())
	}
	if _, err := exec.ExecContext(ctx, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

func pingOnce(ctx context.Context, pool *sql.DB) error {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
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
	mc.Timeout, mc.ReadTimeout, mc.WriteTimeout = dialTime, replyTime, replyTime
	mc.Params = sessionLimits()
	mc.Params["sql_mode"] = "'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
	maps.Copy(mc.Params, c.Session)
	mc.InterpolateParams = true // one round trip; the driver escapes, which utf8mb4 makes safe
	mc.MaxAllowedPacket = 0     // as the server has it, so that a large value is not written as text, which may double it
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
		return me.Number == errDeadlock || me.Number == errLockWaitTimeout || me.Number == errChangedMeanwhile
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
