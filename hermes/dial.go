package hermes

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

const dialLimit = 15 * time.Second // TCP and TLS together

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
