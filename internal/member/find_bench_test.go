package member

import (
	"fmt"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// BenchmarkFind looks for members by a part of the name, class, state, client and inviter
// among 100,000 with three announces each, on both engines.
func BenchmarkFind(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) { benchFind(b, dbtest.SQLite(b)) })
	b.Run("mariadb", func(b *testing.B) { benchFind(b, dbtest.MariaDB(b)) })
}

func benchFind(b *testing.B, d *db.DB) {
	clock := func() time.Time { return noon }
	s := NewStore(d, eventlog.New(d, clock), testKeys(b), clock)
	if err := s.Seed(b.Context()); err != nil {
		b.Fatal(err)
	}
	const members, chunk = 100_000, 1000
	for from := 1; from <= members; from += chunk {
		err := d.Tx(b.Context(), func(tx *db.Tx) error {
			rows := make([][]any, chunk)
			for i := range rows {
				n := from + i
				class := []int{1, 1, 1, 2, 2, 3}[n%6]
				if n%20_000 == 0 {
					class = 4
				}
				rows[i] = []any{n, fmt.Sprintf("%06x_%s_%d", n*7919%(1<<24), []string{"bio", "yeast", "phage", "nema"}[n%4], n), class, "x", fmt.Appendf(nil, "%032d", n), []byte{}, []byte{}, []byte{}, 1, n, 0}
			}
			if err := tx.Upsert(b.Context(), db.UpsertSpec{Table: "member", Key: []string{"id"}, Keep: []string{"name", "class_id", "password_hash", "passkey_mac", "passkey_box",
				"irc_key_box", "email_box", "key_epoch", "created_at", "seen_at"}}, rows...); err != nil {
				return err
			}
			if err := benchUse(b, tx, from, chunk); err != nil {
				return err
			}
			for n := from; n < from+chunk; n += 250 {
				if _, err := tx.Insert(b.Context(), "member_cause", db.Row{"member_id", n, "effect", string(Warned), "permission", "", "source", "staff", "reason", "a reason", "starts_at", noon.Unix(),
					"ends_at", noon.Add(time.Hour).Unix(), "begun_by", 0, "begun_name", "", "ended_at", 0, "ended_by", 0, "ended_name", "", "ended_reason", ""}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for name, f := range map[string]Filter{"all": {}, "many": {Part: "yeast"}, "one": {Part: "_77777"}, "none": {Part: "zebra"}, "later": {Part: "yeast", After: "e"},
		"few of a class": {Class: Class{ID: 4}}, "many of a class": {Class: Class{ID: 1}, Part: "a_"}, "warned": {State: string(Warned)}, "number": {Part: "#77777"},
		"common client": {Client: "qBittorrent"}, "rare client": {Client: "Deluge 2.1"}, "client and name": {Client: "Transmission 4.0.6", Part: "yeast"}, "inviter": {Inviter: 7}} {
		b.Run(name, func(b *testing.B) {
			ctx := eventlog.Pinned(b.Context())
			for b.Loop() {
				if _, _, err := s.Find(ctx, f, 51); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchUse writes three announces of each of some members, and who invited them.
func benchUse(b *testing.B, tx *db.Tx, from, n int) error {
	var records, inviters [][]any
	for m := from; m < from+n; m++ {
		client := []string{"qBittorrent 5.0.1", "qBittorrent 4.6.5", "qBittorrent 5.1", "Transmission 4.0.6"}[m%4]
		if m%5000 == 0 {
			client = "Deluge 2.1.1"
		}
		for place := range 3 {
			records = append(records, []any{m, 1, place, 1, 0, 1, "", client, 0, false, "", 0, 0, 0, 0, 0, "", ""})
		}
		inviters = append(inviters, []any{m, m / 10, "invite", 0, []byte{}, 0})
	}
	err := tx.Upsert(b.Context(), db.UpsertSpec{Table: "member_inviter", Key: []string{"member_id"}, Keep: []string{"inviter_id", "via", "invite_id", "network_mac", "at"}}, inviters...)
	if err != nil {
		return err
	}
	return tx.Upsert(b.Context(), db.UpsertSpec{Table: "announce_record", Key: []string{"member_id", "ring", "slot"}, Keep: recordColumns}, records...)
}
