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
	switch e.Command {
	case girc.CAP:
		s.onCap(e)
	case girc.AUTHENTICATE:
		s.onAuthenticate(e)
	case girc.RPL_SASLSUCCESS:
		if s.tries > 0 { // logged in we may have it: some networks keep it for the account
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

// wanted are the capabilities that we use when the server has them.
var wanted = []string{"sasl", "account-tag", "echo-message", "server-time", "message-tags", "batch", "draft/chathistory"}

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
		for _, name := range wanted {
			if s.offered[name] {
				ask = append(ask, name)
			}
		}
		if !s.offered["sasl"] {
			s.fail("the server offers no SASL: there is no safe way to log in")
			return
		}
		s.write("CAP", "REQ", strings.Join(ask, " "))
	case "ACK":
		s.locked(func() {
			for _, name := range list {
				s.caps[strings.TrimPrefix(name, "-")] = !strings.HasPrefix(name, "-")
			}
		})
		if s.has("sasl") {
			s.write("AUTHENTICATE", "PLAIN")
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

func (s *session) has(capability string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.caps[capability]
}

// onAuthenticate answers with account and key, in pieces of 400 bytes.
func (s *session) onAuthenticate(e girc.Event) {
	plain := &girc.SASLPlain{User: s.cfg.Account, Pass: s.key}
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
func (s *session) onNickTaken(girc.Event) {
	s.mu.Lock()
	registered := s.registered
	s.tries++
	tries := s.tries
	s.mu.Unlock()
	if registered {
		return // the answer to tend's asking: it asks again
	}
	if tries > 5 {
		s.fail(fmt.Sprintf("%q and everything like it is taken", s.cfg.Nick))
		return
	}
	other := s.cfg.Nick + strings.Repeat("_", tries)
	s.log.Warn("our nick is taken; announces wait until it is ours", "nick", s.cfg.Nick, "meanwhile", other)
	s.write("NICK", other)
}

func (s *session) onWelcomed() {
	first := false
	s.locked(func() {
		first = !s.registered
		s.registered, s.since = true, time.Now()
	})
	if !first {
		return
	}
	for _, c := range s.cfg.channels() {
		s.write("JOIN", c)
	}
}

// onPresence keeps track of our own nick and channels.
func (s *session) onPresence(e girc.Event) {
	if e.Source == nil || len(e.Params) == 0 {
		return
	}
	s.mu.Lock()
	mine := fold(e.Source.Name) == fold(s.nick)
	if e.Command == girc.KICK {
		mine = len(e.Params) > 1 && fold(e.Params[1]) == fold(s.nick)
	}
	s.mu.Unlock()
	if !mine {
		return
	}
	channel := fold(e.Params[0])
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
			if channel == fold(s.cfg.AnnounceChannel) {
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
			s.topics[fold(e.Params[0])] = e.Params[1]
		case e.Command == girc.RPL_TOPIC && len(e.Params) >= 3:
			s.topics[fold(e.Params[1])] = e.Params[2]
		case e.Command == girc.RPL_NOTOPIC && len(e.Params) >= 2:
			s.topics[fold(e.Params[1])] = ""
		case e.Command == girc.RPL_ENDOFNAMES && len(e.Params) >= 2:
			// The topic comes before the names, when there is one.
			if _, known := s.topics[fold(e.Params[1])]; !known {
				s.topics[fold(e.Params[1])] = ""
			}
		}
	})
}

// onMessage passes on what people say to us. Our own lines come back with
// echo-message, and old ones with the history; neither is meant for us.
func (s *session) onMessage(e girc.Event) {
	if e.Source == nil || len(e.Params) < 2 || e.Source.Name == "" {
		return
	}
	s.mu.Lock()
	mine := fold(e.Source.Name) == fold(s.nick)
	account := s.account(e)
	nick := s.nick
	s.mu.Unlock()
	if batch, ok := e.Tags.Get("batch"); ok && s.onHistory(batch, e) || mine {
		return
	}
	s.receive(message{
		nick: e.Source.Name, account: account, target: e.Params[0], text: e.Params[1],
		private: fold(e.Params[0]) == fold(nick),
	})
}

// account tells who speaks: the services account, by the server's word, or "".
// It is the seam for networks that tell it in another way. Hold mu.
func (s *session) account(e girc.Event) string {
	if !s.caps["account-tag"] {
		return ""
	}
	account, _ := e.Tags.Get("account")
	return account
}
