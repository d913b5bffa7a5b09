// Command load measures IRC servers on this machine: ours, beside InspIRCd and ngIRCd
// from Debian, in turns in the same run. make bench-irc runs it; what it found out
// is in docs/irc-speed.md.
//
// For each server it measures how much memory idle clients take; how long a line in a large
// channel takes to its last receiver, and what the deliveries cost; how long it takes until
// all clients are in an auditorium that they enter at once; and how long until all are back
// after every connection broke. Each measurement has a fresh server. CPU is what the kernel
// charges to the server's process, including work for loopback in its context. Servers are
// children of the tool, with a configuration in a temporary folder; it talks to loopback
// only.
//
// Concurrency: one goroutine reads for all plain clients, and one for each client
// with TLS; they share what they count through atomics.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	caduceus, inspircd, ngircd string
	mariadb                    string
	parts                      string
	idle, sizes                []int
	audience, storm            int
	lines                      int
	pause                      time.Duration
	look                       time.Duration // between two looks at whether a server's memory has settled
	limit                      time.Duration
}

func main() {
	runtime.LockOSThread() // children end with the thread that started them
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
	f.StringVar(&o.mariadb, "mariadb", os.Getenv("CADUCEUS_TEST_MARIADB"), "`socket` of a MariaDB whose root needs no password: serve only the IRC network, on a database of its own there")
	f.StringVar(&o.parts, "measure", "idle,channel,auditorium,storm", "what to measure")
	idle := f.String("idle", "2000,10000", "idle clients, one measurement each")
	sizes := f.String("members", "1000,2000,5000", "members of the channel, one measurement each")
	f.IntVar(&o.audience, "audience", 5000, "members that enter the auditorium")
	f.IntVar(&o.storm, "storm", 2000, "clients whose connections break")
	f.IntVar(&o.lines, "lines", 200, "lines said")
	f.DurationVar(&o.pause, "pause", 100*time.Millisecond, "between two lines")
	f.DurationVar(&o.limit, "limit", time.Minute, "of any one phase; a server that takes longer has failed it")
	quick := f.Bool("quick", false, "small numbers, to see that all is in order")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.look = 250 * time.Millisecond
	if *quick {
		o.look = 20 * time.Millisecond
		*idle, *sizes, o.audience, o.storm, o.lines, o.pause = "50", "20", 50, 30, 5, 10*time.Millisecond
	}
	if o.idle, err = counts("idle", *idle); err != nil {
		return o, err
	}
	if o.sizes, err = counts("members", *sizes); err != nil {
		return o, err
	}
	for _, c := range []struct {
		name     string
		got, max int
	}{{"audience", o.audience, mostClients}, {"storm", o.storm, mostClients}, {"lines", o.lines, 10_000}} {
		if c.got < 2 || c.got > c.max {
			return o, fmt.Errorf("-%s must be from 2 to %d", c.name, c.max)
		}
	}
	if o.caduceus != "" {
		o.caduceus, err = filepath.Abs(o.caduceus)
	}
	return o, err
}

// mostClients leaves room below the files that a process may open.
const mostClients = 15_000

func counts(name, list string) (out []int, err error) {
	for _, text := range strings.Split(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 2 || n > mostClients {
			return nil, fmt.Errorf("-%s takes numbers from 2 to %d, not %q", name, mostClients, text)
		}
		out = append(out, n)
	}
	return out, nil
}

