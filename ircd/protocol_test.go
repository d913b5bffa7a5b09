package ircd

import "testing"

// What the Modern IRC Client Protocol document and IRCv3 ask for beyond everyday
// conversation. See house.talk for the form of the scripts.
func TestProtocol(t *testing.T) {
	for name, script := range protocolTalks {
		t.Run(name, func(t *testing.T) { open(t, nil).talk(t, script) })
	}
}

// protocolTalks are the scripts of TestProtocol, by what they are about.
var protocolTalks = map[string]string{
	"lists of masks": `
		mod is
		alice is
		bob is
		bob > PART #general
		bob < :bob!* PART *
		mod .
		alice .
		mod > MODE #general +be *!*@*.user.* bob
		alice = :mod!* MODE #general +be *!*@*.user.* bob!*@*
		alice > PRIVMSG #general :let me
		alice = :irc.test 404 alice #general *
		bob > JOIN #general
		bob < :bob!* JOIN #general
		alice .
		mod .
		alice > MODE #general be
		alice = :irc.test 367 alice #general *!*@*.user.* mod *
		alice = :irc.test 368 alice #general *
		alice = :irc.test 348 alice #general bob!*@* mod *
		alice = :irc.test 349 alice #general *
		mod > MODE #general +iI alice
		mod < :mod!* MODE #general +iI alice!*@*
		mod > MODE #general +I
		mod = :irc.test 346 mod #general alice!*@* mod *
		mod = :irc.test 347 mod #general *
		mod > MODE #general -b *!*@*.USER.*
		mod < :mod!* MODE #general -b *!*@*.user.*
		alice > PART #general
		alice > JOIN #general
		alice < :alice!* JOIN #general
		alice < * 366 alice #general *
		bob > PART #general
		bob > JOIN #general
		bob < :irc.test 473 bob #general *
		mod > INVITE bob #general
		bob < :mod!* INVITE bob #general
		bob > INVITE
		bob = :irc.test 336 bob #general
		bob = :irc.test 337 bob *
		mod > MODE #general +b bob
		mod < :mod!* MODE #general +b bob!*@*
		bob > JOIN #general
		bob < :bob!* JOIN #general
		bob < * 366 bob #general *
		bob > INVITE
		bob < :irc.test 337 bob *
		bob > MODE #support +b
		bob = :irc.test 368 bob #support *`,
	"what may be said": `
		mod is
		x is
		mod > JOIN #support
		mod < * 366 mod #support *
		x > JOIN #support
		x < * 366 x|guest #support *
		mod < :x|guest!* JOIN #support
		mod > MODE #support +CS
		x < :mod!* MODE #support +CS
		x > PRIVMSG #support :` + "\x01VERSION\x01" + `
		x = :irc.test 404 x|guest #support :*CTCP*
		x > PRIVMSG #support :` + "\x01ACTION waves\x01" + `
		mod < :x|guest!* PRIVMSG #support :` + "\x01ACTION waves\x01" + `
		bob is batch message-tags draft/multiline
		bob > JOIN #support
		bob < * 366 bob #support *
		bob > BATCH +1 draft/multiline #support
		bob > @batch=1 PRIVMSG #support :one
		bob > @batch=1 PRIVMSG #support :` + "\x01VERSION\x01" + `
		bob > BATCH -1
		bob < :irc.test 404 bob #support :*CTCP*
		mod .
		x .
		x > PRIVMSG #support :` + "\x02bold\x02 and \x0304,05red\x0f" + `
		mod = :x|guest!* PRIVMSG #support :bold and red
		x > PRIVMSG #support :` + "\x02\x02" + `
		x = :irc.test 404 x|guest #support *
		mod > MODE #support +M
		x < :mod!* MODE #support +M
		x > PRIVMSG #support :may I?
		x = :irc.test 404 x|guest #support *
		mod > MODE #support +v x|guest
		x < :mod!* MODE #support +v x|guest
		x > PRIVMSG #support :and now?
		mod < :x|guest!* PRIVMSG #support :and now?
		mod > MODE #support +R
		x < :mod!* MODE #support +R
		x > PART #support
		x > JOIN #support
		x < :irc.test 477 x|guest #support *`,
	"monitor": `
		alice is account-notify away-notify chghost setname extended-monitor
		alice > MONITOR + bob,carol,Bob,not*valid
		alice = :irc.test 731 alice :bob,carol
		bob is
		alice = :irc.test 730 alice :bob!bob@2.user.bio-test
		alice .
		alice > PART #general
		alice > PART #announce
		alice .
		bob > AWAY :lunch
		alice = :bob!* AWAY :lunch
		bob > SETNAME :Bob the Builder
		alice = :bob!* SETNAME :Bob the Builder
		bob > NICK bob|x
		alice = :irc.test 731 alice :bob
		bob > NICK bob
		alice = :irc.test 730 alice :bob!bob@2.user.bio-test
		alice > MONITOR S
		alice = :irc.test 730 alice :bob!bob@*
		alice = :irc.test 731 alice :carol
		alice > MONITOR - carol
		alice > MONITOR L
		alice = :irc.test 732 alice :bob
		alice = :irc.test 733 alice *
		bob/2 is
		bob > QUIT
		bob x ERROR *
		alice = :bob!* AWAY
		bob/2 > QUIT
		bob/2 x ERROR *
		alice = :irc.test 731 alice :bob
		alice > MONITOR C
		alice > MONITOR L
		alice = :irc.test 733 alice *
		alice > MONITOR +
		alice = :irc.test 461 alice MONITOR *
		alice > MONITOR x
		alice = :irc.test 400 alice MONITOR *`,
	"a monitor list has an end": `
		x is
		x > MONITOR + ` + nicks(60) + `
		x > MONITOR + ` + nicks(101)[170:] + `
		x < :irc.test 734 x|guest 100 * :Monitor list is full`,
	"one server, several channels": `
		x is labeled-response batch
		mod is
		mod > JOIN #support
		mod < * 366 mod #support *
		x > LINKS
		x < :irc.test 364 x|guest irc.test irc.test :0 Bio Test
		x = :irc.test 365 x|guest * *
		x > JOIN #support
		x < * 366 x|guest #support *
		x > NAMES #support,#nowhere
		x < :irc.test 353 x|guest = #support :*@mod*
		x = :irc.test 366 x|guest #support,#nowhere *
		x > WHOIS mod
		x < :irc.test 320 x|guest mod *
		x < :irc.test 318 x|guest mod *
		x > WHO mod
		x = :irc.test 352 x|guest #support mod * mod H*@ *
		x = :irc.test 315 x|guest mod *
		x > USERHOST mod
		x = :irc.test 302 x|guest :mod*=+mod@4.moderator.bio-test
		x > @label=a PRIVMSG x|guest :` + "\xff" + `
		x = @label=a :irc.test FAIL PRIVMSG INVALID_UTF8 *`,
	"real names": `
		alice is setname
		bob is setname
		bob/2 is
		alice .
		bob > SETNAME :New Name
		bob = :bob!* SETNAME :New Name
		alice = :bob!* SETNAME :New Name
		bob/2 ! *SETNAME*
		alice > WHOIS bob
		alice = :irc.test 311 alice bob * :New Name
		bob > SETNAME :` + long(200) + `
		bob = :irc.test FAIL SETNAME INVALID_REALNAME *
		bob > SETNAME :
		bob = :irc.test FAIL SETNAME INVALID_REALNAME *`,
	"away before registration": `
		alice is away-notify
		alice .
		bob > AWAY :early
		bob = :irc.test 451 * *
		bob > CAP REQ :draft/pre-away
		bob > AWAY :early
		bob < :irc.test 306 * *
		bob > PASS bob:key-bob
		bob > NICK bob
		bob > USER u 0 * :B
		bob > CAP END
		bob < * 366 bob #general *
		alice < :bob!* JOIN #general
		alice < :bob!* AWAY :early
		alice > PRIVMSG bob :there?
		alice < :irc.test 301 alice bob :early
		bob > AWAY *
		bob < :irc.test 306 bob *
		alice > PRIVMSG bob :there?
		alice = :irc.test 301 alice bob :early`,
	"invite-notify": `
		mod is
		alice is invite-notify
		bob is
		bob > PART #general
		bob < :bob!* PART #general
		mod > MODE #general +o alice
		alice < :mod!* MODE #general +o alice
		mod > INVITE bob #general
		alice = :mod!* INVITE bob #general
		bob < :mod!* INVITE bob #general`,
	"no names unless asked for": `
		alice is no-implicit-names
		alice > JOIN #support
		alice = :alice!* JOIN #support
		alice = :irc.test 332 alice #support *
		alice > NAMES #support
		alice = :irc.test 353 alice = #support :alice
		alice = :irc.test 366 alice #support *
		alice > NAMES #SUPPORT,#nowhere
		alice = :irc.test 353 alice = #support :alice
		alice = :irc.test 366 alice #support,#nowhere *`,
	"who is heard": `
		mod is
		alice is
		x is
		mod .
		alice .
		mod > MODE mod +RT
		mod = :mod!* MODE mod +RT
		x > PRIVMSG mod :hello
		x = :irc.test 477 x|guest mod *
		x > NOTICE mod :hello
		x > PRIVMSG mod,x|guest :hello
		x = :irc.test 477 x|guest mod *
		x = :x|guest!* PRIVMSG x|guest :hello
		mod ! *
		alice > PRIVMSG mod :` + "\x01VERSION\x01" + `
		alice = :irc.test 531 alice mod *
		alice > PRIVMSG mod :` + "\x01ACTION waves\x01" + `
		mod = :alice!* PRIVMSG mod :*waves*
		alice > NOTICE mod :` + "\x01VERSION none\x01" + `
		mod = :alice!* NOTICE mod :*VERSION*
		mod > ACCEPT x|guest
		mod ! *
		x > PRIVMSG mod :thanks
		mod = :x|guest!* PRIVMSG mod :thanks
		mod > ACCEPT *
		mod = :irc.test 281 mod :x|guest
		mod = :irc.test 282 mod *
		mod > ACCEPT -x|guest,-alice,-nobody
		mod = :irc.test 458 mod alice *
		mod = :irc.test 401 mod nobody *
		x > PRIVMSG mod :again
		x = :irc.test 477 x|guest mod *
		x > PRIVMSG alice :are you there?
		x = :irc.test 531 x|guest alice *
		alice > PRIVMSG x|guest :may I help?
		x = :alice!* PRIVMSG x|guest :may I help?
		x > PRIVMSG alice :please
		alice = :x|guest!* PRIVMSG alice :please
		mod > MODE mod -R
		mod = :mod!* MODE mod -R
		x > PRIVMSG mod :now?
		mod = :x|guest!* PRIVMSG mod :now?`,
	"list": `
		alice is
		bob is
		mod is
		alice .
		bob > JOIN #support
		bob < * 366 bob #support *
		alice > LIST *ENER*
		alice = :irc.test 321 alice *
		alice = :irc.test 322 alice #general 3 *
		alice = :irc.test 323 alice *
		alice > LIST #support,#staff,#nowhere
		alice = :irc.test 321 alice *
		alice = :irc.test 322 alice #support 1 *
		alice = :irc.test 323 alice *
		alice > LIST >0,<3,!#r*
		alice = :irc.test 321 alice *
		alice = :irc.test 322 alice #support 1 *
		alice = :irc.test 323 alice *
		alice > LIST C>5
		alice = :irc.test 321 alice *
		alice = :irc.test 323 alice *
		mod > TOPIC #general :fresh
		alice < :mod!* TOPIC *
		alice > LIST T<5
		alice = :irc.test 321 alice *
		alice = :irc.test 322 alice #general 3 :fresh
		alice = :irc.test 323 alice *`,
}

// nicks returns n different nicks, with commas between them.
func nicks(n int) string {
	out := ""
	for i := range n {
		out += ",n" + itoa(i)
	}
	return out[1:]
}
