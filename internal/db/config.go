package db

import (
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Config is the [database] section.
type Config struct {
	// Engine is "sqlite", which is embedded and serves one process, or "mariadb".
	Engine Engine `toml:"engine"`
	// Path is the SQLite file; empty is caduceus.db in the data directory.
	Path string `toml:"path"`
	// Address is MariaDB's: "host:port" or the absolute path of its socket.
	Address string `toml:"address"`
	// Name is the database on MariaDB.
	Name string `toml:"name"`
	// User is the name by which this program logs in to MariaDB.
	User string `toml:"user"`
	// Password may be left out for socket authentication. PasswordFile is
	// read instead when it is set.
	Password string `toml:"password"`
	// PasswordFile holds the password; set it or Password, not both.
	PasswordFile string `toml:"password_file"`
	// MaxConnections is the most connections to MariaDB that this process opens.
	MaxConnections int `toml:"max_connections"`
	// Session are variables that are set in each connection to MariaDB, for tests.
	Session map[string]string `toml:"-"`
}

// DefaultConfig is the embedded SQLite.
func DefaultConfig() Config {
	return Config{Engine: SQLite, Name: "caduceus", User: "caduceus", Address: "/run/mysqld/mysqld.sock", MaxConnections: 16}
}

// Validate reports the first key that makes no sense.
func (c Config) Validate() error {
	switch c.Engine {
	case SQLite:
		if c.Path == "" {
			return core.FieldErrorf("path", "name the file of the SQLite database")
		}
	case MariaDB:
		if c.Address == "" {
			return core.FieldErrorf("address", `write "host:port" or the path of MariaDB's socket`)
		}
		if !strings.HasPrefix(c.Address, "/") {
			if err := core.CheckServer("address", c.Address); err != nil {
				return err
			}
		}
		if c.Name == "" {
			return core.FieldErrorf("name", "name the database")
		}
		if c.User == "" {
			return core.FieldErrorf("user", "name the database user")
		}
		if c.Password != "" && c.PasswordFile != "" {
			return core.FieldErrorf("password_file", "set either password or password_file, not both")
		}
		if c.MaxConnections < 2 || c.MaxConnections > 1000 {
			return core.FieldErrorf("max_connections", "must be from 2 to 1000")
		}
	default:
		return core.FieldErrorf("engine", `%q is no engine; write "sqlite" or "mariadb"`, c.Engine)
	}
	return nil
}
