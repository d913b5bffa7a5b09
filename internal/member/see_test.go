package member

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// shown lists the figures of a view that are shown, by name; each must be the right one.
func shown(t *testing.T, v View) (out []string) {
	t.Helper()
	see := func(name string, shown, right bool) {
		if shown {
			out = append(out, name)
		}
		if shown != right {
			t.Errorf("%s: shown %v, and the value is right: %v", name, shown, right)
		}
	}
	seen := time.Unix(1000, 0)
	see("up", v.Uploaded().Shown, v.Uploaded().Value == 300)
	see("down", v.Downloaded().Shown, v.Downloaded().Value == 200)
	see("ratio", v.Ratio().Shown, v.Ratio().Value == Ratio{1.5, true})
	see("snatched", v.Snatched().Shown, v.Snatched().Value == 3)
	see("seeding", v.Seeding().Shown, v.Seeding().Value == 4)
	see("leeching", v.Leeching().Shown, v.Leeching().Value == 5)
	see("seedtime", v.Seedtime().Shown, v.Seedtime().Value == time.Minute)
	see("seen", v.LastSeen().Shown, v.LastSeen().Value.Equal(seen))
	see("irc", v.LastIRC().Shown, v.LastIRC().Value.Equal(seen.Add(time.Hour)))
	if v.Uploads().Shown {
		out = append(out, fmt.Sprintf("uploads=%d", v.Uploads().Value))
	} else if v.Uploads().Value != 0 {
		t.Errorf("%d uploads are hidden and told", v.Uploads().Value)
	}
	return out
}

func TestSee(t *testing.T) {
	figures := Figures{up: 300, down: 200, snatched: 3, seeding: 4, leeching: 5, uploads: 7, named: 6, seedtime: 60, ircAt: time.Unix(1000, 0).Add(time.Hour)}
	const all = "up down ratio snatched seeding leeching seedtime seen irc uploads=6"
	other := Viewer{ID: 2, Name: "other", Figures: true}
	staff := Viewer{ID: 3, Name: "mona", Private: true, Unnamed: true}
	me := Viewer{ID: 1, Name: "me"}
	own := strings.Replace(all, "=6", "=7", 1)
	for _, c := range []struct {
		viewer Viewer
		hides  Hides
		want   string
	}{
		{other, 0, all},
		{other, firstHides, "up down ratio snatched seeding leeching seedtime uploads=6"},
		{other, HideRatio, "snatched seeding leeching seedtime seen irc uploads=6"},
		{other, HideUploads, "down snatched seeding leeching seedtime seen irc"},
		{other, HideDownloads, "up seeding leeching seedtime seen irc uploads=6"},
		{other, HideUploads | HideDownloads, "seeding leeching seedtime seen irc"},
		{other, HideSeeding, "up down ratio snatched seen irc uploads=6"},
		{other, HideSeen, "up down ratio snatched seeding leeching seedtime irc uploads=6"},
		{other, HideIRC, "up down ratio snatched seeding leeching seedtime seen uploads=6"},
		{other, HideInvites, all},
		{other, hideAll, ""},
		{other, hideAll | 1<<40, ""},
		{Others(), 0, all},
		{Viewer{ID: 2}, 0, "uploads=6"}, // may see no figures
		{Viewer{}, 0, "uploads=6"},
		{Viewer{}, hideAll, ""},
		{Viewer{ID: 2, Figures: true, Unnamed: true}, hideAll, ""},
		{me, hideAll, own},
		{staff, hideAll, own},
		{staff, 0, own},
	} {
		v := See(c.viewer, Member{ID: 1, seenAt: time.Unix(1000, 0), hides: c.hides}, figures)
		if got := strings.Join(shown(t, v), " "); got != c.want {
			t.Errorf("%+v of who hides %q: %s, want %s", c.viewer, c.hides, got, c.want)
		}
		if looks := c.viewer.ID == staff.ID && c.hides != 0; v.Looks() != looks {
			t.Errorf("%+v of who hides %q looks: %v", c.viewer, c.hides, v.Looks())
		}
		if want := c.hides&HideInvites == 0 || c.viewer.ID == 1 || c.viewer.Private; v.Shows(HideInvites) != want {
			t.Errorf("%+v of who hides %q sees invites: %v", c.viewer, c.hides, !want)
		}
	}
	var nobody View
	if nobody.Shows(HideUploads) || nobody.Own() || nobody.Uploads().Shown || nobody.LastSeen().Shown {
		t.Error("the zero View shows something")
	}
	// A guest is nobody, and not the owner of an account that was never read.
	if v := See(Viewer{}, Member{}, figures); v.Own() || len(shown(t, v)) > 0 {
		t.Error("a guest is taken for the owner")
	}
}

