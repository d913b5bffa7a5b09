package irc

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Channel is a channel as it is kept.
type Channel struct {
	Name     string
	Position int64  // channels are listed, and entered at login, in this order
	Purpose  string // its topic as long as nobody sets another
	Modes    string // such as "+nt" or "+klnt secret 50"
	// Join and Speak are the permissions that a member needs to enter and to speak;
	// empty means that every member may.
	Join, Speak core.Permission
	// JoinClass and SpeakClass are classes that are needed as well.
	JoinClass, SpeakClass Class
	Guests                bool // may be entered without an account
	Disabled              bool // the channel of members whose account is disabled
	AutoJoin              bool // members who may enter it are put into it at login
	Topic                 string
	TopicBy               string
	TopicAt               time.Time // the zero time when no topic was set
	History               Kept
}

// Kept says how much of what is said in a channel is kept. With 0 days nothing is
// kept, and the next Prune deletes what there was; with 0 lines their number is not
// limited.
type Kept struct{ Days, Lines int }

// DefaultKept applies to a new channel.
var DefaultKept = Kept{Days: 30, Lines: 50_000}

// Class is a class that a channel asks for. The zero Class admits any.
type Class struct {
	ID        int64
	Name      string
	Level     int
	Secondary bool
}

// Allows reports whether somebody has the class: a primary class that ranks at least
// as high, or this very secondary class.
func (c Class) Allows(primaryLevel int, secondary ...int64) bool {
	switch {
	case c.ID == 0:
		return true
	case c.Secondary:
		return slices.Contains(secondary, c.ID)
	}
	return primaryLevel >= c.Level
}

// Limits of what is kept.
const (
	MaxChannels = 500
	MaxName     = 64  // of a channel, in bytes
	MaxPurpose  = 255 // bytes
	MaxKey      = 16  // of the mode k, in bytes
	MaxLimit    = 99999
)

// ChannelFlags are the modes of a channel that are on or off and kept.
const ChannelFlags = "CMRSimnstu"

