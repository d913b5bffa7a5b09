package ircd

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// cmdWebIRC is WEBIRC (IRCv3): before anything else, a trusted gateway names the client of
// the connection. The host name that it sends isn't used. Anybody else is turned away, as
// the specification wants: otherwise the client would be taken for the gateway.
func cmdWebIRC(r *request) {
	n, s := r.n, r.s
	addr, err := netip.ParseAddr(r.param(3))
	switch {
	case s.wanted != "" || s.user.real != "" || s.negotiating || s.password != "" || s.account != nil || s.gateway:
		n.drop(s, "WEBIRC must come first, and once")
		return
	case !conn.Within(n.trusted.webirc, s.from.Addr) || !n.cfg.knowsGateway(r.param(0)):
		n.drop(s, "WEBIRC is not for you")
		return
	case err != nil || addr.Zone() != "":
		n.drop(s, "WEBIRC needs the client's address")
		return
	}
	s.gateway = true
	s.from.Certificate = "" // it is the gateway's
	// Only a gateway that came by TLS can say that all of the way is secure.
	secure := false
	for _, option := range strings.Fields(r.param(4)) {
		name, _, _ := strings.Cut(option, "=")
		secure = secure || name == "secure"
	}
	s.from.Secure = s.from.Secure && secure
	before := s.from.Addr
	if err := n.place(s, addr.Unmap()); err != nil {
		n.metrics.refused.Inc()
		n.drop(s, err.Error())
		return
	}
	n.census.leave(before)
}

// knowsGateway compares a password with the hash of the configuration.
func (c Config) knowsGateway(password string) bool {
	want, err := hex.DecodeString(c.WebIRCHash)
	sum := sha256.Sum256([]byte(password))
	return err == nil && subtle.ConstantTimeCompare(sum[:], want) == 1
}
