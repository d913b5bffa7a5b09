package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/gauge/instance"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// namePrefix begins the names of the members.
const namePrefix = "load"

// house is our instance. Its database outlives the many starts of the server.
type house struct {
	*instance.Instance
	key string // the IRC key of all members
}

// newHouse sets an instance up with members: the IRC network alone on a MariaDB, or
// all rooms of the house in one process with the embedded database.
func newHouse(ctx context.Context, o options, base string, members int) (h *house, err error) {
	dir, err := os.MkdirTemp(base, "house")
	if err != nil {
		return nil, err
	}
	h = &house{}
	if h.Instance, err = instance.New(ctx, dir, o.mariadb, fmt.Sprintf("caduceus_irc_load_%d", os.Getpid())); h.Instance == nil {
		return nil, err
	}
	if err != nil {
		return h, err
	}
	file := filepath.Join(dir, "init.toml")
	if err := os.WriteFile(file, []byte(h.settings("127.0.0.1:0", "127.0.0.1:0")), 0o600); err != nil {
		return h, err
	}
	if out, err := child(o.caduceus, "--config", file, "init").CombinedOutput(); err != nil {
		return h, fmt.Errorf("init: %w: %s", err, out)
	}
	return h, h.Open(ctx, func(d *db.DB, keys *secret.Keyring) (err error) {
		h.key, err = fill(ctx, d, keys, members)
		return err
	})
}

// kind is how the instance runs.
func (h *house) kind(path string) kind {
	serve := []string{"serve"}
	if h.DBPID > 0 {
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
`, h.Dir, h.DB.Engine, h.DB.Path, h.DB.Address, h.DB.Name, h.DB.User, plain, tls, plain)
}

// fill adds members with one IRC key for all, and the first channels. The store draws the
// key, because only it knows how keys are kept.
func fill(ctx context.Context, d *db.DB, keys *secret.Keyring, n int) (key string, err error) {
	log := eventlog.New(d, time.Now)
	if err := irc.NewStore(d, log, nil, time.Now).Seed(ctx); err != nil {
		return "", err
	}
	first, err := instance.AddMembers(ctx, d, namePrefix, n)
	if err != nil {
		return "", err
	}
	if key, err = member.NewStore(d, log, keys, time.Now).NewIRCKey(ctx, first); err != nil {
		return "", err
	}
	box, _, err := db.One(ctx, d, db.Value[[]byte], "SELECT irc_key_box FROM member WHERE id = ?", first)
	if err != nil {
		return "", err
	}
	return key, change(ctx, d, "UPDATE member SET irc_key_box = ? WHERE id >= ?", box, first)
}

func change(ctx context.Context, d *db.DB, query string, args ...any) error {
	return d.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
}

// autoJoin says whether members enter channels by themselves at login.
func (h *house) autoJoin(ctx context.Context, on bool) error {
	return h.Open(ctx, func(d *db.DB, _ *secret.Keyring) error { return setAutoJoin(ctx, d, on) })
}

func setAutoJoin(ctx context.Context, d *db.DB, on bool) error {
	return change(ctx, d, "UPDATE irc_channel SET autojoin = ? WHERE name IN (?, ?)", on, announce, general)
}

// close drops the database; its files go with the folder of the run.
func (h *house) close() error { return h.Close(context.Background()) }
