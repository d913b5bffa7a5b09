package ircd

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestPowers tries every command that takes a power, in every role.
func TestPowers(t *testing.T) {
	sum := sha256.Sum256([]byte("long and random"))
	h := open(t, func(c *Config) { c.OperName, c.OperHash = "rescue", hex.EncodeToString(sum[:]) })
	h.people.put(30, "plainop", "Sysop", core.IRCConnect, core.IRCAddress)
	peers := map[string]*peer{"visitor": h.dial(t, "visitor")}
	for role, oper := range map[string]string{"guest": "", "alice": "", "mod": "", "officer": "", "plainop": "OPER plainop key-plainop",
		"boss": "OPER boss key-boss", "keeper": "OPER rescue :long and random"} {
		p := h.join(t, role)
		if oper != "" {
			p.send(oper)
			p.expect("* 381 *")
		}
		peers[role] = p
	}
	ask := func(role, line string) string {
		p := peers[role]
		p.sync()
		p.pending = nil
		p.send(line)
		if role == "visitor" {
			p.expect("* 451 *")
			return "unregistered"
		}
		p.sync()
		for _, l := range p.pending {
			if like("* 481 *", l) {
				return "denied"
			}
		}
		return "allowed"
	}
	remove, address, override := "boss keeper", "boss keeper plainop", "boss keeper"
	for _, test := range []struct{ line, may string }{
		{"KILL nobody :reason", remove},
		{"KLINE 5 *@nowhere.example :reason", remove},
		{"UNKLINE *@nowhere.example", remove},
		{"DLINE 5m 192.0.2.7 :reason", address},
		{"UNDLINE 192.0.2.7", address},
		{"STATS k", remove},
		{"STATS d", address},
		{"STATS l", address},
		{"STATS m", "boss keeper plainop"},
		{"STATS u", "boss keeper officer plainop guest alice mod"},
		{"STATS o", "boss keeper officer plainop guest alice mod"},
		{"TRACE", "boss keeper plainop"},
		{"WALLOPS :text", "boss keeper plainop"},
		{"SAJOIN nobody #general", override},
		{"SAPART nobody #general", override},
		{"SAMODE nobody +w", override},
		{"SANICK nobody somebody", override},
		{"CHGHOST nobody", override},
		{"REHASH", override},
	} {
		for role := range peers {
			want := "denied"
			switch {
			case role == "visitor":
				want = "unregistered"
			case strings.Contains(" "+test.may+" ", " "+role+" "):
				want = "allowed"
			}
			if got := ask(role, test.line); got != want {
				t.Errorf("%s by %s is %s, want %s", test.line, role, got, want)
			}
		}
	}
	peers["officer"].send("OPER officer key-officer")
	peers["officer"].expect("* 381 *")
	for line, want := range map[string]string{"KILL nobody :reason": "allowed", "DLINE 5m 192.0.2.7 :reason": "allowed", "REHASH": "denied", "SAJOIN nobody #general": "denied"} {
		if got := ask("officer", line); got != want {
			t.Errorf("%s by an officer who is operator is %s, want %s", line, got, want)
		}
	}
}

func TestDeeds(t *testing.T) {
	for name, test := range deedTests {
		t.Run(name, func(t *testing.T) {
			h := open(t, nil)
			h.talk(t, twoOperators+test.script)
			if test.log != nil {
				want(t, h.audit.lines()[2:], test.log...)
			}
			if logged := h.logged.String(); strings.Contains(logged, "127.0.0.1:") || strings.Contains(logged, "panicked") {
				t.Error(logged)
			}
		})
	}
}

// twoOperators is how each script of deedTests begins.
const twoOperators = `
	boss is
	boss > OPER boss key-boss
	boss < * 381 *
	officer is
	officer > OPER officer key-officer
	officer < * 381 *
	`

