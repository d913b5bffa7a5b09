package part

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

// Plot is a picture of some lines over time. Its text is not scaled with the drawing,
// so that it stays legible at any width. What it shows stands in a table below, too.
type Plot struct {
	ID    string // unique on its page
	Title string
	What  string // what is measured, and in which unit
	Lines []PlotLine
	Ticks []Tick // values, from below
	Times []Tick
	// Spots are where a pointer finds the values of each moment, and Rows the table of
	// them. A page has hundreds, and templates are slow, so they are made here.
	Spots, Rows template.HTML
	Limit       *Limit
	Empty       bool
	Spoken      string // what it shows, for those who don't see it
}

// PlotLine is one line, on a field of plotWidth by plotHeight.
type PlotLine struct {
	Name string
	Path string
	Last string // its last value, "" when there is none
	Most string // its largest
}

// Tick is a value on an axis. At is its place in percent of the axis, from the left or
// from the top.
type Tick struct {
	At     float64
	Text   string
	Anchor string // of its text: "start", "middle" or "end"
}

// Limit is a value that should not be passed.
type Limit struct {
	At     float64 // percent from the top; above 0, or it is out of the picture
	Text   string
	Passed bool
}

// Scale says how values are written, and whether they are drawn by their logarithm.
// Drawn so, a value below 1 is drawn as 1.
type Scale struct {
	Text func(float64) string
	Log  bool
}

// Series is a line before it is drawn: a value for each moment, NaN where it is not
// known.
type Series struct {
	Name   string
	Values []float64
}

// PlotOf is what a plot is made from.
type PlotOf struct {
	ID, Title, What string
	Scale           Scale
	Times           []time.Time // of each moment, evenly spread, in the zone of the visitor
	Series          []Series
	// Limit is a threshold with its name, such as "slow above 50 ms". 0: there is none.
	Limit     float64
	LimitText string
}

const (
	plotWidth  = 1000
	plotHeight = 100
	valueTicks = 4 // at most, besides the lowest
)

// Plot draws it.
func (p PlotOf) Plot() Plot {
	out := Plot{ID: p.ID, Title: p.Title, What: p.What, Empty: true}
	top := p.top(&out)
	steps := ticks(p.Scale, top)
	top = max(top, steps[len(steps)-1])
	for _, v := range steps {
		out.Ticks = append(out.Ticks, Tick{At: 100 * (1 - p.height(v, top)), Text: p.Scale.Text(v)})
	}
	for _, s := range p.Series {
		out.Lines = append(out.Lines, p.draw(s, top))
	}
	out.Times = timeTicks(p.Times)
	out.Spots, out.Rows = p.moments()
	if p.Limit > 0 && p.Limit <= top {
		out.Limit = &Limit{At: 100 * (1 - p.height(p.Limit, top)), Text: p.LimitText, Passed: p.passed()}
	}
	out.Spoken = p.spoken(out)
	return out
}

// top is the largest value that is known.
func (p PlotOf) top(out *Plot) float64 {
	top := 0.0
	for _, s := range p.Series {
		for _, v := range s.Values {
			if !math.IsNaN(v) {
				out.Empty = false
				top = max(top, v)
			}
		}
	}
	if p.Scale.Log {
		return max(top, 10)
	}
	if top == 0 {
		return 1
	}
	return top
}

// height is where a value stands between the lower edge (0) and the upper (1).
func (p PlotOf) height(v, top float64) float64 {
	if p.Scale.Log {
		return math.Log(max(v, 1)) / math.Log(top)
	}
	return v / top
}

// ticks are even values from the lowest to the first that is not below top.
func ticks(sc Scale, top float64) []float64 {
	if sc.Log {
		out, step := []float64{1}, 10.0
		if top > 1e5 {
			step = 100
		}
		for v := step; ; v *= step {
			out = append(out, v)
			if v >= top {
				return out
			}
		}
	}
	step := math.Pow(10, math.Floor(math.Log10(top/valueTicks)))
	for _, f := range []float64{1, 2, 5, 10} {
		if top/(f*step) <= valueTicks {
			step *= f
			break
		}
	}
	out := []float64{0}
	for i := 1; ; i++ {
		out = append(out, float64(i)*step)
		if float64(i)*step >= top {
			return out
		}
	}
}

