package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

const module = "github.com/caduceus-bio/caduceus/"

// width is the length of the lines of the page.
const width = 90

// comments are those of one section's struct, as Markdown.
type comments struct {
	section string            // what the struct's own says besides "is the [x] section"
	fields  map[string]string // by the name of the field
}

// readComments finds the struct t in the source below root.
func readComments(root string, t reflect.Type) (comments, error) {
	folder, ours := strings.CutPrefix(t.PkgPath(), module)
	if !ours {
		return comments{}, fmt.Errorf("%s is not declared in this module", t)
	}
	files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil {
		return comments{}, err
	}
	fset := token.NewFileSet()
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return comments{}, err
		}
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				for _, s := range g.Specs {
					if ts, ok := s.(*ast.TypeSpec); ok && ts.Name.Name == t.Name() {
						return commentsOf(t, g, ts)
					}
				}
			}
		}
	}
	return comments{}, fmt.Errorf("%s is nowhere in %s", t, folder)
}

var isSection = regexp.MustCompile(`^\w+ is the \[\w+\] section[.:]\s*`)

func commentsOf(t reflect.Type, g *ast.GenDecl, ts *ast.TypeSpec) (comments, error) {
	s, ok := ts.Type.(*ast.StructType)
	if !ok {
		return comments{}, fmt.Errorf("%s is not a struct", t)
	}
	keys := map[string]string{}
	for i := range t.NumField() {
		keys[t.Field(i).Name] = key(t.Field(i))
	}
	c := comments{fields: map[string]string{}}
	c.section = prose(isSection.ReplaceAllString(g.Doc.Text(), ""), keys)
	for _, f := range s.Fields.List {
		text := f.Doc.Text()
		if text == "" {
			text = f.Comment.Text()
		}
		for _, n := range f.Names {
			c.fields[n.Name] = prose(text, keys)
		}
	}
	return c, nil
}

var word = regexp.MustCompile(`[A-Za-z][A-Za-z0-9_]*`)

// prose makes paragraphs of sentences from a comment, and names keys as the file does.
func prose(text string, keys map[string]string) string {
	inFile := map[string]bool{}
	for _, k := range keys {
		inFile[k] = true
	}
	var out []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if paragraph == "" {
			continue
		}
		first := word.FindString(paragraph)
		if keys[first] == "" && !inFile[first] { // no name, which is written as it is
			paragraph = strings.ToUpper(paragraph[:1]) + paragraph[1:]
		}
		if !strings.HasSuffix(paragraph, ".") {
			paragraph += "."
		}
		paragraph = word.ReplaceAllStringFunc(paragraph, func(w string) string {
			if k := keys[w]; k != "" {
				return "`" + k + "`"
			}
			if inFile[w] && strings.Contains(w, "_") {
				return "`" + w + "`"
			}
			return w
		})
		out = append(out, wrap(paragraph))
	}
	return strings.Join(out, "\n\n")
}

func wrap(text string) string {
	var b strings.Builder
	column := 0
	for w := range strings.FieldsSeq(text) {
		n := len([]rune(w))
		switch {
		case column == 0:
		case column+1+n > width:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(w)
		column += n
	}
	return b.String()
}
