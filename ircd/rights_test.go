package ircd

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// site is a room on the real stores.
type site struct {
	*Room
	members  *member.Store
	channels *irc.Store
	db       *db.DB
	keys     *secret.Keyring
}

func eachEngine(t *testing.T, test func(t *testing.T, s *site)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		keys, err := secret.NewKeyring(make([]byte, 32))
		if err != nil {
			t.Fatal(err)
		}
		keys = keys.Cheaply()
		log := eventlog.New(d, time.Now)
		s := &site{members: member.NewStore(d, log, keys, time.Now), channels: irc.NewStore(d, log, ban.NewStore(d, log, keys, time.Now), time.Now), db: d, keys: keys}
		if err := s.members.Seed(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.Room = New(testConfig(), Deps{Members: s.members, Guard: guess.New(d, keys, time.Now, slog.New(slog.DiscardHandler)), Events: log, Channels: s.channels, Audit: NewAudit(d, audit.New(d, time.Now), s.channels), Rates: rates.New(time.Now), Clock: time.Now, SiteName: "Bio Test",
			Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(), DataDir: t.TempDir()})
		test(t, s)
	})
}

// login makes an account and connects with it.
func (s *site) login(t *testing.T, name, class string) (*peer, core.MemberID, string) {
	t.Helper()
	made, err := s.members.Create(t.Context(), member.New{Name: name, Class: class, Email: name + "@lab.example"})
	if err != nil {
		t.Fatal(err)
	}
	return s.connect(t, name, made.IRCKey), made.Member.ID, made.IRCKey
}

func (s *site) connect(t *testing.T, name, key string) *peer {
	t.Helper()
	h := &house{Room: s.Room}
	p := h.dial(t, name)
	p.send("CAP REQ sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE "+plain(name, key), "NICK "+name, "USER u 0 * :"+name, "CAP END")
	p.expect("* 001 *")
	p.sync()
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestDisabledMembersMayAskWhy lets only those into #disabled who show the right key of a
// disabled account.
func TestDisabledMembersMayAskWhy(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		alice, id, key := s.login(t, "alice", "User")
		must(t, membertest.Disable(t.Context(), s.members, id, "sold invites"))
		alice.ended()

		h := &house{Room: s.Room}
		guest := func(name, key string) *peer {
			p := h.dial(t, name)
			p.send("CAP REQ sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE "+plain("alice", key), "NICK "+name, "USER u 0 * :"+name, "CAP END")
			p.expect("* 904 *")
			p.expect("* 001 *")
			return p
		}
		stranger := guest("stranger", "wrong")
		stranger.send("JOIN #disabled")
		stranger.expect("* 477 * #disabled *")

		back := guest("visitor", key)
		back.expect(":visitor|guest!* JOIN #disabled*")
		back.send("JOIN #general", "PRIVMSG #disabled :why?", "PRIVMSG NickServ :IDENTIFY alice "+key)
		back.expect("* 477 * #general *")
		back.expect("* NOTICE * :Not logged in: your account is disabled: sold invites")
		must(t, membertest.Enable(t.Context(), s.members, id))
		back.send("PRIVMSG NickServ :IDENTIFY alice " + key)
		back.expect("* KICK #disabled *")

		must(t, membertest.Disable(t.Context(), s.members, id, "again"))
		back.ended()
		late := h.dial(t, "late")
		late.send("NICK late", "USER u 0 * :late")
		late.expect("* 001 *")
		late.send("PRIVMSG NickServ :IDENTIFY alice " + key)
		late.expect(":late|guest!* JOIN #disabled*")
	})
}

