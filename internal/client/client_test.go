package client

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

func newStore(d *db.DB) (*Store, *eventlog.Log) {
	log := eventlog.New(d, time.Now)
	return NewStore(d, log, time.Now), log
}

func peerID(s string) (id [20]byte) {
	copy(id[:], s)
	return id
}

// TestSeedAllowsRealClients uses peer-ids as they were recorded from the real
// programs.
func TestSeedAllowsRealClients(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, log := newStore(d)
		for range 2 { // the second time changes nothing
			if err := s.Seed(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		rules, err := s.Rules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(rules) != len(firstRules()) {
			t.Fatalf("%d rules, want %d", len(rules), len(firstRules()))
		}
		set := NewSet(rules)
		tests := []struct {
			id   string
			want bool
		}{
			{"-TR3000-abcdefghijkl", true}, {"-TR4060-abcdefghijkl", true}, {"-qB4520-abcdefghijkl", true},
			{"-qB5030-abcdefghijkl", true}, {"-lt0D80-abcdefghijkl", true}, {"-DE203s-abcdefghijkl", true},
			{"A2-1-36-0-abcdefghij", true}, {"-LT2080-abcdefghijkl", true}, {"-KT22123- bcdefghijk", true},
			{"-GT0003-abcdefghijkl", true},
			{"-XL0012-abcdefghijkl", false}, {"-tr3000-abcdefghijkl", false}, {"-LT1000-abcdefghijkl", false},
			{"", false}, {"TR3000--abcdefghijkl", false},
		}
		for _, tt := range tests {
			if got := set.Allowed(peerID(tt.id)); got != tt.want {
				t.Errorf("%q allowed: %v, want %v", tt.id, got, tt.want)
			}
		}
		if last, err := log.Last(t.Context()); err != nil || last != 1 {
			t.Fatalf("last event %d, %v; want the one of the first seeding", last, err)
		}
	})
}

func TestAddAndRemove(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		s, log := newStore(d)
		r, err := s.Add(ctx, "-BI", " BiglyBT ")
		if err != nil || r.ID == 0 || r.Name != "BiglyBT" {
			t.Fatalf("add: %+v, %v", r, err)
		}
		if _, err := s.Add(ctx, "-bi", "another one, as case matters"); err != nil {
			t.Fatalf("add in other case: %v", err)
		}
		if _, err := s.Add(ctx, "-BI", "again"); core.CodeOf(err) != core.Conflict {
			t.Fatalf("adding twice: %v, want a conflict", err)
		}
		if err := s.Remove(ctx, "-BI"); err != nil {
			t.Fatal(err)
		}
		if err := s.Remove(ctx, "-BI"); core.CodeOf(err) != core.NotFound {
			t.Fatalf("removing twice: %v, want not found", err)
		}
		rules, err := s.Rules(ctx)
		if err != nil || len(rules) != 1 || rules[0].Prefix != "-bi" {
			t.Fatalf("rules %+v, %v", rules, err)
		}
		events, err := log.Read(ctx, 0, 10)
		if err != nil || len(events) != 3 {
			t.Fatalf("%d events, %v; want one for each change", len(events), err)
		}
	})
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	s, _ := newStore(dbtest.SQLite(t))
	tests := []struct{ prefix, name, field string }{
		{"", "x", "prefix"},
		{strings.Repeat("a", 21), "x", "prefix"},
		{"-TR 4", "x", "prefix"},
		{"-TR\x00", "x", "prefix"},
		{"-TRé", "x", "prefix"},
		{"-TR4", "  ", "name"},
		{"-TR4", strings.Repeat("n", 65), "name"},
		{"-TR4", "two\nlines", "name"},
		{"-TR4", "\xff", "name"},
	}
	for _, tt := range tests {
		_, err := s.Add(t.Context(), tt.prefix, tt.name)
		if core.CodeOf(err) != core.Invalid || core.FieldOf(err) != tt.field {
			t.Errorf("Add(%q, %q): %v, want %s refused", tt.prefix, tt.name, err, tt.field)
		}
	}
	if rules, err := s.Rules(t.Context()); err != nil || len(rules) != 0 {
		t.Errorf("rules after refusals: %+v, %v", rules, err)
	}
}

func BenchmarkAllowed(b *testing.B) {
	set, id := NewSet(firstRules()), peerID("-GT0003-abcdefghijkl")
	b.ReportAllocs()
	for b.Loop() {
		if !set.Allowed(id) {
			b.Fatal("refused")
		}
	}
}
