package commands_test

import (
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
)

func TestCertificateCommands(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "alice", "User")
		w.join(t, "bob", "User")
		w.join(t, "mona", "Moderator")
		alice, staff := w.actor(t, "alice"), w.actor(t, "mona")
		shown := strings.Repeat("0a", 32)
		w.refuse(t, command.Request{Actor: command.Guest("x", audit.ViaIRC), Line: "certfp"}, core.Forbidden)
		has(t, w.do(t, alice, "certfp").Lines, "No certificate is known")
		w.refuse(t, command.Request{Actor: alice, Line: "certfp add"}, core.Invalid)
		w.refuse(t, command.Request{Actor: command.Shell(), Line: "certfp add " + shown}, core.Invalid)
		reply := w.do(t, alice, "certfp add "+shown+` --label "my laptop"`)
		has(t, reply.Lines, "You can log in by SASL EXTERNAL with the certificate "+shown)
		has(t, w.do(t, alice, "certfp list").Lines, shown+" added 2026-03-01, never used my laptop")
		w.do(t, alice, reply.Undo)
		w.do(t, alice, "certfp add "+shown)

		// Others see and remove nothing; staff do, of those below, and add nothing.
		w.refuse(t, command.Request{Actor: w.actor(t, "bob"), Line: "certfp list --member alice"}, core.Forbidden)
		w.refuse(t, command.Request{Actor: w.actor(t, "bob"), Line: "certfp remove " + shown}, core.NotFound)
		w.refuse(t, command.Request{Actor: w.actor(t, "bob"), Line: "certfp remove " + shown + " --member alice"}, core.Forbidden)
		w.refuse(t, command.Request{Actor: staff, Line: "certfp add " + shown + " --member alice"}, core.Invalid)
		w.refuse(t, command.Request{Actor: alice, Line: "certfp list --member mona"}, core.Forbidden)
		has(t, w.do(t, staff, "certfp list --member alice").Lines, shown)
		has(t, w.do(t, staff, "certfp remove 0a0a0a0a --member alice").Lines, "alice logs in by the certificate "+shown+" no longer.")
		has(t, w.do(t, command.Shell(), "certfp --member alice").Lines, "No certificate is known")
	})
}

func TestNickCommands(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.join(t, "alice", "User")
		w.join(t, "bob", "User")
		w.join(t, "mona", "Moderator")
		alice, bob, staff := w.actor(t, "alice"), w.actor(t, "bob"), w.actor(t, "mona")
		w.refuse(t, command.Request{Actor: command.Guest("x", audit.ViaIRC), Line: "nick add x"}, core.Forbidden)
		has(t, w.do(t, alice, "nick").Lines, "alice has no nick besides the name; 2 may be registered.")
		reply := w.do(t, alice, "nick add Ally")
		has(t, reply.Lines, "The nick Ally is yours.")
		w.refuse(t, command.Request{Actor: bob, Line: "nick add ally"}, core.Conflict)
		w.refuse(t, command.Request{Actor: bob, Line: "nick add Herme5"}, core.Invalid)
		w.refuse(t, command.Request{Actor: bob, Line: "nick remove ally"}, core.NotFound)
		w.refuse(t, command.Request{Actor: bob, Line: "nick remove ally --member alice"}, core.Forbidden)
		w.do(t, alice, "nick add wonder")
		w.refuse(t, command.Request{Actor: alice, Line: "nick add third"}, core.Conflict)
		has(t, w.do(t, staff, "nick list --member alice").Lines, "Nicks of alice: ", "Ally", "wonder", "(at most 2)")
		w.do(t, alice, reply.Undo)
		has(t, w.do(t, staff, "nick remove wonder --member alice").Lines, "The nick wonder is free.")
		w.do(t, bob, "nick add ally")
	})
}
