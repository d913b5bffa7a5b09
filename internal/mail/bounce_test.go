package mail

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/mail/mailtest"
)

// takeBack takes reports until the test ends, and waits until it can.
func (b box) takeBack(t *testing.T) {
	t.Helper()
	s := b.sender()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Bounces(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("reports: %v", err)
		}
	})
	eventually(t, "reports are taken", func() bool {
		conn, err := net.DialTimeout("tcp", b.config.Bounces, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after 30 s still not: %s", what)
		}
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// TestALetterComesBack sends by a relay of deploy/, which takes each letter before it knows.
func TestALetterComesBack(t *testing.T) {
	t.Parallel()
	world := mailtest.Start(t)
	world.Refuse("gone@lab.example")
	c := onConfig()
	c.Bounces = freeAddress(t)
	relay := mailtest.StartRelay(t, world, c.Bounces)
	c.Port = relay.PlainPort
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	b := newBox(t, dbtest.SQLite(t), c)
	b.takeBack(t)
	b.put(t, recovery("gone@lab.example", 7, ""))
	b.put(t, recovery("there@lab.example", 8, ""))
	b.send(t, 2)
	world.Letters("there@lab.example", 1)
	eventually(t, "it came back", func() bool { return b.failures(t) != nil })
	e := b.entries(t)
	if e[0].State != Failed || e[0].LastError != returned+"5.0.0 550 Invalid recipient: (address)" || e[0].Kept || e[1].State != Sent {
		t.Errorf("%+v", e)
	}
	if want := (eventlog.MailFailed{Mail: e[0].ID, Member: 7, Kind: "recover", Address: true}); b.failures(t)[0] != want {
		t.Errorf("told %+v", b.failures(t))
	}
}

// report is what a relay says of a letter.
func report(action, status, diagnosis string) string {
	return strings.ReplaceAll(fmt.Sprintf(`From: Mailer Daemon <MAILER-DAEMON@relay.example>
Subject: failed
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain

ann@lab.example: 552 5.2.2 Mailbox full
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.example

Final-Recipient: rfc822; ann@lab.example
Action: %s
Status: %s
%s
--x
Content-Type: message/rfc822

Subject: hello

550 5.1.1 in a letter means nothing
--x--
`, action, status, diagnosis), "\n", "\r\n")
}

func TestReadReport(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		raw    string
		want   verdict
		failed bool
		why    string
	}{
		{report("failed", "5.1.1", "Diagnostic-Code: smtp; 550 5.1.1 <ann@lab.example>: no such user\n"), noAddress, true, "5.1.1 550 5.1.1 (address): no such user"},
		{report("failed", "5.0.0", "Diagnostic-Code: smtp; 550 no such user ANN\n"), noAddress, true, "5.0.0 550 no such user (address)"},
		{report("Failed", "5.0.0", ""), refused, true, "5.2.2 552 5.2.2 Mailbox full"},
		{report("failed", "5.7.1", "Diagnostic-Code: smtp; 550 5.7.1 blocked\n"), refused, true, "5.7.1 550 5.7.1 blocked"},
		{report("failed", "4.4.7", "Diagnostic-Code: smtp; 421 too long\n"), refused, true, "4.4.7 421 too long"},
		{report("delayed", "4.0.0", ""), 0, false, ""},
		{"Subject: I am away\r\n\r\n550 5.1.1", 0, false, ""},
		{"", 0, false, ""},
		{strings.Repeat("x", 1000), 0, false, ""},
	} {
		v, why, failed := readReport([]byte(c.raw))
		if v != c.want || failed != c.failed || why != c.why {
			t.Errorf("%v, %q, %v; want %+v", v, why, failed, c)
		}
	}
}

// FuzzReadReport makes sure that nothing that comes from outside breaks it.
func FuzzReadReport(f *testing.F) {
	f.Add([]byte(report("failed", "5.1.1", "")))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, why, failed := readReport(raw); len(why) > maxError || failed && strings.ContainsAny(why, "\r\n@") {
			t.Errorf("%q", why)
		}
	})
}

