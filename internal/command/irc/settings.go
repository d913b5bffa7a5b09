package irc

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

// setting names one thing that staff may set of a channel.
type setting string

// Choices are the names of the settings.
func (setting) Choices() []string {
	var names []string
	for _, f := range channelFields() {
		names = append(names, string(f.name))
	}
	return names
}

// field is what the setting stands for: one of its choices.
func (s setting) field() channelField {
	for _, f := range channelFields() {
		if f.name == s {
			return f
		}
	}
	return channelField{}
}

// channelField reads and writes one setting, as text.
type channelField struct {
	name setting
	get  func(c irc.Channel) string
	set  func(c *irc.Channel, value string, classes []irc.Class) error
}

// everyone is what staff write to ask for nothing.
const everyone = "everyone"

func channelFields() []channelField {
	return []channelField{
		{"purpose", func(c irc.Channel) string { return c.Purpose }, func(c *irc.Channel, v string, _ []irc.Class) error {
			c.Purpose = v
			return nil
		}},
		{"modes", func(c irc.Channel) string { return c.Modes }, func(c *irc.Channel, v string, _ []irc.Class) error {
			c.Modes = v
			return nil
		}},
		{"history", func(c irc.Channel) string { return keptText(c.History) }, func(c *irc.Channel, v string, _ []irc.Class) (err error) {
			c.History, err = parseKept(c.History, v)
			return err
		}},
		needField("join", func(c *irc.Channel) (*core.Permission, *irc.Class) { return &c.Join, &c.JoinClass }),
		needField("speak", func(c *irc.Channel) (*core.Permission, *irc.Class) { return &c.Speak, &c.SpeakClass }),
		switchField("guests", func(c *irc.Channel) *bool { return &c.Guests }),
		switchField("autojoin", func(c *irc.Channel) *bool { return &c.AutoJoin }),
		flagField("moderated", 'm'), flagField("auditorium", 'u'), flagField("secret", 's'),
		{"position", func(c irc.Channel) string { return strconv.FormatInt(c.Position, 10) }, func(c *irc.Channel, v string, _ []irc.Class) error {
			n, err := strconv.ParseInt(v, 10, 32)
			if err != nil || n < 1 {
				return core.FieldErrorf("value", "a position is a number from 1 on: channels are listed and entered in this order")
			}
			c.Position = n
			return nil
		}},
	}
}

func keptText(k irc.Kept) string { return fmt.Sprintf("%d %d", k.Days, k.Lines) }

// parseKept reads days, and lines where they are to change too.
func parseKept(k irc.Kept, v string) (irc.Kept, error) {
	words := strings.Fields(v)
	if len(words) < 1 || len(words) > 2 {
		return k, core.FieldErrorf("value", "write how many days are kept, and how many lines at most")
	}
	var err error
	if k.Days, err = count("days", words[0]); err == nil && len(words) == 2 {
		k.Lines, err = count("lines", words[1])
	}
	return k, err
}

// count reads a number that may be 0.
func count(field, s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, core.FieldErrorf(field, "%s must be a number, not %q", field, s)
	}
	return n, nil
}

// needField is a field for what is needed to enter or to speak: a class, a
// permission, or nothing.
func needField(name setting, of func(*irc.Channel) (*core.Permission, *irc.Class)) channelField {
	get := func(c irc.Channel) string {
		p, class := of(&c)
		return need(*p, *class)
	}
	return channelField{name, get, func(c *irc.Channel, v string, classes []irc.Class) error {
		p, class := of(c)
		*p, *class = "", irc.Class{}
		if strings.EqualFold(v, everyone) {
			return nil
		}
		if core.ValidPermission(core.Permission(v)) {
			*p = core.Permission(v)
			return nil
		}
		for _, known := range classes {
			if strings.EqualFold(known.Name, v) {
				*class = known
				return nil
			}
		}
		return core.FieldErrorf("value", "%q is neither a class nor a permission nor %q", text.Cut(v, 40), everyone)
	}}
}

func need(p core.Permission, class irc.Class) string {
	switch {
	case class.ID != 0 && class.Name == "":
		return "nobody, as its class is gone"
	case class.ID != 0:
		return class.Name
	case p != "":
		return string(p)
	}
	return everyone
}

func onOff(on bool) string { return string(command.Switch(on)) }

func parseOnOff(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "on", "yes":
		return true, nil
	case "off", "no":
		return false, nil
	}
	return false, core.FieldErrorf("value", "write on or off")
}

func switchField(name setting, of func(*irc.Channel) *bool) channelField {
	return channelField{name, func(c irc.Channel) string { return onOff(*of(&c)) }, func(c *irc.Channel, v string, _ []irc.Class) (err error) {
		*of(c), err = parseOnOff(v)
		return err
	}}
}

// flagField is a mode that has a name of its own.
func flagField(name setting, flag byte) channelField {
	has := func(c irc.Channel) string {
		m, err := irc.ParseModes(c.Modes)
		return onOff(err == nil && m.Has(flag))
	}
	return channelField{name, has, func(c *irc.Channel, v string, _ []irc.Class) error {
		on, err := parseOnOff(v)
		if err != nil {
			return err
		}
		m, err := irc.ParseModes(c.Modes)
		c.Modes = m.With(flag, on).String()
		return err
	}}
}