// TestHiddenAmountsFollowFromNothing has no two of the three amounts shown where the third
// is hidden.
func TestHiddenAmountsFollowFromNothing(t *testing.T) {
	for h := range hideAll + 1 {
		v := See(Others(), Member{ID: 1, hides: h}, Figures{up: 300, down: 200})
		n := 0
		for _, s := range []bool{v.Uploaded().Shown, v.Downloaded().Shown, v.Ratio().Shown} {
			if s {
				n++
			}
		}
		if n == 2 {
			t.Errorf("hiding %q, two of three are shown", h)
		}
	}
}

func TestSwitchesAndPresets(t *testing.T) {
	var all Hides
	for _, s := range Switches() {
		if all&s.Bit != 0 || s.Name != strings.ToLower(s.Name) || s.Title == "" || s.Means == "" {
			t.Errorf("switch %+v", s)
		}
		all |= s.Bit
	}
	if all != hideAll || len(Presets()) != 4 {
		t.Errorf("switches %b of %b, %d presets", all, hideAll, len(Presets()))
	}
	for i, p := range Presets() {
		named, err := ReadHides(strings.ToUpper(p.Name))
		back, ok := PresetOf(p.Hides)
		if err != nil || named != p.Hides || !ok || back != p || p.Hides&^hideAll != 0 {
			t.Errorf("preset %+v", p)
		}
		if i > 0 && !p.Hides.Has(Presets()[i-1].Hides) {
			t.Errorf("%s shows more than the one before it", p.Name)
		}
	}
	for h := range hideAll + 1 {
		if back, err := ReadHides(h.Words()); back != h || err != nil {
			t.Errorf("%q is read as %q (%v)", h.Words(), back, err)
		}
	}
	_, err := ReadHides("paranoid")
	wantCode(t, err, core.Invalid)
	if _, ok := PresetOf(HideRatio); ok || core.FieldOf(err) != "preset" || !strings.Contains(core.SafeText(err), "everything, figures, little, nothing") {
		t.Errorf("%v", err)
	}
	if got := (HideRatio | HideIRC).String(); got != "ratio, presence on IRC" || Hides(0).String() != "nothing" {
		t.Errorf("in words: %q", got)
	}
}