func TestWhatIsNoReport(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := onConfig()
		c.Bounces = freeAddress(t)
		b := newBox(t, d, c)
		b.put(t, recovery("ann@lab.example", 7, ""))
		list, err := b.next(t.Context(), 1)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		b.takeBack(t)
		path := b.returnPath(list[0])
		if !strings.HasPrefix(path, "noreply+b1-") || len(path) != len("noreply+b1-@bio.example")+20 {
			t.Fatalf("return path %s", path)
		}
		forged := path[:len("noreply+b1-")] + strings.Repeat("0", 20) + "@bio.example"
		whole := report("failed", "5.1.1", "")
		deliver := func(from, to, raw string) error {
			conn, err := textproto.Dial("tcp", c.Bounces)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, _, err := conn.ReadResponse(220); err != nil {
				t.Fatal(err)
			}
			for _, line := range []string{"LHLO relay", "MAIL FROM:<" + from + ">", "RCPT TO:<" + to + ">"} {
				if err := conn.PrintfLine("%s", line); err != nil {
					t.Fatal(err)
				}
				if _, _, err := conn.ReadResponse(250); err != nil {
					return err
				}
			}
			_ = conn.PrintfLine("DATA")
			if _, _, err := conn.ReadResponse(354); err != nil {
				return err
			}
			w := conn.DotWriter()
			_, _ = w.Write([]byte(raw))
			_ = w.Close()
			_, _, err = conn.ReadResponse(250)
			return err
		}
		for name, c := range map[string]struct{ from, to, raw, wants string }{
			"still being sent": {"", path, whole, "451"},
			"from somebody":    {"ann@lab.example", path, whole, "550"},
			"to staff":         {"", "noreply@bio.example", whole, "550"},
			"a forged address": {"", forged, whole, "550"},
			"no such letter":   {"", strings.Replace(path, "+b1-", "+b99-", 1), whole, "550"},
			"a huge number":    {"", strings.Replace(path, "+b1-", "+b999999999999999999-", 1), whole, "550"},
			"too large":        {"", path, whole + strings.Repeat("a line\r\n", maxReport/8+1), "552"},
		} {
			if err := deliver(c.from, c.to, c.raw); err == nil || !strings.HasPrefix(err.Error(), c.wants) {
				t.Errorf("%s: %v, want %s", name, err, c.wants)
			}
		}
		b.age(t, 1, Sent, noon, "")
		for _, raw := range []string{report("delayed", "4.0.0", ""), "Subject: I am away\r\n\r\nuntil Monday"} {
			if err := deliver("", path, raw); err != nil || b.entries(t)[0].State != Sent {
				t.Errorf("%v, %+v", err, b.entries(t)[0])
			}
		}
		for range 2 { // the second time nothing is told
			if err := deliver("", strings.ToUpper(path), whole); err != nil {
				t.Error(err)
			}
		}
		if got := b.failures(t); len(got) != 1 || !got[0].Address || b.entries(t)[0].State != Failed {
			t.Errorf("told %+v of %+v", got, b.entries(t)[0])
		}
	})
}

// TestNobodyElseListens takes the port first.
func TestNobodyElseListens(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c := onConfig()
	c.Bounces = l.Addr().String()
	s := NewSender(newBox(t, dbtest.SQLite(t), c).Queue, slog.New(slog.DiscardHandler))
	if err := s.Bounces(t.Context()); err == nil || !strings.Contains(s.Trouble(), "isn't heard") {
		t.Errorf("%v; %q", err, s.Trouble())
	}
	off := NewSender(newBox(t, dbtest.SQLite(t), onConfig()).Queue, slog.New(slog.DiscardHandler))
	if err := off.Bounces(t.Context()); err != nil || off.Trouble() != "" {
		t.Errorf("%v; %q", err, off.Trouble())
	}
}
