package ircd

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// A member is one user, however many connections there are.
func TestSharedNicks(t *testing.T) {
	for name, script := range sharedNickTalks {
		t.Run(name, func(t *testing.T) { open(t, nil).talk(t, script) })
	}
}

// sharedNickTalks are the scripts of TestSharedNicks, by what they are about.
var sharedNickTalks = map[string]string{
	"a second connection enters what a login enters": `
		mod is
		bob is
		bob > PART #announce
		bob > JOIN #support
		bob > MODE bob +B-i
		bob < :bob!* MODE bob +B-i
		mod > JOIN #support
		mod > MODE #support +v bob
		bob < * MODE #support +v bob
		mod .
		bob .
		two > CAP REQ :extended-join
		two > PASS bob:key-bob
		two > NICK bob|laptop
		two > USER other 0 * :Two
		two > CAP END
		two < :irc.test 001 bob :Welcome * bob!bob@2.user.bio-test
		two < :irc.test 005 bob *
		two < :irc.test 376 bob *
		two = :irc.test MODE bob +B
		two = :irc.test MODE bob +r
		two = :bob!bob@2.user.bio-test JOIN #announce bob :Real bob
		two < :irc.test 366 bob #announce *
		two = :bob!bob@2.user.bio-test JOIN #general bob :Real bob
		two = :irc.test 332 bob #general *
		two = :irc.test 353 bob = #general :*bob*
		two = :irc.test 366 bob #general *
		two > PING end
		two = :irc.test PONG irc.test :end
		two > JOIN #support
		two = :bob!bob@2.user.bio-test JOIN #support bob :Real bob
		two < :irc.test 353 bob = #support :*+bob*
		two = :irc.test 366 bob #support *
		mod = :bob!* JOIN #announce
		mod ! *
		bob ! *`,
	"each connection has its own channels": `
		mod is extended-join
		alice is
		bob is
		bob/2 is
		bob/3 is
		alice .
		mod .
		bob .
		bob/2 .
		bob/2 > PART #general :not for programs
		bob/2 = :bob!* PART #general :not for programs
		bob ! *
		bob/3 ! *
		alice ! *
		mod ! *
		alice > PRIVMSG #general :hello
		bob = :alice!* PRIVMSG #general :hello
		bob/3 = :alice!* PRIVMSG #general :hello
		bob/2 ! *
		bob/2 > PRIVMSG #general :I am outside
		bob/2 = :irc.test 404 bob #general *
		bob/2 > TOPIC #general
		bob/2 = :irc.test 442 bob #general *
		bob/2 > PART #general
		bob/2 = :irc.test 442 bob #general *
		bob/2 > INVITE alice #general
		bob/2 = :irc.test 442 bob #general *
		alice > NAMES #general
		alice = :irc.test 353 alice = #general :*bob*
		alice < :irc.test 366 alice #general *
		alice > WHOIS bob
		alice < :irc.test 319 alice bob :#general
		alice .
		bob > PRIVMSG #general :from the first
		bob/3 < :bob!* PRIVMSG #general :from the first
		alice = :bob!* PRIVMSG #general :from the first
		bob/2 ! *
		bob > PART #general
		bob = :bob!* PART #general
		alice ! *
		mod ! :bob!* PART*
		bob/3 > PART #general :the last
		bob/3 = :bob!* PART #general :the last
		alice = :bob!* PART #general :the last
		alice ! *
		bob ! *
		bob/2 ! *
		bob/2 > JOIN #general
		bob/2 = :bob!* JOIN #general
		bob/2 < :irc.test 366 bob #general *
		alice = :bob!* JOIN #general
		bob > JOIN #general
		bob = :bob!* JOIN #general
		bob = :irc.test 332 bob #general *
		bob = :irc.test 353 bob = #general :*bob*
		bob = :irc.test 366 bob #general *
		bob > JOIN #general
		bob ! *
		bob/2 ! *
		bob/3 ! *
		alice ! *`,
	"a kick is for all connections that are there": `
		mod is
		alice is
		bob is
		bob/2 is
		bob/3 is
		bob/3 > PART #general
		bob/3 .
		mod > KICK #general bob :out
		bob < :mod!* KICK #general bob :out
		bob/2 < :mod!* KICK #general bob :out
		alice < :mod!* KICK #general bob :out
		bob/3 ! *KICK*
		alice > NAMES #general
		alice < :irc.test 366 alice #general *
		alice ! *353*bob*
		boss is
		boss > OPER boss key-boss
		boss < * 381 *
		bob/3 .
		boss > SAJOIN bob #general
		bob < :bob!* JOIN #general
		bob/2 < :bob!* JOIN #general
		bob/3 < :bob!* JOIN #general
		bob/2 > PART #general
		bob/2 < :bob!* PART #general
		boss > SAJOIN bob #general
		bob/2 < :bob!* JOIN #general
		boss > SAJOIN bob #general
		boss < * 400 boss SAJOIN :bob is in #general already
		boss > SAPART bob #general
		bob < :bob!* PART #general
		bob/2 < :bob!* PART #general
		bob/3 < :bob!* PART #general`,
	"the last connection in a channel ends": `
		alice is away-notify
		bob is
		bob/2 is
		bob/2 > PART #general
		bob/2 < * PART #general
		alice .
		bob > AWAY :gone
		bob > QUIT :enough
		bob x ERROR *
		alice = :bob!* PART #general :Quit: enough
		alice ! *
		bob/2 > JOIN #general
		alice = :bob!* JOIN #general
		bob/2 > QUIT
		bob/2 x ERROR *
		alice = :bob!* QUIT :Quit
		alice ! *`,
	"what others do reaches the connections that see them": `
		alice is away-notify account-notify setname
		bob is away-notify setname
		bob/2 is away-notify setname
		bob/2 > JOIN 0
		bob/2 < :bob!* PART #general
		bob/2 .
		bob .
		alice > AWAY :lunch
		bob = :alice!* AWAY :lunch
		alice > SETNAME :Somebody
		bob = :alice!* SETNAME :Somebody
		alice > NICK alice|x
		bob = :alice!* NICK alice|x
		alice > QUIT
		alice x ERROR *
		bob = :alice|x!* QUIT :Quit
		bob/2 ! *`,
	"what one says the others see": `
		alice is
		bob is
		bob/2 is
		bob/3 is echo-message message-tags
		alice .
		bob > PRIVMSG #general :one
		bob/2 = :bob!bob@* PRIVMSG #general :one
		bob/3 = @msgid=* :bob!bob@* PRIVMSG #general :one
		alice = :bob!bob@* PRIVMSG #general :one
		bob ! *one
		alice .
		bob/3 > PRIVMSG #general :two
		bob = :bob!bob@* PRIVMSG #general :two
		bob/2 = :bob!bob@* PRIVMSG #general :two
		bob/3 = @msgid=* :bob!bob@* PRIVMSG #general :two
		alice = :bob!bob@* PRIVMSG #general :two
		bob > NOTICE alice :three
		alice = :bob!bob@* NOTICE alice :three
		bob/2 = :bob!bob@* NOTICE alice :three
		bob/3 = @msgid=* :bob!bob@* NOTICE alice :three
		bob ! *three
		alice > PRIVMSG bob :four
		bob = :alice!* PRIVMSG bob :four
		bob/2 = :alice!* PRIVMSG bob :four
		bob/3 = @msgid=* :alice!* PRIVMSG bob :four
		bob/3 > PRIVMSG bob :five
		bob = :bob!* PRIVMSG bob :five
		bob/2 = :bob!* PRIVMSG bob :five
		bob/3 = @msgid=* :bob!* PRIVMSG bob :five
		bob/3 = @msgid=* :bob!* PRIVMSG bob :five
		bob/3 > @+typing=active TAGMSG alice
		bob/3 = @msgid=*;+typing=active :bob!* TAGMSG alice
		bob > PRIVMSG @#general :six
		bob/2 = :bob!* PRIVMSG @#general :six
		bob ! *
		bob/2 ! *
		bob/3 < *six
		bob/3 ! *
		alice ! *`,
	"labels and other sessions": `
		bob is labeled-response batch echo-message message-tags
		bob/2 is message-tags
		bob > @label=a PRIVMSG #general :hello
		bob = @label=a;msgid=* :bob!* PRIVMSG #general :hello
		bob/2 = @msgid=* :bob!* PRIVMSG #general :hello
		bob > @label=b JOIN #support
		bob = @label=b :irc.test BATCH *
		bob < @batch=* 366 *
		bob/2 ! *
		bob .
		bob > @label=c PART #support
		bob = @label=c;msgid=* :bob!* PART #support
		bob > @label=d PART #general
		bob = @label=d :bob!* PART #general
		bob/2 ! *`,
	"nick and modes are the user's": `
		alice is
		bob is
		bob/2 is
		alice .
		bob > NICK bob|away
		bob = :bob!* NICK bob|away
		bob/2 = :bob!* NICK bob|away
		alice = :bob!* NICK bob|away
		bob > MODE bob|away -i
		bob/2 < :bob|away!* MODE bob|away -i
		alice ! *`,
	"only the last connection quits": `
		alice is
		bob is
		bob/2 is
		alice .
		bob > QUIT :first
		bob x ERROR :Closing link: Quit: first
		alice ! *
		bob/2 > PRIVMSG #general :still here
		alice = :bob!* PRIVMSG #general :still here
		bob/2 > QUIT :last
		bob/2 x ERROR *
		alice = :bob!* QUIT :Quit: last
		alice ! *`,
	"away is who is away everywhere": `
		alice is away-notify
		bob is
		bob/2 is
		alice .
		bob > AWAY :lunch
		bob = :irc.test 306 bob *
		alice > PRIVMSG bob :there?
		alice ! *
		bob/2 > AWAY :sleep
		alice = :bob!* AWAY :sleep
		alice > PRIVMSG bob :there?
		alice = :irc.test 301 alice bob :sleep
		bob > AWAY
		alice = :bob!* AWAY
		bob > QUIT
		bob x ERROR *
		alice = :bob!* AWAY :sleep
		bob/3 is
		alice = :bob!* AWAY
		bob/3 > QUIT
		bob/3 x ERROR *
		alice = :bob!* AWAY :sleep
		alice ! *`,
	"a guest becomes one who is there": `
		alice is
		bob is chghost
		alice > JOIN #support
		alice < :irc.test 366 alice #support *
		x is chghost
		x > JOIN #support
		x .
		bob .
		alice .
		x > NS IDENTIFY bob key-bob
		x = :irc.test 900 x|guest x|guest!x@*.guest.bio-test bob *
		x = :NickServ!* NOTICE x|guest :You are now logged in
		x = :x|guest!x@* PART #support *
		x = :x|guest!x@* CHGHOST bob 2.user.bio-test
		x = :irc.test 396 x|guest 2.user.bio-test *
		x = :x|guest!bob@2.user.bio-test NICK bob
		x = :irc.test MODE bob +i
		x = :irc.test MODE bob +r
		x = :bob!bob@2.user.bio-test JOIN #announce
		x < :bob!bob@2.user.bio-test JOIN #general
		x < :bob!bob@2.user.bio-test JOIN #support
		x < :irc.test 366 bob #support *
		bob ! *
		alice = :x|guest!x@* QUIT :Logged in
		alice = :bob!bob@2.user.bio-test JOIN #support
		alice ! *
		x > PRIVMSG #general :both
		bob < :bob!* PRIVMSG #general :both`,
	"the site's bot": `
		Hermes is
		Hermes/2 is
		alice is
		Hermes > QUIT
		Hermes/2 > PRIVMSG #announce :New upload
		alice < :Hermes!hermes@5.bot.bio-test PRIVMSG #announce :New upload`,
}

