package house

import (
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestUnknownRoom refuses a name that no room has instead of serving some other.
func TestUnknownRoom(t *testing.T) {
	t.Parallel()
	h := &House{Settings: DefaultSettings(), Log: DefaultSettings().House.logger()}
	for _, name := range []string{"", "job", "Tracker"} {
		if room, err := h.room(name, "devel"); core.CodeOf(err) != core.Invalid || room != nil {
			t.Errorf("%q: %v, %v", name, room, err)
		}
		if _, err := ChooseRooms([]string{name}, h.Settings); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}
