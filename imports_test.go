package main

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
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
	law := readLaw(t)
	missing := maps.Clone(law.storeys)
	for _, p := range listPackages(t) {
		from := local(p.ImportPath)
		delete(missing, from)
		for _, path := range p.Imports {
			if why := law.forbidden(from, path, false); why != "" {
				t.Errorf("%s imports %s: %s", from, local(path), why)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if why := law.forbidden(from, path, true); why != "" {
				t.Errorf("a test of %s imports %s: %s", from, local(path), why)
			}
		}
		if why := law.unplaced(from); why != "" {
			t.Error(why)
		}
	}
	for pkg := range missing {
		t.Errorf("%s has a storey in %s and does not exist", pkg, tableFile)
	}
}

// arrows are imports and what the law says of them.
var arrows = []struct {
	from, to string
	inTest   bool
	allowed  bool
}{
	// The front door, the subcommands, the house.
	{"main", "cli", false, true},
	{"cli", "house", false, true},
	{"cli", "internal/command", false, true},
	{"cli", "demo", false, true},
	{"house", "tracker", false, true},
	{"house", "internal/command", false, true},
	{"house", "internal/command/members", false, true},
	{"main", "house", false, false},
	{"main", "tracker", false, false},
	{"main", "demo", false, false},
	{"cli", "tracker", false, false},
	{"cli", "main", false, false},
	{"house", "main", true, false},
	{"house", "cli", false, false},
	{"house", "demo", false, false},
	{"house", "tracker/swarm", false, false},
	{"house", "site/account", false, false},
	{"tracker", "main", false, false},
	{"tracker", "cli", false, false},
	{"tracker", "house", false, false},
	{"site/staff", "house", false, false},
	{"internal/db", "main", false, false},
	{"internal/db", "cli", true, false},
	{"internal/command", "house", true, false},
	{"internal/command/members", "house", false, false},
	{"e2e", "house", true, false},
	{"demo", "cli", false, false},
	{"demo", "house", false, false},

	// Rooms.
	{"tracker", "tracker/swarm", false, true},
	{"tracker", "internal/command", false, true},
	{"ircd", "ircd/conn", false, true},
	{"tracker", "hermes", false, false},
	{"tracker", "hermes", true, false},
	{"site", "tracker/swarm", false, false},
	{"hermes", "site/web", false, false},
	{"jobs", "ircd/conn", false, false},
	{"internal/command", "site", false, false},

	// Wings of the site.
	{"site", "site/web", false, true},
	{"site", "site/account", false, true},
	{"site", "site/api/v1", false, true},
	{"site/account", "site/web", false, true},
	{"site/account", "site/web/form", false, true},
	{"site/account", "site/assets", false, true},
	{"site/account", "site/account/parts", false, true},
	{"site/account", "internal/member", false, true},
	{"site/web", "site/assets", false, true},
	{"site/web", "site/web/form", false, true},
	{"site/api/v1", "site/web", false, true},
	{"site/api/v1", "site/api", false, true},
	{"site/account", "site/catalog", false, false},
	{"site/account", "site/catalog", true, false},
	{"site/account", "site/catalog/parts", false, false},
	{"site/account", "site", false, false},
	{"site/account", "hermes", false, false},
	{"site/newwing", "site/account", false, false},
	{"site/account", "site/newwing", false, false},
	{"site/api/v1", "site/api/gazelle", false, false},
	{"site/api", "site/api/v1", false, false},
	{"site/api/torznab", "site/catalog", false, false},
	{"site/web", "site/account", false, false},
	{"site/web/form", "site/account", false, false},
	{"site/web", "site", false, false},
	{"site/assets", "site/web", false, false},
	{"site", "site/sitetest", true, true},
	{"site/account", "site/sitetest", true, true},
	{"site/sitetest", "site", false, true},
	{"site/account", "site/sitetest", false, false},
	{"site/web", "github.com/gin-gonic/gin", false, true},
	{"site/account", "github.com/gin-gonic/gin", false, false},
	{"site/account", "github.com/gin-gonic/gin", true, false},
	{"site", "site/sitetest", false, false},

	// The command engine and its families.
	{"internal/command/members", "internal/command", false, true},
	{"internal/command/members", "internal/member", false, true},
	{"internal/command/members", "internal/command/members/text", false, true},
	{"internal/command/newfamily", "internal/command", false, true},
	{"hermes", "internal/command/members", true, true},
	{"internal/command/commandtest", "internal/command/members", false, true},
	{"internal/command", "internal/command/commandtest", true, true},
	{"internal/command", "internal/command/commandtest", false, false},
	{"internal/command/members", "internal/command/irc", false, false},
	{"internal/command/members", "internal/command/newfamily", true, false},
	{"internal/command", "internal/command/members", false, false},
	{"internal/member", "internal/command/members", false, false},
	{"hermes", "internal/command/members", false, false},
	{"site/staff", "internal/command/members", false, false},
	{"cli", "internal/command/members", false, false},

	// Storeys.
	{"internal/command", "internal/member", false, true},
	{"internal/command", "internal/audit", false, true},
	{"internal/member", "internal/audit", false, true},
	{"internal/member", "internal/guess", false, true},
	{"internal/catalog", "internal/member", false, true},
	{"internal/audit", "internal/db", false, true},
	{"internal/eventlog", "internal/db", false, true},
	{"internal/member", "internal/catalog", true, true},
	{"internal/member", "internal/catalog", false, false},
	{"internal/member", "internal/command", false, false},
	{"internal/audit", "internal/member", false, false},
	{"internal/db", "internal/audit", true, false},
	{"internal/db", "internal/eventlog", false, false},
	{"internal/core", "internal/config", false, false},
	{"internal/core", "golang.org/x/text/unicode/norm", false, false},
	{"internal/core/text", "golang.org/x/text/unicode/norm", false, true},
	{"internal/core/text", "golang.org/x/text/cases", false, false},
	{"internal/core/text", "internal/core", false, true},
	{"internal/core", "internal/core/text", false, false},
	{"internal/newcomer", "internal/core", false, false},
	{"internal/member", "internal/newcomer", false, false},
	{"somewhere", "internal/core", false, false},

	// What stands outside.
	{"internal/member", "internal/db/dbtest", true, true},
	{"tracker", "internal/db/dbtest", true, true},
	{"scripts/docs", "house", false, true},
	{"demo", "internal/command", false, true},
	{"demo", "tracker", false, false},
	{"site", "demo", false, false},
	{"house", "scripts/docs", false, false},
	{"internal/member", "internal/db/dbtest", false, false},
	{"site", "internal/browsertest", true, true},
	{"e2e", "internal/browsertest", true, true},
	{"site", "internal/browsertest", false, false},
	{"site", "migrations", false, false},
	{"site", "e2e", true, false},
}

