package ircd

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/xdg-go/scram"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// people is a site with accounts in memory. The IRC key of each is "key-" and
// the name in lower case.
type people struct {
	mu   sync.Mutex
	list map[core.MemberID]member.Member
	err  error // what every question is answered with, when set

	secrets map[string]member.Shown // keys, by what they are
	asked   []string                // what was looked up as a key
	shown   []string                // whose keys were noted as said
}

func newPeople() *people {
	p := &people{list: map[core.MemberID]member.Member{}}
	user := []core.Permission{core.IRCConnect}
	p.put(1, "alice", "User", user...)
	p.put(2, "bob", "User", user...)
	p.put(3, "carol", "Power User", append(user, core.IRCVoice)...)
	p.put(4, "mod", "Moderator", append(user, core.IRCVoice, core.IRCOperate, core.IRCStaff, core.IRCDebug)...)
	p.put(5, "Hermes", "Bot", append(user, core.IRCVoice, core.IRCOperate, core.IRCStaff, core.IRCDebug, core.IRCAnnounce)...)
	p.put(6, "7up", "User", user...)
	p.put(7, "mute", "Mute")
	p.put(21, "officer", "Moderator", append(user, core.IRCVoice, core.IRCOperate, core.IRCStaff, core.IRCRemove, core.IRCAddress)...)
	p.put(22, "boss", "Sysop", append(user, core.IRCVoice, core.IRCOperate, core.IRCStaff, core.IRCRemove, core.IRCAddress, core.IRCOverride)...)
	return p
}

// levels are how high the classes stand that tests have.
var levels = map[string]int{"Mute": 50, "User": 100, "Power User": 200, "Bot": 700, "Moderator": 800, "Sysop": 1000}

func (p *people) put(id core.MemberID, name, class string, ps ...core.Permission) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list[id] = member.Member{ID: id, Name: name, Class: member.Class{Name: class, Level: levels[class]}, Permissions: core.NewPermissions(ps...)}
}

func (p *people) change(id core.MemberID, f func(*member.Member)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := p.list[id]
	f(&m)
	p.list[id] = m
}

func (p *people) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *people) ByID(_ context.Context, id core.MemberID) (member.Member, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, ok := p.list[id]
	if p.err == nil && !ok {
		return m, core.Errorf(core.NotFound, "no such member")
	}
	return m, p.err
}

func (p *people) ByName(_ context.Context, name string) (member.Member, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.list {
		if strings.EqualFold(m.Name, name) {
			return m, p.err
		}
	}
	if p.err != nil {
		return member.Member{}, p.err
	}
	return member.Member{}, core.Errorf(core.NotFound, "no such member")
}

func (p *people) ByNick(ctx context.Context, nick string) (member.Member, error) {
	return p.ByName(ctx, nick)
}

func (p *people) AuthIRC(ctx context.Context, name, key string) (member.Member, error) {
	m, err := p.ByName(ctx, name)
	if core.CodeOf(err) == core.NotFound || err == nil && key != "key-"+strings.ToLower(m.Name) {
		return member.Member{}, core.Errorf(core.Forbidden, "name or IRC key is wrong")
	}
	if err == nil && !m.Enabled() {
		return m, m.MayIRC()
	}
	return m, err
}

func (p *people) IRCVerifier(ctx context.Context, name string) (member.IRCVerifier, error) {
	key := "key-" + strings.ToLower(name)
	if _, err := p.ByName(ctx, name); core.CodeOf(err) == core.NotFound {
		key = "nobody has this"
	} else if err != nil {
		return member.IRCVerifier{}, err
	}
	v := member.IRCVerifier{Name: name, Salt: "salt of " + strings.ToLower(name), Iterations: 4096}
	c, err := scram.SHA256.NewClient("", key, "")
	if err != nil {
		return v, err
	}
	stored, err := c.GetStoredCredentialsWithError(scram.KeyFactors{Salt: v.Salt, Iters: v.Iterations})
	v.StoredKey, v.ServerKey = stored.StoredKey, stored.ServerKey
	return v, err
}

