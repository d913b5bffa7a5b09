package mailtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// encrypt opens the ports that encrypt before OpenSMTPD.
func (s *Server) encrypt() {
	s.t.Helper()
	cert, raw, err := certificate()
	if err != nil {
		s.t.Fatal(err)
	}
	s.CAFile, s.PasswordFile = filepath.Join(s.dir, "ca.pem"), filepath.Join(s.dir, "password")
	for file, text := range map[string][]byte{s.CAFile: raw, s.PasswordFile: []byte(s.Password + "\n")} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	s.Port = s.serve("STARTTLS", func(conn net.Conn) error {
		return (&front{server: s, config: config, client: textproto.NewConn(conn), raw: conn}).talk()
	})
	s.TLSPort = s.serve("TLS", func(conn net.Conn) error {
		over := tls.Server(conn, config)
		return (&front{server: s, client: textproto.NewConn(over), raw: over, secure: true, demands: true}).talk()
	})
}

// certificate makes one for this machine that has signed itself.
func certificate() (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "mailtest"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &key.PublicKey, key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}

// front stands between a client and OpenSMTPD: it knows STARTTLS and AUTH PLAIN, and passes on the
// rest as it comes.
type front struct {
	server  *Server
	config  *tls.Config
	client  *textproto.Conn
	raw     net.Conn
	behind  *textproto.Conn
	secure  bool
	known   bool // the client has logged in
	demands bool // it must
}

func (f *front) talk() error {
	if err := f.connect(); err != nil {
		return nil // the server is away, so the client sees the connection end
	}
	defer func() { _ = f.behind.Close() }()
	if _, err := f.reply(); err != nil {
		return err
	}
	for {
		line, err := f.client.ReadLine()
		if err == nil {
			err = f.command(line)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, errQuit) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (f *front) connect() error {
	var d net.Dialer
	conn, err := d.DialContext(f.server.t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", f.server.PlainPort))
	if err == nil {
		f.behind = textproto.NewConn(conn)
	}
	return err
}

var errQuit = errors.New("the client has said QUIT")

func (f *front) command(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word = strings.ToUpper(word); {
	case word == "STARTTLS" && !f.secure:
		if err := f.client.PrintfLine("220 2.0.0 go on"); err != nil {
			return err
		}
		f.raw = tls.Server(f.raw, f.config)
		f.client, f.secure = textproto.NewConn(f.raw), true
		// Both begin anew (RFC 3207 4.2). The client gets no second greeting.
		_ = f.behind.Close()
		err := f.connect()
		if err == nil {
			_, err = f.behind.ReadLine()
		}
		return err
	case word == "AUTH" && f.secure:
		return f.login(rest)
	case word == "MAIL" && f.demands && !f.known:
		return f.client.PrintfLine("530 5.7.0 log in first")
	}
	if err := f.behind.PrintfLine("%s", line); err != nil {
		return err
	}
	code, err := f.reply(f.offers(word)...)
	switch {
	case err != nil:
		return err
	case word == "QUIT":
		return errQuit
	case word == "DATA" && code == "354":
		to := f.behind.DotWriter()
		if _, err := io.Copy(to, f.client.DotReader()); err != nil {
			return err
		}
		if err := to.Close(); err != nil {
			return err
		}
		_, err = f.reply()
	}
	return err
}

// offers are what the client is told besides.
func (f *front) offers(word string) []string {
	switch {
	case word != "EHLO":
		return nil
	case f.secure:
		return []string{"AUTH PLAIN"}
	}
	return []string{"STARTTLS"}
}

func (f *front) login(rest string) error {
	want := base64.StdEncoding.EncodeToString([]byte("\x00" + f.server.User + "\x00" + f.server.Password))
	if rest != "PLAIN "+want {
		return f.client.PrintfLine("535 5.7.8 that is not the password")
	}
	f.known = true
	return f.client.PrintfLine("235 2.7.0 welcome")
}

// reply passes one reply on, with more lines before its last, and returns its code.
func (f *front) reply(more ...string) (code string, err error) {
	for {
		line, err := f.behind.ReadLine()
		if err != nil || len(line) < 4 {
			return "", err
		}
		if line[3] == ' ' {
			for _, one := range more {
				if err := f.client.PrintfLine("%s-%s", line[:3], one); err != nil {
					return "", err
				}
			}
		}
		if err := f.client.PrintfLine("%s", line); err != nil {
			return "", err
		}
		if line[3] == ' ' {
			return line[:3], nil
		}
	}
}
