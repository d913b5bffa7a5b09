package hermes

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// TestOwnersAreAskedToReplaceTheirKeys tells the bot, as the server does, that a key was said,
// and answers it.
func TestOwnersAreAskedToReplaceTheirKeys(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, f := newSite(t, d), newFake(t)
		keys := func() (irc, announce string) {
			t.Helper()
			irc, err := s.deps.Members.IRCKey(t.Context(), s.alice.ID)
			if err == nil {
				announce, err = s.deps.Members.AnnounceKey(t.Context(), s.alice.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			return irc, announce
		}
		ircKey, announceKey := keys()
		<-s.start(f).ready
		f.until("all channels", func() bool { return f.joined["#staff"] })
		say := func(account, text string) string {
			t.Helper()
			s.clock.Add(2 * commandEvery)
			before := len(f.in("al"))
			f.speak("al", account, "Hermes", text)
			return f.heard("al", before+1)[before]
		}
		s.append(eventlog.KeyShown{Member: s.alice.ID, Key: string(member.SecretIRCKey), Nick: "al", Where: "#general"})
		lines := f.heard("al", 3)
		for i, want := range []string{"You have said your IRC key in #general. The line was kept back, and nobody has read it.", "This would end at once: the IRC key, with every IRC connection.",
			"To do it, say yes to me within a minute, or later: key replace irc"} {
			if lines[i] != want {
				t.Errorf("line %d: %q", i, lines[i])
			}
		}
		s.join("bob", "User")
		if got := say("bob", "yes"); !strings.HasPrefix(got, "there is no command") {
			t.Errorf("somebody else's yes: %q", got)
		}
		if got := say("alice", "Yes."); !strings.HasPrefix(got, "Ended: the IRC key, with every IRC connection.") {
			t.Errorf("yes: %q", got)
		}
		if now, announce := keys(); now == ircKey || announce != announceKey {
			t.Error("the key is the same, or another is gone")
		}
		if got := say("alice", "yes"); !strings.HasPrefix(got, "there is no command") {
			t.Errorf("yes again: %q", got)
		}

		// Somebody else's line; and a yes that comes too late.
		s.append(eventlog.KeyShown{Member: s.alice.ID, Key: string(member.SecretAnnounceKey), Where: "#general", Reached: true})
		if got := f.heard("alice", 3); got[0] != "Somebody has said your announce key in #general. Others have read it." {
			t.Errorf("%q", got)
		}
		s.clock.Add(2 * time.Minute)
		if got := say("alice", "yes"); !strings.HasPrefix(got, "there is no command") {
			t.Errorf("a late yes: %q", got)
		}
		if _, now := keys(); now != announceKey {
			t.Error("a late yes replaced the key")
		}
		s.append(eventlog.KeyShown{Member: s.alice.ID, Key: string(member.SecretPassphrase), Where: "#general"})
		if got := f.heard("alice", 5); !strings.HasPrefix(got[4], "Change your passphrase now: https://bio.example/settings") {
			t.Errorf("%q", got)
		}
		s.append(eventlog.KeyShown{Member: s.alice.ID, Key: string(member.SecretToken), Where: "#general"})
		if got := f.heard("alice", 7); got[6] != "you have no API token" {
			t.Errorf("%q", got)
		}
		s.settled(f, noticeCursor)
	})
}

// TestKeysSaidOnForeignNetworks says a key in a channel where the server lets it through.
func TestKeysSaidOnForeignNetworks(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), foreignFake(t)
	s.deps.Channels = &fewChannels{list: []irc.Channel{{Name: "#announce", Modes: "+mntu", Speak: core.IRCAnnounce, AutoJoin: true}, {Name: "#general", Modes: "+nt", AutoJoin: true}}}
	key, err := s.deps.Members.IRCKey(t.Context(), s.alice.ID)
	if err != nil {
		t.Fatal(err)
	}
	<-s.start(f, s.abroad).ready
	f.until("a channel besides", func() bool { return f.joined["#general"] })
	f.speak("who", "", "#general", "!enter #general alice "+key)
	if got := f.heard("alice", 3); got[0] != "Somebody has said your IRC key in #general. Others have read it." {
		t.Errorf("%q", got)
	}
	f.speak("who", "", "#general", "what is tobilu-kasemo-rupade-vinohe?")
	f.until("a warning", func() bool {
		return strings.Contains(strings.Join(f.inLocked("who"), "\n"), "looks like somebody's passphrase")
	})
	f.speak("who", "", "#general", strings.Repeat("x", 24))
	s.toldNobody(f, key)
}