func TestDisabledMemberIsOffWithinASecond(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		ctx := t.Context()
		alice, id, key := s.login(t, "alice", "User")
		second := s.connect(t, "alice", key)
		witness, _, _ := s.login(t, "wanda", "User")

		start := time.Now()
		must(t, membertest.Disable(ctx, s.members, id, "sold invites"))
		for _, p := range []*peer{alice, second} {
			if last := p.ended(); last != "ERROR :Closing link: Your account is disabled: sold invites" {
				t.Errorf("the last line was %q", last)
			}
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("it took %s", d)
		}
		witness.expect(":alice!alice@* QUIT :Logged out")
		witness.sync()
		witness.none(":alice*")

		h := &house{Room: s.Room}
		back := h.dial(t, "alice")
		back.send("PASS alice:"+key, "NICK alice", "USER u 0 * :A")
		back.expect("* 464 * *your account is disabled: sold invites*")
		back.ended()

		must(t, membertest.Enable(ctx, s.members, id))
		s.connect(t, "alice", key)
	})
}

func TestRightsFollowTheClass(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		ctx := t.Context()
		alice, id, _ := s.login(t, "alice", "User")
		wanda, _, _ := s.login(t, "wanda", "User")

		must(t, s.members.SetClass(ctx, id, "Moderator"))
		alice.expect(":irc.test 396 alice *.moderator.bio-test *")
		alice.expect(":alice!alice@*.moderator.bio-test JOIN #staff")
		alice.expect(":irc.test 353 alice @ #staff :@alice")
		alice.expect(":alice!* JOIN #debug")
		wanda.expect(":irc.test MODE #general +ov alice alice")
		alice.send("PART #debug")
		alice.sync()

		must(t, s.members.SetClassPermission(ctx, "Moderator", core.IRCStaff, false))
		alice.expect(":irc.test KICK #staff alice :Your class may not be here any more")
		must(t, s.members.SetClassPermission(ctx, "Moderator", core.IRCStaff, true))
		alice.expect(":alice!* JOIN #staff")
		alice.sync()
		alice.none("* JOIN #debug") // she left it, and it was open to her before

		must(t, s.members.SetClass(ctx, id, "User"))
		alice.expect(":irc.test KICK #staff alice *")
		wanda.expect(":irc.test MODE #general -ov alice alice")

		must(t, s.members.SetClassPermission(ctx, "User", core.IRCConnect, false))
		if last := wanda.ended(); last != "ERROR :Closing link: Your class may not use IRC any more" {
			t.Errorf("the last line was %q", last)
		}
	})
}

func TestTopicsAndModesSurviveARestart(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		stop := run(t, s.Room)
		mod, _, key := s.login(t, "mod", "Moderator")
		topic := "Élan vital: 12 % of 'yeast' \"strains\" \\ done 🧬"
		mod.send("TOPIC #general :"+topic, "MODE #general +mlk 50 secret", "MODE #general -t", "JOIN #support", "TOPIC #support :")
		mod.expect(":mod!* MODE #general +mlk 50 secret")
		mod.expect(":mod!* TOPIC #support :")
		must(t, stop())

		run(t, s.Room)
		mod = s.connect(t, "mod", key)
		mod.send("TOPIC #general", "MODE #general", "JOIN #support", "TOPIC #support", "TOPIC #announce")
		mod.expect(":irc.test 332 mod #general :" + topic)
		mod.expect(":irc.test 333 mod #general mod *")
		mod.expect(":irc.test 324 mod #general +mnkl secret 50")
		mod.expect(":irc.test 331 mod #support *")
		mod.expect(":irc.test 332 mod #announce :New upload announces")
	})
}

func TestWhatCantBeSavedIsNotChanged(t *testing.T) {
	h := open(t, nil)
	mod := h.join(t, "mod")
	h.shelf.mu.Lock()
	h.shelf.err = errors.New("disk full of secrets")
	h.shelf.mu.Unlock()
	mod.send("TOPIC #general :lost", "MODE #general +m")
	mod.expect(":irc.test 400 mod TOPIC :The topic can't be saved *")
	mod.expect(":irc.test 400 mod MODE :The modes can't be saved *")
	mod.send("TOPIC #general", "MODE #general")
	mod.expect(":irc.test 332 mod #general :The usual chit-chat")
	mod.expect(":irc.test 324 mod #general +nt")
	mod.none("*secrets*")
}

