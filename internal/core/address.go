package core

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hostName are the names of hosts that can be written in ASCII (RFC 1123, and the
// underscore that some networks have).
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

// isHost reports whether s is the name or the address of a host.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	last := s[strings.LastIndexByte(strings.TrimSuffix(s, "."), '.')+1:]
	return len(s) <= 253 && hostName.MatchString(s) && strings.Trim(last, "0123456789.") != "" // 300.1.1.1 is a slip
}

// CheckListen returns an error for the field unless address is one to listen on: host:port,
// or :port for all addresses. Port 0 is any that is free.
func CheckListen(field, address string) error {
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil || port == "":
		return FieldErrorf(field, `%q is no address to listen on; write host:port, such as "127.0.0.1:34000" or "[::]:34000", or :port for all addresses`, address)
	case host != "" && !isHost(host):
		return FieldErrorf(field, "%q is neither the address nor the name of a host", host)
	}
	return checkPort(field, address, port, 0)
}

// CheckServer returns an error for the field unless address is one to connect to, host:port.
func CheckServer(field, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !isHost(host) || port == "" {
		return FieldErrorf(field, `%q is no address of a server; write host:port, such as "irc.example.org:7000"`, address)
	}
	return checkPort(field, address, port, 1)
}

func checkPort(field, address, port string, least int) error {
	if n, err := strconv.Atoi(port); err != nil || n < least || n > 65535 || port[0] == '+' || port[0] == '-' {
		return FieldErrorf(field, "%q has no port that there is: ports are numbers from 1 to 65535", address)
	}
	return nil
}

// CheckURL returns an error for the field unless address is a whole one of the web or of
// another of the schemes, such as example, without a name, a query or a fragment in it.
// Letters of scheme and host may be large or small (RFC 3986, 3.1 and 3.2.2).
func CheckURL(field, address, example string, schemes ...string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || !slices.Contains(schemes, u.Scheme) || u.Host == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return FieldErrorf(field, "%q is no address as it is wanted here; write for example %s", address, example)
	case !isHost(u.Hostname()):
		return FieldErrorf(field, "%q is no name of a host that every program can look up; write it in ASCII, as in %s", u.Hostname(), example)
	case u.Port() == "" && strings.HasSuffix(u.Host, ":"):
		return FieldErrorf(field, "%q has a colon and no port behind it", address)
	case u.Port() == "":
		return nil
	}
	return checkPort(field, address, u.Port(), 1)
}

// NormalURL writes scheme and host of an address in small letters, since they mean the same
// in any (RFC 3986, 6.2.2.1), and leaves the rest as it is.
func NormalURL(address string) string {
	address = strings.TrimSpace(address)
	scheme, rest, ok := strings.Cut(address, "://")
	if !ok {
		return address
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	host := strings.LastIndexByte(rest[:end], '@') + 1 // a name before it keeps its letters
	return strings.ToLower(scheme) + "://" + rest[:host] + strings.ToLower(rest[host:end]) + rest[end:]
}

// Collide reports whether two addresses to listen on, of one protocol, can't be had both:
// the same port of the same address, or of all addresses of its family. Port 0 is another
// one each time.
func Collide(a, b string) bool {
	if a == b && !strings.HasSuffix(a, ":0") {
		return true
	}
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	numberA, badA := strconv.Atoi(portA)
	numberB, badB := strconv.Atoi(portB)
	if errA != nil || errB != nil || badA != nil || badB != nil || numberA != numberB || numberA == 0 {
		return false
	}
	return covers(hostA, hostB) || covers(hostB, hostA)
}

// covers reports whether listening on all that host a means takes b.
func covers(a, b string) bool {
	if strings.EqualFold(a, b) || a == "" {
		return true
	}
	ipA, errA := hostAddr(a)
	ipB, errB := hostAddr(b)
	if errA != nil || errB != nil {
		return false
	}
	return ipA == ipB || ipA.IsUnspecified() && ipA.Is4() == ipB.Is4()
}

func hostAddr(host string) (netip.Addr, error) {
	if strings.EqualFold(host, "localhost") {
		host = "127.0.0.1"
	}
	a, err := netip.ParseAddr(host)
	return a.Unmap(), err
}
