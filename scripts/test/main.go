// Command test runs go test with the given arguments, beside one MariaDB server for
// the tests of all packages. It shows what failed and go test's own closing line of
// each package.
//
// No test is skipped silently: each skip is shown, and with CI=true in the
// environment it fails the run.
//
// Concurrency: one goroutine reads while go test runs.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "test:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	if os.Getenv(dbtest.SocketVariable) == "" {
		server, err := dbtest.StartServer()
		if err != nil {
			return fmt.Errorf("MariaDB for the tests: %w", err)
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		if err := os.Setenv(dbtest.SocketVariable, server.Socket); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	skipped, readErr := show(pipe, out)
	if err := errors.Join(cmd.Wait(), readErr); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	if len(skipped) > 0 {
		_, _ = fmt.Fprintf(out, "%d skipped: %s\n", len(skipped), strings.Join(skipped, ", "))
		if os.Getenv("CI") == "true" {
			return errors.New("tests were skipped, which CI=true does not allow")
		}
	}
	return nil
}

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output string
}

// show copies the events that matter to out and returns the skipped tests.
func show(events io.Reader, out io.Writer) (skipped []string, err error) {
	said := map[[2]string]*strings.Builder{} // of tests that have not ended
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return skipped, nil
		}
		if err != nil {
			return skipped, err
		}
		var e event
		if json.Unmarshal(line, &e) != nil {
			_, _ = out.Write(line) // go itself, such as on a flag it does not know
			continue
		}
		test := [2]string{e.Package, e.Test}
		switch {
		case e.Action == "build-output", e.Action == "output" && e.Test == "" && e.Output != "PASS\n":
			_, _ = io.WriteString(out, e.Output)
		case e.Action == "output" && e.Test != "":
			if said[test] == nil {
				said[test] = &strings.Builder{}
			}
			said[test].WriteString(e.Output)
		case e.Action == "skip" && e.Test != "":
			skipped = append(skipped, e.Package+"."+e.Test)
			tell(out, said[test])
			delete(said, test)
		case e.Action == "fail" && e.Test != "":
			tell(out, said[test])
			delete(said, test)
		case e.Action == "pass" && e.Test != "":
			delete(said, test)
		case e.Action == "fail": // the package: tests that a panic or a time-out cut off
			for k, text := range said {
				if k[0] == e.Package {
					tell(out, text)
					delete(said, k)
				}
			}
		}
	}
}

// tell writes what a test printed, without the lines that go test itself adds.
func tell(out io.Writer, text *strings.Builder) {
	if text == nil {
		return
	}
	for line := range strings.Lines(text.String()) {
		if !strings.HasPrefix(line, "=== ") {
			_, _ = io.WriteString(out, line)
		}
	}
}