// deedTests are what operators do, each with what the audit log has of it.
var deedTests = map[string]struct {
	script string
	log    []string
}{
	"kill": {`
		alice is
		bob is
		officer > KILL Alice :spam and more
		alice < :officer!* KILL alice :spam and more
		alice x ERROR :Closing link: Killed (officer (spam and more))
		bob < :alice!* QUIT :Killed (officer (spam and more))
		boss < * NOTICE boss :*** officer: kill Alice spam and more
		officer > KILL bob
		bob x ERROR :Closing link: Killed (officer (No reason given))
		officer > KILL bob :gone
		officer < :irc.test 401 officer bob *
		Hermes is
		officer > KILL Hermes :ha
		officer < :irc.test 481 officer :Permission denied: Hermes works here*
		Hermes > PING x`,
		[]string{"officer: kill Alice spam and more = done", "officer: kill bob No reason given = done", "officer: kill bob gone = failed", "officer: kill Hermes ha = denied"}},
	"K-lines": {`
		alice is
		guest is
		alice > JOIN #support
		alice < * 366 *
		guest > JOIN #support
		guest < * 366 *
		officer > KLINE 60 *@*.guest.bio-test :no guests now
		guest x ERROR :Closing link: You are kept from this network: no guests now
		alice < :guest!* QUIT :Kept out
		boss < * NOTICE boss :*** officer: kline add --for=60m *@*.guest.bio-test no guests now (this ended 1 connections)
		officer > STATS k
		officer < :irc.test 216 officer K *@*.guest.bio-test * * officer :no guests now
		officer < :irc.test 219 officer k *
		officer > UNKLINE *@*.guest.bio-test
		officer < * NOTICE officer :*** officer: kline remove *
		guest2 is
		officer > KLINE *@* :everyone
		officer < :irc.test 400 officer KLINE :this mask would keep out everybody
		officer > KLINE 3d alice@*
		officer < :irc.test 461 officer KLINE *
		officer > UNKLINE nobody@nowhere
		officer < :irc.test 400 officer UNKLINE :there is no such line*`,
		[]string{"officer: kline add --for=60m *@*.guest.bio-test no guests now = done (kline remove *@*.guest.bio-test)",
			"officer: kline remove *@*.guest.bio-test = done (kline add --for=60m *@*.guest.bio-test no guests now)",
			"officer: kline remove nobody@nowhere = failed"}},
	"D-lines are seen by those who may see addresses": {`
		officer > DLINE 1w 192.0.2.77/24 :open proxies
		boss < * NOTICE boss :*** officer: dline add --for=10080m 192.0.2.0/24 open proxies (*
		boss > STATS D
		boss < :irc.test 225 boss D 192.0.2.0/24 * * officer :open proxies
		boss > UNDLINE 192.0.2.0/24
		officer < * NOTICE officer :*** boss: dline remove 192.0.2.0/24`,
		[]string{"officer: dline add --for=10080m 192.0.2.0/24 open proxies = done (dline remove 192.0.2.0/24)",
			"boss: dline remove 192.0.2.0/24 = done (dline add --for=10080m 192.0.2.0/24 open proxies)"}},
	"SAJOIN and SAPART": {`
		alice is
		mod is
		mod > MODE #general +i
		alice > PART #general
		alice .
		boss > SAJOIN alice #General
		alice < :alice!* JOIN #general
		mod < :irc.test NOTICE @#general :*** boss let alice into #general
		boss > SAJOIN alice #staff
		boss < :irc.test 400 boss SAJOIN :the class of alice may not enter #staff
		boss > SAJOIN alice #general
		boss < * 400 boss SAJOIN :alice is in #general already
		boss > SAJOIN #support
		boss < :boss!* JOIN #support
		boss > SAPART alice #general :take a break
		alice < :alice!* PART #general :take a break
		mod < :irc.test NOTICE @#general :*** boss took alice out of #general
		boss > SAPART alice #general
		boss < * 400 boss SAPART :alice is not in #general`, nil},
	"SAMODE": {`
		alice is
		boss > PART #general
		boss > SAMODE #general +o-t alice
		alice < :boss!* MODE #general +o alice
		alice < :boss!* MODE #general -t
		boss > SAMODE #general +k secretkey
		alice < :boss!* MODE #general +k secretkey
		alice < :irc.test NOTICE @#general :*** boss changed the modes of #general
		boss > SAMODE alice +Bo
		alice < :boss!* MODE alice +B
		boss > SAMODE #nowhere +m
		boss < * 403 *`,
		[]string{"boss: samode #general +o-t alice = done", "boss: samode #general +k (left out) = done", "boss: samode alice +Bo = done"}},
	"SANICK and CHGHOST": {`
		alice is
		guest is
		boss > SANICK alice alice|away
		alice < :alice!* NICK alice|away
		boss > SANICK alice|away bob
		boss < * 400 boss SANICK :your nick is your site name*
		boss > SANICK guest Herrnes
		boss > SANICK guest bob
		guest = :guest!* NICK bob|guest
		boss > SANICK bob|guest welcome
		guest < :bob|guest!* NICK welcome|guest
		boss > CHGHOST alice|away fun.example
		alice < :irc.test 396 alice|away fun.example *
		boss > CHGHOST welcome 1.sysop.bio-test
		boss < * 400 boss CHGHOST *
		boss > MODE #general +b *!*@1.user.*
		boss > CHGHOST alice|away
		alice < :irc.test 396 alice|away 1.user.bio-test *`, nil},
	"WALLOPS": {`
		alice is
		bob is
		alice > MODE alice +w
		alice < :alice!* MODE alice +w
		officer .
		officer > WALLOPS :listen all
		officer = :officer!* WALLOPS :listen all
		alice < :officer!* WALLOPS :listen all
		alice > HELP SAJOIN
		alice < :irc.test 704 alice SAJOIN :SAJOIN [nick] #channel[,#channel]
		alice < :irc.test 705 alice SAJOIN :For operators (see OPER) with the permission irc.override.
		bob ! * WALLOPS *`,
		[]string{"officer: wallops listen all = done"}},
	"STATS, TRACE": {`
		alice is
		boss > TRACE alice
		boss < :irc.test 205 boss User user :alice
		boss < :irc.test 262 boss irc.test caduceus *
		boss > TRACE
		boss < :irc.test 205 boss User user :alice
		boss < :irc.test 204 boss Oper sysop :boss
		boss > STATS l alice
		boss < :irc.test 211 boss alice[alice@127.0.0.1] *
		boss > STATS m
		boss < :irc.test 212 boss TRACE 2 *
		alice > STATS o
		alice < :irc.test 243 alice O * * boss *
		alice < :irc.test 243 alice O * * officer *
		alice > STATS x
		alice < :irc.test 219 alice x *`, nil},
}

