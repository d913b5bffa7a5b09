package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/gauge/instance"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// startCaduceus sets up a new instance in dir, fills its database and serves it: all rooms
// on SQLite, or the tracker alone on MariaDB.
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
	in, err := instance.New(ctx, dir, o.mariadb, fmt.Sprintf("caduceus_load_%d_%s", os.Getpid(), filepath.Base(dir)))
	if in != nil {
		s.dbPID, s.cleanup = in.DBPID, func() error { return in.Close(context.WithoutCancel(ctx)) }
	}
	if err != nil {
		return s, err
	}
	serve := []string{"serve"}
	if o.mariadb != "" {
		serve = append(serve, "tracker")
	}
	file := filepath.Join(dir, "caduceus.toml")
	if err := os.WriteFile(file, settings(dir, s, in.DB), 0o600); err != nil {
		return s, err
	}
	if out, err := exec.CommandContext(ctx, path, "--config", file, "init").CombinedOutput(); err != nil { //nolint:gosec // the operator names it
		return s, fmt.Errorf("init: %w: %s", err, out)
	}
	err = in.Open(ctx, func(d *db.DB, ring *secret.Keyring) error {
		keys, err := fill(ctx, o, d, ring, pop)
		for _, k := range keys {
			s.paths = append(s.paths, "/"+k+"/announce")
		}
		return err
	})
	if err != nil {
		return s, fmt.Errorf("fill the database: %w", err)
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

// settings returns the instance's configuration: as in production behind a proxy on this
// machine, except for the ports.
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

// fill adds the population's members and torrents, and returns the announce key of each member.
// Torrents are written directly: reading as many .torrent files would take longer than the
// measurement. The store draws the announce keys, because only it knows how they are kept.
func fill(ctx context.Context, o options, d *db.DB, ring *secret.Keyring, pop *population) (keys []string, err error) {
	members := member.NewStore(d, eventlog.New(d, time.Now), ring, time.Now)
	first, err := instance.AddMembers(ctx, d, "load", o.members)
	if err != nil {
		return nil, err
	}
	for i := range o.members {
		key, err := members.NewAnnounceKey(ctx, first+core.MemberID(i))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, addTorrents(ctx, d, pop)
}

func addTorrents(ctx context.Context, d *db.DB, pop *population) error {
	now := time.Now().Unix()
	return instance.Batches(ctx, d, len(pop.hashes), func(tx *db.Tx, i int) error {
		_, err := tx.Insert(ctx, "torrent", db.Row{"group_id", 1, "uploader_id", 1, "anonymous", 0, "platform", "", "format", "", "archive", "",
			"scope", "", "license", "", "version", "", "annotated", 0, "description", "", "seqhash", "", "leech", string(core.LeechNormal),
			"leech_reason", "", "name", fmt.Sprintf("load %d", i), "source", "", "size", int64(torrentSize), "file_count", 1, "piece_length", 1 << 20,
			"created_at", now, "updated_at", now, "deleted_at", 0, "deleted_by", 0, "delete_reason", "", "info_hash", pop.hashes[i][:]})
		return err
	})
}
