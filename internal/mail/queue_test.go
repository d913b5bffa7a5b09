package mail

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

var (
	noon     = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	testSite = Site{Name: "BioTest", URL: "https://bio.example", Contact: "staff@bio.example"}
)

// box is a queue with a clock that the test moves.
type box struct {
	*Queue
	d     *db.DB
	clock *dbtest.Clock
}

func newBox(t *testing.T, d *db.DB, c Config) box {
	t.Helper()
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	clock := dbtest.NewClock(noon)
	q, err := NewQueue(d, eventlog.New(d, clock.Now), keys, clock.Now, c, testSite)
	if err != nil {
		t.Fatal(err)
	}
	return box{q, d, clock}
}

func onConfig() Config {
	c := DefaultConfig()
	c.Host, c.From, c.FromName, c.Security = "127.0.0.1", "noreply@bio.example", "BioTest", NoTLS
	return c
}

func recovery(to string, m core.MemberID, once string) Letter {
	return Letter{To: to, Member: m, Once: once, Content: Recovery{Name: "ann", Link: "/recover/secret-token", Until: noon.Add(time.Hour)}}
}

func (b box) put(t *testing.T, l Letter) bool {
	t.Helper()
	fresh, err := b.Put(t.Context(), l)
	if err != nil {
		t.Fatalf("put: %v", err)
	}
	return fresh
}

func (b box) count(t *testing.T, where string, args ...any) int64 {
	t.Helper()
	n, _, err := db.One(t.Context(), b.d, db.Value[int64], "SELECT COUNT(*) FROM mail WHERE "+where, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPutOnce(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBox(t, d, onConfig())
		if !b.put(t, recovery("ann@lab.example", 7, "recover:1")) || b.put(t, recovery("bob@lab.example", 8, "recover:1")) {
			t.Error("of two letters for one thing both or none are new")
		}
		for range 2 {
			if !b.put(t, recovery("ann@lab.example", 7, "")) {
				t.Error("a letter without Once is not new")
			}
		}
		if n := b.count(t, "state = ?", string(Queued)); n != 3 {
			t.Errorf("%d letters wait, want 3", n)
		}
		events, err := b.log.Read(t.Context(), 0, 10)
		if err != nil || len(events) != 3 || string(events[0].Body) != "{}" {
			t.Errorf("events %+v, %v", events, err)
		}
	})
}

func TestPutOnceAtTheSameTime(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBox(t, d, onConfig())
		var fresh atomic.Int32
		g, _ := supervise.NewGroup(t.Context())
		for range 5 {
			g.Go(func(ctx context.Context) error {
				ok, err := b.Put(ctx, recovery("ann@lab.example", 7, "recover:1"))
				if ok {
					fresh.Add(1)
				}
				return err
			})
		}
		if err := g.Wait(); err != nil || fresh.Load() != 1 {
			t.Errorf("%d of five were new, %v", fresh.Load(), err)
		}
	})
}

// TestPutIsPartOfATransaction rolls one back.
func TestPutIsPartOfATransaction(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBox(t, d, onConfig())
		boom := errors.New("boom")
		err := d.Tx(t.Context(), func(tx *db.Tx) error {
			if _, err := b.In(tx).Put(t.Context(), recovery("ann@lab.example", 7, "x")); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) || b.count(t, "1 = 1") != 0 {
			t.Errorf("%v, and %d letters", err, b.count(t, "1 = 1"))
		}
	})
}

// TestNothingIsReadable looks for address and token in every column.
func TestNothingIsReadable(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBox(t, d, onConfig())
		b.put(t, recovery("ann@lab.example", 7, "recover:ann@lab.example"))
		row, _, err := db.One(t.Context(), d, func(sc db.Scanner) (string, error) {
			var box, once, to []byte
			var kind, state, last string
			err := sc.Scan(&box, &once, &to, &kind, &state, &last)
			return strings.Join([]string{string(box), string(once), string(to), kind, state, last}, "|"), err
		}, "SELECT box, once_mac, to_mac, kind, state, last_error FROM mail")
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"ann", "lab.example", "secret-token"} {
			if strings.Contains(row, secret) {
				t.Errorf("the row shows %q", secret)
			}
		}
		if !strings.Contains(row, "recover") {
			t.Errorf("row %q", row)
		}
	})
}

