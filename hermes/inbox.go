package hermes

import (
	"cmp"
	"context"
	"hash/maphash"
	"regexp"
	"strings"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

// message is a line that somebody said where we hear it.
type message struct {
	nick     string
	host     string
	account  string        // "" for somebody who isn't known as a member
	member   core.MemberID // of the account, where the bot itself knows it
	ticket   *ticket       // on a foreign network: of members, and of those who tell name and key
	entry    irc.Entry
	target   string // a channel, or our own nick
	text     string
	private  bool
	suspects []string // what in it may be a key; then it is no command
	id       string   // msgid, to say in private what it answers; "" where the server gives none
	secure   bool     // the server says that the connection it came by is encrypted, or on its own machine
}

const (
	workers      = 4
	waitingLimit = 32  // messages that wait for a worker; more are dropped
	replyLine    = 400 // bytes of one line
	publicLines  = 5   // longer answers go to the asker alone

	mark = "!" // begins a command in a channel, where other bots listen as well
)

// inbox hands what people say to workers. All that one person says goes to the same
// worker, so that the answers keep their order.
type inbox struct {
	cfg     Config
	deps    Deps
	metrics *metrics
	seed    maphash.Seed
	offers  *offers
	workers []*worker
	porters []*porter
}

// worker answers commands, one after the other.
type worker struct {
	*inbox
	queue   chan message
	limit   *rates.Limit
	lookups *rates.Limit
}

func newInbox(c Config, d Deps, m *metrics, doors *doors) *inbox {
	in := &inbox{cfg: c, deps: d, metrics: m, seed: maphash.MakeSeed(), offers: newOffers(d.Clock)}
	lookups := d.Rates.Limit("keys said on IRC", shownRate)
	commands := d.Rates.Limit("commands on IRC", commandRate)
	entries := d.Rates.Limit("entries on IRC", commandRate)
	for range workers {
		in.workers = append(in.workers, &worker{inbox: in, queue: make(chan message, waitingLimit), limit: commands, lookups: lookups})
	}
	for range porters {
		in.porters = append(in.porters, &porter{inbox: in, doors: doors, queue: make(chan message, porterLimit), limit: entries})
	}
	return in
}

// onMessage passes on what people say to us. Our own lines come back with
// echo-message, and old ones with the history; neither is meant for us.
func (s *session) onMessage(e girc.Event) {
	if e.Source == nil || len(e.Params) < 2 || e.Source.Name == "" {
		return
	}
	s.mu.Lock()
	mine := s.fold(e.Source.Name) == s.fold(s.nick)
	m := message{nick: e.Source.Name, host: e.Source.Host, target: s.spelled(e.Params[0]), text: e.Params[1],
		private: s.fold(e.Params[0]) == s.fold(s.nick)}
	if !mine {
		s.identify(&m, e)
	}
	s.mu.Unlock()
	if batch, ok := e.Tags.Get("batch"); ok && s.onHistory(batch, e) || mine {
		return
	}
	s.receive(m)
}

// spelled returns a channel as the configuration spells it. Hold mu.
func (s *session) spelled(target string) string {
	for _, c := range s.cfg.channels() {
		if s.fold(c) == s.fold(target) {
			return c
		}
	}
	return target
}

// identify tells who speaks: by the server's word, where it knows the site's accounts,
// and else by what they proved to us. Hold mu.
func (s *session) identify(m *message, e girc.Event) {
	if s.foreign != nil {
		s.foreign.identify(m, e)
		return
	}
	if s.caps["account-tag"] {
		m.account, _ = e.Tags.Get("account")
	}
	if id, _ := e.Tags.Get("msgid"); s.caps["message-tags"] && plainID.MatchString(id) {
		m.id = id
		_, m.secure = e.Tags.Get(irc.SecureTag)
	}
}

// plainID are the ids of messages that need no escaping in a tag.
var plainID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// put takes a message in if it is meant for us. It never waits.
func (in *inbox) put(m message) {
	if suspects := in.suspectsIn(m); len(suspects) > 0 {
		held := m
		held.text, held.suspects = "", suspects
		in.queue(held)
	}
	if in.putEntry(m) {
		return
	}
	line, ok := in.addressed(m)
	if !ok {
		return
	}
	m.text = line
	in.queue(m)
}

// queue hands a message to its worker, if that has room for it.
func (in *inbox) queue(m message) {
	// Guests share one worker and one allowance: they can change names.
	i := int(maphash.String(in.seed, text.FoldASCII(m.account)) % workers)
	select {
	case in.workers[i].queue <- m:
	default:
		in.metrics.commands.WithLabelValues("dropped").Inc()
		in.deps.Log.Warn("a command was dropped: too many wait")
	}
}

// putEntry takes a message that may hold a key, before anything else sees it.
func (in *inbox) putEntry(m message) bool {
	line, marked := strings.CutPrefix(text.Clean(stripFormat(m.text)), mark)
	e, mine := irc.ParseEntry(line)
	if !mine || strings.HasPrefix(m.text, "\x01") || !m.private && (!marked || e.Name == "") {
		return false
	}
	m.entry, m.text = e, ""
	i := int(maphash.String(in.seed, m.host) % porters)
	select {
	case in.porters[i].queue <- m:
	default:
		in.metrics.commands.WithLabelValues("dropped").Inc()
		in.deps.Log.Warn("somebody's name and key were dropped: too many wait")
	}
	return true
}

// addressed returns the command in a message: in private any text, in a channel
// what begins with "!" and is one of ours, since other bots answer there too.
func (in *inbox) addressed(m message) (string, bool) {
	if strings.HasPrefix(m.text, "\x01") {
		return "", false // CTCP
	}
	line, marked := strings.CutPrefix(text.Clean(stripFormat(m.text)), mark)
	if m.private {
		return line, line != ""
	}
	return line, marked && in.deps.Commands.Knows(line)
}

// stripFormat removes the codes of mIRC formatting, with the digits of colours.
func stripFormat(s string) string { return girc.StripRaw(s) }

func (w *worker) run(ctx context.Context, l *link) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case m := <-w.queue:
			if len(m.suspects) > 0 {
				w.lookUp(ctx, l, m)
				continue
			}
			w.answer(ctx, l, m)
		}
	}
}

