package conn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestCertificateIsMadeOnceAndKeptSecret(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "a", "c.pem"), filepath.Join(dir, "b", "k.pem")
	first, made, err := LoadCertificate(certFile, keyFile, "irc.example.org", time.Now())
	if err != nil || !made {
		t.Fatalf("made %v, %v", made, err)
	}
	for _, name := range []string{"irc.example.org", "localhost", "127.0.0.1", "::1"} {
		if err := first.Leaf.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(keyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v (%v)", info.Mode(), err)
	}
	again, made, err := LoadCertificate(certFile, keyFile, "irc.example.org", time.Now())
	if err != nil || made || Fingerprint(again) != Fingerprint(first) {
		t.Errorf("the second start: made %v, %v", made, err)
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	if _, _, err := LoadCertificate(certFile, keyFile, "irc.example.org", time.Now()); err == nil {
		t.Error("a certificate without its key was accepted")
	}
	if _, err := os.Stat(keyFile); err == nil {
		t.Error("a key was written beside a certificate that it doesn't belong to")
	}
}

// A new certificate is taken from the files; one that doesn't fit is not.
func TestCertificateReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	first, _, err := LoadCertificate(certFile, keyFile, "irc.test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := NewCertificates(certFile, keyFile, first, slog.New(slog.DiscardHandler))
	l, err := tls.Listen("tcp", "127.0.0.1:0", c.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).Handshake()
			conn.Close()
		}
	}()
	serves := func() string {
		conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return shown(conn.ConnectionState())
	}
	if got := serves(); got != Fingerprint(first) {
		t.Fatalf("serves %s", got)
	}
	if err := os.WriteFile(certFile, []byte("half written"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Look()
	if got := serves(); got != Fingerprint(first) {
		t.Errorf("with a broken file it serves %s", got)
	}
	if err := os.Remove(certFile); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	second, _, err := LoadCertificate(certFile, keyFile, "irc.test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c.Look()
	if got := serves(); got != Fingerprint(second) {
		t.Errorf("after the renewal it serves %s", got)
	}
}

// TestSelfSigned tells a certificate that nobody else has signed from one of an authority.
func TestSelfSigned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	own, _, err := LoadCertificate(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), "irc.test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got := NewCertificates("", "", own, slog.New(slog.DiscardHandler)).SelfSigned(); got != Fingerprint(own) || len(got) != 64 {
		t.Errorf("%q, want %q", got, Fingerprint(own))
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "irc.example.org"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, about, own.Leaf, &key.PublicKey, own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	signed := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	if got := NewCertificates("", "", signed, slog.New(slog.DiscardHandler)).SelfSigned(); got != "" {
		t.Errorf("one of an authority: %q", got)
	}
}
