package roster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

func (w *world) reconcile(want Drift) {
	w.t.Helper()
	got, err := w.Reconcile(w.t.Context())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		w.t.Errorf("drift (%v)\n%s", err, diff)
	}
}

// TestReconcile changes the sources without a word to the event log.
func TestReconcile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for id := core.MemberID(1); id <= page+20; id++ {
		w.src.members[id] = entry(id, fmt.Sprint("announce key of ", id))
	}
	w.src.torrents[1], w.src.torrents[2], w.src.torrents[3] = torrent(1, h1), torrent(2, h2), torrent(3, h3)
	w.src.rules = []client.Rule{{Prefix: "-TR"}}
	position, err := w.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wait := w.follow(position)
	w.reconcile(Drift{})

	w.set(func() {
		w.src.members[5] = member.RosterEntry{ID: 5, AnnounceKey: "new", Class: 2, Phases: []member.Phase{{NoLeech: true}}}
		w.src.members[6] = member.RosterEntry{ID: 6, AnnounceKey: "announce key of 6", Phases: []member.Phase{{Shut: true}}}
		delete(w.src.members, 7)
		w.src.members[9000] = entry(9000, "late")
		w.src.torrents[1] = torrent(1, h1, core.InfoHash{9})
		delete(w.src.torrents, 2)
		w.src.torrents[3] = catalog.TrackerTorrent{ID: 3, Hashes: []core.InfoHash{h3}, Deleted: true}
	})
	w.reconcile(Drift{Members: 4, Torrents: 3})
	w.wantMember("announce key of 5", Member{}, false)
	w.wantMember("new", NewMember(5, 2, member.Phase{NoLeech: true}), true)
	w.wantMember("announce key of 7", Member{}, false)
	w.wantMember("late", Member{ID: 9000}, true)
	w.wantTorrent(core.InfoHash{9}, Torrent{ID: 1, Leech: core.LeechNormal}, true)
	w.wantTorrent(h2, Torrent{}, false)
	w.wantTorrent(h3, Torrent{ID: 3, Deleted: true}, true)
	if gone := w.takeGone(); len(gone) != 4 {
		t.Errorf("gone: %v", gone)
	}
	w.reconcile(Drift{})

	w.set(func() { w.src.rules = []client.Rule{{Prefix: "-TR", Lowest: "4"}} })
	w.reconcile(Drift{Rules: true})
	w.set(func() { w.src.slots = map[int64]int{2: 7} })
	w.reconcile(Drift{Rules: true})
	if m, _ := w.Member("new"); w.LeechSlots(m) != 7 || w.LeechSlots(Member{}) != 0 {
		t.Errorf("slots %d", w.LeechSlots(m))
	}
	w.set(func() { w.src.slots = map[int64]int{2: 8} })
	wait(w.tell(eventlog.ClassChanged{Class: 2}))
	if m, _ := w.Member("new"); w.LeechSlots(m) != 8 {
		t.Errorf("slots %d after the class was changed", w.LeechSlots(m))
	}
	w.reconcile(Drift{})
}

// TestReconcileIsNotFooled by changes whose events are not handled yet.
func TestReconcileIsNotFooled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.src.members[1] = entry(1, "alice")
	if _, err := w.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.set(func() { w.src.members[1] = entry(1, "alice2") })
	id := w.tell(eventlog.MemberChanged{Member: 1}) // nobody follows yet
	if d, err := w.Reconcile(t.Context()); err == nil || !strings.Contains(err.Error(), "too fast") || d != (Drift{}) {
		t.Errorf("with an event on its way: %+v, %v", d, err)
	}
	wait := w.follow(0)
	wait(id)
	w.reconcile(Drift{})
	done := make(chan struct{})
	go func() { // changes all the time, each with its event
		defer close(done)
		for n := range 200 {
			w.set(func() { // nobody sees the change before its event
				w.src.members[1] = entry(1, fmt.Sprint("alice", n))
				w.tell(eventlog.MemberChanged{Member: 1})
			})
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		if d, err := w.Reconcile(t.Context()); d != (Drift{}) || err != nil && !strings.Contains(err.Error(), "too fast") {
			t.Fatalf("%+v, %v", d, err)
		}
	}
}

