package mail

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/mail/mailtest"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// through are the settings for a server of a test, by its port with this security.
func through(s *mailtest.Server, security Security) Config {
	c := onConfig()
	c.Host, c.CAFile, c.Security, c.Timeout = s.Host, s.CAFile, security, config.D(10*time.Second)
	switch c.Port = s.Port; security {
	case TLS:
		c.Port, c.User, c.PasswordFile = s.TLSPort, s.User, s.PasswordFile
	case NoTLS:
		c.Port = s.PlainPort
	}
	return c
}

// sender sends from a box.
func (b box) sender() *Sender { return NewSender(b.Queue, slog.New(slog.DiscardHandler)) }

func (b box) send(t *testing.T, want int64) {
	t.Helper()
	if n, err := b.sender().Send(t.Context()); n != want || err != nil {
		t.Fatalf("%d letters left the queue, want %d; %v", n, want, err)
	}
}

// entries are all letters by id.
func (b box) entries(t *testing.T) []Entry {
	t.Helper()
	list, err := db.All(t.Context(), b.d, scanEntry, "SELECT "+entryColumns+" FROM mail ORDER BY id LIMIT 1000")
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// failures are the events of letters that failed.
func (b box) failures(t *testing.T) (out []eventlog.MailFailed) {
	t.Helper()
	events, err := b.log.Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == (eventlog.MailFailed{}).EventKind() {
			body, err := eventlog.Decode[eventlog.MailFailed](e)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, body)
		}
	}
	return out
}

