package irc

import (
	"strconv"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// MsgID names a message on the network, and orders it: a later one is greater. It
// holds the time in milliseconds since 1970 above a serial number.
type MsgID int64

const (
	msgIDBits = 20 // about a million messages in each millisecond
	// maxMsgTime is the last millisecond that fits, in the year 2248.
	maxMsgTime = 1<<(63-msgIDBits) - 1
	// lastMsgID is greater than all ids for a long time to come, with room to count
	// on.
	lastMsgID MsgID = 1 << 62
)

// FirstOf is the smallest id of a millisecond: ids from then on are not smaller.
func FirstOf(t time.Time) MsgID {
	return MsgID(max(0, min(t.UnixMilli(), maxMsgTime)) << msgIDBits)
}

// Next is the id of a message that comes at now after one with id prev. Ids grow even
// if the clock goes back a little. When prev lies further ahead, a clock was wrong, and ids
// begin again at now: in the upper half of the numbers, since those of the lower half may
// have been given out when it was this time before.
func (prev MsgID) Next(now time.Time) MsgID {
	if prev.ahead(now) {
		return FirstOf(now) + 1<<(msgIDBits-1)
	}
	return max(prev+1, FirstOf(now))
}

// ahead reports whether an id lies further ahead than a clock that is right can write one.
func (prev MsgID) ahead(now time.Time) bool { return prev >= FirstOf(core.Horizon(now, 0)) }

// Time is when the message was sent, to the millisecond.
func (id MsgID) Time() time.Time { return time.UnixMilli(int64(id) >> msgIDBits).UTC() }

// String is the id as clients see it.
func (id MsgID) String() string { return strconv.FormatInt(int64(id), 36) }

// ParseMsgID reads what String wrote.
func ParseMsgID(s string) (MsgID, bool) {
	id, err := strconv.ParseInt(s, 36, 64)
	return MsgID(id), err == nil && id > 0 && MsgID(id).String() == s
}

const (
	// ReplyTag is the client-only tag that names the message which another one answers
	// (IRCv3 draft/reply). What the site's bot answers in private reaches only the
	// connection that the question came from.
	ReplyTag = "+draft/reply"
	// SecureTag is the tag by which our network tells the site's bot that a message came
	// by TLS, or from this machine. Clients can't send it: their tags begin with "+".
	SecureTag = "caduceus.bio/secure"
)
