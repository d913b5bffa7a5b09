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

// TestSeedAllowsRealClients uses peer-ids that were recorded from the real programs.
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
			if got, _ := set.Allowed(peerID(tt.id)); got != tt.want {
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
		r, err := s.Add(ctx, "-BI", " BiglyBT ", "")
		if err != nil || r.ID == 0 || r.Name != "BiglyBT" {
			t.Fatalf("add: %+v, %v", r, err)
		}
		if _, err := s.Add(ctx, "-bi", "another one, as case matters", ""); err != nil {
			t.Fatalf("add in other case: %v", err)
		}
		if _, err := s.Add(ctx, "-BI", "again", ""); core.CodeOf(err) != core.Conflict {
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
	tests := []struct{ prefix, name, lowest, field string }{
		{"", "x", "", "prefix"},
		{strings.Repeat("a", 21), "x", "", "prefix"},
		{"-TR 4", "x", "", "prefix"},
		{"-TR\x00", "x", "", "prefix"},
		{"-TRé", "x", "", "prefix"},
		{"-TR4", "  ", "", "name"},
		{"-TR4", strings.Repeat("n", 65), "", "name"},
		{"-TR4", "two\nlines", "", "name"},
		{"-TR4", "\xff", "", "name"},
		{"-TR4", "x", "4.x", "lowest"},
		{"-TR4", "x", "1.2.3.4.5", "lowest"},
		{"-TR4", "x", "-1", "lowest"},
		{"-TR4", "x", "1..2", "lowest"},
		{"-T", "x", "1", "prefix"},
	}
	for _, tt := range tests {
		_, err := s.Add(t.Context(), tt.prefix, tt.name, tt.lowest)
		if core.CodeOf(err) != core.Invalid || core.FieldOf(err) != tt.field {
			t.Errorf("Add(%q, %q): %v, want %s refused", tt.prefix, tt.name, err, tt.field)
		}
	}
	if rules, err := s.Rules(t.Context()); err != nil || len(rules) != 0 {
		t.Errorf("rules after refusals: %+v, %v", rules, err)
	}
}

// TestLowest compares versions as real clients write them.
func TestLowest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		prefix, lowest, id string
		want               bool
	}{
		{"-TR", "4.0.5", "-TR4050-abcdefghijkl", true},
		{"-TR", "4.0.5", "-TR4060-abcdefghijkl", true},
		{"-TR", "4.0.5", "-TR4040-abcdefghijkl", false},
		{"-TR", "4", "-TR3Z00-abcdefghijkl", false},
		{"-TR4", "4.0.5", "-TR4100-abcdefghijkl", true},
		{"-TR", "4", "-TR41-abcdefghijklmn", false}, // no version of theirs
		{"-TR", "4", "-TR4\x000\x00-abcdefghijkl", false},
		{"-lt", "0.13.8", "-lt0D80-abcdefghijkl", true},
		{"-lt", "0.13.8", "-lt0D70-abcdefghijkl", false},
		{"-DE", "2.1.1", "-DE211s-abcdefghijkl", true},
		{"-DE", "2.1.1", "-DE203s-abcdefghijkl", false},
		{"-qB", "4.6.3", "-qB4630-abcdefghijkl", true},
		{"A2-", "1.36.0", "A2-1-36-0-abcdefghij", true},
		{"A2-", "1.36.1", "A2-1-36-0-abcdefghij", false},
		{"A2-", "1.36", "A2-1-4-0-abcdefghijk", false},
		{"M", "7.9.2", "M7-9-2--abcdefghijkl", true},
		{"M", "7.9.2", "M7-10-1-abcdefghijkl", true},
		{"M", "7.9.2", "M7-2-2--abcdefghijkl", false},
		{"M", "7.9.2", "Mxyz----abcdefghijkl", false},
		{"M", "7", "M99999999999999999999", true},
	}
	for _, tt := range tests {
		got, tooOld := NewSet([]Rule{{Prefix: tt.prefix, Name: "it", Lowest: tt.lowest}}).Allowed(peerID(tt.id))
		if got != tt.want || (tooOld == nil) != tt.want || tooOld != nil && tooOld.Lowest != tt.lowest {
			t.Errorf("%s from %s: %q allowed: %v, want %v (%+v)", tt.prefix, tt.lowest, tt.id, got, tt.want, tooOld)
		}
	}
	both := NewSet([]Rule{{Prefix: "-TR", Lowest: "4"}, {Prefix: "-TR3"}})
	if ok, _ := both.Allowed(peerID("-TR3000-abcdefghijkl")); !ok {
		t.Error("one of two rules allows it")
	}
	if ok, tooOld := both.Allowed(peerID("-XX3000-abcdefghijkl")); ok || tooOld != nil {
		t.Error("no rule is about it")
	}
}

func TestSetLowest(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		s, log := newStore(d)
		if r, err := s.Add(ctx, "-BI", "BiglyBT", "3.1"); err != nil || r.Lowest != "3.1" {
			t.Fatalf("add: %+v, %v", r, err)
		}
		for _, lowest := range []string{"3.2.1", "3.2.1", ""} { // the same once more is no error
			if err := s.SetLowest(ctx, "-BI", lowest); err != nil {
				t.Fatal(err)
			}
			if rules, err := s.Rules(ctx); err != nil || len(rules) != 1 || rules[0].Lowest != lowest {
				t.Errorf("%+v, %v; want lowest %q", rules, err, lowest)
			}
		}
		if err := s.SetLowest(ctx, "-XX", "1"); core.CodeOf(err) != core.NotFound {
			t.Errorf("of none: %v", err)
		}
		if err := s.SetLowest(ctx, "-BI", "new"); core.CodeOf(err) != core.Invalid {
			t.Errorf("nonsense: %v", err)
		}
		if last, err := log.Last(ctx); err != nil || last != 4 {
			t.Errorf("%d events, %v", last, err)
		}
	})
}

func BenchmarkAllowed(b *testing.B) {
	set, id := NewSet(firstRules()), peerID("-GT0003-abcdefghijkl")
	b.ReportAllocs()
	for b.Loop() {
		if ok, _ := set.Allowed(id); !ok {
			b.Fatal("refused")
		}
	}
}