func TestEachSecurity(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	for _, security := range []Security{StartTLS, TLS, NoTLS} {
		t.Run(string(security), func(t *testing.T) {
			c := through(server, security)
			c.ReplyTo = "staff@bio.example"
			b := newBox(t, dbtest.SQLite(t), c)
			to := string(security) + "@lab.example"
			l := Letter{To: to, Member: 7, Unsubscribe: "https://bio.example/off?x=1&y=2", Content: Notice{Name: "ann", Title: "Für dich: " + strings.Repeat("ä", 60), Text: "Ön the site", Link: "/me"}}
			b.put(t, l)
			b.send(t, 1)
			got := server.Letters(to, 1)[0]
			for header, want := range map[string]string{"From": `"BioTest" <noreply@bio.example>`, "To": "<" + to + ">", "Reply-To": "<staff@bio.example>",
				"Auto-Submitted": "auto-generated", "List-Unsubscribe": "<https://bio.example/off?x=1&y=2>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
				"Date": "Mon, 30 Nov 2026 12:00:00 +0000"} {
				if got := got.Header.Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
			if id := got.Header.Get("Message-Id"); len(id) != 2+32+len("@bio.example") || !strings.HasSuffix(id, "@bio.example>") {
				t.Errorf("Message-ID: %s", id)
			}
			if got.From != "noreply@bio.example" || got.Subject != "BioTest: Für dich: "+strings.Repeat("ä", 60) || !strings.Contains(got.Text, "Ön the site") || !strings.Contains(got.HTML, "Ön the site") {
				t.Errorf("%s, %s: %s", got.From, got.Subject, got.Raw)
			}
			e := b.entries(t)[0]
			if e.State != Sent || e.Kept || e.Tries != 1 || e.LastError != "" || !e.Ended.Equal(noon) || b.count(t, "LENGTH(box) > 0") != 0 {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestWrongCredentialsAndCertificates(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	for name, change := range map[string]func(*Config){
		"the password": func(c *Config) { c.PasswordFile = server.CAFile },
		"no user":      func(c *Config) { c.User = "" },
		"no file":      func(c *Config) { c.PasswordFile = "/nowhere" },
		"the CA":       func(c *Config) { c.CAFile = "" },
		"no CA":        func(c *Config) { c.CAFile = server.PasswordFile },
		"the security": func(c *Config) { c.Port = server.PlainPort },
		"STARTTLS":     func(c *Config) { c.Port, c.Security, c.User = server.PlainPort, StartTLS, "" },
	} {
		t.Run(name, func(t *testing.T) {
			c := through(server, TLS)
			c.Timeout = config.D(2 * time.Second)
			change(&c)
			b := newBox(t, dbtest.SQLite(t), c)
			b.put(t, recovery("nobody@lab.example", 7, ""))
			if _, err := b.sender().Send(t.Context()); core.CodeOf(err) != core.Unavailable || strings.Contains(err.Error(), server.Password) {
				t.Errorf("%v", err)
			}
			if e := b.entries(t)[0]; e.State != Queued || b.failures(t) != nil {
				t.Errorf("%+v, %v", e, b.failures(t))
			}
		})
	}
	if got := server.Now("nobody@lab.example"); got != nil {
		t.Errorf("%d letters arrived", len(got))
	}
}

func TestLaterThenTaken(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBox(t, d, through(server, StartTLS))
		to := fmt.Sprintf("slow.%s@lab.example", d.Engine())
		server.Defer(to)
		b.put(t, recovery(to, 7, ""))
		b.put(t, recovery("quick@lab.example", 7, ""))
		b.send(t, 2)
		e := b.entries(t)
		if e[0].State != Queued || e[0].Tries != 1 || !strings.Contains(e[0].LastError, "450 4.2.1 come again later") || strings.Contains(e[0].LastError, "slow") || e[1].State != Sent {
			t.Errorf("%+v", e)
		}
		if wait := e[0].Next.Sub(noon); wait < 40*time.Second || wait > time.Minute {
			t.Errorf("it waits for %s", wait)
		}
		b.send(t, 0)
		b.clock.Add(time.Minute)
		server.Defer()
		b.send(t, 1)
		server.Letters(to, 1)
		if e := b.entries(t)[0]; e.State != Sent || e.Tries != 2 || e.LastError != "" {
			t.Errorf("%+v", e)
		}
	})
}

func TestDeferredForEver(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	server.Defer("slow@lab.example")
	b := newBox(t, dbtest.SQLite(t), through(server, NoTLS))
	b.put(t, recovery("slow@lab.example", 7, ""))
	for range maxTries {
		b.send(t, 1)
		b.clock.Add(pause(maxTries, 1) / 3)
		b.clock.Set(b.entries(t)[0].Next)
	}
	if e := b.entries(t)[0]; e.State != Failed || e.Tries > maxTries || !e.Kept {
		t.Errorf("%+v", e)
	}
	want := eventlog.MailFailed{Mail: 1, Member: 7, Kind: "recover"}
	if got := b.failures(t); len(got) != 1 || got[0] != want {
		t.Errorf("told %+v", got)
	}
}

func TestNoSuchAddress(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	server.Refuse("gone@lab.example")
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBox(t, d, through(server, NoTLS))
		b.put(t, recovery("gone@lab.example", 7, ""))
		b.put(t, recovery("there@lab.example", 8, ""))
		b.send(t, 2)
		e := b.entries(t)
		if e[0].State != Failed || e[0].Tries != 1 || !strings.Contains(e[0].LastError, "550 Invalid recipient: (address)") || strings.Contains(e[0].LastError, "gone") || e[1].State != Sent {
			t.Errorf("%+v", e)
		}
		want := eventlog.MailFailed{Mail: e[0].ID, Member: 7, Kind: "recover", Address: true}
		if got := b.failures(t); len(got) != 1 || got[0] != want {
			t.Errorf("told %+v", got)
		}
		for address, want := range map[string]bool{"Gone@lab.example": true, "there@lab.example": false, "": false, "x": false} {
			if got, err := b.IsTo(t.Context(), e[0].ID, address); got != want || err != nil {
				t.Errorf("it went to %q: %v, %v", address, got, err)
			}
		}
	})
}

func TestServerAway(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	b := newBox(t, dbtest.SQLite(t), through(server, NoTLS))
	b.put(t, recovery("ann@lab.example", 7, ""))
	server.Stop()
	s := b.sender()
	for range 3 {
		n, err := s.Send(t.Context())
		if n != 0 || core.CodeOf(err) != core.Unavailable || !strings.Contains(core.SafeText(err), "refused") {
			t.Errorf("%d, %v", n, err)
		}
	}
	if e := b.entries(t)[0]; e.State != Queued || e.Tries != 0 || s.Trouble() != "" {
		t.Errorf("%+v, %q", e, s.Trouble())
	}
	b.clock.Add(Patience + time.Minute)
	if _, err := s.Send(t.Context()); err == nil || !strings.Contains(s.Trouble(), "has not gone out for 1h 1min") {
		t.Errorf("%v; %q", err, s.Trouble())
	}
	b.clock.Add(news + time.Minute) // another process sends now
	if s.Trouble() != "" {
		t.Errorf("old news: %q", s.Trouble())
	}
	server.Again()
	if n, err := s.Send(t.Context()); n != 1 || err != nil || s.Trouble() != "" {
		t.Errorf("%d, %v; %q", n, err, s.Trouble())
	}
	server.Letters("ann@lab.example", 1)
	server.Stop()
	b.put(t, recovery("ann@lab.example", 7, ""))
	b.clock.Add(longest)
	if n, err := s.Send(t.Context()); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if got := b.failures(t); len(got) != 1 || got[0].Address || b.entries(t)[1].LastError != tooLong {
		t.Errorf("told %+v of %+v", got, b.entries(t)[1])
	}
}

// TestKilled kills the program at each point of a letter's way.
func TestKilled(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for name, at := range map[string]point{"claimed": claimed, "taken": taken} {
			b := newBox(t, d, through(server, NoTLS))
			to := fmt.Sprintf("%s.%s@lab.example", name, d.Engine())
			b.put(t, recovery(to, 7, ""))
			s := b.sender()
			s.at = func(p point) {
				if p == at {
					panic("killed")
				}
			}
			func() {
				defer func() { _ = recover() }()
				_, _ = s.Send(t.Context())
			}()
			b.send(t, 0)
			if n := b.count(t, "state = ? AND kept = 1", string(Sending)); n != 1 {
				t.Fatalf("%s: %d letters are being sent", name, n)
			}
			b.clock.Add(claimTime)
			b.send(t, 1)
			if at == claimed {
				server.Letters(to, 1)
				continue
			}
			got := server.Letters(to, 2)
			if id := got[0].Header.Get("Message-Id"); id == "" || id != got[1].Header.Get("Message-Id") {
				t.Errorf("the second time it is another letter: %s, %s", id, got[1].Header.Get("Message-Id"))
			}
		}
		if n := int64(2); newBox(t, d, onConfig()).count(t, "state = ?", string(Sent)) != n {
			t.Errorf("not both were sent in the end")
		}
	})
}

func TestTwoWorkers(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBox(t, d, through(server, NoTLS))
		const n = 30
		for i := range n {
			b.put(t, recovery(fmt.Sprintf("w%d.%s@lab.example", i, d.Engine()), 0, ""))
		}
		g, _ := supervise.NewGroup(t.Context())
		for range 3 {
			s := b.sender()
			g.Go(func(ctx context.Context) error { _, err := s.Send(ctx); return err })
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		if sent := b.count(t, "state = ? AND tries = 1", string(Sent)); sent != n {
			t.Errorf("%d were sent at the first try", sent)
		}
		for i := range n {
			if got := server.Letters(fmt.Sprintf("w%d.%s@lab.example", i, d.Engine()), 1); len(got) != 1 {
				t.Errorf("letter %d came %d times", i, len(got))
			}
		}
	})
}

func TestDecoysAreDropped(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	b := newBox(t, dbtest.SQLite(t), through(server, NoTLS))
	b.put(t, recovery("", 0, ""))
	b.put(t, recovery("real@lab.example", 7, ""))
	b.put(t, recovery("", 0, ""))
	b.send(t, 3)
	e := b.entries(t)
	for i, want := range []State{Dropped, Sent, Dropped} {
		if e[i].State != want || e[i].Kept {
			t.Errorf("%+v, want %s", e[i], want)
		}
	}
	server.Stop()
	b.put(t, recovery("", 0, ""))
	b.send(t, 1) // nothing is connected to for it
}

// TestPace sends what may not be switched off first, and leaves it room.
func TestPace(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	c := through(server, NoTLS)
	c.PerHour = 5
	b := newBox(t, dbtest.SQLite(t), c)
	for i := range 6 {
		b.put(t, Letter{To: fmt.Sprintf("bulk%d@lab.example", i), Content: Notice{Name: "ann", Title: "News"}, Unsubscribe: "https://bio.example/off"})
	}
	b.clock.Add(time.Minute)
	b.put(t, recovery("first@lab.example", 7, ""))
	b.send(t, 4)
	b.send(t, 0)
	b.put(t, recovery("second@lab.example", 7, ""))
	b.put(t, recovery("third@lab.example", 7, ""))
	b.send(t, 1)
	server.Letters("first@lab.example", 1)
	server.Letters("second@lab.example", 1)
	b.clock.Add(time.Hour)
	b.send(t, 4)
	b.clock.Add(time.Hour)
	b.send(t, 0+b.count(t, "state = ?", string(Queued)))
}

// TestTheRunEndsInTime gives a run less time than a letter may take, and ends one while the server hangs.
func TestTheRunEndsInTime(t *testing.T) {
	t.Parallel()
	b := newBox(t, dbtest.SQLite(t), hanging(t))
	b.put(t, recovery("ann@lab.example", 7, ""))
	short, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if n, err := b.sender().Send(short); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	ctx, end := context.WithCancel(t.Context())
	s := b.sender()
	s.at = func(p point) { end() }
	done := make(chan error, 1)
	go func() { _, err := s.Send(ctx); done <- err }()
	select {
	case err := <-done:
		if core.CodeOf(err) != core.Unavailable {
			t.Errorf("%v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it hangs with the server")
	}
	if e := b.entries(t)[0]; e.State != Queued || e.Tries != 1 {
		t.Errorf("%+v", e)
	}
}

// TestLogs looks for what must not be in the log, whatever happens.
func TestLogs(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	server.Refuse("gone.person@lab.example")
	server.Defer("slow.person@lab.example")
	b := newBox(t, dbtest.SQLite(t), through(server, TLS))
	var log lines
	s := NewSender(b.Queue, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for _, who := range []string{"gone", "slow", "good"} {
		b.put(t, recovery(who+".person@lab.example", 7, ""))
	}
	_, err := s.Send(t.Context())
	server.Stop()
	b.clock.Add(time.Hour)
	_, away := s.Send(t.Context())
	said := log.String() + errors.Join(err, away).Error()
	for _, secret := range []string{"person", "lab.example", "secret-token", server.Password} {
		if strings.Contains(said, secret) {
			t.Errorf("%q is in\n%s", secret, said)
		}
	}
	if !strings.Contains(said, "550") || !strings.Contains(said, "450") {
		t.Errorf("the log says nothing:\n%s", said)
	}
}

// lines keeps what was logged.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var _ io.Writer = (*lines)(nil)
