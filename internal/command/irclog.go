package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
)

func (r *Registry) irclogCommands() []Spec {
	return []Spec{
		{
			Name: "irclog search", Aliases: []string{"irclog"}, Summary: "what was said in IRC channels, newest first", Permission: core.IRCHistory,
			Args: []Arg{{Name: "channel", Kind: Word, Flag: true, Optional: true}, {Name: "from", Kind: Word, Flag: true, Optional: true},
				{Name: "since", Kind: Duration, Flag: true, Optional: true}, {Name: "before", Kind: Word, Flag: true, Optional: true},
				{Name: "words", Kind: Text, Optional: true}},
			Secret: true, Run: r.irclogSearch,
		}, {
			Name: "irclog delete", Summary: "delete a message of yours, or as staff any, from IRC's history", Args: []Arg{{Name: "msgid", Kind: Word}},
			Secret: true, Changes: true, Run: r.irclogDelete,
		}, {
			Name: "irclog forget", Summary: "delete all that you said on IRC, or as staff what another member did, from its history",
			Args:   []Arg{{Name: "member", Kind: MemberName, Optional: true, Other: core.IRCHistory}},
			Secret: true, Changes: true, Preview: r.previewIrclogForget, Run: r.irclogForget,
		}, {
			Name: "irclog keep", Summary: "how many days and lines of an IRC channel are kept; 0 days keep none", Permission: core.IRCHistory,
			Args:    []Arg{{Name: "channel", Kind: Word}, {Name: "days", Kind: Word}, {Name: "lines", Kind: Word, Optional: true}},
			Changes: true, Run: r.irclogKeep,
		}, {
			Name: "irclog private", Summary: "whether your IRC conversations with members are kept for you alone, or delete them",
			Args:   []Arg{{Name: "what", Kind: Choice, Choices: []string{"on", "off", "delete"}}},
			Secret: true, Changes: true, Run: r.irclogPrivate,
		}, {
			Name: "irclog replay", Summary: "how many missed lines of each IRC channel a simple client is shown at login",
			Args:   []Arg{{Name: "lines", Kind: Word}},
			Secret: true, Changes: true, Run: r.irclogReplay,
		},
	}
}

// irclogHits is how many lines one search shows.
const irclogHits = 10

func (r *Registry) irclogSearch(ctx context.Context, c Call) (Reply, error) {
	s := irc.Search{Words: strings.Fields(c.Text("words")), Channel: strings.ToLower(c.Text("channel")), Limit: irclogHits}
	if c.Has("since") {
		s.After = irc.FirstOf(c.Now.Add(-c.Duration("since"))) - 1
	}
	if c.Has("before") {
		var ok bool
		if s.Before, ok = irc.ParseMsgID(c.Text("before")); !ok {
			return Reply{}, core.FieldErrorf("before", "--before takes what stands in brackets after a line")
		}
	}
	if who := c.Text("from"); who != "" {
		m, err := r.deps.Members.ByName(ctx, who)
		switch core.CodeOf(err) {
		case "":
			s.Account = m.ID
		case core.NotFound:
			s.Nick = who
		default:
			return Reply{}, err
		}
	}
	var err error
	if s.Hidden, err = r.history.Closed(ctx, c.Actor.can); err != nil {
		return Reply{}, err
	}
	found, err := r.history.Search(ctx, s)
	if err != nil {
		return Reply{}, err
	}
	lines := make([]string, 0, len(found.Messages)+1)
	for _, m := range found.Messages {
		lines = append(lines, irclogLine(m))
	}
	switch {
	case found.Next != 0:
		lines = append(lines, "Older ones: add --before "+found.Next.String())
	case len(lines) == 0:
		lines = append(lines, "Nothing was found.")
	}
	return Reply{Lines: lines}, nil
}

func irclogLine(m irc.Message) string {
	nick, _, _ := strings.Cut(m.Source, "!")
	if m.Account != "" && !strings.EqualFold(nick, m.Account) {
		nick += " (" + m.Account + ")"
	}
	said := strings.NewReplacer("\n", " / ", "\r", "").Replace(m.Text)
	if m.Kind == "TOPIC" {
		said = "sets the topic: " + said
	}
	return fmt.Sprintf("%s %s <%s> %s [%s]", instant(m.ID.Time()), m.Target, nick, text.Cut(said, 250), m.ID)
}

