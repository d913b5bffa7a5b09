package ircd

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// library is a history in a real database, which can be made to fail.
type library struct {
	*irc.History
	down atomic.Bool

	mu   sync.Mutex
	kept []string // texts
}

func (l *library) Append(ctx context.Context, batch []irc.Sent) error {
	if l.down.Load() {
		return errors.New("the database is away")
	}
	l.mu.Lock()
	for _, m := range batch {
		l.kept = append(l.kept, m.Text)
	}
	l.mu.Unlock()
	return l.History.Append(ctx, batch)
}

// openLibrary starts a room that keeps a history.
func openLibrary(t *testing.T) (*house, *library) {
	t.Helper()
	d := dbtest.SQLite(t)
	log := eventlog.New(d, time.Now)
	if err := irc.NewStore(d, log, nil, time.Now).Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, nil)
	lib := &library{History: irc.NewHistory(d, log, time.Now, h.cfg.Retention())}
	h.history = lib
	h.Room = New(h.cfg, h.needs())
	h.start(t)
	return h, lib
}

// again starts the room again on what is kept, as after a restart.
func (h *house) again(t *testing.T) {
	t.Helper()
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	h.start(t)
}

const historyCaps = "batch message-tags server-time draft/chathistory"

func TestChathistory(t *testing.T) {
	t.Parallel()
	for name, script := range historyTalks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := openLibrary(t)
			h.talk(t, script)
		})
	}
}

// historyTalks are the scripts of TestChathistory, by what they are about.
var historyTalks = map[string]string{
	"subcommands": `
		alice is echo-message ` + historyCaps + `
		alice > PRIVMSG #general :one
		alice > PRIVMSG #general :two
		alice > @+react=x;+typing=active TAGMSG #general
		alice > PRIVMSG #general :three
		alice .
		bob is ` + historyCaps + `
		bob > CHATHISTORY LATEST #GENERAL * 2
		bob = *BATCH +h* chathistory #general
		bob = @batch=h*;time=*;msgid=* :alice!* PRIVMSG #general :two
		bob = @batch=h*;time=*;msgid=* :alice!* PRIVMSG #general :three
		bob = *BATCH -h*
		bob > CHATHISTORY BEFORE #general timestamp=2200-01-01T00:00:00.000Z 1
		bob = *BATCH +h* chathistory #general
		bob = *PRIVMSG #general :three
		bob = *BATCH -h*
		bob > CHATHISTORY AFTER #general timestamp=2000-01-01T00:00:00.000Z 1
		bob = *BATCH +h* chathistory #general
		bob = *PRIVMSG #general :one
		bob = *BATCH -h*
		bob > CHATHISTORY BETWEEN #general timestamp=2200-01-01T00:00:00.000Z timestamp=2000-01-01T00:00:00.000Z 2
		bob < *PRIVMSG #general :two
		bob = *PRIVMSG #general :three
		bob < *BATCH -h*
		bob > CHATHISTORY AROUND #general timestamp=2000-01-01T00:00:00.000Z 1
		bob < *PRIVMSG #general :one
		bob = *BATCH -h*
		bob > CHATHISTORY TARGETS timestamp=2000-01-01T00:00:00.000Z timestamp=2200-01-01T00:00:00.000Z 10
		bob = *BATCH +h* draft/chathistory-targets
		bob = @batch=h*;time=* :irc.test CHATHISTORY TARGETS #general 20*Z
		bob = *BATCH -h*`,
	"mistakes": `
		bob is ` + historyCaps + `
		bob > CHATHISTORY
		bob < *FAIL CHATHISTORY INVALID_PARAMS * :*
		bob > CHATHISTORY LATEST #general *
		bob < *FAIL CHATHISTORY NEED_MORE_PARAMS LATEST :*
		bob > CHATHISTORY LATEST #general * many
		bob < *FAIL CHATHISTORY INVALID_PARAMS LATEST many :*
		bob > CHATHISTORY BEFORE #general * 5
		bob < *FAIL CHATHISTORY INVALID_MSGREFTYPE BEFORE * :*
		bob > CHATHISTORY BEFORE #general msgid=!! 5
		bob < *FAIL CHATHISTORY INVALID_MSGREFTYPE BEFORE msgid=!! :*
		bob > CHATHISTORY LATEST #staff * 5
		bob < *FAIL CHATHISTORY INVALID_TARGET LATEST #staff :*
		bob > CHATHISTORY LATEST nobody * 5
		bob < *FAIL CHATHISTORY INVALID_TARGET LATEST nobody :*
		alice is
		alice > CHATHISTORY LATEST #general * 5
		alice < * 421 alice CHATHISTORY *`,
	"events": `
		alice is echo-message
		alice > PART #general :later
		alice > JOIN #general
		alice .
		mod is
		mod > TOPIC #general :new
		mod > MODE #general +v alice
		mod > KICK #general alice :out
		mod .
		bob is draft/event-playback ` + historyCaps + `
		bob > CHATHISTORY LATEST #general * 100
		bob < *:alice!* JOIN #general
		bob < *:alice!* PART #general :later
		bob < *:mod!* TOPIC #general :new
		bob < *MODE #general +v alice
		bob < *:mod!* KICK #general alice :out
		bob < *:bob!* JOIN #general
		bob < *BATCH -h*`,
	"who may read": `
		guest is ` + historyCaps + `
		alice is
		alice > JOIN #support
		alice > PRIVMSG #support :before
		alice .
		guest > CHATHISTORY LATEST #support * 5
		guest < *FAIL CHATHISTORY INVALID_TARGET LATEST #support :*
		guest > JOIN #support
		guest < * 366 *
		alice > PRIVMSG #support :after
		guest < *PRIVMSG #support :after
		guest > CHATHISTORY LATEST #support * 5
		guest = *BATCH +h*
		guest = *PRIVMSG #support :after
		guest = *BATCH -h*
		carol is ` + historyCaps + `
		carol > CHATHISTORY LATEST #support * 1
		carol < *PRIVMSG #support :after
		mod is
		mod > JOIN #support
		mod > MODE #support +b carol!*@*
		mod < * MODE #support +b *
		carol > CHATHISTORY LATEST #support * 5
		carol < *FAIL CHATHISTORY INVALID_TARGET LATEST #support :*`,
	"not for the channel": `
		mod is
		mod > PRIVMSG @#general :operators only
		mod > PRIVMSG #general :` + "\x01" + `VERSION` + "\x01" + `
		mod > PRIVMSG #general :all
		mod .
		bob is ` + historyCaps + `
		bob > CHATHISTORY LATEST #general * 5
		bob = *BATCH +h*
		bob = *PRIVMSG #general :all
		bob = *BATCH -h*`,
	"for people": `
		alice is
		alice > PRIVMSG #general :hello
		alice > PRIVMSG #general :` + "\x01" + `ACTION waves` + "\x01" + `
		bob is
		bob > HISTORY #general 2
		bob = :alice!* PRIVMSG #general :[* *:*] hello
		bob = :alice!* PRIVMSG #general :` + "\x01" + `ACTION [* *:*] waves` + "\x01" + `
		bob = :irc.test NOTICE bob :End of what was said in #general
		bob > HISTORY #staff
		bob < * 403 bob #staff *`,
}

