package hermes

import (
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

func TestTopicSegment(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 9, 24, 0, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		e    economy.Effective
		want string
	}{
		{"nothing", economy.Effective{State: core.LeechNormal}, ""},
		{"calendar", economy.Effective{State: core.LeechFree, Until: until, Reason: "September equinox"}, "[Freeleech until 2026-09-24 00:00 UTC: September equinox]"},
		{"neutral", economy.Effective{State: core.LeechNeutral, Until: until, Reason: "a test"}, "[Neutral leech until 2026-09-24 00:00 UTC: a test]"},
		{"brackets and line ends in the reason", economy.Effective{State: core.LeechFree, Until: until, Reason: "a [b]\r\nc"}, "[Freeleech until 2026-09-24 00:00 UTC: a (b) c]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := topicSegment(tt.e); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWithSegment(t *testing.T) {
	t.Parallel()
	const old, fresh = "[Freeleech until 2026-06-22 00:00 UTC: June solstice]", "[Freeleech until 2026-09-24 00:00 UTC: September equinox]"
	long := strings.Repeat("word ", 66)
	tests := []struct{ name, topic, segment, want string }{
		{"added", "New uploads", fresh, "New uploads | " + fresh},
		{"added to an empty topic", "", fresh, fresh},
		{"kept", "New uploads | " + fresh, fresh, "New uploads | " + fresh},
		{"exchanged", "New uploads | " + old, fresh, "New uploads | " + fresh},
		{"removed", "New uploads | " + old, "", "New uploads"},
		{"removed, alone", old, "", ""},
		{"removed from the front", old + " | New uploads", "", "New uploads"},
		{"staff wrote behind it", "New uploads | " + old + " | read the rules", "", "New uploads | read the rules"},
		{"staff wrote before and behind it", "A | " + old + " B", fresh, "A B | " + fresh},
		{"two of them", "A | " + old + " | " + fresh, "", "A"},
		{"nothing of ours", "Freeleech until tomorrow [sic] | odd  blanks ", "", "Freeleech until tomorrow [sic] | odd  blanks "},
		{"neutral", "A | [Neutral leech until 2026-06-22 00:00 UTC: x]", "", "A"},
		{"too long: the staff's words stay", long, fresh, long},
		{"too long: ours goes", long + " | " + old, fresh, strings.TrimSpace(long)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := withSegment(tt.topic, tt.segment, maxTopic)
			if got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if again := withSegment(got, tt.segment, maxTopic); again != got {
				t.Errorf("not stable: %q becomes %q", got, again)
			}
		})
	}
}

func TestEdgeLine(t *testing.T) {
	t.Parallel()
	starts := time.Date(2026, 9, 23, 0, 0, 0, 0, time.UTC)
	edge := func(phase string, late bool) eventlog.LeechEdge {
		return eventlog.LeechEdge{Phase: phase, Name: "September equinox", State: core.LeechFree, Starts: starts.Unix(), Ends: starts.AddDate(0, 0, 1).Unix(), Late: late}
	}
	calledOff := edge("end", false)
	calledOff.Ends = calledOff.Starts
	still := economy.Effective{State: core.LeechFree, Until: starts.AddDate(0, 0, 3), Reason: "a party"}
	tests := []struct {
		name string
		edge eventlog.LeechEdge
		now  economy.Effective
		want string
	}{
		{"before", edge("before", false), economy.Effective{}, "Freeleech is coming: September equinox, from 2026-09-23 00:00 UTC to 2026-09-24 00:00 UTC. For every torrent, downloads don't count, uploads do then."},
		{"start", edge("start", false), still, "Freeleech begins: September equinox. For every torrent, downloads don't count, uploads do until 2026-09-24 00:00 UTC."},
		{"late start", edge("start", true), still, "Freeleech has held since 2026-09-23 00:00 UTC: September equinox. For every torrent, downloads don't count, uploads do until 2026-09-24 00:00 UTC."},
		{"end", edge("end", false), economy.Effective{State: core.LeechNormal}, "Freeleech has ended: September equinox."},
		{"end while another holds", edge("end", false), still, "Freeleech has ended: September equinox. Freeleech still holds until 2026-09-26 00:00 UTC: a party."},
		{"called off", calledOff, economy.Effective{State: core.LeechNormal}, "Freeleech is called off: September equinox."},
		{"unknown phase", edge("middle", false), economy.Effective{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := edgeLine(tt.edge, tt.now); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
