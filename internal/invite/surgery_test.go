package invite

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
)

func anybody(member.Member) bool { return true }

// closed are the names of those of a branch who are disabled.
func (w *world) closed(id core.MemberID) string {
	w.t.Helper()
	b, err := w.Branch(w.t.Context(), id, MaxBranch)
	w.must(err)
	var out []string
	for _, n := range b.Nodes {
		if n.Disabled {
			out = append(out, n.Name)
		}
	}
	return strings.Join(out, " ")
}

func TestDisableBranch(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		m := w.grow("ann", "bob:ann", "cat:bob", "dan:bob", "eve:ann", "zed")
		by := member.By{Name: "shell"}
		w.must(membertest.Disable(t.Context(), w.Members, m["cat"].ID, "for something else"))
		w.must(membertest.Begin(t.Context(), w.Members, m["eve"].ID, member.Warned, "be careful"))
		may := func(m member.Member) bool { return m.Name != "dan" }
		p, err := w.PlanDisable(t.Context(), m["bob"].ID, may)
		if err != nil || len(p.Do) != 1 || p.Do[0].Name != "bob" || len(p.Out) != 1 || p.Out[0].Name != "dan" || p.Disabled != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		if got := w.closed(m["ann"].ID); got != "cat" {
			t.Errorf("a plan has disabled %s", got)
		}
		_, err = w.DisableBranch(t.Context(), m["ann"].ID, by, "?", anybody)
		refused(t, err, core.Invalid, "reason", "say why")
		if got := w.closed(m["ann"].ID); got != "cat" {
			t.Errorf("what was refused has disabled %s", got)
		}
		done, err := w.DisableBranch(t.Context(), m["ann"].ID, by, "they cheat", may)
		if err != nil || done.Act == 0 || len(done.Do) != 3 {
			t.Fatalf("%+v, %v", done, err)
		}
		if got := w.closed(m["ann"].ID); got != "ann bob cat eve" {
			t.Errorf("disabled are %s", got)
		}
		b, err := w.Branch(t.Context(), m["ann"].ID, 100)
		w.must(err)
		if s := b.Sums(); s.Members != 4 || s.Disabled != 3 || s.Warned != 1 {
			t.Errorf("%+v", s)
		}
		if one, err := w.Members.ByID(t.Context(), m["bob"].ID); err != nil || one.Enabled() || one.Holding[0].Reason != "they cheat" {
			t.Errorf("%+v, %v", one.Holding, err)
		}
		_, err = w.DisableBranch(t.Context(), m["ann"].ID, by, "they cheat", may)
		refused(t, err, core.Conflict, "", "nobody in this branch")
		_, err = w.EnableBranch(t.Context(), 4711, by, anybody)
		refused(t, err, core.NotFound, "", "no branch")
		back, err := w.EnableBranch(t.Context(), done.Act, by, func(m member.Member) bool { return m.Name != "eve" })
		if err != nil || len(back) != 2 {
			t.Errorf("%+v, %v", back, err)
		}
		if got := w.closed(m["ann"].ID); got != "cat eve" { // cat for another reason
			t.Errorf("still disabled are %s", got)
		}
		if back, err := w.EnableBranch(t.Context(), done.Act, by, anybody); err != nil || len(back) != 1 {
			t.Errorf("the rest: %+v, %v", back, err)
		}
		_, err = w.EnableBranch(t.Context(), done.Act, by, anybody)
		refused(t, err, core.Conflict, "", "nothing of that act")
		w.clock.Add(time.Hour)
	})
}

// row is what the table of members has of one.
func (w *world) row(id int) db.Row {
	name := fmt.Sprintf("m%d", id)
	mac := []byte(strings.Repeat("x", 28) + fmt.Sprintf("%04d", id))
	return db.Row{"id", id, "name", name, "skeleton", name, "class_id", 1, "password_hash", "", "irc_key_mac", mac, "passkey_mac", mac, "passkey_box", []byte("x"),
		"irc_key_box", []byte("x"), "email_box", []byte("x"), "key_epoch", 1, "created_at", w.clock.Now().Unix(), "seen_at", 0}
}

// TestDisableBranchIsBounded has a branch that is too large for one act.
func TestDisableBranchIsBounded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		top := w.person("top", "User")
		w.must(w.DB.Tx(t.Context(), func(tx *db.Tx) error {
			for i := range MaxSurgery {
				// Rows alone: to make so many accounts would take long.
				id := 1000 + i
				if _, err := tx.Insert(t.Context(), "member", w.row(id)); err != nil {
					return err
				}
				if err := w.In(tx).Record(t.Context(), Origin{Member: core.MemberID(id), Inviter: top.ID, Via: ViaInvite}); err != nil {
					return err
				}
			}
			return nil
		}))
		_, err := w.DisableBranch(t.Context(), top.ID, member.By{Name: "shell"}, "they cheat", anybody)
		refused(t, err, core.Conflict, "", "more than 200")
		if got := w.closed(top.ID); got != "" {
			t.Errorf("disabled are %s", got)
		}
	})
}

// TestWhoMayNotInvite has causes that keep a member from inviting, and their open invites
// from being used.
func TestWhoMayNotInvite(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ann := w.person("ann", "User")
		token := w.invite(ann, New{}).Token
		for _, e := range []member.Effect{member.NoInvites, member.Disabled} {
			w.must(membertest.Begin(t.Context(), w.Members, ann.ID, e, "for a test"))
			_, err := w.Make(t.Context(), ann.ID, New{})
			refused(t, err, core.Forbidden, "", "may not invite")
			_, err = w.Join(t.Context(), Ticket(token), w.form("bob"))
			refused(t, err, core.Forbidden, "", "may not invite")
			w.must(membertest.End(t.Context(), w.Members, ann.ID, e))
		}
		w.join(token, "bob")
	})
}
