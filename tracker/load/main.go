// Command load measures trackers on this machine: ours as it runs in production, with its
// database and its books, beside opentracker and bare HTTP servers, all in the same run.
// make bench-tracker runs it.
//
// It simulates a fixed population of BitTorrent clients in a closed loop: each connection
// sends the next request as soon as the last one is answered. 90 of 100 announces are
// periodic, 5 started, 4 stopped, 1 completed; 30 of 100 clients transfer nothing. One
// answer in 64 is checked strictly. The tool starts the servers and measures them in
// turns. CPU is what the kernel charges to their processes, including their work for
// loopback. The table also shows the share of the CPUs that other programs took: if it is
// over a few per cent, measure again. The worst pauses are the longest time that one
// client waited for its answer (max) and the longest time without any answer (silence).
// The bare servers show how much of that is due to the machine. The tool talks to loopback
// addresses only.
//
// Concurrency: the tool is one goroutine on one CPU, so that the other CPUs are left to
// the servers. The servers are processes of their own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	binaries    list
	mariadb     string
	opentracker string
	hello       bool
	modes       string
	members     int
	torrents    int
	peers       int
	v6          int
	connections int
	warmup      time.Duration
	duration    time.Duration
	repeat      int
	restarts    int
	keep        bool
	seed        uint64
}

type list []string

// String implements flag.Value.
func (l *list) String() string { return strings.Join(*l, " ") }

// Set implements flag.Value.
func (l *list) Set(v string) error { *l = append(*l, v); return nil }

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) > 0 && args[0] == "hello" {
		return hello(ctx, args[1:])
	}
	return load(ctx, args)
}

func parseOptions(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.Var(&o.binaries, "caduceus", "`name=path[,VARIABLE=value…]` of a caduceus program to measure, and its environment; may be given several times")
	f.StringVar(&o.mariadb, "mariadb", os.Getenv("CADUCEUS_TEST_MARIADB"), "`socket` of a MariaDB whose root needs no password: serve only the tracker, with a database there")
	f.StringVar(&o.opentracker, "opentracker", "opentracker", "`program` to compare with; empty is none")
	f.BoolVar(&o.hello, "hello", true, "compare with bare HTTP servers")
	f.StringVar(&o.modes, "modes", "keep-alive,one-shot", "how to connect")
	f.IntVar(&o.members, "members", 10_000, "members")
	f.IntVar(&o.torrents, "torrents", 20_000, "torrents")
	f.IntVar(&o.peers, "peers", 200_000, "clients, over all torrents")
	f.IntVar(&o.v6, "v6", 20, "of 100 clients, those with IPv6 addresses")
	f.IntVar(&o.connections, "connections", 64, "connections at the same time")
	f.DurationVar(&o.warmup, "warm-up", 2*time.Second, "before each measurement")
	f.DurationVar(&o.duration, "duration", 20*time.Second, "of each measurement")
	f.IntVar(&o.repeat, "repeat", 3, "measurements of each server")
	f.IntVar(&o.restarts, "restarts", 3, "how often each of our servers is stopped and started at the end, with all its clients")
	f.BoolVar(&o.keep, "keep", false, "keep the data directories")
	f.Uint64Var(&o.seed, "seed", 1, "of all random numbers")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q; see load -h", f.Arg(0))
	}
	for _, c := range []struct {
		name          string
		got, min, max int
	}{
		{"members", o.members, 1, 1_000_000}, {"torrents", o.torrents, 1, 1_000_000}, {"peers", o.peers, 1, 20_000_000}, {"v6", o.v6, 0, 100},
		{"connections", o.connections, 1, 10_000}, {"repeat", o.repeat, 1, 100}, {"restarts", o.restarts, 0, 100},
		{"warm-up", int(o.warmup / time.Millisecond), 0, 600_000}, {"duration", int(o.duration / time.Millisecond), 100, 3_600_000},
	} {
		if c.got < c.min || c.got > c.max {
			return o, fmt.Errorf("-%s must be from %d to %d", c.name, c.min, c.max)
		}
	}
	for _, m := range strings.Split(o.modes, ",") {
		if m != keepAlive && m != oneShot {
			return o, fmt.Errorf("-modes knows %s and %s, not %q", keepAlive, oneShot, m)
		}
	}
	return o, nil
}

// load starts the servers, measures each in turns and prints the table.
func load(ctx context.Context, args []string) (err error) {
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	runtime.GOMAXPROCS(1)
	dir, err := os.MkdirTemp("", "caduceus-load-")
	if err != nil {
		return err
	}
	if !o.keep {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	pop := newPopulation(o)
	servers, err := startAll(ctx, o, dir, pop)
	defer func() {
		for _, s := range servers {
			err = errors.Join(err, s.stop())
		}
	}()
	if err != nil {
		return err
	}
	var all []result
	for _, mode := range strings.Split(o.modes, ",") {
		for range o.repeat {
			for _, s := range servers {
				if s.closes && mode == keepAlive {
					continue
				}
				r, err := measure(ctx, o, s, pop, mode)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", s.name, mode, err)
				}
				fmt.Fprintln(os.Stderr, r)
				all = append(all, r)
			}
		}
	}
	if err := report(os.Stdout, o, all); err != nil {
		return err
	}
	for _, s := range servers {
		if !s.lasts || o.restarts == 0 {
			continue
		}
		p, err := restarts(ctx, o, s, pop)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		fmt.Printf("%s: %v\n", s.name, p)
	}
	return failuresIn(all)
}

func failuresIn(all []result) error {
	n := 0
	for _, r := range all {
		n += r.failures
	}
	if n > 0 {
		return fmt.Errorf("%d requests failed or were answered wrongly", n)
	}
	return nil
}