// TestADecoyCostsTheSame counts the statements of a letter and of a decoy, again and again until
// the bounds are reached.
func TestADecoyCostsTheSame(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBox(t, d, onConfig())
		cost := func(l Letter) (statements int, fresh bool) {
			ctx, tally := db.WithTally(t.Context(), nil)
			fresh, err := b.Put(ctx, l)
			if err != nil {
				t.Fatal(err)
			}
			return tally.Statements(), fresh
		}
		for i := range maxForDay + 5 {
			known, a := cost(recovery("ann@lab.example", 7, ""))
			decoy, b := cost(recovery("", 0, ""))
			if known != decoy || !a || !b {
				t.Fatalf("letter %d costs %d statements and is new: %v; the decoy %d, %v", i, known, a, decoy, b)
			}
		}
		if n := b.count(t, "state = ?", string(Dropped)); n != 10 {
			t.Errorf("%d were too many, want 10", n)
		}
	})
}

func TestBounds(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBox(t, d, onConfig())
		switchable := recovery("ann@lab.example", 7, "")
		switchable.Unsubscribe = "https://bio.example/off/1"
		for range maxForDay {
			b.put(t, switchable)
		}
		if n := b.count(t, "state = ?", string(Queued)); n != maxForDay/2 {
			t.Errorf("%d letters that may be switched off wait, want %d", n, maxForDay/2)
		}
		if err := b.Crowded(t.Context(), "ann@lab.example", 7); err != nil {
			t.Errorf("no room for what matters: %v", err)
		}
		for range maxForDay / 2 {
			b.put(t, recovery("Ann@LAB.example", 7, ""))
		}
		if err := b.Crowded(t.Context(), "ann@lab.example", 7); core.CodeOf(err) != core.Conflict {
			t.Errorf("room for one more: %v", err)
		}
		b.clock.Add(day + time.Second)
		if err := b.Crowded(t.Context(), "ann@lab.example", 7); err != nil {
			t.Errorf("the day after: %v", err)
		}
		for i := range maxForMember {
			b.put(t, recovery(fmt.Sprintf("ann%d@lab.example", i), 7, ""))
		}
		if n := b.count(t, "member_id = 7 AND state = ?", string(Queued)); n != maxForMember {
			t.Errorf("%d letters wait for one member, want %d", n, maxForMember)
		}
		if n := b.count(t, "kept = 1 AND state = ? OR kept = 0 AND state = ?", string(Dropped), string(Queued)); n != 0 {
			t.Errorf("%d rows keep what they should not, or the other way round", n)
		}
	})
}

func TestTheQueueIsFull(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBox(t, d, onConfig())
		const rows = maxWaiting / 100
		for i := range 100 {
			err := d.Tx(t.Context(), func(tx *db.Tx) error {
				var list [][]any
				for j := range rows {
					mac := b.keys.MAC("test", fmt.Sprint(i, "/", j))
					list = append(list, []any{mac, mac, 0, "test", 0, string(Queued), 1, []byte{1}, 0, 0, "", 0, 0})
				}
				return tx.Upsert(t.Context(), db.UpsertSpec{Table: "mail", Key: []string{"once_mac"}, Keep: []string{"to_mac", "member_id", "kind", "bulk", "state",
					"kept", "box", "tries", "next_at", "last_error", "created_at", "ended_at"}}, list...)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, to := range []string{"ann@lab.example", ""} {
			if _, err := b.Put(t.Context(), recovery(to, 0, "")); core.CodeOf(err) != core.Unavailable {
				t.Errorf("one more to %q: %v", to, err)
			}
		}
	})
}

func TestPutRefuses(t *testing.T) {
	t.Parallel()
	b := newBox(t, dbtest.SQLite(t), onConfig())
	ok := recovery("ann@lab.example", 7, "")
	for name, change := range map[string]func(*Letter){
		"content":     func(l *Letter) { l.Content = nil },
		"kind":        func(l *Letter) { l.Kind = "Two words" },
		"once":        func(l *Letter) { l.Once = strings.Repeat("x", maxOnce+1) },
		"to":          func(l *Letter) { l.To = "ann@lab.example\r\nBcc: all@lab.example" },
		"to ":         func(l *Letter) { l.To = "Ann <ann@lab.example>" },
		"to  ":        func(l *Letter) { l.To = "ann" },
		"to   ":       func(l *Letter) { l.To = strings.Repeat("a", 250) + "@lab.example" },
		"to    ":      func(l *Letter) { l.To = "ann@[192.0.2.1]" },
		"link":        func(l *Letter) { l.Content = Recovery{Name: "ann", Link: "javascript:alert(1)", Until: noon} },
		"link ":       func(l *Letter) { l.Content = Recovery{Name: "ann", Link: "//evil.example/x", Until: noon} },
		"unsubscribe": func(l *Letter) { l.Unsubscribe = "mailto:x@lab.example" },
		"subject":     func(l *Letter) { l.Content = bare{} },
	} {
		l := ok
		change(&l)
		if _, err := b.Put(t.Context(), l); core.CodeOf(err) != core.Invalid || core.FieldOf(err) != strings.TrimSpace(name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := b.count(t, "1 = 1"); n != 0 {
		t.Errorf("%d letters were put nevertheless", n)
	}
	if _, err := newBox(t, b.d, DefaultConfig()).Put(t.Context(), ok); core.CodeOf(err) != core.Unavailable {
		t.Errorf("without [mail]: %v", err)
	}
}

// bare says nothing.
type bare struct{}

func (bare) kind() string       { return "bare" }
func (bare) words(_ Site) words { return words{Subject: "\r\n\x00"} }

func TestCheckAddress(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"\tann@lab.example\n": "ann@lab.example", "ann@müller.example": "ann@xn--mller-kva.example", "": "", "jörg@lab.example": "jörg@lab.example"} {
		if got, err := CheckAddress(in); got != want || err != nil {
			t.Errorf("%q is %q, %v", in, got, err)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig().Validate(); err != nil || DefaultConfig().Configured() {
		t.Errorf("the default: %v", err)
	}
	if err := onConfig().Validate(); err != nil {
		t.Errorf("a relay on this machine: %v", err)
	}
	for key, change := range map[string]func(*Config){
		"host":      func(c *Config) { c.Host = "mail server" },
		"host ":     func(c *Config) { c.Host = "" },
		"port":      func(c *Config) { c.Port = 70000 },
		"security":  func(c *Config) { c.Security = "ssl" },
		"security ": func(c *Config) { c.Host = "smtp.example.org" },
		"security_": func(c *Config) { c.User = "ann" },
		"from":      func(c *Config) { c.From = "BioTest <noreply@bio.example>" },
		"from ":     func(c *Config) { c.From = "" },
		"from_name": func(c *Config) { c.FromName = "Bio\r\nBcc: all" },
		"reply_to":  func(c *Config) { c.ReplyTo = "staff" },
		"bounces":   func(c *Config) { c.Bounces = "2526" },
		"bounces ":  func(c *Config) { c.Bounces = "0.0.0.0:2526" },
		"from_":     func(c *Config) { c.Bounces, c.From = "127.0.0.1:2526", strings.Repeat("x", 23)+"@bio.example" },
		"hello":     func(c *Config) { c.Hello = "x y" },
		"timeout":   func(c *Config) { c.Timeout.Duration = time.Hour },
		"per_hour":  func(c *Config) { c.PerHour = 0 },
	} {
		c := onConfig()
		change(&c)
		if err := c.Validate(); core.FieldOf(err) != strings.Trim(key, " ") && core.FieldOf(err) != strings.Trim(key, "_") {
			t.Errorf("%s: %v", key, err)
		}
	}
	for want, c := range map[int]Config{465: {Security: TLS}, 587: {Security: StartTLS}, 25: {Security: NoTLS}, 2525: {Port: 2525}} {
		if got := c.port(); got != want {
			t.Errorf("port %d, want %d", got, want)
		}
	}
}
