package e2e

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/browsertest"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/mail/mailtest"
)

// stranger is somebody with a phone and without JavaScript, who reads their mail.
type stranger struct {
	*browsertest.Person
	h       *house
	post    *mailtest.Server
	address string
	read    map[int]bool // the letters that they have read
}

func (h *house) stranger(t *testing.T, post *mailtest.Server, address string) *stranger {
	t.Helper()
	return &stranger{Person: browsertest.OnAPhone(t), h: h, post: post, address: address, read: map[int]bool{}}
}

// follow opens the link of the next letter, which must be about something.
func (s *stranger) follow(subject string) {
	s.Helper()
	l := s.letter(subject)
	link := regexp.MustCompile(regexp.QuoteMeta(s.h.site) + `/\S+`).FindString(l.Text)
	if link == "" {
		s.Fatalf("the letter has no link: %s", l.Text)
	}
	s.Open(link)
	s.Fits()
}

// letter waits for a letter about something that was not read before.
func (s *stranger) letter(subject string) (found mailtest.Letter) {
	s.Helper()
	s.h.wait("no letter about "+subject, func() (bool, string) {
		var others []string
		for i, l := range s.post.Now(s.address) {
			if !s.read[i] && strings.Contains(l.Subject, subject) {
				s.read[i], found = true, l
				return true, ""
			}
			others = append(others, l.Subject)
		}
		return false, "there are letters about " + strings.Join(others, "; ")
	})
	return found
}

// press clicks, and looks whether what comes fits on the phone.
func (s *stranger) press(text string) {
	s.Helper()
	s.Click(text)
	s.Under = ""
	s.Fits()
}

// form fills in fields, two words for each, and presses the button.
func (s *stranger) form(button string, fields ...string) {
	s.Helper()
	for i := 0; i < len(fields); i += 2 {
		s.Fill(fields[i], fields[i+1])
	}
	s.press(button)
}

// TestStrangers has people come to a site that sends its letters by OpenSMTPD, on a phone and
// without JavaScript.
func TestStrangers(t *testing.T) {
	t.Parallel()
	post := mailtest.Start(t)
	h := build(t, onSQLite, withMail(post))
	fromInviteToRecovery(t, h, post)
	fromApplicationToInvite(t, h, post)
}

// fromInviteToRecovery has somebody join by an invite that came by mail, lose the passphrase
// twice, and be warned.
func fromInviteToRecovery(t *testing.T, h *house, post *mailtest.Server) {
	h.do("invite", "send", "dora@lab.example", "the postdoc next door")
	p := h.stranger(t, post, "dora@lab.example")
	p.follow("invite")
	const first, second, third = "a nap between two seminars", "the second cup of coffee", "three flasks in the shaker"
	p.unhurried()
	p.Choose("I have read the rules")
	p.form("Make my account", "Name", "dora", "Passphrase", first, "The passphrase once more", first)
	p.Sees("They are shown this once.")
	codes := p.codes()
	p.press("I have them")
	p.Sees("Welcome, dora")
	p.Sees("Your first steps")
	p.leave()
	p.press("Lost your passphrase?")
	p.form("Mail me a link", "Your name here, or your mail address", "dora@lab.example")
	p.Sees("a letter with a link is on its way")
	p.follow("passphrase")
	p.form("Set the new passphrase", "New passphrase", second, "New passphrase, once more", second)
	p.Sees("You have a new passphrase.")
	p.press("Log in with it")
	p.form("Log in", "Name", "dora", "Passphrase", second)
	p.Sees("Your passphrase was replaced with a link by mail")
	p.leave()
	p.Open(h.site + "/recover")
	p.under("With a recovery code").form("Set the new passphrase", "Name", "dora", "Recovery code", codes[0], "New passphrase", third, "New passphrase, once more", third)
	p.Sees("You have a new passphrase.")
	p.press("Log in with it")
	p.form("Log in", "Name", "dora", "Passphrase", third)
	p.Sees("Your passphrase was replaced with a recovery code")
	h.do("member", "warn", "dora", "7d", "two uploads without a licence")
	const reason = "two uploads without a licence"
	if text := words(p.letter("You are warned")); !strings.Contains(text, reason) || !strings.Contains(text, "It ends by itself on") {
		t.Errorf("the letter does not say why, or until when: %s", text)
	}
	p.Open(h.site)
	for _, part := range []string{"You are warned.", reason, "It ends on", "How to reach staff"} {
		p.Sees(part)
	}
	p.Fits()
	h.do("member", "lift", "dora", "warned")
	p.letter("A warning was taken back")
	p.Open(h.site)
	p.Lacks("You are warned.")
	p.press("Inbox")
	p.Sees("A warning was taken back")
}

// fromApplicationToInvite has somebody apply, follow the application, and join by the invite that
// comes of it.
func fromApplicationToInvite(t *testing.T, h *house, post *mailtest.Server) {
	h.do("setting", "set", "registration.mode", "application")
	h.do("question", "add", "Would you keep seeding?")
	p := h.stranger(t, post, "erik@lab.example")
	p.Open(h.site)
	p.press("how to join")
	p.press("Apply")
	p.unhurried()
	p.form("Send my application", "The name that you would like", "erik", "Mail address", p.address, "1.", "The genomes of lichens; I bring forty assemblies.", "3.", "From a poster in Uppsala.", "4.", "Sure.")
	p.Sees("It waits for staff")
	p.Sees("It is the next in the queue.")
	p.follow("application")
	p.Sees("It waits for staff")
	h.do("application", "claim", "1")
	p.Open(browsertest.Ask[string](t, p.Page, "location.href"))
	p.Sees("Staff are looking at it")
	h.do("application", "pass", "1")
	p.follow("was accepted")
	p.unhurried()
	const passphrase = "a lichen on the north wall"
	p.Choose("I have read the rules")
	p.form("Make my account", "Name", "erik", "Passphrase", passphrase, "The passphrase once more", passphrase)
	p.Sees("They are shown this once.")
	p.press("I have them")
	p.Sees("Welcome, erik")
}

// words is the text of a letter without its lines.
func words(l mailtest.Letter) string { return strings.Join(strings.Fields(l.Text), " ") }

// under looks at one section of the page until the next button is pressed.
func (s *stranger) under(heading string) *stranger {
	s.Under = heading
	return s
}

// leave logs out.
func (s *stranger) leave() {
	s.Helper()
	s.Unfold("dora")
	s.press("Log out")
}

// unhurried lets as much time pass as people take to fill in a form; it is not taken from
// whoever is faster.
func (s *stranger) unhurried() {
	s.Helper()
	opened := time.Now()
	s.h.wait("no time passes", func() (bool, string) { return time.Since(opened) > invite.MinFormAge+time.Second, "" })
}

// codes are the recovery codes that the page shows.
func (s *stranger) codes() []string {
	s.Helper()
	codes := regexp.MustCompile(`[A-Z2-7]{4}(-[A-Z2-7]{4})+`).FindAllString(s.Shown(), -1)
	if len(codes) == 0 {
		s.Fatalf("the page shows no codes:\n%s", s.Shown())
	}
	return codes
}
