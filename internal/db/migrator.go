package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// migrationWait is how long a migration waits for tables that others use.
const migrationWait = 50 * time.Second

// migrator opens a connection for migrations only. A statement of theirs may take as
// long as it needs, and once begun it is let finish.
func (d *DB) migrator() (*sql.DB, error) {
	var inner driver.Connector = liteConnector{d.write.Driver(), writeDSN(d.config.Path)}
	if d.engine == MariaDB {
		mc, err := mysqlConfig(d.config)
		if err != nil {
			return nil, err
		}
		mc.ReadTimeout, mc.WriteTimeout = 0, 0
		maps.Copy(mc.Params, map[string]string{"max_statement_time": "0", "idle_transaction_timeout": "0",
			"lock_wait_timeout": wholeSeconds(migrationWait), "innodb_lock_wait_timeout": wholeSeconds(migrationWait)})
		c, err := mysql.NewConnector(mc)
		if err != nil {
			return nil, fmt.Errorf("MariaDB settings: %w", err)
		}
		inner = committed{c}
	}
	pool := sql.OpenDB(patient{inner})
	pool.SetMaxOpenConns(1)
	return pool, nil
}

// liteConnector opens SQLite connections.
type liteConnector struct {
	driver driver.Driver
	dsn    string
}

// Connect implements driver.Connector.
func (c liteConnector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

// Driver implements driver.Connector.
func (c liteConnector) Driver() driver.Driver { return c.driver }

// patient makes connections on which the end of the context is heeded between
// statements: MariaDB would go on with one whose client is gone, and somebody else
// could begin beside it.
type patient struct{ driver.Connector }

// Connect implements driver.Connector.
func (p patient) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := conn.(driverConn)
	if !ok {
		return nil, errors.Join(errors.New("the driver's connections lack what a migration needs"), conn.Close())
	}
	return patientConn{full}, nil
}

type patientConn struct{ driverConn }

// statementKey is the key of a context's function that is called before each statement
// of a migration.
type statementKey struct{}

// ExecContext implements driver.ExecerContext.
func (c patientConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if f, ok := ctx.Value(statementKey{}).(func(string)); ok {
		f(query)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.driverConn.ExecContext(context.WithoutCancel(ctx), query, args)
}

// sessionLock makes processes that start together migrate one after another. MariaDB
// holds it for the connection that runs the statements: if the process is killed, it
// goes to the next only when the last statement has ended.
type sessionLock struct{ d *DB }

// SessionLock implements goose's SessionLocker.
func (l sessionLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	var got int
	err := conn.QueryRowContext(ctx, "SELECT COALESCE(GET_LOCK(CONCAT('caduceus_migrate.', DATABASE()), 25), 0)").Scan(&got)
	if err != nil || got != 1 {
		return errors.Join(core.Errorf(core.Unavailable, "another process is migrating the database; try again"), err)
	}
	return makeVersionTable(ctx, conn)
}

// SessionUnlock implements goose's SessionLocker.
func (l sessionLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	_, err := conn.ExecContext(ctx, "DO RELEASE_LOCK(CONCAT('caduceus_migrate.', DATABASE()))")
	return err
}

// makeVersionTable makes goose's table with its first row. Goose does so too, and
// takes a table without that row, which a kill in between has left, for broken.
func makeVersionTable(ctx context.Context, conn *sql.Conn) error {
	store, err := database.NewStore(database.DialectMySQL, goose.DefaultTablename)
	if err != nil {
		return err
	}
	var n int
	if err := conn.QueryRowContext(ctx, tableQuery(MariaDB), goose.DefaultTablename).Scan(&n); err != nil {
		return err
	}
	if n == 0 {
		if err := store.CreateVersionTable(ctx, conn); err != nil {
			return err
		}
	}
	rows, err := store.ListMigrations(ctx, conn)
	if err == nil && len(rows) == 0 {
		err = store.Insert(ctx, conn, database.InsertRequest{Version: 0})
	}
	return err
}
