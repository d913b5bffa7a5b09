package ircd

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/security"
)

// ways says by which command somebody proves who they are, for the security log.
var ways = map[string]string{
	"AUTHENTICATE": "SASL", "OPER": "OPER", "PRIVMSG": "IDENTIFY or ENTER", "NICKSERV": "IDENTIFY", "NS": "IDENTIFY",
	"NICK": "PASS", "USER": "PASS", "CAP": "PASS",
}

// origin is the context of what the request asks of the site: it tells the security
// log who comes from where.
func (r *request) origin() context.Context {
	o := security.Origin{Face: security.IRC, Address: r.s.from.Addr, Way: ways[r.msg.Command]}
	r.n.locked(func() {
		if ex := r.s.sasl.exchange; ex != nil && r.msg.Command == "AUTHENTICATE" {
			o.Way += " " + ex.name()
		}
	})
	return security.With(r.ctx, o)
}

// noteTry writes into the security log how a proof ended that the site has not judged.
func (r *request) noteTry(name string, right bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.origin()), queryTimeout)
	defer cancel()
	if err := r.n.members.NoteIRC(ctx, name, right); err != nil {
		r.n.log.Error("an IRC login is missing from the security log", "err", err)
	}
}
