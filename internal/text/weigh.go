package text

import (
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// weight is what a source may cost to parse, found by looking at each byte once. Every
// figure is at least what the parser can meet: a part of it may stand in code, where it
// costs nothing.
type weight struct {
	lines    int // of the whole text
	nesting  int // how deep quotes and lists may stand in each other
	cells    int // of tables; short rows are filled up to the width of their header
	brackets int // [, which may begin a link or a picture
	address  int // what may begin an address without brackets
	tags     int // what may begin an HTML tag
	escaped  int // | that are no border of a cell
	targets  int // bytes that are looked through for the ends of links' targets
	ticks    int // bytes that are looked through for the ends of code that has none, each paragraph by itself
	pairs    int // closing marks of emphasis times all marks, each paragraph by itself
}

// check refuses what might cost too much.
func (w weight) check() error {
	for _, m := range []struct {
		is, most int
		what     string
	}{
		{w.lines, 20_000, "lines; join short ones, or put long lists into a file"},
		{w.nesting, 40, "quotes and lists inside each other; write it flatter"},
		{w.cells, 20_000, "table cells, with those by which short rows are filled up; put large tables into a file"},
		{w.brackets, 4_000, "opening brackets [ for links and pictures; use fewer, or put a long list of links into a file"},
		{w.address, 4_000, "addresses; put a long list of links into a file"},
		{w.tags, 4_000, "HTML tags, which are left out anyway; remove them"},
		{w.escaped, 1_000, `bars written as \| in tables; use another character`},
	} {
		if m.is > m.most {
			return core.Errorf(core.Invalid, "has %d %s (at most %d)", m.is, m.what, m.most)
		}
	}
	switch {
	case w.targets > 20_000_000:
		return core.Errorf(core.Invalid, "has too many unfinished links such as [text](address without an end; close the brackets, or write \\( for a bracket that begins none")
	case w.ticks > 20_000_000:
		return core.Errorf(core.Invalid, "has too many backslashes before backticks in one paragraph; put blank lines between its parts, or the text into a code block")
	case w.pairs > 50_000_000:
		return core.Errorf(core.Invalid, "has too many *, _ and ~ in one paragraph; put blank lines between its parts, or a backslash before those that are to be seen")
	}
	return nil
}

// scale weighs a source line by line.
type scale struct {
	weight
	depth   int // of the line before
	columns int // of the table that the lines belong to; 0 outside of one
	// In this paragraph:
	bytes   int
	escapes int // backslashes before a backtick
	marks   int // of emphasis
	closers int // those of them that may end one
}

// weigh looks at a whole source.
func weigh(source string) weight {
	var s scale
	for line := range strings.Lines(source) {
		s.line(strings.TrimRight(line, "\r\n"))
	}
	s.end()
	return s.weight
}

// end ends a paragraph.
func (s *scale) end() {
	s.pairs += s.marks * s.closers
	s.ticks += s.escapes * s.bytes
	s.bytes, s.escapes, s.marks, s.closers, s.columns = 0, 0, 0, 0, 0
}

func (s *scale) line(line string) {
	s.lines++
	if strings.Trim(line, " \t") == "" {
		s.end()
		return
	}
	rest, depth := containers(line, s.depth)
	s.depth, s.nesting = depth, max(s.nesting, depth)
	if s.columns == 0 && isDelimiterRow(rest) {
		row := strings.Trim(rest, " \t")
		s.columns = strings.Count(strings.TrimSuffix(strings.TrimPrefix(row, "|"), "|"), "|") + 1
		s.cells += s.columns // of the line before, the header
	}
	s.cells += s.columns
	s.bytes += len(rest)
	s.inline(rest)
}

// containers takes the marks of quotes and lists off the beginning of a line and
// returns how deep the rest may stand. A line is no deeper than its indentation allows,
// nor than the line before together with the marks of its own.
func containers(line string, before int) (rest string, depth int) {
	indent, marks := 0, 0
	if rest = line; isRule(line) {
		return "", strings.Count(line, ">")
	}
	for rest != "" {
		switch rest[0] {
		case ' ':
			indent++
			rest = rest[1:]
		case '\t':
			indent += 4
			rest = rest[1:]
		case '>':
			marks++
			rest = rest[1:]
		default:
			n := listMark(rest)
			if n == 0 {
				return rest, min(indent/2, before) + marks
			}
			marks++
			rest = rest[n:]
		}
	}
	return rest, min(indent/2, before) + marks
}

// isRule reports whether a line is a thematic break such as "- - -", in any number of
// quotes.
func isRule(line string) bool {
	line = strings.TrimLeft(line, " \t>")
	return line != "" && strings.ContainsRune("-*_", rune(line[0])) && strings.Trim(line, line[:1]+" \t") == ""
}

// listMark returns the length of a list's mark at the beginning of s, or 0.
func listMark(s string) int {
	n := 0
	for n < len(s) && n < 10 && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	switch {
	case n == len(s):
		return 0
	case n == 0 && strings.IndexByte("-+*", s[0]) < 0, n > 0 && s[n] != '.' && s[n] != ')':
		return 0
	}
	if n++; n < len(s) && s[n] != ' ' && s[n] != '\t' {
		return 0
	}
	return n
}

// isDelimiterRow reports whether a line makes a table of those around it.
func isDelimiterRow(line string) bool {
	return strings.IndexByte(line, '-') >= 0 && strings.Trim(line, " \t|:-") == ""
}

// inline counts what stands in one line.
func (s *scale) inline(line string) {
	blank := 0 // the first blank at or after the target that was seen last
	for i := 0; i < len(line); i++ {
		rest := line[i:]
		switch c := line[i]; {
		case c == '\\':
			if i++; strings.HasPrefix(line[i:], "|") {
				s.escaped++
			} else if strings.HasPrefix(line[i:], "`") {
				s.escapes++
			}
		case c == '[':
			s.brackets++
		case c == ']' && strings.HasPrefix(rest, "]("):
			for blank = max(blank, i+2); blank < len(line) && line[blank] != ' '; blank++ {
			}
			s.targets += blank - i
			if strings.HasPrefix(rest, "](<") { // such a target may hold blanks
				s.targets += len(rest)
			}
		case c == '<' && len(rest) > 1 && (isWord(rest[1]) || strings.IndexByte("/!?", rest[1]) >= 0):
			s.tags++
		case c == '@' || strings.HasPrefix(rest, "://") || strings.HasPrefix(rest, "www."):
			s.address++
		case c == '*' || c == '_' || c == '~':
			end := i + 1
			for end < len(line) && line[end] == c {
				end++
			}
			s.marks++
			if n := end - i; c == '~' && n > 2 { // no mark; the parser looks along it from each of them
				s.pairs += n * n
			}
			inWord := c == '_' && i > 0 && isWord(line[i-1]) && end < len(line) && isWord(line[end])
			if i > 0 && line[i-1] != ' ' && !inWord {
				s.closers++
			}
			i = end - 1
		}
	}
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
