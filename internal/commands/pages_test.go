package commands_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
)

func TestPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		w.join(t, "alice", "User")
		mona := w.actor(t, "mona")
		form := func(base, title, text string) command.Request {
			return command.Request{Actor: mona, Command: "page edit", Given: map[string]string{"page": "rules", "base": base, "title": title, "summary": "Why not", "text": text}}
		}
		says := func(want string) {
			t.Helper()
			p, err := w.deps.Pages.Page(t.Context(), "rules")
			if err != nil || !strings.Contains(p.Text.HTML, want) {
				t.Errorf("revision %d says %.60q, %v, want %q", p.Revision, p.Text.HTML, err, want)
			}
		}
		has(t, w.do(t, w.actor(t, "alice"), "page show rules").Lines, "Rules (as it comes with the program) - https://bio.example/rules")
		w.refuse(t, command.Request{Actor: w.actor(t, "alice"), Line: "page show nothing"}, core.NotFound)

		long := strings.Repeat("A long text.\n\n", 1000)
		made, err := w.Execute(t.Context(), form("0", "Our rules", long))
		if err != nil || made.Undo != "page revert rules 0" {
			t.Fatalf("%+v, %v", made, err)
		}
		if e, err := w.deps.Audit.ByID(t.Context(), made.Entry); err != nil || !strings.Contains(e.Arguments, "(13998 characters)") || strings.Contains(e.Arguments, "A long text") {
			t.Errorf("audited: %+v, %v", e, err)
		}
		says("A long text.")
		has(t, w.do(t, w.actor(t, "alice"), "page show rules").Lines, "Our rules (revision 1 by mona on")
		if _, err := w.Execute(t.Context(), form("0", "Our rules", "Mine.")); core.CodeOf(err) != core.Conflict || !strings.Contains(core.SafeText(err), "mona changed this page while you wrote") {
			t.Errorf("a stale edit: %v", err)
		}
		if _, err := w.Execute(t.Context(), form("x", "Our rules", "Mine.")); core.CodeOf(err) != core.Invalid {
			t.Errorf("a base that is no number: %v", err)
		}

		// From anywhere: another title, an earlier revision, the shipped text, and each taken back.
		called := w.do(t, mona, "page title rules The rules")
		has(t, w.do(t, mona, fmt.Sprintf("undo %d", called.Entry)).Lines, "revision 1")
		reset := w.do(t, mona, "page reset rules")
		says("There is no rule about your ratio")
		back := w.do(t, mona, fmt.Sprintf("undo %d", reset.Entry))
		says("A long text.")
		w.do(t, mona, fmt.Sprintf("undo %d", back.Entry)) // undo of undo
		says("There is no rule about your ratio")
		reverted := w.do(t, mona, "page revert rules 1")
		if _, err := w.Execute(t.Context(), form("7", "Our rules", "Newer.")); err != nil {
			t.Fatal(err)
		}
		w.refuse(t, command.Request{Actor: mona, Line: fmt.Sprintf("undo %d", reverted.Entry)}, core.Conflict)
		has(t, w.do(t, mona, "page history rules").Lines, "8 by mona", "1 by mona on 2026-03-01 12:00 UTC: Why not - https://bio.example/pages/rules/diff?to=1")
		w.refuse(t, command.Request{Actor: w.actor(t, "alice"), Line: "page history rules"}, core.Forbidden)
	})
}

func TestNewsByCommand(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		mona := w.actor(t, "mona")
		has(t, w.do(t, mona, "news").Lines, "There is no news")
		made, err := w.Execute(t.Context(), command.Request{Actor: mona, Command: "news add", Given: map[string]string{"title": "We moved", "text": "To a new host.\n\nBe patient."}})
		if err != nil {
			t.Fatal(err)
		}
		has(t, w.do(t, mona, "news list").Lines, "1, 2026-03-01 12:00 UTC: We moved - https://bio.example/news/1")
		w.do(t, mona, fmt.Sprintf("undo %d", made.Entry))
		has(t, w.do(t, mona, "news list").Lines, "There is no news")
		w.do(t, mona, "page revert news-1 1")
		removed := w.do(t, mona, "news remove 1")
		has(t, w.do(t, mona, "news list").Lines, "There is no news")
		w.do(t, mona, fmt.Sprintf("undo %d", removed.Entry))
		has(t, w.do(t, mona, "news list").Lines, "We moved")
	})
}

// TestDocumentsAreNoLines sends those who would write a page in a line to the site, and
// keeps the command from whoever may not run it.
func TestDocumentsAreNoLines(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "mona", "Moderator")
		w.join(t, "alice", "User")
		for _, line := range []string{"page edit rules 0 Rules Be kind", "page edit", `page edit rules 0 "Rules" --dry-run Be kind`, "news add Hello World"} {
			for _, place := range []command.Place{command.Private, command.Staff} {
				if said := w.refuse(t, command.Request{Actor: w.actor(t, "mona"), Line: line, Place: place}, core.Invalid); !strings.Contains(said, "on the site: open /pages") {
					t.Errorf("%s: %s", line, said)
				}
			}
			w.refuse(t, command.Request{Actor: command.Shell(), Line: line}, core.Invalid)
			w.refuse(t, command.Request{Actor: w.actor(t, "alice"), Line: line}, core.Forbidden)
		}
		w.refuse(t, command.Request{Actor: w.actor(t, "alice"), Command: "page edit", Given: map[string]string{"page": "rules", "base": "0", "title": "A", "text": "B"}}, core.Forbidden)
		w.refuse(t, command.Request{Actor: command.Guest("visitor", audit.ViaIRC), Command: "news add", Given: map[string]string{"title": "A", "text": "B"}}, core.Forbidden)
		has(t, w.do(t, w.actor(t, "mona"), "help page edit").Lines, "on the site alone: /pages")
		if list, _, err := w.deps.Pages.History(t.Context(), "rules", 0, 10); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
	})
}
