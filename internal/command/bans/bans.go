// Package bans is the family of commands about who is banned. Values of bans are told to
// those alone who may see addresses, and stand in no row of the audit log.
//
// Concurrency: the commands have no state of their own.
package bans

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// Members is what the family asks of accounts; *member.Store has it.
type Members interface{ Security() *security.Log }

// Deps is what the family works on.
type Deps struct {
	Bans    *ban.Store
	Members Members
	Proxies []netip.Prefix // in front of the site and the tracker
}

// Commands returns the family.
func Commands(d Deps) []command.Command {
	return []command.Command{d.add(), d.list(), d.show(), d.find(), d.lift(), d.restore()}
}

// lately is how far back members are looked for who came from an address.
const lately = 30 * 24 * time.Hour

type addArgs struct {
	Reach  string        `arg:"reach,flag,optional" hint:"site, irc, tracker or mail; several with commas between them. Empty: what fits the value"`
	For    time.Duration `arg:"for,flag,optional" hint:"such as 12h, 3d or 2w; empty: until it is lifted"`
	Note   string        `arg:"note,flag,optional" hint:"for staff alone"`
	Value  string        `arg:"value,secret" hint:"an address, a network (192.0.2.0/24), or a mail pattern (*@example.org)"`
	Reason command.Text  `arg:"reason" hint:"whom it bans is shown it"`
}

// ban is what was asked for, unless it is there already or would hit what it must not.
func (d Deps) ban(ctx context.Context, tx *db.Tx, c command.Call, a addArgs) (ban.Ban, error) {
	draft := ban.Draft{Value: a.Value, Reason: string(a.Reason), Note: a.Note, For: a.For, By: c.Actor.Name, ByID: c.Actor.Member.ID}
	var err error
	if a.Reach != "" {
		if draft.Reach, err = ban.ParseReach(a.Reach); err != nil {
			return ban.Ban{}, err
		}
	}
	b, err := ban.New(draft, c.Now)
	if err != nil {
		return b, err
	}
	own, err := d.own(ctx, tx, c)
	if err != nil {
		return b, err
	}
	if err := (ban.Guarded{Own: own, Proxies: d.Proxies}).Check(b); err != nil {
		return b, err
	}
	other, there, err := d.Bans.In(tx).Same(ctx, b)
	if err == nil && there {
		err = core.Errorf(core.Conflict, "this is banned already, by ban %d; lift that one first", other.ID)
	}
	return b, err
}

// own is from where the actor came lately, as far as that is known.
func (d Deps) own(ctx context.Context, tx *db.Tx, c command.Call) (out []netip.Addr, err error) {
	if a := security.Of(ctx).Address; a.IsValid() {
		out = append(out, a)
	}
	if c.Actor.Member.ID == 0 {
		return out, nil
	}
	list, _, err := d.Members.Security().Lately(ctx, tx, c.Actor.Member.ID, c.Now.Add(-lately))
	for _, s := range list {
		out = append(out, s.Address)
	}
	return out, err
}

// came says how many members came from where a ban is about.
func (d Deps) came(ctx context.Context, tx *db.Tx, c command.Call, b ban.Ban) (string, error) {
	p := b.Prefix()
	if !p.IsValid() {
		return "", nil
	}
	list, whole, err := d.Members.Security().Lately(ctx, tx, 0, c.Now.Add(-lately))
	if err != nil {
		return "", err
	}
	who := map[core.MemberID]bool{}
	for _, s := range list {
		if p.Contains(s.Address.Unmap().WithZone("")) {
			who[s.Member] = true
		}
	}
	line := "No member came from there within 30 days"
	if n := len(who); n > 0 {
		line = text.Plural(n, "member") + " came from there within 30 days"
	}
	if !whole {
		line += fmt.Sprintf(" (as far as the newest %d entries of the security log tell)", security.MaxSeen)
	}
	return line + ".", nil
}

// add adds a ban. Whoever asks has typed the value, so the preview may repeat it; the answer
// goes into the audit log and must not.
func (d Deps) add() command.Command {
	return command.Action[addArgs]{
		Spec: command.Spec{Name: "ban add", Summary: "ban an address, a network or a mail pattern; it says first whom that would hit", Permission: core.BanManage, Secret: true},
		Preview: func(ctx context.Context, tx *db.Tx, c command.Call, a addArgs) ([]string, error) {
			b, err := d.ban(ctx, tx, c, a)
			if err != nil {
				return nil, err
			}
			lines := []string{fmt.Sprintf("This would ban %s, %s, %s, and keep it from %s.", b.Kind.Words(), b.Value, b.Until(), reaches(b.Reach)), "Whoever it bans reads: " + b.Reason}
			came, err := d.came(ctx, tx, c, b)
			if came != "" {
				lines = append(lines, came)
			}
			return lines, err
		},
		State: func(ctx context.Context, tx *db.Tx, c command.Call, a addArgs) (string, error) {
			_, err := d.ban(ctx, tx, c, a)
			return "it may be banned, and is not", err
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a addArgs) (command.Reply, error) {
			b, err := d.ban(ctx, tx, c, a)
			if err == nil {
				b, err = d.Bans.In(tx).Add(ctx, b)
			}
			if err != nil {
				return command.Reply{}, err
			}
			return command.Say("Ban %d, of %s, is in force, %s. It keeps from %s.", b.ID, b.Kind.Words(), b.Until(), reaches(b.Reach)).
				With("ban lift", liftArgs{ID: command.ID(b.ID), Reason: "it was taken back"}), nil
		},
	}
}

// reaches says in words what a ban keeps from.
func reaches(r ban.Reach) string {
	var out []string
	for _, p := range []struct {
		bit   ban.Reach
		words string
	}{{ban.Site, "the site"}, {ban.IRC, "IRC"}, {ban.Tracker, "the tracker"}, {ban.Joining, "joining and changes of the mail address"}} {
		if r&p.bit != 0 {
			out = append(out, p.words)
		}
	}
	return strings.Join(out, ", ")
}

// state is what a decision about a ban rests on.
func state(b ban.Ban) string {
	return fmt.Sprintf("%s by %s since %d until %d, lifted %d", b.Describe(), b.By, b.Starts.Unix(), b.Ends.Unix(), b.LiftedAt.Unix())
}

// value is the value of a ban as the actor may see it.
func value(a command.Actor, b ban.Ban) string {
	if b.Kind == ban.Mask || b.Kind == ban.Mail && strings.HasPrefix(b.Value, "*@") || a.Can(core.MemberSeeAddress) || a.Can(core.IRCAddress) {
		return b.Value
	}
	return "(hidden)"
}
