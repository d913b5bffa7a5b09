package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/caduceus-bio/caduceus"

// tableFile holds the storeys of internal/, as a table.
const tableFile = "docs/architecture.md"

// rooms are the services. None imports another; house alone knows them.
var rooms = []string{"tracker", "site", "hermes", "ircd", "jobs"}

// sideways are the arrows within one storey that the house allows, each with
// its reason.
var sideways = map[[2]string]string{
	{"internal/eventlog", "internal/db"}:    "the outbox is written in the caller's transaction",
	{"internal/core/text", "internal/core"}: "both are the ground",
}

// onItsOwn are the packages that stand on the standard library alone, and what
// else each may import of others' packages.
var onItsOwn = map[string][]string{
	"internal/core":      nil,
	"internal/core/text": {"golang.org/x/text/unicode/norm"},
}

// Packages that have no row in the table.
const (
	frontDoor  = "main"                   // hands over to cli
	cliDir     = "cli"                    // the subcommands
	houseDir   = "house"                  // runs the rooms
	demoDir    = "demo"                   // the scratch site of caduceus demo
	endToEnd   = "e2e"                    // tests of the whole program and their helpers
	tools      = "scripts"                // programs for those who work on this one
	migrations = "migrations"             // embedded SQL, no code
	testAid    = "internal/db/dbtest"     // databases for tests
	mailAid    = "internal/mail/mailtest" // a mail server for tests
	browserAid = "internal/browsertest"   // a browser for tests
	engine     = "internal/command"       // what lies below it is a family of commands
	siteDir    = "site"                   // what lies below it is a wing, apart from web, assets and test aids
)

// siteWeb is what all wings share; it alone knows the router.
const siteWeb = siteDir + "/web"

// Storeys that the law names by themselves.
const (
	firstDomain = 15 // from here on packages have tables; tests of the domain set up what they need with its other packages
	lastDomain  = 29
	families    = 40
)

// law is the plan of the house: the height of each package of internal/ that has a
// row in the table. A package imports only from storeys below its own.
type law struct{ storeys map[string]int }

func readLaw(t *testing.T) law {
	t.Helper()
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	storeys, err := parseStoreys(string(text))
	if err != nil {
		t.Fatalf("%s: %v", tableFile, err)
	}
	return law{storeys}
}

var tableHead = regexp.MustCompile(`(?m)^\|\s*storey\s*\|\s*packages\s*\|.*\n\|[-:| ]+\n`)

var inBackquotes = regexp.MustCompile("`([^`]+)`")

// parseStoreys reads the table whose head begins with "| storey | packages |": a
// number, and paths below internal/ in backquotes.
func parseStoreys(text string) (map[string]int, error) {
	at := tableHead.FindStringIndex(text)
	if at == nil {
		return nil, fmt.Errorf("there is no table that begins with | storey | packages |")
	}
	storeys := map[string]int{}
	for line := range strings.Lines(text[at[1]:]) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if cells[0] != "" || len(cells) < 2 {
			break // the table has ended
		}
		if len(cells) < 4 {
			return nil, fmt.Errorf("the row %q has no packages", line)
		}
		height, err := strconv.Atoi(strings.TrimSpace(cells[1]))
		if err != nil {
			return nil, fmt.Errorf("the row %q has no number of a storey", line)
		}
		names := inBackquotes.FindAllStringSubmatch(cells[2], -1)
		if names == nil {
			return nil, fmt.Errorf("the row %q names no package in backquotes", line)
		}
		for _, name := range names {
			pkg := "internal/" + name[1]
			if _, twice := storeys[pkg]; twice {
				return nil, fmt.Errorf("%s is named twice", pkg)
			}
			storeys[pkg] = height
		}
	}
	if len(storeys) == 0 {
		return nil, fmt.Errorf("the table of storeys is empty")
	}
	return storeys, nil
}

// local is the path of a package within the module: "main" for its root, the
// whole path for a package of somebody else.
func local(path string) string {
	if path == module {
		return frontDoor
	}
	return strings.TrimPrefix(path, module+"/")
}

// forbidden says why the package from may not import path, or "".
func (l law) forbidden(from, path string, inTest bool) string {
	to := local(path)
	if why := l.unplaced(from); why != "" {
		return why
	}
	if to == path { // not ours
		allowed, alone := onItsOwn[from]
		if alone && !inTest && strings.Contains(strings.SplitN(path, "/", 2)[0], ".") && !slices.Contains(allowed, path) {
			return from + " stands on the standard library"
		}
		if strings.HasPrefix(path, "github.com/gin-gonic/") && from != siteWeb {
			return "gin is hidden in site/web"
		}
		return ""
	}
	if why := l.unplaced(to); why != "" {
		return why
	}
	switch {
	case from == to: // an external test of the package itself
		return ""
	case from == frontDoor && to != cliDir:
		return "the front door only hands over to cli"
	case from == migrations:
		return "migrations hold data, no code"
	case inside(to, "internal"):
		return l.forbiddenBelow(from, to, inTest)
	default:
		return forbiddenAbove(from, to, inTest)
	}
}

