package swarm

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/site/web"
)

// plot is a picture of some lines over the last day, as the part "plot" draws it.
// Text stands beside the drawing, so that it stays legible at any width.
type plot struct {
	Title string
	What  string
	Top   string // the value at the upper edge
	Low   string // and at the lower
	Lines []plotLine
	Empty bool
}

// plotLine is one line. Its path is on a field of plotWidth by plotHeight.
type plotLine struct {
	Name string
	Path string
	Last string // its last value, "" when there is none
	Most string // its largest
}

// series is a line before it is drawn.
type series struct {
	name  string
	value func(moment) float64
}

// scale says how the values of a plot are written, and whether they are drawn by
// their logarithm, which must not be below 0 then.
type scale struct {
	text func(float64) string
	log  bool
}

var (
	perSecond = scale{text: web.UpTo3}
	whole     = scale{text: func(v float64) string { return web.Grouped(int64(math.Round(v))) }}
	duration  = scale{text: func(v float64) string { return web.Short(time.Duration(v) * time.Microsecond) }, log: true}
)

// The field of a plot.
const (
	plotWidth  = 1000
	plotHeight = 100
)

func newPlot(title, what string, sc scale, moments []moment, all ...series) plot {
	p := plot{Title: title, What: what, Low: sc.text(0), Empty: true}
	top := 0.0
	for _, s := range all {
		for _, m := range moments {
			if m.known {
				p.Empty = false
				top = max(top, s.value(m))
			}
		}
	}
	if sc.log {
		p.Low = sc.text(1)
		top = max(top, 10)
	}
	if top == 0 {
		top = 1
	}
	p.Top = sc.text(top)
	for _, s := range all {
		p.Lines = append(p.Lines, s.draw(sc, moments, top))
	}
	return p
}

// draw makes the line of a series. Where nothing is known the line is broken.
func (s series) draw(sc scale, moments []moment, top float64) plotLine {
	l := plotLine{Name: s.name}
	var path strings.Builder
	most, drawn := 0.0, false
	for i, m := range moments {
		if !m.known {
			drawn = false
			continue
		}
		v := s.value(m)
		most, l.Last = max(most, v), sc.text(v)
		part := v / top
		if sc.log {
			part = math.Log(max(v, 1)) / math.Log(top)
		}
		x, y := plotWidth*float64(i)/float64(len(moments)-1), plotHeight*(1-part)
		if !drawn { // a lone moment is a dot: a line of no length with round ends
			fmt.Fprintf(&path, "M%.1f %.1fh0", x, y)
		} else {
			fmt.Fprintf(&path, "L%.1f %.1f", x, y)
		}
		drawn = true
	}
	l.Path, l.Most = path.String(), sc.text(most)
	return l
}
