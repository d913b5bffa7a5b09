package member

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// RefreshAccounts writes what an older release has not written of up to limit accounts or
// nicks, and returns of how many: what they look like, by which look-alikes are found, and
// the keyed hashes by which an IRC key and a mail address are. Others may use the tables meanwhile. A key that
// can't be opened is an error, once all others of the batch are done.
func (s *Store) RefreshAccounts(ctx context.Context, limit int) (int64, error) {
	var done int64
	for _, part := range []func(context.Context, int) (int64, error){
		func(ctx context.Context, limit int) (int64, error) { return s.markNames(ctx, "member", "name", limit) },
		func(ctx context.Context, limit int) (int64, error) {
			return s.markNames(ctx, "member_nick", "nick", limit)
		},
		s.markIRCKeys,
		s.markEmails,
		s.security.Refresh,
	} {
		n, err := part(ctx, limit-int(done))
		if done += n; err != nil {
			return done, fmt.Errorf("bring accounts up to date: %w", err)
		}
		if done >= int64(limit) {
			break
		}
	}
	return done, nil
}

func (s *Store) markNames(ctx context.Context, table, key string, limit int) (int64, error) {
	names, err := db.All(ctx, s.db, db.Value[string], "SELECT "+key+" FROM "+table+" WHERE skeleton = '' ORDER BY "+key+" LIMIT ?", limit)
	if err != nil || len(names) == 0 {
		return 0, err
	}
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		for _, name := range names {
			if _, err := tx.Exec(ctx, "UPDATE "+table+" SET skeleton = ? WHERE "+key+" = ?", skeletonOf(name), name); err != nil {
				return err
			}
		}
		return nil
	})
	return int64(len(names)), err
}

func (s *Store) markIRCKeys(ctx context.Context, limit int) (int64, error) {
	return s.markSealed(ctx, "irc_key_box", "irc_key_mac", ircKeyUse, func(key string) []byte { return s.keys.MAC(ircKeyUse, key) }, limit)
}

func (s *Store) markEmails(ctx context.Context, limit int) (int64, error) {
	return s.markSealed(ctx, "email_box", "email_mac", emailUse, s.emailMAC, limit)
}

// markSealed writes the keyed hash of what lies sealed in another column.
func (s *Store) markSealed(ctx context.Context, boxColumn, macColumn, use string, mac func(string) []byte, limit int) (int64, error) {
	type sealed struct {
		id  core.MemberID
		box []byte
	}
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (r sealed, err error) { return r, sc.Scan(&r.id, &r.box) },
		"SELECT id, "+boxColumn+" FROM member WHERE "+macColumn+" = x'' ORDER BY id LIMIT ?", limit)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	var done int64
	var unreadable error
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		done, unreadable = 0, nil
		for _, r := range rows {
			plain, err := s.keys.Open(r.box, use)
			if err != nil {
				unreadable = fmt.Errorf("%s of member %d: %w", use, r.id, err)
				continue
			}
			// Whoever replaces it at this moment writes the new one's hash.
			if _, err := tx.Exec(ctx, "UPDATE member SET "+macColumn+" = ? WHERE id = ? AND "+macColumn+" = x''", mac(string(plain)), r.id); err != nil {
				return err
			}
			done++
		}
		return nil
	})
	if err == nil {
		err = unreadable
	}
	return done, err
}
