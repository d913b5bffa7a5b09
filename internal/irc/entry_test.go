package irc

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseEntry(t *testing.T) {
	t.Parallel()
	ann := func(enter bool, channels ...string) Entry {
		return Entry{Enter: enter, Channels: channels, Name: "ann", Key: "k3y"}
	}
	tests := []struct {
		text string
		want Entry
		ok   bool
	}{
		{"enter #announce ann k3y", ann(true, "#announce"), true},
		{"ENTER #announce #general ann k3y", ann(true, "#announce", "#general"), true},
		{"Enter #announce,#general ann k3y", ann(true, "#announce", "#general"), true},
		{"enter #announce, #general, ann, k3y", ann(true, "#announce", "#general"), true},
		{"enter ann k3y", ann(true), true},
		{"identify ann k3y", ann(false), true},
		{"  IDENTIFY   ann\tk3y ", ann(false), true},
		{"identify #announce ann k3y", Entry{}, true},
		{"enter #announce ann", Entry{Enter: true}, true},
		{"enter #announce ann k3y more", Entry{Enter: true}, true},
		{"enter", Entry{Enter: true}, true},
		{"entering is fun", Entry{}, false},
		{"stats ann", Entry{}, false},
		{"", Entry{}, false},
	}
	for _, tt := range tests {
		got, ok := ParseEntry(tt.text)
		if ok != tt.ok {
			t.Errorf("%q: %v", tt.text, ok)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.text, diff)
		}
	}
}
