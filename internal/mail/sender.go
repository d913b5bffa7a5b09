package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Sender hands letters to the mail server.
type Sender struct {
	queue  *Queue
	config Config
	log    *slog.Logger
	at     func(point) // called at the points of a letter's way; tests stop it there

	mu      sync.Mutex
	trouble string
	deaf    string    // why no reports are taken; "" while they are
	seen    time.Time // when trouble was looked for
}

// point is a moment on a letter's way at which a program may be killed.
type point int

const (
	claimed point = iota // it is marked as being sent
	taken                // the server has it, and nobody has noted so
)

// NewSender returns one for the letters of q.
func NewSender(q *Queue, log *slog.Logger) *Sender {
	return &Sender{queue: q, config: q.config, log: log, at: func(point) {}}
}

// Send sends what is due, as long as ctx leaves time, and returns how many letters have left the
// queue. Where the server takes no letters, the error, with code Unavailable, says why; the letters
// wait. May be called by several processes at once.
func (s *Sender) Send(ctx context.Context) (n int64, err error) {
	defer func() { err = errors.Join(err, s.look(ctx)) }()
	for {
		k, err := s.queue.expire(ctx, batch)
		if n += k; err != nil {
			return n, err
		}
		if k < batch {
			break
		}
	}
	for s.hasTime(ctx) {
		list, err := s.queue.next(ctx, batch)
		if err != nil || len(list) == 0 {
			return n, err
		}
		k, err := s.batch(ctx, list)
		n += k
		if err != nil || k == 0 {
			return n, err
		}
	}
	return n, nil
}

// Prune is that of the queue.
func (s *Sender) Prune(ctx context.Context, limit int) (int64, error) {
	return s.queue.Prune(ctx, limit)
}

// hasTime reports whether ctx leaves time for a letter, at whose end there is something to write.
func (s *Sender) hasTime(ctx context.Context) bool {
	end, limited := ctx.Deadline()
	return ctx.Err() == nil && (!limited || time.Until(end) > s.config.Timeout.Duration+settling)
}

