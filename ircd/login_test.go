package ircd

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/member"
)

func TestLogins(t *testing.T) {
	for name, script := range loginTalks {
		t.Run(name, func(t *testing.T) { open(t, nil).talk(t, script) })
	}
}

// loginTalks are the scripts of TestLogins, by what they are about.
var loginTalks = map[string]string{
	"SASL step by step": `
		x > CAP REQ sasl
		x = :irc.test CAP * ACK :sasl
		x > AUTHENTICATE SCRAM-SHA-1
		x = :irc.test 908 * PLAIN,SCRAM-SHA-256 *
		x = :irc.test 904 * *
		x > AUTHENTICATE plain
		x = AUTHENTICATE +
		x > AUTHENTICATE *
		x = :irc.test 906 * *
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE ` + long(401) + `
		x = :irc.test 905 * *
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE !!!
		x = :irc.test 904 * *
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE +
		x = :irc.test 904 * *
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE ` + plain("alice", "wrong") + `
		x = :irc.test 904 * :*name or IRC key is wrong
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE ` + base64.StdEncoding.EncodeToString([]byte("mod\x00alice\x00key-alice")) + `
		x = :irc.test 904 * *
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE ` + base64.StdEncoding.EncodeToString([]byte("Alice\x00alice\x00key-alice")) + `
		x = :irc.test 900 * *!alice@1.user.bio-test alice :You are now logged in as alice
		x = :irc.test 903 * *
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE ` + plain("alice", "wrong") + `
		x = :irc.test 904 * *
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE ` + plain("bob", "key-bob") + `
		x = :irc.test 900 * *!bob@2.user.bio-test bob *
		x = :irc.test 903 * *
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE ` + plain("alice", "key-alice") + `
		x = :irc.test 900 * *!alice@1.user.bio-test alice *
		x = :irc.test 903 * *
		x > NICK whatever
		x > USER u 0 * :U
		x > CAP END
		x = :irc.test 001 alice *`,
	"SASL of two chunks and none": `
		x > CAP LS 302
		x < :irc.test CAP * LS :*sasl=PLAIN,SCRAM-SHA-256*
		x > CAP REQ sasl
		x > AUTHENTICATE PLAIN
		x < AUTHENTICATE +
		x > AUTHENTICATE ` + plain("alice", strings.Repeat("k", 293))[:400] + `
		x > AUTHENTICATE +
		x = :irc.test 904 * :*name or IRC key is wrong
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE ` + strings.Repeat("A", 400) + `
		x > AUTHENTICATE ` + strings.Repeat("A", 400) + `
		x > AUTHENTICATE ` + strings.Repeat("A", 400) + `
		x > AUTHENTICATE ` + strings.Repeat("A", 400) + `
		x = :irc.test 904 * :*the response is too long`,
	"SASL by somebody who is logged in": `
		bob is account-notify extended-join
		alice is sasl account-notify
		alice/2 is
		bob .
		alice .
		alice > AUTHENTICATE PLAIN
		alice = AUTHENTICATE +
		alice > AUTHENTICATE ` + plain("alice", "key-alice") + `
		alice = :irc.test 900 alice alice!alice@1.user.bio-test alice *
		alice = :irc.test 903 alice *
		bob ! *
		alice > AUTHENTICATE PLAIN
		alice = AUTHENTICATE +
		alice > AUTHENTICATE ` + plain("carol", "key-carol") + `
		alice = :irc.test 900 alice alice!alice@1.user.bio-test carol *
		alice = :irc.test 903 alice *
		alice = :alice!alice@1.user.bio-test PART #announce *
		alice < :alice!alice@1.user.bio-test NICK Guest*
		alice = :irc.test 396 Guest* 3.power-user.bio-test *
		alice = :Guest*!carol@3.power-user.bio-test NICK carol
		alice = :irc.test MODE carol +r
		alice = :carol!carol@3.power-user.bio-test JOIN #announce
		bob < :carol!carol@3.power-user.bio-test JOIN #general carol *
		bob ! * QUIT *
		alice/2 > QUIT
		bob < :alice!alice@* QUIT *
		alice > AUTHENTICATE PLAIN
		alice < AUTHENTICATE +
		alice > AUTHENTICATE ` + plain("bob", "key-bob") + `
		bob < :carol!* QUIT :*Logged in to another account
		alice < :Guest*!bob@2.user.bio-test NICK bob
		alice < :bob!bob@* JOIN #general*`,
	"SASL given up by CAP END": `
		x > CAP REQ sasl
		x = :irc.test CAP * ACK :sasl
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > CAP END
		x = :irc.test 906 * *`,
	"SASL after registration": `
		x is sasl
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE ` + plain("alice", "key-alice") + `
		x = :irc.test 900 x|guest x|guest!x@*.guest.bio-test alice *
		x = :irc.test 903 x|guest *
		x = :irc.test 396 x|guest 1.user.bio-test *
		x = :x|guest!alice@1.user.bio-test NICK alice
		x = :irc.test MODE alice +r
		x = :alice!alice@1.user.bio-test JOIN #announce`,
	"SASL without asking for it": `
		x > AUTHENTICATE PLAIN
		x = AUTHENTICATE +
		x > AUTHENTICATE ` + plain("alice", "key-alice") + `
		x = :irc.test 900 * *!alice@1.user.bio-test alice *
		x = :irc.test 903 * *
		x > NICK alice
		x > USER u 0 * :U
		x < :irc.test 001 alice *`,
	"a wrong PASS": `
		x > PASS alice:wrong
		x > NICK alice
		x > USER u 0 * :U
		x = :irc.test 464 * :Login failed: name or IRC key is wrong *
		x x ERROR :Closing link: Login failed`,
	"NickServ": `
		x > NICK bob|autobrr
		x > USER u 0 * :U
		x < :irc.test 001 bob|autobrr|guest *
		x > PRIVMSG NickServ :HELP
		x < :NickServ!* NOTICE bob|autobrr|guest :Log in with SASL, or say: IDENTIFY name key *
		x > NS IDENTIFY bob wrong
		x = :NickServ!* NOTICE bob|autobrr|guest :Not logged in: name or IRC key is wrong
		x > PRIVMSG nickserv :identify key-bob
		x = :irc.test 900 bob|autobrr|guest * bob *
		x = :NickServ!* NOTICE bob|autobrr|guest :You are now logged in
		x = :irc.test 396 bob|autobrr|guest 2.user.bio-test *
		x = :bob|autobrr|guest!bob@* NICK bob|autobrr
		x = :irc.test MODE bob|autobrr +r
		x = :bob|autobrr!bob@2.user.bio-test JOIN #announce
		x < * 366 bob|autobrr #general *
		x > NICKSERV IDENTIFY bob key-bob
		x = :NickServ!* NOTICE bob|autobrr :You are logged in already`,
	"a class without IRC": `
		x > PASS mute:key-mute
		x > NICK mute
		x > USER u 0 * :U
		x = :irc.test 464 * :Login failed: your class may not use IRC *
		x x ERROR *`,
	"too many tries": `
		x > CAP REQ sasl
		x > AUTHENTICATE PLAIN
		x > AUTHENTICATE ` + plain("alice", "wrong") + `
		x < :irc.test 904 * *wrong
		x > AUTHENTICATE PLAIN
		x > AUTHENTICATE ` + plain("alice", "wrong") + `
		x < :irc.test 904 * *wrong
		x > AUTHENTICATE PLAIN
		x > AUTHENTICATE ` + plain("alice", "wrong") + `
		x < :irc.test 904 * *wrong
		x > AUTHENTICATE PLAIN
		x > AUTHENTICATE ` + plain("alice", "key-alice") + `
		x < :irc.test 904 * :*too many failed logins, try again in *
		x x ERROR :Closing link: Too many failed logins`,
}

