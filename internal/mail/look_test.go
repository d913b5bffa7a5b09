package mail

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// hanging are the settings for a server that takes an address and answers no more.
func hanging(t *testing.T) Config {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer func() { _ = conn.Close() }()
				in := bufio.NewScanner(conn)
				_, _ = fmt.Fprint(conn, "220 here\r\n")
				for in.Scan() {
					if strings.HasPrefix(in.Text(), "MAIL") {
						continue
					}
					_, _ = fmt.Fprint(conn, "250 ok\r\n")
				}
			})
		}
	})
	c := onConfig()
	c.Port, c.Timeout = l.Addr().(*net.TCPAddr).Port, config.D(25*time.Second)
	return c
}

// age sets the state of a letter, and when it came to it.
func (b box) age(t *testing.T, id int64, st State, ended time.Time, why string) {
	t.Helper()
	err := b.d.Tx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE mail SET state = ?, ended_at = ?, last_error = ? WHERE id = ?", string(st), ended.Unix(), why, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		b := newBox(t, d, onConfig())
		want := map[int64]string{} // what is left: with or without its content
		for i, c := range []struct {
			state State
			age   time.Duration
			why   string
			left  string
		}{
			{Queued, 0, "", "kept"}, {Sent, keepRows - time.Hour, "", "kept"}, {Sent, keepRows + time.Hour, "", ""},
			{Failed, keepFailed - time.Hour, "550", "kept"}, {Failed, keepFailed + time.Hour, "550", "wiped"}, {Failed, keepRows + time.Hour, "550", ""},
			{Dropped, keepIdle + time.Hour, isDecoy, ""}, {Dropped, keepIdle - time.Hour, isDecoy, "kept"}, {Dropped, keepIdle + time.Hour, byStaff, "kept"},
			{Sent, -24 * time.Hour, "", ""}, {Sent, -core.Skew / 2, "", "kept"},
		} {
			b.put(t, recovery(fmt.Sprintf("a%d@lab.example", i), 0, ""))
			id := b.entries(t)[len(b.entries(t))-1].ID
			if c.state != Queued {
				b.age(t, id, c.state, noon.Add(-c.age), c.why)
			}
			if c.left != "" {
				want[id] = c.left
			}
		}
		if n, err := b.Prune(t.Context(), 100); n != 6 || err != nil {
			t.Errorf("pruned %d, %v", n, err)
		}
		for _, e := range b.entries(t) {
			got := "wiped"
			if e.Kept {
				got = "kept"
			}
			if want[e.ID] != got {
				t.Errorf("%+v is %s, want %q", e, got, want[e.ID])
			}
			delete(want, e.ID)
		}
		if len(want) > 0 {
			t.Errorf("missing: %v", want)
		}
	})
}

func TestAgainAndDrop(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, b := t.Context(), newBox(t, d, onConfig())
		for i := range 5 {
			b.put(t, recovery(fmt.Sprintf("a%d@lab.example", i), 7, ""))
		}
		b.age(t, 1, Failed, noon, "550 no")
		b.age(t, 2, Sent, noon, "")
		b.age(t, 3, Dropped, noon, byStaff)
		b.clock.Add(2 * longest)
		if o, err := b.Look(ctx, 3); err != nil || o.Count[Queued] != 2 || o.Oldest.ID != 4 || len(o.Errors) != 1 || o.Errors[0].LastError != "550 no" {
			t.Errorf("%+v, %v", o, err)
		}
		for _, id := range []int64{1, 4} {
			if _, err := b.Again(ctx, id); err != nil {
				t.Errorf("again %d: %v", id, err)
			}
			if e, err := b.ByID(ctx, id); err != nil || e.State != Queued || e.Tries != 0 || e.LastError != "" || !e.Next.Equal(b.clock.Now()) || !e.Ended.IsZero() {
				t.Errorf("%+v, %v", e, err)
			}
		}
		if n, err := b.expire(ctx, 10); n != 1 || err != nil { // what was asked for again is as new
			t.Errorf("expired %d, %v", n, err)
		}
		for id, code := range map[int64]core.Code{2: core.Conflict, 3: core.Conflict, 99: core.NotFound} {
			if _, err := b.Again(ctx, id); core.CodeOf(err) != code {
				t.Errorf("again %d: %v", id, err)
			}
			if _, err := b.Drop(ctx, id); core.CodeOf(err) != code {
				t.Errorf("drop %d: %v", id, err)
			}
		}
		if _, err := b.Drop(ctx, 1); err != nil {
			t.Error(err)
		}
		if e, err := b.ByID(ctx, 1); err != nil || e.State != Dropped || e.Kept || e.LastError != byStaff || b.count(t, "id = 1 AND LENGTH(box) > 0") != 0 {
			t.Errorf("%+v, %v", e, err)
		}
	})
}

// TestWhatIsBeingSent can't be touched until it counts as left behind.
func TestWhatIsBeingSent(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, b := t.Context(), newBox(t, d, onConfig())
		b.put(t, recovery("ann@lab.example", 7, ""))
		list, err := b.next(ctx, 10)
		if err != nil || len(list) != 1 {
			t.Fatal(list, err)
		}
		twin := list[0]
		if ok, err := b.claim(ctx, &list[0]); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if ok, err := b.claim(ctx, &twin); ok || err != nil {
			t.Errorf("two have it: %v", err)
		}
		if _, err := b.Drop(ctx, 1); core.CodeOf(err) != core.Conflict {
			t.Errorf("drop: %v", err)
		}
		b.clock.Add(claimTime + time.Second)
		if _, err := b.Drop(ctx, 1); err != nil {
			t.Errorf("drop: %v", err)
		}
		if err := b.settle(ctx, list[0], sent, ""); err != nil { // it was sent after all
			t.Error(err)
		}
		if e, _ := b.ByID(ctx, 1); e.State != Dropped {
			t.Errorf("%+v", e)
		}
	})
}

// TestAWrongClock puts a turn where it can't be.
func TestAWrongClock(t *testing.T) {
	t.Parallel()
	b := newBox(t, dbtest.SQLite(t), onConfig())
	b.clock.Add(365 * 24 * time.Hour)
	b.put(t, recovery("ann@lab.example", 7, ""))
	b.clock.Set(noon)
	if list, err := b.next(t.Context(), 10); err != nil || len(list) != 1 {
		t.Errorf("%d letters have their turn, %v", len(list), err)
	}
}

func TestPutTest(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx, b := t.Context(), newBox(t, d, onConfig())
		first, err := b.PutTest(ctx, "ann@lab.example", "boss")
		if err != nil {
			t.Fatal(err)
		}
		second, err := b.PutTest(ctx, "ann@lab.example", "boss")
		if err != nil || second <= first {
			t.Errorf("%d, %d, %v", first, second, err)
		}
		for range maxForDay - 2 {
			b.put(t, recovery("ann@lab.example", 7, ""))
		}
		for to, code := range map[string]core.Code{"ann@lab.example": core.Conflict, "": core.Invalid, "ann": core.Invalid} {
			if _, err := b.PutTest(ctx, to, "boss"); core.CodeOf(err) != code {
				t.Errorf("to %q: %v", to, err)
			}
		}
	})
}
