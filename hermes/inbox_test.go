package hermes

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	s.join("mona", "Moderator")
	gone := s.join("gone", "Sysop")
	if err := membertest.Disable(t.Context(), s.deps.Members, gone.ID, "left the lab"); err != nil {
		t.Fatal(err)
	}
	<-s.start(f).ready
	f.until("all channels", func() bool { return f.joined["#staff"] && f.joined["#general"] && f.joined["#support"] })

	tests := []struct {
		name                       string
		nick, account, target, say string
		where, want                string
	}{
		{"in a channel", "al", "alice", "#general", "!stats", "#general", "al: alice (User): uploaded 0 B"},
		{"in private, with mark", "al2", "alice", "Hermes", "!stats", "al2", "alice (User): uploaded 0 B"},
		{"in private, without", "al3", "ALICE", "hermes", "stats", "al3", "alice (User): uploaded 0 B"},
		{"with colours", "al4", "alice", "Hermes", "\x02\x0304!stats\x0f", "al4", "alice (User)"},
		{"a guest asks for help", "vis", "", "#support", "!help", "#support", "vis: !help [COMMAND]"},
		{"a guest asks for more", "vis2", "", "Hermes", "stats alice", "vis2", "log in first"},
		{"a nick is no identity", "mona", "", "Hermes", "member show alice", "mona", "log in first"},
		{"an account of elsewhere", "who", "stranger", "Hermes", "stats", "who", "your IRC account stranger is no account of the site"},
		{"a disabled member", "gone", "gone", "Hermes", "stats", "gone", "your account is disabled: left the lab"},
		{"staff among staff", "m", "mona", "#staff", "!class show User", "#staff", "m: User (level 100"},
		{"staff where others read", "m2", "mona", "#general", "!class show User", "#general", "m2: not here: ask me class show in a private message"},
		{"nonsense in private", "m3", "mona", "Hermes", "dance", "m3", `there is no command "dance"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(f.in(tt.where))
			f.speak(tt.nick, tt.account, tt.target, tt.say)
			lines := f.heard(tt.where, before+1)
			if got := lines[before]; !strings.HasPrefix(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestWhatIsNotMeantForTheBot(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	<-s.start(f).ready
	f.speak("al", "alice", "#general", "stats")
	f.speak("al", "alice", "#general", "!dance with me")
	f.speak("al", "alice", "#general", "! stats?")
	f.speak("al", "alice", "Hermes", "\x01VERSION\x01")
	f.speak("al", "alice", "Hermes", "\x01FINGER\x01")
	f.speak("al", "alice", "Hermes", "\x01UNHEARDOF x\x01")
	f.speak("Hermes", "Hermes", "#general", "!stats") // as an echo would be
	f.tell("@batch=old;account=alice :al!u@h PRIVMSG #general :!stats")
	f.tell("@account=alice :al!u@h NOTICE Hermes :stats")
	f.tell(":irc.test PRIVMSG")
	f.tell("PRIVMSG Hermes :who says that?")
	f.speak("al", "alice", "Hermes", "stats")
	f.heard("al", 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.said) != 1 || f.notices != 0 {
		t.Errorf("said %q and %d notices", f.said, f.notices)
	}
}

func TestWithoutAccountTagNobodyIsKnown(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t, func(f *fakeIRC) { f.caps = "sasl=PLAIN echo-message" })
	<-s.start(f).ready
	f.speak("alice", "alice", "Hermes", "stats") // a tag that was not agreed on
	if got := f.heard("alice", 1)[0]; !strings.HasPrefix(got, "log in first") {
		t.Errorf("got %q", got)
	}
}

func TestLongAndSecretAnswersGoToTheAsker(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	s.join("sys", "Sysop")
	<-s.start(f).ready
	f.speak("sys", "sys", "#general", "!freeleech calendar")
	if got := f.heard("#general", 1)[0]; got != "sys: The answer is long, so it went to you in private." {
		t.Errorf("got %q", got)
	}
	f.ask("sys", "sys", "#staff", "!member announcekey alice", "question1", true)
	f.heard("#staff", 1)
	code := ""
	f.until("the question", func() bool {
		lines := f.inLocked("sys")
		if len(lines) == 0 {
			return false
		}
		_, code, _ = strings.Cut(lines[len(lines)-1], ": !confirm ")
		return code != ""
	})
	f.ask("sys", "sys", "#staff", "!confirm "+code, "question2", true)
	f.heard("#staff", 2)
	key, err := s.deps.Members.AnnounceKey(t.Context(), s.alice.ID)
	if err != nil {
		t.Fatal(err)
	}
	f.until("the key", func() bool {
		lines := f.inLocked("sys")
		return len(lines) > 0 && lines[len(lines)-1] == "Announce key: "+key
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.said {
		if m.target != "sys" && strings.Contains(m.text, key) {
			t.Errorf("in %s: %q", m.target, m.text)
		}
		if len(m.text) > replyLine || strings.ContainsAny(m.text, "\x00\x01\x02\x03") {
			t.Errorf("%d bytes: %q", len(m.text), m.text)
		}
	}
}

// TestPrivateAnswersNameTheQuestion makes sure that our network can tell whom an answer is
// for, and that in a channel nothing is tied to one connection.
func TestPrivateAnswersNameTheQuestion(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	<-s.start(f).ready
	f.ask("al", "alice", "Hermes", "stats", "one-1", true)
	f.heard("al", 1)
	f.ask("al", "alice", "#general", "!stats", "two-2", true)
	f.heard("#general", 1)
	f.ask("al", "alice", "#general", "!certfp", "three-3", true)
	f.heard("al", 2)
	f.ask("al", "alice", "Hermes", "stats", "b@d;id", true) // would have to be escaped
	f.heard("al", 3)
	f.mu.Lock()
	defer f.mu.Unlock()
	if diff := cmp.Diff([]string{"one-1", "three-3"}, f.answers); diff != "" {
		t.Errorf("answered (-want +got):\n%s", diff)
	}
}

// TestKeysDontTravelInClear asks for a new key by connections that others may read. Nothing
// is changed then.
func TestKeysDontTravelInClear(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	s.join("sys", "Sysop")
	key, err := s.deps.Members.AnnounceKey(t.Context(), s.alice.ID)
	if err != nil {
		t.Fatal(err)
	}
	<-s.start(f).ready
	f.speak("a", "sys", "Hermes", "member announcekey alice") // no id: the answer would reach all connections
	f.ask("b", "sys", "Hermes", "member announcekey alice", "b1", false)
	f.ask("c", "sys", "#staff", "!member announcekey alice", "c1", false)
	f.ask("d", "sys", "Hermes", "member create dora", "d1", false)
	f.ask("e", "sys", "Hermes", "member irckey alice", "e1", false)
	for _, where := range []string{"a", "b", "#staff", "d", "e"} {
		if got := f.heard(where, 1)[0]; !strings.Contains(got, "must not travel in clear") || !strings.Contains(got, "caduceus do member") {
			t.Errorf("%s is told %q", where, got)
		}
	}
	now, err := s.deps.Members.AnnounceKey(t.Context(), s.alice.ID)
	if err != nil || now != key {
		t.Errorf("the key was changed: %v", err)
	}
	f.ask("f", "sys", "Hermes", "member announcekey alice", "f1", true)
	f.heard("f", 2)
}

func TestConfirmOverIRC(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	s.join("mona", "Moderator")
	s.join("max", "Moderator")
	<-s.start(f).ready
	f.speak("mona", "mona", "#staff", "!member disable alice she cheats")
	lines := f.heard("#staff", 2)
	m := regexp.MustCompile(`confirm ([0-9A-F]{4})$`).FindStringSubmatch(lines[1])
	if m == nil {
		t.Fatalf("no code in %q", lines)
	}
	f.speak("max", "max", "#staff", "!confirm "+m[1]) // not his
	f.heard("#staff", 3)
	f.speak("mona", "", "#staff", "!confirm "+m[1]) // a nick is no identity
	f.heard("#staff", 4)
	f.speak("other_nick", "mona", "#staff", "!confirm "+m[1])
	if got := f.heard("#staff", 5)[4]; got != "other_nick: alice is disabled (cause 1). Reason: she cheats" {
		t.Errorf("got %q", got)
	}
}

func TestTooManyCommands(t *testing.T) {
	t.Parallel()
	s, f := newSite(t, dbtest.SQLite(t)), newFake(t)
	s.join("bob", "User")
	bot := s.start(f)
	<-bot.ready
	for range 3 * commandBurst {
		f.speak("al", "alice", "Hermes", "stats")
	}
	bot.counted("limited", 2*commandBurst)
	lines := f.heard("al", commandBurst+1)
	if got := lines[commandBurst]; !strings.HasPrefix(got, "That is too fast") {
		t.Errorf("got %q", got)
	}
	f.speak("bob", "bob", "Hermes", "stats")
	f.heard("bob", 1)
	s.clock.Add(deafFor)
	f.speak("again", "alice", "Hermes", "stats")
	f.heard("again", 1)
	if got := f.in("al"); len(got) != commandBurst+1 {
		t.Errorf("%d answers: %q", len(got), got)
	}
}

// TestAnswersFailClosed closes the database under a running bot.
func TestAnswersFailClosed(t *testing.T) {
	t.Parallel()
	d := dbtest.Reopen(t, migrated(t))
	s, f := newSite(t, d), newFake(t)
	<-s.start(f).ready
	s.append(eventlog.JobFailed{Run: 1, Job: "prune-events", Text: "no room left"})
	s.tracked("tracker")
	f.heard("#debug", 1) // everything of the bot runs
	s.settled(f, announceCursor)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	f.speak("al", "alice", "Hermes", "stats")
	if got := f.heard("al", 1)[0]; !strings.HasPrefix(got, "I can't look up your account now") {
		t.Errorf("got %q", got)
	}
}
