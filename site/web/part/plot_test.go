package part

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func plotOf(scale Scale, values ...float64) PlotOf {
	p := PlotOf{ID: "p", Title: "Title", What: "unit", Scale: scale, Series: []Series{{Name: "A", Values: values}}}
	for i := range values {
		p.Times = append(p.Times, time.Date(2026, 3, 20, i, 0, 0, 0, time.UTC))
	}
	return p
}

var (
	unknown = math.NaN()
	plain   = Scale{Text: func(v float64) string { return strings.TrimSuffix(strings.TrimRight(fixed(v), "0"), ".") }}
)

func fixed(v float64) string { return time.Duration(v * float64(time.Second)).String() }

func TestPlot(t *testing.T) {
	p := plotOf(plain, unknown, 10, 40, unknown, 20).Plot()
	if l := p.Lines[0]; l.Path != "M250.0 75.0h0L500.0 0.0M1000.0 50.0h0" || l.Most != "40s" || l.Last != "20s" || p.Empty {
		t.Errorf("%+v", l)
	}
	var ticks []Tick
	for _, k := range p.Ticks {
		ticks = append(ticks, Tick{At: k.At, Text: k.Text})
	}
	if diff := cmp.Diff([]Tick{{At: 100, Text: "0s"}, {At: 75, Text: "10s"}, {At: 50, Text: "20s"}, {At: 25, Text: "30s"}, {At: 0, Text: "40s"}}, ticks); diff != "" {
		t.Errorf("ticks\n%s", diff)
	}
	spots := strings.SplitAfter(strings.TrimSuffix(string(p.Spots), "</g>"), "</g>")
	if len(spots) != 3 || spots[0] != `<g><title>Fri 20 Mar, 01:00
A: 10s</title><path class="mark-line" vector-effect="non-scaling-stroke" d="M250.0 0V100"/><rect class="spot" x="125.0" width="250.0" y="0" height="100"/></g>` ||
		!strings.Contains(spots[2], `x="875.0" width="125.0"`) {
		t.Errorf("spots %q", spots)
	}
	if rows := strings.Split(strings.TrimSpace(string(p.Rows)), "\n"); len(rows) != 3 || rows[0] != `<tr><td>Fri 20 Mar, 01:00</td><td class="num">10s</td></tr>` {
		t.Errorf("rows %q", rows)
	}
	if p.Spoken != "Title (unit); A: now 20s, at most 40s" {
		t.Errorf("spoken %q", p.Spoken)
	}
	if p := plotOf(plain, unknown, unknown).Plot(); !p.Empty || p.Lines[0].Path != "" || p.Lines[0].Last != "" {
		t.Errorf("of nothing: %+v", p)
	}
	if p := plotOf(plain, 7).Plot(); p.Empty || p.Lines[0].Path != "M0.0 12.5h0" || strings.Count(string(p.Spots), "<g>") != 1 {
		t.Errorf("of one moment: %+v", p)
	}
}

// TestPlotEscapes what it is given as text.
func TestPlotEscapes(t *testing.T) {
	of := plotOf(Scale{Text: func(float64) string { return "<i>1" }}, 1, unknown)
	of.Series = append(of.Series, Series{Name: "</title><b>", Values: []float64{unknown, 2}})
	p := of.Plot()
	for _, text := range []string{string(p.Spots), string(p.Rows)} {
		if strings.Contains(text, "<i>") || strings.Contains(text, "<b>") || !strings.Contains(text, "&lt;i&gt;1") {
			t.Errorf("%q", text)
		}
	}
}

func TestLogarithmicPlot(t *testing.T) {
	of := plotOf(Scale{Text: fixed, Log: true}, 0, 100, 10_000)
	of.Limit, of.LimitText = 1000, "slow"
	p := of.Plot()
	if p.Lines[0].Path != "M0.0 100.0h0L500.0 50.0L1000.0 0.0" || len(p.Ticks) != 5 {
		t.Errorf("%+v, %d ticks", p.Lines[0], len(p.Ticks))
	}
	if p.Limit == nil || math.Abs(p.Limit.At-25) > 0.01 || !p.Limit.Passed || !strings.HasSuffix(p.Spoken, "; slow was passed") {
		t.Errorf("limit %+v, %q", p.Limit, p.Spoken)
	}
	if of.Series[0].Values[2] = 200; of.Plot().Limit == nil || of.Plot().Limit.Passed {
		// The ticks go to 1000.
		t.Errorf("a limit that is not passed: %+v", of.Plot().Limit)
	}
}

// TestTicksAreEven holds whatever the largest value is.
func TestTicksAreEven(t *testing.T) {
	for _, top := range []float64{0.003, 0.1, 1, 1.1, 3, 7, 9.99, 10, 123, 5e6, 1e12} {
		steps := ticks(plain, top)
		if len(steps) < 3 || len(steps) > valueTicks+2 || steps[0] != 0 || steps[len(steps)-1] < top {
			t.Errorf("of %v: %v", top, steps)
		}
		for i := 1; i < len(steps); i++ {
			if math.Abs(steps[i]-steps[i-1]-steps[1]) > steps[1]*1e-6 {
				t.Errorf("of %v: %v", top, steps)
			}
		}
	}
}