// figuresOf writes distinctive figures of a member.
func (w *world) figuresOf(t *testing.T, id core.MemberID) {
	t.Helper()
	ctx := security.With(t.Context(), security.Origin{Face: security.IRC})
	w.Security().Note(ctx, security.Event{Member: id, Kind: security.LoggedIn})
	err := w.db.Tx(t.Context(), func(tx *db.Tx) error {
		if _, err := tx.InsertIgnore(ctx, "transfer_member", db.Row{"member_id", id, "uploaded", 300, "downloaded", 200}); err != nil {
			return err
		}
		for i, r := range []struct{ left, active, snatched int }{{0, 1, 5}, {0, 2, 0}, {9, 1, 0}, {0, 0, 5}} {
			_, err := tx.InsertIgnore(ctx, "transfer_member_torrent", db.Row{"member_id", id, "torrent_id", i + 1, "uploaded", 0, "downloaded", 0, "raw_up", 0, "raw_down", 0,
				"bytes_left", r.left, "active", r.active, "seedtime", 10, "snatched_at", r.snatched, "first_at", 1, "last_at", 2})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) named(t *testing.T, name string) Member {
	t.Helper()
	m, err := w.ByName(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// seen is what somebody sees of an account on the site.
func (w *world) seen(t *testing.T, viewer Member, name string) View {
	t.Helper()
	v, err := w.See(security.With(t.Context(), security.Origin{Face: security.Site}), viewer.Viewer(), w.named(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// looksAt are those of the staff who looked at what an account hides, by name.
func (w *world) looksAt(t *testing.T, id core.MemberID) (by []string) {
	t.Helper()
	list, err := w.Security().Page(t.Context(), id, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Kind == security.Looked {
			by = append(by, e.By)
			if e.Address != "" || e.Tries != 1 || e.What() == string(e.Kind) {
				t.Errorf("%+v", e)
			}
		}
	}
	slices.Sort(by)
	return by
}

func TestFiguresAreReadAndLooksNoted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice, bob := w.make(t, "alice", "").Member, w.make(t, "bob", "").Member
		mona, max := w.make(t, "mona", "Moderator").Member, w.make(t, "max", "Moderator").Member
		w.figuresOf(t, alice.ID)
		if h := w.named(t, "alice").Hides(); h != firstHides {
			t.Errorf("a new account hides %q", h)
		}
		see := func(viewer Member) View { return w.seen(t, viewer, "alice") }
		looks := func() []string { return w.looksAt(t, alice.ID) }
		own := see(w.named(t, "alice"))
		if own.Uploaded().Value != 300 || own.Downloaded().Value != 200 || own.Seeding().Value != 2 || own.Leeching().Value != 1 || own.Snatched().Value != 2 ||
			own.Seedtime().Value != 40*time.Second || !own.LastIRC().Value.Equal(w.now) || own.Ratio().Value.Value != 1.5 {
			t.Errorf("%+v", own)
		}
		if v := see(bob); !v.Uploaded().Shown || v.LastSeen().Shown || v.LastIRC().Shown {
			t.Errorf("as on the first day: %+v", v)
		}
		if err := w.SetHides(ctx, alice.ID, hideAll); err != nil {
			t.Fatal(err)
		}
		if v := see(bob); v.Uploaded().Shown || v.Seeding().Shown || v.Uploads().Shown || v.Own() {
			t.Errorf("hidden: %+v", v)
		}
		if by := looks(); by != nil {
			t.Errorf("noted without a look: %q", by)
		}
		for range 3 {
			if v := see(mona); v.Seeding().Value != 2 || !v.Looks() {
				t.Errorf("staff: %+v", v)
			}
		}
		see(max)
		if by := looks(); !slices.Equal(by, []string{"max", "mona"}) {
			t.Errorf("looks by %q", by)
		}
		w.now = w.now.Add(24 * time.Hour)
		see(mona)
		if by := looks(); !slices.Equal(by, []string{"max", "mona", "mona"}) {
			t.Errorf("looks on two days by %q", by)
		}
	})
}

// TestWhatIsNoLook has looks of which the member is not told, and one that follows them.
func TestWhatIsNoLook(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		alice, bob := w.make(t, "alice", "").Member, w.make(t, "bob", "").Member
		mona, max := w.make(t, "mona", "Moderator").Member, w.make(t, "max", "Moderator").Member
		w.figuresOf(t, alice.ID)
		if err := w.SetHides(ctx, alice.ID, hideAll); err != nil {
			t.Fatal(err)
		}
		looks := func() []string { return w.looksAt(t, alice.ID) }
		// In a transaction that is taken back nothing is noted, and it can be noted later.
		failed := core.Errorf(core.Conflict, "no")
		err := w.db.Tx(ctx, func(tx *db.Tx) error {
			if _, err := w.In(tx).See(ctx, max.Viewer(), w.named(t, "alice")); err != nil {
				return err
			}
			return failed
		})
		wantCode(t, err, core.Conflict)
		if by := looks(); len(by) != 0 {
			t.Errorf("a look that was taken back: %q", by)
		}
		if err := w.Look(ctx, max.Viewer(), []core.MemberID{alice.ID, bob.ID, max.ID}); err != nil {
			t.Fatal(err)
		}
		if by := looks(); len(by) != 1 {
			t.Errorf("a look at announces: %q", by)
		}
		// Who hides nothing is not told of it.
		if err := w.SetHides(ctx, alice.ID, 0); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(24 * time.Hour)
		w.seen(t, mona, "alice")
		if by := looks(); len(by) != 1 {
			t.Errorf("looks at nothing hidden: %q", by)
		}
		wantCode(t, w.SetHides(ctx, alice.ID, 1<<40), core.Invalid)
		wantCode(t, w.SetHides(ctx, alice.ID, -1), core.Invalid)
		wantCode(t, w.SetHides(ctx, 999, 0), core.NotFound)
		views, err := w.SeeAll(ctx, Others(), []Member{w.named(t, "bob"), w.named(t, "alice"), w.named(t, "bob")})
		if err != nil || len(views) != 3 || views[0].Member().Name != "bob" || views[1].Uploaded().Value != 300 || views[2].Uploaded().Value != 0 {
			t.Errorf("%+v, %v", views, err)
		}
	})
}
