package irc

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// In all of these staff may name another member to see and remove what is theirs,
// but never to add to it: that would be a way into the account.
func (d Deps) login() []command.Command {
	return []command.Command{
		command.Question[ownerArgs]{
			Spec: command.Spec{Name: "certfp list", Aliases: []string{"certfp"}, Summary: "the TLS certificates by which you log in to IRC", Secret: true},
			Run:  d.certfpList,
		},
		command.Action[certfpAddArgs]{
			Spec: command.Spec{Name: "certfp add", Summary: "log in to IRC by a TLS certificate; without a fingerprint by the one that your client shows", Secret: true},
			Run:  d.certfpAdd,
		},
		command.Action[certfpArgs]{
			Spec: command.Spec{Name: "certfp remove", Aliases: []string{"certfp del"}, Summary: "log in by a certificate no longer; what it logged in ends",
				Secret: true},
			State: d.certfpNow,
			Run:   d.certfpRemove,
		},
		command.Question[ownerArgs]{
			Spec: command.Spec{Name: "nick list", Aliases: []string{"nick"}, Summary: "the nicks that are yours on IRC besides your name", Secret: true},
			Run:  d.nickList,
		},
		command.Action[nickAddArgs]{
			Spec: command.Spec{Name: "nick add", Summary: "register another nick on IRC that nobody else may use", Secret: true},
			Run:  d.nickAdd,
		},
		command.Action[nickArgs]{
			Spec:  command.Spec{Name: "nick remove", Aliases: []string{"nick del"}, Summary: "give up a nick that you registered", Secret: true},
			State: d.nickNow,
			Run:   d.nickRemove,
		},
	}
}

type ownerArgs struct {
	Member *member.Member `arg:"member,flag,other=member.keys,below"`
}

func (d Deps) certfpList(ctx context.Context, c command.Call, a ownerArgs) (command.Reply, error) {
	m, err := c.Actor.MemberOr(a.Member)
	if err != nil {
		return command.Reply{}, err
	}
	list, err := d.Members.Certificates(ctx, m.ID)
	if err != nil {
		return command.Reply{}, err
	}
	t := command.Table{Columns: []string{"Fingerprint", "Added", "Used", "Label"}, Empty: "No certificate is known. Connect with one and say: certfp add"}
	for _, f := range list {
		added, used := f.AddedAt.Format("2006-01-02"), "never used"
		if !f.UsedAt.IsZero() {
			used = "last used " + f.UsedAt.Format("2006-01-02")
		}
		t.Rows = append(t.Rows, command.Row{Cells: []string{f.Fingerprint, added, used, f.Label},
			Text: strings.TrimSpace(fmt.Sprintf("%s added %s, %s %s", f.Fingerprint, added, used, f.Label))})
	}
	return command.Reply{Blocks: []command.Block{t}}, nil
}

type certfpAddArgs struct {
	Fingerprint string `arg:"fingerprint,optional"`
	Label       string `arg:"label,flag,optional"`
}

func (d Deps) certfpAdd(ctx context.Context, tx *db.Tx, c command.Call, a certfpAddArgs) (command.Reply, error) {
	m, err := c.Actor.MemberOr(nil)
	if err != nil {
		return command.Reply{}, err
	}
	if a.Fingerprint == "" {
		return command.Reply{}, core.FieldErrorf("fingerprint", "give a SHA-256 fingerprint, or connect to IRC by TLS with a certificate of yours and say it there")
	}
	f, err := d.Members.In(tx).AddCertificate(ctx, m.ID, a.Fingerprint, a.Label)
	reply, err := done(err, "You can log in by SASL EXTERNAL with the certificate %s.", f.Fingerprint)
	return reply.With("certfp remove", certfpArgs{Fingerprint: f.Fingerprint}), err
}

type certfpArgs struct {
	Fingerprint string         `arg:"fingerprint"`
	Member      *member.Member `arg:"member,flag,other=member.keys,below"`
}

// certfpNow is what taking back that a certificate was added rests on.
func (d Deps) certfpNow(ctx context.Context, tx *db.Tx, c command.Call, a certfpArgs) (string, error) {
	m, err := c.Actor.MemberOr(a.Member)
	if err != nil {
		return "", err
	}
	list, err := d.Members.In(tx).Certificates(ctx, m.ID)
	if err != nil {
		return "", err
	}
	for _, f := range list {
		if f.Fingerprint == a.Fingerprint {
			return fmt.Sprintf("%s logs in by %s since %d: %s", m.Name, f.Fingerprint, f.AddedAt.Unix(), f.Label), nil
		}
	}
	return m.Name + " does not log in by it", nil
}

func (d Deps) certfpRemove(ctx context.Context, tx *db.Tx, c command.Call, a certfpArgs) (command.Reply, error) {
	m, err := c.Actor.MemberOr(a.Member)
	if err != nil {
		return command.Reply{}, err
	}
	f, err := d.Members.In(tx).RemoveCertificate(ctx, m.ID, a.Fingerprint)
	return done(err, "%s logs in by the certificate %s no longer.", m.Name, f.Fingerprint)
}

func (d Deps) nickList(ctx context.Context, c command.Call, a ownerArgs) (command.Reply, error) {
	m, err := c.Actor.MemberOr(a.Member)
	if err != nil {
		return command.Reply{}, err
	}
	list, err := d.Members.Nicks(ctx, m.ID)
	if err != nil {
		return command.Reply{}, err
	}
	names := make([]string, 0, len(list))
	for _, n := range list {
		names = append(names, n.Nick)
	}
	if len(names) == 0 {
		return command.Say("%s has no nick besides the name; %d may be registered.", m.Name, d.NickLimit), nil
	}
	return command.Say("Nicks of %s: %s (at most %d)", m.Name, strings.Join(names, ", "), d.NickLimit), nil
}

type nickAddArgs struct {
	Nick string `arg:"nick"`
}

func (d Deps) nickAdd(ctx context.Context, tx *db.Tx, c command.Call, a nickAddArgs) (command.Reply, error) {
	m, err := c.Actor.MemberOr(nil)
	if err != nil {
		return command.Reply{}, err
	}
	err = d.Members.In(tx).AddNick(ctx, m.ID, a.Nick, d.NickLimit)
	reply, err := done(err, "The nick %s is yours. Use it with: /nick %s", a.Nick, a.Nick)
	return reply.With("nick remove", nickArgs{Nick: a.Nick}), err
}

type nickArgs struct {
	Nick   string         `arg:"nick"`
	Member *member.Member `arg:"member,flag,other=member.keys,below"`
}

// nickNow is what taking back that a nick was registered rests on.
func (d Deps) nickNow(ctx context.Context, tx *db.Tx, c command.Call, a nickArgs) (string, error) {
	m, err := c.Actor.MemberOr(a.Member)
	if err != nil {
		return "", err
	}
	list, err := d.Members.In(tx).Nicks(ctx, m.ID)
	if err != nil {
		return "", err
	}
	for _, n := range list {
		if strings.EqualFold(n.Nick, a.Nick) {
			return fmt.Sprintf("%s has %s since %d", m.Name, n.Nick, n.AddedAt.Unix()), nil
		}
	}
	return m.Name + " does not have it", nil
}

func (d Deps) nickRemove(ctx context.Context, tx *db.Tx, c command.Call, a nickArgs) (command.Reply, error) {
	m, err := c.Actor.MemberOr(a.Member)
	if err != nil {
		return command.Reply{}, err
	}
	return done(d.Members.In(tx).RemoveNick(ctx, m.ID, a.Nick), "The nick %s is free.", a.Nick)
}
