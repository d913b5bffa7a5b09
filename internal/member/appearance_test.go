package member

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

func TestAppearance(t *testing.T) {
	each(t, func(t *testing.T, s *world) {
		ctx := t.Context()
		m := s.make(t, "ada", "User").Member
		if m.Appearance != (Appearance{}) || m.Appearance.Location() != time.UTC {
			t.Errorf("at first: %+v", m.Appearance)
		}
		want := Appearance{Zone: "America/Argentina/Buenos_Aires", Theme: ThemeDark}
		if err := s.SetAppearance(ctx, m.ID, want); err != nil {
			t.Fatal(err)
		}
		got, err := s.ByID(ctx, m.ID)
		if err != nil || got.Appearance != want || got.Appearance.Location().String() != want.Zone {
			t.Errorf("%+v, %v", got.Appearance, err)
		}
		for _, zone := range []string{"Local", "local", "../../etc/passwd", "/etc/localtime", "Europe/Atlantis", "Europe/London ", "Europe//London", "+01:00", strings.Repeat("a", 65), "a\x00"} {
			if err := s.SetAppearance(ctx, m.ID, Appearance{Zone: zone}); core.FieldOf(err) != "zone" {
				t.Errorf("zone %q: %v", zone, err)
			}
			if a := (Appearance{Zone: zone}); a.Location() != time.UTC {
				t.Errorf("zone %q is shown as %v", zone, a.Location())
			}
		}
		if err := s.SetAppearance(ctx, m.ID, Appearance{Theme: "purple"}); core.FieldOf(err) != "theme" {
			t.Errorf("%v", err)
		}
		if err := s.SetAppearance(ctx, 4711, Appearance{}); core.CodeOf(err) != core.NotFound {
			t.Errorf("nobody: %v", err)
		}
		if got, err := s.ByID(ctx, m.ID); err != nil || got.Appearance != want {
			t.Errorf("after what was refused: %+v, %v", got.Appearance, err)
		}
	})
}