// batch sends letters over one connection, and returns how many have left the queue.
func (s *Sender) batch(ctx context.Context, list []due) (n int64, err error) {
	var c *connection
	defer func() {
		if c != nil {
			c.quit()
		}
	}()
	for _, d := range list {
		if !s.hasTime(ctx) {
			return n, nil
		}
		letter, err := s.queue.open(d)
		switch {
		case err != nil:
			s.log.Error("a letter can't be opened", "mail", d.id, "err", err)
			err = s.queue.settle(ctx, d, refused, unopened)
		case letter.To == "":
			err = s.queue.settle(ctx, d, dropped, isDecoy)
		case !s.queue.Configured():
			continue
		default:
			if c == nil {
				if c, err = dial(ctx, s.config); err != nil {
					return n, unreachable(err)
				}
			}
			err = s.one(ctx, c, d, letter)
			if core.CodeOf(err) == core.NotFound { // somebody else has taken it
				continue
			}
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// one sends one letter. The error has code NotFound where the letter is not ours to send any more,
// and Unavailable where the server takes none.
func (s *Sender) one(ctx context.Context, c *connection, d due, letter sealed) error {
	msg, err := s.message(d, letter)
	if err != nil {
		s.log.Error("a letter can't be written", "mail", d.id, "err", redact(err.Error(), letter.To))
		return s.queue.settle(ctx, d, refused, redact(err.Error(), letter.To))
	}
	ok, err := s.queue.claim(ctx, &d)
	if err != nil {
		return err
	}
	if !ok {
		return core.Errorf(core.NotFound, "letter %d is taken", d.id)
	}
	s.at(claimed)
	v, why := sent, ""
	if err := c.send(msg, letter.To); err != nil && !msg.IsDelivered() {
		v, why = judge(err, letter.To)
	}
	s.at(taken)
	if err := s.queue.settle(ctx, d, v, why); err != nil {
		return err
	}
	if v != sent {
		s.log.Warn("letter not sent", "mail", d.id, "kind", d.kind, "try", d.tries, "why", why)
	}
	if v == away {
		return core.Errorf(core.Unavailable, "the mail server takes no letters: %s", why)
	}
	return nil
}

// unreachable is the error for a server that can't be connected to. Nothing of a letter has been said by then.
func unreachable(err error) error {
	return core.Errorf(core.Unavailable, "the mail server can't be used: %s", redact(err.Error(), ""))
}

// message writes a letter as it goes over the wire.
func (s *Sender) message(d due, letter sealed) (*gomail.Msg, error) {
	body, err := render(letter.words, s.queue.site)
	if err != nil {
		return nil, err
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	err = errors.Join(m.FromFormat(s.config.FromName, s.config.From), m.EnvelopeFrom(s.queue.returnPath(d)), m.To(letter.To))
	if s.config.ReplyTo != "" {
		err = errors.Join(err, m.ReplyTo(s.config.ReplyTo))
	}
	if err != nil {
		return nil, err
	}
	m.Subject(body.Subject)
	m.SetMessageIDWithValue(s.queue.messageID(d))
	m.SetDateWithValue(d.created.UTC())
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no answer by a program
	m.SetGenHeader("X-Auto-Response-Suppress", "All")  // the same for Exchange
	if letter.Off != "" {
		// RFC 8058 asks for https; where a site has none, the link alone is told.
		if err := m.SetListUnsubscribeOneClick(letter.Off); err != nil {
			m.SetListUnsubscribe(letter.Off)
		}
	}
	m.SetBodyString(gomail.TypeTextPlain, body.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, body.HTML)
	return m, nil
}

// connection is one to the mail server.
type connection struct {
	client *gomail.Client
	smtp   *smtp.Client
	raw    net.Conn
	stop   func() bool // ends the watch over the context
}

// dial connects, encrypts and logs in. The connection breaks when ctx ends.
func dial(ctx context.Context, c Config) (*connection, error) {
	secure := &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca_file: %s holds no certificate", c.CAFile)
		}
	}
	made := &connection{stop: func() bool { return true }}
	options := []gomail.Option{gomail.WithPort(c.port()), gomail.WithTimeout(c.Timeout.Duration), gomail.WithHELO(c.hello()),
		gomail.WithTLSConfig(secure), gomail.WithTLSPolicy(policy(c.Security)), gomail.WithoutNoop(),
		gomail.WithDialContextFunc(func(inner context.Context, _, _ string) (net.Conn, error) {
			conn, err := made.dial(inner, c, secure)
			if made.raw != nil { // the library holds its lock while it waits for an answer, so only this can break it
				made.stop = context.AfterFunc(ctx, func() { _ = made.raw.Close() })
			}
			return conn, err
		})}
	if c.Security == TLS {
		options = append(options, gomail.WithSSL())
	}
	if c.User != "" {
		password, err := c.password()
		if err != nil {
			return nil, fmt.Errorf("password_file: %w", err)
		}
		options = append(options, gomail.WithUsername(c.User), gomail.WithPassword(password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	var err error
	if made.client, err = gomail.NewClient(c.Host, options...); err != nil {
		return nil, err
	}
	made.smtp, err = made.client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		made.close() // the library leaves a connection open on which a greeting or a login failed
		return nil, err
	}
	return made, nil
}

func policy(s Security) gomail.TLSPolicy {
	if s == StartTLS {
		return gomail.TLSMandatory
	}
	return gomail.NoTLS // there is none to begin, or it has begun already
}

// dial opens the connection itself, which c then owns.
func (c *connection) dial(ctx context.Context, config Config, secure *tls.Config) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(config.Host, strconv.Itoa(config.port())))
	if err != nil {
		return nil, err
	}
	c.raw = &bounded{Conn: conn, left: maxReplies}
	if config.Security != TLS {
		return c.raw, nil
	}
	over := tls.Client(c.raw, secure)
	if err := over.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return over, nil
}

func (c *connection) close() {
	c.stop()
	if c.raw != nil {
		_ = c.raw.Close() // it may be closed already, and there is nobody to tell
	}
}

// quit ends the connection in order. The letters have been taken by then, so an error means nothing.
func (c *connection) quit() {
	_ = c.client.CloseWithSMTPClient(c.smtp)
	c.close()
}

var errNotASCII = errors.New("the mail server takes no addresses with letters beyond ASCII")

// send sends one message to one address.
func (c *connection) send(m *gomail.Msg, to string) error {
	plain := isASCII(to)
	if able, _ := c.smtp.Extension("SMTPUTF8"); !plain && !able {
		return errNotASCII
	}
	c.smtp.SkipSMTPUTF8(plain) // or a server on the way that lacks it would refuse the letter
	return c.client.SendWithSMTPClient(c.smtp, m)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// maxReplies is how much a server may answer on one connection, in bytes.
const maxReplies = 1 << 20

// bounded is a connection that yields so many bytes and no more.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
