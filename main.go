// Command caduceus is a private BitTorrent tracker for biology data that is run
// from IRC: tracker, web site, IRC network, sitebot and scheduled jobs in one
// program.
//
// This package is the front door. It reads the command line and the
// configuration, opens the database and starts the rooms that were asked for; it
// alone knows all rooms.
//
// Concurrency: each command runs to its end in one goroutine, apart from serve,
// whose rooms are run by supervise.Supervisor.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	_ "time/tzdata" // time zones, also where the system has none

	"github.com/alecthomas/kong"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// version is set at build time with -ldflags "-X main.version=…".
var version = "devel"

// globals are the flags that every command has.
type globals struct {
	Config string `short:"c" type:"path" env:"CADUCEUS_CONFIG" placeholder:"FILE" help:"The configuration file. Without it: ./caduceus.toml if there is one, else the defaults."`
}

func (g *globals) settings() (Settings, error) { return loadSettings(g.Config) }

type cli struct {
	globals

	Serve       serveCmd   `cmd:"" help:"Serve all rooms, or those named."`
	Init        initCmd    `cmd:"" help:"Make keys, database and the first account, and end."`
	Migrate     migrateCmd `cmd:"" help:"Bring the database schema up to date."`
	Share       shareCmd   `cmd:"" help:"Share the torrents out anew among several trackers, while none of them runs."`
	Do          doCmd      `cmd:"" help:"Run a staff command, through the running program where one runs."`
	CheckConfig checkCmd   `cmd:"" help:"Read the configuration and say what is wrong with it."`
	Demo        demoCmd    `cmd:"" help:"Serve a scratch site with real datasets, members and BitTorrent clients."`
	Version     versionCmd `cmd:"" help:"Say which version this is."`
}

func main() {
	var c cli
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

type versionCmd struct{}

// Run prints the version.
func (versionCmd) Run() error {
	text := "caduceus " + version
	if info, ok := debug.ReadBuildInfo(); ok {
		text += " (" + info.GoVersion + ")"
	}
	_, err := fmt.Println(text)
	return err
}

type checkCmd struct{}

// Run reads the configuration and touches nothing else.
func (checkCmd) Run(g *globals) error {
	s, err := g.settings()
	if err != nil {
		return err
	}
	_, err = fmt.Printf("The configuration is fine.\n  site      %s, listening on %s\n  tracker   %s, listening on %v\n  database  %s\n  data      %s\n",
		s.Site.URL, s.Site.Listen, s.Tracker.AnnounceURL, s.Tracker.Listen, s.Database.Engine, s.House.DataDir)
	return err
}
