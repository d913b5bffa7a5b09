package notify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// world is a database with members, and mail that is taken by a postman of the test.
type world struct {
	*testing.T
	db       *db.DB
	clock    *dbtest.Clock
	keys     *secret.Keyring
	events   *eventlog.Log
	members  *member.Store
	store    *notify.Store
	consumer notify.Consumer
	mail     *postman
	ann, bob core.MemberID
}

// postman is a way of mail: it takes down what it carries in the transaction, as the mail
// queue does, by a table that the test makes.
type postman struct {
	ready    bool
	homeless map[core.MemberID]bool
	broken   error
	carried  []notify.Delivery // also of transactions that came to nothing
}

func (p *postman) Ready() bool { return p.ready }

func (p *postman) Carry(ctx context.Context, tx *db.Tx, d notify.Delivery) (bool, error) {
	if p.broken != nil {
		return false, p.broken
	}
	p.carried = append(p.carried, d)
	if p.homeless[d.Member] {
		return false, nil
	}
	_, err := tx.Insert(ctx, "letter_of_test", db.Row{"once", d.Once})
	return true, err
}

func each(t *testing.T, test func(w *world)) {
	t.Helper()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := &world{T: t, db: d, clock: dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), mail: &postman{ready: true, homeless: map[core.MemberID]bool{}}}
		var err error
		w.keys, err = secret.NewKeyring(make([]byte, 32))
		w.must(err)
		w.events = eventlog.New(d, w.clock.Now)
		w.members = member.NewStore(d, w.events, w.keys, w.clock.Now)
		w.must(w.members.Seed(t.Context()))
		w.store = notify.NewStore(d, w.keys, w.clock.Now, notify.Options{Carriers: map[notify.Way]notify.Carrier{notify.Mail: w.mail}})
		w.consumer = notify.Consumer{Store: w.store, Members: w.members, Catalog: catalog.NewStore(d, w.events, w.clock.Now, catalog.Options{SiteName: "Test", SiteURL: "http://site.example"})}
		w.must(w.tx(func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), "CREATE TABLE letter_of_test (once VARCHAR(100) NOT NULL PRIMARY KEY)")
			return err
		}))
		w.ann, w.bob = w.join("ann"), w.join("bob")
		test(w)
	})
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) tx(f func(tx *db.Tx) error) error { return w.db.Tx(w.Context(), f) }

func (w *world) join(name string) core.MemberID {
	w.Helper()
	made, err := w.members.Create(w.Context(), member.New{Name: name})
	w.must(err)
	return made.Member.ID
}

func (w *world) append(body eventlog.Body) {
	w.Helper()
	w.must(w.tx(func(tx *db.Tx) error {
		_, err := w.events.Append(w.Context(), tx, body)
		return err
	}))
}

// begin lets the consumer stand at the end of the log.
func (w *world) begin() {
	w.Helper()
	last, err := w.events.Last(w.Context())
	w.must(err)
	w.must(w.events.Advance(w.Context(), notify.Cursor, last))
}

// follow runs the consumer until it has read all that is there.
func (w *world) follow() {
	w.Helper()
	last, err := w.events.Last(w.Context())
	w.must(err)
	ctx, cancel := context.WithTimeout(w.Context(), 20*time.Second)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- w.events.Consume(ctx, eventlog.Consumer{Name: notify.Cursor, FromNow: true, Handlers: w.consumer.Handlers(func() {}), Log: slog.New(slog.DiscardHandler)})
	}()
	err = w.events.WaitFor(ctx, notify.Cursor, last)
	cancel()
	if end := <-ended; !errors.Is(end, context.Canceled) { // it had nothing to read
		err = errors.Join(err, end)
	}
	w.must(err)
}

// inbox is what a member reads, newest first.
func (w *world) inbox(m core.MemberID) []notify.Item {
	w.Helper()
	list, err := w.store.Page(w.Context(), m, 0, false, notify.MaxPage)
	w.must(err)
	return list
}

func (w *world) deliver() {
	w.Helper()
	_, err := w.store.Deliver(w.Context(), 100)
	w.must(err)
}

// letters is how many letters there are for good.
func (w *world) letters() int {
	w.Helper()
	var n int
	w.must(w.db.QueryRowContext(w.Context(), "SELECT COUNT(*) FROM letter_of_test").Scan(&n))
	return n
}

func (w *world) note(once string) notify.Note {
	return notify.Note{Member: w.ann, Kind: notify.UploadEdited, Title: "Something of yours was edited.", Text: "Look.", Link: "/torrents/1", Once: once}
}

func (w *world) write(n notify.Note) bool {
	w.Helper()
	fresh, err := w.store.Write(w.Context(), n)
	w.must(err)
	return fresh
}

