package member

import "strings"

// LooksOfficial reports whether nick could be taken for Hermes or for a service
// that people give their key to. Programs trust what Hermes says.
func LooksOfficial(nick string) bool {
	short := strings.TrimRight(nick, "0123456789|")
	for _, form := range []string{nick, short, strings.TrimLeft(short, "|")} {
		switch skeleton(form) {
		case skeleton(BotName), skeleton("NickServ"), "chanserv", "saslserv", "operserv", "memoserv", "hostserv", "botserv":
			return true
		}
	}
	return false
}

// alike are characters that look like others in most fonts, and those that are
// overlooked.
var alike = strings.NewReplacer("3", "e", "5", "s", "0", "o", "1", "l", "|", "l", "i", "l", "$", "s", "rn", "m", "vv", "v",
	"_", "", "-", "", "`", "", "^", "", "[", "", "]", "", "{", "", "}", "", "\\", "")

// skeleton folds together what looks alike.
func skeleton(nick string) string {
	s := alike.Replace(strings.ToLower(nick))
	var b strings.Builder
	for i := range len(s) {
		if i == 0 || s[i] != s[i-1] {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
