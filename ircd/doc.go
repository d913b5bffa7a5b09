// Package ircd is room 4 of the house: the IRC network, whose accounts are the
// site's members. It speaks RFC 1459/2812 as the Modern IRC Client Protocol
// document describes it, with IRCv3 on top, on the message layer of irc-go.
//
// Who may log in, enter a channel, speak in it or be its operator follows from the
// permissions of the member's classes. It is decided again whenever the event log says
// that a member or a class has changed. Real addresses are used for limits. People see
// their own, and staff who have the permission see others'; none is logged.
//
// A user is somebody with a nick; a session is one of the connections of a user.
// All connections of a member are sessions of one user: they share nick and modes. Each
// has its own channels, in which it sees what the others say: the membership of a user in
// a channel is the set of sessions that are there. Guests have one session.
//
// Concurrency: each run of the room has one network. Everything that several
// connections can see (nicks, accounts, channels, the fields of users) is
// guarded by the one lock of the network, so that all members of a channel see
// the same order of things. Nothing waits under that lock: lines go into bounded
// queues, and what needs the database is done before or after. A connection has
// one goroutine, which reads and runs commands; its queue is written by whoever filled
// it (see package conn). A client that doesn't read fast enough is cut off.
//
// The history is written apart from that: each line that is to be kept is put into the
// recorder's bounded queue under the lock, and is written in a batch a moment later.
// A reader of the history waits, without the lock, until the queue is written.
package ircd
