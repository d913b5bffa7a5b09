// Package migrations embeds the database schema, written twice: once for
// SQLite and once for MariaDB. Both say the same; a test compares them.
//
// A released file never changes; a change to the schema is a new file with the
// next number in both folders.
//
// Concurrency: read-only data.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/*.sql mysql/*.sql
var files embed.FS

// SQLite returns the migrations for the embedded engine.
func SQLite() fs.FS { return sub("sqlite") }

// MySQL returns the migrations for MariaDB.
func MySQL() fs.FS { return sub("mysql") }

func sub(dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // the folder is embedded above: only a build without it gets here
	}
	return f
}
