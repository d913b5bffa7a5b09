package ircd

import (
	"context"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Members is what the network asks of the site's accounts. A failure that is
// neither Forbidden nor NotFound means that nothing is known, and the network
// then lets nobody in.
type Members interface {
	// AuthIRC checks a name and IRC key: Forbidden when they are wrong, the
	// account is disabled (the text says why) or its class may not use IRC. A
	// member comes with the error only where the key is right.
	AuthIRC(ctx context.Context, name, ircKey string) (member.Member, error)
	// IRCVerifier returns what SCRAM needs to check the IRC key of a name, whether
	// anybody has the name or not.
	IRCVerifier(ctx context.Context, name string) (member.IRCVerifier, error)
	// AuthIRCVerified answers like AuthIRC for a client that has proved it has the key of v.
	AuthIRCVerified(ctx context.Context, v member.IRCVerifier) (member.Member, error)
	// AuthCertificate answers like AuthIRC for a client that has shown a TLS certificate:
	// with the member of that name or, without a name, with the only member who has
	// registered it.
	AuthCertificate(ctx context.Context, fingerprint, name string) (member.Member, error)
	// NoteIRC writes into the security log how a proof ended that the site has not judged,
	// as in the middle of SCRAM. The name may be anybody's or nobody's.
	NoteIRC(ctx context.Context, name string, right bool) error
	// ByID returns a member in any state, or NotFound.
	ByID(ctx context.Context, id core.MemberID) (member.Member, error)
	// ByName returns a member in any state by name in any case, or NotFound.
	ByName(ctx context.Context, name string) (member.Member, error)
	// ByNick returns a member in any state by name or registered nick in any case, or
	// NotFound.
	ByNick(ctx context.Context, nick string) (member.Member, error)
	// WhoseSecrets returns whose keys are among some strings of the shape of keys that
	// somebody said; speaker is 0 for a guest.
	WhoseSecrets(ctx context.Context, suspects []string, speaker core.MemberID) ([]member.Shown, error)
	// NoteShown writes down that somebody's key was said where others read it, or was to be.
	// nick is the owner's, "" if it was said by somebody else.
	NoteShown(ctx context.Context, f member.Shown, nick, where string, reached bool) error
}

// Guard slows down those who guess secrets; *guess.Guard is one. It shares its counts
// with the site: a client that has guessed here must wait there, too.
type Guard interface {
	// Wait returns how long one must wait before a try, and counts nothing.
	Wait(ctx context.Context, t guess.Try) (time.Duration, error)
	// Prove runs check, which says whether a secret is right, unless there were too many
	// tries: the error is then a *guess.Limited, and otherwise that of check. The try is
	// counted before, and given back if the secret was right or nobody could look.
	Prove(ctx context.Context, t guess.Try, check func(ctx context.Context) (right bool, err error)) error
}

// EventLog delivers what changes on the site; *eventlog.Log is one.
type EventLog interface {
	// Last returns the id of the newest event.
	Last(ctx context.Context) (int64, error)
	// Cursor returns the id of the last event that the consumer has handled, 0 when it
	// never ran.
	Cursor(ctx context.Context, consumer string) (int64, error)
	// Read returns up to limit events after the given id, in order.
	Read(ctx context.Context, after int64, limit int) ([]eventlog.Event, error)
	// Advance records that the consumer needs nothing up to pos.
	Advance(ctx context.Context, consumer string, pos int64) error
	// ConsumeFrom hands c the events after pos until ctx ends.
	ConsumeFrom(ctx context.Context, pos int64, c eventlog.Consumer) error
}

// ChannelStore keeps the channels of the site; *irc.Store is one.
type ChannelStore interface {
	// Seed writes the first channels where there are none.
	Seed(ctx context.Context) error
	// Channels returns all channels in their order.
	Channels(ctx context.Context) ([]irc.Channel, error)
	// Channel returns a channel by name in any case, or NotFound.
	Channel(ctx context.Context, name string) (irc.Channel, error)
	// SetCertificate keeps the fingerprint of a certificate that nobody else has signed.
	SetCertificate(ctx context.Context, fingerprint string) error
	// Masks returns the lists of all channels, or of one by name.
	Masks(ctx context.Context, channel string) ([]irc.Mask, error)
	// Lines returns the lines that keep people from the network.
	Lines(ctx context.Context) ([]irc.Line, error)
	// AddLine adds a line, in place of one with the same mask.
	AddLine(ctx context.Context, l irc.Line) error
	// RemoveLine removes the line with a mask and returns it, or NotFound; by is who does.
	RemoveLine(ctx context.Context, kind irc.LineKind, mask, by string) (irc.Line, error)
	// SaveTopic keeps a topic with the nick that set it.
	SaveTopic(ctx context.Context, channel, topic, by string, at time.Time) error
	// SaveModes keeps a channel's modes, in the form of MODE's parameters, and the
	// changes of its lists, together.
	SaveModes(ctx context.Context, channel, modes string, masks ...irc.MaskChange) error
}

// queryTimeout bounds each question to the database.
const queryTimeout = 5 * time.Second
