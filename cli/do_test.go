package cli

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/command"
)

// script is a program that answers with what it was given, and notes what it was asked.
type script struct {
	answers []command.ControlResponse
	asked   []string
}

func (s *script) Do(_ context.Context, req command.ControlRequest) (command.ControlResponse, error) {
	s.asked = append(s.asked, req.Line)
	a := s.answers[0]
	s.answers = s.answers[1:]
	return a, nil
}

// TestAgreeing makes sure that nothing is agreed to that nobody has read.
func TestAgreeing(t *testing.T) {
	t.Parallel()
	first := command.ControlResponse{Confirm: []string{"This would disable bob, User"}, Agree: "confirm 1111"}
	changed := command.ControlResponse{Confirm: []string{"This has changed", "This would disable bob, Elite"}, Agree: "confirm 2222"}
	doubt := command.ControlResponse{Confirm: []string{"“--torrent” would be a part of the reason"}, Agree: "confirm 3333", Doubt: true}
	done := command.ControlResponse{Lines: []string{"bob is disabled."}}
	for name, tt := range map[string]struct {
		answers []command.ControlResponse
		yes     bool
		typed   string
		asked   []string
		fails   bool
		shown   string
	}{
		"agreed":              {[]command.ControlResponse{first, done}, false, "yes\n", []string{"x", "confirm 1111"}, false, "bob is disabled."},
		"not agreed":          {[]command.ControlResponse{first}, false, "no\n", []string{"x"}, true, "disable bob"},
		"nobody there":        {[]command.ControlResponse{first}, false, "", []string{"x"}, true, "disable bob"},
		"changed meanwhile":   {[]command.ControlResponse{first, changed}, false, "yes\n", []string{"x", "confirm 1111"}, true, "Elite"},
		"with --yes":          {[]command.ControlResponse{first, done}, true, "", []string{"x", "confirm 1111"}, false, "bob is disabled."},
		"in doubt":            {[]command.ControlResponse{doubt, done}, false, "yes\n", []string{"x", "confirm 3333"}, false, "part of the reason"},
		"in doubt with --yes": {[]command.ControlResponse{doubt}, true, "", []string{"x"}, true, "part of the reason"},
	} {
		s := &script{answers: tt.answers}
		var out strings.Builder
		err := runCommand(t.Context(), s, "x", tt.yes, strings.NewReader(tt.typed), &out)
		if (err != nil) != tt.fails || !slices.Equal(s.asked, tt.asked) || !strings.Contains(out.String(), tt.shown) {
			t.Errorf("%s: %v, asked %q, shown:\n%s", name, err, s.asked, out.String())
		}
	}
}