func (p *people) AuthIRCVerified(ctx context.Context, v member.IRCVerifier) (member.Member, error) {
	return p.AuthIRC(ctx, v.Name, "key-"+strings.ToLower(v.Name))
}

func (p *people) WhoseSecrets(_ context.Context, suspects []string, _ core.MemberID) ([]member.Shown, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []member.Shown
	for _, word := range suspects {
		if f, ok := p.secrets[word]; ok {
			out = append(out, f)
		}
	}
	p.asked = append(p.asked, suspects...)
	return out, p.err
}

func (p *people) NoteShown(_ context.Context, f member.Shown, nick, where string, reached bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shown = append(p.shown, fmt.Sprintf("%s of %d by %q in %s, reached %v", f.Kind, f.Member, nick, where, reached))
	return nil
}

func (p *people) NoteIRC(context.Context, string, bool) error { return nil }

func (p *people) AuthCertificate(context.Context, string, string) (member.Member, error) {
	return member.Member{}, core.Errorf(core.Forbidden, "no account of yours knows this certificate")
}

// strict is a guard in memory: after three wrong keys for an account or from a place,
// nobody may try.
type strict struct {
	mu    sync.Mutex
	fails map[string]int
}

func (g *strict) Wait(_ context.Context, t guess.Try) (time.Duration, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fails["="+t.Account] >= 3 || !t.Exempt && g.fails["@"+t.Place] >= 3 {
		return 2 * time.Second, nil
	}
	return 0, nil
}

func (g *strict) Prove(ctx context.Context, t guess.Try, check func(context.Context) (bool, error)) error {
	if wait, err := g.Wait(ctx, t); err != nil || wait > 0 {
		return &guess.Limited{Wait: wait}
	}
	right, err := check(ctx)
	g.mu.Lock()
	defer g.mu.Unlock()
	if !right && core.CodeOf(err) == core.Forbidden {
		g.fails["="+t.Account]++
		g.fails["@"+t.Place]++
	}
	return err
}

// news is an event log in memory.
type news struct {
	ch chan eventlog.Event
}

func (l *news) Last(context.Context) (int64, error)           { return 0, nil }
func (l *news) Cursor(context.Context, string) (int64, error) { return 0, nil }
func (l *news) Read(context.Context, int64, int) ([]eventlog.Event, error) {
	return nil, nil
}
func (l *news) Advance(context.Context, string, int64) error { return nil }
func (l *news) publish(body eventlog.Body, raw string) {
	l.ch <- eventlog.Event{Kind: body.EventKind(), Body: []byte(raw)}
}
func (l *news) memberChanged(id core.MemberID) {
	l.publish(eventlog.MemberChanged{}, fmt.Sprintf(`{"member":%d}`, id))
}
func (l *news) ConsumeFrom(ctx context.Context, _ int64, c eventlog.Consumer) error {
	if c.Name != Consumer {
		<-ctx.Done() // there is one channel for all
		return nil
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-l.ch:
			if err := deliver(ctx, c, e); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

// deliver hands c one event as a log does that tries nothing twice.
func deliver(ctx context.Context, c eventlog.Consumer, e eventlog.Event) error {
	for _, h := range c.Handlers {
		if h.Kind != e.Kind {
			continue
		}
		switch err := h.Do(ctx, nil, e); {
		case eventlog.IsFaulty(err):
			c.Missed(e, err)
		case err != nil:
			return err
		}
	}
	return c.Flush(ctx, e.ID)
}

// shelf keeps channels in memory.
type shelf struct {
	mu    sync.Mutex
	rows  []irc.Channel
	lines []irc.Line
	err   error // what saving is answered with, when set
}

func (s *shelf) Seed(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil {
		s.rows = irc.FirstChannels()
	}
	return nil
}

func (s *shelf) Channels(context.Context) ([]irc.Channel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rows), nil
}

func (s *shelf) Channel(_ context.Context, name string) (irc.Channel, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rows {
		if strings.EqualFold(r.Name, name) {
			return r, nil
		}
	}
	return irc.Channel{}, core.Errorf(core.NotFound, "there is no channel %s", name)
}

func (s *shelf) Masks(context.Context, string) ([]irc.Mask, error) { return nil, nil }

func (s *shelf) Lines(context.Context) ([]irc.Line, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.lines), nil
}

