package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/member"
)

// partPrefix begins the names of templates that are parts of pages.
const partPrefix = "part_"

// templates are parsed once; executing them is safe for concurrent use.
type templates struct {
	byName map[string]*template.Template // of views and pieces
}

// parseTemplates parses every view with the layout and the parts, and executes
// each once with empty data.
func parseTemplates(functions template.FuncMap, wings []Wing) (*templates, error) {
	base, err := template.New("base").Funcs(functions).ParseFS(ownTemplates, "layout.html", partPrefix+"*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the layout: %w", err)
	}
	t := &templates{byName: map[string]*template.Template{}}
	own := Wing{Templates: ownTemplates, Views: []Declared{confirmView, errorView, bannedView}}
	if err := t.add(base, own, "layout"); err != nil {
		return nil, err
	}
	for _, w := range wings {
		wingBase, err := withParts(base, w.Templates)
		if err != nil {
			return nil, err
		}
		if err := t.add(wingBase, w); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// withParts is base with the parts of a wing.
func withParts(base *template.Template, files fs.FS) (*template.Template, error) {
	clone, err := base.Clone()
	if err != nil {
		return nil, fmt.Errorf("parse the parts: %w", err)
	}
	parts, err := glob(files, partPrefix+"*.html")
	if err != nil || len(parts) == 0 {
		return clone, err
	}
	if clone, err = clone.ParseFS(files, parts...); err != nil {
		return nil, fmt.Errorf("parse the parts: %w", err)
	}
	return clone, nil
}

// add parses and checks the views of a wing. Files besides views and parts must
// be named in others.
func (t *templates) add(base *template.Template, w Wing, others ...string) error {
	known := map[string]bool{}
	for _, name := range others {
		known[name] = true
	}
	for _, d := range w.Views {
		v := d.declaration()
		if t.byName[v.name] != nil {
			return fmt.Errorf("there are two views %q", v.name)
		}
		clone, err := base.Clone()
		if err != nil {
			return fmt.Errorf("parse page %s: %w", v.name, err)
		}
		if v.page {
			if clone, err = clone.ParseFS(w.Templates, v.name+".html"); err != nil {
				return fmt.Errorf("parse page %s: %w", v.name, err)
			}
		}
		known[v.name], t.byName[v.name] = true, clone
		if err := t.check(v); err != nil {
			return err
		}
	}
	files, err := glob(w.Templates, "*.html")
	for _, f := range files {
		if name := strings.TrimSuffix(path.Base(f), ".html"); !known[name] && !strings.HasPrefix(name, partPrefix) {
			err = errors.Join(err, fmt.Errorf("template %s belongs to no page", f))
		}
	}
	return err
}

// glob finds the files of a wing, which may have none.
func glob(files fs.FS, pattern string) ([]string, error) {
	if files == nil {
		return nil, nil
	}
	return fs.Glob(files, pattern)
}

// check executes a view with empty data, as a stranger and as a member.
func (t *templates) check(d declaration) error {
	if !d.page {
		_, err := t.piece(d.name, d.example)
		return err
	}
	for _, me := range []member.Member{{}, {ID: 1}} {
		if err := t.execute(&bytes.Buffer{}, d.name, frame{Me: me, Page: d.example}); err != nil {
			return err
		}
	}
	return nil
}

// find is the template of a view, which must be among the views of its wing.
func (t *templates) find(name string) (*template.Template, error) {
	if found := t.byName[name]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("view %s is not among the views of its wing", name)
}

func (t *templates) execute(b *bytes.Buffer, name string, f frame) error {
	found, err := t.find(name)
	if err != nil {
		return err
	}
	if err := found.ExecuteTemplate(b, "layout", f); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	return nil
}

// piece executes one part alone.
func (t *templates) piece(name string, data any) ([]byte, error) {
	found, err := t.find(name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := found.ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("part %s: %w", name, err)
	}
	return b.Bytes(), nil
}
