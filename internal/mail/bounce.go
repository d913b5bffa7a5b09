package mail

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// A relay takes every letter, and sends a report back where it can't deliver one (RFC 3464). With
// [mail] bounces each letter has a return address of its own, NAME+bID-MAC@HOST, and the relay
// hands what comes to such an address over by LMTP (RFC 2033).

// The bounds of reports.
const (
	maxReport  = 512 << 10 // bytes: they may hold the whole letter
	maxPart    = 64 << 10  // bytes of a part that is read
	maxReports = 10        // connections at once
	reportTime = 20 * time.Second
	returned   = "returned: " // what last_error begins with
)

// Bounces takes reports until ctx ends, and marks the letters that they are about. Without [mail]
// bounces it returns at once.
func (s *Sender) Bounces(ctx context.Context) error {
	if s.config.Bounces == "" || !s.config.Configured() {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.config.Bounces)
	s.hears(err)
	if err != nil {
		return fmt.Errorf("[mail] bounces: %w", err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &reports{ctx: ctx, s: s}, nil }))
	server.LMTP, server.Domain, server.ErrorLog = true, s.config.hello(), quiet{s.log}
	server.MaxMessageBytes, server.MaxRecipients = maxReport, 1
	server.ReadTimeout, server.WriteTimeout = reportTime, reportTime
	stop := context.AfterFunc(ctx, func() { _, _ = server.Close(), l.Close() }) // what is under way ends, too
	defer stop()
	if err := server.Serve(netutil.LimitListener(l, maxReports)); err != nil && ctx.Err() == nil {
		s.hears(err)
		return fmt.Errorf("[mail] bounces: %w", err)
	}
	return nil
}

func (s *Sender) hears(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deaf = ""; err != nil {
		s.deaf = "what comes back of the mail isn't heard: " + redact(err.Error(), "")
	}
}

// quiet logs what the library has to say, without addresses.
type quiet struct{ log *slog.Logger }

// Printf implements smtp.Logger.
func (q quiet) Printf(format string, args ...any) {
	q.log.Debug("reports of the mail server", "err", redact(fmt.Sprintf(format, args...), ""))
}

// Println implements smtp.Logger.
func (q quiet) Println(args ...any) {
	q.log.Debug("reports of the mail server", "err", redact(fmt.Sprint(args...), ""))
}

// returnPath is the address to which a report of a letter comes.
func (q *Queue) returnPath(d due) string {
	if q.config.Bounces == "" {
		return q.config.From
	}
	at := strings.LastIndexByte(q.config.From, '@')
	return fmt.Sprintf("%s+b%d-%s%s", q.config.From[:at], d.id, q.returnMAC(d), q.config.From[at:])
}

func (q *Queue) returnMAC(d due) string {
	return hex.EncodeToString(q.keys.MAC(returnUse, string(d.once))[:10])
}

var returnPattern = regexp.MustCompile(`\+b([0-9]{1,18})-([0-9a-f]{20})@`)

// about finds the letter whose return address this is. The error has code NotFound where there is none.
func (q *Queue) about(ctx context.Context, address string) (due, error) {
	nobody := core.Errorf(core.NotFound, "there is no such address")
	m := returnPattern.FindStringSubmatch(text.FoldASCII(address))
	if m == nil {
		return due{}, nobody
	}
	id, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return due{}, nobody
	}
	d, ok, err := db.One(ctx, q.db, func(sc db.Scanner) (d due, err error) {
		return d, sc.Scan(&d.id, &d.member, &d.kind, &d.state, &d.tries, &d.once)
	}, "SELECT id, member_id, kind, state, tries, once_mac FROM mail WHERE id = ?", id)
	switch {
	case err != nil:
		return due{}, fmt.Errorf("look for letter %d: %w", id, err)
	case !ok || !secret.Equal([]byte(q.returnMAC(d)), []byte(m[2])):
		return due{}, nobody
	}
	return d, nil
}

// comesBack marks a letter that was sent and did not arrive.
func (q *Queue) comesBack(ctx context.Context, d due, v verdict, why string) error {
	switch d.state {
	case Queued, Sending: // it has just been taken, and that isn't noted yet
		return core.Errorf(core.Unavailable, "letter %d is still being sent", d.id)
	case Failed, Dropped: // a report came before
		return nil
	}
	now := q.clock().Unix()
	err := q.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE mail SET state = ?, last_error = ?, ended_at = ? WHERE id = ? AND state = ?",
			string(Failed), text.Cut(returned+why, maxError), now, d.id, string(Sent))
		if err != nil || n == 0 {
			return err
		}
		return q.tell(ctx, tx, d, v == noAddress)
	})
	if err != nil {
		return fmt.Errorf("note that letter %d came back: %w", d.id, err)
	}
	return nil
}

// reports is one connection of the relay.
type reports struct {
	ctx   context.Context
	s     *Sender
	about *due
}

// Reset implements smtp.Session.
func (r *reports) Reset() { r.about = nil }

// Logout implements smtp.Session.
func (r *reports) Logout() error { return nil }

// Mail implements smtp.Session. Reports come from nobody, so that nothing answers them.
func (r *reports) Mail(from string, _ *smtp.MailOptions) error {
	if from != "" {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "only reports of delivery are taken here"}
	}
	return nil
}

// Rcpt implements smtp.Session.
func (r *reports) Rcpt(to string, _ *smtp.RcptOptions) error {
	ctx, cancel := context.WithTimeout(r.ctx, reportTime)
	defer cancel()
	d, err := r.s.queue.about(ctx, to)
	if core.CodeOf(err) == core.NotFound {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "there is no such address"}
	}
	if err != nil {
		return r.later(err)
	}
	r.about = &d
	return nil
}

// Data implements smtp.Session. What is no report of a failure is taken and means nothing.
func (r *reports) Data(in io.Reader) error {
	raw, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if r.about == nil {
		return errors.New("a report about nothing")
	}
	v, why, failed := readReport(raw)
	if !failed {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.ctx, reportTime)
	defer cancel()
	if err := r.s.queue.comesBack(ctx, *r.about, v, why); err != nil {
		return r.later(err)
	}
	r.s.log.Warn("letter came back", "mail", r.about.id, "kind", r.about.kind, "why", why)
	return nil
}

func (r *reports) later(err error) error {
	r.s.log.Error("a report of the mail server waits", "err", err)
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "come again later"}
}

// readReport finds in a message what a relay reports: failed is false where it is no report, or
// one of a letter that only takes longer.
func readReport(raw []byte) (v verdict, why string, failed bool) {
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return 0, "", false
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || !strings.HasPrefix(kind, "multipart/") {
		return 0, "", false
	}
	var status, said, address string
	parts := multipart.NewReader(m.Body, params["boundary"])
	for range 5 { // the notice, the report, and the letter or its head
		p, err := parts.NextPart()
		if err != nil {
			break
		}
		body, _ := io.ReadAll(io.LimitReader(p, maxPart)) // what is cut off means nothing
		switch kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type")); kind {
		case "text/plain":
			if said == "" {
				said = answer.FindString(string(body))
			}
		case "message/delivery-status":
			var diagnosis string
			status, diagnosis, address, failed = readStatus(body)
			if diagnosis != "" {
				said = diagnosis
			}
		}
	}
	if !failed {
		return 0, "", false
	}
	return judgeReport(status, said, address)
}

// answer is a line of a notice that repeats what the last server has said.
var answer = regexp.MustCompile(`\b5\d\d[ -][^\r\n]{1,300}`)

// readStatus reads the fields about the one address of a letter (RFC 3464 2.3).
func readStatus(body []byte) (status, diagnosis, address string, failed bool) {
	in := textproto.NewReader(bufio.NewReader(io.MultiReader(bytes.NewReader(body), strings.NewReader("\r\n\r\n"))))
	for range 3 { // the first group is about the message
		h, err := in.ReadMIMEHeader()
		if strings.EqualFold(strings.TrimSpace(h.Get("Action")), "failed") {
			_, address, _ = strings.Cut(h.Get("Final-Recipient"), ";")
			_, diagnosis, _ = strings.Cut(h.Get("Diagnostic-Code"), ";")
			return strings.TrimSpace(h.Get("Status")), strings.TrimSpace(diagnosis), strings.TrimSpace(address), true
		}
		if err != nil {
			break
		}
	}
	return "", "", "", false
}

// judgeReport says what a report means, in words without the address. What the last server has
// said tells more than a status that only says that something is wrong.
func judgeReport(status, said, address string) (v verdict, why string, failed bool) {
	if found := enhanced.FindString(said); found != "" && (status == "" || status == "5.0.0") {
		status = found
	}
	code := 0
	if m := firstCode.FindString(said); m != "" {
		code, _ = strconv.Atoi(m) // the pattern has let through digits only
	}
	why = redact(strings.TrimSpace(status+" "+said), address)
	if strings.HasPrefix(status, "4.") || !blamesAddress(code, strings.TrimSpace(status)) {
		return refused, why, true
	}
	return noAddress, why, true
}

var firstCode = regexp.MustCompile(`\b5\d\d\b`)