// TestImportLawRefuses makes sure that the law above can fail.
func TestImportLawRefuses(t *testing.T) {
	t.Parallel()
	law := readLaw(t)
	for _, tt := range arrows {
		to := tt.to
		switch {
		case to == "main":
			to = module
		case !strings.Contains(to, "."):
			to = module + "/" + to
		}
		if why := law.forbidden(tt.from, to, tt.inTest); (why == "") != tt.allowed {
			t.Errorf("%s -> %s (test: %v): %q, want allowed: %v", tt.from, tt.to, tt.inTest, why, tt.allowed)
		}
	}
}

// TestImportLawTable makes sure that a table which can't be read is no empty law.
func TestImportLawTable(t *testing.T) {
	t.Parallel()
	const head = "text\n\n| storey | packages | what |\n|---|---|---|\n"
	got, err := parseStoreys(head + "| 0 | `core`, `core/text` | ground |\n|10|`db`||\n\n| 20 | `ignored` |\n")
	want := map[string]int{"internal/core": 0, "internal/core/text": 0, "internal/db": 10}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v, want %v", got, err, want)
	}
	for name, text := range map[string]string{
		"no table":      "storeys and packages",
		"empty":         head,
		"no number":     head + "| one | `core` |\n",
		"no package":    head + "| 0 | core |\n",
		"named twice":   head + "| 0 | `core` |\n| 10 | `core` |\n",
		"a single cell": head + "| 0 |\n",
	} {
		if got, err := parseStoreys(text); err == nil {
			t.Errorf("%s: %v", name, got)
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