func TestRightsFollowOnAllConnections(t *testing.T) {
	h := open(t, nil)
	one, two, bob := h.join(t, "alice"), h.join(t, "alice/2"), h.join(t, "bob")
	h.people.change(1, func(m *member.Member) {
		m.Permissions = core.NewPermissions(core.IRCConnect, core.IRCOperate, core.IRCStaff)
	})
	h.news.memberChanged(1)
	for _, p := range []*peer{one, two} {
		p.expect(":irc.test MODE #general +o alice")
		p.expect(":alice!* JOIN #staff")
	}
	bob.expect(":irc.test MODE #general +o alice")
	h.people.change(1, func(m *member.Member) {
		m.Causes = []member.Cause{{Effect: member.Disabled, Reason: "why"}}
		*m = m.At(time.Now())
	})
	h.news.memberChanged(1)
	for _, p := range []*peer{one, two} {
		if last := p.ended(); last != "ERROR :Closing link: Your account is disabled: why" {
			t.Errorf("%s's last line was %q", p.name, last)
		}
	}
	bob.expect(":alice!* QUIT :Logged out")
	bob.sync()
	bob.none(":alice!*")
}

// BenchmarkFanOut sends lines to a channel of 1,000 sessions that have one of four
// sets of capabilities, up to the queues.
func BenchmarkFanOut(b *testing.B) {
	for _, perUser := range []int{1, 4} {
		b.Run(fmt.Sprintf("sessions=1000/each=%d", perUser), func(b *testing.B) {
			in := inside(b, func(c *Config) {
				c.MaxPerAddress, c.MaxPerNetwork, c.MaxPerAccount, c.ConnectsBurst = 2000, 2000, 10, 2000
			})
			var all []*session
			for i := range 1000 {
				id := core.MemberID(100 + i/perUser)
				in.people.put(id, fmt.Sprintf("m%d", id), "User", core.IRCConnect)
				near, other := net.Pipe()
				b.Cleanup(func() { near.Close(); other.Close() })
				s := newSession(conn.New(near, 8<<20), conn.Origin{})
				if err := in.n.add(s); err != nil {
					b.Fatal(err)
				}
				for _, l := range []string{"PASS " + fmt.Sprintf("m%d:key-m%d", id, id), "NICK n", "USER u 0 * :U"} {
					in.n.handle(b.Context(), s, l)
				}
				s.caps = []capSet{0, capServerTime, capServerTime | capMessageTags, capServerTime | capAccountTag}[i%4]
				s.conn.Take()
				all = append(all, s)
			}
			deliveries := 0
			b.ReportAllocs()
			for b.Loop() {
				in.n.handle(b.Context(), all[0], "PRIVMSG #general :the usual chit-chat of members")
				deliveries += len(all) - 1
				b.StopTimer()
				for _, s := range all {
					s.conn.Take()
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(deliveries), "ns/delivery")
		})
	}
}
