// Package ircd is room 4 of the house: the IRC network, whose accounts are the
// site's members. It speaks RFC 1459/2812 as the Modern IRC Client Protocol
// document describes it, with IRCv3 on top, on the message layer of irc-go.
//
// Who may log in, enter a channel, speak in it or be its operator comes from the
// permissions of the member's classes, and is looked at again whenever the event
// log says that a member or a class changed. Real addresses are used for limits
// only; nobody is shown one and none is logged.
//
// A user is somebody with a nick; a session is one of the connections of a user.
// All connections of a member are sessions of one user: they share nick, channels
// and modes, and each sees what the others say. Guests have one session.
//
// Concurrency: each run of the room has one network. Everything that several
// connections can see (nicks, accounts, channels, the fields of users) is
// guarded by the one lock of the network, so that all members of a channel see
// the same order of things. Nothing waits under that lock: lines go into bounded
// queues, and what needs the database is done before or after. A connection has
// two goroutines: one reads and runs commands, one writes its queue. A client
// that doesn't read fast enough is cut off.
//
// History is kept behind the network's back: each line that is to be kept is put into
// the recorder's bounded queue under the lock and written in batches a moment later.
// Whoever reads the history waits, without the lock, until the queue is written.
package ircd
