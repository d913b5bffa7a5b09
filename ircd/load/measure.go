package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// idle measures the memory of idle clients: what the server has with them, less what it had
// before, each once it no longer changes.
func idle(ctx context.Context, o options, s *server, secure bool, n int) (each float64, err error) {
	before, err := s.settled(ctx, o)
	if err != nil {
		return 0, err
	}
	c, err := newCrowd(0)
	if err != nil {
		return 0, err
	}
	defer c.close()
	if err := c.connect(ctx, o, s.door(secure), secure, names("x", n), s.atOnce); err != nil {
		return 0, err
	}
	after, err := s.settled(ctx, o)
	return (after - before) / float64(n), err
}

// fanned is what one size of the channel gave.
type fanned struct {
	joined   time.Duration // until all have heard of all
	p50, p99 float64       // ms from sending to the last receiver
	cpu      time.Duration // for a million deliveries
	rss      float64       // MB
}

// fanOut lets n clients enter one channel and speak in turns, so that no server slows one
// down for saying much.
func fanOut(ctx context.Context, o options, s *server, n int) (f fanned, err error) {
	const channel = "#support" // guests may enter it on ours
	c, err := newCrowd(o.lines)
	if err != nil {
		return f, err
	}
	defer c.close()
	if err := c.connect(ctx, o, s.plain, false, names("x", n), s.atOnce); err != nil {
		return f, err
	}
	begun := time.Now()
	if _, err := c.enter(ctx, o, channel); err != nil {
		return f, err
	}
	if err := c.hear(ctx, o); err != nil {
		return f, err
	}
	f.joined = time.Since(begun)
	if _, err := s.settled(ctx, o); err != nil {
		return f, err
	}
	before, err := s.cpu()
	if err != nil {
		return f, err
	}
	filler := strings.Repeat("x", 180)
	for i := range o.lines {
		c.sent[i] = time.Now()
		c.say(c.clients[i%n], fmt.Sprintf("PRIVMSG %s :%s%d %s\r\n", channel, mark, i, filler))
		time.Sleep(o.pause)
	}
	for i := range o.lines {
		if err := c.until(ctx, o.limit, "delivery", &c.got[i], n-1); err != nil {
			return f, err
		}
	}
	after, err := s.cpu()
	if err != nil {
		return f, err
	}
	delays := make([]float64, o.lines)
	for i := range delays {
		delays[i] = float64(c.last[i].Load()-c.sent[i].UnixNano()) / 1e6
	}
	slices.Sort(delays)
	at := func(share float64) float64 { return delays[int(share*float64(len(delays)-1))] }
	f.p50, f.p99 = at(0.5), at(0.99)
	f.cpu = time.Duration(float64(after-before) * 1e6 / float64(o.lines*(n-1)))
	rss, err := s.rss()
	f.rss = rss / 1024
	return f, err
}

// enter lets all enter a channel at once, and returns how long it takes until the
// last is in.
func (c *crowd) enter(ctx context.Context, o options, channel string) (time.Duration, error) {
	want := int(c.joined.Load()) + len(c.clients)
	begun := time.Now()
	for _, cl := range c.clients {
		c.say(cl, "JOIN "+channel+"\r\n")
	}
	err := c.until(ctx, o.limit, "joining "+channel, &c.joined, want)
	return time.Since(begun), err
}

// entered tells how a crowd came into the auditorium.
type entered struct {
	logins  float64       // a second; 0 where there are none
	loginDB time.Duration // of the database, for all of them
	loginUs time.Duration // of the server, the same
	took    time.Duration
	cpu     time.Duration // of the server
}

// auditorium lets n clients enter one channel where joins and names are hidden, if the
// server has such channels. On ours they log in first, all at once.
func auditorium(ctx context.Context, o options, s *server, n int) (e entered, err error) {
	keeper, err := s.keep(ctx, o)
	if err != nil {
		return e, err
	}
	defer keeper.close()
	c, err := newCrowd(0)
	if err != nil {
		return e, err
	}
	defer c.close()
	if s.key == "" {
		err = c.connect(ctx, o, s.plain, false, names("x", n), s.atOnce)
	} else {
		err = c.logIn(ctx, o, s, n, &e)
	}
	if err != nil {
		return e, err
	}
	before, err := s.cpu()
	if err != nil {
		return e, err
	}
	if e.took, err = c.enter(ctx, o, announce); err != nil {
		return e, err
	}
	after, err := s.cpu()
	e.cpu = after - before
	return e, err
}