// TestOverride checks that operators with the power may enter any channel and change its
// modes.
func TestOverride(t *testing.T) {
	h := open(t, func(c *Config) { c.FreeChannels = true })
	// Without irc.operate they are operators of no channel.
	h.people.put(23, "over", "Sysop", core.IRCConnect, core.IRCOverride)
	h.talk(t, `
		over is
		alice is
		alice > JOIN #lab
		alice > MODE #lab +iksb key over!*@*
		alice < * MODE #lab +iks*
		over > JOIN #lab
		over < :irc.test 474 *
		over > OPER over key-over
		over < * 381 *
		over > LIST #lab
		over < :irc.test 322 over #lab 1 *
		over > MODE #lab
		over < :irc.test 324 over #lab +instk key
		over > MODE #lab +m
		alice < :over!* MODE #lab +m
		alice < * NOTICE @#lab :*** over changed the modes of #lab
		over > JOIN #lab
		over < :over!* JOIN #lab
		alice < * NOTICE @#lab :*** over let over into #lab
		over > WHOIS alice
		over < * 319 over alice *#lab*
		over > NAMES #lab
		over < * 353 over @ #lab :*@alice*
		alice > LIST #staff
		alice ! * 322 *`)
	want(t, h.audit.lines(), "over: oper = done", "over: samode #lab +m = done", "over: sajoin over #lab = done")
}

// TestAddresses checks who may see people's addresses.
func TestAddresses(t *testing.T) {
	open(t, nil).talk(t, `
		alice is
		mod is
		officer is
		alice > WHOIS alice
		alice < :irc.test 338 alice alice *@127.0.0.1 127.0.0.1 :is actually*
		alice < :irc.test 317 alice alice 0 *
		alice > WHO alice %in
		alice < :irc.test 354 alice 127.0.0.1 alice
		mod > WHOIS alice
		mod < * 318 *
		mod ! * 338 *
		mod > WHO alice %inl
		mod < :irc.test 354 mod 255.255.255.255 alice 0
		officer > WHOIS alice
		officer < :irc.test 338 officer alice *@127.0.0.1 127.0.0.1 :is actually*
		officer < :irc.test 317 officer alice *
		officer > WHO 127.0.0.1 %in
		officer < :irc.test 354 officer 127.0.0.1 *`)
}

func TestKickSeveral(t *testing.T) {
	open(t, func(c *Config) { c.FreeChannels = true }).talk(t, `
		mod is
		alice is
		bob is
		alice > JOIN #support,#lab
		alice < * 366 alice #lab *
		mod > JOIN #support
		mod > KICK #general alice,bob :both
		alice < :mod!* KICK #general alice :both
		bob < :mod!* KICK #general bob :both
		bob > JOIN #general
		bob < * JOIN #general
		mod > KICK #support,#general alice,bob :each
		alice < :mod!* KICK #support alice :each
		bob < :mod!* KICK #general bob :each
		mod > KICK #support,#general alice :one
		mod < :irc.test 461 mod KICK *
		mod > KICK #general a,b,c,d,e :many
		mod < :irc.test 407 mod *`)
}
