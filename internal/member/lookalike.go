package member

import (
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// LooksOfficial reports whether a reader could take nick for Hermes or for a service
// that people give their key to. Programs trust what Hermes says.
func LooksOfficial(nick string) bool {
	return text.LooksLike(nick, BotName, "NickServ", "ChanServ", "SaslServ", "OperServ", "MemoServ", "HostServ", "BotServ")
}

// reserved reports whether nobody may have name, neither for an account nor for a
// registered nick: it looks official, or begins like Hermes, which is enough to fool
// a reader in a hurry or a loose pattern.
func reserved(name string) bool {
	return LooksOfficial(name) || strings.HasPrefix(text.Skeleton(name), text.Skeleton(BotName))
}

// tooMuchLike reports whether a reader could take name for the member or nick other:
// because it looks like it, or continues it after an underscore.
func tooMuchLike(name, other string) bool {
	return text.Skeleton(name) == text.Skeleton(other) || strings.HasPrefix(strings.ToLower(name), strings.ToLower(other)+"_")
}
