package members

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

type keyArgs struct {
	Member member.Member `arg:"name,below"`
}

// newKey is a command that draws a new key of some kind for a member. ways is what
// ends with the old one.
func (d Deps) newKey(word, what, summary string, ways member.Ways, draw func(*member.Store, context.Context, core.MemberID) (string, error)) command.Command {
	return command.Action[keyArgs]{
		Spec: command.Spec{Name: "member " + word, Summary: summary, Permission: core.MemberKeys, Secret: true, Reveals: true},
		Preview: func(ctx context.Context, tx *db.Tx, _ command.Call, a keyArgs) ([]string, error) {
			return d.wouldEnd(ctx, tx, a.Member, "a new "+what, ways)
		},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a keyArgs) (string, error) {
			return standing(a.Member), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a keyArgs) (command.Reply, error) {
			key, err := draw(d.Members.In(tx), ctx, a.Member.ID)
			return newSecret(a.Member, what, key), err
		},
	}
}

// wouldEnd says what ends for a member with something new.
func (d Deps) wouldEnd(ctx context.Context, tx *db.Tx, m member.Member, what string, ways member.Ways) ([]string, error) {
	held, err := d.Members.In(tx).Holds(ctx, m.ID, ways, 0)
	return []string{fmt.Sprintf("This would give %s (id %d, %s) %s, and end at once: %s.", m.Name, m.ID, m.Class.Name, what, strings.Join(held.Words(), "; "))}, err
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
		Spec: command.Spec{Name: "member passphrase", Summary: "a new passphrase for a member who lost theirs; it ends all that may be used with the old one",
			Permission: core.MemberKeys, Secret: true, Reveals: true, Shell: true},
		Prepare: func(ctx context.Context, _ command.Call, a *passphraseArgs) (err error) {
			a.drawn, err = d.Members.DrawPassphrase(ctx)
			return err
		},
		Preview: func(ctx context.Context, tx *db.Tx, _ command.Call, a passphraseArgs) ([]string, error) {
			return d.wouldEnd(ctx, tx, a.Member, "a new passphrase", member.AllWays())
		},
		State: func(_ context.Context, _ *db.Tx, _ command.Call, a passphraseArgs) (string, error) {
			return standing(a.Member), nil
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a passphraseArgs) (command.Reply, error) {
			ended, err := d.Members.In(tx).ResetPassphrase(ctx, a.Member.ID, a.drawn)
			if err != nil {
				return command.Reply{}, err
			}
			reply := newSecret(a.Member, "passphrase", a.drawn.Passphrase)
			reply.Blocks = append(reply.Blocks, command.Line{Text: "Ended with the old one: " + strings.Join(ended.Words(), "; ") + ". The member is told at the next login."})
			return reply, nil
		},
	}
}

// ownKey is a kind of key that members replace themselves.
type ownKey string

// Choices implements the argument's type.
func (ownKey) Choices() []string {
	return []string{string(member.SecretIRCKey), string(member.SecretAnnounceKey), string(member.SecretToken), string(member.SecretSession)}
}

type replaceArgs struct {
	Key ownKey `arg:"key"`
}

// replace is for members whose key has come into others' hands. It answers with none, so
// that it can be given anywhere.
func (d Deps) replace() command.Command {
	return command.Action[replaceArgs]{
		Spec: command.Spec{Name: "key replace", Summary: "replace a key of yours that others may have: the old one stops working", Secret: true},
		Preview: func(ctx context.Context, tx *db.Tx, c command.Call, a replaceArgs) ([]string, error) {
			m, err := c.Actor.MemberOr(nil)
			if err != nil {
				return nil, err
			}
			held, err := d.Members.In(tx).Holds(ctx, m.ID, member.SecretKind(a.Key).Ways(), 0)
			if err == nil && len(held.Words()) == 0 {
				err = core.Errorf(core.Conflict, "you have no %s", member.SecretKind(a.Key))
			}
			return []string{"This would end at once: " + strings.Join(held.Words(), "; ") + "."}, err
		},
		Run: func(ctx context.Context, tx *db.Tx, c command.Call, a replaceArgs) (command.Reply, error) {
			m, err := c.Actor.MemberOr(nil)
			if err != nil {
				return command.Reply{}, err
			}
			ended, err := d.Members.In(tx).End(ctx, m.ID, member.SecretKind(a.Key).Ways(), 0)
			text := "Ended: " + strings.Join(ended.Words(), "; ") + "."
			if ended.IRCKey || ended.AnnounceKey || len(ended.Tokens) > 0 {
				text += " Your settings page has the new one, or makes one."
			}
			return command.Say("%s", text), err
		},
	}
}
