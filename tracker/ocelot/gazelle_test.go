package ocelot

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// gazelle is as much of a Gazelle's schema as deploy/gazelle touches, and what may
// stand in it.
var gazelle = []string{
	"CREATE TABLE gazelle.users_main (ID INT UNSIGNED PRIMARY KEY, torrent_pass CHAR(32) NOT NULL, can_leech TINYINT NOT NULL DEFAULT 1, " +
		"Visible ENUM('1','0') NOT NULL DEFAULT '1', Enabled ENUM('0','1','2') NOT NULL DEFAULT '1', Uploaded BIGINT UNSIGNED NOT NULL DEFAULT 0, Downloaded BIGINT UNSIGNED NOT NULL DEFAULT 0)",
	"CREATE TABLE gazelle.torrents (ID INT PRIMARY KEY, info_hash BLOB NOT NULL, FreeTorrent ENUM('0','1','2') NOT NULL DEFAULT '0', " +
		"Seeders INT NOT NULL DEFAULT 0, Leechers INT NOT NULL DEFAULT 0, Snatched INT NOT NULL DEFAULT 0, last_action DATETIME DEFAULT NULL)",
	"CREATE TABLE gazelle.xbt_client_whitelist (id INT UNSIGNED PRIMARY KEY AUTO_INCREMENT, peer_id VARCHAR(20), vstring VARCHAR(200))",
	"CREATE TABLE gazelle.users_freeleeches (UserID INT NOT NULL, TorrentID INT NOT NULL, Time DATETIME, Expired TINYINT NOT NULL DEFAULT 0, PRIMARY KEY (UserID, TorrentID))",
	"CREATE TABLE gazelle.xbt_files_users (uid INT NOT NULL, fid INT NOT NULL)",
	"CREATE TABLE gazelle.xbt_snatched (uid INT NOT NULL, tstamp INT NOT NULL, fid INT NOT NULL, IP VARCHAR(15) NOT NULL, seedtime INT NOT NULL)",
	"INSERT INTO gazelle.users_main (ID, torrent_pass, can_leech, Enabled, Uploaded) VALUES (1, REPEAT('1', 32), 1, '1', 1000), (2, REPEAT('2', 32), 0, '1', 0), (3, REPEAT('3', 32), 1, '2', 0)",
	"INSERT INTO gazelle.torrents (ID, info_hash, FreeTorrent, Snatched) VALUES (11, REPEAT('a', 20), '0', 5), (12, REPEAT('b', 20), '1', 0), (13, REPEAT('c', 20), '2', 0)",
	"INSERT INTO gazelle.xbt_client_whitelist (peer_id, vstring) VALUES ('-TR3', 'Transmission'), ('-TR3', 'Transmission'), ('-UM1', 'uTorrent')",
	"INSERT INTO gazelle.users_freeleeches (UserID, TorrentID, Time, Expired) VALUES (2, 11, '2026-01-01', 0), (1, 11, '2026-01-01', 1)",
	"INSERT INTO gazelle.xbt_snatched VALUES (1, 1500000000, 11, '', 7)",
}

// writeSums writes sums as the ledger does.
func writeSums(t *testing.T, d *db.DB) {
	t.Helper()
	if err := d.Tx(t.Context(), func(tx *db.Tx) error {
		for _, u := range []struct {
			spec db.UpsertSpec
			row  []any
		}{
			{db.UpsertSpec{Table: "transfer_member", Key: []string{"member_id"}, Add: []string{"uploaded", "downloaded"}}, []any{1, 30, 4}},
			{db.UpsertSpec{Table: "transfer_torrent", Key: []string{"torrent_id"}, Add: []string{"uploaded", "downloaded", "snatches"}}, []any{11, 30, 4, 1}},
			{db.UpsertSpec{Table: "swarm_count", Key: []string{"torrent_id"}, Set: []string{"seeders", "leechers", "updated_at"}}, []any{11, 6, 7, 1_800_000_000}},
			{db.UpsertSpec{Table: "transfer_member_torrent", Key: []string{"member_id", "torrent_id"},
				Add: []string{"uploaded", "downloaded", "raw_up", "raw_down", "seedtime"}, Set: []string{"bytes_left", "active", "last_at", "snatched_at"}, Keep: []string{"first_at"}},
				[]any{1, 11, 0, 1, 1_800_000_000, 1_700_000_000, 30, 4, 30, 4, 3600, 1}},
		} {
			if err := tx.Upsert(t.Context(), u.spec, u.row); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestBesideGazelle runs deploy/gazelle beside a Gazelle's database: what that has
// is taken over, and what is counted is seen there.
func TestBesideGazelle(t *testing.T) {
	t.Parallel()
	c := dbtest.MariaDBConfig(t)
	d := dbtest.Open(t, c)
	other := c.Name + "_site"
	exec := func(query string, args ...any) {
		t.Helper()
		query = strings.NewReplacer("gazelle.", other+".", "caduceus.", c.Name+".", "'gazelle'@", "'"+other[len(other)-20:]+"'@").Replace(query)
		if err := d.Tx(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), query, args...); return err }); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	file := func(name string) {
		t.Helper()
		text, err := os.ReadFile("../../deploy/gazelle/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for statement := range strings.SplitSeq(string(text), ";\n") {
			if strings.TrimSpace(statement) != "" {
				exec(statement)
			}
		}
	}
	exec("CREATE DATABASE " + other)
	user := other[len(other)-20:]
	exec("CREATE USER '" + user + "'@'localhost'")
	exec("GRANT ALL ON " + other + ".* TO '" + user + "'@'localhost'")
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, q := range []string{"DROP USER '" + user + "'@'localhost'", "DROP DATABASE " + other} {
			if err := d.Tx(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, q); return err }); err != nil {
				t.Errorf("%s: %v", q, err)
			}
		}
	})
	for _, q := range gazelle {
		exec(q)
	}
	file("import.sql")
	w := newWorld(t, d)
	w.want("member 1 "+strings.Repeat("1", 32)+" leech=true", "member 2 "+strings.Repeat("2", 32)+" leech=false",
		"torrent 11 hash=97 normal token=2", "torrent 12 hash=98 free", "torrent 13 hash=99 neutral", "client -TR3", "client -UM1")

	file("sums.sql")
	for range 2 {
		writeSums(t, d)
	}
	c.Name, c.User = other, user
	site := dbtest.Reopen(t, c) // as Gazelle sees it
	for query, want := range map[string]string{
		"SELECT CONCAT_WS(' ', Uploaded, Downloaded) FROM users_main WHERE ID = 1":                                                  "1060 8",
		"SELECT CONCAT_WS(' ', Snatched, Seeders, Leechers, UNIX_TIMESTAMP(last_action)) FROM torrents WHERE ID = 11":               "7 6 7 1800000000",
		"SELECT CONCAT_WS(' ', uid, fid, uploaded, downloaded, timespent) FROM xbt_files_users WHERE active = 1 AND remaining = 0":  "1 11 60 8 7200",
		"SELECT GROUP_CONCAT(CONCAT_WS(' ', tstamp, fid, seedtime) ORDER BY tstamp SEPARATOR ', ') FROM xbt_snatched WHERE uid = 1": "1500000000 11 7, 1700000000 11 2",
	} {
		got, _, err := db.One(t.Context(), site, db.Value[string], query)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", query, err, diff)
		}
	}
	err := site.Tx(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), "DELETE FROM xbt_files_users"); return err })
	if err == nil || !strings.Contains(err.Error(), "lack rights") {
		t.Errorf("Gazelle may delete what we have counted: %v", err)
	}
}
