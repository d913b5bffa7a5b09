package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

func (r *Registry) channelCommands() []Spec {
	name := Arg{Name: "channel", Kind: Word}
	var fields []string
	for _, f := range channelFields() {
		fields = append(fields, f.name)
	}
	return []Spec{
		{
			Name: "channel list", Summary: "the IRC channels and who may enter and speak there", Permission: core.IRCChannels, Run: r.channelList,
		}, {
			Name: "channel create", Summary: "make an IRC channel that every member may enter; channel set restricts it", Permission: core.IRCChannels,
			Args: []Arg{name, {Name: "purpose", Kind: Text, Optional: true}}, Changes: true, Run: r.channelCreate,
		}, {
			Name: "channel set", Summary: "change an IRC channel; open connections follow at once. join and speak take a class, a permission or everyone, history days and lines",
			Permission: core.IRCChannels, Args: []Arg{name, {Name: "what", Kind: Choice, Choices: fields}, {Name: "value", Kind: Text}},
			Changes: true, Run: r.channelSet,
		}, {
			Name: "channel delete", Summary: "delete an IRC channel with its topic and lists; who is in it leaves", Permission: core.IRCChannels,
			Args: []Arg{name}, Changes: true, Preview: r.previewChannelDelete, Run: r.channelDelete,
		},
	}
}

// channelField is one thing that staff may set of a channel.
type channelField struct {
	name string
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

// needField is a field for what is needed to enter or to speak: a class, a
// permission, or nothing.
func needField(name string, of func(*irc.Channel) (*core.Permission, *irc.Class)) channelField {
	return channelField{name, func(c irc.Channel) string { return need(of(&c)) }, func(c *irc.Channel, v string, classes []irc.Class) error {
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

func need(p *core.Permission, class *irc.Class) string {
	switch {
	case class.ID != 0 && class.Name == "":
		return "nobody, as its class is gone"
	case class.ID != 0:
		return class.Name
	case *p != "":
		return string(*p)
	}
	return everyone
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func parseOnOff(v string) (bool, error) {
	switch strings.ToLower(v) {
	case "on", "yes":
		return true, nil
	case "off", "no":
		return false, nil
	}
	return false, core.FieldErrorf("value", "write on or off")
}

func switchField(name string, of func(*irc.Channel) *bool) channelField {
	return channelField{name, func(c irc.Channel) string { return onOff(*of(&c)) }, func(c *irc.Channel, v string, _ []irc.Class) (err error) {
		*of(c), err = parseOnOff(v)
		return err
	}}
}

// flagField is a mode that has a name of its own.
func flagField(name string, flag byte) channelField {
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

func (r *Registry) channelList(ctx context.Context, _ Call) (Reply, error) {
	channels, err := r.deps.IRC.Channels(ctx)
	if err != nil {
		return Reply{}, err
	}
	lines := make([]string, len(channels))
	for i, c := range channels {
		lines[i] = fmt.Sprintf("%s %s, join: %s, speak: %s%s - %s", c.Name, shownModes(c.Modes), need(&c.Join, &c.JoinClass),
			need(&c.Speak, &c.SpeakClass), channelNotes(c), c.Purpose)
	}
	return Reply{Lines: lines}, nil
}

// shownModes leaves out the key: others may read the answer.
func shownModes(modes string) string {
	m, err := irc.ParseModes(modes)
	if err == nil && m.Key != "" {
		m.Key = "*"
	}
	return m.String()
}

func channelNotes(c irc.Channel) string {
	out := ""
	if c.Guests {
		out += ", open to guests"
	}
	if c.Disabled {
		out += ", open to disabled members"
	}
	if c.AutoJoin {
		out += ", entered at login"
	}
	return out
}

func (r *Registry) channelCreate(ctx context.Context, c Call) (Reply, error) {
	made, err := r.deps.IRC.Create(ctx, irc.Channel{Name: c.Text("channel"), Purpose: c.Text("purpose"), Modes: "+nt"})
	if err != nil {
		return Reply{}, err
	}
	return Reply{
		Lines: []string{fmt.Sprintf("The channel %s is there; every member may enter it.", made.Name)},
		Undo:  Join([]string{"channel", "delete", made.Name}),
	}, nil
}

func (r *Registry) channelSet(ctx context.Context, c Call) (Reply, error) {
	classes, err := r.deps.Members.Classes(ctx)
	if err != nil {
		return Reply{}, err
	}
	var known []irc.Class
	for _, m := range classes {
		known = append(known, irc.Class{ID: m.ID, Name: m.Name, Level: m.Level, Secondary: m.Secondary})
	}
	var field channelField
	for _, f := range channelFields() {
		if f.name == c.Text("what") {
			field = f
		}
	}
	was, is, err := r.deps.IRC.Change(ctx, c.Text("channel"), func(ch *irc.Channel) error {
		before := field.get(*ch)
		if err := field.set(ch, c.Text("value"), known); err != nil {
			return err
		}
		if field.get(*ch) == before {
			return core.Errorf(core.Conflict, "%s of %s is %s already", field.name, ch.Name, c.Text("value"))
		}
		return nil
	})
	if err != nil {
		return Reply{}, err
	}
	return Reply{
		Lines: []string{fmt.Sprintf("%s: %s is now %s.", is.Name, field.name, c.Text("value"))},
		Undo:  Join([]string{"channel", "set", is.Name, field.name}) + " " + field.get(was),
	}, nil
}

func (r *Registry) previewChannelDelete(ctx context.Context, c Call) (Preview, error) {
	ch, err := r.deps.IRC.Channel(ctx, c.Text("channel"))
	if err != nil {
		return Preview{}, err
	}
	return Preview{
		Lines: []string{fmt.Sprintf("This would delete %s (%s) with its topic and lists; who is in it leaves. This can't be taken back.", ch.Name, ch.Purpose)},
		State: ch.Name,
	}, nil
}

func (r *Registry) channelDelete(ctx context.Context, c Call) (Reply, error) {
	if err := r.deps.IRC.Delete(ctx, c.Text("channel")); err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{fmt.Sprintf("The channel %s is deleted.", c.Text("channel"))}}, nil
}
