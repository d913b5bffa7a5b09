package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/caduceus-bio/caduceus"

// rooms are the services. None imports another; house alone knows them.
var rooms = []string{"tracker", "site", "hermes", "ircd", "jobs"}

// storeys gives each package of internal/ its place. A package imports only from
// storeys below its own. One that is missing here fails the test: decide where
// it stands before it is used.
var storeys = map[string]int{
	"internal/core":      0,
	"internal/core/text": 0,
	"internal/gauge":     0,

	"internal/db":         1,
	"internal/eventlog":   1,
	"internal/config":     1,
	"internal/secret":     1,
	"internal/supervise":  1,
	"internal/metainfo":   1,
	"internal/proxyproto": 1,

	"internal/audit":    2,
	"internal/guess":    2,
	"internal/member":   2,
	"internal/catalog":  2,
	"internal/economy":  2,
	"internal/client":   2,
	"internal/irc":      2,
	"internal/schedule": 2,
	"internal/transfer": 2,

	"internal/command": 3,
}

// sideways are the arrows within one storey that the house allows, each with
// its reason.
var sideways = map[[2]string]string{
	{"internal/eventlog", "internal/db"}: "the outbox is written in the caller's transaction",
}

// onItsOwn are the packages that stand on the standard library alone, and what
// else each may import of others' packages.
var onItsOwn = map[string][]string{
	"internal/core":      nil,
	"internal/core/text": {"golang.org/x/text/unicode/norm"},
}

// Packages that stand outside the storeys.
const (
	migrations = "migrations"         // embedded SQL, no code: internal/db alone reads it
	testAid    = "internal/db/dbtest" // only tests import it
	endToEnd   = "e2e"                // tests of the whole program and their helpers
	tools      = "scripts"            // programs for those who work on this one
	demoDir    = "demo"               // the scratch instance of caduceus demo: cli alone imports it
	houseDir   = "house"              // runs the rooms
	cliDir     = "cli"                // the subcommands
)

// listed is what go list tells of one package.
type listed struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// TestImportLaw fails on every arrow that the plan of the house does not allow.
func TestImportLaw(t *testing.T) {
	t.Parallel()
	missing := maps.Clone(storeys)
	for _, p := range listPackages(t) {
		from := local(p.ImportPath)
		delete(missing, from)
		for _, path := range p.Imports {
			if why := forbidden(from, path, false); why != "" {
				t.Errorf("%s imports %s: %s", from, local(path), why)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if why := forbidden(from, path, true); why != "" {
				t.Errorf("a test of %s imports %s: %s", from, local(path), why)
			}
		}
	}
	for pkg := range missing {
		t.Errorf("%s has a place in the house and does not exist", pkg)
	}
}

// TestImportLawRefuses makes sure that the law above can fail.
func TestImportLawRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		from, to string
		inTest   bool
		allowed  bool
	}{
		{"main", "cli", false, true},
		{"cli", "house", false, true},
		{"cli", "internal/command", false, true},
		{"cli", "demo", false, true},
		{"house", "tracker", false, true},
		{"house", "internal/command", false, true},
		{"main", "house", false, false},
		{"main", "tracker", false, false},
		{"main", "demo", false, false},
		{"cli", "tracker", false, false},
		{"house", "cli", false, false},
		{"house", "demo", false, false},
		{"tracker", "house", false, false},
		{"internal/command", "house", true, false},
		{"demo", "cli", false, false},
		{"tracker", "tracker/swarm", false, true},
		{"tracker", "internal/command", false, true},
		{"internal/command", "internal/member", false, true},
		{"internal/eventlog", "internal/db", false, true},
		{"internal/member", "internal/db/dbtest", true, true},
		{"tracker", "internal/db/dbtest", true, true},
		{"demo", "internal/command", false, true},
		{"demo", "tracker", false, false},
		{"site", "demo", false, false},
		{"tracker", "hermes", false, false},
		{"tracker", "hermes", true, false},
		{"site", "tracker/swarm", false, false},
		{"internal/command", "site", false, false},
		{"internal/member", "internal/catalog", false, false},
		{"internal/member", "internal/command", false, false},
		{"internal/db", "internal/eventlog", false, false},
		{"internal/core", "internal/config", false, false},
		{"internal/core", "golang.org/x/text/unicode/norm", false, false},
		{"internal/core/text", "golang.org/x/text/unicode/norm", false, true},
		{"internal/core/text", "golang.org/x/text/cases", false, false},
		{"internal/core", "internal/core/text", false, false},
		{"internal/member", "internal/core/text", false, true},
		{"internal/member", "internal/db/dbtest", false, false},
		{"internal/newcomer", "internal/core", false, false},
		{"internal/member", "internal/newcomer", false, false},
		{"somewhere", "internal/core", false, false},
		{"site", "migrations", false, false},
		{"site", "e2e", true, false},
	}
	for _, tt := range tests {
		to := tt.to
		if !strings.Contains(to, ".") {
			to = module + "/" + to
		}
		if why := forbidden(tt.from, to, tt.inTest); (why == "") != tt.allowed {
			t.Errorf("%s -> %s (test: %v): %q, want allowed: %v", tt.from, tt.to, tt.inTest, why, tt.allowed)
		}
	}
}