func TestConversationsOfMembers(t *testing.T) {
	t.Parallel()
	h, lib := openLibrary(t)
	if err := lib.SetKeepPrivate(t.Context(), 1, true); err != nil {
		t.Fatal(err)
	}
	h.talk(t, `
		alice is `+historyCaps+`
		bob is `+historyCaps+`
		Hermes is
		alice > PRIVMSG bob :hi
		bob < *PRIVMSG bob :hi
		bob > PRIVMSG alice :hello
		alice > PRIVMSG Hermes :my key is
		alice < *PRIVMSG alice :hello
		bob > CHATHISTORY LATEST alice * 5
		bob = *BATCH +h* chathistory alice
		bob = *BATCH -h*
		alice > CHATHISTORY LATEST BOB * 5
		alice = *BATCH +h* chathistory bob
		alice = *:alice!* PRIVMSG bob :hi
		alice = *:bob!* PRIVMSG alice :hello
		alice = *BATCH -h*
		alice > CHATHISTORY LATEST hermes * 5
		alice = *BATCH +h* chathistory Hermes
		alice = *BATCH -h*
		alice > CHATHISTORY TARGETS timestamp=2000-01-01T00:00:00.000Z timestamp=2200-01-01T00:00:00.000Z 10
		alice = *BATCH +h*
		alice = *CHATHISTORY TARGETS bob *
		alice = *BATCH -h*`)
}

