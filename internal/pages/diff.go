package pages

import (
	"strings"

	"github.com/aymanbagabas/go-udiff/lcs"
)

// Op says what became of a line.
type Op string

// The ops. Skipped stands for lines that are the same and far from any change.
const (
	Same    Op = "same"
	Added   Op = "added"
	Removed Op = "removed"
	Skipped Op = "skipped"
	Cut     Op = "cut" // the rest, where there are more than mostLines
)

// mostLines bounds a comparison: more is read by nobody.
const mostLines = 2000

// Line is a line of a comparison.
type Line struct {
	Op   Op
	Text string // "" for Skipped and Cut
}

// around is how many lines are shown on either side of a change.
const around = 3

// Compare tells how a text became another, line by line; nil for the same text. After a
// hundred changes, the rest is one.
func Compare(old, new string) []Line {
	c := comparison{old: lines(old), new: lines(new)}
	changes := lcs.DiffLines(c.old, c.new)
	for i, d := range changes {
		c.same(d.Start, i == 0)
		for _, line := range c.old[d.Start:d.End] {
			c.x++
			c.add(Line{Removed, line})
		}
		for _, line := range c.new[d.ReplStart:d.ReplEnd] {
			c.add(Line{Added, line})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	c.last()
	if len(c.out) > mostLines {
		return append(c.out[:mostLines], Line{Op: Cut})
	}
	return c.out
}

// comparison is on its way through two texts.
type comparison struct {
	old, new []string
	x        int // how many lines of the old text are passed
	out      []Line
}

func (c *comparison) add(l Line) {
	if len(c.out) <= mostLines {
		c.out = append(c.out, l)
	}
}

// equal passes some lines that are the same, and shows them or not.
func (c *comparison) equal(n int, show bool) {
	if !show && n > 0 {
		c.add(Line{Op: Skipped})
	}
	for range n {
		if show {
			c.add(Line{Same, c.old[c.x]})
		}
		c.x++
	}
}

// same passes what is the same up to a change at a line of the old text.
func (c *comparison) same(until int, first bool) {
	n := until - c.x
	after := around // of the change before
	if first {
		after = 0
	}
	if n <= after+around+1 { // one line takes no more place than what stands for it
		c.equal(n, true)
		return
	}
	c.equal(after, true)
	c.equal(n-after-around, false)
	c.equal(around, true)
}

// last passes what is the same behind the last change.
func (c *comparison) last() {
	n := len(c.old) - c.x
	if n <= around+1 {
		c.equal(n, true)
		return
	}
	c.equal(around, true)
	c.equal(n-around, false)
}

func lines(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}