func (s *shelf) AddLine(_ context.Context, l irc.Line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, l)
	return s.err
}

func (s *shelf) RemoveLine(_ context.Context, kind irc.LineKind, mask, _ string) (irc.Line, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, l := range s.lines {
		if l.Kind == kind && l.Mask == mask {
			s.lines = slices.Delete(s.lines, i, i+1)
			return l, nil
		}
	}
	return irc.Line{}, core.Errorf(core.NotFound, "there is no such line for %s", mask)
}

func (s *shelf) SaveTopic(_ context.Context, channel, topic, by string, at time.Time) error {
	return s.save(channel, func(r *irc.Channel) { r.Topic, r.TopicBy, r.TopicAt = topic, by, at })
}

func (s *shelf) SetCertificate(context.Context, string) error { return nil }

func (s *shelf) SaveModes(_ context.Context, channel, modes string, _ ...irc.MaskChange) error {
	return s.save(channel, func(r *irc.Channel) { r.Modes = modes })
}

func (s *shelf) save(channel string, f func(*irc.Channel)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rows {
		if s.rows[i].Name == channel && s.err == nil {
			f(&s.rows[i])
		}
	}
	return s.err
}

// house is a running room with all it stands on.
type house struct {
	*Room
	people   *people
	news     *news
	shelf    *shelf
	logged   *lockedBuffer
	registry *prometheus.Registry
	history  HistoryStore // nil keeps none
	audit    *ledger
	stop     func() error // ends the run and returns what it returned
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func testConfig() Config {
	c := DefaultConfig()
	c.ServerName, c.ListenTLS, c.ListenPlain = "irc.test", "", "127.0.0.1:0"
	c.MOTD = "Be kind.\nSeed."
	c.JoinsPerMinute, c.JoinsBurst, c.NicksPerMinute, c.NicksBurst = 1e6, 1e4, 1e6, 1e4
	c.LinesPerMinute, c.LinesBurst, c.GuestLinesPerMinute, c.GuestLinesBurst = 1e6, 1e4, 1e6, 1e4
	return c
}

func newHouse(t testing.TB, change func(*Config)) *house {
	t.Helper()
	h := &house{people: newPeople(), news: &news{ch: make(chan eventlog.Event)}, shelf: &shelf{}, audit: &ledger{}, logged: &lockedBuffer{}, registry: prometheus.NewRegistry()}
	h.audit.shelf = h.shelf
	c := testConfig()
	if change != nil {
		change(&c)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	d := h.needs()
	if c.ListenTLS != "" { // it has a certificate to keep; the fuzzing of others would mostly make and remove directories
		d.DataDir = t.TempDir()
	}
	h.Room = New(c, d)
	return h
}

func (h *house) needs() Deps {
	return Deps{Members: h.people, Guard: &strict{fails: map[string]int{}}, Events: h.news, Channels: h.shelf, History: h.history, Audit: h.audit, Rates: rates.New(time.Now), Clock: time.Now, SiteName: "Bio Test",
		Log: slog.New(slog.NewTextHandler(h.logged, nil)), Metrics: h.registry}
}

// open starts the room. The end of the test stops it, and fails if it didn't end well.
func open(t testing.TB, change func(*Config)) *house {
	t.Helper()
	h := newHouse(t, change)
	h.start(t)
	return h
}

func (h *house) start(t testing.TB) {
	t.Helper()
	h.stop = run(t, h.Room)
}

// run runs a room until the returned function, or the test's end, stops it.
func run(t testing.TB, r *Room) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- r.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		t.Fatalf("the room did not start: %v", err)
	case <-time.After(patience):
		t.Fatal("the room is not ready")
	}
	stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(patience):
			return fmt.Errorf("the room did not end")
		}
	})
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("the run ended with %v", err)
		}
	})
	return stop
}
