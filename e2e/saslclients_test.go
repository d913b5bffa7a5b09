package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRealIRCClientsLogIn lets irssi and WeeChat log in over TLS as docs/irc-login.md
// says: with the IRC key, and by EXTERNAL with a certificate that the member registered
// before, on the site or by telling Hermes, and then without a key.
func TestRealIRCClientsLogIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		shape    shape
		byKey    string // irssi 1.4 has no SCRAM
		open     func(*account, string, []byte, login) *chatClient
		account  string // how it tells somebody's account
		register func(who *account, connected *chatClient, shown string)
	}{
		{"irssi", onSQLite, "PLAIN", (*account).irssi, ` account +: ann\b`, func(who *account, _ *chatClient, shown string) {
			who.post("/settings/irc/certificates", url.Values{"certificate": {shown}})
		}},
		{"WeeChat", onMariaDB, "SCRAM-SHA-256", (*account).weechat, `\[ann\] .*logged in as ann\b`, func(_ *account, connected *chatClient, _ string) {
			connected.seesAfter("/query Hermes certfp add", `You can log in by SASL EXTERNAL with the certificate`)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var addr string
			h := build(t, c.shape, overTLS(&addr))
			h.do("channel", "create", "#power", "For those who seed")
			h.do("channel", "set", "#power", "join", "Power User")
			h.do("channel", "set", "#power", "autojoin", "on")
			ann := h.member("ann", "Power User")
			_, port, _ := net.SplitHostPort(addr)
			pin := sha256.Sum256(h.ircCertificate().Raw)
			file, shown := clientCertificate(t)

			connect := func(by login) *chatClient {
				t.Helper()
				client := c.open(ann, port, pin[:], by)
				client.sent("AUTHENTICATE " + by.mechanism)
				client.goTo("#power")
				client.sees("For those who seed")
				client.goHome()
				client.seesAfter("/whois ann", c.account)
				client.sees("fingerprint " + shown)
				return client
			}
			isListed := func(how string) {
				t.Helper()
				if said := h.do("certfp", "list", "--member", "ann"); !strings.Contains(said, shown) || !strings.Contains(said, how) {
					t.Errorf("want the certificate %s %s, it is: %s", shown, how, said)
				}
			}

			client := connect(login{mechanism: c.byKey, key: ann.ircKey, certificate: file})
			c.register(ann, client, shown)
			isListed("never used")
			client.quit()

			client = connect(login{mechanism: "EXTERNAL", certificate: file})
			isListed("last used")
			client.quit()
			knowsNot(t, client.dir, ann.ircKey)
		})
	}
}

// clientCertificate makes a self-signed certificate, in a file with its key, as both
// clients want it, and returns its fingerprint too.
func clientCertificate(t *testing.T) (file, shown string) {
	t.Helper()
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	cert := must[[]byte](t)(x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key))
	var out bytes.Buffer
	for _, block := range []*pem.Block{
		{Type: "PRIVATE KEY", Bytes: must[[]byte](t)(x509.MarshalPKCS8PrivateKey(key))},
		{Type: "CERTIFICATE", Bytes: cert},
	} {
		if err := pem.Encode(&out, block); err != nil {
			t.Fatal(err)
		}
	}
	file = filepath.Join(t.TempDir(), "irc.pem")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, fmt.Sprintf("%x", sha256.Sum256(cert))
}

// knowsNot checks that no file of a client holds a secret.
func knowsNot(t *testing.T, dir, secret string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		files++
		raw, err := os.ReadFile(path)
		if bytes.Contains(raw, []byte(secret)) {
			t.Errorf("%s holds the key", path)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("looked at %d files of the client: %v", files, err)
	}
}
