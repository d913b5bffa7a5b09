package hermes

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	dialLimit  = 15 * time.Second // TCP and TLS together
	writeLimit = 10 * time.Second
)

// wire is the connection under girc. We write our own lines straight to it:
// girc would cut a message longer than 395 bytes in two, and drops lines without
// an error when the connection is going.
type wire struct {
	net.Conn
	mu sync.Mutex // one line at a time
}

// dial connects to the server.
func dial(ctx context.Context, c Config) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", c.Server)
	if err != nil {
		return nil, err
	}
	if !c.TLS {
		return &wire{Conn: conn}, nil
	}
	settings, err := tlsConfig(c)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	secure := tls.Client(conn, settings)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("TLS: %w", err), conn.Close())
	}
	return &wire{Conn: secure}, nil
}

func tlsConfig(c Config) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(c.Server)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate", c.CAFile)
		}
	}
	if want := c.fingerprint(); want != "" {
		settings.InsecureSkipVerify = true // the pin below is stricter
		settings.VerifyConnection = func(s tls.ConnectionState) error {
			got := sha256.Sum256(s.PeerCertificates[0].Raw)
			if hex.EncodeToString(got[:]) != want {
				return errors.New("the server's certificate is another one than the fingerprint says")
			}
			return nil
		}
	}
	return settings, nil
}

// Write is for girc, which hands over whole lines. Its answers to CTCP queries
// are left out: anyone could make us flood with them.
func (w *wire) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("NOTICE ")) {
		return len(p), nil
	}
	return w.write(p)
}

// line writes one line of ours. Control characters in params, which would end or
// split it, are an error.
func (w *wire) line(command string, params ...string) error {
	text := command
	for i, p := range params {
		if i == len(params)-1 {
			text += " :" + p
		} else {
			text += " " + p
		}
	}
	if strings.ContainsAny(text, "\r\n\x00") {
		return errors.New("a line end inside a line")
	}
	_, err := w.write([]byte(text + "\r\n"))
	return err
}

func (w *wire) write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}
