package swarm

import "testing"

func TestPlot(t *testing.T) {
	moments := []moment{{}, {known: true, announces: 10}, {known: true, announces: 40}, {}, {known: true, announces: 20}}
	s := series{"A", func(m moment) float64 { return m.announces }}
	p := newPlot("Title", "what", perSecond, moments, s)
	if l := p.Lines[0]; l.Path != "M250.0 75.0h0L500.0 0.0M1000.0 50.0h0" || l.Most != "40.0" || l.Last != "20.0" || p.Top != "40.0" || p.Low != "0" || p.Empty {
		t.Errorf("%+v", p)
	}
	log := newPlot("", "", duration, []moment{{known: true, announces: 1}, {known: true, announces: 100}, {known: true, announces: 10_000}}, s)
	if l := log.Lines[0]; l.Path != "M0.0 100.0h0L500.0 50.0L1000.0 0.0" || l.Most != "10.0 ms" || log.Low != "1.00 µs" {
		t.Errorf("%+v", log)
	}
	if p := newPlot("", "", whole, make([]moment, 3), s); !p.Empty || p.Lines[0].Path != "" || p.Lines[0].Last != "" {
		t.Errorf("of nothing: %+v", p)
	}
}