func TestNobodyGetsInWhenTheSiteCantBeAsked(t *testing.T) {
	h := open(t, nil)
	h.people.fail(errors.New("secret detail of the database"))
	h.talk(t, `
		x > PASS alice:key-alice
		x > NICK alice
		x > USER u 0 * :U
		x = :irc.test 464 * :Login failed: logins can't be checked at the moment, try again in a minute *
		x x ERROR *
		y > NICK stranger
		y > USER u 0 * :U
		y < :irc.test 001 stranger|guest *
		y > NS IDENTIFY bob key-bob
		y < :NickServ!* NOTICE stranger|guest :Not logged in: logins can't be checked at the moment, *`)
	if !strings.Contains(h.logged.String(), "secret detail") {
		t.Error("the cause was not logged")
	}
}

func TestNetworkWithoutGuests(t *testing.T) {
	open(t, func(c *Config) { c.Guests = false }).talk(t, `
		x > NICK stranger
		x > USER u 0 * :U
		x = :irc.test FAIL * ACCOUNT_REQUIRED_TO_CONNECT *
		x x ERROR *
		alice is`)
}

func TestConnectionsOfOneAccountAreLimited(t *testing.T) {
	open(t, func(c *Config) { c.MaxPerAccount = 2 }).talk(t, `
		bob is
		bob/2 is
		y > PASS bob:key-bob
		y > NICK y
		y > USER u 0 * :U
		y = :irc.test 464 * :*too many connections of this account*
		y x ERROR *`)
}

// racingPeople runs between after each successful login has been read.
type racingPeople struct {
	*people
	between func()
}

func (p *racingPeople) AuthIRC(ctx context.Context, name, key string) (member.Member, error) {
	m, err := p.people.AuthIRC(ctx, name, key)
	if err == nil {
		p.between()
	}
	return m, err
}

func TestAccountThatIsDisabledDuringLogin(t *testing.T) {
	h := newHouse(t, nil)
	h.deps.Members = &racingPeople{h.people, sync.OnceFunc(func() {
		h.people.change(1, func(m *member.Member) {
			m.Causes = []member.Cause{{Effect: member.Disabled, Reason: "late"}}
			*m = m.At(time.Now())
		})
		h.news.memberChanged(1)
		h.news.memberChanged(2) // is taken once the first was handled
	})}
	h.start(t)
	h.talk(t, `
		x > PASS alice:key-alice
		x > NICK alice
		x > USER u 0 * :U
		x = :irc.test 464 * :Login failed: your account is disabled: late *
		x x ERROR *`)
}