// draw makes the line of a series. Where nothing is known the line is broken.
func (p PlotOf) draw(s Series, top float64) PlotLine {
	l := PlotLine{Name: s.Name}
	var path strings.Builder
	most, drawn := 0.0, false
	for i, v := range s.Values {
		if math.IsNaN(v) {
			drawn = false
			continue
		}
		most, l.Last = max(most, v), p.Scale.Text(v)
		x, y := plotWidth*p.across(i), plotHeight*(1-p.height(v, top))
		if !drawn { // a lone moment is a dot: a line of no length with round ends
			path.WriteString("M" + tenth(x) + " " + tenth(y) + "h0")
		} else {
			path.WriteString("L" + tenth(x) + " " + tenth(y))
		}
		drawn = true
	}
	l.Path, l.Most = path.String(), p.Scale.Text(most)
	return l
}

// across is where a moment stands between the left edge (0) and the right (1).
func (p PlotOf) across(i int) float64 { return float64(i) / float64(max(len(p.Times)-1, 1)) }

// moments writes each moment of which anything is known: as a field that shows a line and
// the values, and as a row of the table.
func (p PlotOf) moments() (spots, rows template.HTML) {
	width := plotWidth / float64(max(len(p.Times)-1, 1))
	var field, row, title, cells strings.Builder
	field.Grow(len(p.Times) * (200 + 32*len(p.Series)))
	row.Grow(len(p.Times) * (48 + 32*len(p.Series)))
	for i, t := range p.Times {
		title.Reset()
		cells.Reset()
		when, known := t.Format("Mon 2 Jan, 15:04"), false
		title.WriteString(when)
		for _, s := range p.Series {
			text := "–"
			if v := s.Values[i]; !math.IsNaN(v) {
				text, known = p.Scale.Text(v), true
			}
			title.WriteString("\n" + s.Name + ": " + text)
			cells.WriteString(`<td class="num">` + template.HTMLEscapeString(text) + `</td>`)
		}
		if !known {
			continue
		}
		middle := plotWidth * p.across(i)
		from, to := max(middle-width/2, 0), min(middle+width/2, plotWidth)
		field.WriteString(`<g><title>` + template.HTMLEscapeString(title.String()) + `</title><path class="mark-line" vector-effect="non-scaling-stroke" d="M` + tenth(middle) +
			` 0V100"/><rect class="spot" x="` + tenth(from) + `" width="` + tenth(to-from) + `" y="0" height="100"/></g>`)
		row.WriteString(`<tr><td>` + when + `</td>` + cells.String() + "</tr>\n")
	}
	return template.HTML(field.String()), template.HTML(row.String()) // #nosec G203 -- numbers, times, and text that was escaped
}

// tenth is a number with one digit after the point.
func tenth(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// timeTicks are the two ends and the quarters between them.
func timeTicks(times []time.Time) []Tick {
	if len(times) < 2 {
		return nil
	}
	first, last := times[0], times[len(times)-1]
	layout := "15:04"
	if last.Sub(first) > 25*time.Hour {
		layout = "2 Jan"
	}
	var out []Tick
	for i, anchor := range []string{"start", "middle", "middle", "middle", "end"} {
		t := times[i*(len(times)-1)/4]
		out = append(out, Tick{At: 25 * float64(i), Text: t.Format(layout), Anchor: anchor})
	}
	return out
}

func (p PlotOf) passed() bool {
	for _, s := range p.Series {
		for _, v := range s.Values {
			if v > p.Limit {
				return true
			}
		}
	}
	return false
}

func (p PlotOf) spoken(drawn Plot) string {
	out := p.Title + " (" + p.What + ")"
	for _, l := range drawn.Lines {
		out += fmt.Sprintf("; %s: now %s, at most %s", l.Name, orDash(l.Last), l.Most)
	}
	if drawn.Limit != nil && drawn.Limit.Passed {
		out += "; " + p.LimitText + " was passed"
	}
	return out
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}
