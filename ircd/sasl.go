package ircd

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/ergochat/irc-go/ircutils"
	"github.com/xdg-go/scram"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/fair"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// saslState is where a client stands in AUTHENTICATE.
type saslState struct {
	exchange exchange // nil when none is under way
	buffer   *ircutils.SASLBuffer
	tries    int // wrong keys so far, by whatever way
}

// maxSASL bounds a decoded response: two names and a key.
const maxSASL = 1024

// exchange is one run of a mechanism. step takes a response and returns the next
// challenge, or nil once it is over: then the client is logged in, or the error says why
// not. It runs without the lock.
type exchange interface {
	step(r *request, response []byte) (challenge []byte, err error)
	// name is the mechanism's.
	name() string
}

// mechanism is one way to log in by SASL.
type mechanism struct {
	name    string
	offered func(s *session) bool
	begin   func() exchange
}

func mechanisms() []mechanism {
	always := func(*session) bool { return true }
	return []mechanism{
		{plainExchange{}.name(), always, func() exchange { return plainExchange{} }},
		{externalExchange{}.name(), func(s *session) bool { return s.from.Certificate != "" }, func() exchange { return externalExchange{} }},
		{(*scramExchange)(nil).name(), always, func() exchange { return &scramExchange{} }},
	}
}

// mechanismsFor lists the mechanisms by which a client can log in, as CAP LS and
// RPL_SASLMECHS show them.
func mechanismsFor(s *session) string {
	var names []string
	for _, m := range mechanisms() {
		if m.offered(s) {
			names = append(names, m.name)
		}
	}
	return strings.Join(names, ",")
}

// cmdAuthenticate is SASL, by the IRCv3 specifications sasl-3.1 and sasl-3.2. It may
// come at any time: a client that is logged in may log in to another account. Clients that
// never asked for the capability may log in, too, as simple ones do.
func cmdAuthenticate(r *request) {
	var ex exchange
	var response []byte
	r.locked(func() { ex, response = r.saslResponse() })
	if ex == nil {
		return
	}
	challenge, err := ex.step(r, response)
	r.locked(func() {
		switch s := &r.s.sasl; {
		case err != nil:
			s.exchange = nil
			r.reply(errSASLFail, "SASL authentication failed: "+core.SafeText(err))
			r.limitTries()
		case challenge != nil:
			for _, chunk := range ircutils.EncodeSASLResponse(challenge) {
				r.n.send(r.s, &line{command: "AUTHENTICATE", params: []string{chunk}, at: r.n.clock()})
			}
		default:
			s.exchange = nil
			r.reply(rplSASLSuccess, "SASL authentication successful")
		}
	})
	if err == nil && challenge == nil {
		r.settleIn()
	}
}

// saslResponse takes one AUTHENTICATE line, and returns the exchange and the
// response to it once that is complete.
func (r *request) saslResponse() (exchange, []byte) {
	s, arg := &r.s.sasl, r.param(0)
	switch {
	case arg == "*":
		if ex, ok := s.exchange.(*scramExchange); ok && ex.conversation != nil {
			s.tries++ // the exchange has cost us something
		}
		s.exchange = nil
		r.reply(errSASLAborted, "SASL authentication aborted")
		r.limitTries()
	case s.exchange == nil:
		r.saslBegin(arg)
	default:
		done, response, err := s.buffer.Add(arg)
		ex := s.exchange
		switch {
		case !done:
		case err == nil:
			return ex, response
		case errors.Is(err, ircutils.ErrSASLTooLong):
			s.exchange = nil
			r.reply(errSASLTooLong, "SASL message too long")
		case errors.Is(err, ircutils.ErrSASLLimitExceeded):
			s.exchange = nil
			r.reply(errSASLFail, "SASL authentication failed: the response is too long")
		default:
			s.exchange = nil
			r.reply(errSASLFail, "SASL authentication failed: the response is not base64")
		}
	}
	return nil, nil
}

// saslBegin starts an exchange by the mechanism that the client names.
func (r *request) saslBegin(name string) {
	for _, m := range mechanisms() {
		if strings.EqualFold(name, m.name) && m.offered(r.s) {
			r.s.sasl.exchange, r.s.sasl.buffer = m.begin(), ircutils.NewSASLBuffer(maxSASL)
			r.n.send(r.s, &line{command: "AUTHENTICATE", params: []string{"+"}, at: r.n.clock()})
			return
		}
	}
	r.reply(rplSASLMechs, mechanismsFor(r.s), "are available SASL mechanisms")
	r.reply(errSASLFail, "SASL authentication failed: there is no such mechanism for you")
}

