package commands_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
)

// on is a member on some face.
func (w *world) on(t *testing.T, name string, via audit.Via) command.Actor {
	t.Helper()
	a := w.actor(t, name)
	a.Via = via
	return a
}

// TestRecoveryByStaff lets one of the staff ask on each face, and another approve on another.
func TestRecoveryByStaff(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, class := range map[string]string{"mona": "Moderator", "max": "Moderator", "mia": "Moderator", "bob": "User"} {
			w.join(t, name, class)
		}
		w.refuse(t, command.Request{Actor: w.actor(t, "mona"), Line: "member passphrase bob"}, core.Forbidden)
		w.refuse(t, command.Request{Actor: w.actor(t, "mona"), Line: "member recover bob ..."}, core.Invalid)
		for i, faces := range [][2]audit.Via{{audit.ViaIRC, audit.ViaSite}, {audit.ViaSite, audit.ViaIRC}} {
			mona, max := w.on(t, "mona", faces[0]), w.on(t, "max", faces[1])
			asked := w.confirmed(t, mona, "member recover bob I know him from the lab")
			has(t, asked.Lines, "another member of staff approves it", "approve ")
			waiting, err := w.Waiting(t.Context(), max)
			if err != nil || len(waiting) != 1 {
				t.Fatalf("%+v, %v", waiting, err)
			}
			code := waiting[0].Code
			has(t, waiting[0].Preview, "choose a new passphrase", "I know him from the lab", "shown once to whoever asked for it")
			w.refuse(t, command.Request{Actor: mona, Line: "member recoverlink bob"}, core.NotFound)
			done := w.do(t, max, "approve "+code)
			has(t, done.Lines, "bob may choose a new passphrase", "mona is shown the link once")
			if len(done.Private) > 0 {
				t.Errorf("who approves is told a secret: %q", done.Private)
			}
			w.refuse(t, command.Request{Actor: max, Line: "member recoverlink bob"}, core.NotFound)
			link := w.do(t, mona, "member recoverlink bob").Private[0]
			token := link[strings.LastIndexByte(link, '/')+1:]
			if !strings.HasPrefix(link, "Link: https://bio.example/recover/") {
				t.Errorf("shown %q", link)
			}
			w.refuse(t, command.Request{Actor: mona, Line: "member recoverlink bob"}, core.NotFound)
			passphrase := fmt.Sprintf("bob's new passphrase %d", i)
			if _, err := w.deps.Recovery.ByLink(t.Context(), token, passphrase); err != nil {
				t.Fatal(err)
			}
			if _, err := w.deps.Members.Login(t.Context(), "bob", passphrase); err != nil {
				t.Error(err)
			}
			rows := slices.DeleteFunc(w.rows(t), func(row string) bool { return strings.HasSuffix(row, ": failed") }) // what is looked for too early, or by others
			if diff := cmp.Diff([]string{
				fmt.Sprintf("mona/%s: member recover bob I know him from the lab: asked", faces[0]), fmt.Sprintf("mona/%s: member recover bob I know him from the lab: done", faces[0]),
				fmt.Sprintf("max/%s: approve %s: done", faces[1], code), fmt.Sprintf("mona/%s: member recoverlink bob: done", faces[0])}, rows[len(rows)-4:]); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			if entries, err := w.deps.Audit.Recent(t.Context(), 4); err != nil || strings.Contains(fmt.Sprintf("%+v", entries), token) {
				t.Errorf("the link is in the audit log, %v", err)
			}
		}
		// The shell needs nobody, and is shown the link itself; it can be taken back.
		w.confirmed(t, command.Shell(), "member recover bob he stands here")
		w.do(t, w.actor(t, "mia"), "member unrecover bob")
		w.refuse(t, command.Request{Actor: command.Shell(), Line: "member recoverlink bob"}, core.NotFound)
		w.refuse(t, command.Request{Actor: command.Shell(), Line: "member unrecover bob"}, core.Conflict)
		w.confirmed(t, command.Shell(), "member recover bob he stands here")
		has(t, w.do(t, command.Shell(), "member recoverlink bob").Private, "/recover/")
	})
}

// TestALostSysop has no staff but one, who lost the passphrase: the machine lets them in.
func TestALostSysop(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "root", "Sysop")
		_, fresh, _ := strings.Cut(w.confirmed(t, command.Shell(), "member passphrase root").Private[0], ": ")
		m, err := w.deps.Members.Login(t.Context(), "root", fresh)
		if err != nil || m.Class.Name != "Sysop" {
			t.Errorf("%+v, %v", m, err)
		}
		rows, err := w.deps.Audit.Recent(t.Context(), 1)
		if err != nil || rows[0].Command != "member passphrase" || rows[0].Via != audit.ViaShell || rows[0].Arguments != "root" || strings.Contains(rows[0].Detail, fresh) {
			t.Errorf("audit %+v, %v", rows, err)
		}
		// Alone, they wait a quarter of an hour for what needs two.
		w.join(t, "bob", "User")
		root := w.actor(t, "root")
		w.confirmed(t, root, "member recover bob he called me")
		waiting, err := w.Waiting(t.Context(), root)
		if err != nil || len(waiting) != 1 {
			t.Fatalf("%+v, %v", waiting, err)
		}
		w.refuse(t, command.Request{Actor: root, Line: "approve " + waiting[0].Code}, core.Conflict)
		w.clock.Add(15 * time.Minute)
		has(t, w.do(t, root, "approve "+waiting[0].Code).Lines, "bob may choose")
	})
}

// TestRecoveryIsMailed asks for somebody who can be mailed: nobody but them sees the link.
func TestRecoveryIsMailed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, class := range map[string]string{"mona": "Moderator", "max": "Moderator", "bob": "User"} {
			w.join(t, name, class)
		}
		bob := w.actor(t, "bob").Member
		address, err := w.deps.Members.AskEmail(t.Context(), bob.ID, "bob@elsewhere.example")
		if err == nil {
			err = w.deps.Members.ConfirmEmail(t.Context(), bob.ID, address)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.confirmed(t, w.actor(t, "mona"), "member recover bob he wrote from there")
		waiting, err := w.Waiting(t.Context(), w.actor(t, "max"))
		if err != nil || len(waiting) != 1 {
			t.Fatalf("%+v, %v", waiting, err)
		}
		if text := strings.Join(waiting[0].Preview, " "); !strings.Contains(text, "is mailed to the address") || strings.Contains(text, "elsewhere.example") {
			t.Errorf("preview %q", text)
		}
		has(t, w.do(t, w.actor(t, "max"), "approve "+waiting[0].Code).Lines, "The link is mailed to the member.")
		events, err := w.deps.Events.Read(t.Context(), 0, 1000)
		granted := slices.ContainsFunc(events, func(e eventlog.Event) bool { return e.Kind == eventlog.RecoveryGranted{}.EventKind() })
		if err != nil || !granted {
			t.Errorf("events %+v, %v", events, err)
		}
	})
}
