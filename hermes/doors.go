package hermes

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// doorCursor is the name of the consumer that keeps people's rights on a foreign network
// up to date.
const doorCursor = "hermes:doors"

const (
	lookEvery  = 5 * time.Second
	lookSoon   = 50 * time.Millisecond // changes come in flocks
	againAfter = 10 * time.Second      // before the server is asked again for something that it didn't do
	queryLimit = 5 * time.Second
	maxTopics  = 500 // topics that wait to be kept
)

// doors keeps a foreign network as the site wants it: the channels with their modes and
// topics, and in each of them only people who may enter it. On our own network the server
// does that, and there are none.
//
// It compares the network as it is with the network as it should be, whatever happened in
// between. So it mends a netsplit, a restart of the server or of the bot, and a change on
// the site all in the same way.
type doors struct {
	cfg     Config
	deps    Deps
	kind    kind
	operKey string // the operator's password; "" for none
	link    *link
	wake    chan struct{}
	from    int64 // the event before the first that matters

	mu   sync.Mutex
	kept []Channel  // never changed, only replaced
	set  []setTopic // topics that people set, to be kept
}

func newDoors(c Config, d Deps) *doors {
	return &doors{cfg: c, deps: d, kind: kinds[c.Network], wake: make(chan struct{}, 1)}
}

// now returns the session, nil when there is none.
func (d *doors) now() *foreign {
	if s, _ := d.link.now(); s != nil {
		return s.foreign
	}
	return nil
}

// begin notes the place in the event log from which events matter to this run. It comes
// before the first connection, which reads the channels and asks who is there, so that no
// change is missed, not even at the first start.
func (d *doors) begin(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	if d.from, err = d.deps.Events.Last(ctx); err != nil {
		return fmt.Errorf("look up the newest event: %w", err)
	}
	return nil
}

// nudge makes run look soon.
func (d *doors) nudge() {
	select {
	case d.wake <- struct{}{}:
	default: // it is coming anyway
	}
}

// channels returns the channels as last read.
func (d *doors) channels() []Channel {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kept
}

// load reads the channels of the site: for each connection, and when they change.
func (d *doors) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	list, err := d.deps.Channels.Channels(ctx)
	if err != nil {
		return err
	}
	kept := make([]Channel, len(list))
	for i, c := range list {
		kept[i] = Channel(c)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kept = kept
	return nil
}

// run sends what is to be sent until ctx ends.
func (d *doors) run(ctx context.Context) error {
	for ctx.Err() == nil {
		d.saveTopics(ctx)
		if s := d.now(); s != nil {
			for _, l := range s.chores(d.channels()) {
				if s.outbox.send(ctx, chores, s.gone, l[0], l[1:]...) != nil {
					break // the connection ends, or we do
				}
			}
		}
		t := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
		case <-d.wake:
			core.Sleep(ctx, lookSoon)
		case <-t.C:
		}
		t.Stop()
	}
	return nil
}

// follow keeps the channels and the rights of people up to date by the event log.
func (d *doors) follow(ctx context.Context) error {
	return d.deps.Events.ConsumeFrom(ctx, d.from, d.consumer())
}

// news is what a batch of events says to read again.
type news struct {
	members             map[core.MemberID]bool
	keys                map[core.MemberID]bool // whose IRC key is another one
	everybody, channels bool
}

func newNews() news { return news{members: map[core.MemberID]bool{}, keys: map[core.MemberID]bool{}} }

func (d *doors) consumer() eventlog.Consumer {
	n := newNews()
	return eventlog.Consumer{
		Name: doorCursor, Log: d.deps.Log,
		Handlers: []eventlog.Handler{
			eventlog.Note(func(e eventlog.MemberChanged) { n.members[e.Member] = true }),
			eventlog.Note(func(e eventlog.IRCKeyChanged) { n.keys[e.Member] = true }),
			eventlog.Note(func(eventlog.ClassChanged) { n.everybody = true }),
			eventlog.Note(func(eventlog.IRCChannelChanged) { n.channels = true }),
		},
		Missed: func(eventlog.Event, error) { n.everybody = true }, // it may be about anybody
		Flush: func(ctx context.Context, _ int64) error {
			noted := n
			n = newNews()
			return d.apply(ctx, noted)
		},
	}
}

