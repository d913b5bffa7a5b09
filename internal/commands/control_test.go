package commands_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// serve runs a control socket until the test ends or stop is called.
func serve(t *testing.T, w *world) (path string, stop func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "control.sock")
	l, err := command.Listen(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- command.Serve(ctx, l, w.Registry, slog.New(slog.DiscardHandler)) }()
	stop = func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("serve: %v", err)
			}
			ended <- nil
		case <-time.After(5 * time.Second):
			t.Error("the control socket did not end")
		}
	}
	t.Cleanup(stop)
	return path, stop
}

func TestControlSocket(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	w.join(t, "bob", "User")
	path, stop := serve(t, w)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, %v", info.Mode(), err)
	}
	if _, err := command.Listen(t.Context(), path); core.CodeOf(err) != core.Conflict {
		t.Errorf("a second program: %v", err)
	}
	client, err := command.Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []command.Control{client, command.Local{Registry: w.Registry}} {
		do := func(req command.ControlRequest) command.ControlResponse {
			resp, err := c.Do(t.Context(), req)
			if err != nil {
				t.Fatalf("%+v: %v", req, err)
			}
			return resp
		}
		has(t, do(command.ControlRequest{Line: "member show bob"}).Lines, "bob, id")
		ask := do(command.ControlRequest{Line: "member announcekey bob"})
		has(t, ask.Confirm, "every .torrent")
		if key := do(command.ControlRequest{Line: ask.Agree}); len(key.Private) != 1 || len(key.Lines) != 1 {
			t.Errorf("a secret answer: %+v", key)
		}
		resp := do(command.ControlRequest{Line: "dance"})
		if core.CodeOf(resp.Err()) != core.NotFound || resp.Lines != nil {
			t.Errorf("got %+v", resp)
		}
		resp = do(command.ControlRequest{Line: "member disable bob gone"})
		has(t, resp.Confirm, "would disable bob")
		resp = do(command.ControlRequest{Line: resp.Agree})
		has(t, resp.Lines, "bob is disabled")
		do(command.ControlRequest{Line: "member enable bob"})
	}
	stop()
	if _, err := command.Dial(t.Context(), path); core.CodeOf(err) != core.Unavailable {
		t.Errorf("after the end: %v", err)
	}
	if l, err := command.Listen(t.Context(), path); err != nil { // the socket left behind is in nobody's way
		t.Errorf("after a killed program: %v", err)
	} else {
		_ = l.Close()
	}
}

func TestControlSocketRefusesNonsense(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	path, _ := serve(t, w)
	for _, sent := range []string{"member show bob\n", "{\"line\": 3}\n", strings.Repeat("x", (16<<10)+10)} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		_, werr := io.WriteString(conn, sent)
		answer, rerr := io.ReadAll(conn)
		// An over-long request may be cut off while it is sent.
		if err := errors.Join(werr, rerr); err != nil && len(sent) < (16<<10) {
			t.Errorf("%.20q: %v", sent, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if len(sent) < (16<<10) && !strings.Contains(string(answer), "no line of JSON") {
			t.Errorf("%.20q: %q", sent, answer)
		}
	}
	if rows := w.rows(t); len(rows) != 0 {
		t.Errorf("something happened: %q", rows)
	}
}

// TestPreviewHoldsOnEveryFace promotes bob between the preview and the word to go ahead, on
// each face: nothing is done, and it is asked again or refused.
func TestPreviewHoldsOnEveryFace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "sys", "Sysop")
		w.join(t, "bob", "User")
		class := func(name string) {
			t.Helper()
			if err := w.deps.Members.SetClass(t.Context(), w.members["bob"].Member.ID, name); err != nil {
				t.Fatal(err)
			}
		}
		irc, site := w.actor(t, "sys"), w.actor(t, "sys")
		site.Via = audit.ViaSite
		shell := command.Local{Registry: w.Registry}
		for face, ask := range map[string]func(line string) (preview []string, agree string){
			"irc": func(line string) ([]string, string) {
				a := w.do(t, irc, line)
				return a.Pending.Preview, "confirm " + a.Pending.Code
			},
			"site": func(line string) ([]string, string) {
				req := command.Request{Actor: site, Line: line}
				if !strings.HasPrefix(line, "confirm") {
					req = command.Request{Actor: site, Command: "member disable", Given: map[string]string{"name": "bob", "reason": "x"}}
				}
				a, err := w.Execute(t.Context(), req)
				if err != nil || a.Pending == nil {
					t.Fatalf("%+v, %v", a, err)
				}
				return a.Pending.Preview, "confirm " + a.Pending.Code
			},
			"shell": func(line string) ([]string, string) {
				resp, err := shell.Do(t.Context(), command.ControlRequest{Line: line})
				if err != nil || resp.Err() != nil {
					t.Fatal(err, resp.Err())
				}
				return resp.Confirm, resp.Agree
			},
		} {
			class("User")
			preview, agree := ask("member disable bob x")
			has(t, preview, "would disable bob")
			class("Elite")
			again, _ := ask(agree)
			if len(again) == 0 || !strings.Contains(strings.Join(again, " "), "changed") || !strings.Contains(strings.Join(again, " "), "Elite") {
				t.Errorf("%s: not asked again: %q", face, again)
			}
			if m, err := w.deps.Members.ByName(t.Context(), "bob"); err != nil || !m.Enabled() {
				t.Fatalf("%s: disabled all the same: %v", face, err)
			}
		}
	})
}
