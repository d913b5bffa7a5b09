package db

import (
	"github.com/caduceus-bio/caduceus/internal/core"
)

// Config is the [database] section.
type Config struct {
	Engine Engine `toml:"engine"` // "sqlite" or "mariadb"
	// Path is the SQLite file; default: caduceus.db in the data directory.
	Path string `toml:"path"`
	// Address is MariaDB's: "host:port" or the absolute path of its socket.
	Address string `toml:"address"`
	Name    string `toml:"name"`
	User    string `toml:"user"`
	// Password may be left out for socket authentication. PasswordFile is
	// read instead when it is set.
	Password       string `toml:"password"`
	PasswordFile   string `toml:"password_file"`
	MaxConnections int    `toml:"max_connections"`
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