func (d *doors) apply(ctx context.Context, n news) error {
	if n.channels || n.everybody { // the classes that they ask for may have changed
		if err := d.load(ctx); err != nil {
			return err // the events come again
		}
		d.nudge()
	}
	s := d.now()
	if s == nil {
		return nil
	}
	for id := range n.keys {
		s.estrange(id)
		d.nudge()
	}
	for _, id := range s.membersHere() {
		if n.everybody || n.members[id] {
			if err := d.reread(ctx, s, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// reread reads a member again and gives everybody who is that member what the site now
// says. If the site doesn't know the member, or can't tell, they become strangers.
func (d *doors) reread(ctx context.Context, s *foreign, id core.MemberID) error {
	query, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	m, err := d.deps.Members.ByID(query, id)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil && core.CodeOf(err) != core.NotFound {
		d.deps.Log.Error("a member can't be read and is a stranger on IRC now", "member", id, "err", err)
	}
	s.refresh(id, m, err == nil, d.channels())
	d.nudge()
	return nil
}

// setTopic is a topic that somebody set.
type setTopic struct {
	channel, topic, by string
	at                 time.Time
}

// keepTopic queues a topic to be kept, so that it comes back after a restart of the
// network. It never waits.
func (d *doors) keepTopic(t setTopic) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.set) < maxTopics {
		d.set = append(d.set, t)
	}
}

// topicWaits reports whether a topic of the channel waits to be kept.
func (d *doors) topicWaits(channel string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.set, func(t setTopic) bool { return text.FoldASCII(t.channel) == text.FoldASCII(channel) })
}

// saveTopics keeps the topics that were set. What can't be kept now is tried again later.
func (d *doors) saveTopics(ctx context.Context) {
	d.mu.Lock()
	waiting := slices.Clone(d.set)
	d.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	for _, t := range waiting {
		err := d.deps.Channels.SaveTopic(ctx, t.channel, t.topic, t.by, t.at)
		if err != nil && core.CodeOf(err) != core.NotFound { // a channel that isn't kept
			d.deps.Log.Warn("a topic is not kept yet", "channel", t.channel, "err", err)
			return
		}
	}
	if err := d.load(ctx); err != nil {
		d.deps.Log.Warn("the channels can't be read", "err", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.set = d.set[len(waiting):]
}

// mayBeHere says why a member must leave the network, "" when they may stay.
func mayBeHere(m *member.Member) string {
	return strings.TrimSuffix(core.Sentence(m.MayIRC()), ".")
}

// login checks name and key for somebody at host, within the limits on guessing. The
// error is safe to show.
func (d *doors) login(ctx context.Context, host, name, key string) (member.Member, error) {
	const cant = "I can't look up your account now; try again in a minute"
	try, from := guess.Try{Place: host, Account: name}, security.Origin{Face: security.Bot, Host: host}
	if addr, err := netip.ParseAddr(host); err == nil {
		try.Place, from.Address = guess.Place(addr), addr
	}
	var m member.Member
	err := d.deps.Guard.Prove(security.With(ctx, from), try, func(ctx context.Context) (right bool, err error) {
		ctx, cancel := context.WithTimeout(ctx, queryLimit)
		defer cancel()
		m, err = d.deps.Members.AuthIRC(ctx, name, key)
		return m.ID != 0, err
	})
	switch code := core.CodeOf(err); code {
	case "", core.Forbidden, core.Unavailable:
		return m, err
	default:
		return m, core.Wrap(err, core.Unavailable, cant)
	}
}

// sameKey makes sure that a key is still the member's: it may have been replaced since it
// was checked, and the event may have come before we knew whom it concerns.
func (d *doors) sameKey(ctx context.Context, id core.MemberID, key string) error {
	ctx, cancel := context.WithTimeout(ctx, queryLimit)
	defer cancel()
	now, err := d.deps.Members.IRCKey(ctx, id)
	switch {
	case err != nil:
		return core.Wrap(err, core.Unavailable, "I can't look up your account now; try again in a minute")
	case !secret.Equal([]byte(now), []byte(key)):
		return core.Errorf(core.Forbidden, "name or IRC key is wrong")
	}
	return nil
}

// kill ends somebody's connection if we are an operator, and otherwise removes them and
// their host from the channels that we share.
func (f *foreign) kill(p *person, reason string) []line {
	if f.oper {
		return []line{{girc.KILL, p.nick, reason}}
	}
	var out []line
	_, host, _ := strings.Cut(p.mask, "@")
	for channel := range p.channels {
		if host != "" {
			out = append(out, line{girc.MODE, channel, "+b", "*!*@" + host})
		}
		out = append(out, line{girc.KICK, channel, p.nick, reason})
	}
	return out
}