func TestKindsAreWellMade(t *testing.T) {
	seen := map[notify.Kind]bool{}
	for _, k := range notify.Kinds() {
		if k.Words == "" || len(k.Ways) == 0 || len(k.Kind) > 32 || seen[k.Kind] || k.Needs != "" && !core.ValidPermission(k.Needs) {
			t.Errorf("%+v", k)
		}
		seen[k.Kind] = true
		for _, w := range k.Must {
			if !k.Default(w) {
				t.Errorf("%s can't be switched off by %s, and is not on", k.Kind, w)
			}
		}
	}
}

func TestWrite(t *testing.T) {
	each(t, func(w *world) {
		if !w.write(w.note("a")) || w.write(w.note("a")) || !w.write(w.note("b")) {
			w.Error("a note is told once, and another is another")
		}
		got := w.inbox(w.ann)
		want := notify.Item{ID: got[0].ID, Kind: notify.UploadEdited, Title: "Something of yours was edited.", Text: "Look.", Link: "/torrents/1", Times: 1, At: w.clock.Now()}
		if diff := cmp.Diff(want, got[0]); diff != "" || len(got) != 2 {
			w.Errorf("%d items (-want +got):\n%s", len(got), diff)
		}
		if n, err := w.store.Unread(w.Context(), w.ann); n != 2 || err != nil {
			w.Errorf("unread %d, %v", n, err)
		}
		if len(w.inbox(w.bob)) != 0 {
			w.Error("somebody else has it, too")
		}
	})
}

func TestWhatCannotBeWritten(t *testing.T) {
	each(t, func(w *world) {
		for name, change := range map[string]func(n *notify.Note){
			"an unknown kind":   func(n *notify.Note) { n.Kind = "nothing" },
			"no title":          func(n *notify.Note) { n.Title = " " },
			"no member":         func(n *notify.Note) { n.Member = 0 },
			"nothing it is of":  func(n *notify.Note) { n.Once = "" },
			"another site":      func(n *notify.Note) { n.Link = "https://evil.example" },
			"a host":            func(n *notify.Note) { n.Link = "//evil.example" },
			"a host, backwards": func(n *notify.Note) { n.Link = "/\\evil.example" },
			"a long link":       func(n *notify.Note) { n.Link = "/" + strings.Repeat("x", 255) },
		} {
			n := w.note("x")
			change(&n)
			if fresh, err := w.store.Write(w.Context(), n); err == nil || fresh {
				w.Errorf("%s is written", name)
			}
		}
		long := w.note("long")
		long.Title, long.Text, long.Link = strings.Repeat("🧬", 500), strings.Repeat("é", 5000), "/"+strings.Repeat("x", 254)
		w.write(long)
		if got := w.inbox(w.ann); len(got) != 1 || len([]rune(got[0].Title)) != notify.MaxTitle || len([]rune(got[0].Text)) != notify.MaxText {
			w.Errorf("what is too long is not cut: %+v", got)
		}
	})
}

func TestInboxInPages(t *testing.T) {
	each(t, func(w *world) {
		for i := range 12 {
			w.write(w.note(fmt.Sprint(i)))
			w.clock.Add(time.Hour)
		}
		var seen []int64
		for before := int64(0); ; {
			list, err := w.store.Page(w.Context(), w.ann, before, false, 5)
			w.must(err)
			for _, i := range list {
				seen = append(seen, i.ID)
			}
			if len(list) < 5 {
				break
			}
			before = list[4].ID
		}
		if len(seen) != 12 || seen[0] < seen[11] {
			w.Errorf("saw %v", seen)
		}
		item, err := w.store.MarkRead(w.Context(), w.ann, seen[3])
		if err != nil || item.Link != "/torrents/1" {
			w.Errorf("%+v, %v", item, err)
		}
		if _, err := w.store.MarkRead(w.Context(), w.bob, seen[3]); core.CodeOf(err) != core.NotFound {
			w.Errorf("of somebody else: %v", err)
		}
		if list, err := w.store.Page(w.Context(), w.ann, 0, true, 100); err != nil || len(list) != 11 {
			w.Errorf("%d unread, %v", len(list), err)
		}
		if n, err := w.store.MarkAllRead(w.Context(), w.ann, seen[10]); n != 2 || err != nil {
			w.Errorf("marked %d up to one, %v", n, err)
		}
		if n, err := w.store.MarkAllRead(w.Context(), w.ann, 0); n != 9 || err != nil {
			w.Errorf("marked %d, %v", n, err)
		}
		if n, err := w.store.Unread(w.Context(), w.ann); n != 0 || err != nil {
			w.Errorf("unread %d, %v", n, err)
		}
	})
}

