// Package instance sets up the instances of Caduceus that the rooms' load tools
// measure: a database of their own, and members in it.
//
// Concurrency: an Instance belongs to one goroutine.
package instance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/gauge"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Instance is the data of an instance, whether or not a server runs on it.
type Instance struct {
	Dir   string    // the data directory
	DB    db.Config // its database
	DBPID int       // the process of the database; 0 if the database is in the server's process
}

// New returns an instance in dir. With the socket of a MariaDB, whose root needs no
// password, it makes a database of that name there; otherwise the database is an SQLite
// file in dir. Close the instance also after an error, if one is returned.
func New(ctx context.Context, dir, mariadb, name string) (*Instance, error) {
	i := &Instance{Dir: dir, DB: db.DefaultConfig()}
	i.DB.Path = filepath.Join(dir, "caduceus.db")
	if mariadb == "" {
		return i, nil
	}
	if err := gauge.Admin(ctx, mariadb, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
		return nil, err
	}
	i.DB.Engine, i.DB.Address, i.DB.User, i.DB.Name = db.MariaDB, mariadb, "root", name
	var err error
	i.DBPID, err = gauge.PeerOf(ctx, mariadb)
	return i, err
}

// Close drops the database of a MariaDB. Files stay in Dir.
func (i *Instance) Close(ctx context.Context) error {
	if i.DB.Engine != db.MariaDB {
		return nil
	}
	return gauge.Admin(ctx, i.DB.Address, "DROP DATABASE "+i.DB.Name)
}

// Open calls do with the open database and the keys of an instance that caduceus init
// has prepared. With SQLite no server may run meanwhile.
func (i *Instance) Open(ctx context.Context, do func(*db.DB, *secret.Keyring) error) error {
	keys, err := secret.LoadKeyring(filepath.Join(i.Dir, "secrets", "site.key"), false)
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, i.DB, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(do(d, keys), d.Close())
}

// batch is how many rows one transaction writes.
const batch = 500

// Batches calls add for 0 to n-1, for many of them in each transaction.
func Batches(ctx context.Context, d *db.DB, n int, add func(tx *db.Tx, i int) error) error {
	for from := 0; from < n; from += batch {
		err := d.Tx(ctx, func(tx *db.Tx) error {
			for i := from; i < min(from+batch, n); i++ {
				if err := add(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// AddMembers adds n enabled members without keys or passphrases, named prefix0, prefix1
// and so on, with consecutive ids, and returns the first id. It writes the rows directly:
// hashing thousands of passphrases would take longer than a measurement.
func AddMembers(ctx context.Context, d *db.DB, prefix string, n int) (first core.MemberID, err error) {
	class, ok, err := db.One(ctx, d, db.Value[int64], "SELECT id FROM class WHERE name = ?", "User")
	if err != nil || !ok {
		return 0, errors.Join(errors.New("there is no class User"), err)
	}
	last, _, err := db.One(ctx, d, db.Value[core.MemberID], "SELECT COALESCE(MAX(id), 0) FROM member")
	if err != nil {
		return 0, err
	}
	first = last + 1
	return first, Batches(ctx, d, n, func(tx *db.Tx, i int) error {
		mac := make([]byte, 32)
		copy(mac, fmt.Sprintf("%s %d", prefix, i))
		_, err := tx.Insert(ctx, "member", db.Row{"id", int64(first) + int64(i), "name", fmt.Sprintf("%s%d", prefix, i), "class_id", class, "password_hash", "", "passkey_mac", mac, "passkey_box", []byte{}, "irc_key_box", []byte{},
			"email_box", []byte{}, "key_epoch", 1, "created_at", time.Now().Unix(), "seen_at", 0})
		return err
	})
}
