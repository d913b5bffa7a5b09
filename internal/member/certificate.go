package member

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// Certificate is a TLS client certificate by which a member logs in to IRC (SASL
// EXTERNAL). Only its fingerprint is stored: TLS proves that the client has its key.
type Certificate struct {
	Fingerprint string // SHA-256 in hexadecimal, lower case
	Label       string // the machine or program that uses it
	AddedAt     time.Time
	UsedAt      time.Time // about when it was last used; the zero time when never
}

const (
	maxCertificates = 10
	certificateUse  = time.Hour // how exact UsedAt is
	maxPEM          = 16 << 10
	maxLabel        = 64 // characters
	shortestPrefix  = 8  // digits of a fingerprint that name a certificate
)

// ParseFingerprint reads what a member gives for a certificate: its SHA-256
// fingerprint, with or without colons, or the certificate itself in PEM.
func ParseFingerprint(given string) (string, error) {
	given = strings.TrimSpace(given)
	if strings.Contains(given, "PRIVATE KEY-----") {
		return "", core.FieldErrorf("certificate", "this holds your private key, which must not leave your machine: give the certificate alone, or its fingerprint")
	}
	if strings.HasPrefix(given, "-----BEGIN") && len(given) <= maxPEM {
		block, _ := pem.Decode([]byte(given))
		if block == nil || block.Type != "CERTIFICATE" {
			return "", core.FieldErrorf("certificate", "this is not a certificate in PEM form")
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return "", core.FieldErrorf("certificate", "this certificate can't be read")
		}
		sum := sha256.Sum256(block.Bytes)
		return hex.EncodeToString(sum[:]), nil
	}
	digits := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(given))
	if raw, err := hex.DecodeString(digits); err != nil || len(raw) != sha256.Size {
		return "", core.FieldErrorf("certificate", "give the SHA-256 fingerprint of your certificate, 64 hexadecimal digits, or the certificate in PEM")
	}
	return digits, nil
}

// AddCertificate lets a member log in with a certificate, which is given in a form
// that ParseFingerprint reads.
func (s *Store) AddCertificate(ctx context.Context, id core.MemberID, certificate, label string) (Certificate, error) {
	fingerprint, err := ParseFingerprint(certificate)
	if err != nil {
		return Certificate{}, err
	}
	label, ok := text.OneLine(label)
	if !ok || utf8.RuneCountInString(label) > maxLabel {
		return Certificate{}, core.FieldErrorf("label", "a label is one line of at most %d characters", maxLabel)
	}
	now := s.clock()
	err = s.db.Tx(ctx, func(tx *db.Tx) error {
		if err := tx.Lock(ctx, "member", "id = ?", id); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM member_certificate WHERE member_id = ?", id).Scan(&n); err != nil {
			return err
		}
		if n >= maxCertificates {
			return core.Errorf(core.Conflict, "you have %d certificates already; remove one first", maxCertificates)
		}
		fresh, err := tx.InsertIgnore(ctx, "member_certificate",
			db.Row{"member_id", id, "fingerprint", fingerprint, "label", label, "added_at", now.Unix(), "used_at", 0})
		if err == nil && !fresh {
			err = core.Errorf(core.Conflict, "you have this certificate already")
		}
		if err != nil {
			return err
		}
		return s.recordSecret(ctx, tx, security.Event{Member: id, Kind: security.CertificateAdded, Detail: Certificate{Fingerprint: fingerprint, Label: label}.short()})
	})
	return Certificate{Fingerprint: fingerprint, Label: label, AddedAt: time.Unix(now.Unix(), 0).UTC()}, err
}

// Certificates returns the member's certificates, the oldest first.
func (s *Store) Certificates(ctx context.Context, id core.MemberID) ([]Certificate, error) {
	return db.All(ctx, s.db, func(sc db.Scanner) (c Certificate, err error) {
		var added, used int64
		err = sc.Scan(&c.Fingerprint, &c.Label, &added, &used)
		c.AddedAt = time.Unix(added, 0).UTC()
		if used != 0 {
			c.UsedAt = time.Unix(used, 0).UTC()
		}
		return c, err
	}, "SELECT fingerprint, label, added_at, used_at FROM member_certificate WHERE member_id = ? ORDER BY added_at, fingerprint LIMIT ?", id, maxCertificates)
}

