package ircd

import (
	"testing"

	"github.com/caduceus-bio/caduceus/internal/member"
)

// Each conversation has a network of its own. See house.talk for the form of the scripts.
func TestConversations(t *testing.T) {
	for name, script := range conversations {
		t.Run(name, func(t *testing.T) { open(t, nil).talk(t, script) })
	}
}

// conversations are the scripts of TestConversations, by what they are about.
var conversations = map[string]string{
	"registration": `
		x > NICK dora
		x > USER d 0 * :Dora
		x = :irc.test 001 dora|guest :Welcome to the Bio Test IRC network, dora|guest!d@*.guest.bio-test
		x = :irc.test 002 dora|guest *
		x = :irc.test 003 dora|guest *
		x = :irc.test 004 dora|guest irc.test caduceus BRTiorsw CIMRSbeiklmnostuv :Ibeklov
		x < :irc.test 005 dora|guest * CASEMAPPING=ascii * :are supported by this server
		x < :irc.test 251 dora|guest *
		x < :irc.test 255 dora|guest :I have 1 clients and 0 servers
		x < :irc.test 375 dora|guest *
		x = :irc.test 372 dora|guest :- Be kind.
		x = :irc.test 372 dora|guest :- Seed.
		x = :irc.test 376 dora|guest *
		x = :irc.test MODE dora|guest +i
		x > USER d 0 * :Dora
		x = *NOTICE dora|guest :You are not logged in, so *
		x = :irc.test 462 dora|guest *
		x > PASS foo
		x = :irc.test 462 dora|guest *
		x > QUIT :bye
		x x ERROR :Closing link: Quit: bye`,
	"before registration": `
		x > JOIN #general
		x = :irc.test 451 * *
		x > NOSUCH
		x = :irc.test 451 * *
		x > NICK
		x = :irc.test 431 * *
		x > NICK a!b
		x = :irc.test 432 * a!b *
		x > PING
		x = :irc.test 409 * *
		x > PING :a b
		x = :irc.test PONG irc.test :a b
		x > NICK 9to5
		x > USER d
		x = :irc.test 461 * USER *
		x > USER d 0 * :
		x = :irc.test 461 * USER *
		x > USER d 0 * :Nine
		x < :irc.test 001 9to5|guest *`,
	"odd lines": `
		x is
		x > FROB a
		x = :irc.test 421 x|guest FROB *
		x > privmsg
		x = :irc.test 411 x|guest *
		x > PRIVMSG x|guest
		x = :irc.test 412 x|guest *
		x > WHOIS
		x = :irc.test 431 x|guest *
		x > TOPIC
		x = :irc.test 461 x|guest TOPIC *
		x > :me PING :hello
		x = :irc.test PONG irc.test :hello
		x >      PING      spaced    out
		x = :irc.test PONG irc.test :spaced
		x > PRIVMSG x|guest :` + long(600) + `
		x = :irc.test 417 x|guest *
		x > @a=` + long(4100) + ` PRIVMSG x|guest :y
		x = :irc.test 417 x|guest *
		x > PRIVMSG x|guest :` + long(9000) + `
		x = :irc.test 417 x|guest *
		x > PRIVMSG x|guest :` + "\xff\xfe" + `
		x = :irc.test FAIL PRIVMSG INVALID_UTF8 *
		x > PRIVMSG x|guest :` + "a\x00b" + `
		x = :irc.test 400 x|guest * *
		x > PRIVMSG x|guest :` + "a\rb" + `
		x = :irc.test 400 x|guest * *
		x > @+a
		x > :prefixonly
		x > ` + "\xff" + `
		x = :irc.test FAIL * INVALID_UTF8 *
		x > PING alive
		x = :irc.test PONG irc.test :alive`,
	"capabilities": `
		x > CAP LS 302
		x = :irc.test CAP * LS :account-notify account-tag * sasl=PLAIN,SCRAM-SHA-256 *
		x > NICK x
		x > USER x 0 * :X
		x > CAP FROB
		x = :irc.test 410 * FROB *
		x > CAP REQ :echo-message nonsense
		x = :irc.test CAP * NAK :echo-message nonsense
		x > CAP REQ :echo-message server-time
		x = :irc.test CAP * ACK :echo-message server-time
		x > CAP LIST
		x = @time=* :irc.test CAP * LIST :cap-notify echo-message server-time
		x > CAP REQ :-server-time
		x = @time=* :irc.test CAP * ACK :-server-time
		x > CAP REQ :-echo-message -cap-notify
		x = :irc.test CAP * NAK :-echo-message -cap-notify
		x > CAP END
		x = :irc.test 001 x|guest *
		y > CAP LS
		y = :irc.test CAP * LS :* sasl *`,
	"guests stay outside": `
		x is
		x > JOIN #support
		x < :x|guest!x@*.guest.bio-test JOIN #support
		x = :irc.test 332 x|guest #support :Ask here *
		x = :irc.test 353 x|guest = #support :x|guest
		x = :irc.test 366 x|guest #support *
		x > JOIN #general
		x = :irc.test 477 x|guest #general *
		x > JOIN #staff
		x = :irc.test 477 x|guest #staff *
		x > JOIN #nowhere
		x = :irc.test 477 x|guest #nowhere *
		x > PRIVMSG #general :hi
		x = :irc.test 403 x|guest #general *
		alice is
		mod is
		x > PRIVMSG alice :psst
		x = :irc.test 531 x|guest alice *
		x > NOTICE alice :psst
		x > PRIVMSG mod :help
		mod < :x|guest!x@* PRIVMSG mod :help
		alice ! *psst*
		x > NICK alice
		x = :x|guest!x@* NICK alice|guest
		x = *NOTICE alice|guest :You are not logged in, so *
		x > NICK alice
		x = *NOTICE alice|guest :You are not logged in, so *
		x > NICK bob|away
		x = :alice|guest!* NICK bob|away|guest
		x > NICK H3rmes_
		x < :bob|away|guest!* NICK Guest*
		x > NICK nickserv
		x < *NOTICE Guest* :You are not logged in, so *
		x > NICK x|GUEST
		x < :Guest*!* NICK x|guest
		x > LIST
		x < :irc.test 322 x|guest #support 1 *
		x ! * 322 x|guest #staff *
		x ! * 322 x|guest #general *`,
	"what guests are called": `
		x > NICK alice
		x > USER a 0 * :A
		x < :irc.test 001 alice|guest *
		x < :irc.test NOTICE alice|guest :You are not logged in, so *
		y > NICK alice
		y > USER a 0 * :A
		y < :irc.test 001 alice-2|guest *
		y > NICK alice
		y ! * NICK *
		y > NICK ` + long(maxNick) + `
		y < * NICK ` + long(maxNick-len(member.GuestSuffix)) + `|guest
		z > NICK ` + long(maxNick) + `
		z > USER a 0 * :A
		z < :irc.test 001 ` + long(maxNick-len(member.GuestSuffix)-2) + `-2|guest *
		z > NICK guest47
		z < * NICK guest47
		y > NICK guest47
		y < * NICK Guest*
		y > NICK |guest|guest
		y ! * NICK *
		sysop > NICK sys0p
		sysop > USER a 0 * :A
		sysop < :irc.test 001 Guest*
		sysop > NICK first_Staff
		sysop ! * NICK *
		alice is
		alice > NICK alice|guest
		alice < :irc.test 433 alice alice|guest :guests are called like this*
		alice > NICK alice|Guest
		alice < :irc.test 433 alice alice|Guest :guests are called like this*
		alice > NICK guest3
		alice < :irc.test 433 alice guest3 :guests are called like this*`,
	"members find their channels": `
		mod > CAP REQ :sasl multi-prefix userhost-in-names
		mod > AUTHENTICATE PLAIN
		mod > AUTHENTICATE ` + plain("mod", "key-mod") + `
		mod > CAP END
		mod > NICK someone
		mod > USER u 0 * :M
		mod < :irc.test 900 * *!mod@4.moderator.bio-test mod :You are now logged in as mod
		mod = :irc.test 903 * *
		mod < :irc.test 001 mod *
		mod < :irc.test MODE mod +r
		mod < :mod!mod@4.moderator.bio-test JOIN #announce
		mod < :irc.test 353 mod = #announce :@+mod!mod@4.moderator.bio-test
		mod < :mod!* JOIN #general
		mod < :mod!* JOIN #staff
		mod < :irc.test 353 mod @ #staff :@+mod!*
		mod < :mod!* JOIN #debug
		alice is
		alice > JOIN #staff
		alice = :irc.test 473 alice #staff *
		alice > LIST
		alice ! * 322 alice #staff *`,
	"nicks of members": `
		7up is
		7up > NICK alice
		7up = :irc.test 432 7up alice :your nick is your site name: use 7up*
		7up > NICK 7up|work
		7up = :7up!7up@6.user.bio-test NICK 7up|work
		7up > NICK 7UP
		7up = :7up|work!* NICK 7UP`,
	"talk": `
		alice is echo-message
		bob is server-time account-tag
		mod is message-tags
		alice .
		bob .
		alice > PRIVMSG #general :hello there
		alice = :alice!alice@1.user.bio-test PRIVMSG #general :hello there
		bob = @time=*;account=alice :alice!alice@1.user.bio-test PRIVMSG #general :hello there
		mod = @msgid=* :alice!* PRIVMSG #general :hello there
		bob > NOTICE alice :word
		alice = :bob!* NOTICE alice :word
		bob > PRIVMSG nobody :x
		bob < * 401 bob nobody *
		bob > NOTICE nobody :x
		bob > PRIVMSG a,b,c,d,e :x
		bob < * 407 bob *
		bob > PRIVMSG @#general :ops
		mod = @msgid=* :bob!* PRIVMSG @#general :ops
		alice ! *ops*
		alice > TAGMSG bob
		alice = :irc.test 421 alice TAGMSG *
		mod > @+typing=active;x=y TAGMSG #general
		mod > @+reply=1;label=no PRIVMSG #general :tagged
		bob = @time=*;account=mod :mod!* PRIVMSG #general :tagged
		mod > MODE mod +B
		mod < @bot :mod!* MODE mod +B
		mod > WHOIS mod
		mod < * 335 mod mod *`,
	"only Hermes announces": `
		Hermes is
		alice is
		mod is
		mod > PRIVMSG #announce :fake
		mod = :irc.test 404 mod #announce *
		mod > MODE #announce -m
		mod < :mod!* MODE #announce -m
		mod > MODE #announce +v alice
		mod > PRIVMSG #announce :fake
		mod < :irc.test 404 mod #announce *
		alice > PRIVMSG #announce :fake
		alice < :irc.test 404 alice #announce *
		Hermes > PRIVMSG #announce :New upload
		alice < :Hermes!hermes@5.bot.bio-test PRIVMSG #announce :New upload
		alice ! *fake
		mod > KICK #announce Hermes
		mod < :irc.test 482 mod #announce *`,
	"the auditorium hides people": `
		alice is
		bob is
		alice ! :bob!* JOIN #announce
		carol is
		alice < :carol!* JOIN #announce
		alice = :irc.test MODE #announce +v carol
		alice > NAMES #announce
		alice < :irc.test 353 alice = #announce :*
		alice ! *bob*
		alice > WHO #announce
		alice ! * 352 alice #announce bob *
		mod is
		mod > NAMES #announce
		mod < :irc.test 353 mod = #announce :*bob*
		bob .
		bob > PART #announce
		mod < :bob!* PART #announce
		alice ! :bob!* PART #announce
		bob > JOIN #announce
		mod < :bob!* JOIN #announce
		mod > MODE #announce +v bob
		alice < :bob!* JOIN #announce
		alice = :mod!* MODE #announce +v bob
		mod > MODE #announce -v bob
		alice = :mod!* MODE #announce -v bob
		alice = :bob!* PART #announce
		bob < :mod!* MODE #announce -v bob
		bob ! :bob!* PART #announce
		mod ! :bob!* PART #announce
		bob > PART #general
		alice < :bob!* PART #general
		bob > QUIT
		bob x ERROR *
		alice ! :bob!* QUIT*`,
	"topic": `
		alice is
		mod is
		alice .
		alice > TOPIC #general
		alice = :irc.test 332 alice #general :The usual chit-chat
		alice > TOPIC #general :mine
		alice = :irc.test 482 alice #general *
		mod > TOPIC #general :Fresh data
		alice = :mod!* TOPIC #general :Fresh data
		alice > TOPIC #general
		alice = :irc.test 332 alice #general :Fresh data
		alice = :irc.test 333 alice #general mod *
		mod > TOPIC #general :
		alice = :mod!* TOPIC #general :
		alice > TOPIC #general
		alice = :irc.test 331 alice #general *
		alice > TOPIC #userbots
		alice = :irc.test 442 alice #userbots *
		alice > TOPIC #staff
		alice = :irc.test 403 alice #staff *`,
	"modes": `
		alice is
		mod is
		alice .
		alice > MODE #general
		alice = :irc.test 324 alice #general +nt
		alice = :irc.test 329 alice #general *
		alice > MODE #general +m
		alice = :irc.test 482 alice #general *
		mod > MODE #general +mkl key 5
		alice = :mod!* MODE #general +mkl key 5
		alice > PRIVMSG #general :hush
		alice = :irc.test 404 alice #general *
		mod . 
		mod > MODE #general +v alice
		mod > MODE #general +zzé
		mod > MODE #general +k
		mod > MODE #general +l many
		mod > MODE #general +o nobody
		mod > MODE #general +k :a b
		mod = :mod!* MODE #general +v alice
		mod = :irc.test 472 mod z *
		mod = :irc.test 472 mod é *
		mod = :irc.test 696 mod #general k * *
		mod = :irc.test 696 mod #general l many *
		mod = :irc.test 401 mod nobody *
		mod = :irc.test 525 mod #general *
		alice < :mod!* MODE #general +v alice
		alice > PRIVMSG #general :I can speak
		mod = :alice!* PRIVMSG #general :I can speak
		mod > MODE #general
		mod = :irc.test 324 mod #general +mntkl key 5
		mod < :irc.test 329 *
		bob is
		bob > PART #general
		bob > JOIN #general wrong
		bob < :irc.test 475 bob #general *
		mod > MODE #general -k-l+l x 1
		mod < :mod!* MODE #general -kl+l * 1
		bob > JOIN #general
		bob < :irc.test 471 bob #general *
		mod > MODE #general -lm+i
		mod < :mod!* MODE #general -lm+i
		bob > JOIN #general
		bob < :irc.test 473 bob #general *
		alice > INVITE bob #general
		alice < :irc.test 482 alice #general *
		mod > INVITE bob #general
		mod < :irc.test 341 mod bob #general
		bob < :mod!* INVITE bob #general
		bob > JOIN #general
		bob < :bob!* JOIN #general
		mod > INVITE bob #general
		mod < :irc.test 443 mod bob #general *
		mod > INVITE bob #staff
		mod < :irc.test 482 mod #staff *
		mod > MODE #general +b bob
		alice < :mod!* MODE #general +b bob!*@*
		bob > PRIVMSG #general :let me
		bob < :irc.test 404 bob #general *
		mod > MODE #general b
		mod < :irc.test 367 mod #general bob!*@* mod *
		mod = :irc.test 368 mod #general *
		mod > KICK #general bob :out
		bob < :mod!* KICK #general bob :out
		mod > MODE #general -i
		mod < :mod!* MODE #general -i
		bob > JOIN #general
		bob < :irc.test 474 bob #general *
		mod > MODE #general -b BOB!*@*
		mod < :mod!* MODE #general -b bob!*@*
		alice > KICK #general mod
		alice < :irc.test 482 alice #general *
		mod > KICK #general nobody
		mod < :irc.test 441 mod nobody #general *
		alice > MODE alice
		alice < :irc.test 221 alice +ir
		alice > MODE alice -i+r+x
		alice = :irc.test 501 alice *
		alice = :alice!* MODE alice -i
		alice > MODE bob
		alice = :irc.test 502 alice *`,
	"where somebody visible is": `
		alice is
		bob is
		bob > JOIN #support
		bob < :irc.test 366 bob #support *
		alice > WHOIS bob
		alice < :irc.test 319 alice bob :#general
		bob > MODE bob -i
		bob < :bob!* MODE bob -i
		alice > WHOIS bob
		alice < :irc.test 319 alice bob :#general #support`,
	"who is who": `
		alice is
		bob is
		alice .
		bob > AWAY :lunch
		bob < :irc.test 306 bob *
		alice > PRIVMSG bob :there?
		alice = :irc.test 301 alice bob :lunch
		alice > WHOIS bob
		alice = :irc.test 311 alice bob bob 2.user.bio-test * :Real bob
		alice = :irc.test 319 alice bob :#general
		alice = :irc.test 312 alice bob irc.test *
		alice = :irc.test 301 alice bob :lunch
		alice = :irc.test 330 alice bob bob :is logged in as
		alice = :irc.test 318 alice bob *
		alice > WHOIS nobody
		alice = :irc.test 401 alice nobody *
		alice = :irc.test 318 alice nobody *
		alice > WHO #general %tcuihsnfdlaor,42
		alice < :irc.test 354 alice 42 #general bob 255.255.255.255 2.user.bio-test irc.test bob G 0 0 bob n/a :Real bob
		alice < :irc.test 315 alice #general *
		alice > WHO bob
		alice = :irc.test 352 alice #general bob 2.user.bio-test irc.test bob G :0 Real bob
		alice = :irc.test 315 alice bob *
		alice > WHO b*b
		alice < :irc.test 352 alice #general bob *
		alice < :irc.test 315 *
		alice > USERHOST bob alice
		alice = :irc.test 302 alice :bob=-bob@2.user.bio-test alice=+alice@1.user.bio-test
		alice > ISON nobody bob
		alice = :irc.test 303 alice :bob
		bob > AWAY
		bob < :irc.test 305 bob *
		bob > QUIT
		alice < :bob!* QUIT :Quit
		alice > WHOWAS bob
		alice = :irc.test 314 alice bob bob 2.user.bio-test * :Real bob
		alice < :irc.test 369 alice bob *
		alice > WHOWAS nobody
		alice = :irc.test 406 alice nobody *`,
	"others hear of changes": `
		alice is extended-join away-notify account-notify chghost
		bob is
		alice < :bob!* JOIN #general bob :Real bob
		bob > AWAY :brb
		alice = :bob!* AWAY :brb
		bob > AWAY
		alice = :bob!* AWAY
		alice > JOIN #support
		alice < :irc.test 366 alice #support *
		x is
		x > JOIN #support
		alice < :x|guest!x@* JOIN #support * :Real x
		x > PRIVMSG NickServ :IDENTIFY carol key-carol
		x < :irc.test 900 x|guest x|guest!x@* carol *
		x = :NickServ!* NOTICE x|guest :You are now logged in
		x = :irc.test 396 x|guest 3.power-user.bio-test *
		x = :x|guest!carol@3.power-user.bio-test NICK carol
		x = :irc.test MODE carol +r
		x < :carol!* JOIN #general
		alice = :x|guest!x@* ACCOUNT carol
		alice = :x|guest!x@* CHGHOST carol 3.power-user.bio-test
		alice = :x|guest!carol@* NICK carol
		alice < :irc.test MODE #support +v carol`,
	"labels": `
		x is labeled-response batch echo-message message-tags
		x > @label=a PING one
		x = @label=a :irc.test PONG irc.test :one
		x > @label=b PONG
		x = @label=b :irc.test ACK
		x > @label=c WHOIS x|guest
		x = @label=c :irc.test BATCH +r* labeled-response
		x = @batch=r* :irc.test 311 x|guest x|guest *
		x < @batch=r* :irc.test 318 x|guest *
		x = :irc.test BATCH -r*
		x > @label=d PRIVMSG x|guest :me
		x = @msgid=* :x|guest!* PRIVMSG x|guest :me
		x = @label=d;msgid=* :x|guest!* PRIVMSG x|guest :me
		x > @label=e FROB
		x = @label=e :irc.test 421 x|guest FROB *
		x > @label=f QUIT
		x x ERROR *`,
	"small commands": `
		mod is
		mod > VERSION
		mod = :irc.test 351 mod caduceus irc.test :
		mod < :irc.test 005 *
		mod > TIME
		mod < :irc.test 391 mod irc.test *
		mod > TIME other.test
		mod = :irc.test 402 mod other.test *
		mod > INFO
		mod = :irc.test 371 *
		mod < :irc.test 374 *
		mod > ADMIN
		mod = :irc.test 256 *
		mod < :irc.test 259 mod *
		mod > STATS u
		mod = :irc.test 242 mod :Server up 0 days *
		mod = :irc.test 219 mod u *
		mod > HELP
		mod < :irc.test 706 *
		mod > HELP JOIN
		mod = :irc.test 704 mod JOIN :JOIN #channel*
		mod < :irc.test 706 *
		mod > HELP FROB
		mod = :irc.test 524 mod FROB *
		mod > LUSERS
		mod = :irc.test 251 *
		mod < :irc.test 266 *
		alice is
		alice > STATS k
		alice = :irc.test 481 alice *
		alice = :irc.test 219 alice k *
		alice > JOIN 0
		alice < :alice!* PART #*
		alice > PART #general
		alice < :irc.test 442 alice #general *
		alice > PART #nowhere
		alice < :irc.test 403 alice #nowhere *
		alice > NAMES #nowhere
		alice = :irc.test 366 alice #nowhere *
		alice > MODE nobody +i
		alice = :irc.test 401 alice nobody *`,
}

func long(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a'
	}
	return string(b)
}
