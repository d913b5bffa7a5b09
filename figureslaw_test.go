package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The law of figures: what the tracker and the site know of a member can be had only by
// member.See, which knows what that member hides. Its fields are the package's own, so this
// test keeps others from the ways round: the tables, the reads that know nothing of privacy,
// and a viewer who is somebody else.

// figureTables are in SQL that reads what a member may hide.
var figureTables = regexp.MustCompile(`\btransfer_member(_torrent)?\b|\bm\.seen_at\b|\bmember SET seen_at\b|\bm\.hides\b|\bhides &`)

// figureReaders are the packages whose SQL may name them.
var figureReaders = map[string]string{
	"internal/member":   "See is here",
	"internal/transfer": "its reads of one member are below",
	"internal/invite":   "adds up branches; of one member its command shows what See gives",
	"tracker/ledger":    "writes the figures",
	"tracker/ocelot":    "tells them to the Gazelle that drives the tracker, which has accounts of its own",
	"site/sitetest":     "makes a site for tests",
}

// rawRead is a function that gives what a member may hide to whoever calls it.
type rawRead struct {
	of    string   // what it is called on, by its last name, in small letters
	name  string   //
	arg   int      // which of its arguments says whose it is; -1: it has none
	own   []string // what that argument may be anywhere: the visitor
	files []string // where it may be anybody, as the permission of the route or the command says
}

var rawReads = []rawRead{
	{"transfer", "Own", 1, []string{"v.Me.ID"}, nil},
	{"transfer", "OwnSums", 1, []string{"v.Me.ID"}, nil},
	{"transfer", "Refused", 1, []string{"v.Me.ID"}, nil},
	{"transfer", "LastAnnounce", 1, []string{"v.Me.ID"}, nil},
	{"transfer", "OfMember", 1, []string{"v.Me.ID"}, []string{"site/swarm/announces.go", "internal/command/tracker/tracker.go"}}, // tracker.read; both note the look
	{"transfer", "Groups", 1, []string{"v.Me.ID"}, []string{"site/swarm/announces.go"}},
	{"transfer", "OfTorrent", -1, nil, []string{"site/swarm/announces.go"}},
	{"catalog", "Uploads", -1, nil, []string{"site/account/profile.go", "site/staff/card.go"}}, // once View.Shows says so; member.see.private, after See noted the look
	{"transfer", "Snatches", 1, []string{"v.Me.ID"}, []string{"site/staff/card.go"}},           // member.see.private, after See noted the look
	{"members", "Own", 1, []string{"v.Me"}, nil},
	{"", "LastLogins", -1, nil, []string{"internal/member/profile.go"}},
	{"", "ViewerBy", -1, nil, []string{"internal/command/actor.go"}},
}

// viewers are who may look: the visitor, for members and for the catalogue.
var viewers = []string{"v.Me.Viewer", "v.Viewer"}

// figureFaults says what a file does against the law.
func figureFaults(fset *token.FileSet, path string, file *ast.File) (faults []string) {
	dir := filepath.ToSlash(filepath.Dir(path))
	fault := func(n ast.Node, what string) { faults = append(faults, fset.Position(n.Pos()).String()+": "+what) }
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if n.Kind == token.STRING && figureTables.MatchString(n.Value) && figureReaders[dir] == "" {
				fault(n, "reads what members may hide: use member.Store.See")
			}
		case *ast.CompositeLit:
			if source(fset, n.Type) == "member.Viewer" {
				fault(n, "invents who looks: use Member.Viewer, Actor.Sees or member.Others")
			}
		case *ast.CallExpr:
			if what := callFault(fset, path, n); what != "" && dir != "internal/member" {
				fault(n, what)
			}
		}
		return true
	})
	return faults
}

func callFault(fset *token.FileSet, path string, call *ast.CallExpr) string {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	on := source(fset, f.X)
	last := strings.ToLower(on[strings.LastIndex(on, ".")+1:])
	if f.Sel.Name == "Viewer" && len(call.Args) == 0 && !slices.Contains(viewers, source(fset, f)) {
		return "lets somebody look who is not the visitor"
	}
	for _, r := range rawReads {
		if f.Sel.Name != r.name || r.of != "" && r.of != last || slices.Contains(r.files, filepath.ToSlash(path)) {
			continue
		}
		if r.arg >= 0 && r.arg < len(call.Args) && slices.Contains(r.own, source(fset, call.Args[r.arg])) {
			continue
		}
		return on + "." + r.name + " gives what a member may hide: use member.Store.See, or add the place to the law with the permission that it asks for"
	}
	return ""
}

func source(fset *token.FileSet, n ast.Node) string {
	if e, ok := n.(ast.Expr); !ok || e == nil {
		return ""
	}
	var b bytes.Buffer
	if err := printer.Fprint(&b, fset, n); err != nil {
		return ""
	}
	return b.String()
}

func TestImportLawOfFigures(t *testing.T) {
	fset, files := token.NewFileSet(), 0
	readers := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			return err
		}
		files++
		for _, f := range figureFaults(fset, path, file) {
			t.Error(f)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && figureTables.MatchString(lit.Value) {
				readers[filepath.ToSlash(filepath.Dir(path))] = true
			}
			return true
		})
		return nil
	})
	if err != nil || files < 100 {
		t.Fatalf("%d files were read (%v)", files, err)
	}
	for dir := range figureReaders {
		if !readers[dir] {
			t.Errorf("%s reads no figures: take it out of the law", dir)
		}
	}
}

// TestImportLawOfFiguresIsKept breaks the law in each way.
func TestImportLawOfFiguresIsKept(t *testing.T) {
	for body, faulty := range map[string]bool{
		"db.One(\"SELECT uploaded FROM transfer_member WHERE member_id = ?\")": true,
		"db.One(`SELECT m.seen_at FROM member m`)":                             true,
		"db.One(`SELECT title FROM torrent`)":                                  false,
		"h.Transfer.OwnSums(ctx, m.ID, f)":                                     true,
		"h.Transfer.OwnSums(ctx, v.Me.ID, f)":                                  false,
		"h.Transfer.Own(ctx, p.Member.ID, part, 0, 1)":                         true,
		"h.Transfer.OfTorrent(ctx, 1, c, 1)":                                   true,
		"h.Catalog.Uploads(ctx, v.Viewer(), m.ID, 0, 1)":                       true,
		"h.Members.Own(ctx, m)":                                                true,
		"h.Members.Own(ctx, v.Me)":                                             false,
		"h.Members.See(ctx, v.Me.Viewer(), m)":                                 false,
		"h.Members.See(ctx, v.Found.Member.Viewer(), m)":                       true,
		"h.Members.See(ctx, m.Viewer(), m)":                                    true,
		"h.Members.See(ctx, member.Viewer{Private: true}, m)":                  true,
		"member.ViewerBy(m.ID, m.Name, all)":                                   true,
		"h.Members.Security().LastLogins(ctx, d, ids, f)":                      true,
	} {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, "x.go", "package x\nfunc f() { "+body+" }", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := figureFaults(fset, "site/home/x.go", file); (len(got) > 0) != faulty {
			t.Errorf("%s: %q", body, got)
		}
	}
}
