package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/gauge"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// startCaduceus sets a new instance up in dir, fills its database and serves it:
// everything on SQLite, or the tracker alone on MariaDB.
func startCaduceus(ctx context.Context, o options, dir, name, path string, env []string, pop *population) (s *server, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s = &server{name: name, env: env, lasts: true}
	if s.addr, err = freePort(ctx); err != nil {
		return nil, err
	}
	c := db.DefaultConfig()
	c.Path = filepath.Join(dir, "caduceus.db")
	serve := []string{"serve"}
	if o.mariadb != "" {
		c.Engine, c.Address, c.User, c.Name = db.MariaDB, o.mariadb, "root", fmt.Sprintf("caduceus_load_%d_%s", os.Getpid(), filepath.Base(dir))
		serve = append(serve, "tracker")
		if err := gauge.Admin(ctx, o.mariadb, "CREATE DATABASE "+c.Name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
			return nil, err
		}
		s.cleanup = func() error { return gauge.Admin(context.WithoutCancel(ctx), o.mariadb, "DROP DATABASE "+c.Name) }
		if s.dbPID, err = gauge.PeerOf(ctx, o.mariadb); err != nil {
			return s, err
		}
	}
	file := filepath.Join(dir, "caduceus.toml")
	if err := os.WriteFile(file, settings(dir, s, c), 0o600); err != nil {
		return s, err
	}
	if out, err := exec.CommandContext(ctx, path, "--config", file, "init").CombinedOutput(); err != nil { //nolint:gosec // the operator names it
		return s, fmt.Errorf("init: %w: %s", err, out)
	}
	keys, err := fill(ctx, o, filepath.Join(dir, "secrets", "site.key"), c, pop)
	if err != nil {
		return s, fmt.Errorf("fill the database: %w", err)
	}
	for _, k := range keys {
		s.paths = append(s.paths, "/"+k+"/announce")
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, log.Close()) }() // the server has its own handle
	if err := s.command(log, dir, path, append([]string{"--config", file}, serve...)...); err != nil {
		return s, err
	}
	if err := s.await(ctx); err != nil {
		return s, fmt.Errorf("%w\n%s", err, tail(log.Name()))
	}
	return s, nil
}

// settings is the instance's configuration: as in production behind a proxy on
// this machine, but for ports.
func settings(dir string, s *server, c db.Config) []byte {
	return fmt.Appendf(nil, `[house]
data_dir = %q
[database]
engine = %q
path = %q
address = %q
name = %q
user = %q
[tracker]
listen = [%q]
announce_url = "http://%s"
trusted_proxies = ["127.0.0.1"]
[site]
listen = "127.0.0.1:0"
[irc]
listen_tls = "127.0.0.1:0"
listen_plain = ""
[ops]
listen = ""
`, dir, c.Engine, c.Path, c.Address, c.Name, c.User, s.addr, s.addr)
}

const batch = 500

// fill adds the population's members and torrents, and returns the passkey of
// each member. Rows are written directly: to hash ten thousand passwords and to
// read as many files would take longer than the measurement. Passkeys are drawn by
// the store, as only it knows how they are kept.
func fill(ctx context.Context, o options, siteKey string, c db.Config, pop *population) (keys []string, err error) {
	ring, err := secret.LoadKeyring(siteKey, false)
	if err != nil {
		return nil, err
	}
	d, err := db.Open(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	members := member.NewStore(d, eventlog.New(d, time.Now), ring, time.Now)
	first, err := addMembers(ctx, d, o.members)
	if err != nil {
		return nil, err
	}
	for i := range o.members {
		key, err := members.NewPasskey(ctx, first+core.MemberID(i))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, addTorrents(ctx, d, pop)
}

// addMembers adds members with ids in a row and returns the first.
func addMembers(ctx context.Context, d *db.DB, n int) (first core.MemberID, err error) {
	class, ok, err := db.One(ctx, d, db.Value[int64], "SELECT id FROM class WHERE name = ?", "User")
	if err != nil || !ok {
		return 0, errors.Join(errors.New("there is no class User"), err)
	}
	last, _, err := db.One(ctx, d, db.Value[core.MemberID], "SELECT COALESCE(MAX(id), 0) FROM member")
	if err != nil {
		return 0, err
	}
	first = last + 1
	return first, batches(ctx, d, n, func(tx *db.Tx, i int) error {
		mac := make([]byte, 32)
		copy(mac, fmt.Sprintf("load %d", i))
		_, err := tx.Insert(ctx, "member", db.Row{"id", int64(first) + int64(i), "name", fmt.Sprintf("load%d", i), "class_id", class, "state", "enabled",
			"state_reason", "", "can_leech", 1, "password_hash", "", "passkey_mac", mac, "passkey_box", []byte{}, "irc_key_box", []byte{},
			"email_box", []byte{}, "key_epoch", 1, "created_at", time.Now().Unix(), "seen_at", 0})
		return err
	})
}

func addTorrents(ctx context.Context, d *db.DB, pop *population) error {
	now := time.Now().Unix()
	return batches(ctx, d, len(pop.hashes), func(tx *db.Tx, i int) error {
		_, err := tx.Insert(ctx, "torrent", db.Row{"group_id", 1, "uploader_id", 1, "anonymous", 0, "platform", "", "format", "", "archive", "",
			"scope", "", "license", "", "version", "", "annotated", 0, "description", "", "seqhash", "", "leech", string(core.LeechNormal),
			"leech_reason", "", "name", fmt.Sprintf("load %d", i), "source", "", "size", int64(torrentSize), "file_count", 1, "piece_length", 1 << 20,
			"created_at", now, "updated_at", now, "deleted_at", 0, "deleted_by", 0, "delete_reason", "", "info_hash", pop.hashes[i][:]})
		return err
	})
}

// batches calls add for 0 to n-1, many in each transaction.
func batches(ctx context.Context, d *db.DB, n int, add func(tx *db.Tx, i int) error) error {
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
