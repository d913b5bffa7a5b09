package ircd

import (
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

func TestChannelsFollowWhatStaffDecide(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		ctx := t.Context()
		user, _, _ := s.login(t, "alice", "User")
		power, id, _ := s.login(t, "pat", "Power User")
		change := func(f func(*irc.Channel)) {
			t.Helper()
			_, _, err := s.channels.Change(ctx, "#lab", func(c *irc.Channel) error { f(c); return nil })
			must(t, err)
		}
		_, err := s.channels.Create(ctx, irc.Channel{Name: "#lab", Purpose: "Wet work", Modes: "+nt", AutoJoin: true})
		must(t, err)
		for _, p := range []*peer{user, power} {
			p.expect(":*!* JOIN #lab")
			p.expect("* 332 * #lab :Wet work")
		}
		change(func(c *irc.Channel) { c.Modes, c.Purpose = "+nslm 5", "Dry work" })
		user.expect(":irc.test MODE #lab +msl-t 5")
		user.expect(":irc.test TOPIC #lab :Dry work")
		change(func(c *irc.Channel) { c.JoinClass = irc.Class{ID: 3} })
		user.expect(":irc.test KICK #lab alice :*")
		user.send("JOIN #lab")
		user.expect("* 473 alice #lab *")

		// A promotion opens the channel, and a demotion removes from it, without a new connection.
		must(t, s.members.SetClass(ctx, id, "User"))
		power.expect(":irc.test KICK #lab pat :*")
		must(t, s.members.SetClass(ctx, id, "Power User"))
		power.expect(":pat!* JOIN #lab")

		must(t, s.channels.Delete(ctx, "#lab"))
		power.expect(":irc.test KICK #lab pat :The channel was deleted")
		power.send("JOIN #lab")
		power.expect("* 403 pat #lab *")
	})
}

func TestANewIRCKeyEndsWhatTheOldOneOpened(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		alice, id, old := s.login(t, "alice", "User")
		second := s.connect(t, "alice", old)
		key, err := s.members.NewIRCKey(t.Context(), id)
		must(t, err)
		for _, p := range []*peer{alice, second} {
			if last := p.ended(); last != "ERROR :Closing link: Your IRC key was changed, log in with the new one" {
				t.Errorf("the last line was %q", last)
			}
		}
		s.connect(t, "alice", key)
	})
}

func TestLinesKeepOut(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		stop := run(t, s.Room)
		ctx := t.Context()
		alice, _, key := s.login(t, "alice", "User")
		mod, _, _ := s.login(t, "mona", "Moderator")
		line := func(kind irc.LineKind, mask string, lasts time.Duration) {
			t.Helper()
			l, err := irc.NewLine(kind, mask, "spam", "mona", time.Now(), lasts)
			must(t, err)
			must(t, s.channels.AddLine(ctx, l))
		}
		line(irc.KLine, "alice@*", 0)
		alice.expect("* 465 alice :You are kept from this network: spam")
		alice.ended()
		line(irc.KLine, "mona@*", 0) // staff could remove it
		line(irc.DLine, "127.0.0.0/8", 0)
		mod.sync()

		// It holds after a restart too.
		must(t, stop())
		run(t, s.Room)
		h := &house{Room: s.Room}
		back := h.dial(t, "alice")
		back.send("PASS alice:"+key, "NICK alice", "USER u 0 * :A")
		back.expect("* 465 * :You are kept from this network: spam")
		back.ended()
		if _, err := s.channels.RemoveLine(ctx, irc.KLine, "alice@*", "mona"); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			var at, last int64
			must(t, s.db.QueryRowContext(ctx, "SELECT position FROM event_cursor WHERE consumer = 'ircd'").Scan(&at))
			must(t, s.db.QueryRowContext(ctx, "SELECT last_id FROM event_sequence").Scan(&last))
			if at == last {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("the room does not follow the events")
			}
		}
		s.connect(t, "alice", key)
	})
}

func TestListsSurviveARestart(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		stop := run(t, s.Room)
		mod, _, key := s.login(t, "mona", "Moderator")
		mod.send("MODE #general +bbeI eve!*@* x!*@* good!*@* in!*@*", "MODE #general -b x!*@*")
		mod.expect(":mona!* MODE #general -b x!*@*")
		must(t, stop())
		run(t, s.Room)
		mod = s.connect(t, "mona", key)
		mod.send("MODE #general b", "MODE #general e", "MODE #general I")
		mod.expect("* 367 mona #general eve!*@* mona *")
		mod.expect("* 348 mona #general good!*@* mona *")
		mod.expect("* 346 mona #general in!*@* mona *")
		mod.sync()
		mod.none("*x!*@**")
	})
}

func TestStaffRemoveSomebody(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *site) {
		run(t, s.Room)
		alice, _, key := s.login(t, "alice", "User")
		must(t, s.members.SetClassPermission(t.Context(), "Moderator", core.IRCAnnounce, true))
		bot, _, _ := s.login(t, "robot", "Moderator")
		must(t, s.channels.Remove(t.Context(), "robot", "mona", "mistake"))
		must(t, s.channels.Remove(t.Context(), "ALICE", "mona", "spam"))
		if last := alice.ended(); last != "ERROR :Closing link: Killed (mona (spam))" {
			t.Errorf("the last line was %q", last)
		}
		bot.sync()
		s.connect(t, "alice", key)
	})
}
