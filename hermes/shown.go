package hermes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

// Keys that somebody says where others read it. Our own network keeps such lines back and
// says so by an event; on a foreign one the bot looks. Either way the owner is asked whether
// the key is to be replaced, and told what that ends.

// shownRate bounds how often lines of one person are looked up.
var shownRate = rates.Rate{N: 30, Per: time.Minute}

// suspectsIn returns what may be a key in a line that we hear in a channel. On our own
// network the server has looked before anybody heard it.
func (in *inbox) suspectsIn(m message) []string {
	if m.private || !in.cfg.Foreign() {
		return nil
	}
	return member.Suspects(stripFormat(m.text))
}

// lookUp writes down whose keys a line held.
func (w *worker) lookUp(ctx context.Context, l *link, m message) {
	who := rates.Who{By: rates.Network, Name: strings.ToLower(m.host)}
	if m.account != "" {
		who = rates.Who{By: rates.Account, Name: text.FoldASCII(m.account)}
	}
	if wait, _ := w.lookups.Take(who); wait > 0 {
		return
	}
	shown, err := w.deps.Members.WhoseSecrets(ctx, m.suspects, m.member)
	for _, f := range shown {
		nick := ""
		switch f.Member {
		case 0: // of a guest, and a passphrase by its shape alone
			w.send(ctx, l, m, m.nick, "What you said in "+m.target+" looks like somebody's "+f.Kind.String()+". If it is yours, change it on your settings page now: "+w.deps.SiteURL+"/settings/keys")
			continue
		case m.member:
			nick = m.nick
		}
		err = errors.Join(err, w.deps.Members.NoteShown(ctx, f, nick, m.target, true))
	}
	if err != nil {
		w.deps.Log.Error("a line that may hold a key can't be looked up", "err", err)
	}
}

// keyShown asks the owner of a key that somebody has shown.
func (n *notices) keyShown(ctx context.Context, _ eventlog.Event, k eventlog.KeyShown) error {
	m, err := n.deps.Members.ByID(ctx, k.Member)
	switch {
	case core.CodeOf(err) == core.NotFound:
		return nil
	case err != nil:
		return err
	case m.Class.Name == member.BotClass:
		return n.tell(ctx, n.cfg.StaffChannel, "My own "+member.SecretKind(k.Key).String()+" was said in "+k.Where+". Replace it on the server's machine.")
	}
	s, err := n.link.await(ctx, n.cfg.AnnounceChannel, noticePatience)
	if err != nil {
		if errors.Is(err, errNotLetIn) {
			return eventlog.Faulty(err)
		}
		return err
	}
	lines, err := n.askToReplace(ctx, m, k)
	if err != nil {
		return err
	}
	to := cmp.Or(k.Nick, m.Name)
	for _, line := range lines {
		line = text.Cut(text.Clean(line), min(replyLine, maxMessage-s.overhead(to)))
		if err := s.outbox.put(ctx, replies, s.gone, outgoing{command: girc.PRIVMSG, params: []string{to, line}}); err != nil {
			return err // it comes again
		}
	}
	return nil
}

// askToReplace is what the owner of a key is told. It keeps an offer, which "yes" accepts.
func (n *notices) askToReplace(ctx context.Context, m member.Member, k eventlog.KeyShown) ([]string, error) {
	kind := member.SecretKind(k.Key)
	who, fate := "You have", "The line was kept back, and nobody has read it."
	if k.Nick == "" {
		who = "Somebody has"
	}
	if k.Reached {
		fate = "Others have read it."
	}
	lines := []string{fmt.Sprintf("%s said your %s in %s. %s", who, kind, k.Where, fate)}
	if kind == member.SecretPassphrase {
		return append(lines, "Change your passphrase now: "+n.deps.SiteURL+"/settings"), nil
	}
	order := "key replace " + k.Key
	a, err := n.deps.Commands.Execute(ctx, command.Request{Actor: command.Of(m, audit.ViaIRC), Line: order, Place: command.Private})
	switch code := core.CodeOf(err); {
	case code == core.Unavailable || code == core.Internal:
		return nil, err
	case err != nil: // it is gone already, or the account is closed
		return append(lines, core.SafeText(err)), nil
	case a.Pending == nil:
		return lines, nil
	}
	n.offers.put(m.ID, a.Pending.Code, a.Pending.Expires)
	return append(append(lines, a.Pending.Preview...), "To do it, say yes to me within a minute, or later: "+order), nil
}

// offers are the confirmations that a member gives by "yes": each the last that we have
// asked them for by ourselves.
type offers struct {
	clock core.Clock

	mu   sync.Mutex
	open map[core.MemberID]offer
}

type offer struct {
	code    string
	expires time.Time
}

const maxOffers = 1000

func newOffers(clock core.Clock) *offers {
	return &offers{clock: clock, open: map[core.MemberID]offer{}}
}

func (o *offers) put(id core.MemberID, code string, expires time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.open) >= maxOffers {
		clear(o.open) // whoever is left without can give the command
	}
	o.open[id] = offer{code, expires}
}

// accept returns the line that confirms what a member was asked, "" where nothing waits.
func (o *offers) accept(id core.MemberID, said string) string {
	if !strings.EqualFold(strings.Trim(said, " .!"), "yes") {
		return ""
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	waits, ok := o.open[id]
	delete(o.open, id)
	if !ok || !waits.expires.After(o.clock()) {
		return ""
	}
	return "confirm " + waits.code
}
