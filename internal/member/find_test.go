package member

import (
	"fmt"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ids := map[string]int64{}
		for _, name := range []string{"alice", "alicia", "Bob", "dan_x", "carl"} {
			c := w.make(t, name, map[string]string{"carl": "Elite"}[name])
			ids[name] = c.Member.Class.ID
			if name == "Bob" {
				if err := w.begin(ctx, c.Member.ID, Disabled, "two accounts"); err != nil {
					t.Fatal(err)
				}
			}
			if name == "alicia" {
				if err := w.begin(ctx, c.Member.ID, NoDownload, "traded accounts"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := w.EnsureBot(ctx, "a key that is long enough for it"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			filter Filter
			limit  int
			want   string
		}{
			{Filter{}, 10, "alice alicia Bob carl dan_x of 5"},
			{Filter{}, 2, "alice alicia of 5"},
			{Filter{After: "ALICIA"}, 2, "Bob carl of 5"},
			{Filter{Part: "LIC"}, 10, "alice alicia of 2"},
			{Filter{Part: "n_"}, 10, "dan_x of 1"},
			{Filter{Part: "%"}, 10, " of 0"},
			{Filter{Part: strings.Repeat("a", MaxPart+1)}, 10, " of 0"},
			{Filter{State: "disabled"}, 10, "Bob of 1"},
			{Filter{State: "enabled", Part: "a"}, 10, "alice alicia carl dan_x of 4"},
			{Filter{State: "no-download"}, 10, "alicia of 1"},
			{Filter{Part: "#1"}, 10, "alice of 1"},
			{Filter{Part: "#4711"}, 10, " of 0"},
			{Filter{Part: "#one"}, 10, " of 0"},
			{Filter{Part: "#1", State: "disabled"}, 10, " of 0"},
			{Filter{ClassID: ids["carl"]}, 10, "carl of 1"},
		} {
			list, count, err := w.Find(ctx, c.filter, c.limit)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, m := range list {
				names = append(names, m.Name)
				if m.Class.Name == "" {
					t.Errorf("%s has no class", m.Name)
				}
			}
			if got := fmt.Sprint(strings.Join(names, " "), " of ", count); got != c.want {
				t.Errorf("%+v: %q, want %q", c.filter, got, c.want)
			}
		}
	})
}

func TestMarks(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		alice, bob := w.make(t, "alice", ""), w.make(t, "bob", "")
		first := w.now
		for range 2 {
			if err := w.SetMark(t.Context(), alice.Member.ID, StartDone); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(1 << 32)
		}
		marks, err := w.Marks(t.Context(), alice.Member.ID)
		if err != nil || len(marks) != 1 || !marks[StartDone].Equal(first) {
			t.Errorf("marks %v, %v", marks, err)
		}
		if marks, err := w.Marks(t.Context(), bob.Member.ID); err != nil || len(marks) != 0 {
			t.Errorf("marks of another: %v, %v", marks, err)
		}
	})
}
