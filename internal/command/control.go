package command

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

// The control socket lets "caduceus do" hand a command to a running program. On
// each connection one request and one response travel, each a line of JSON.
// Whoever can open the socket may do everything: its mode is 0600.
const (
	maxRequest  = 16 << 10
	maxResponse = 1 << 20
	controlIdle = 5 * time.Second  // to send the request, and to read the response
	controlWait = 30 * time.Second // for the whole exchange, at the client
	maxControl  = 16               // connections at once
	// controlDrain is how long commands may go on once the program ends.
	controlDrain = 3 * time.Second
)

// ControlRequest is what a client sends.
type ControlRequest struct {
	Line string `json:"line"`
}

// ControlResponse is the answer. Error and the lines exclude each other; with
// Confirm set nothing was done yet: show it, and send the line Agree to go ahead. With
// Doubt the line may mean something else, so that a person has to agree.
type ControlResponse struct {
	Lines   []string  `json:"lines,omitempty"`
	Private []string  `json:"private,omitempty"`
	Confirm []string  `json:"confirm,omitempty"`
	Agree   string    `json:"agree,omitempty"`
	Doubt   bool      `json:"doubt,omitempty"`
	Error   string    `json:"error,omitempty"`
	Code    core.Code `json:"code,omitempty"`
}

// Err returns the error of a response, nil when there is none.
func (r ControlResponse) Err() error {
	if r.Error == "" {
		return nil
	}
	return core.Errorf(r.Code, "%s", r.Error)
}

// Listen opens the control socket at path, which only this system user can use.
// A socket that a killed program left behind is replaced; one on which a program
// answers is a Conflict.
func Listen(ctx context.Context, path string) (net.Listener, error) {
	dialer := net.Dialer{Timeout: time.Second}
	if c, err := dialer.DialContext(ctx, "unix", path); err == nil {
		return nil, errors.Join(core.Errorf(core.Conflict, "another program answers at %s", path), c.Close())
	}
	// The socket is made in a folder of our own and moved, so that at no time
	// anyone else can open it.
	dir, err := os.MkdirTemp(filepath.Dir(path), ".control-")
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // an empty folder left behind harms nobody
	made := filepath.Join(dir, "s")
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", made)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	return l, nil
}

// Serve answers commands on l as the shell's until ctx ends, and then lets
// running ones finish. It closes l.
func Serve(ctx context.Context, l net.Listener, r *Registry, log *slog.Logger) error {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	group, running := supervise.NewGroup(running)
	defer context.AfterFunc(ctx, func() { time.AfterFunc(controlDrain, cancel) })()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()     // ends Accept
	defer context.AfterFunc(running, func() { _ = l.Close() })() // a panic below ends us
	slots := make(chan struct{}, maxControl)
	var failed error
	for {
		slots <- struct{}{}
		conn, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil {
				failed = fmt.Errorf("control socket: %w", err)
			}
			break
		}
		group.Go(func(ctx context.Context) error {
			defer func() { <-slots }()
			defer func() { _ = conn.Close() }()
			if err := serveOne(ctx, conn, r); err != nil {
				log.Warn("a client of the control socket got no answer", "err", err)
			}
			return nil
		})
	}
	return errors.Join(group.Wait(), failed)
}

func serveOne(ctx context.Context, conn net.Conn, r *Registry) error {
	if err := conn.SetReadDeadline(time.Now().Add(controlIdle)); err != nil {
		return err
	}
	line, err := bufio.NewReaderSize(io.LimitReader(conn, maxRequest), maxRequest).ReadBytes('\n')
	if errors.Is(err, io.EOF) && len(line) == 0 {
		return nil // somebody looked whether we are here
	}
	var req ControlRequest
	if err == nil {
		err = json.Unmarshal(line, &req)
	}
	var resp ControlResponse
	if err != nil {
		resp = ControlResponse{Error: "the request is no line of JSON, or too long", Code: core.Invalid}
	} else {
		resp = execute(ctx, r, req)
	}
	if err := conn.SetWriteDeadline(time.Now().Add(controlIdle)); err != nil {
		return err
	}
	return json.NewEncoder(conn).Encode(resp)
}

// execute runs a request here, without a socket.
func execute(ctx context.Context, r *Registry, req ControlRequest) ControlResponse {
	reply, err := r.Execute(ctx, Request{Actor: Shell(), Line: req.Line})
	if err != nil {
		if core.CodeOf(err) == core.Internal {
			r.deps.Log.Error("a command failed", "via", audit.ViaShell, "err", err)
		}
		text := core.SafeText(err)
		if db.TroubleOf(err) != "" && core.CodeOf(err) == core.Unavailable { // whoever is at the shell keeps the machine
			text += "; " + db.Diagnose(err)
		}
		return ControlResponse{Error: text, Code: core.CodeOf(err)}
	}
	if reply.Pending != nil {
		return ControlResponse{Confirm: reply.Pending.Preview, Agree: confirmWord + " " + reply.Pending.Code, Doubt: reply.Pending.Doubt}
	}
	return ControlResponse{Lines: reply.Lines, Private: reply.Private}
}

// Control runs commands as the shell's, here or in a running program.
type Control interface {
	Do(ctx context.Context, req ControlRequest) (ControlResponse, error)
}

// Local runs commands with a registry of this process.
type Local struct{ Registry *Registry }

// Do implements Control.
func (l Local) Do(ctx context.Context, req ControlRequest) (ControlResponse, error) {
	return execute(ctx, l.Registry, req), nil
}

// Client hands commands to a running program.
type Client struct{ path string }

// Dial looks whether a program answers at path. It returns an error with code
// Unavailable when none does.
func Dial(ctx context.Context, path string) (*Client, error) {
	c := &Client{path: path}
	conn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	return c, conn.Close()
}

func (c *Client) dial(ctx context.Context) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	conn, err := dialer.DialContext(ctx, "unix", c.path)
	if err != nil {
		return nil, core.Wrap(err, core.Unavailable, "no running program answers at "+c.path)
	}
	return conn, nil
}

// Do implements Control.
func (c *Client) Do(ctx context.Context, req ControlRequest) (ControlResponse, error) {
	conn, err := c.dial(ctx)
	if err != nil {
		return ControlResponse{}, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(controlWait)); err != nil {
		return ControlResponse{}, err
	}
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return ControlResponse{}, fmt.Errorf("send the command: %w", err)
	}
	var resp ControlResponse
	if err := json.NewDecoder(io.LimitReader(conn, maxResponse)).Decode(&resp); err != nil {
		return ControlResponse{}, fmt.Errorf("the running program gave no answer; look at the audit log before you try again: %w", err)
	}
	return resp, nil
}
