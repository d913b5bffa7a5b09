package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/gauge"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// namePrefix begins the names of the members.
const namePrefix = "load"

// house is our instance: its database lasts while the server starts again and again.
type house struct {
	dir   string
	c     db.Config
	key   string // the IRC key of all members
	dbPID int    // 0 where the database is in the server's process
}

// newHouse sets an instance up with members: the IRC network alone on a MariaDB, or
// all rooms of the house in one process with the embedded database.
func newHouse(ctx context.Context, o options, base string, members int) (h *house, err error) {
	dir, err := os.MkdirTemp(base, "house")
	if err != nil {
		return nil, err
	}
	h = &house{dir: dir, c: db.DefaultConfig()}
	h.c.Path = filepath.Join(dir, "caduceus.db")
	if o.mariadb != "" {
		h.c.Engine, h.c.Address, h.c.User, h.c.Name = db.MariaDB, o.mariadb, "root", fmt.Sprintf("caduceus_irc_load_%d", os.Getpid())
		if err := gauge.Admin(ctx, o.mariadb, "CREATE DATABASE "+h.c.Name+" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"); err != nil {
			return nil, err
		}
		if h.dbPID, err = gauge.PeerOf(ctx, o.mariadb); err != nil {
			return h, err
		}
	}
	file := filepath.Join(dir, "init.toml")
	if err := os.WriteFile(file, []byte(h.settings("127.0.0.1:0", "127.0.0.1:0")), 0o600); err != nil {
		return h, err
	}
	if out, err := child(o.caduceus, "--config", file, "init").CombinedOutput(); err != nil {
		return h, fmt.Errorf("init: %w: %s", err, out)
	}
	return h, h.open(ctx, func(d *db.DB, keys *secret.Keyring) (err error) {
		h.key, err = fill(ctx, d, keys, members)
		return err
	})
}

// kind is how the instance runs.
func (h *house) kind(path string) kind {
	serve := []string{"serve"}
	if h.dbPID > 0 {
		serve = append(serve, "ircd")
	}
	return kind{name: "caduceus", path: path, atOnce: 100, house: h, args: func(dir string) []string {
		return append([]string{"--config", dir + "/caduceus.toml"}, serve...)
	}, config: func(_, plain, tls string) map[string]string {
		return map[string]string{"caduceus.toml": h.settings(plain, tls)}
	}}
}

func (h *house) settings(plain, tls string) string {
	return fmt.Sprintf(`[house]
data_dir = %q
[database]
engine = %q
path = %q
address = %q
name = %q
user = %q
[irc]
server_name = "irc.load.test"
listen_plain = %q
listen_tls = %q
max_clients = 20000
lines_per_minute = 1000000
lines_burst = 100000
guest_lines_per_minute = 1000000
guest_lines_burst = 100000
sendq_bytes = 8388608
registration_timeout = "2m"
ping_interval = "10m"
[tracker]
listen = ["127.0.0.1:0"]
[site]
listen = "127.0.0.1:0"
[hermes]
server = %q
[ops]
listen = ""
`, h.dir, h.c.Engine, h.c.Path, h.c.Address, h.c.Name, h.c.User, plain, tls, plain)
}

// open hands over the instance's database, which no server may have at the time.
func (h *house) open(ctx context.Context, do func(*db.DB, *secret.Keyring) error) error {
	keys, err := secret.LoadKeyring(filepath.Join(h.dir, "secrets", "site.key"), false)
	if err != nil {
		return err
	}
	d, err := db.Open(ctx, h.c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return errors.Join(do(d, keys), d.Close())
}

// fill adds members with one IRC key for all, and the first channels. Rows are written
// directly: to hash thousands of passwords would take longer than the measurement.
// The key is drawn by the store, as only it knows how keys are kept.
func fill(ctx context.Context, d *db.DB, keys *secret.Keyring, n int) (key string, err error) {
	log := eventlog.New(d, time.Now)
	if err := irc.NewStore(d, log, time.Now).Seed(ctx); err != nil {
		return "", err
	}
	class, ok, err := db.One(ctx, d, db.Value[int64], "SELECT id FROM class WHERE name = ?", "User")
	if err != nil || !ok {
		return "", errors.Join(errors.New("there is no class User"), err)
	}
	last, _, err := db.One(ctx, d, db.Value[core.MemberID], "SELECT COALESCE(MAX(id), 0) FROM member")
	if err != nil {
		return "", err
	}
	err = d.Tx(ctx, func(tx *db.Tx) error {
		for i := range n {
			mac := make([]byte, 32)
			copy(mac, fmt.Sprintf("%s %d", namePrefix, i))
			if _, err := tx.Insert(ctx, "member", db.Row{"id", int64(last) + 1 + int64(i), "name", fmt.Sprintf("%s%d", namePrefix, i), "class_id", class,
				"state", "enabled", "state_reason", "", "can_leech", 1, "password_hash", "", "passkey_mac", mac, "passkey_box", []byte{},
				"irc_key_box", []byte{}, "email_box", []byte{}, "key_epoch", 1, "created_at", time.Now().Unix(), "seen_at", 0}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if key, err = member.NewStore(d, log, keys, time.Now).NewIRCKey(ctx, last+1); err != nil {
		return "", err
	}
	box, _, err := db.One(ctx, d, db.Value[[]byte], "SELECT irc_key_box FROM member WHERE id = ?", last+1)
	if err != nil {
		return "", err
	}
	return key, change(ctx, d, "UPDATE member SET irc_key_box = ? WHERE id > ?", box, last)
}

func change(ctx context.Context, d *db.DB, query string, args ...any) error {
	return d.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
}

// autoJoin says whether members enter channels by themselves at login.
func (h *house) autoJoin(ctx context.Context, on bool) error {
	return h.open(ctx, func(d *db.DB, _ *secret.Keyring) error { return setAutoJoin(ctx, d, on) })
}

func setAutoJoin(ctx context.Context, d *db.DB, on bool) error {
	return change(ctx, d, "UPDATE irc_channel SET autojoin = ? WHERE name IN (?, ?)", on, announce, general)
}

// close drops the database; its files go with the folder of the run.
func (h *house) close() error {
	if h.dbPID == 0 {
		return nil
	}
	return gauge.Admin(context.Background(), h.c.Address, "DROP DATABASE "+h.c.Name)
}
