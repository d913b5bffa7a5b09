package irc

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

func (d Deps) history() []command.Command {
	return []command.Command{
		command.Question[searchArgs]{
			Spec: command.Spec{Name: "irclog search", Aliases: []string{"irclog"}, Summary: "what was said in IRC channels, newest first",
				Permission: core.IRCHistory, Secret: true},
			Run: d.search,
		},
		command.Action[messageArgs]{
			Spec: command.Spec{Name: "irclog delete", Summary: "delete a message of yours, or as staff any, from IRC's history", Secret: true},
			Run:  d.deleteMessage,
		},
		command.Action[forgetArgs]{
			Spec: command.Spec{Name: "irclog forget", Summary: "delete all that you said on IRC, or as staff what another member did, from its history",
				Button: "delete what this member said on IRC", Secret: true},
			Preview: previewForget,
			Run:     d.forget,
		},
		command.Action[keepArgs]{
			Spec: command.Spec{Name: "irclog keep", Summary: "how many days and lines of an IRC channel are kept; 0 days keep none",
				Permission: core.IRCHistory},
			State: d.keptNow,
			Run:   d.keep,
		},
		command.Action[privateArgs]{
			Spec: command.Spec{Name: "irclog private", Summary: "whether your IRC conversations with members are kept for you alone, or delete them",
				Secret: true},
			State: d.privateNow,
			Run:   d.private,
		},
		command.Action[replayArgs]{
			Spec: command.Spec{Name: "irclog replay", Summary: "how many missed lines of each IRC channel a simple client is shown at login",
				Secret: true},
			Run: d.replay,
		},
	}
}

// searchHits is how many lines one search shows.
const searchHits = 10

type searchArgs struct {
	Channel string        `arg:"channel,flag,optional"`
	From    string        `arg:"from,flag,optional"`
	Since   time.Duration `arg:"since,flag,optional"`
	Before  string        `arg:"before,flag,optional"`
	Words   command.Text  `arg:"words,optional"`
}

func (d Deps) search(ctx context.Context, c command.Call, a searchArgs) (command.Reply, error) {
	s := irc.Search{Words: strings.Fields(string(a.Words)), Channel: strings.ToLower(a.Channel), Limit: searchHits}
	if a.Since > 0 {
		s.After = irc.FirstOf(c.Now.Add(-a.Since)) - 1
	}
	if a.Before != "" {
		var ok bool
		if s.Before, ok = irc.ParseMsgID(a.Before); !ok {
			return command.Reply{}, core.FieldErrorf("before", "--before takes what stands in brackets after a line")
		}
	}
	if a.From != "" {
		m, err := d.Members.ByName(ctx, a.From)
		switch core.CodeOf(err) {
		case "":
			s.Account = m.ID
		case core.NotFound:
			s.Nick = a.From
		default:
			return command.Reply{}, err
		}
	}
	var err error
	if s.Hidden, err = d.History.Closed(ctx, c.Actor.Can); err != nil {
		return command.Reply{}, err
	}
	found, err := d.History.Search(ctx, s)
	if err != nil {
		return command.Reply{}, err
	}
	t := command.Table{Columns: []string{"Time", "Channel", "Who", "What", "Message"}}
	for _, m := range found.Messages {
		t.Rows = append(t.Rows, messageRow(m))
	}
	if found.Next != 0 {
		t.More = "Older ones: add --before " + found.Next.String()
	} else {
		t.Empty = "Nothing was found."
	}
	return command.Reply{Blocks: []command.Block{t}}, nil
}

func messageRow(m irc.Message) command.Row {
	nick, _, _ := strings.Cut(m.Source, "!")
	if m.Account != "" && !strings.EqualFold(nick, m.Account) {
		nick += " (" + m.Account + ")"
	}
	said := strings.NewReplacer("\n", " / ", "\r", "").Replace(m.Text)
	if m.Kind == "TOPIC" {
		said = "sets the topic: " + said
	}
	said, at := text.Cut(said, 250), text.Instant(m.ID.Time())
	return command.Row{Cells: []string{at, m.Target, nick, said, m.ID.String()}, Text: fmt.Sprintf("%s %s <%s> %s [%s]", at, m.Target, nick, said, m.ID)}
}

type messageArgs struct {
	MsgID string `arg:"msgid"`
}

func (d Deps) deleteMessage(ctx context.Context, tx *db.Tx, c command.Call, a messageArgs) (command.Reply, error) {
	id, ok := irc.ParseMsgID(a.MsgID)
	if !ok {
		return command.Reply{}, core.FieldErrorf("msgid", "%q is no msgid", a.MsgID)
	}
	history := d.History.In(tx)
	m, found, err := history.Find(ctx, id, c.Actor.Member.ID)
	if err != nil {
		return command.Reply{}, err
	}
	own := found && m.AccountID != 0 && m.AccountID == c.Actor.Member.ID
	// Who may not see a message isn't told that it is there.
	if !own && (!found || !c.Actor.Can(core.IRCHistory)) {
		return command.Reply{}, core.Errorf(core.NotFound, "there is no such message of yours")
	}
	return done(history.Delete(ctx, id), "The message is deleted. Clients that have shown it may keep it.")
}

