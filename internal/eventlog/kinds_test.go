package eventlog_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// TestEveryKindIsInTheTable reads kinds.go and its like: each type with an EventKind must be
// in the table, under its own name.
func TestEveryKindIsInTheTable(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("kinds*.go")
	if err != nil {
		t.Fatal(err)
	}
	written, table := map[string]int{}, map[string]int{}
	for _, name := range files {
		if name == "kinds_test.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == "EventKind" {
				written[f.Recv.List[0].Type.(*ast.Ident).Name]++
			}
		}
	}
	for _, b := range eventlog.Bodies() {
		if want := fmt.Sprintf("%T", b); want != "eventlog."+b.EventKind() {
			t.Errorf("%s has kind %q", want, b.EventKind())
		}
		table[b.EventKind()]++
	}
	if diff := cmp.Diff(written, table); diff != "" || len(written) == 0 {
		t.Errorf("- written, + in the table:\n%s", diff)
	}
}
