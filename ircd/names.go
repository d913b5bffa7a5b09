package ircd

import (
	"regexp"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Lengths that ISUPPORT announces, in bytes.
const (
	maxNick    = 40 // a site name of 32 and a suffix
	maxChannel = 64
	maxTopic   = 390
	maxReason  = 300 // of QUIT, PART and KICK
	maxAway    = 200
	maxReal    = 150
	maxUser    = 32
	maxKey     = 16
)

// fold is the case mapping of the network: ASCII.
func fold(s string) string { return text.FoldASCII(s) }

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }
func isDigit(b byte) bool  { return b >= '0' && b <= '9' }

// validNick reports whether s has the form of a nick. It may begin with a digit, because
// site names may.
func validNick(s string) bool {
	if s == "" || len(s) > maxNick {
		return false
	}
	for i := range len(s) {
		b := s[i]
		switch {
		case isLetter(b) || strings.IndexByte("[]\\`_^{|}", b) >= 0:
		case isDigit(b), b == '-' && i > 0:
		default:
			return false
		}
	}
	return true
}

// validChannel reports whether s has the form of a channel's name.
func validChannel(s string) bool {
	if len(s) < 2 || len(s) > maxChannel || s[0] != '#' {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == ',' || s[i] == ':' || s[i] == '*' || s[i] == '?' || s[i] >= 127 {
			return false
		}
	}
	return true
}

var accountPattern = regexp.MustCompile(`^[A-Za-z0-9_]{1,32}$`)

// isAccountName reports whether a member may be called s.
func isAccountName(s string) bool { return accountPattern.MatchString(s) }

// variationOf reports whether nick is the account's name or that name with a
// suffix, such as bob|laptop, bob-away, bob[lab] or bob_.
func variationOf(nick, account string) bool {
	if len(nick) < len(account) || !strings.EqualFold(nick[:len(account)], account) {
		return false
	}
	return len(nick) == len(account) || strings.IndexByte("|_-[`", nick[len(account)]) >= 0
}

// basesOf returns the site names that a reader could take the nick for: the nick itself,
// and the nick without a suffix.
func basesOf(nick string) []string {
	var out []string
	add := func(s string) {
		if !isAccountName(s) {
			return
		}
		for _, have := range out {
			if strings.EqualFold(have, s) {
				return
			}
		}
		out = append(out, s)
	}
	add(nick)
	name := strings.TrimLeft(nick, "[]\\`^{|}-_")
	if cut := strings.IndexAny(name, "[]\\`^{|}-"); cut >= 0 {
		name = name[:cut]
	}
	add(name)
	add(strings.TrimRight(name, "_"))
	return out
}

// slug makes a piece of a host name of s: "Power User" becomes "power-user".
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r < 128 && (isLetter(byte(r)) || isDigit(byte(r))):
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 24 {
			break
		}
	}
	if out := strings.Trim(b.String(), "-"); out != "" {
		return out
	}
	return "x"
}

// userName makes the user part of a prefix from what the client sent in USER.
func userName(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if isLetter(s[i]) || isDigit(s[i]) || s[i] == '-' || s[i] == '_' || s[i] == '.' && b.Len() > 0 {
			b.WriteByte(s[i])
		}
		if b.Len() == maxUser {
			break
		}
	}
	if b.Len() == 0 {
		return "user"
	}
	return b.String()
}

// matches reports whether s fits a mask with * and ?, without regard to case.
// At worst the time is proportional to the product of the lengths.
func matches(mask, s string) bool {
	mask, s = fold(mask), fold(s)
	m, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case m < len(mask) && mask[m] == '*':
			star, mark = m, i
			m++
		case m < len(mask) && (mask[m] == '?' || mask[m] == s[i]):
			m++
			i++
		case star >= 0:
			mark++
			m, i = star+1, mark
		default:
			return false
		}
	}
	for m < len(mask) && mask[m] == '*' {
		m++
	}
	return m == len(mask)
}
