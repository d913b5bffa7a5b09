package conn

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Certificates hands the TLS listeners the certificate of the configured files,
// and follows when they are replaced: a renewal needs no restart. Connections
// that are open keep what they have.
type Certificates struct {
	certFile, keyFile string
	log               *slog.Logger

	current atomic.Pointer[tls.Certificate]

	mu    sync.Mutex
	stamp [2]fileStamp // of the files as they were tried last
}

// fileStamp tells one version of a file from the next.
type fileStamp struct {
	changed time.Time
	size    int64
}

func stampOf(path string) fileStamp {
	info, err := os.Stat(path) // follows the links that renewal tools swap
	if err != nil {
		return fileStamp{}
	}
	return fileStamp{info.ModTime(), info.Size()}
}

// certificatePause is how often the files are looked at.
const certificatePause = 5 * time.Second

// NewCertificates begins with a certificate that was read from the files.
func NewCertificates(certFile, keyFile string, first tls.Certificate, log *slog.Logger) *Certificates {
	c := &Certificates{certFile: certFile, keyFile: keyFile, log: log, stamp: [2]fileStamp{stampOf(certFile), stampOf(keyFile)}}
	c.current.Store(&first)
	return c
}

// Config is for the listeners. A client may show a certificate. It needs no signature of
// an authority, as it proves only that the client has its key.
func (c *Certificates) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		ClientAuth:     tls.RequestClientCert,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// SelfSigned is the fingerprint of the present certificate if nobody has signed it but
// itself, so that clients have nothing else to know it by; else "".
func (c *Certificates) SelfSigned() string {
	cert := *c.current.Load()
	if leaf := cert.Leaf; leaf == nil || !bytes.Equal(leaf.RawIssuer, leaf.RawSubject) {
		return ""
	}
	return Fingerprint(cert)
}

// Look takes the certificate from the files if they have changed. One that doesn't fit its
// key, as in the middle of a renewal, is logged once and not taken.
func (c *Certificates) Look() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := [2]fileStamp{stampOf(c.certFile), stampOf(c.keyFile)}
	if now == c.stamp {
		return
	}
	c.stamp = now
	cert, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		c.log.Error("the new certificate for IRC can't be used, the old one stays", "err", err)
		return
	}
	c.current.Store(&cert)
	c.log.Info("took a new certificate for IRC", "sha256", Fingerprint(cert))
}

// Follow looks at the files until ctx ends.
func (c *Certificates) Follow(ctx context.Context) error {
	t := time.NewTicker(certificatePause)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			c.Look()
		}
	}
}

// shown is the fingerprint of the certificate that a client showed, "" without one.
func shown(state tls.ConnectionState) string {
	if len(state.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(state.PeerCertificates[0].Raw)
	return hex.EncodeToString(sum[:])
}
