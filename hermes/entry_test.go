package hermes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// fewChannels are the channels of a site, in memory.
type fewChannels struct {
	mu    sync.Mutex
	list  []irc.Channel
	after func() // happens once, right after they are read first, under the lock
}

func (c *fewChannels) Channels(context.Context) ([]irc.Channel, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := slices.Clone(c.list)
	if c.after != nil {
		c.after()
		c.after = nil
	}
	return list, nil
}

func (c *fewChannels) SaveTopic(_ context.Context, channel, topic, _ string, at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.list {
		if c.list[i].Name == channel {
			c.list[i].Topic, c.list[i].TopicAt = topic, at
			return nil
		}
	}
	return core.Errorf(core.NotFound, "the channel is not kept")
}

const operKey = "the-password-of-the-operator"

// foreignFake is a fake server of another kind.
func foreignFake(t *testing.T, hello ...string) *fakeIRC {
	t.Helper()
	return newFake(t, func(f *fakeIRC) {
		f.caps, f.oper = "multi-prefix", operKey
		f.hello = append([]string{"004 Hermes irc.test ngircd-26.1 a b"}, hello...)
	})
}

// abroad configures the bot for it.
func (s *site) abroad(c *Config) {
	s.t.Helper()
	c.Network, c.OperName, c.OperPasswordFile = ngircdNetwork, "Hermes", filepath.Join(s.t.TempDir(), "oper")
	if err := os.WriteFile(c.OperPasswordFile, []byte(operKey+"\n"), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// asks says the words to the bot and returns its answer.
func (f *fakeIRC) asks(nick, text string) string {
	f.t.Helper()
	before := len(f.in(nick))
	f.speak(nick, "", "Hermes", text)
	return f.heard(nick, before+1)[before]
}

// heardLine waits for a line of the client's.
func (f *fakeIRC) heardLine(want string) {
	f.t.Helper()
	f.until(want, func() bool { return slices.Contains(f.heardLines, want) })
}

func TestEnterByNameAndKey(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), foreignFake(t)
	s.deps.Channels = &fewChannels{list: []irc.Channel{
		{Name: "#announce", Modes: "+mntu", Speak: core.IRCAnnounce, AutoJoin: true},
		{Name: "#general", Modes: "+nt", AutoJoin: true},
		{Name: "#userbots", Modes: "+nt"},
		{Name: "#staff", Modes: "+nst", Join: core.IRCStaff, AutoJoin: true},
	}}
	key, err := s.deps.Members.IRCKey(t.Context(), s.alice.ID)
	if err != nil {
		t.Fatal(err)
	}
	gone := s.join("gone", "User")
	goneKey, err := s.deps.Members.IRCKey(t.Context(), gone.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := membertest.Disable(t.Context(), s.deps.Members, gone.ID, "left the lab"); err != nil {
		t.Fatal(err)
	}
	bot := s.start(f, s.abroad)
	<-bot.ready
	f.heardLine("OPER Hermes :" + operKey)
	f.heardLine("MODE Hermes :+Fc")
	f.until("a channel of the site's besides", func() bool { return f.joined["#userbots"] })

	for _, tt := range []struct{ name, nick, say, want string }{
		{"one channel", "a1", "enter #announce alice " + key, "You are alice to me now. You are invited: /join #announce"},
		{"commas", "a2", "ENTER #general,#userbots alice " + key, "You are alice to me now. You are invited: /join #general,#userbots"},
		{"all that are entered at login", "a3", "enter alice " + key, "You are alice to me now. You are invited: /join #announce,#general"},
		{"not allowed, and not there", "a4", "enter #staff #nowhere #general ALICE " + key, "You are alice to me now. You are invited: /join #general Not open to you: #staff, #nowhere."},
		{"only to be known", "a5", "identify alice " + key, "You are alice to me now."},
		{"too few words", "a6", "enter #announce", entryUsage},
		{"a wrong key", "a7", "enter #announce alice wrong", "name or IRC key is wrong"},
		{"disabled", "a8", "enter #announce gone " + goneKey, "your account is disabled: left the lab"},
		{"a nick is no identity", "alice", "stats", "log in first: this is for members"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.clock.Add(2 * commandEvery)
			if got := f.asks(tt.nick, tt.say); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
	f.heardLine("INVITE a2 :#userbots")
	if got := f.asks("a5", "stats"); !strings.HasPrefix(got, "alice (User): uploaded") {
		t.Errorf("known, and answered %q", got)
	}
	s.clock.Add(2 * commandEvery)
	f.speak("a9", "", "#general", "!enter #announce alice "+key)
	if got := f.heard("a9", 1)[0]; got != entryBetween {
		t.Errorf("a key among others: %q", got)
	}

	// Guesses make everybody from their host wait, and here all have the same host.
	for range 3 { // as many as are free
		f.asks("b1", "enter #announce alice wrong")
		s.clock.Add(10 * time.Second)
	}
	f.asks("b1", "enter #announce alice wrong")
	if got := f.asks("b1", "enter #announce alice "+key); !strings.HasPrefix(got, "too many failed logins, try again in ") {
		t.Errorf("after many guesses: %q", got)
	}

	s.toldNobody(f, key, goneKey, operKey)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.logins != 0 {
		t.Error("logged in with SASL abroad")
	}
}

// TestWhoHadAnotherKeyIsAStranger replaces the key of somebody who has told it, and of
// somebody who is just telling it.
func TestWhoHadAnotherKeyIsAStranger(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), foreignFake(t)
	s.deps.Channels = &fewChannels{list: []irc.Channel{{Name: "#announce", Modes: "+mntu", Speak: core.IRCAnnounce, AutoJoin: true}}}
	key, err := s.deps.Members.IRCKey(t.Context(), s.alice.ID)
	if err != nil {
		t.Fatal(err)
	}
	bot := s.start(f, s.abroad)
	<-bot.ready
	if got := f.asks("a5", "identify alice "+key); got != "You are alice to me now." {
		t.Fatalf("got %q", got)
	}
	s.clock.Add(2 * commandEvery)
	drawn, err := s.deps.Members.DrawPassphrase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.deps.Members.ResetPassphrase(t.Context(), s.alice.ID, drawn); err != nil {
		t.Fatal(err)
	}
	s.settled(f, doorCursor)
	if got := f.asks("a5", "stats"); got != "log in first: this is for members" {
		t.Errorf("after the reset: %q", got)
	}
	s.clock.Add(2 * commandEvery)
	if got := f.asks("a6", "identify alice "+key); got != "name or IRC key is wrong" {
		t.Errorf("with the old key: %q", got)
	}
	list, err := s.deps.Members.Security().Page(t.Context(), s.alice.ID, 0, 5)
	if err != nil || list[0].Kind != security.Refused || list[0].Face != security.Bot || list[0].Address == "" {
		t.Errorf("the log: %+v (%v)", list, err)
	}
}

// toldNobody demands that secrets are neither in the log nor in what the bot said.
func (s *site) toldNobody(f *fakeIRC, secrets ...string) {
	s.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, secret := range secrets {
		if strings.Contains(s.log.String(), secret) {
			s.t.Errorf("a key stands in the log:\n%s", s.log)
		}
		for _, m := range f.said {
			if strings.Contains(m.text, secret) {
				s.t.Errorf("a key is repeated to %s: %q", m.target, m.text)
			}
		}
	}
}

// TestNoChannelIsMissedAtTheFirstStart makes a channel when the first ones have just
// been read.
func TestNoChannelIsMissedAtTheFirstStart(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, db *db.DB) {
		s := newSite(t, db)
		channels := &fewChannels{list: []irc.Channel{{Name: "#announce"}}}
		channels.after = func() {
			channels.list = append(channels.list, irc.Channel{Name: "#late"})
			s.append(eventlog.IRCChannelChanged{Channel: "#late"})
		}
		s.deps.Channels = channels
		cfg := DefaultConfig()
		s.abroad(&cfg)
		d := newDoors(cfg, s.deps)
		d.link = newLink(cfg, keys{}, d, s.deps, nil, nil, func() {})
		if err := errors.Join(d.begin(t.Context()), d.load(t.Context())); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var following sync.WaitGroup
		defer following.Wait()
		defer cancel()
		following.Go(func() {
			if err := d.follow(ctx); err != nil {
				t.Error(err)
			}
		})
		select {
		case <-d.wake:
		case <-time.After(20 * time.Second):
			t.Fatal("no change was seen")
		}
		if n := len(d.channels()); n != 2 {
			t.Errorf("%d channels are known", n)
		}
	})
}

// TestForeignServersThatDoNotFit checks that the bot leaves such servers, and that the log
// says why.
func TestForeignServersThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		hello  []string
		change func(*Config)
		want   string
	}{
		{"another server", nil, func(c *Config) { c.Network = inspircdNetwork }, `network = \"inspircd\" is for another server than ngircd-26.1`},
		{"a long nick", []string{"005 Hermes NICKLEN=9 :are supported"}, func(c *Config) { c.Nick = "HermesTrismegistos" }, "longer than the 9 characters"},
		{"no such operator", nil, func(c *Config) {
			if err := os.WriteFile(c.OperPasswordFile, []byte("wrong"), 0o600); err != nil {
				t.Error(err)
			}
		}, "the server refuses a password"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, f := newSite(t, dbtest.SQLite(t)), foreignFake(t, tt.hello...)
			s.deps.Channels = &fewChannels{}
			s.start(f, s.abroad, tt.change)
			f.until("a second try", func() bool { return f.accepted > 1 })
			if !strings.Contains(s.log.String(), tt.want) {
				t.Errorf("the log doesn't say %q:\n%s", tt.want, s.log)
			}
		})
	}
}
