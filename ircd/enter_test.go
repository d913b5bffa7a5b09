package ircd

import "testing"

// TestEnterIsTakenByTheServer lets people say to the bot what they would on other trackers.
// They are logged in and enter the channels, and the bot never gets the key.
func TestEnterIsTakenByTheServer(t *testing.T) {
	t.Parallel()
	open(t, nil).talk(t, `
		x > NICK guesty
		x > USER u 0 * :U
		x < :irc.test 001 guesty *
		x > PRIVMSG Hermes :enter #general
		x < :NickServ!* NOTICE guesty :Log in with SASL, or write: ENTER #channel name key *
		x > PRIVMSG Hermes :ENTER #general,#userbots bob wrong
		x < :NickServ!* NOTICE guesty :Not logged in: name or IRC key is wrong
		x ! *JOIN*
		x > PRIVMSG hermes :enter #announce, #userbots bob key-bob
		x < :irc.test 900 guesty * bob *
		x < :NickServ!* NOTICE guesty :You are now logged in
		x < :bob!* JOIN #announce
		x < :bob!* JOIN #userbots
		x > PRIVMSG Hermes :ENTER #staff bob key-bob
		x < :irc.test 473 bob #staff *
		x > PRIVMSG Hermes :entering is fun
		x < :irc.test 401 bob Hermes *`)
}