func TestChoices(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		edited := func(way notify.Way) notify.Pair { return notify.Pair{Kind: notify.UploadEdited, Way: way} }
		w.must(w.store.Choose(ctx, w.ann, notify.Choices{edited(notify.Inbox): false, edited(notify.Mail): true}))
		w.write(w.note("by mail alone"))
		w.deliver()
		if len(w.inbox(w.ann)) != 0 || w.letters() != 1 {
			w.Errorf("%d in the inbox, %d letters", len(w.inbox(w.ann)), w.letters())
		}
		if n, err := w.store.Unread(ctx, w.ann); n != 0 || err != nil {
			w.Errorf("unread %d, %v", n, err)
		}
		w.must(w.store.Choose(ctx, w.ann, notify.Choices{edited(notify.Mail): false}))
		if w.write(w.note("by no way")) {
			w.Error("it is told though nobody wants it")
		}
		w.must(w.store.Choose(ctx, w.ann, notify.Choices{edited(notify.Inbox): true})) // the default again
		got, err := w.store.Choices(ctx, w.ann)
		if err != nil || len(got) != 0 {
			w.Errorf("%v, %v", got, err)
		}
		for _, bad := range []notify.Choices{{{Kind: "nothing", Way: notify.Inbox}: true}, {{Kind: notify.UploadEdited, Way: "pigeon"}: true}, {{Kind: notify.SecretChanged, Way: notify.Mail}: false}} {
			if err := w.store.Choose(ctx, w.ann, bad); core.CodeOf(err) != core.Invalid {
				w.Errorf("%v: %v", bad, err)
			}
		}
	})
}

func TestWithoutMail(t *testing.T) {
	each(t, func(w *world) {
		w.mail.ready = false
		n := w.note("a")
		n.Kind = notify.SecretChanged
		w.write(n)
		if len(w.store.Ways()) != 1 || len(w.inbox(w.ann)) != 1 {
			w.Errorf("ways %v, %d in the inbox", w.store.Ways(), len(w.inbox(w.ann)))
		}
		w.mail.ready = true
		w.deliver()
		if w.letters() != 0 {
			w.Error("there was no mail when it was told, and yet a letter")
		}
		w.write(notify.Note{Member: w.ann, Kind: notify.SecretChanged, Title: "It.", Once: "b"})
		w.mail.ready = false
		w.deliver()
		w.mail.ready = true
		w.clock.Add(time.Hour)
		w.deliver()
		if w.letters() != 0 {
			w.Error("what could not be sent waits for ever")
		}
	})
}

// TestBurst tells of a hundred things of one kind within a minute.
func TestBurst(t *testing.T) {
	each(t, func(w *world) {
		w.must(w.store.Choose(w.Context(), w.ann, notify.Choices{{Kind: notify.UploadEdited, Way: notify.Mail}: true}))
		for round := range 2 { // the second time everything is there already
			for i := 1; i <= 100; i++ {
				n := w.note(fmt.Sprintf("event:%d", i))
				n.Event, n.Title = int64(i), fmt.Sprintf("This is number %d.", i)
				w.write(n)
				if i == 60 {
					w.deliver()
				}
			}
			list := w.inbox(w.ann)
			if len(list) != 5 || list[0].Title != "This is number 100." || list[0].Times != 96 || list[1].Times != 1 {
				w.Fatalf("round %d: %d items, the last is %+v", round, len(list), list[0])
			}
		}
		w.deliver()
		if w.letters() != 5 {
			w.Errorf("%d letters within the hour, want 5", w.letters())
		}
		w.clock.Add(time.Hour + time.Second)
		w.deliver()
		if last := w.mail.carried[len(w.mail.carried)-1]; w.letters() != 6 || last.Title != "This is number 100." || last.Times != 96 {
			w.Errorf("%d letters after it; the last is %+v", w.letters(), last)
		}
		n := w.note("later")
		n.Event = 1000
		if !w.write(n) || len(w.inbox(w.ann)) != 6 {
			w.Error("after the hour it is not told by itself")
		}
	})
}

func TestStaffAreNotCutShort(t *testing.T) {
	each(t, func(w *world) {
		for i := range 20 {
			w.write(notify.Note{Member: w.ann, Kind: notify.StaffMessage, Title: fmt.Sprintf("Message %d.", i), Once: fmt.Sprint(i)})
		}
		_, err := w.store.Write(w.Context(), notify.Note{Member: w.ann, Kind: notify.StaffMessage, Title: "One more.", Once: "x"})
		if core.CodeOf(err) != core.Unavailable || len(w.inbox(w.ann)) != 20 {
			w.Errorf("%d in the inbox, %v", len(w.inbox(w.ann)), err)
		}
		w.clock.Add(time.Hour + time.Second)
		w.write(notify.Note{Member: w.ann, Kind: notify.StaffMessage, Title: "One more.", Once: "x"})
	})
}