func TestMemberWhoCantBeReadIsLoggedOut(t *testing.T) {
	h := open(t, nil)
	alice, bob := h.join(t, "alice"), h.join(t, "bob")
	h.people.fail(errors.New("no connection to the database"))
	h.news.memberChanged(1)
	if last := alice.ended(); !strings.HasPrefix(last, "ERROR :Closing link: Your account can't be checked at the moment") {
		t.Errorf("alice's last line was %q", last)
	}
	bob.expect(":alice!* QUIT :Logged out")
	bob.sync()
	h.people.fail(nil)
	h.join(t, "alice")
}

func TestAccountThatIsGoneOrRenamed(t *testing.T) {
	h := open(t, nil)
	alice, bob := h.join(t, "alice"), h.join(t, "bob")
	h.people.mu.Lock()
	delete(h.people.list, 1)
	h.people.mu.Unlock()
	h.news.memberChanged(1)
	if last := alice.ended(); last != "ERROR :Closing link: Your account is gone" {
		t.Errorf("alice's last line was %q", last)
	}
	h.people.change(2, func(m *member.Member) { m.Name = "robert" })
	h.news.memberChanged(2)
	if last := bob.ended(); last != "ERROR :Closing link: Your account was renamed, log in under the new name" {
		t.Errorf("bob's last line was %q", last)
	}
}

// TestGuestsLearnOfNoNewMember keeps a guest's nick when somebody joins the site under what
// it asked for.
func TestGuestsLearnOfNoNewMember(t *testing.T) {
	h := open(t, nil)
	guest := h.join(t, "zoe")
	h.people.put(20, "Zoe", "User", core.IRCConnect)
	h.news.memberChanged(20)
	h.news.publish(eventlog.IRCNickChanged{}, `{"member":1,"nick":"zoe"}`)
	h.news.memberChanged(20) // is taken once the others were handled
	guest.sync()
	guest.none("*NICK*")
	zoe := h.join(t, "Zoe")
	zoe.send("PRIVMSG zoe|guest :hello")
	guest.expect(":Zoe!* PRIVMSG zoe|guest :hello")
}

func TestEventThatCantBeReadChecksEverybody(t *testing.T) {
	h := open(t, nil)
	alice := h.join(t, "alice")
	h.people.change(1, func(m *member.Member) { m.Causes = []member.Cause{{Effect: member.Disabled}}; *m = m.At(time.Now()) })
	h.news.publish(eventlog.MemberChanged{}, "nonsense")
	if last := alice.ended(); last != "ERROR :Closing link: Your account is disabled: no reason was recorded" {
		t.Errorf("alice's last line was %q", last)
	}
}

// The consumer is at the newest event before anyone is let in, so nothing that happens from
// then on is missed, not even at the first start.
func TestNoEventIsMissedAtTheFirstStart(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		made, err := s.members.Create(t.Context(), member.New{Name: "alice", Email: "a@lab.example"})
		must(t, err)
		log := &lateLog{Log: eventlog.New(s.db, time.Now), begin: make(chan struct{})}
		s.deps.Events = log
		run(t, s.Room)
		alice := s.connect(t, "alice", made.IRCKey)
		must(t, membertest.Disable(t.Context(), s.members, made.Member.ID, "early"))
		close(log.begin)
		if last := alice.ended(); !strings.Contains(last, "early") {
			t.Errorf("the last line was %q", last)
		}
	})
}

// lateLog begins to consume when it is told to.
type lateLog struct {
	*eventlog.Log
	begin chan struct{}
}

func (l *lateLog) ConsumeFrom(ctx context.Context, pos int64, c eventlog.Consumer) error {
	select {
	case <-l.begin:
		return l.Log.ConsumeFrom(ctx, pos, c)
	case <-ctx.Done():
		return nil
	}
}