// run measures the servers and prints the tables.
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
	kinds := others(o)
	if o.caduceus != "" {
		h, err := newHouse(ctx, o, dir, max(o.audience, o.storm))
		if h != nil {
			defer func() { err = errors.Join(err, h.close()) }()
		}
		if err != nil {
			return err
		}
		kinds = append([]kind{h.kind(o.caduceus)}, kinds...)
		if h.DBPID > 0 {
			fmt.Println("caduceus serves the IRC network alone, on a MariaDB of its own.")
		} else {
			fmt.Println("caduceus serves all its rooms in one process, on the embedded database.")
		}
	}
	for _, part := range strings.Split(o.parts, ",") {
		t, ok := tables[part]
		if !ok {
			return fmt.Errorf("-measure knows idle, channel, auditorium and storm, not %q", part)
		}
		fmt.Println()
		fmt.Println(t.head)
		fmt.Println(strings.Repeat("|---", strings.Count(t.head, "|")-1) + "|")
		if err := t.rows(ctx, o, dir, kinds); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// table is one of those that are printed.
type table struct {
	head string
	rows func(ctx context.Context, o options, dir string, kinds []kind) error
}

var tables = map[string]table{
	"idle": {"| server | idle clients | plain, kB each | with TLS, kB each |", func(ctx context.Context, o options, dir string, kinds []kind) error {
		for _, n := range o.idle {
			for _, k := range kinds {
				var each [2]string
				for i, secure := range []bool{false, true} {
					err := k.inServer(ctx, dir, func(s *server) error {
						kb, err := idle(ctx, o, s, secure, n)
						each[i] = fmt.Sprintf("%.1f", kb)
						return err
					})
					if err != nil {
						each[i] = "failed: " + err.Error()
					}
				}
				fmt.Printf("| %s | %d | %s | %s |\n", k.name, n, each[0], each[1])
			}
		}
		return ctx.Err()
	}},
	"channel": {"| server | members | send → last member p50 / p99 ms | CPU s for 1M deliveries | all joined after s | RSS MB |", func(ctx context.Context, o options, dir string, kinds []kind) error {
		for _, n := range o.sizes {
			for _, k := range kinds {
				row(k, n, k.inServer(ctx, dir, func(s *server) error {
					f, err := fanOut(ctx, o, s, n)
					if err == nil {
						fmt.Printf("| %s | %d | %.1f / %.1f | %.2f | %.2f | %.0f |\n", k.name, n, f.p50, f.p99, f.cpu.Seconds(), f.joined.Seconds(), f.rss)
					}
					return err
				}))
			}
		}
		return ctx.Err()
	}},
	"auditorium": {"| server | members | all in the auditorium after s | CPU s for that | SASL logins/s before | CPU s for them, and its database's |", func(ctx context.Context, o options, dir string, kinds []kind) error {
		for _, k := range kinds {
			if k.house != nil {
				if err := k.house.autoJoin(ctx, false); err != nil {
					return err
				}
			}
			row(k, o.audience, k.inServer(ctx, dir, func(s *server) error {
				e, err := auditorium(ctx, o, s, o.audience)
				if err == nil {
					fmt.Printf("| %s | %d | %.2f | %.2f | %.0f | %.2f, %.2f |\n", k.name, o.audience, e.took.Seconds(), e.cpu.Seconds(), e.logins, e.loginUs.Seconds(), e.loginDB.Seconds())
				}
				return err
			}))
			if k.house != nil {
				if err := k.house.autoJoin(ctx, true); err != nil {
					return err
				}
			}
		}
		return ctx.Err()
	}},
	"storm": {"| server | clients | over | logged in, a second | last is in its channels after s | CPU s, and its database's |", func(ctx context.Context, o options, dir string, kinds []kind) error {
		for _, secure := range []bool{false, true} {
			over := map[bool]string{false: "plain", true: "TLS"}[secure]
			for _, k := range kinds {
				row(k, o.storm, k.inServer(ctx, dir, func(s *server) error {
					st, err := storm(ctx, o, s, secure, o.storm)
					if err == nil {
						fmt.Printf("| %s | %d | %s | %.0f | %.2f | %.2f, %.2f |\n", k.name, o.storm, over, st.logins, st.in.Seconds(), st.cpu.Seconds(), st.db.Seconds())
					}
					return err
				}))
			}
		}
		return ctx.Err()
	}},
}

// row stands in the table for a server that failed.
func row(k kind, n int, err error) {
	if err != nil {
		fmt.Printf("| %s | %d | failed: %v |\n", k.name, n, err)
	}
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
