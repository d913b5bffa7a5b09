package ircd

import (
	"context"
	"strings"
	"time"

	"github.com/ergochat/irc-go/ircfmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
)

// What holds a key of the site is not passed on. Of what people say, only what has the exact
// shape of a key is looked up, before anybody else has seen it: a line without such a
// string costs one look at its bytes, and a line whose string is no key is passed on.

var (
	// lookupRate bounds how often the site is asked about the lines of one account, or of
	// the guests of one address. What goes beyond is passed on without being looked up.
	lookupRate = rates.Rate{N: 30, Per: time.Minute}
	// shownRate bounds how often a member is told, however often others repeat a key.
	shownRate = rates.Rate{N: 3, Per: 30 * time.Minute}
)

// keepsBack reports whether a text for some targets, separated by commas, holds somebody's
// key, and must go no further. If so, the asker has been told. The bot and the asker's
// other connections may have it, and the bot may say it. It asks the site, so call it without the lock.
func (r *request) keepsBack(list, text string) bool {
	n := r.n
	suspects := member.Suspects(strings.ReplaceAll(ircfmt.Strip(text), "\r", "")) // which joins the lines of a batch
	if len(suspects) == 0 {
		return false
	}
	var readers []string
	var speaker core.MemberID
	who := rates.Who{By: rates.Network}
	r.locked(func() {
		if r.user().can(core.IRCAnnounce) { // the bot tells staff the keys that they make
			return
		}
		who.Name = guess.Place(r.s.from.Addr)
		if r.s.account != nil {
			speaker, who = r.s.account.member.ID, rates.Who{By: rates.Account, Name: fold(r.s.login())}
		}
		for _, target := range targets(list) {
			if to := n.find(target); fold(target) != fold(nickServ) && (to == nil || to != r.user() && !to.can(core.IRCAnnounce)) {
				readers = append(readers, target)
			}
		}
	})
	if len(readers) == 0 {
		return false
	}
	if wait, _ := n.lookups.Take(who); wait > 0 {
		return false
	}
	ctx, cancel := context.WithTimeout(r.origin(), queryTimeout)
	defer cancel()
	shown, err := n.members.WhoseSecrets(ctx, suspects, speaker)
	if err != nil {
		n.log.Error("a line that may hold a key can't be looked up and is passed on", "err", err)
	}
	if len(shown) == 0 {
		return false
	}
	r.refuseShown(readers, shown, speaker)
	r.noteShown(readers[0], shown, speaker)
	return true
}

// refuseShown tells the asker why a text was not sent.
func (r *request) refuseShown(readers []string, shown []member.Shown, speaker core.MemberID) {
	whose := "somebody's"
	if speaker != 0 && shown[0].Member == speaker {
		whose = "your"
	}
	why := "Not sent, so nobody has read it: it holds " + whose + " " + shown[0].Kind.String()
	if shown[0].Member == 0 {
		why = "Not sent, so nobody has read it: it holds what looks like somebody's " + shown[0].Kind.String()
	}
	r.locked(func() {
		for _, target := range readers {
			code := errCantSendToUser
			if strings.HasPrefix(strings.TrimLeft(target, "@+"), "#") {
				code = errCannotSendToChan
			}
			r.complain(r.msg.Command, code, clip(target, maxChannel), why)
		}
		r.n.notice(r.s, "*** "+why+". Keys and passphrases are for the login alone.")
	})
}

// noteShown writes down whose keys the asker has shown, or has tried to.
func (r *request) noteShown(where string, shown []member.Shown, speaker core.MemberID) {
	n, nick := r.n, ""
	r.locked(func() { nick = r.user().nick })
	if !strings.HasPrefix(strings.TrimLeft(where, "@+"), "#") {
		where = "a private message"
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.origin()), queryTimeout)
	defer cancel()
	for _, f := range shown {
		by := ""
		if f.Member == speaker {
			by = nick
		}
		if wait, _ := n.showing.Take(rates.Who{By: rates.Account, Name: itoa(int(f.Member))}); wait > 0 || f.Member == 0 {
			continue
		}
		if err := n.members.NoteShown(ctx, f, by, clip(where, maxChannel), false); err != nil {
			n.log.Error("a key that was shown is not in its owner's security log", "member", f.Member, "err", err)
		}
	}
}