type forgetArgs struct {
	Member *member.Member `arg:"member,other=irc.history"`
}

func previewForget(_ context.Context, _ *db.Tx, c command.Call, a forgetArgs) ([]string, error) {
	m, err := c.Actor.MemberOr(a.Member)
	if err != nil {
		return nil, err
	}
	return []string{"All that " + m.Name + " has said on IRC will be deleted from its history, for everybody; it can't be brought back."}, nil
}

func (d Deps) forget(ctx context.Context, tx *db.Tx, c command.Call, a forgetArgs) (command.Reply, error) {
	m, err := c.Actor.MemberOr(a.Member)
	if err != nil {
		return command.Reply{}, err
	}
	return done(d.History.In(tx).Forget(ctx, m.ID), "What %s has said up to now is being deleted.", m.Name)
}

type keepArgs struct {
	Channel command.ChannelName `arg:"channel"`
	Days    string              `arg:"days"`
	Lines   string              `arg:"lines,optional"`
}

// keptNow is what a change of how much is kept, or taking it back, rests on.
func (d Deps) keptNow(ctx context.Context, tx *db.Tx, _ command.Call, a keepArgs) (string, error) {
	ch, err := d.Channels.In(tx).Channel(ctx, string(a.Channel))
	return fmt.Sprintf("of %s are kept %s", ch.Name, keptText(ch.History)), err
}

// keep is channel set history, for those who only look after what is kept.
func (d Deps) keep(ctx context.Context, tx *db.Tx, _ command.Call, a keepArgs) (command.Reply, error) {
	was, is, err := d.Channels.In(tx).Change(ctx, string(a.Channel), func(ch *irc.Channel) (err error) {
		ch.History, err = parseKept(ch.History, a.Days+" "+a.Lines)
		return err
	})
	if err != nil {
		return command.Reply{}, err
	}
	days, lines := is.History.Days, is.History.Lines
	what := fmt.Sprintf("Of %s the lines of %d days are kept, at most %d.", is.Name, days, lines)
	switch {
	case days == 0:
		what = "Nothing of " + is.Name + " is kept; what was will be deleted within minutes."
	case lines == 0:
		what = fmt.Sprintf("Of %s the lines of %d days are kept.", is.Name, days)
	}
	return command.Reply{Blocks: command.Lines(what)}.With("irclog keep", keepArgs{Channel: command.ChannelName(is.Name),
		Days: strconv.Itoa(was.History.Days), Lines: strconv.Itoa(was.History.Lines)}), nil
}

// privateChoice is what a member wants of their conversations.
type privateChoice string

// Choices are the words for it.
func (privateChoice) Choices() []string { return []string{"on", "off", "delete"} }

type privateArgs struct {
	What privateChoice `arg:"what"`
}

// privateNow is what taking back the choice rests on.
func (d Deps) privateNow(ctx context.Context, tx *db.Tx, c command.Call, _ privateArgs) (string, error) {
	m, err := c.Actor.MemberOr(nil)
	if err != nil {
		return "", err
	}
	known, err := d.History.In(tx).Known(ctx, m.ID)
	return fmt.Sprintf("conversations of %s are kept: %t", m.Name, known.KeepPrivate), err
}

func (d Deps) private(ctx context.Context, tx *db.Tx, c command.Call, a privateArgs) (command.Reply, error) {
	m, err := c.Actor.MemberOr(nil)
	if err != nil {
		return command.Reply{}, err
	}
	history := d.History.In(tx)
	switch a.What {
	case "delete":
		return done(history.ForgetPrivate(ctx, m.ID), "Your copies of conversations up to now are being deleted.")
	case "on":
		reply, err := done(history.SetKeepPrivate(ctx, m.ID, true), "Your conversations with other members are kept from now on, for you alone.")
		return reply.With("irclog private", privateArgs{What: "off"}), err
	}
	reply, err := done(history.SetKeepPrivate(ctx, m.ID, false),
		"Your conversations are kept no longer. What was kept stays until it is old; irclog private delete removes it now.")
	return reply.With("irclog private", privateArgs{What: "on"}), err
}

type replayArgs struct {
	Lines string `arg:"lines"`
}

func (d Deps) replay(ctx context.Context, tx *db.Tx, c command.Call, a replayArgs) (command.Reply, error) {
	m, err := c.Actor.MemberOr(nil)
	if err != nil {
		return command.Reply{}, err
	}
	n, err := count("lines", a.Lines)
	if err != nil {
		return command.Reply{}, err
	}
	return done(d.History.In(tx).SetReplay(ctx, m.ID, n), "From your next login on up to %d missed lines of each channel are shown.", n)
}
