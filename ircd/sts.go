package ircd

import "strconv"

// sts is the capability that tells clients to use TLS only (IRCv3 STS), or "". On plain
// connections it names the port, on secure ones how long to remember it. Programs on this
// machine may use plain text, and WebSockets are not concerned.
func (n *network) sts(s *session) string {
	seconds := int64(n.cfg.STSDuration.Seconds())
	switch {
	case seconds <= 0 || !s.cap302 || s.from.Web || s.gateway:
		return ""
	case s.from.Secure:
		return "sts=duration=" + strconv.FormatInt(seconds, 10)
	case s.from.Addr.IsLoopback():
		return ""
	}
	return "sts=port=" + strconv.Itoa(n.cfg.STSPort)
}
