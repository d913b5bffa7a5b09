// Package cli reads the command line: each subcommand is a file. What they do they
// do through package house, and the demonstration through package demo.
//
// Concurrency: each subcommand runs to its end in one goroutine, apart from serve
// and demo, whose rooms house runs.
package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/caduceus-bio/caduceus/house"
	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// globals are the flags that every command has.
type globals struct {
	Config string `short:"c" type:"path" env:"CADUCEUS_CONFIG" placeholder:"FILE" help:"The configuration file, which also says which running program is meant. Without it: ./caduceus.toml if there is one, else the defaults."`

	version string
}

func (g *globals) settings() (house.Settings, error) {
	s, err := house.Load(g.Config)
	if err == nil {
		s.Warn()
	}
	return s, err
}

type cli struct {
	globals

	Serve       serveCmd   `cmd:"" help:"Serve all rooms, or those named."`
	Init        initCmd    `cmd:"" help:"Make keys, database and the first account, and end."`
	Migrate     migrateCmd `cmd:"" help:"Bring the database schema up to date."`
	Reshard     reshardCmd `cmd:"" aliases:"share" help:"Divide the torrents among several trackers again, while none of them runs."`
	Do          doCmd      `cmd:"" help:"Run a staff command, through the running program where one runs."`
	CheckConfig checkCmd   `cmd:"" help:"Read the configuration and say what is wrong with it."`
	Backup      backupCmd  `cmd:"" help:"Back the whole site up while it serves, or check a backup."`
	Restore     restoreCmd `cmd:"" help:"Fill an empty place from a backup."`
	Demo        demoCmd    `cmd:"" help:"Serve a scratch site with real datasets, members and BitTorrent clients."`
	Version     versionCmd `cmd:"" help:"Say which version this is."`
}

// Main runs the command that os.Args names, and exits the process with 1 when it fails.
// version is that of the program.
func Main(version string) {
	c := cli{globals: globals{version: version}}
	k := kong.Parse(&c, kong.Name("caduceus"), kong.UsageOnError(),
		kong.Description("A private BitTorrent tracker for biology data that is run from IRC."))
	if err := k.Run(&c.globals); err != nil {
		fmt.Fprintln(os.Stderr, "caduceus: "+explain(err))
		os.Exit(1)
	}
}

// explain is the text for the person at the shell: they run the program, so they
// may see causes, but config mistakes and plain refusals stand for themselves.
func explain(err error) string {
	var ce *config.Error
	if errors.As(err, &ce) {
		return ce.Error()
	}
	var e *core.Error
	if errors.As(err, &e) && e.Cause == nil && e.Field == "" {
		return e.Text
	}
	return err.Error()
}