// realMembers makes so many accounts in the database and the roster read them
// from there, keys and all.
func realMembers(b *testing.B, w *world, n int) {
	b.Helper()
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	keys = keys.Cheaply()
	w.o.Members = member.NewStore(w.d, w.events, keys, time.Now)
	err = w.d.Tx(b.Context(), func(tx *db.Tx) error {
		for id := 1; id <= n; id++ {
			announceKey := fmt.Sprintf("%032d", id)
			if _, err := tx.Insert(b.Context(), "member", db.Row{"name", announceKey, "class_id", 1, "password_hash", "", "passkey_mac", []byte(announceKey), "passkey_box", keys.Seal([]byte(announceKey), "passkey"),
				"irc_key_box", []byte{}, "email_box", []byte{}, "key_epoch", 0, "created_at", 0, "seen_at", 0}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// handle gives events to the roster's consumer, as the log does.
func (w *world) handle(ctx context.Context, c eventlog.Consumer, events []eventlog.Event) error {
	for _, e := range events {
		i := slices.IndexFunc(c.Handlers, func(h eventlog.Handler) bool { return h.Kind == e.Kind })
		if err := c.Handlers[i].Do(ctx, nil, e); err != nil {
			return err
		}
	}
	return c.Flush(ctx, events[len(events)-1].ID)
}

// BenchmarkFollow20000 is a bulk change of that many members, each with an event
// of its own, on SQLite.
func BenchmarkFollow20000(b *testing.B) {
	const n = 20_000
	w := newWorld(b)
	realMembers(b, w, n)
	position, err := w.Load(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	c := w.consumer()
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		err := w.d.Tx(b.Context(), func(tx *db.Tx) error {
			for id := core.MemberID(1); id <= n; id++ {
				if _, err := w.events.Append(b.Context(), tx, eventlog.MemberChanged{Member: id}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		for from := position; position < from+n; {
			events, err := w.events.Read(b.Context(), position, page)
			if err != nil {
				b.Fatal(err)
			}
			if err := w.handle(b.Context(), c, events); err != nil {
				b.Fatal(err)
			}
			position = events[len(events)-1].ID
			if err := w.events.Advance(b.Context(), Consumer, position); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "changes/s")
	b.ReportMetric(float64(b.Elapsed())/float64(n*b.N)/float64(time.Microsecond), "µs/change")
}

// BenchmarkFollowOne is a single change among many members, on SQLite: from the
// event at hand to lookups that know it, the query for the member included.
func BenchmarkFollowOne(b *testing.B) {
	const n = 20_000
	w := newWorld(b)
	realMembers(b, w, n)
	position, err := w.Load(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	announceKey := fmt.Sprintf("%032d", n/2)
	m, ok := w.Member(announceKey)
	if !ok {
		b.Fatal("the member is not known")
	}
	c := w.consumer()
	var slowest time.Duration
	for b.Loop() {
		b.StopTimer()
		m = NewMember(m.ID, 3-m.Class)
		err := w.d.Tx(b.Context(), func(tx *db.Tx) error {
			if _, err := tx.Exec(b.Context(), "UPDATE member SET class_id = ? WHERE id = ?", m.Class, m.ID); err != nil {
				return err
			}
			_, err := w.events.Append(b.Context(), tx, eventlog.MemberChanged{Member: m.ID})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
		events, err := w.events.Read(b.Context(), position, page)
		if err != nil {
			b.Fatal(err)
		}
		begun := time.Now()
		b.StartTimer()
		if err := w.handle(b.Context(), c, events); err != nil {
			b.Fatal(err)
		}
		if now, _ := w.Member(announceKey); now != m {
			b.Fatalf("%+v is known, want %+v", now, m)
		}
		slowest = max(slowest, time.Since(begun))
		position = events[len(events)-1].ID
	}
	b.ReportMetric(float64(slowest)/float64(time.Microsecond), "µs-slowest")
}