func TestMultiline(t *testing.T) {
	t.Parallel()
	h, _ := openLibrary(t)
	h.talk(t, `
		alice is echo-message labeled-response draft/multiline `+historyCaps+`
		bob is
		alice > @label=L;+react=y BATCH +1 draft/multiline #general
		alice > @batch=1 PRIVMSG #general :one
		alice > @batch=1 PRIVMSG #general :
		alice > PING still
		alice > @batch=1 PRIVMSG #general :two
		alice > @batch=1;draft/multiline-concat PRIVMSG #general : three
		alice > BATCH -1
		alice < *PONG *
		alice = @label=L;time=*;msgid=*;+react=y :alice!* BATCH +m* draft/multiline #general
		alice = @batch=m* :alice!* PRIVMSG #general :one
		alice = @batch=m* :alice!* PRIVMSG #general :
		alice = @batch=m* :alice!* PRIVMSG #general :two
		alice = @batch=m*;draft/multiline-concat :alice!* PRIVMSG #general : three
		alice = *BATCH -m*
		bob < :alice!* PRIVMSG #general :one
		bob = :alice!* PRIVMSG #general :two
		bob = :alice!* PRIVMSG #general : three
		alice > @label=H CHATHISTORY LATEST #general * 1
		alice = @label=H;time=* :irc.test BATCH +h* chathistory #general
		alice = @batch=h*;time=*;msgid=*;+react=y :alice!* BATCH +m* draft/multiline #general
		alice = @batch=m* PRIVMSG #general :one
		alice < *BATCH -m*
		alice = *BATCH -h*
		alice > BATCH +2 draft/multiline #general
		alice > @batch=3 PRIVMSG #general :x
		alice < *FAIL BATCH MULTILINE_INVALID :*
		alice > @batch=2 PRIVMSG #general :skipped
		alice > BATCH -2
		alice > BATCH +4 draft/multiline #general
		alice > @batch=4 PRIVMSG #staff :x
		alice < *FAIL BATCH MULTILINE_INVALID_TARGET #general #staff :*
		alice > BATCH -4
		alice > BATCH +5 draft/other #general
		alice < *FAIL BATCH UNKNOWN_TYPE draft/other :*
		alice > BATCH -9
		alice < *FAIL BATCH MULTILINE_INVALID :*
		bob > BATCH +1 draft/multiline #general
		bob < * 421 bob BATCH *
		bob ! *skipped*`)
}

func TestReadMarker(t *testing.T) {
	t.Parallel()
	h, _ := openLibrary(t)
	h.talk(t, `
		alice/1 is draft/read-marker
		alice/2 is draft/read-marker
		alice/3 is
		alice/1 > MARKREAD #general
		alice/1 < * MARKREAD #general *
		alice/1 > MARKREAD #general timestamp=2026-01-02T03:04:05.678Z
		alice/1 < * MARKREAD #general timestamp=2026-01-02T03:04:05.678Z
		alice/2 < * MARKREAD #general timestamp=2026-01-02T03:04:05.678Z
		alice/2 > MARKREAD #GENERAL timestamp=2025-01-02T03:04:05.678Z
		alice/2 < * MARKREAD #GENERAL timestamp=2026-01-02T03:04:05.678Z
		alice/1 > MARKREAD #general timestamp=never
		alice/1 < *FAIL MARKREAD INVALID_PARAMS *
		alice/1 > MARKREAD
		alice/1 < *FAIL MARKREAD NEED_MORE_PARAMS *
		alice/3 ! * MARKREAD *
		alice/3 > MARKREAD #general
		alice/3 < * 421 *`)
	h.again(t)
	h.talk(t, `
		alice is draft/read-marker
		alice > PART #general
		alice > JOIN #general
		alice < * MARKREAD #general timestamp=2026-01-02T03:04:05.678Z
		alice < * 366 *`)
}

func TestRedact(t *testing.T) {
	t.Parallel()
	h, lib := openLibrary(t)
	alice := h.join(t, "alice", "echo-message", "message-tags", "draft/message-redaction")
	bob := h.join(t, "bob", "message-tags", "draft/message-redaction")
	mod := h.join(t, "mod")
	say := func() string {
		alice.send("PRIVMSG #general :oops")
		alice.expect("@msgid=* PRIVMSG #general :oops")
		list, err := lib.Read(t.Context(), "#general", irc.Span{Limit: 1, Newest: true})
		for deadline := time.Now().Add(patience); err == nil && len(list) == 0 && time.Now().Before(deadline); {
			list, err = lib.Read(t.Context(), "#general", irc.Span{Limit: 1, Newest: true})
		}
		if err != nil || len(list) != 1 {
			t.Fatalf("kept are %v, %v", list, err)
		}
		return list[0].ID.String()
	}
	id := say()
	bob.send("REDACT #general " + id)
	bob.expect("*FAIL REDACT REDACT_FORBIDDEN #general " + id + " :*")
	bob.send("REDACT #general zz")
	bob.expect("*FAIL REDACT UNKNOWN_MSGID #general zz :*")
	bob.send("REDACT #staff zz")
	bob.expect("*FAIL REDACT INVALID_TARGET #staff :*")
	alice.send("REDACT #general " + id + " :by mistake")
	bob.expect("*:alice!* REDACT #general " + id + " :by mistake")
	alice.expect("*:alice!* REDACT #general " + id + " :by mistake")
	alice.send("REDACT #general " + id)
	alice.expect("*FAIL REDACT UNKNOWN_MSGID *")
	mod.send("REDACT #general x")
	mod.expect("* 421 mod REDACT *")
	mod.send("CAP REQ draft/message-redaction")
	mod.expect("*ACK*")
	id = say()
	mod.send("REDACT #general " + id)
	bob.expect("*:mod!* REDACT #general " + id)
}