func (r *Registry) irclogDelete(ctx context.Context, c Call) (Reply, error) {
	id, ok := irc.ParseMsgID(c.Text("msgid"))
	if !ok {
		return Reply{}, core.FieldErrorf("msgid", "%q is no msgid", c.Text("msgid"))
	}
	m, found, err := r.history.Find(ctx, id, c.Actor.Member.ID)
	if err != nil {
		return Reply{}, err
	}
	own := found && m.AccountID != 0 && m.AccountID == c.Actor.Member.ID
	// Who may not see a message isn't told that it is there.
	if !own && (!found || !c.Actor.can(core.IRCHistory)) {
		return Reply{}, core.Errorf(core.NotFound, "there is no such message of yours")
	}
	if err := r.history.Delete(ctx, id); err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{"The message is deleted. Clients that have shown it may keep it."}}, nil
}

func (r *Registry) previewIrclogForget(_ context.Context, c Call) (Preview, error) {
	m, err := actorOr(c, "member")
	if err != nil {
		return Preview{}, err
	}
	return Preview{Lines: []string{"All that " + m.Name + " said on IRC will be deleted from its history, for everybody; it can't be brought back."}, State: m.Name}, nil
}

func (r *Registry) irclogForget(ctx context.Context, c Call) (Reply, error) {
	m, err := actorOr(c, "member")
	if err != nil {
		return Reply{}, err
	}
	n, err := r.history.Forget(ctx, m.ID)
	if err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{fmt.Sprintf("%d lines of %s are deleted.", n, m.Name)}}, nil
}

// irclogKeep is channel set history, for those who only look after what is kept.
func (r *Registry) irclogKeep(ctx context.Context, c Call) (Reply, error) {
	was, is, err := r.deps.IRC.Change(ctx, c.Text("channel"), func(ch *irc.Channel) (err error) {
		ch.History, err = parseKept(ch.History, c.Text("days")+" "+c.Text("lines"))
		return err
	})
	if err != nil {
		return Reply{}, err
	}
	days, lines := is.History.Days, is.History.Lines
	what := fmt.Sprintf("Of %s the lines of %d days are kept, at most %d.", is.Name, days, lines)
	switch {
	case days == 0:
		what = "Nothing of " + is.Name + " is kept; what was will be deleted within minutes."
	case lines == 0:
		what = fmt.Sprintf("Of %s the lines of %d days are kept.", is.Name, days)
	}
	return Reply{Lines: []string{what}, Undo: "irclog keep " + is.Name + " " + keptText(was.History)}, nil
}

// actorOr is the member that an argument names, or else who asks.
func actorOr(c Call, arg string) (member.Member, error) {
	if c.Has(arg) {
		return c.Member(arg), nil
	}
	if c.Actor.Member.ID == 0 {
		return member.Member{}, core.Errorf(core.Invalid, "the shell is nobody on IRC; only a member can ask for this")
	}
	return c.Actor.Member, nil
}

// count reads a number that may be 0.
func count(field, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, core.FieldErrorf(field, "%s must be a number, not %q", field, text)
	}
	return n, nil
}

func (r *Registry) irclogPrivate(ctx context.Context, c Call) (Reply, error) {
	m, err := actorOr(c, "")
	if err != nil {
		return Reply{}, err
	}
	switch c.Text("what") {
	case "delete":
		n, err := r.history.ForgetPrivate(ctx, m.ID)
		return Reply{Lines: []string{fmt.Sprintf("Your copies of conversations are deleted, %d lines.", n)}}, err
	case "on":
		return Reply{Lines: []string{"Your conversations with other members are kept from now on, for you alone."}, Undo: "irclog private off"},
			r.history.SetKeepPrivate(ctx, m.ID, true)
	}
	return Reply{Lines: []string{"Your conversations are kept no longer. What was kept stays until it is old; irclog private delete removes it now."}, Undo: "irclog private on"},
		r.history.SetKeepPrivate(ctx, m.ID, false)
}

func (r *Registry) irclogReplay(ctx context.Context, c Call) (Reply, error) {
	m, err := actorOr(c, "")
	if err != nil {
		return Reply{}, err
	}
	n, err := count("lines", c.Text("lines"))
	if err != nil {
		return Reply{}, err
	}
	return Reply{Lines: []string{fmt.Sprintf("From your next login on up to %d missed lines of each channel are shown.", n)}}, r.history.SetReplay(ctx, m.ID, n)
}
