package hermes

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lrstanley/girc"
)

// handle is given every line from the server, one at a time. It must not wait.
func (s *session) handle(e girc.Event) {
	s.look(e)
	switch e.Command {
	case girc.CAP:
		s.onCap(e)
	case girc.AUTHENTICATE:
		s.onAuthenticate(e)
	case girc.RPL_SASLSUCCESS:
		if s.tries > 0 { // once logged in we may get it: some networks keep it for the account
			s.write("NICK", s.cfg.Nick)
		}
		s.write("CAP", "END")
	case girc.RPL_NICKLOCKED, girc.ERR_SASLFAIL, girc.ERR_SASLTOOLONG, girc.ERR_SASLABORTED, girc.RPL_SASLMECHS:
		s.fail("the server refuses the login: " + e.Last())
	case girc.ERR_NICKNAMEINUSE, girc.ERR_NICKCOLLISION, girc.ERR_UNAVAILRESOURCE, girc.ERR_ERRONEUSNICKNAME:
		s.onNickTaken(e)
	case girc.RPL_WELCOME:
		s.locked(func() {
			if len(e.Params) > 0 {
				s.nick = e.Params[0]
			}
		})
	case girc.RPL_ENDOFMOTD, girc.ERR_NOMOTD:
		s.onWelcomed()
	case girc.RPL_YOUREOPER:
		if s.foreign != nil {
			s.foreign.onOper()
		}
	case girc.ERR_PASSWDMISMATCH, girc.ERR_NOOPERHOST:
		s.fail("the server refuses a password: " + e.Last())
	case rplHostChanged:
		s.onHost(e)
	case girc.ERROR:
		s.fail("the server hangs up: " + e.Last())
	case girc.NICK, girc.JOIN, girc.PART, girc.KICK:
		s.onPresence(e)
	case girc.TOPIC, girc.RPL_TOPIC, girc.RPL_NOTOPIC, girc.RPL_ENDOFNAMES:
		s.onTopic(e)
	case "BATCH":
		s.onBatch(e)
	case girc.PRIVMSG:
		s.onMessage(e)
	}
	s.onAnswer(e)
}

// rplHostChanged is the numeric that tells us our host as others see it.
const rplHostChanged = "396"

// look learns from a line what the server says of itself and, on a foreign network, of
// others.
func (s *session) look(e girc.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts.take(e)
	if s.foreign != nil {
		s.foreign.look(e)
	}
}

// locked changes the state and wakes those who wait for a change.
func (s *session) locked(f func()) {
	func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		f()
	}()
	s.update()
}

// write sends a line of registration, unpaced.
func (s *session) write(command string, params ...string) {
	if err := s.wire.line(command, params...); err != nil {
		s.fail(err.Error())
	}
}

// fail ends the session. girc's handlers run while it holds no lock of ours.
func (s *session) fail(why string) { s.hangUp(errors.New(why)) }

func (s *session) onCap(e girc.Event) {
	if len(e.Params) < 3 {
		return
	}
	list := strings.Fields(e.Last())
	switch strings.ToUpper(e.Params[1]) {
	case "LS":
		for _, item := range list {
			name, _, _ := strings.Cut(item, "=")
			s.offered[name] = true
		}
		if e.Params[2] == "*" && len(e.Params) > 3 {
			return // more lines follow
		}
		var ask []string
		for _, name := range s.wantedCaps() {
			if s.offered[name] {
				ask = append(ask, name)
			}
		}
		if !s.offered["sasl"] && s.foreign == nil {
			s.fail("the server offers no SASL: there is no safe way to log in")
			return
		}
		if len(ask) == 0 {
			s.write("CAP", "END")
			return
		}
		s.write("CAP", "REQ", strings.Join(ask, " "))
	case "ACK":
		s.locked(func() {
			for _, name := range list {
				s.caps[strings.TrimPrefix(name, "-")] = !strings.HasPrefix(name, "-")
			}
		})
		switch {
		case s.has("sasl"):
			s.write("AUTHENTICATE", "PLAIN")
		case s.foreign != nil:
			s.write("CAP", "END")
		}
	case "NAK":
		s.fail("the server refuses the capabilities that it offered: " + e.Last())
	case "DEL":
		s.locked(func() {
			for _, name := range list {
				delete(s.caps, name)
			}
		})
	}
}

// wantedCaps lists the capabilities that are worth asking for.
func (s *session) wantedCaps() []string {
	if s.foreign != nil {
		return s.foreign.kind.caps()
	}
	return houseCaps()
}

func (s *session) has(capability string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.caps[capability]
}

// onAuthenticate answers with account and key, in pieces of 400 bytes.
func (s *session) onAuthenticate(e girc.Event) {
	plain := &girc.SASLPlain{User: s.cfg.Account, Pass: s.keys.account}
	text := plain.Encode(e.Params)
	if text == "" {
		s.fail("the server asks for more than SASL PLAIN")
		return
	}
	const piece = 400
	for len(text) >= piece {
		s.write("AUTHENTICATE", text[:piece])
		text = text[piece:]
	}
	if text == "" {
		text = "+"
	}
	s.write("AUTHENTICATE", text)
}

