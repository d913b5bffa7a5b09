package hermes

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/lrstanley/girc"
)

const (
	echoLimit   = 2 * time.Second  // for a line to come back, before we ask
	graceLimit  = time.Second      // for one that comes back after the answer
	answerLimit = 30 * time.Second // for the server to say anything at all: some take a line a second
	drainLimit  = 1500 * time.Millisecond
)

// errRefused says that the server did not deliver a line.
var errRefused = errors.New("the server did not deliver it")

// exchange is a line whose fate somebody waits for.
type exchange struct {
	command string // as it comes back from the server
	channel string // folded
	fate    chan error
	token   string // of the PING
	pong    chan struct{}
}

var barriers atomic.Int64 // numbers the PINGs

// say sends a line to a channel and waits for its fate: nil once the server has
// delivered it, errRefused when it did not, another error when the connection
// ended first and nobody knows. Until the line is written it also ends with ctx;
// after that the end of ctx only makes the wait shorter.
//
// With echo-message the line itself comes back. Without, a PING behind it does:
// when its PONG comes and no error came before it, the line was delivered.
func (s *session) say(ctx context.Context, l lane, command, channel, text string) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	case <-s.gone:
		return errGone
	}
	s.mu.Lock()
	x := &exchange{command: command, channel: s.fold(channel), fate: make(chan error, 1),
		token: "hermes-" + strconv.FormatInt(barriers.Add(1), 10), pong: make(chan struct{}, 1)}
	s.awaited = x
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.awaited = nil
		s.mu.Unlock()
	}()
	if err := s.outbox.send(ctx, l, s.gone, command, channel, text); err != nil {
		return err
	}
	comesBack := command == girc.TOPIC || s.has("echo-message")
	err := s.fate(ctx, x, comesBack)
	if errors.Is(err, errSilent) {
		s.hangUp(err)
	}
	return err
}

var errSilent = errors.New("the server did not answer in time")

func (s *session) fate(ctx context.Context, x *exchange, comesBack bool) error {
	limit := time.NewTimer(answerLimit)
	defer limit.Stop()
	ask := time.NewTimer(echoLimit)
	defer ask.Stop()
	if !comesBack {
		ask.Reset(0)
	}
	var grace <-chan time.Time
	ending := ctx.Done()
	for {
		select {
		case err := <-x.fate:
			return err
		case <-ask.C:
			if err := s.wire.line("PING", x.token); err != nil {
				return errGone
			}
		case <-x.pong:
			if !comesBack {
				return settled(x)
			}
			t := time.NewTimer(graceLimit)
			defer t.Stop()
			grace = t.C
		case <-grace:
			return fmt.Errorf("%w: it never came back", errRefused)
		case <-ending:
			ending = nil
			limit.Reset(drainLimit)
		case <-limit.C:
			return errSilent
		case <-s.gone:
			return errGone
		}
	}
}

// settled is the fate when the PONG has come: an error just before it counts.
func settled(x *exchange) error {
	select {
	case err := <-x.fate:
		return err
	default:
		return nil
	}
}

// onAnswer checks whether a line from the server decides the awaited exchange.
func (s *session) onAnswer(e girc.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.awaited
	if x == nil {
		return
	}
	switch {
	case e.Command == girc.PONG && e.Last() == x.token:
		select {
		case x.pong <- struct{}{}:
		default: // a second one
		}
	case e.Command == x.command && e.Source != nil && s.fold(e.Source.Name) == s.fold(s.nick) &&
		len(e.Params) >= 2 && s.fold(e.Params[0]) == x.channel && !inHistory(e):
		x.decide(nil)
	case s.refuses(e, x):
		x.decide(fmt.Errorf("%w: %s %s", errRefused, e.Command, e.Last()))
	}
}

func (x *exchange) decide(err error) {
	select {
	case x.fate <- err:
	default: // it was decided already
	}
}

// refuses reports whether e is an error about the channel, or about a line in
// general (RFC 2812 section 5.2; 417 of IRCv3; standard replies). Hold mu.
func (s *session) refuses(e girc.Event, x *exchange) bool {
	if e.Command == "FAIL" && len(e.Params) > 0 && e.Params[0] == girc.PRIVMSG {
		return true
	}
	n, err := strconv.Atoi(e.Command)
	if err != nil || len(e.Command) != 3 || n < 400 || n > 599 {
		return false
	}
	switch e.Command {
	case "411", "412", "417":
		return true
	case "421", "461":
		return s.foreign == nil
	}
	if s.foreign != nil && !slices.Contains(refusals[x.command], e.Command) {
		return false
	}
	for _, p := range e.Params[:max(len(e.Params)-1, 0)] {
		if s.fold(p) == x.channel {
			return true
		}
	}
	return false
}

// refusals are the errors that answer a command of ours on a foreign network, where other
// lines of ours are under way at the same time.
var refusals = map[string][]string{
	girc.PRIVMSG: {"401", "403", "404", "408", "442", "477", "489"},
	girc.TOPIC:   {"403", "442", "482"},
}

func inHistory(e girc.Event) bool {
	_, ok := e.Tags.Get("batch")
	return ok
}
