// Command caduceus is a private BitTorrent tracker for biology data that is run
// from IRC: tracker, web site, IRC network, sitebot and scheduled jobs in one
// program.
//
// This package is the front door: it hands over to package cli.
//
// Concurrency: one goroutine.
package main

import (
	_ "time/tzdata" // time zones, also where the system has none

	"github.com/caduceus-bio/caduceus/cli"
)

// version is set at build time with -ldflags "-X main.version=…".
var version = "devel"

func main() { cli.Main(version) }
