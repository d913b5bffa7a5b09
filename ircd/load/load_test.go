package main

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/guess"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/ircd"
)

const testMembers = 30

func small(t *testing.T) options {
	t.Helper()
	o, err := parseOptions([]string{"-quick"})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// ours starts our network in this process, with members.
func ours(t *testing.T, autoJoin bool) *server {
	t.Helper()
	d := dbtest.SQLite(t)
	keys, err := secret.NewKeyring([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	keys = keys.Cheaply()
	events := eventlog.New(d, time.Now)
	members := member.NewStore(d, events, keys, time.Now)
	if err := members.Seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &server{kind: kind{name: "caduceus"}, cmd: &exec.Cmd{}}
	if s.key, err = fill(t.Context(), d, keys, testMembers); err != nil {
		t.Fatal(err)
	}
	if err := setAutoJoin(t.Context(), d, autoJoin); err != nil {
		t.Fatal(err)
	}
	if s.cmd.Process, err = os.FindProcess(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	c := ircd.DefaultConfig()
	c.ServerName, c.ListenPlain, c.ListenTLS, c.MaxClients = "irc.load.test", "127.0.0.1:0", "127.0.0.1:0", 1000
	c.LinesPerMinute, c.LinesBurst, c.GuestLinesPerMinute, c.GuestLinesBurst = 1e6, 1e5, 1e6, 1e5
	c.RegistrationTimeout = config.D(time.Minute)
	room := ircd.New(c, ircd.Deps{Members: members, Guard: guess.New(d, keys, time.Now, slog.New(slog.DiscardHandler)), Rates: rates.New(time.Now), Events: events, Channels: irc.NewStore(d, events, ban.NewStore(d, events, keys, time.Now), time.Now),
		History: irc.NewHistory(d, events, time.Now, c.Retention()), Clock: time.Now, Log: slog.New(slog.DiscardHandler),
		Metrics: prometheus.NewRegistry(), SiteName: "load", DataDir: t.TempDir()})
	ctx, stop := context.WithCancel(t.Context())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- room.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-ready:
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	s.tls, s.plain = room.Addrs()
	return s
}

// TestMeasureOurs makes every measurement of our network, with few clients.
func TestMeasureOurs(t *testing.T) {
	t.Parallel()
	o, s := small(t), ours(t, true)
	for _, secure := range []bool{false, true} {
		if _, err := idle(t.Context(), o, s, secure, 20); err != nil {
			t.Errorf("idle, TLS %v: %v", secure, err)
		}
		st, err := storm(t.Context(), o, s, secure, testMembers)
		if err != nil || st.logins <= 0 || st.in <= 0 {
			t.Errorf("storm, TLS %v: %+v, %v", secure, st, err)
		}
	}
	f, err := fanOut(t.Context(), o, s, 20)
	if err != nil || f.p50 <= 0 || f.p99 < f.p50 || f.joined <= 0 || f.rss <= 0 {
		t.Errorf("fan-out: %+v, %v", f, err)
	}
	e, err := auditorium(t.Context(), o, ours(t, false), testMembers)
	if err != nil || e.logins <= 0 || e.took <= 0 {
		t.Errorf("auditorium: %+v, %v", e, err)
	}
}

// TestTables runs the tool as it is used, with the servers from Debian.
func TestTables(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short leaves other servers out")
	}
	o := small(t)
	o.idle, o.sizes, o.audience, o.storm = []int{10}, []int{10}, 10, 10
	for name, table := range tables {
		if err := table.rows(t.Context(), o, t.TempDir(), others(o)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, k := range others(o) {
		err := k.inServer(t.Context(), t.TempDir(), func(s *server) error {
			f, err := fanOut(t.Context(), o, s, 10)
			if err == nil && f.p50 <= 0 {
				t.Errorf("%s: %+v", k.name, f)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", k.name, err)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"-members 1", "-members x", "-idle 20000", "-storm 0", "-audience 99999", "-lines 0", "-nothing"} {
		if _, err := parseOptions(strings.Fields(bad)); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// TestOnlyLoopback makes sure that no other address is loaded, and that a server that
// turns clients away is told of.
func TestOnlyLoopback(t *testing.T) {
	t.Parallel()
	o := small(t)
	for _, addr := range []string{"192.0.2.1:6667", "10.0.0.1:6667", "irc.example.org:6667"} {
		c, err := newCrowd(0)
		if err != nil {
			t.Fatal(err)
		}
		if c.connect(t.Context(), o, addr, false, names("x", 2), 1) == nil || c.connect(t.Context(), o, addr, true, names("x", 2), 1) == nil {
			t.Errorf("%s would be loaded", addr)
		}
		c.close()
	}
}
