package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/caduceus-bio/caduceus/house"
)

// invoke runs the program's command line in this process.
func invoke(t *testing.T, args ...string) error {
	t.Helper()
	var c cli
	parser, err := kong.New(&c)
	if err != nil {
		t.Fatal(err)
	}
	k, err := parser.Parse(args)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	return k.Run(&c.globals)
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// TestNothingIsMade runs each command that is for a site that is there where none is.
func TestNothingIsMade(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	socket := filepath.Join(dir, "var", "control.sock")
	for _, tt := range []struct {
		args []string
		says []string // nil: it succeeds
	}{
		{[]string{"do", "help"}, []string{socket, filepath.Join(dir, "var", "caduceus.db"), "no " + filepath.Join(dir, "caduceus.toml"), "--config", "CADUCEUS_HOUSE_DATA_DIR", "caduceus init"}},
		{[]string{"do", "--yes", "member", "create", "alice"}, []string{socket, "nothing was done"}},
		{[]string{"migrate"}, []string{filepath.Join(dir, "var", "caduceus.db"), "nothing was done"}},
		{[]string{"reshard", ":0123456789abcdef:" + dir + "/tracker"}, []string{"MariaDB"}},
		{[]string{"check-config"}, nil},
		{[]string{"version"}, nil},
	} {
		err := invoke(t, tt.args...)
		if (err != nil) != (tt.says != nil) {
			t.Errorf("%q: %v", tt.args, err)
			continue
		}
		for _, part := range tt.says {
			if !strings.Contains(explain(err), part) {
				t.Errorf("%q does not say %q:\n%s", tt.args, part, explain(err))
			}
		}
		if made := entries(t, dir); made != nil {
			t.Fatalf("%q made %q", tt.args, made)
		}
	}
	t.Setenv("CADUCEUS_DATABASE_ENGINE", "mariadb")
	t.Setenv("CADUCEUS_DATABASE_ADDRESS", filepath.Join(dir, "nobody.sock"))
	for says, args := range map[string][]string{
		"no folder " + dir + "/tracker": {"reshard", "::" + dir + "/tracker", "a:0123456789abcdef:" + dir + "/a"},
		"site key":                      {"do", "help"},
	} {
		if err := invoke(t, args...); err == nil || !strings.Contains(explain(err), says) {
			t.Errorf("%q on MariaDB: %v", args, err)
		}
	}
	if made := entries(t, dir); made != nil {
		t.Errorf("on MariaDB %q was made", made)
	}
}

// TestCommandsOnASiteThatStands makes a site, and then runs commands on it without a
// program.
func TestCommandsOnASiteThatStands(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, args := range [][]string{{"init"}, {"do", "member", "create", "alice"}, {"migrate"}, {"do", "member", "show", "alice"}} {
		if err := invoke(t, args...); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
	}
	if made := entries(t, dir); len(made) != 1 || made[0] != "var" {
		t.Errorf("beside the data directory there is %q", made)
	}
	// From another folder, by its name.
	t.Chdir(t.TempDir())
	t.Setenv("CADUCEUS_HOUSE_DATA_DIR", filepath.Join(dir, "var"))
	if err := invoke(t, "do", "member", "show", "alice"); err != nil {
		t.Error(err)
	}
}

// TestTheDemosOwnLine reaches the demo with the line that it prints.
func TestTheDemosOwnLine(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	s, err := house.Load("")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.CommandLine("help"), os.Args[0]+" do help"; got != want {
		t.Errorf("serve prints %q, want %q", got, want)
	}
	demo := demoCmd{Dir: "var/a demo"}
	demo.adapt(&s)
	want := "CADUCEUS_HOUSE_DATA_DIR='" + filepath.Join(dir, "var", "a demo") + "' " + os.Args[0] + " do help"
	if got := s.CommandLine("help"); got != want {
		t.Errorf("the demo prints\n%s\nwant\n%s", got, want)
	}
	t.Setenv("CADUCEUS_HOUSE_DATA_DIR", filepath.Join(dir, "var", "a demo"))
	meant, err := house.Load("")
	if err != nil || meant.House.Socket() != filepath.Join(dir, s.House.Socket()) {
		t.Errorf("the line reaches %s, the demo is at %s: %v", meant.House.Socket(), s.House.Socket(), err)
	}
	file := filepath.Join(dir, "other.toml")
	if err := os.WriteFile(file, []byte("[house]\ndata_dir = \"elsewhere\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Unsetenv("CADUCEUS_HOUSE_DATA_DIR"); err != nil { // t.Setenv sets it back
		t.Fatal(err)
	}
	named, err := house.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := named.CommandLine("help"), os.Args[0]+" --config "+file+" do help"; got != want {
		t.Errorf("with a file it prints %q, want %q", got, want)
	}
}