// logIn connects members, lets them all show their key at once, and waits until they
// are on the network.
func (c *crowd) logIn(ctx context.Context, o options, s *server, n int, e *entered) error {
	c.hello = request
	if err := c.connect(ctx, o, s.plain, false, names(namePrefix, n), 0); err != nil {
		return err
	}
	if _, err := s.settled(ctx, o); err != nil { // the connections are taken in by then
		return err
	}
	cpu, db, err := s.both()
	if err != nil {
		return err
	}
	begun := time.Now()
	for _, cl := range c.clients {
		c.say(cl, proof(cl.name, s.key))
	}
	if err := c.until(ctx, o.limit, "logging in", &c.loggedIn, n); err != nil {
		return err
	}
	e.logins = float64(n) / time.Since(begun).Seconds()
	cpu2, db2, err := s.both()
	if err != nil {
		return err
	}
	e.loginUs, e.loginDB = cpu2-cpu, db2-db
	for _, cl := range c.clients {
		c.say(cl, "CAP END\r\n")
	}
	return c.until(ctx, o.limit, "registration", &c.welcome, n)
}

// storm tells how a crowd came back after all connections broke.
type stormed struct {
	in      time.Duration // from the break until the last is in its channels
	logins  float64       // a second, from the break until the last is logged in
	cpu, db time.Duration
}

// storm breaks n connections and lets the clients come back at once. On ours they log in
// with SASL and find themselves in the channels of members; elsewhere they don't log in,
// and join as many channels.
func storm(ctx context.Context, o options, s *server, secure bool, n int) (st stormed, err error) {
	keeper, err := s.keep(ctx, o)
	if err != nil {
		return st, err
	}
	defer keeper.close()
	come := func(prefix string, together int) (*crowd, error) {
		c, err := newCrowd(0)
		if err != nil {
			return nil, err
		}
		if s.key != "" {
			c.hello, prefix = asMember(s.key), namePrefix
		} else {
			c.after = "JOIN " + announce + "," + general + "\r\n"
		}
		if err := c.connect(ctx, o, s.door(secure), secure, names(prefix, n), together); err != nil {
			c.close()
			return nil, err
		}
		return c, nil
	}
	in := func(c *crowd) error { return c.until(ctx, o.limit, "entering the channels", &c.joined, 2*n) }
	first, err := come("x", s.atOnce)
	if err != nil {
		return st, err
	}
	err = in(first)
	if err == nil {
		err = first.hear(ctx, o)
	}
	cpu, db, err2 := s.both()
	begun := time.Now()
	first.close()
	if err := errors.Join(err, err2); err != nil {
		return st, err
	}
	back, err := come("y", 0)
	if err != nil {
		return st, err
	}
	defer back.close()
	known := &back.welcome
	if s.key != "" {
		known = &back.loggedIn
	}
	if err := back.until(ctx, o.limit, "coming back", known, n); err != nil {
		return st, err
	}
	st.logins = float64(n) / time.Since(begun).Seconds()
	if err := in(back); err != nil {
		return st, err
	}
	st.in = time.Since(begun)
	cpu2, db2, err := s.both()
	st.cpu, st.db = cpu2-cpu, db2-db
	return st, err
}

// The channels that members of a new site enter by themselves.
const announce, general = "#announce", "#general"

// keep makes a channel an auditorium where that is a mode, and stays in it.
func (s *server) keep(ctx context.Context, o options) (*crowd, error) {
	c, err := newCrowd(0)
	if err != nil || s.auditorium == "" {
		return c, err
	}
	if err := c.connect(ctx, o, s.plain, false, []string{"keeper"}, 1); err != nil {
		return c, err
	}
	if _, err := c.enter(ctx, o, announce); err != nil {
		return c, err
	}
	c.say(c.clients[0], "MODE "+announce+" "+s.auditorium+"\r\n")
	return c, nil
}