// plainExchange is PLAIN (RFC 4616): site name and IRC key.
type plainExchange struct{}

func (plainExchange) name() string { return "PLAIN" }

func (plainExchange) step(r *request, response []byte) ([]byte, error) {
	name, key, ok := parsePlain(response)
	if !ok {
		return nil, core.Errorf(core.Invalid, "the response is not in the form of PLAIN")
	}
	return nil, r.login(name, key)
}

// parsePlain reads a response of PLAIN. Nobody may act for another, so the authorisation
// identity is empty or the name itself.
func parsePlain(b []byte) (name, key string, ok bool) {
	parts := bytes.Split(b, []byte{0})
	if len(parts) != 3 || len(parts[1]) == 0 {
		return "", "", false
	}
	if len(parts[0]) > 0 && !strings.EqualFold(string(parts[0]), string(parts[1])) {
		return "", "", false
	}
	return string(parts[1]), string(parts[2]), true
}

// externalExchange is EXTERNAL (RFC 4422, appendix A): the TLS certificate that the
// client showed. The response is empty or the name to act as.
type externalExchange struct{}

func (externalExchange) name() string { return "EXTERNAL" }

func (externalExchange) step(r *request, response []byte) ([]byte, error) {
	name := string(response)
	if name != "" && !isAccountName(name) {
		return nil, core.Errorf(core.Invalid, "nobody has such a name")
	}
	shown := ""
	r.locked(func() { shown = r.s.from.Certificate })
	return nil, r.loginProven(func(ctx context.Context) (member.Member, error) { return r.n.members.AuthCertificate(ctx, shown, name) })
}

// scramExchange is SCRAM-SHA-256 (RFC 7677), which shows the key to nobody, neither to us
// nor to anybody in between. It has no channel binding.
type scramExchange struct {
	conversation *scram.ServerConversation // nil until the client has sent its name
	verifier     member.IRCVerifier
	try          guess.Try
}

func (*scramExchange) name() string { return "SCRAM-SHA-256" }

func (x *scramExchange) step(r *request, response []byte) ([]byte, error) {
	switch {
	case x.conversation == nil:
		return x.first(r, string(response))
	case !x.conversation.Done():
		challenge := ""
		err := r.proven(x.try, func(context.Context) (bool, error) {
			var err error
			if challenge, err = x.conversation.Step(string(response)); err != nil || !x.conversation.Valid() {
				r.noteTry(x.verifier.Name, false)
				return false, core.Errorf(core.Forbidden, "name or IRC key is wrong")
			}
			return true, nil
		})
		return []byte(challenge), err
	default: // the client has seen that we know the key, too
		return nil, r.loginProven(func(ctx context.Context) (member.Member, error) { return r.n.members.AuthIRCVerified(ctx, x.verifier) })
	}
}

// first answers the client's name and nonce with a salt and a nonce of ours.
func (x *scramExchange) first(r *request, response string) ([]byte, error) {
	var failed error // of ours, not the client's
	server, err := scram.SHA256.NewServer(func(name string) (scram.StoredCredentials, error) {
		x.try = r.tryFor(name)
		if failed = r.mayTry(x.try); failed != nil {
			return scram.StoredCredentials{}, failed
		}
		ctx, cancel := context.WithTimeout(fair.With(r.ctx, guess.Source(x.try.Place)), queryTimeout)
		defer cancel()
		v, err := r.n.members.IRCVerifier(ctx, x.try.Account)
		if err != nil {
			failed = r.n.cantCheck(err)
			return scram.StoredCredentials{}, failed
		}
		x.verifier = v
		return scram.StoredCredentials{KeyFactors: scram.KeyFactors{Salt: v.Salt, Iters: v.Iterations}, StoredKey: v.StoredKey, ServerKey: v.ServerKey}, nil
	})
	if err != nil {
		return nil, core.Wrap(err, core.Internal, "something went wrong on our side")
	}
	c := server.NewConversation()
	challenge, err := c.Step(response)
	switch {
	case failed != nil:
		return nil, failed
	case err != nil:
		return nil, core.Errorf(core.Invalid, "the response is not in the form of SCRAM-SHA-256, or wants channel binding")
	case c.AuthzID() != "" && !strings.EqualFold(c.AuthzID(), c.Username()):
		return nil, core.Errorf(core.Invalid, "nobody may act for another")
	}
	x.conversation = c
	return []byte(challenge), nil
}
