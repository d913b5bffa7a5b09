package ircd

import (
	"context"
	"runtime/debug"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ergochat/irc-go/ircmsg"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// command is one row of the command table. admit checks its conditions before run is
// called.
type command struct {
	name  string
	min   int             // parameters
	early bool            // may come before registration
	once  bool            // may come only before registration
	need  core.Permission // that the member must have; "" for none
	oper  bool            // only for operators, see cmdOper
	// unlocked commands wait for the database, so they are called without the
	// lock and take it with request.locked. All others run under it.
	unlocked bool
	history  bool   // there is no such command where no history is kept
	usage    string // shown by HELP
	used     int    // how often it was, for STATS m
	run      func(r *request)
}

func commandTable() map[string]*command {
	list := []command{
		{name: "ACCEPT", min: 1, usage: "ACCEPT nick[,-nick]|*", run: cmdAccept},
		{name: "ADMIN", run: cmdAdmin},
		{name: "AUTHENTICATE", min: 1, early: true, unlocked: true, usage: "AUTHENTICATE mechanism, then response", run: cmdAuthenticate},
		{name: "AWAY", early: true, usage: "AWAY [text]", run: cmdAway},
		{name: "BATCH", min: 1, unlocked: true, usage: "BATCH +name draft/multiline target, BATCH -name", run: cmdBatch},
		{name: "CAP", min: 1, early: true, unlocked: true, usage: "CAP LS|LIST|REQ|END", run: cmdCap},
		{name: "CHATHISTORY", history: true, unlocked: true, usage: "CHATHISTORY LATEST|BEFORE|AFTER|AROUND|BETWEEN target reference… limit, CHATHISTORY TARGETS from to limit", run: cmdChathistory},
		{name: "CHGHOST", min: 1, oper: true, need: core.IRCOverride, unlocked: true, usage: "CHGHOST nick [host]", run: cmdChghost},
		{name: "DLINE", min: 2, oper: true, need: core.IRCAddress, unlocked: true, usage: "DLINE [30m|12h|3d|minutes] address[/bits] :reason", run: cmdLine(irc.DLine)},
		{name: "HELP", usage: "HELP [command]", run: cmdHelp},
		{name: "HELPOP", run: cmdHelp},
		{name: "HISTORY", min: 1, history: true, unlocked: true, usage: "HISTORY #channel [count]", run: cmdHistory},
		{name: "INFO", run: cmdInfo},
		{name: "INVITE", usage: "INVITE [nick #channel]", run: cmdInvite},
		{name: "ISON", min: 1, usage: "ISON nick…", run: cmdIson},
		{name: "JOIN", min: 1, unlocked: true, usage: "JOIN #channel[,#channel] [key]", run: cmdJoin},
		{name: "KICK", min: 2, usage: "KICK #channel nick [reason]", run: cmdKick},
		{name: "KILL", min: 1, oper: true, need: core.IRCRemove, unlocked: true, usage: "KILL nick :reason", run: cmdKill},
		{name: "KLINE", min: 2, oper: true, need: core.IRCRemove, unlocked: true, usage: "KLINE [30m|12h|3d|minutes] user@host :reason", run: cmdLine(irc.KLine)},
		{name: "LINKS", run: cmdLinks},
		{name: "LIST", usage: "LIST [#channel|mask|>n|<n|C>n|C<n|T>n|T<n]", run: cmdList},
		{name: "LUSERS", run: cmdLusers},
		{name: "MARKREAD", unlocked: true, usage: "MARKREAD target [timestamp=…]", run: cmdMarkread},
		{name: "MODE", min: 1, unlocked: true, usage: "MODE #channel|nick [modes]", run: cmdMode},
		{name: "MONITOR", min: 1, usage: "MONITOR +|- nick,nick or MONITOR C|L|S", run: cmdMonitor},
		{name: "MOTD", run: cmdMOTD},
		{name: "NAMES", usage: "NAMES #channel", run: cmdNames},
		{name: "NICK", early: true, unlocked: true, usage: "NICK name", run: cmdNick},
		{name: "NICKSERV", min: 1, unlocked: true, usage: "NICKSERV IDENTIFY name key", run: cmdNickServ},
		{name: "NOTICE", unlocked: true, usage: "NOTICE target :text", run: cmdNotice},
		{name: "NS", min: 1, unlocked: true, run: cmdNickServ},
		{name: "OPER", min: 2, unlocked: true, usage: "OPER name key", run: cmdOper},
		{name: "PART", min: 1, usage: "PART #channel [reason]", run: cmdPart},
		{name: "PASS", min: 1, early: true, once: true, usage: "PASS name:key", run: cmdPass},
		{name: "PING", early: true, run: cmdPing},
		{name: "PONG", early: true, run: func(*request) {}},
		{name: "PRIVMSG", unlocked: true, usage: "PRIVMSG target :text", run: cmdPrivmsg},
		{name: "QUIT", early: true, usage: "QUIT [reason]", run: cmdQuit},
		{name: "REDACT", min: 2, history: true, unlocked: true, usage: "REDACT target msgid [reason]", run: cmdRedact},
		{name: "REHASH", oper: true, need: core.IRCOverride, unlocked: true, usage: "REHASH", run: cmdRehash},
		{name: "SAJOIN", min: 1, oper: true, need: core.IRCOverride, unlocked: true, usage: "SAJOIN [nick] #channel[,#channel]", run: cmdSajoin},
		{name: "SAMODE", min: 2, oper: true, need: core.IRCOverride, unlocked: true, usage: "SAMODE #channel|nick modes", run: cmdSamode},
		{name: "SANICK", min: 2, oper: true, need: core.IRCOverride, unlocked: true, usage: "SANICK nick newnick", run: cmdSanick},
		{name: "SAPART", min: 2, oper: true, need: core.IRCOverride, unlocked: true, usage: "SAPART nick #channel[,#channel] [reason]", run: cmdSapart},
		{name: "SETNAME", min: 1, usage: "SETNAME :real name", run: cmdSetname},
		{name: "STATS", min: 1, usage: "STATS u|o, and for operators k|d|l|m", run: cmdStats},
		{name: "TAGMSG", min: 1, unlocked: true, run: cmdTagmsg},
		{name: "TIME", run: cmdTime},
		{name: "TOPIC", min: 1, unlocked: true, usage: "TOPIC #channel [text]", run: cmdTopic},
		{name: "TRACE", oper: true, usage: "TRACE [nick]", run: cmdTrace},
		{name: "UNDLINE", min: 1, oper: true, need: core.IRCAddress, unlocked: true, usage: "UNDLINE address[/bits]", run: cmdUnline(irc.DLine)},
		{name: "UNKLINE", min: 1, oper: true, need: core.IRCRemove, unlocked: true, usage: "UNKLINE user@host", run: cmdUnline(irc.KLine)},
		{name: "USER", min: 4, early: true, once: true, unlocked: true, run: cmdUser},
		{name: "USERHOST", min: 1, usage: "USERHOST nick…", run: cmdUserhost},
		{name: "VERSION", run: cmdVersion},
		{name: "WALLOPS", min: 1, oper: true, unlocked: true, usage: "WALLOPS :text", run: cmdWallops},
		{name: "WEBIRC", min: 4, early: true, once: true, run: cmdWebIRC},
		{name: "WHO", usage: "WHO nick|#channel|mask", run: cmdWho},
		{name: "WHOIS", usage: "WHOIS nick", run: cmdWhois},
		{name: "WHOWAS", usage: "WHOWAS nick", run: cmdWhowas},
	}
	table := make(map[string]*command, len(list))
	for i := range list {
		table[list[i].name] = &list[i]
	}
	return table
}

// request is one command that a client sent.
type request struct {
	ctx    context.Context
	n      *network
	s      *session
	msg    ircmsg.Message
	params []string
	label  string   // of labeled-response; "" without
	held   []*line  // the answers to a labelled request
	silent bool     // the answer comes with another request
	denied bool     // the command is for operators, and the asker may not give it
	forced []string // channels that an operator enters against their modes
}

// locked runs f under the network's lock on behalf of the request. It does
// nothing when the connection has ended meanwhile.
func (r *request) locked(f func()) {
	r.n.lockedFor(r, func() {
		if !r.s.gone {
			f()
		}
	})
}

// user is the asker. Call it under the lock.
func (r *request) user() *user { return r.s.user }

// param returns the i-th parameter, "" when there are fewer.
func (r *request) param(i int) string {
	if i < len(r.params) {
		return r.params[i]
	}
	return ""
}

// reply sends a numeric to the asker. Call it under the lock.
func (r *request) reply(code string, params ...string) { r.n.numeric(r.s, code, params...) }

// handle runs one line of a client and reports whether the connection goes on.
// A fault in a command ends only the connection that caused it.
func (n *network) handle(ctx context.Context, s *session, raw string) (alive bool) {
	defer func() {
		if v := recover(); v != nil {
			n.metrics.panics.Inc()
			n.log.Error("an IRC command panicked", "panic", v, "stack", string(debug.Stack()))
			n.locked(func() { n.drop(s, "Something went wrong on our side; it has been logged") })
			alive = false
		}
	}()
	r := &request{ctx: ctx, n: n, s: s}
	if !n.parse(r, raw) {
		return ctx.Err() == nil
	}
	if ok, ref := r.msg.GetTag("batch"); ok && s.compound != nil {
		r.locked(func() {
			r.collect(ref)
			r.silent = r.silent || len(r.held) == 0
			n.flush(r)
		})
		return ctx.Err() == nil
	}
	cmd := n.table[r.msg.Command]
	if cmd != nil && cmd.history && n.rec == nil {
		cmd = nil
	}
	if cmd == nil || !cmd.unlocked {
		r.locked(func() {
			if r.admit(cmd) {
				cmd.run(r)
			}
			n.flush(r)
		})
		n.replay(ctx, s)
		return ctx.Err() == nil
	}
	admitted := false
	r.locked(func() { admitted = r.admit(cmd) })
	if admitted {
		cmd.run(r)
	}
	if r.denied {
		r.noteDenied(strings.ToLower(cmd.name), "you are not an operator or may not do this")
	}
	r.locked(func() { n.flush(r) })
	n.replay(ctx, s)
	return ctx.Err() == nil
}

// parse reads the line into r. It answers a line that can't be read and reports false.
func (n *network) parse(r *request, raw string) bool {
	refuse := func(command string, params ...string) bool {
		r.locked(func() {
			if !r.s.has(capLabeledResponse) {
				r.label = ""
			}
			if command == "FAIL" {
				n.sendLine(r.s, command, params...)
			} else {
				n.numeric(r.s, command, params...)
			}
			n.flush(r)
		})
		return false
	}
	var err error
	r.msg, err = ircmsg.ParseLineStrict(raw, true, maxLine)
	// A client's own tags other than +… and label have no meaning.
	if ok, label := r.msg.GetTag("label"); ok && len(label) <= 64 && utf8.ValidString(label) {
		r.label = label
	}
	switch {
	case err == ircmsg.ErrorLineIsEmpty: //nolint:errorlint // these are values that are never wrapped
		return false
	case err == ircmsg.ErrorBodyTooLong || err == ircmsg.ErrorTagsTooLong: //nolint:errorlint // as above
		return refuse(errInputTooLong, "Input line was too long")
	case !utf8.ValidString(raw):
		name := "*"
		if n.table[r.msg.Command] != nil {
			name = r.msg.Command
		}
		return refuse("FAIL", name, "INVALID_UTF8", "Message rejected, it must be valid UTF-8")
	case err != nil:
		return refuse(errUnknown, "*", "The line holds characters that IRC doesn't allow")
	}
	r.params = r.msg.Params
	return true
}

// admit checks the conditions of the table, and answers when one isn't met.
func (r *request) admit(cmd *command) bool {
	if !r.s.has(capLabeledResponse) {
		r.label = ""
	}
	switch {
	case cmd == nil && !r.s.registered(), cmd != nil && !cmd.early && !r.s.registered():
		r.reply(errNotRegistered, "You have not registered")
	case cmd == nil:
		r.reply(errUnknownCommand, clip(r.msg.Command, 32), "Unknown command")
	case cmd.once && r.s.registered():
		r.reply(errAlreadyRegistered, "You may not reregister")
	case len(r.params) < cmd.min:
		r.reply(errNeedMoreParams, cmd.name, "Not enough parameters")
	case cmd.oper && !r.user().operator:
		r.denied = true
		r.reply(errNoPrivileges, "Permission denied: you're not an IRC operator")
	case cmd.oper && !r.user().may(cmd.need):
		r.denied = true
		r.reply(errNoPrivileges, "Permission denied: your class may not do this")
	case !cmd.oper && cmd.need != "" && !r.user().can(cmd.need):
		r.reply(errNoPrivileges, "Permission denied: your class may not do this")
	default:
		if cmd != nil {
			cmd.used++
		}
		return true
	}
	return false
}

// flush sends what was held for a labelled request: one line carries the label itself,
// several come as a batch, and where there is none an ACK carries the label.
func (n *network) flush(r *request) {
	if r.label == "" || r.s.gone {
		return
	}
	label, held, s := r.label, r.held, r.s
	r.label, r.held = "", nil
	switch {
	case len(held) == 0 && r.silent:
	case len(held) == 0:
		n.push(s, n.line("ACK").with(s.caps, "label", label))
	case len(held) == 1:
		n.push(s, held[0].with(s.caps, "label", label))
	case oneBatch(held):
		n.push(s, held[0].with(s.caps, "label", label))
		for _, l := range held[1:] {
			n.push(s, l.bytes(s.caps))
		}
	default:
		if !s.has(capBatch) {
			n.push(s, held[0].with(s.caps, "label", label))
			for _, l := range held[1:] {
				n.send(s, l)
			}
			return
		}
		n.serial++
		id := "r" + itoa(int(n.serial))
		n.push(s, n.line("BATCH", "+"+id, "labeled-response").with(s.caps, "label", label))
		for _, l := range held {
			if l.batch != "" || l.command == "BATCH" && l.params[0][0] == '-' {
				n.push(s, l.bytes(s.caps)) // of a batch within this one
			} else {
				n.push(s, l.with(s.caps, "batch", id))
			}
		}
		n.push(s, n.line("BATCH", "-"+id).bytes(s.caps))
	}
}

// oneBatch reports whether lines are one batch, which can carry a label itself.
func oneBatch(lines []*line) bool {
	first, last := lines[0], lines[len(lines)-1]
	return first.command == "BATCH" && last.command == "BATCH" && first.batch == "" && first.params[0][1:] == last.params[0][1:]
}

// clip cuts s to at most limit bytes without breaking a character.
func clip(s string, limit int) string { return ircmsg.TruncateUTF8Safe(s, limit) }

// targets splits a comma-separated list, leaving out what is empty or repeated.
func targets(list string) []string {
	var out []string
	for _, t := range strings.Split(list, ",") {
		if t != "" && !slices.ContainsFunc(out, func(o string) bool { return fold(o) == fold(t) }) {
			out = append(out, t)
		}
	}
	return out
}
