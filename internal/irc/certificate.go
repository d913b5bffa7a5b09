package irc

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/db"
)

// SetCertificate keeps the SHA-256 fingerprint of the network's certificate, in
// hexadecimal, where nobody has signed it but itself; "" where somebody has, so that
// clients need not compare it.
func (s *Store) SetCertificate(ctx context.Context, fingerprint string) error {
	return wrap("keep the certificate's fingerprint", s.db.Tx(ctx, func(tx *db.Tx) error {
		return tx.Upsert(ctx, db.UpsertSpec{Table: "irc_certificate", Key: []string{"id"}, Set: []string{"fingerprint"}}, []any{1, fingerprint})
	}))
}

// Certificate returns what SetCertificate has kept, "" before that.
func (s *Store) Certificate(ctx context.Context) (string, error) {
	fingerprint, _, err := db.One(ctx, s.db, db.Value[string], "SELECT fingerprint FROM irc_certificate WHERE id = 1")
	return fingerprint, wrap("read the certificate's fingerprint", err)
}
