package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/caduceus-bio/caduceus/demo"
	"github.com/caduceus-bio/caduceus/house"
	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/member"
)

type demoCmd struct {
	Dir  string        `default:"var/demo" help:"The scratch folder. It is emptied at each start."`
	Pace time.Duration `default:"40s" help:"Time between two uploads."`
}

// demoMark is the file by which the demo knows a folder as its own before it
// empties it.
const demoMark = ".caduceus-demo"

// Run serves a scratch site that lives until Ctrl-C.
func (c *demoCmd) Run(g *globals) error {
	if err := demo.Check(); err != nil {
		return err
	}
	s, err := g.settings()
	if err != nil {
		return err
	}
	if err := c.clear(); err != nil {
		return err
	}
	c.adapt(&s)
	rooms, err := house.ChooseRooms(nil, s)
	if err != nil {
		return err
	}
	ctx, stop := house.UntilSignal(os.Stderr)
	defer stop()
	return house.Process{Settings: s, Rooms: rooms, Version: g.version, Out: os.Stdout,
		Beside: func(ctx context.Context, h *house.House) error { return c.live(ctx, h, os.Stdout) }}.Serve(ctx)
}

// adapt makes the settings those of a lively site on one machine.
func (c *demoCmd) adapt(s *house.Settings) {
	s.House.DataDir, s.House.SecretsDir = c.Dir, ""
	s.Database.Engine, s.Database.Path = "sqlite", ""
	s.IRC.CertFile, s.IRC.KeyFile, s.Hermes.KeyFile = "", "", ""
	s.Hermes.Network, s.Hermes.OperName, s.Hermes.OperPasswordFile = "house", "", ""
	s.Site.Name += " demo"
	s.Tracker.Interval, s.Tracker.MinInterval = config.D(10*time.Second), config.D(5*time.Second)
	s.Tracker.FlushEvery = config.D(time.Second)
	s.Tracker.AllowPrivateAddresses = true
	if s.House.LogLevel == "info" {
		s.House.LogLevel = "warn" // the demo tells its own story
	}
	s.Derive()
}

// clear empties the scratch folder, if it is ours.
func (c *demoCmd) clear() error {
	mark := filepath.Join(c.Dir, demoMark)
	entries, err := os.ReadDir(c.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		if _, err := os.Stat(mark); err != nil {
			return fmt.Errorf("%s is not empty and was not made by the demo; name another folder with --dir", c.Dir)
		}
		if err := os.RemoveAll(c.Dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(mark, nil, 0o600)
}

// live makes the demo's members and lets them share.
func (c *demoCmd) live(ctx context.Context, h *house.House, out io.Writer) error {
	var accounts []demo.Account
	var lines []string
	for _, n := range []member.New{{Name: "ada", Class: "Power User"}, {Name: "barbara", Class: "User"}, {Name: "carl", Class: "User"}} {
		created, err := h.Members.Create(ctx, n)
		if err != nil {
			return err
		}
		token, err := h.Members.NewToken(ctx, created.Member.ID, "demo", member.ScopeUpload)
		if err != nil {
			return err
		}
		accounts = append(accounts, demo.Account{Name: n.Name, Token: token})
		lines = append(lines, fmt.Sprintf("%-8s  passphrase %s   IRC key %s", n.Name, created.Password, created.IRCKey))
	}
	if err := h.HandOver(house.Letter{File: "demo-members", Title: "Members of the demo (besides the first account):", Lines: lines,
		Lost: h.Settings.CommandLine("member passphrase NAME")}, out, os.Stderr); err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{Dir: c.Dir, SiteURL: h.Settings.Site.URL, Uploader: accounts[0], Fetchers: accounts[1:],
		Pace: c.Pace, Speed: 256 << 10, Out: out, Log: h.Log})
}
