package command

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Reply is what a command answers: blocks, which each face shows in its own way,
// and how to take back what was done.
type Reply struct {
	Blocks []Block
	Undo   *Invocation // nil where there is no way back
}

// Block is a part of an answer: a Line, Fields, a Table, a Plot or a Secret.
type Block interface {
	// lines is the block as chat and terminals show it.
	lines() []Line
}

// Line is a sentence.
type Line struct {
	Text    string
	Link    string // an address that belongs to it; "" for none
	Private bool   // for the asker alone
}

// Fields are the properties of one thing. Text says them in one line, for chat.
type Fields struct {
	Text string
	List []Field
}

// Field is one property.
type Field struct{ Label, Value string }

// Table is a list of things that are alike.
type Table struct {
	Columns []string
	Rows    []Row
	Empty   string   // what to say when there are no rows
	More    string   // what to say after the last one; "" for nothing
	Chat    []string // what is said in chat in place of a line for each row; nil: each row
}

// Row is one thing of a table. Text says it in one line, for chat; "" joins the
// cells. Where the cells are empty, the row is its text alone.
type Row struct {
	Cells []string
	Text  string
	Link  string
	Note  string // said after the link; "" for nothing
}

// Plot stands for a drawing that the site shows at an address.
type Plot struct{ Title, Link string }

// Secret is a key or passphrase, which only the asker may see, once.
type Secret struct{ Label, Value string }

func (l Line) lines() []Line { return []Line{l} }

func (f Fields) lines() []Line {
	if f.Text != "" {
		return []Line{{Text: f.Text}}
	}
	parts := make([]string, len(f.List))
	for i, one := range f.List {
		parts[i] = one.Label + " " + one.Value
	}
	return []Line{{Text: strings.Join(parts, "; ")}}
}

func (t Table) lines() []Line {
	var out []Line
	for _, line := range t.Chat {
		out = append(out, Line{Text: line})
	}
	for _, row := range t.Rows {
		if t.Chat != nil {
			break
		}
		line := row.Text
		if line == "" {
			line = strings.Join(row.Cells, ", ")
		}
		out = append(out, Line{Text: strings.TrimSpace(linked(line, row.Link) + " " + row.Note)})
	}
	if len(t.Rows) == 0 && t.Empty != "" {
		out = append(out, Line{Text: t.Empty})
	}
	if t.More != "" {
		out = append(out, Line{Text: t.More})
	}
	return out
}

func (p Plot) lines() []Line { return []Line{{Text: p.Title, Link: p.Link}} }

func (s Secret) lines() []Line { return []Line{{Text: s.Label + ": " + s.Value, Private: true}} }

func linked(line, link string) string {
	if link == "" {
		return line
	}
	return line + " - " + link
}

// Say is a reply of one sentence.
func Say(format string, args ...any) Reply {
	return Reply{Blocks: []Block{Line{Text: fmt.Sprintf(format, args...)}}}
}

// With returns the reply with the command that takes it back.
func (r Reply) With(name string, args any) Reply {
	r.Undo = &Invocation{Name: name, Args: args}
	return r
}

// Lines are sentences, one block each.
func Lines(lines ...string) []Block {
	out := make([]Block, len(lines))
	for i, l := range lines {
		out[i] = Line{Text: l}
	}
	return out
}

// Answer is what comes of a request. Its texts are one line for each entry, without
// control characters.
type Answer struct {
	Blocks  []Block  // for a face that draws them
	Lines   []string // the same as text, for the place where it was asked
	Private []string // what is for the asker alone
	Undo    string   // the command that takes it back; "" where there is none
	Entry   int64    // its row in the audit log, for "undo"; 0 for a question
	Pending *Pending // set when nothing was done yet and a code is awaited
}

// Pending is a command that waits for its confirmation. The preview and how to
// confirm are in the answer's Lines as well.
type Pending struct {
	Code    string
	Preview []string
	Expires time.Time
	Doubt   bool // it is asked because the line may mean something else; a program must not agree by itself
}

// maxLines bounds an answer; commands page or cut well before.
const maxLines = 100

// answer makes a reply fit to be shown where it was asked for.
func answer(s Spec, place Place, r Reply) Answer {
	a := Answer{Blocks: r.Blocks}
	for _, b := range r.Blocks {
		for _, l := range b.lines() {
			if text := linked(l.Text, l.Link); l.Private {
				a.Private = append(a.Private, text)
			} else {
				a.Lines = append(a.Lines, text)
			}
		}
	}
	a.Lines, a.Private = tidy(a.Lines), tidy(a.Private)
	return s.private(place, a)
}

// private moves what others would read to the asker alone, if the command is secret.
func (s Spec) private(place Place, a Answer) Answer {
	if s.Secret && place != Private {
		a.Private = append(a.Lines, a.Private...)
		a.Lines = []string{"The answer went to you in private."}
	}
	return a
}

func tidy(lines []string) []string {
	if len(lines) > maxLines {
		lines = append(lines[:maxLines:maxLines], fmt.Sprintf("(%d more)", len(lines)-maxLines))
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = text.Clean(l)
	}
	return out
}

// reveals reports whether the reply holds a secret.
func (r Reply) reveals() bool {
	return slices.ContainsFunc(r.Blocks, func(b Block) bool { _, ok := b.(Secret); return ok })
}