// ValidChannel checks the name of a channel that staff make: # and then letters,
// digits and signs that every client can show and type.
func ValidChannel(name string) error {
	if len(name) < 2 || len(name) > MaxName || name[0] != '#' {
		return core.FieldErrorf("channel", "the name of a channel is # with 1 to %d characters after it", MaxName-1)
	}
	for _, c := range []byte(name[1:]) {
		if c <= ' ' || c > '~' || strings.IndexByte(`,:*?"\`, c) >= 0 {
			return core.FieldErrorf("channel", "the name of a channel has visible ASCII characters only, without , : * ? \" and \\")
		}
	}
	return nil
}

// Modes are the kept modes of a channel in parts.
type Modes struct {
	Flags string // letters of ChannelFlags, in its order
	Key   string // "" without
	Limit int    // 0 without
}

// ParseModes reads modes such as "+klnt secret 50".
func ParseModes(text string) (Modes, error) {
	var m Modes
	words := strings.Fields(text)
	if len(words) == 0 {
		return m, nil
	}
	args := words[1:]
	next := func(letter rune) (string, error) {
		if len(args) == 0 {
			return "", core.FieldErrorf("modes", "the mode %c needs a parameter", letter)
		}
		a := args[0]
		args = args[1:]
		return a, nil
	}
	set := map[rune]bool{}
	for _, letter := range strings.TrimPrefix(words[0], "+") {
		var err error
		switch {
		case letter == 'k':
			m.Key, err = next(letter)
		case letter == 'l':
			var text string
			if text, err = next(letter); err == nil {
				m.Limit, err = strconv.Atoi(text)
			}
			if err != nil || m.Limit < 1 || m.Limit > MaxLimit {
				return m, core.FieldErrorf("modes", "the mode l needs a number from 1 to %d", MaxLimit)
			}
		case strings.ContainsRune(ChannelFlags, letter):
			set[letter] = true
		default:
			return m, core.FieldErrorf("modes", "a channel is kept with the modes k, l and %s; not with %q", ChannelFlags, letter)
		}
		if err != nil {
			return m, err
		}
	}
	if len(args) > 0 {
		return m, core.FieldErrorf("modes", "%q belongs to no mode", args[0])
	}
	if len(m.Key) > MaxKey || strings.ContainsAny(m.Key, ",:") {
		return m, core.FieldErrorf("modes", "a key has at most %d characters, without , and :", MaxKey)
	}
	for _, letter := range ChannelFlags {
		if set[letter] {
			m.Flags += string(letter)
		}
	}
	return m, nil
}

// String writes what ParseModes reads.
func (m Modes) String() string {
	letters, args := "+"+m.Flags, ""
	if m.Key != "" {
		letters += "k"
		args += " " + m.Key
	}
	if m.Limit > 0 {
		letters += "l"
		args += " " + strconv.Itoa(m.Limit)
	}
	return letters + args
}

// With returns the modes with a flag on or off.
func (m Modes) With(flag byte, on bool) Modes {
	flags := ""
	for _, letter := range []byte(ChannelFlags) {
		if letter == flag && on || letter != flag && strings.IndexByte(m.Flags, letter) >= 0 {
			flags += string(rune(letter))
		}
	}
	m.Flags = flags
	return m
}

// Has reports whether a flag is on.
func (m Modes) Has(flag byte) bool { return strings.IndexByte(m.Flags, flag) >= 0 }

// validate checks and normalizes what staff may set.
func (c *Channel) validate() error {
	if err := ValidChannel(c.Name); err != nil {
		return err
	}
	var err error
	if c.Purpose, err = oneLine("purpose", c.Purpose, MaxPurpose); err != nil {
		return err
	}
	modes, err := ParseModes(c.Modes)
	if err != nil {
		return err
	}
	c.Modes = modes.String()
	for field, p := range map[string]core.Permission{"join": c.Join, "speak": c.Speak} {
		if p != "" && !core.ValidPermission(p) {
			return core.FieldErrorf(field, "there is no permission %q", p)
		}
	}
	if d := c.History.Days; d < 0 || d > MaxHistoryDays {
		return core.FieldErrorf("days", "keep lines for 0 to %d days", MaxHistoryDays)
	}
	if l := c.History.Lines; l < 0 || l > MaxHistoryLines {
		return core.FieldErrorf("lines", "keep at most %d lines; 0 is no limit", MaxHistoryLines)
	}
	switch {
	case c.Guests && (c.Join != "" || c.JoinClass.ID != 0):
		return core.FieldErrorf("guests", "a channel that guests may enter can't ask members for a permission or a class")
	case c.Guests && c.Disabled, c.Disabled && c.AutoJoin:
		return core.FieldErrorf("disabled", "a channel for disabled members is neither for guests nor entered by itself")
	}
	return nil
}

// FirstChannels are the channels of a new site.
func FirstChannels() []Channel {
	list := []Channel{
		{Name: "#announce", Purpose: "New upload announces", Modes: "+mntu", Speak: core.IRCAnnounce, AutoJoin: true},
		{Name: "#requests", Purpose: "What members are looking for", Modes: "+mntu", Speak: core.IRCAnnounce},
		{Name: "#general", Purpose: "The usual chit-chat", Modes: "+nt", AutoJoin: true},
		{Name: "#userbots", Purpose: "Member IRC bots live here", Modes: "+nt"},
		{Name: "#support", Purpose: "Ask here when something doesn't work", Modes: "+nt", Guests: true},
		{Name: "#staff", Purpose: "Secret clubhouse", Modes: "+nst", Join: core.IRCStaff, AutoJoin: true},
		{Name: "#debug", Purpose: "Error logging", Modes: "+nst", Join: core.IRCDebug, AutoJoin: true},
		{Name: "#disabled", Purpose: "Ask here why your account is disabled", Modes: "+nstu", Join: core.IRCStaff, Disabled: true},
	}
	for i := range list {
		list[i].Position, list[i].History = int64(i+1), DefaultKept
	}
	return list
}
