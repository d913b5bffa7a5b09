package transfer_test

import (
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	both, up, down := transfer.Amount{Up: 10, Down: 20}, transfer.Amount{Up: 10}, transfer.Amount{Down: 20}
	tests := []struct {
		name   string
		change func(*transfer.Record)
		want   string
	}{
		{"all", func(r *transfer.Record) { r.Announced, r.Credited = both, both }, "All of it counts"},
		{"nothing", func(*transfer.Record) {}, "Nothing was transferred"},
		{"freeleech", func(r *transfer.Record) { r.Announced, r.Credited, r.Leech = both, up, core.LeechFree }, "the upload counts, the download does not"},
		{"freeleech, download only", func(r *transfer.Record) { r.Announced, r.Leech = down, core.LeechFree }, "Freeleech: the download does not count"},
		{"freeleech, upload only", func(r *transfer.Record) { r.Announced, r.Credited, r.Leech = up, up, core.LeechFree }, "All of it counts"},
		{"neutral", func(r *transfer.Record) { r.Announced, r.Leech = both, core.LeechNeutral }, "neither upload nor download"},
		{"mixed", func(r *transfer.Record) { r.Announced, r.Credited = both, transfer.Amount{Up: 10, Down: 5} }, "10 B up and 5 B down count"},
		{"first", func(r *transfer.Record) { r.Outcome = transfer.First }, "first announce"},
		{"restarted", func(r *transfer.Record) { r.Outcome = transfer.Restarted }, "Counting starts over"},
		{"rebased", func(r *transfer.Record) { r.Outcome, r.Announced, r.Credited = transfer.Rebased, up, up }, "went back, as it does when pieces fail"},
		{"clamped", func(r *transfer.Record) {
			r.Outcome, r.Announced, r.Credited = transfer.Clamped, transfer.Amount{Up: 70, Down: 20}, both
		}, "of 70 B up and 20 B down, 10 B up and 20 B down count"},
		{"refused", func(r *transfer.Record) { r.Slot.Ring, r.Outcome = 0, "disabled" }, "Refused: the account is disabled."},
		{"refused often", func(r *transfer.Record) { r.Slot.Ring, r.Outcome, r.Announces = 0, "disabled", 7 }, "So were 7 announces in a row"},
		{"refused as a client", func(r *transfer.Record) { r.Slot.Ring, r.Outcome, r.Client = 0, "client_refused", "Vuze 5.7" }, "Refused: Vuze 5.7 is not on the list of allowed clients, or too old."},
		{"refused without a name", func(r *transfer.Record) { r.Slot.Ring, r.Outcome = 0, "client_refused" }, "Refused: this client is not on the list of allowed ones."},
		{"refused for a new reason", func(r *transfer.Record) { r.Slot.Ring, r.Outcome = 0, "some_new_reason" }, "Refused: some new reason."},
	}
	for _, test := range tests {
		r := transfer.Record{Slot: transfer.Slot{Ring: 1}, Outcome: transfer.Counted, Leech: core.LeechNormal, Announces: 1}
		test.change(&r)
		if got := r.Explain(); !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q in it", test.name, got, test.want)
		}
	}
}

func TestConnectable(t *testing.T) {
	t.Parallel()
	in := transfer.Slot{Ring: 1}
	for want, r := range map[string]transfer.Record{
		"not a public one": {Slot: in, Reach: transfer.ReachOpen},
		"Others can reach": {Slot: in, Public: true, Reach: transfer.ReachOpen},
		"can't reach":      {Slot: in, Public: true, Reach: transfer.ReachClosed},
		"was not checked":  {Slot: in, Public: true},
	} {
		if got := r.Connectable(); !strings.Contains(got, want) {
			t.Errorf("%q, want %q in it", got, want)
		}
	}
	if got := (transfer.Record{}).Connectable(); got != "" {
		t.Errorf("of a refusal: %q", got)
	}
}