func TestMissedLines(t *testing.T) {
	t.Parallel()
	h, lib := openLibrary(t)
	if err := lib.SetReplay(t.Context(), 2, 2); err != nil {
		t.Fatal(err)
	}
	alice, bob := h.join(t, "alice"), h.join(t, "bob")
	bob.send("QUIT")
	bob.ended()
	alice.send("PRIVMSG #general :one", "PRIVMSG #general :two", "PRIVMSG #general :three")
	alice.sync()
	left := func(m core.MemberID) bool {
		s, err := lib.Known(t.Context(), m)
		return err == nil && s.Left != 0
	}
	for deadline := time.Now().Add(patience); !left(2); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it isn't kept when bob left")
		}
	}
	back := h.dial(t, "bob")
	back.send("PASS bob:key-bob", "NICK bob", "USER b 0 * :b")
	back.expect("* 366 bob #general *")
	back.expect(":alice!* PRIVMSG #general :[* *:*] two")
	back.expect(":alice!* PRIVMSG #general :[* *:*] three")
	back.send("PART #general", "JOIN #general", "PING end")
	back.expect("* 366 bob #general *")
	back.sync()
	back.none("*PRIVMSG*")
	modern := h.join(t, "bob/2", "batch", "draft/chathistory")
	modern.sync()
	modern.none("*PRIVMSG*")
}

func TestHistoryOutlivesARestart(t *testing.T) {
	t.Parallel()
	h, lib := openLibrary(t)
	alice := h.join(t, "alice")
	for range 50 {
		alice.send("PRIVMSG #general :x")
	}
	alice.sync()
	h.again(t)
	list, err := lib.Read(t.Context(), "#general", irc.Span{Limit: 100})
	if err != nil || len(list) != 50 {
		t.Errorf("%d lines are there, %v", len(list), err)
	}
}

func TestADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	h, lib := openLibrary(t)
	lib.down.Store(true)
	alice, bob := h.join(t, "alice"), h.join(t, "bob", "draft/chathistory", "batch")
	alice.send("PRIVMSG #general :first")
	bob.expect("*PRIVMSG #general :first") // nobody waits
	for deadline := time.Now().Add(patience); !strings.Contains(h.logged.String(), "can't be kept at the moment"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody is told")
		}
	}
	lib.down.Store(false)
	bob.send("CHATHISTORY LATEST #general * 5")
	bob.expect("*PRIVMSG #general :first")
	bob.expect("*BATCH -*")
}

func TestRecorderIsBounded(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	rec := newRecorder(nil, h.needs().Log, h.metrics.unkept)
	for range maxUnwritten + 7 {
		rec.add(irc.Sent{})
	}
	if rec.waiting() != maxUnwritten || rec.lost != 7 {
		t.Errorf("%d wait, %d are lost", rec.waiting(), rec.lost)
	}
}

var _ HistoryStore = (*irc.History)(nil)

// BenchmarkLineToMany measures how long a line to 5,000 members holds the network's lock.
func BenchmarkLineToMany(b *testing.B) {
	for name, rec := range map[string]*recorder{"without history": nil, "with history": {}} {
		b.Run(name, func(b *testing.B) { benchmarkLine(b, rec) })
	}
}

func benchmarkLine(b *testing.B, rec *recorder) {
	h := newHouse(b, nil)
	n, err := h.network(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if rec != nil {
		n.rec = newRecorder(nil, h.needs().Log, h.metrics.unkept)
	}
	ch := n.channels["#general"]
	var first *session
	for i := range 5000 {
		s := newSession(conn.New(nil, 1<<30), conn.Origin{})
		s.caps = capMessageTags | capServerTime
		s.user.nick, s.user.name, s.user.host = "user"+itoa(i), "u", "h"
		ch.put(s.user)
		if i == 0 {
			first = s
		}
	}
	r := &request{ctx: b.Context(), n: n, s: first}
	b.ReportAllocs()
	for b.Loop() {
		l := n.lineFrom(first.user, "PRIVMSG", "#general", "a line of an ordinary length, as people write it all day long")
		r.sendTo(l, "#general")
		if n.rec != nil && n.rec.waiting() > maxUnwritten/2 {
			n.rec.queue = nil
		}
		for _, m := range ch.members {
			m.user.sessions[0].conn.Take()
		}
	}
}
