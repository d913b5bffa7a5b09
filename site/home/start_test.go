package home

import "testing"

func TestStartSteps(t *testing.T) {
	for _, c := range []struct {
		facts startFacts
		done  string
		all   bool
	}{
		{startFacts{}, "0000", false},
		{startFacts{mayIRC: true}, "00000", false},
		{startFacts{rules: true, announced: true, fetched: true, seeded: true}, "1111", true},
		{startFacts{rules: true, announced: true, fetched: true, seeded: true, mayIRC: true}, "11110", false},
		{startFacts{announced: true, onIRC: true, mayIRC: true}, "01001", false},
	} {
		steps, all := startSteps(c.facts)
		done := ""
		for _, s := range steps {
			if s.Done {
				done += "1"
			} else {
				done += "0"
			}
			if s.Title == "" || s.Action.Address == "" {
				t.Errorf("a step without words or a way: %+v", s)
			}
		}
		if done != c.done || all != c.all {
			t.Errorf("%+v: %s %v, want %s %v", c.facts, done, all, c.done, c.all)
		}
	}
}
