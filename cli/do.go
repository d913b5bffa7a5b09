package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/house"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

type doCmd struct {
	Yes     bool     `short:"y" help:"Don't ask before a command that destroys something or touches many."`
	Command []string `arg:"" passthrough:"" help:"The command and its arguments; \"help\" lists them."`
}

// Run runs one staff command with every permission: whoever may run this program
// on this machine with its secrets is trusted.
func (c *doCmd) Run(g *globals) error {
	s, err := g.settings()
	if err != nil {
		return err
	}
	ctx, stop := house.UntilSignal(os.Stderr)
	defer stop()
	ctl, done, err := control(ctx, s)
	if err != nil {
		return err
	}
	defer done()
	return runCommand(ctx, ctl, command.Join(c.Command), c.Yes, os.Stdin, os.Stdout)
}

// openTime is how long a command waits for a database.
const openTime = 15 * time.Second

// control reaches the running program through its socket. Where none runs, it
// opens the database itself. It makes none: what it was to do is meant for a site that
// is there.
func control(ctx context.Context, s house.Settings) (command.Control, func(), error) {
	remote, err := command.Dial(ctx, s.House.Socket())
	if err == nil {
		return remote, func() {}, nil
	}
	if core.CodeOf(err) != core.Unavailable {
		return nil, nil, err
	}
	opening, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	h, err := house.Open(opening, s, false)
	if err != nil {
		return nil, nil, err
	}
	if err := h.CheckSetUp(opening); err != nil {
		h.Close()
		return nil, nil, err
	}
	if s.Database.Engine == db.SQLite { // elsewhere it is the usual way
		_, _ = fmt.Fprintf(os.Stderr, "No program answers at %s, so this is done on its database, %s.\n", s.House.Socket(), s.Database.Path)
	}
	return command.Local{Registry: h.Commands}, h.Close, nil
}

func runCommand(ctx context.Context, ctl command.Control, line string, yes bool, in io.Reader, out io.Writer) error {
	res, err := ctl.Do(ctx, command.ControlRequest{Line: line})
	for err == nil && res.Confirm != nil {
		if !yes || res.Doubt {
			printLines(out, res.Confirm)
		}
		switch {
		case yes && res.Doubt:
			return errors.New("nothing was done: put options before the text, or -- between them and a text that holds such a word")
		case !yes && !agreed(in, out):
			return errors.New("nothing was done")
		}
		// It is asked again when things have changed in the meantime.
		res, err = ctl.Do(ctx, command.ControlRequest{Line: res.Agree})
	}
	if err != nil {
		return err
	}
	printLines(out, res.Lines)
	printLines(out, res.Private)
	return res.Err()
}

func agreed(in io.Reader, out io.Writer) bool {
	_, _ = fmt.Fprint(out, "Type yes to do it: ")
	answer, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && answer == "" {
		_, _ = fmt.Fprintln(out, "\n(no answer; pass --yes to go ahead without one)")
		return false
	}
	return strings.EqualFold(strings.TrimSpace(answer), "yes")
}

func printLines(out io.Writer, lines []string) {
	for _, l := range lines {
		_, _ = fmt.Fprintln(out, l)
	}
}
