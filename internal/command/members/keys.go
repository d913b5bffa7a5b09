package members

import (
	"context"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

type keyArgs struct {
	Member member.Member `arg:"name,below"`
}

// newKey is a command that draws a new key of some kind for a member.
func (d Deps) newKey(word, what, summary string, draw func(*member.Store, context.Context, core.MemberID) (string, error)) command.Command {
	return command.Action[keyArgs]{
		Spec: command.Spec{Name: "member " + word, Summary: summary, Permission: core.MemberKeys, Secret: true, Reveals: true},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a keyArgs) (command.Reply, error) {
			key, err := draw(d.Members.In(tx), ctx, a.Member.ID)
			return newSecret(a.Member, what, key), err
		},
	}
}

func newSecret(m member.Member, what, key string) command.Reply {
	reply := command.Say("%s has a new %s; the old one no longer works.", m.Name, what)
	reply.Blocks = append(reply.Blocks, command.Secret{Label: strings.ToUpper(what[:1]) + what[1:], Value: key})
	return reply
}

type passphraseArgs struct {
	Member member.Member `arg:"name,below"`

	drawn member.NewSecret
}

func (d Deps) passphrase() command.Command {
	return command.Action[passphraseArgs]{
		Spec: command.Spec{Name: "member passphrase", Summary: "a new passphrase for a member who lost theirs; it ends their log-ins",
			Permission: core.MemberKeys, Secret: true, Reveals: true},
		Prepare: func(ctx context.Context, _ command.Call, a *passphraseArgs) (err error) {
			a.drawn, err = d.Members.DrawPassphrase(ctx)
			return err
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a passphraseArgs) (command.Reply, error) {
			err := d.Members.In(tx).SetDrawn(ctx, a.Member.ID, a.drawn)
			return newSecret(a.Member, "passphrase", a.drawn.Passphrase), err
		},
	}
}
