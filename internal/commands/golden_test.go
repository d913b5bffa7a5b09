package commands_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

var update = flag.Bool("update", false, "write commands.txt as it is now")

const goldenFile = "commands.txt"

// TestCommandsTxt holds the list of all commands against commands.txt, the list
// that a reader opens first. go test -run CommandsTxt -update writes it.
func TestCommandsTxt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dbtest.SQLite(t))
	got := table(w.All())
	if *update {
		if err := os.WriteFile(goldenFile, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is stale; go test ./internal/commands -run CommandsTxt -update writes it (-file +now):\n%s", goldenFile, diff)
	}
}

func table(all []command.Info) string {
	var b strings.Builder
	b.WriteString(`# All commands: how they are written, who may run them, where they are answered, and
# changes: in the audit log; asks: says first what it would do; approved by another: waits for
# a second member of staff; secret: answered in private.
# Written by: go test ./internal/commands -run CommandsTxt -update
`)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, i := range all {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", i.Usage(), who(i), where(i), flags(i))
	}
	_ = w.Flush() // into memory
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.Join(lines, "\n") + "\n"
}

func who(i command.Info) string {
	switch {
	case i.Guest:
		return "anyone"
	case i.Shell:
		return "the shell"
	case i.Any != nil:
		return strings.Join(permissions(i.Any), " or ")
	case i.Permission == "":
		return "members"
	}
	return string(i.Permission)
}

func permissions(list []core.Permission) []string {
	var out []string
	for _, p := range list {
		out = append(out, string(p))
	}
	return out
}

func where(i command.Info) string {
	switch {
	case i.Form != "":
		return "the site alone"
	case i.Public:
		return "anywhere"
	}
	return "staff, private"
}

func flags(i command.Info) string {
	var out []string
	for _, f := range []struct {
		set  bool
		name string
	}{{i.Changes, "changes"}, {i.Confirms, "asks"}, {i.Approve, "approved by another"}, {i.Secret, "secret"}, {len(i.Aliases) > 0, "also: " + strings.Join(i.Aliases, ", ")}} {
		if f.set {
			out = append(out, f.name)
		}
	}
	return strings.Join(out, ", ")
}