// RemoveCertificate removes a certificate of a member, and ends the connections that
// logged in with it. It is named by its fingerprint or by enough of its beginning to
// be the only one.
func (s *Store) RemoveCertificate(ctx context.Context, id core.MemberID, fingerprint string) (Certificate, error) {
	prefix := strings.ToLower(strings.NewReplacer(":", "", " ", "").Replace(fingerprint))
	list, err := s.Certificates(ctx, id)
	if err != nil {
		return Certificate{}, err
	}
	var found []Certificate
	for _, c := range list {
		if len(prefix) >= shortestPrefix && strings.HasPrefix(c.Fingerprint, prefix) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return Certificate{}, core.Errorf(core.NotFound, "you have no such certificate; give its fingerprint, or at least the first %d digits", shortestPrefix)
	}
	gone := found[0]
	return gone, s.change(ctx, id, func(tx *db.Tx) (int64, error) {
		return 1, s.dropCertificates(ctx, tx, id, gone)
	})
}

// dropCertificates removes certificates, ends the connections that logged in with
// them, and writes it into the security log.
func (s *Store) dropCertificates(ctx context.Context, tx *db.Tx, id core.MemberID, gone ...Certificate) error {
	names := make([]string, len(gone))
	for i, c := range gone {
		if _, err := tx.Exec(ctx, "DELETE FROM member_certificate WHERE member_id = ? AND fingerprint = ?", id, c.Fingerprint); err != nil {
			return err
		}
		if _, err := s.log.Append(ctx, tx, eventlog.IRCCertificateRemoved{Member: id, Fingerprint: c.Fingerprint}); err != nil {
			return err
		}
		names[i] = c.short()
	}
	return s.security.Record(ctx, tx, security.Event{Member: id, Kind: security.CertificateRemoved, Detail: strings.Join(names, "; ")})
}

// short names the certificate where there is little room.
func (c Certificate) short() string {
	return strings.TrimSpace(c.Fingerprint[:min(12, len(c.Fingerprint))] + "… " + c.Label)
}

// AuthCertificate logs somebody in to IRC who showed a certificate: as name, or, if
// name is empty, as the only member who has the certificate. It answers like AuthIRC.
func (s *Store) AuthCertificate(ctx context.Context, fingerprint, name string) (Member, error) {
	type row struct {
		id   core.MemberID
		name string
		used int64
	}
	query, args := "SELECT m.id, m.name, c.used_at FROM member_certificate c JOIN member m ON m.id = c.member_id WHERE c.fingerprint = ?", []any{fingerprint}
	if name != "" {
		folded, ok := foldName(name)
		if !ok {
			return Member{}, errors.Join(errCertificate(), s.NoteIRC(ctx, "", false))
		}
		query, args = query+" AND m.name = ?", append(args, folded)
	}
	rows, err := db.All(ctx, s.db, func(sc db.Scanner) (r row, err error) { return r, sc.Scan(&r.id, &r.name, &r.used) }, query+" LIMIT 2", args...)
	switch {
	case err != nil:
		return Member{}, fmt.Errorf("log in to IRC: %w", err)
	case len(rows) == 0:
		return Member{}, errors.Join(errCertificate(), s.NoteIRC(ctx, name, false))
	case len(rows) > 1:
		return Member{}, core.Errorf(core.Forbidden, "several accounts know this certificate: let your client say which name to act as")
	}
	r := rows[0]
	a, found, err := s.ircAccount(ctx, r.name)
	if err != nil {
		return Member{}, fmt.Errorf("log in to IRC: %w", err)
	}
	if !found {
		return Member{}, errCertificate()
	}
	m, err := s.enter(ctx, a, true)
	if now := s.clock(); err == nil && core.Due(now, time.Unix(r.used, 0), certificateUse) {
		err = s.exec(ctx, "UPDATE member_certificate SET used_at = ? WHERE member_id = ? AND fingerprint = ?", now.Unix(), r.id, fingerprint)
	}
	return m, err
}

func errCertificate() error {
	return core.Errorf(core.Forbidden, "no account of yours knows this certificate")
}
