package ircd

import "strconv"

// sts is the capability by which clients learn to use TLS only (IRCv3 STS), ""
// where it says nothing: on plain connections the port, on secure ones how long
// to remember. Programs on this machine may stay with plain text; to WebSockets
// it doesn't apply.
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