// forbiddenAbove is forbidden for packages to that are not in internal/.
func forbiddenAbove(from, to string, inTest bool) string {
	only := func(ok bool, why string) string {
		if ok {
			return ""
		}
		return why
	}
	switch {
	case to == frontDoor:
		return "nothing imports the front door"
	case to == cliDir:
		return only(from == frontDoor, "only the front door imports cli")
	case to == houseDir:
		return only(from == cliDir || inside(from, tools), "only cli and tools import house")
	case inside(to, demoDir):
		return only(from == cliDir || inside(from, demoDir), "only cli shows the demonstration")
	case inside(to, tools):
		return "tools are programs of their own"
	case inside(to, endToEnd):
		return only(inside(from, endToEnd), "end-to-end helpers are for end-to-end tests")
	case to == migrations:
		return only(inside(from, "internal/db") || inTest, "only internal/db and tests read the migrations")
	case room(from) == room(to):
		if inside(to, siteDir) {
			return forbiddenInSite(from, to, inTest)
		}
		return ""
	default:
		return only(from == houseDir && to == room(to), "only house imports rooms, and of a room its own package alone")
	}
}

// forbiddenInSite is forbidden between packages of the site.
func forbiddenInSite(from, to string, inTest bool) string {
	switch {
	case isAid(from):
		return ""
	case isAid(to):
		if inTest {
			return ""
		}
		return "only tests may import it"
	case from == siteDir:
		return ""
	case to == siteDir:
		return "the site mounts its wings: they and site/web do not know it"
	case wing(to) == "":
		if inside(from, "site/assets") && !inside(to, "site/assets") {
			return "assets are files, without code that needs others"
		}
		return ""
	case wing(from) == "":
		return "what all wings share knows no wing"
	case wing(from) == wing(to) || inside(from, to):
		return ""
	default:
		return "a wing imports no other wing: what both need goes into site/web"
	}
}

// forbiddenBelow is forbidden for packages to of internal/.
func (l law) forbiddenBelow(from, to string, inTest bool) string {
	if to == testAid {
		if inTest || inside(from, endToEnd) || inside(from, tools) || isAid(from) {
			return ""
		}
		return "only tests may import it"
	}
	if isAid(to) && !inTest && !isAid(from) {
		return "only tests may import it"
	}
	if !inside(from, "internal") { // everything else stands above all storeys
		if family(to) != "" && from != houseDir && !inTest && !isAid(from) && !inside(from, tools) {
			return "only house knows the families of commands: use the registry"
		}
		return ""
	}
	if from == testAid {
		return aboveOnly(firstDomain, l.height(to), inTest)
	}
	if isAid(from) {
		return ""
	}
	if f := family(from); f != "" && f == family(to) {
		return ""
	}
	if _, ok := sideways[[2]string{from, to}]; ok {
		return ""
	}
	return aboveOnly(l.height(from), l.height(to), inTest)
}

// height is the storey of a package in internal/ that has its place.
func (l law) height(pkg string) int {
	if family(pkg) != "" {
		return families
	}
	return l.storeys[pkg]
}

// aboveOnly allows a package at the height from to import one at the height to only
// from below. A test may also use its neighbours to set up what it needs, apart
// from families.
func aboveOnly(from, to int, inTest bool) string {
	inDomain := func(height int) bool { return firstDomain <= height && height <= lastDomain }
	if to < from || inTest && from != families && (to == from || inDomain(from) && inDomain(to)) {
		return ""
	}
	if from == families && to == families {
		return "a family of commands imports no other: what both need goes below them"
	}
	return fmt.Sprintf("storey %d may not import storey %d", from, to)
}

// unplaced says that the plan of the house does not know a package, or "".
func (l law) unplaced(pkg string) string {
	if _, known := l.storeys[pkg]; known || family(pkg) != "" || pkg == testAid || isAid(pkg) {
		return ""
	}
	if inside(pkg, "internal") {
		return pkg + " has no storey: decide where it stands and add it to the table in " + tableFile
	}
	if pkg == frontDoor || pkg == cliDir || pkg == houseDir || pkg == migrations || room(pkg) != "" ||
		inside(pkg, endToEnd) || inside(pkg, demoDir) || inside(pkg, tools) {
		return ""
	}
	return pkg + " has no place in the house: give it one in importlaw_test.go"
}

// room is the room that a package belongs to, or "".
func room(pkg string) string {
	for _, r := range rooms {
		if inside(pkg, r) {
			return r
		}
	}
	return ""
}

// wing is the wing of the site that a package belongs to, or "". Each API below
// site/api is a wing of its own.
func wing(pkg string) string {
	parts := strings.Split(pkg, "/")
	if len(parts) < 2 || parts[0] != siteDir || parts[1] == "web" || parts[1] == "assets" || isAid(pkg) {
		return ""
	}
	depth := 2
	if parts[1] == "api" {
		depth = 3
	}
	return strings.Join(parts[:min(depth, len(parts))], "/")
}

// family is the family of commands that a package belongs to, or "".
func family(pkg string) string {
	rest, below := strings.CutPrefix(pkg, engine+"/")
	if !below || isAid(pkg) {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

// isAid reports whether a package helps tests and imports what it needs: one of the site or of the
// command engine, whose folder, such as sitetest, says so, or the mail server, or the browser.
func isAid(pkg string) bool {
	return pkg == mailAid || pkg == browserAid || (inside(pkg, siteDir) || inside(pkg, engine)) && strings.HasSuffix(pkg, "test")
}

func inside(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }
