package commands_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestKeysAreNotSaidInClear runs each command that answers with a key over a way that
// others can read. Nothing is changed then, and nobody is told a key.
func TestKeysAreNotSaidInClear(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "sys", "Sysop")
		w.join(t, "bob", "User")
		var reveal []string
		for _, i := range w.All() {
			if i.Reveals && !i.Shell {
				reveal = append(reveal, i.Name)
			}
		}
		want := []string{"invite link", "invite send", "member announcekey", "member create", "member irckey", "member recoverlink"}
		if diff := cmp.Diff(want, reveal); diff != "" {
			t.Errorf("commands that answer with keys (-want +got):\n%s", diff)
		}
		for _, name := range reveal {
			line := name + " bob"
			if name == "member create" {
				line = name + " dora"
			}
			for _, place := range []command.Place{command.Private, command.Staff, command.Channel} {
				text := w.refuse(t, command.Request{Actor: w.actor(t, "sys"), Line: line, Place: place, Exposed: true}, core.Invalid)
				has(t, []string{text}, "in clear", "caduceus do "+name)
			}
			code := core.Forbidden
			if strings.HasPrefix(name, "invite") { // which members may, though not like this
				code = core.Invalid
			}
			w.refuse(t, command.Request{Actor: w.actor(t, "bob"), Line: line, Exposed: true}, code)
		}
		before := w.everything(t)
		a, err := w.Execute(t.Context(), command.Request{Actor: w.actor(t, "sys"), Line: "member restrict bob download because", Exposed: true})
		if err != nil || a.Entry == 0 || w.everything(t) == before {
			t.Errorf("what reveals nothing: %+v, %v", a, err)
		}
		key, err := w.deps.Members.AnnounceKey(t.Context(), w.members["bob"].Member.ID)
		if err != nil || key != w.members["bob"].AnnounceKey {
			t.Errorf("bob has another key, %v", err)
		}
	})
}
