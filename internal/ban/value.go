package ban

import (
	"net/netip"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Value finds the kind of what somebody typed, and brings it into the one form in which
// equal values are equal: an address without a zone (IPv4 inside IPv6 as IPv4), a masked
// network, mail addresses and masks in lower case. What has an @ is a mask where the ban
// is to reach IRC alone, and else a mail pattern.
func Value(typed string, reach Reach) (Kind, string, error) {
	typed = strings.TrimSpace(typed)
	if strings.Contains(typed, "@") {
		if reach == IRC {
			mask, err := MaskOf(typed)
			return Mask, mask, err
		}
		pattern, err := mailPattern(typed)
		return Mail, pattern, err
	}
	p, ok := prefixOf(typed)
	if !ok {
		return "", "", core.FieldErrorf("value", "write an address (192.0.2.7), a network (192.0.2.0/24), or a mail pattern (*@example.org)")
	}
	return ofPrefix(p)
}

// ofPrefix is the kind and the value of a network.
func ofPrefix(p netip.Prefix) (Kind, string, error) {
	if p.IsSingleIP() {
		return Address, p.Addr().String(), nil
	}
	return Network, p.String(), nil
}

// prefixOf reads an address or a network.
func prefixOf(s string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil && !strings.Contains(a.Zone(), "/") {
		a = plainAddr(a)
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	return Plain(p), true
}

// Plain is a masked network, as one of IPv4 where it lies inside IPv6 (RFC 4291, 2.5.5.2).
func Plain(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked()
}

// plainAddr is an address as bans are compared with it.
func plainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

// FoldMail brings a mail address into the form in which bans compare it: without blanks
// around it, in lower case.
func FoldMail(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

// mailPattern checks a mail address or a pattern of some: * stands for anything before
// the @, and *. at the beginning of the domain for that domain and all below it.
func mailPattern(typed string) (string, error) {
	bad := func() (string, error) {
		return "", core.FieldErrorf("value", "write a mail address, or a pattern such as *@example.org, *@*.example.org or spam*@example.org")
	}
	s := FoldMail(typed)
	at := strings.LastIndexByte(s, '@')
	user, domain := s[:at], strings.TrimSuffix(s[at+1:], ".")
	if _, ok := text.OneLine(s); !ok || len(s) > maxValue || user == "" || strings.ContainsAny(s, " ,;<>()[]\\\"!?") ||
		strings.Contains(user, "@") || strings.Count(user, "*") > 3 {
		return bad()
	}
	for i, label := range strings.Split(strings.TrimPrefix(domain, "*."), ".") {
		if label == "" || strings.ContainsAny(label, "*/:") || len(label) > 63 || i > 20 {
			return bad()
		}
	}
	if !strings.Contains(strings.TrimPrefix(domain, "*."), ".") {
		return "", core.FieldErrorf("value", "name a domain with a dot in it: this pattern would keep out too many")
	}
	return user + "@" + domain, nil
}

const maxMask = 128

// MaskOf brings user@host, or a host alone, into the one form in which it is stored. * is
// anything and ? one character. A mask that fits everybody is refused.
func MaskOf(typed string) (string, error) {
	mask := text.FoldASCII(typed)
	user, host, ok := strings.Cut(mask, "@")
	if !ok {
		user, host = "*", mask
	}
	if user == "" || host == "" || strings.ContainsAny(mask, " !,") || len(mask) > maxMask-2 {
		return "", core.FieldErrorf("mask", "write user@host, where * is anything and ? one character; the host is the one that WHOIS shows")
	}
	if strings.Trim(user+host, "*?.") == "" {
		return "", core.FieldErrorf("mask", "this mask would keep out everybody")
	}
	return user + "@" + host, nil
}

// matches reports whether a text fits a pattern in which * is anything.
func matches(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, p := range parts[1:last] {
		_, after, found := strings.Cut(s, p)
		if !found {
			return false
		}
		s = after
	}
	return strings.HasSuffix(s, parts[last])
}
