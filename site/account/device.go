package account

import (
	"strings"

	"github.com/mileusna/useragent"

	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// The longest that is read of what a browser says of itself, and shown of a word in it.
const (
	maxAgent = 200
	maxName  = 40
)

// deviceName says what a browser's own description means, such as "Firefox on Linux". It
// is a help to tell one from another and proves nothing, since anybody can send anything.
func deviceName(agent string) string {
	if len(agent) > maxAgent {
		agent = agent[:maxAgent]
	}
	agent = strings.ToValidUTF8(agent, "")
	ua := useragent.Parse(agent)
	name, system := known(ua.Name), known(ua.OS)
	if ua.Device != "" && (ua.Mobile || ua.Tablet) {
		system = known(ua.Device)
	}
	switch {
	case name != "" && system != "":
		return name + " on " + system
	case name != "":
		return name
	case system != "":
		return "a browser on " + system
	case text.HasLetters(agent):
		first, _, _ := strings.Cut(text.Clean(agent), " ")
		return "a program: " + text.Cut(first, maxName)
	}
	return "an unknown browser"
}

// known makes a word of a description fit to be shown; "" for one without letters.
func known(word string) string {
	if !text.HasLetters(word) {
		return ""
	}
	return text.Cut(text.Clean(word), maxName)
}
