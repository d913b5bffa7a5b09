package invite

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// grow makes members below others: "bob:ann" stands below ann.
func (w *world) grow(list ...string) map[string]member.Member {
	w.t.Helper()
	out := map[string]member.Member{}
	for _, one := range list {
		name, above, _ := strings.Cut(one, ":")
		out[name] = w.person(name, "User")
		if above != "" {
			w.must(w.Record(w.t.Context(), Origin{Member: out[name].ID, Inviter: out[above].ID, Via: ViaInvite}))
		}
	}
	return out
}

// drawn is a branch in one line.
func (w *world) drawn(id core.MemberID, limit int) string {
	w.t.Helper()
	b, err := w.Branch(w.t.Context(), id, limit)
	w.must(err)
	var out []string
	for _, n := range b.Nodes {
		out = append(out, fmt.Sprintf("%d%s", n.Depth, n.Name))
	}
	if b.More {
		out = append(out, "more")
	}
	return strings.Join(out, " ")
}

func TestBranch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m := w.grow("ann", "bob:ann", "cat:bob", "dan:bob", "eve:ann", "fay:dan", "zed")
		for _, c := range []struct {
			of    string
			limit int
			want  string
		}{
			{"ann", 100, "0ann 1bob 2cat 2dan 3fay 1eve"},
			{"bob", 100, "0bob 1cat 1dan 2fay"},
			{"fay", 100, "0fay"},
			{"zed", 100, "0zed"},
			{"ann", 6, "0ann 1bob 2cat 2dan 3fay 1eve"},
			{"ann", 5, "0ann 1bob 2cat 2dan 1eve more"},
			{"ann", 4, "0ann 1bob 2cat 1eve more"},
			{"ann", 2, "0ann 1bob more"},
			{"ann", 1, "0ann more"},
		} {
			if got := w.drawn(m[c.of].ID, c.limit); got != c.want {
				t.Errorf("%s, %d: %s, want %s", c.of, c.limit, got, c.want)
			}
		}
		if _, err := w.Branch(t.Context(), 4711, 10); core.CodeOf(err) != core.NotFound {
			t.Errorf("nobody's branch: %v", err)
		}
		w.must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
			for i, name := range []string{"ann", "bob", "fay"} {
				if _, err := tx.Insert(t.Context(), "transfer_member", db.Row{"member_id", m[name].ID, "uploaded", 100 * (i + 1), "downloaded", 10 * i}); err != nil {
					return err
				}
			}
			return nil
		}))
		b, err := w.Branch(t.Context(), m["ann"].ID, 100)
		w.must(err)
		s := b.Sums()
		if s.Members != 5 || s.Depth != 3 || s.Uploaded != 500 || s.Downloaded != 30 {
			t.Errorf("%+v", s)
		}
		if r, ok := s.Ratio(); !ok || r < 16 || r > 17 {
			t.Errorf("ratio %f, %t", r, ok)
		}
		if _, ok := b.Nodes[0].Ratio(); ok {
			t.Error("a ratio without a download")
		}
	})
}

func TestMove(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m := w.grow("ann", "bob:ann", "cat:bob", "dan:cat", "eve")
		for _, c := range [][2]string{{"bob", "bob"}, {"bob", "cat"}, {"bob", "dan"}, {"ann", "dan"}} {
			if _, err := w.Move(t.Context(), m[c[0]].ID, m[c[1]].ID); core.CodeOf(err) != core.Conflict || !strings.Contains(core.SafeText(err), "circle") {
				t.Errorf("%s below %s: %v", c[0], c[1], err)
			}
		}
		was, err := w.Move(t.Context(), m["bob"].ID, m["ann"].ID)
		if err != nil || was.Name != "ann" {
			t.Errorf("to where they stand: %+v, %v", was, err)
		}
		was, err = w.Move(t.Context(), m["bob"].ID, m["eve"].ID)
		if err != nil || was.Inviter != m["ann"].ID || was.Name != "ann" {
			t.Errorf("%+v, %v", was, err)
		}
		if got := w.drawn(m["eve"].ID, 10); got != "0eve 1bob 2cat 3dan" {
			t.Error(got)
		}
		if o, err := w.Origin(t.Context(), m["bob"].ID); err != nil || o.Via != ViaInvite {
			t.Errorf("how they came is no longer known: %+v, %v", o, err)
		}
		if _, err := w.Move(t.Context(), m["cat"].ID, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Move(t.Context(), m["ann"].ID, m["dan"].ID); err != nil { // ann had no row of her own
			t.Fatal(err)
		}
		if got := w.drawn(m["cat"].ID, 10); got != "0cat 1dan 2ann" {
			t.Error(got)
		}
	})
}

// TestMoveAtOnce moves two branches below each other at once: together they would be a circle.
func TestMoveAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m := w.grow("ann", "bob", "cat")
		ids := []core.MemberID{m["ann"].ID, m["bob"].ID, m["cat"].ID}
		if n := atOnce(t, 3, core.Conflict, func(i int) error {
			_, err := w.Move(t.Context(), ids[i], ids[(i+1)%3])
			return err
		}); n != 2 {
			t.Errorf("%d were moved", n)
		}
	})
}