func listPackages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, p)
	}
	if !slices.ContainsFunc(all, func(p listed) bool { return local(p.ImportPath) == "internal/core" }) {
		t.Fatalf("go list found %d packages and not internal/core among them", len(all))
	}
	return all
}

// local is the path of a package within the module: "main" for its root, the
// whole path for a package of somebody else.
func local(path string) string {
	if path == module {
		return "main"
	}
	return strings.TrimPrefix(path, module+"/")
}

// forbidden says why the package from may not import path, or "".
func forbidden(from, path string, inTest bool) string {
	to := local(path)
	if why := unplaced(from); why != "" {
		return why
	}
	if to == path { // not ours
		allowed, strict := onItsOwn[from]
		if strict && !inTest && strings.Contains(strings.SplitN(path, "/", 2)[0], ".") && !slices.Contains(allowed, path) {
			return from + " stands on the standard library alone"
		}
		return ""
	}
	if why := unplaced(to); why != "" {
		return why
	}
	switch {
	case from == to: // an external test of the package itself
		return ""
	case to == "main":
		return "nothing imports the front door"
	case inside(to, tools):
		return "tools are programs of their own"
	case inside(to, endToEnd):
		if inside(from, endToEnd) {
			return ""
		}
		return "end-to-end helpers are for end-to-end tests"
	case to == testAid:
		if inTest || inside(from, endToEnd) || inside(from, tools) {
			return ""
		}
		return "only tests may import it"
	case to == migrations:
		if from == "internal/db" || inTest {
			return ""
		}
		return "internal/db alone reads the migrations"
	case inside(to, demoDir):
		if from == cliDir || inside(from, demoDir) {
			return ""
		}
		return "only cli shows the demonstration"
	case from == "main":
		if to == cliDir {
			return ""
		}
		return "the front door only hands over to cli"
	case to == cliDir:
		return "only the front door imports cli"
	case to == houseDir:
		if from == cliDir {
			return ""
		}
		return "only cli imports house"
	case room(to) != "":
		if from == houseDir || room(from) == room(to) {
			return ""
		}
		return "only house and the room itself import a room"
	case from == migrations:
		return "migrations hold data, no code"
	case from == testAid:
		return aboveOnly(2, to, inTest)
	}
	if height, ok := storeys[from]; ok {
		if _, ok := sideways[[2]string{from, to}]; ok {
			return ""
		}
		return aboveOnly(height, to, inTest)
	}
	return "" // cli, house, a room, the demonstration or an end-to-end test: any storey of internal/
}

// aboveOnly allows a package at height to import to only from below. A test may
// also use its neighbours to set up what it needs.
func aboveOnly(height int, to string, inTest bool) string {
	if storeys[to] < height || inTest && storeys[to] == height {
		return ""
	}
	return fmt.Sprintf("storey %d may not import storey %d", height, storeys[to])
}

// unplaced says that the plan of the house does not know a package.
func unplaced(pkg string) string {
	_, known := storeys[pkg]
	if known || pkg == "main" || pkg == cliDir || pkg == houseDir || pkg == migrations || pkg == testAid || room(pkg) != "" || inside(pkg, endToEnd) || inside(pkg, demoDir) ||
		inside(pkg, tools) {
		return ""
	}
	return pkg + " has no place in the house: give it one in imports_test.go"
}

func room(pkg string) string {
	for _, r := range rooms {
		if inside(pkg, r) {
			return r
		}
	}
	return ""
}

func inside(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }
