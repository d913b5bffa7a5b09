package hermes

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/irc"
)

// This file holds all that goes past girc. Left to girc are NICK and USER, reading, taking
// lines apart, calling the handler with one line after the other, and PING both ways.
//
//   - State: tracking is off, since girc would send a WHO for everyone who joins a channel,
//     which floods. Who is where we follow ourselves, in register.go and people.go.
//   - CAP and SASL go with tracking, so registration is ours (register.go). It must begin
//     before girc's NICK and USER: see opened.
//   - Connecting: girc's dialer can't be ended by a context, and gives the TLS handshake no
//     deadline, so girc is handed a connection that stands (dial.go). STS is off, for which
//     girc would dial again by itself. Connecting again is link's work (link.go).
//   - Writing: girc cuts a message longer than 395 bytes in two, and drops lines without an
//     error when the connection is going, so our lines are written by wire.line.
//   - Flood control is off: our lines have an order and a pace of their own (outbox.go).
//   - CTCP is not answered, since anyone could make us flood. girc's handlers are replaced,
//     because they run unprotected and one of them panics when the connection ends under
//     it; and wire.Write leaves out any answer that is written all the same.
//   - A nick that is taken: girc's handler panics without tracking. Ours does the work
//     (onNickTaken), and recovered passes over the panic.

// newClient makes a girc client that hands every line to s.
func newClient(nick string, s *session) *girc.Client {
	client := girc.New(girc.Config{
		Server: "irc", Port: 1, // unused: the dialer has the connection already
		Nick: nick, User: "hermes", Name: "announces and commands",
		AllowFlood: true, DisableSTS: true, PingDelay: pingEvery, PingTimeout: pingLimit,
		RecoverFunc: s.recovered, Debug: io.Discard,
	})
	client.DisableTracking()
	for _, query := range []string{girc.CTCP_PING, girc.CTCP_PONG, girc.CTCP_VERSION, girc.CTCP_SOURCE, girc.CTCP_TIME, girc.CTCP_FINGER} {
		client.CTCP.Set(query, func(*girc.Client, girc.CTCPEvent) {})
	}
	client.Handlers.Add(girc.ALL_EVENTS, func(_ *girc.Client, e girc.Event) { s.handle(e) })
	return client
}

// recovered is told of panics in handlers of events.
func (s *session) recovered(_ *girc.Client, e *girc.HandlerError) {
	switch e.Event.Command {
	case girc.ERR_NICKNAMEINUSE, girc.ERR_NICKCOLLISION, girc.ERR_UNAVAILRESOURCE:
		return // girc's own handler for a taken nick panics without tracking; ours did the work
	}
	s.log.Error("panic while handling a line from IRC", "command", e.Event.Command, "panic", fmt.Sprint(e.Panic), "stack", string(e.Stack))
	_ = s.wire.Close() // ends the session; its lock may be held by the one who panicked
}

// opened is a girc.Dialer that hands out a connection that stands already, and
// begins the negotiation of capabilities: without tracking girc begins with NICK
// and USER, after which a server could welcome us without it.
type opened struct {
	wire     *wire
	password string // of the server; "" for none
}

// Dial implements girc.Dialer.
func (o opened) Dial(string, string) (net.Conn, error) {
	if o.password != "" {
		if err := o.wire.line(girc.PASS, o.password); err != nil {
			return nil, err
		}
	}
	return o.wire, o.wire.line("CAP", "LS", "302")
}

const writeLimit = 10 * time.Second

// wire is the connection under girc. We write our own lines straight to it.
type wire struct {
	net.Conn
	mu sync.Mutex // one line at a time
}

// Write is for girc, which hands over whole lines. Its answers to CTCP queries
// are left out: anyone could make us flood with them.
func (w *wire) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("NOTICE ")) {
		return len(p), nil
	}
	return w.write(p)
}

// answer writes one line of ours that answers a message, or none where its id is "".
func (w *wire) answer(id, command string, params ...string) error {
	if id != "" {
		command = "@" + irc.ReplyTag + "=" + id + " " + command
	}
	return w.line(command, params...)
}

// line writes one line of ours. Control characters in params, which would end or
// split it, are an error.
func (w *wire) line(command string, params ...string) error {
	text := command
	for i, p := range params {
		if i == len(params)-1 {
			text += " :" + p
		} else {
			text += " " + p
		}
	}
	if strings.ContainsAny(text, "\r\n\x00") {
		return errors.New("a line end inside a line")
	}
	_, err := w.write([]byte(text + "\r\n"))
	return err
}

func (w *wire) write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}
