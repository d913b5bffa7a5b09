package ircd

import "testing"

// TestEnterIsTakenByTheServer lets people say to the bot what they would on other trackers.
// They are logged in and enter the channels, and the bot never gets the key.
func TestEnterIsTakenByTheServer(t *testing.T) {
	t.Parallel()
	open(t, nil).talk(t, `
		x > NICK guesty
		x > USER u 0 * :U
		x < :irc.test 001 guesty|guest *
		x > PRIVMSG Hermes :enter #general
		x < :NickServ!* NOTICE guesty|guest :Log in with SASL, or write: ENTER #channel name key *
		x > PRIVMSG Hermes :ENTER #general,#userbots bob wrong
		x < :NickServ!* NOTICE guesty|guest :Not logged in: name or IRC key is wrong
		x ! *JOIN*
		x > PRIVMSG hermes :enter #announce, #userbots bob key-bob
		x < :irc.test 900 guesty|guest * bob *
		x < :NickServ!* NOTICE guesty|guest :You are now logged in
		x < :bob!* JOIN #announce
		x < :bob!* JOIN #userbots
		x > PRIVMSG Hermes :ENTER #staff bob key-bob
		x < :irc.test 473 bob #staff *
		x > PRIVMSG Hermes :entering is fun
		x < :irc.test 401 bob Hermes *`)
}

// TestProgramsEnterUnderTheirOwnNick does what autobrr does: it comes as a guest by its own
// nick, says ENTER, and asks for that nick again every few minutes. Whatever it is called
// by then, it knows: from 001, from NICK, and before MODE +r, for which it waits.
func TestProgramsEnterUnderTheirOwnNick(t *testing.T) {
	t.Parallel()
	open(t, nil).talk(t, `
		robot > NICK biobot
		robot > USER bob 0 * :bob
		robot < :irc.test 001 biobot|guest *
		robot > PRIVMSG Hermes :enter #announce bob key-bob
		robot > JOIN #announce
		robot < :biobot|guest!bob@2.user.bio-test NICK bob
		robot = :irc.test MODE bob +r
		robot < :irc.test 366 bob #announce *
		robot > NICK biobot
		robot < :irc.test 432 bob biobot :your nick is your site name: use bob, bob|something*
		second > NICK bob|autobrr
		second > USER bob 0 * :bob
		second < :irc.test 001 bob|autobrr|guest *
		robot > QUIT
		robot x ERROR *
		second > PRIVMSG Hermes :enter #announce bob key-bob
		second < :bob|autobrr|guest!bob@2.user.bio-test NICK bob|autobrr
		second = :irc.test MODE bob|autobrr +r
		second < :irc.test 366 bob|autobrr #announce *
		second > NICK bob|autobrr
		alice is
		alice > PRIVMSG bob|autobrr :there?
		second < :alice!* PRIVMSG bob|autobrr :there?
		third > NICK someone
		third > USER u 0 * :U
		third < :irc.test 001 someone|guest *
		third > NICK alice|late
		third < :someone|guest!* NICK alice|late|guest
		alice > QUIT
		alice x ERROR *
		third > PRIVMSG NickServ :IDENTIFY key-alice
		third < :alice|late|guest!alice@* NICK alice|late`)
}
