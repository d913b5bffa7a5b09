package web

import "github.com/caduceus-bio/caduceus/internal/command"

// Block is a part of a command's answer as the part "block" draws it.
type Block struct {
	Kind    string // "line", "fields", "table" or "secret"
	Text    string
	Link    string
	Fields  []command.Field
	Columns []string
	Rows    [][]Cell
}

// Cell is one cell of a table, with the head of its column for narrow screens.
type Cell struct{ Text, Label, Link string }

// Blocks makes an answer fit to be drawn.
func Blocks(blocks []command.Block) []Block {
	var out []Block
	for _, b := range blocks {
		switch b := b.(type) {
		case command.Line:
			out = append(out, Block{Kind: "line", Text: b.Text, Link: b.Link})
		case command.Plot:
			out = append(out, Block{Kind: "line", Text: b.Title, Link: b.Link})
		case command.Secret:
			out = append(out, Block{Kind: "secret", Fields: []command.Field{{Label: b.Label, Value: b.Value}}})
		case command.Fields:
			out = append(out, Block{Kind: "fields", Fields: b.List})
		case command.Table:
			out = append(out, table(b)...)
		}
	}
	return out
}

// table draws a table, and what is said after it. Where rows have no cells, each
// is its text.
func table(t command.Table) []Block {
	out := Block{Kind: "table", Columns: t.Columns, Text: t.Empty}
	for _, row := range t.Rows {
		cells := row.Cells
		if len(cells) == 0 {
			cells = []string{row.Text}
		}
		line := make([]Cell, len(cells))
		for i, c := range cells {
			line[i].Text = c
			if i < len(t.Columns) {
				line[i].Label = t.Columns[i]
			}
		}
		line[0].Link = row.Link
		out.Rows = append(out.Rows, line)
	}
	if t.More == "" {
		return []Block{out}
	}
	return []Block{out, {Kind: "line", Text: t.More}}
}
