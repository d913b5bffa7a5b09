package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/mail/mailtest"
)

// withMail lets a site send its letters by the server.
func withMail(s *mailtest.Server) func(*house) {
	return func(h *house) {
		h.more += fmt.Sprintf("[mail]\nhost = %q\nport = %d\nca_file = %q\nfrom = \"noreply@bio.example\"\n", s.Host, s.Port, s.CAFile)
	}
}

// TestMailGoesOut has each room in a process with its grants: Hermes and the shell put letters, and
// jobs send them, at once and after the server was away.
func TestMailGoesOut(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	h := build(t, inFive, withMail(server))
	boss := h.member("boss", "Sysop").listen()
	boss.ask("mail test ann@lab.example", "Letter 1 is in the queue")
	if l := server.Letters("ann@lab.example", 1)[0]; l.Subject != "A test letter from BioTest" || !strings.Contains(l.Text, "boss asked for this letter") {
		t.Errorf("it came as %s", l.Raw)
	}
	server.Stop()
	if said := h.do("mail", "test", "bob@lab.example"); !strings.Contains(said, "Letter 2") {
		t.Errorf("the shell says %q", said)
	}
	h.wait("the job has not failed", func() (bool, string) {
		said := h.do("job", "history", "send-mail")
		return strings.Contains(said, "the mail server can't be used"), said
	})
	if said := h.do("mail", "queue"); !strings.Contains(said, "Waiting 1") || !strings.Contains(said, "#2 test") {
		t.Errorf("the queue is %q", said)
	}
	server.Again()
	boss.ask("mail again 2", "is tried again")
	server.Letters("bob@lab.example", 1)
	h.wait("not both are noted as sent", func() (bool, string) {
		said := h.do("mail", "queue")
		return strings.Contains(said, "Sent in 30 days 2"), said
	})
	if said := h.do("audit"); strings.Contains(said, "lab.example") {
		t.Errorf("the audit log has an address: %q", said)
	}
}
