package ircd

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
)

// heldStore is a history that writes nothing until it is told to.
type heldStore struct {
	*irc.History
	open chan struct{}
}

func (h heldStore) Append(ctx context.Context, batch []irc.Sent) error {
	<-h.open
	return h.History.Append(context.WithoutCancel(ctx), batch)
}

// deafLog tells when the network no longer follows the events by which it forgets.
type deafLog struct {
	*eventlog.Log
	deaf chan struct{}
}

func (l deafLog) ConsumeFrom(ctx context.Context, pos int64, c eventlog.Consumer) error {
	if c.Name == ForgetConsumer {
		defer close(l.deaf)
	}
	return l.Log.ConsumeFrom(ctx, pos, c)
}

// keepHeld gives the room such a history. open lets it write; other is the same history in
// another process, with its events.
func (s *site) keepHeld() (open chan struct{}, other *irc.History, events *eventlog.Log) {
	open = make(chan struct{})
	keep := s.cfg.Retention()
	s.deps.History = heldStore{irc.NewHistory(s.db, eventlog.New(s.db, time.Now), time.Now, keep), open}
	events = eventlog.New(s.db, time.Now)
	return open, irc.NewHistory(s.db, events, time.Now, keep), events
}

// forgotten waits until the network has done what was asked of it.
func forgotten(t *testing.T, events *eventlog.Log) {
	t.Helper()
	last, err := events.Last(t.Context())
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	must(t, events.WaitFor(ctx, ForgetConsumer, last))
}

func wantKept(t *testing.T, h *irc.History, want ...string) {
	t.Helper()
	list, err := h.Read(t.Context(), "#general", irc.Span{Limit: 100})
	must(t, err)
	for i, m := range list {
		if len(list) != len(want) || m.Text != want[i] {
			t.Fatalf("kept are %+v, not %q", list, want)
		}
	}
	if len(list) != len(want) {
		t.Errorf("kept are %+v, not %q", list, want)
	}
}

// TestForgetReachesWhatWaits deletes, from another process, lines that were said before but
// are not written yet. Nobody's rights wait for that.
func TestForgetReachesWhatWaits(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		open, other, events := s.keepHeld()
		run(t, s.Room)
		alice, id, _ := s.login(t, "alice", "User")
		bob, _, _ := s.login(t, "bob", "User")
		alice.send("PRIVMSG #general :regrettable")
		bob.expect(":alice!* PRIVMSG #general :regrettable")
		bob.send("PRIVMSG #general :indeed")
		bob.sync()
		carol, carolID, _ := s.login(t, "carol", "User")
		wantKept(t, other)
		must(t, other.Forget(t.Context(), id))
		must(t, membertest.Disable(t.Context(), s.members, carolID, "gone"))
		if last := carol.ended(); !strings.Contains(last, "gone") {
			t.Errorf("carol's last line was %q", last)
		}
		close(open)
		forgotten(t, events)
		wantKept(t, other, "indeed")
		alice.send("PRIVMSG #general :new")
		alice.sync()
		s.mu.Lock()
		rec := s.now.rec
		s.mu.Unlock()
		must(t, rec.settle(t.Context()))
		wantKept(t, other, "indeed", "new")
	})
}

// TestForgetReachesWhatIsWrittenAtTheEnd asks to delete lines that a run writes when it no
// longer follows events. The next run must delete them.
func TestForgetReachesWhatIsWrittenAtTheEnd(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		open, other, events := s.keepHeld()
		log := deafLog{eventlog.New(s.db, time.Now), make(chan struct{})}
		s.deps.Events = log
		stop := run(t, s.Room)
		alice, id, _ := s.login(t, "alice", "User")
		alice.send("PRIVMSG #general :regrettable")
		alice.sync()
		ended := make(chan error, 1)
		go func() { ended <- stop() }()
		<-log.deaf
		wantKept(t, other)
		must(t, other.Forget(t.Context(), id))
		close(open)
		must(t, <-ended)
		wantKept(t, other, "regrettable") // as nobody told it
		s.deps.Events = events
		run(t, s.Room)
		forgotten(t, events)
		wantKept(t, other)
	})
}