// onNickTaken takes another nick for the time being, so that we can stay and ask
// for our own again. Nothing is announced under another nick.
func (s *session) onNickTaken(e girc.Event) {
	s.mu.Lock()
	registered := s.registered
	s.tries++
	tries := s.tries
	s.mu.Unlock()
	if registered {
		return // the answer to tend's asking: it asks again
	}
	if tries > 5 {
		s.fail(fmt.Sprintf("%q and everything like it is taken: %s", s.cfg.Nick, e.Last()))
		return
	}
	other := s.cfg.Nick + strings.Repeat("_", tries)
	if s.foreign != nil && tries > 1 { // look-alikes, and more than 9 characters, may be forbidden
		other = "sitebot" + strconv.Itoa(tries)
	}
	s.log.Warn("our nick is taken; announces wait until it is ours", "nick", s.cfg.Nick, "meanwhile", other)
	s.write("NICK", other)
}

// onWelcomed goes on once the server has told everything about itself: on a foreign
// network we become operator first, since its channels may be closed otherwise.
func (s *session) onWelcomed() {
	s.mu.Lock()
	f, first := s.facts, !s.registered && !s.isOper()
	s.mu.Unlock()
	switch {
	case !first:
	case s.foreign != nil && f.version != "" && !s.foreign.kind.runs(f.version):
		s.fail(fmt.Sprintf("network = %q is for another server than %s", s.cfg.Network, f.version))
	case f.nickLen > 0 && len(s.cfg.Nick) > f.nickLen:
		s.fail(fmt.Sprintf("the nick %q is longer than the %d characters that the server allows", s.cfg.Nick, f.nickLen))
	case s.foreign != nil && s.foreign.doors.operKey != "":
		s.write(girc.OPER, s.cfg.OperName, s.foreign.doors.operKey)
	default:
		s.settle()
	}
}

// settle ends the registration and enters the channels.
func (s *session) settle() {
	first := false
	var channels []string
	s.locked(func() {
		first = !s.registered
		s.registered, s.since = true, time.Now()
		channels = s.missing()
	})
	if !first {
		return
	}
	for _, c := range channels {
		s.write("JOIN", c)
	}
}

// onHost keeps our own prefix up to date, which decides how long a line may be.
func (s *session) onHost(e girc.Event) {
	s.locked(func() {
		if before, _, ok := strings.Cut(s.prefix, "@"); ok && len(e.Params) >= 2 {
			_, host, whole := strings.Cut(e.Params[1], "@") // some tell user@host
			if !whole {
				host = e.Params[1]
			}
			s.prefix = before + "@" + host
		}
	})
}

// onPresence keeps track of our own nick and channels.
func (s *session) onPresence(e girc.Event) {
	if e.Source == nil || len(e.Params) == 0 {
		return
	}
	s.mu.Lock()
	mine := s.fold(e.Source.Name) == s.fold(s.nick)
	if e.Command == girc.KICK {
		mine = len(e.Params) > 1 && s.fold(e.Params[1]) == s.fold(s.nick)
	}
	s.mu.Unlock()
	if !mine {
		return
	}
	channel := s.fold(e.Params[0])
	var r *recall
	s.locked(func() {
		switch e.Command {
		case girc.NICK:
			s.nick = e.Params[0]
			_, rest, _ := strings.Cut(s.prefix, "!")
			s.prefix = s.nick + "!" + rest
		case girc.JOIN:
			s.joined[channel] = true
			s.prefix = e.Source.Name + "!" + e.Source.Ident + "@" + e.Source.Host
			if channel == s.fold(s.cfg.AnnounceChannel) {
				s.deadline.Stop()
				r = s.newRecall()
			}
		case girc.PART, girc.KICK:
			delete(s.joined, channel)
			delete(s.topics, channel)
		}
	})
	if r != nil {
		s.write("CHATHISTORY", "LATEST", e.Params[0], "*", strconv.Itoa(recallLines))
	}
}

func (s *session) onTopic(e girc.Event) {
	s.locked(func() {
		switch {
		case e.Command == girc.TOPIC && len(e.Params) >= 2:
			s.topics[s.fold(e.Params[0])] = e.Params[1]
			if s.foreign != nil {
				s.foreign.noteTopic(e)
			}
		case e.Command == girc.RPL_TOPIC && len(e.Params) >= 3:
			s.topics[s.fold(e.Params[1])] = e.Params[2]
		case e.Command == girc.RPL_NOTOPIC && len(e.Params) >= 2:
			s.topics[s.fold(e.Params[1])] = ""
		case e.Command == girc.RPL_ENDOFNAMES && len(e.Params) >= 2:
			// The topic comes before the names, when there is one.
			if _, known := s.topics[s.fold(e.Params[1])]; !known {
				s.topics[s.fold(e.Params[1])] = ""
			}
		}
	})
}
