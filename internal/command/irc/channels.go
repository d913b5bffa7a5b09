package irc

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/irc"
)

func (d Deps) channels() []command.Command {
	return []command.Command{
		command.Question[command.None]{
			Spec: command.Spec{Name: "channel list", Summary: "the IRC channels and who may enter and speak there", Permission: core.IRCChannels},
			Run:  d.channelList,
		},
		command.Action[createArgs]{
			Spec: command.Spec{Name: "channel create", Summary: "make an IRC channel that every member may enter; channel set restricts it", Permission: core.IRCChannels},
			Run:  d.channelCreate,
		},
		command.Action[setArgs]{
			Spec: command.Spec{Name: "channel set", Permission: core.IRCChannels,
				Summary: "change an IRC channel; open connections follow at once. join and speak take a class, a permission or everyone, history days and lines"},
			State: d.channelSetting,
			Run:   d.channelSet,
		},
		command.Action[deleteArgs]{
			Spec:    command.Spec{Name: "channel delete", Summary: "delete an IRC channel with its topic and lists; who is in it leaves", Permission: core.IRCChannels},
			Preview: d.previewChannelDelete,
			State:   d.channelSettings,
			Run:     d.channelDelete,
		},
	}
}

func (d Deps) channelList(ctx context.Context, _ command.Call, _ command.None) (command.Reply, error) {
	channels, err := d.Channels.Channels(ctx)
	if err != nil {
		return command.Reply{}, err
	}
	t := command.Table{Columns: []string{"Channel", "Modes", "Join", "Speak", "Besides", "Purpose"}, Empty: "There is no channel."}
	for _, c := range channels {
		modes, join, speak, notes := shownModes(c.Modes), need(c.Join, c.JoinClass), need(c.Speak, c.SpeakClass), strings.Join(channelNotes(c), ", ")
		line := fmt.Sprintf("%s %s, join: %s, speak: %s", c.Name, modes, join, speak)
		if notes != "" {
			line += ", " + notes
		}
		t.Rows = append(t.Rows, command.Row{Cells: []string{c.Name, modes, join, speak, notes, c.Purpose}, Text: line + " - " + c.Purpose})
	}
	return command.Reply{Blocks: []command.Block{t}}, nil
}

// shownModes leaves out the key: others may read the answer.
func shownModes(modes string) string {
	m, err := irc.ParseModes(modes)
	if err == nil && m.Key != "" {
		m.Key = "*"
	}
	return m.String()
}

func channelNotes(c irc.Channel) []string {
	var out []string
	if c.Guests {
		out = append(out, "open to guests")
	}
	if c.Disabled {
		out = append(out, "open to disabled members")
	}
	if c.AutoJoin {
		out = append(out, "entered at login")
	}
	return out
}

type createArgs struct {
	Channel string       `arg:"channel"`
	Purpose command.Text `arg:"purpose,optional"`
}

func (d Deps) channelCreate(ctx context.Context, tx *db.Tx, _ command.Call, a createArgs) (command.Reply, error) {
	made, err := d.Channels.In(tx).Create(ctx, irc.Channel{Name: a.Channel, Purpose: string(a.Purpose), Modes: "+nt"})
	if err != nil {
		return command.Reply{}, err
	}
	return command.Say("The channel %s is there; every member may enter it.", made.Name).
		With("channel delete", deleteArgs{Channel: command.ChannelName(made.Name)}), nil
}

type setArgs struct {
	Channel command.ChannelName `arg:"channel"`
	What    setting             `arg:"what"`
	Value   command.Text        `arg:"value"`
}

// channelSetting is what a change of one setting, or taking it back, rests on.
func (d Deps) channelSetting(ctx context.Context, tx *db.Tx, _ command.Call, a setArgs) (string, error) {
	ch, err := d.Channels.In(tx).Channel(ctx, string(a.Channel))
	if err != nil {
		return "", err
	}
	field := a.What.field()
	return fmt.Sprintf("%s of %s is %s", field.name, ch.Name, field.get(ch)), nil
}

func (d Deps) channelSet(ctx context.Context, tx *db.Tx, _ command.Call, a setArgs) (command.Reply, error) {
	classes, err := d.Members.In(tx).Classes(ctx)
	if err != nil {
		return command.Reply{}, err
	}
	var known []irc.Class
	for _, m := range classes {
		known = append(known, irc.Class{ID: m.ID, Name: m.Name, Level: m.Level, Secondary: m.Secondary})
	}
	field := a.What.field()
	was, is, err := d.Channels.In(tx).Change(ctx, string(a.Channel), func(ch *irc.Channel) error {
		before := field.get(*ch)
		if err := field.set(ch, string(a.Value), known); err != nil {
			return err
		}
		if field.get(*ch) == before {
			return core.Errorf(core.Conflict, "%s of %s is %s already", field.name, ch.Name, a.Value)
		}
		return nil
	})
	if err != nil {
		return command.Reply{}, err
	}
	reply := command.Say("%s: %s is now %s.", is.Name, field.name, a.Value)
	if before := field.get(was); before != "" { // nothing can't be set again
		reply = reply.With("channel set", setArgs{Channel: command.ChannelName(is.Name), What: a.What, Value: command.Text(before)})
	}
	return reply, nil
}

type deleteArgs struct {
	Channel command.ChannelName `arg:"channel"`
}

func (d Deps) previewChannelDelete(ctx context.Context, tx *db.Tx, _ command.Call, a deleteArgs) ([]string, error) {
	ch, err := d.Channels.In(tx).Channel(ctx, string(a.Channel))
	if err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("This would delete %s (%s) with its topic and lists; who is in it leaves. This can't be taken back.", ch.Name, ch.Purpose)}, nil
}

// channelSettings is what a deletion rests on: all that staff set of the channel.
func (d Deps) channelSettings(ctx context.Context, tx *db.Tx, _ command.Call, a deleteArgs) (string, error) {
	ch, err := d.Channels.In(tx).Channel(ctx, string(a.Channel))
	if err != nil {
		return "", err
	}
	state := ch.Name
	for _, f := range channelFields() {
		state += fmt.Sprintf("; %s: %s", f.name, f.get(ch))
	}
	return state, nil
}

func (d Deps) channelDelete(ctx context.Context, tx *db.Tx, _ command.Call, a deleteArgs) (command.Reply, error) {
	return done(d.Channels.In(tx).Delete(ctx, string(a.Channel)), "The channel %s is deleted.", a.Channel)
}