// answer runs one command and sends what comes of it.
func (w *worker) answer(ctx context.Context, l *link, m message) {
	if wait, first := w.limit.Take(asker(m.account)); wait > 0 {
		w.metrics.commands.WithLabelValues("limited").Inc()
		if first {
			w.send(ctx, l, m, m.nick, tooFast)
		}
		return
	}
	reply, err := w.execute(ctx, m)
	if err != nil {
		w.metrics.commands.WithLabelValues(string(core.CodeOf(err))).Inc()
		if core.CodeOf(err) == core.Internal {
			w.deps.Log.Error("a command failed", "via", audit.ViaIRC, "err", err)
		}
		reply = command.Answer{Lines: []string{core.SafeText(err)}}
	} else {
		w.metrics.commands.WithLabelValues("ok").Inc()
	}
	for _, line := range w.address(m, reply) {
		if line.to == m.nick && m.ticket != nil && !m.ticket.holds() {
			return // it was for a member; somebody else may have the nick now
		}
		if !w.send(ctx, l, m, line.to, line.text) {
			return
		}
	}
}

// execute runs the command with the rights that the account has at this moment. If they
// can't be read, nothing is done.
func (w *worker) execute(ctx context.Context, m message) (command.Answer, error) {
	actor, line, stranger := command.Guest(m.nick, audit.ViaIRC), m.text, false
	if m.account != "" {
		who, err := w.who(ctx, m)
		switch core.CodeOf(err) {
		case "":
			actor = command.Of(who, audit.ViaIRC)
			if m.private {
				line = cmp.Or(w.offers.accept(who.ID, line), line)
			}
		case core.NotFound:
			stranger = true // and as much a guest as anybody without an account
		default:
			return command.Answer{}, core.Wrap(err, core.Unavailable, "I can't look up your account now; try again in a minute")
		}
	}
	req := command.Request{Actor: actor, Line: line, Place: w.place(m), Exposed: !m.secure}
	if !m.private {
		req.Prefix = mark
	}
	a, err := w.deps.Commands.Execute(ctx, req)
	if stranger && core.CodeOf(err) == core.Forbidden {
		err = core.Errorf(core.Forbidden, "your IRC account %s is no account of the site", m.account)
	}
	return a, err
}

// who reads the member that speaks.
func (w *worker) who(ctx context.Context, m message) (member.Member, error) {
	if m.member != 0 {
		return w.deps.Members.ByID(ctx, m.member)
	}
	return w.deps.Members.ByName(ctx, m.account)
}

// place says who can read the answer.
func (in *inbox) place(m message) command.Place {
	switch target := text.FoldASCII(m.target); {
	case m.private:
		return command.Private
	case target == text.FoldASCII(in.cfg.StaffChannel), target == text.FoldASCII(in.cfg.DebugChannel):
		return command.Staff
	default:
		return command.Channel
	}
}

type addressedLine struct{ to, text string }

// address decides which line goes where.
func (in *inbox) address(m message, r command.Answer) []addressedLine {
	var out []addressedLine
	lines, private := r.Lines, r.Private
	if !m.private && len(lines) > publicLines {
		private = append(append([]string{}, lines...), private...)
		lines = []string{"The answer is long, so it went to you in private."}
	}
	to := m.target
	if m.private {
		to = m.nick
	}
	for i, text := range lines {
		if i == 0 && !m.private {
			text = m.nick + ": " + text
		}
		out = append(out, addressedLine{to, text})
	}
	for _, text := range private {
		out = append(out, addressedLine{m.nick, text})
	}
	return out
}

// send says one line in answer to m, and reports whether that is still possible. Answers are
// not kept when the connection is lost: the asker can ask again. In private it names what
// it answers, by which our network knows the one connection of the member that asked: a bot
// or a bouncer that is logged in as the same member doesn't get it.
func (in *inbox) send(ctx context.Context, l *link, m message, to, line string) bool {
	s, _ := l.now()
	if s == nil {
		return false
	}
	line = text.Cut(text.Clean(line), min(replyLine, maxMessage-s.overhead(to)))
	if line == "" {
		return true
	}
	out := outgoing{command: girc.PRIVMSG, params: []string{to, line}}
	if to == m.nick {
		out.reply = m.id
	}
	if err := s.outbox.put(ctx, replies, s.gone, out); err != nil {
		in.deps.Log.Warn("an answer got lost", "err", err)
		return false
	}
	return true
}
