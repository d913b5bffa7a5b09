package house

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// FirstAccount is what the newcomer needs to log in, shown once.
type FirstAccount struct {
	Name, Password, IRCKey string
}

// sysopName is the name of the first account.
const sysopName = "sysop"

// SetUp brings the schema up to date and fills in what a new site needs: classes,
// vocabularies, the client whitelist, Hermes's account and the first sysop,
// which it returns when it has just been made. It is safe to run at every start.
func (h *House) SetUp(ctx context.Context) (*FirstAccount, error) {
	applied, err := h.DB.Migrate(ctx)
	if err != nil {
		return nil, err
	}
	if len(applied) > 0 {
		h.Log.Info("schema is up to date", "applied", applied)
	}
	for _, seed := range []func(context.Context) error{h.Members.Seed, h.catalog.Seed, h.clients.Seed, h.irc.Seed} {
		if err := seed(ctx); err != nil {
			return nil, err
		}
	}
	ircKey, err := secret.LoadOrCreate(h.Settings.House.hermesKey(), true, func() string { return secret.Token(32) })
	if err != nil {
		return nil, fmt.Errorf("IRC key of Hermes: %w", err)
	}
	if _, err := h.Members.EnsureBot(ctx, ircKey); err != nil {
		return nil, fmt.Errorf("account of Hermes: %w", err)
	}
	n, err := h.Members.Count(ctx)
	if err != nil || n > 0 {
		return nil, err
	}
	c, err := h.Members.Create(ctx, member.New{Name: sysopName, Class: member.SysopClass})
	if core.CodeOf(err) == core.Conflict {
		return nil, nil // another process made it at the same moment and shows it
	}
	if err != nil {
		return nil, fmt.Errorf("make the first account: %w", err)
	}
	return &FirstAccount{Name: c.Member.Name, Password: c.Password, IRCKey: c.IRCKey}, nil
}

// Found runs SetUp, and hands a first account over (see HandOver). It reports whether there
// was one.
func (h *House) Found(ctx context.Context, screens ...io.Writer) (bool, error) {
	first, err := h.SetUp(ctx)
	if first == nil || err != nil {
		return false, err
	}
	return true, h.HandOver(Letter{
		File: "first-account", Title: "The first account was made.",
		Lines: []string{"name        " + first.Name, "passphrase  " + first.Password, "IRC key     " + first.IRCKey},
		Lost:  h.Settings.CommandLine("member passphrase " + first.Name),
	}, screens...)
}

// Migrate brings the schema up to date, and returns what it has applied. It needs no
// secrets, and makes no embedded database where there is none.
func Migrate(ctx context.Context, s Settings) (applied []int64, err error) {
	if err := s.hasSite(); err != nil {
		return nil, err
	}
	unlock, err := lockDataDir(s)
	if err != nil {
		return nil, err
	}
	defer unlock()
	d, err := db.Open(ctx, s.Database, s.House.logger())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Migrate(ctx)
}

// CheckSetUp fails unless somebody has run SetUp with this program's schema.
func (h *House) CheckSetUp(ctx context.Context) error {
	if err := h.DB.RequireSchema(ctx); err != nil {
		return err
	}
	n, err := h.Members.Count(ctx)
	if err == nil && n == 0 {
		err = errors.New("the database has no accounts yet; run: caduceus init")
	}
	return err
}
