// Command load measures IRC servers on this machine: ours as it runs, beside
// InspIRCd and ngIRCd from Debian, in turns in the same run. make bench-irc runs it.
//
// For each server it connects idle clients and looks at the memory that each
// takes, lets them enter one channel, and says 200 lines of about 250 bytes there
// at 10 a second. Every line bears the time it was sent, each receiver takes the
// time it came: what counts is the last receiver of a line. CPU is what the kernel
// charges to the server's process, work for loopback in its context included. Servers are children of
// the tool, with a configuration in a temporary folder; it talks to loopback only.
//
// Concurrency: a goroutine for each client, which share what they count through
// atomics.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	caduceus, inspircd, ngircd string
	sizes                      []int
	idleTLS                    int
	lines                      int
	pause                      time.Duration
	limit                      time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "load:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

func parseOptions(args []string) (o options, err error) {
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.StringVar(&o.caduceus, "caduceus", "./caduceus", "our `program`; empty is none")
	f.StringVar(&o.inspircd, "inspircd", "/usr/sbin/inspircd", "`program` to compare with; empty is none")
	f.StringVar(&o.ngircd, "ngircd", "/usr/sbin/ngircd", "`program` to compare with; empty is none")
	sizes := f.String("members", "1000,2000,5000", "members of the channel, one measurement each")
	f.IntVar(&o.idleTLS, "tls", 2000, "idle clients with TLS; 0 is none")
	f.IntVar(&o.lines, "lines", 200, "lines said")
	f.DurationVar(&o.pause, "pause", 100*time.Millisecond, "between two lines")
	f.DurationVar(&o.limit, "limit", 2*time.Minute, "of any one phase; a server that takes longer has failed it")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	for _, text := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 2 || n > 15_000 {
			return o, fmt.Errorf("-members takes numbers from 2 to 15000, not %q", text)
		}
		o.sizes = append(o.sizes, n)
	}
	for _, c := range []struct {
		name     string
		got, max int
	}{{"tls", o.idleTLS, 15_000}, {"lines", o.lines, 10_000}} {
		if c.got < 0 || c.got > c.max {
			return o, fmt.Errorf("-%s must be from 0 to %d", c.name, c.max)
		}
	}
	return o, nil
}

// run measures each server and prints the table.
func run(ctx context.Context, args []string) (err error) {
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	if err := raiseFiles(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "caduceus-irc-load-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // servers give up their rights before they read
		return err
	}
	fmt.Println("| server | members | plain idle kB each | all joined after s | send → last member p50 / p99 ms | CPU s per 1M deliveries | RSS MB |")
	fmt.Println("|---|---|---|---|---|---|---|")
	var notes []string
	for _, k := range kinds(o) {
		for _, size := range o.sizes {
			if err := inServer(ctx, k, dir, func(s *server) error { return fanOut(ctx, o, s, size) }); err != nil {
				fmt.Printf("| %s | %d | failed: %v | | | | |\n", k.name, size, err)
			}
		}
		if o.idleTLS == 0 {
			continue
		}
		err := inServer(ctx, k, dir, func(s *server) error {
			each, err := idle(ctx, o, s, s.tls, true, o.idleTLS, nil)
			notes = append(notes, fmt.Sprintf("%s: %d idle clients with TLS take %.1f kB each", k.name, o.idleTLS, each))
			return err
		})
		if err != nil {
			notes = append(notes, fmt.Sprintf("%s with TLS failed: %v", k.name, err))
		}
	}
	fmt.Println()
	for _, n := range notes {
		fmt.Println("- " + n)
	}
	return ctx.Err()
}

// raiseFiles lets this program and its children open as many files as they may.
func raiseFiles() error {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return err
	}
	l.Cur = l.Max
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l)
}
