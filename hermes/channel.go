package hermes

import (
	"context"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Channels are the site's channels as staff set them up; *irc.Store keeps them. The bot
// looks after them where the server doesn't.
type Channels interface {
	// Channels returns all channels in their order.
	Channels(ctx context.Context) ([]irc.Channel, error)
	// SaveTopic keeps a topic with the nick that set it, or says NotFound.
	SaveTopic(ctx context.Context, channel, topic, by string, at time.Time) error
}

// Channel is a channel of the site, and what follows from it on another network.
type Channel irc.Channel

// channelFlags are the modes of a channel that are on or off and kept.
const channelFlags = "imnstu"

// admits reports whether the channel is open to a member.
func (c Channel) admits(m *member.Member) bool {
	return m.Can(core.IRCConnect) && m.Can(c.Join) && c.JoinClass.Allows(m.Class.Level, m.SecondaryIDs()...)
}

// restricted reports whether only some may speak, hears whether m is one of them.
func (c Channel) restricted() bool { return c.Speak != "" || c.SpeakClass.ID != 0 }
func (c Channel) hears(m *member.Member) bool {
	return m.Can(c.Speak) && c.SpeakClass.Allows(m.Class.Level, m.SecondaryIDs()...)
}

// statusOf is the status that the site's rights give in a channel: o, v or none. Where only
// some may speak, others get no status that would let them.
func (c Channel) statusOf(m *member.Member) string {
	switch {
	case !c.hears(m):
		return ""
	case m.Can(core.IRCOperate):
		return "o"
	case m.Can(core.IRCVoice), c.restricted():
		return "v"
	}
	return ""
}

// topicFor is the topic that the channel should have instead of has, without our own part
// of it.
func (c Channel) topicFor(has string, limit int) (want string, differs bool) {
	want, bare := c.Purpose, withSegment(has, "", limit)
	if !c.TopicAt.IsZero() {
		want = c.Topic
	} else if bare != "" {
		return "", false
	}
	want = text.Cut(withSegment(want, "", limit), limit)
	return want, want != bare
}

// modeChanges lists the changes that give a channel the modes that it should have, its own
// and extra ones, as far as the server has them.
func (c Channel) modeChanges(f *facts, extra string, have map[byte]string) [][]string {
	want := map[byte]string{}
	for _, m := range f.changes(strings.Fields(c.Modes)) {
		want[m.letter] = m.arg
	}
	for _, letter := range []byte(extra) {
		want[letter] = ""
	}
	plus, minus := "", ""
	var args []string
	var out [][]string
	for _, letter := range []byte(channelFlags + "klP") {
		value, wanted := want[letter]
		old, there := have[letter]
		switch {
		case !f.offers(letter):
		case wanted && (!there || old != value && old != ""): // a key may be hidden from us
			plus += string(rune(letter))
			if value != "" {
				args = append(args, value)
			}
		case !wanted && there && letter == 'k': // has a parameter also then
			out = append(out, []string{"-k", old})
		case !wanted && there && letter != 'P':
			minus += string(rune(letter))
		}
	}
	if plus != "" {
		out = append(out, append([]string{"+" + plus}, args...))
	}
	if minus != "" {
		out = append(out, []string{"-" + minus})
	}
	return out
}
