package mail

import (
	"fmt"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// The letters of the site. Links may begin with a slash: then they are the site's.

// Invitation asks somebody to join.
type Invitation struct {
	Inviter string // a member's name
	Note    string // from the inviter to the invited; "" for none
	Link    string
	Until   time.Time // when the link ends
}

func (Invitation) kind() string { return "invite" }

func (i Invitation) words(s Site) words {
	w := words{Subject: fmt.Sprintf("%s invites you to %s", i.Inviter, s.Name), Button: "Join " + s.Name, Link: i.Link,
		Why: fmt.Sprintf("You get this letter because %s, a member of %s, gave us your address. If you don't know them, do nothing: you will hear no more.", i.Inviter, s.Name)}
	w.say("%s is a member of %s and invites you to join.", i.Inviter, s.Name)
	if i.Note != "" {
		w.say("They write:")
		w.quote(i.Note)
	}
	w.say("The link is for you alone, works once, and ends on %s.", text.Instant(i.Until))
	return w
}

// Confirmation asks whether an address is the member's.
type Confirmation struct {
	Name  string // the member's
	Link  string
	Until time.Time
}

func (Confirmation) kind() string { return "confirm-address" }

func (c Confirmation) words(s Site) words {
	w := words{Subject: "Confirm your address for " + s.Name, Button: "Confirm the address", Link: c.Link,
		Why: fmt.Sprintf("You get this letter because somebody gave this address for the account %s on %s. If that wasn't you, do nothing: the address won't be used.", c.Name, s.Name)}
	w.say("Hello %s,", c.Name)
	w.say("Please confirm that this address is yours. Letters about your account go to it, and with it you can get back into the account when you have lost your passphrase.")
	w.say("The link works once, and ends on %s.", text.Instant(c.Until))
	return w
}

// Recovery lets a member who has lost their passphrase choose another.
type Recovery struct {
	Name  string // the member's
	Link  string
	Until time.Time
}

func (Recovery) kind() string { return "recover" }

func (r Recovery) words(s Site) words {
	w := words{Subject: "A new passphrase for " + s.Name, Button: "Choose a new passphrase", Link: r.Link,
		Why: fmt.Sprintf("You get this letter because somebody asked on %s for a new passphrase for the account with this address. If that wasn't you, do nothing: nothing has changed, and without this letter nobody can use the link.", s.Name)}
	w.say("Hello %s,", r.Name)
	w.say("With the link you choose a new passphrase. That ends every session, API token and IRC connection of the account.")
	w.say("The link works once, and ends on %s.", text.Instant(r.Until))
	return w
}

// PassphraseChanged tells a member that their passphrase is another one.
type PassphraseChanged struct {
	Name string // the member's
	How  string // such as "with a link by mail", "with a recovery code" or "by staff"; "" is on the settings page
	At   time.Time
	Link string // where they look what happened
}

func (PassphraseChanged) kind() string { return "passphrase-changed" }

func (p PassphraseChanged) words(s Site) words {
	w := words{Subject: "Your passphrase on " + s.Name + " was changed", Button: "See what happened to your account", Link: p.Link, Why: why(p.Name, s)}
	w.say("Hello %s,", p.Name)
	w.say("The passphrase of your account was changed %s on %s. All sessions that were open before have ended.", orElse(p.How, "on the settings page"), text.Instant(p.At))
	w.say("If that was you, there is nothing to do. If not, somebody else may be in your account: recover it at once, and tell staff.")
	return w
}

// Warning tells a member that staff warned them.
type Warning struct {
	Name   string // the member's
	Reason string
	Until  time.Time // the zero time: until staff take it back
	Link   string
}

func (Warning) kind() string { return "warned" }

func (x Warning) words(s Site) words {
	w := words{Subject: "You were warned on " + s.Name, Button: "See your account", Link: x.Link, Why: why(x.Name, s)}
	w.say("Hello %s,", x.Name)
	w.say("Staff of %s have warned you. The reason:", s.Name)
	w.quote(x.Reason)
	w.say("The warning %s.", until(x.Until))
	w.help(s)
	return w
}

// Restriction tells a member what they can't do for now.
type Restriction struct {
	Name   string // the member's
	What   string // a clause, such as "your downloads are off" or "your account is disabled"
	Reason string
	Until  time.Time // the zero time: until it is lifted
	Link   string    // "" for none, such as where they can't log in
}

func (Restriction) kind() string { return "restricted" }

func (r Restriction) words(s Site) words {
	w := words{Subject: fmt.Sprintf("%s: %s", s.Name, r.What), Why: why(r.Name, s)}
	w.button("See why and until when", r.Link)
	w.say("Hello %s,", r.Name)
	w.say("On %s, %s. The reason:", s.Name, r.What)
	w.quote(r.Reason)
	w.say("This %s.", until(r.Until))
	w.help(s)
	return w
}

// Lifting tells a member that a restriction or a warning has ended.
type Lifting struct {
	Name   string // the member's
	What   string // a clause, such as "your downloads are on again"
	Reason string // "" where its time was over
	Link   string
}

func (Lifting) kind() string { return "lifted" }

func (l Lifting) words(s Site) words {
	w := words{Subject: fmt.Sprintf("%s: %s", s.Name, l.What), Why: why(l.Name, s)}
	w.button("See your account", l.Link)
	w.say("Hello %s,", l.Name)
	w.say("On %s, %s.", s.Name, l.What)
	if l.Reason != "" {
		w.say("The reason:")
		w.quote(l.Reason)
	}
	return w
}

// ApplicationReceived tells an applicant how to follow their application.
type ApplicationReceived struct {
	Code string // what they follow it by
	Link string
}

func (ApplicationReceived) kind() string { return "application" }

func (a ApplicationReceived) words(s Site) words {
	w := words{Subject: "Your application to " + s.Name, Button: "Follow your application", Link: a.Link, Why: whyApplied(s)}
	w.say("Your application has reached the staff of %s.", s.Name)
	w.say("With the link, or with the code %s, you see where it stands and your place in the queue. You will get a letter when it is decided.", a.Code)
	return w
}

// ApplicationVerdict tells an applicant what was decided.
type ApplicationVerdict struct {
	Accepted bool
	Text     string    // from staff; "" for nothing
	Link     string    // to join, or to read the verdict
	Until    time.Time // when a link to join ends
	Again    time.Time // when somebody who was refused may apply again; the zero time: never
}

func (ApplicationVerdict) kind() string { return "application-verdict" }

func (a ApplicationVerdict) words(s Site) words {
	w := words{Subject: "Your application to " + s.Name + " was accepted", Why: whyApplied(s)}
	if a.Accepted {
		w.button("Join "+s.Name, a.Link)
		w.say("Welcome: your application to %s was accepted.", s.Name)
	} else {
		w.Subject = "Your application to " + s.Name + " was refused"
		w.button("Read the verdict", a.Link)
		w.say("Your application to %s was refused.", s.Name)
	}
	if a.Text != "" {
		w.say("Staff write:")
		w.quote(a.Text)
	}
	switch {
	case a.Accepted:
		w.say("The link to join is for you alone, works once, and ends on %s.", text.Instant(a.Until))
	case !a.Again.IsZero():
		w.say("You may apply again from %s on.", text.Instant(a.Again))
	}
	return w
}

// Reply is what staff answer to somebody who has no account.
type Reply struct {
	Number  int64 // of what they wrote
	Subject string
	Text    string
	Again   string // where they write again
}

func (Reply) kind() string { return "contact-answer" }

func (r Reply) words(s Site) words {
	w := words{Subject: fmt.Sprintf("%s: %s (#%d)", s.Name, r.Subject, r.Number), Button: "Write to staff again", Link: r.Again,
		Why: fmt.Sprintf("You get this letter because somebody wrote to the staff of %s and gave this address. If that wasn't you, do nothing: you will hear no more.", s.Name)}
	w.say("You wrote to the staff of %s about “%s”. They answer:", s.Name, r.Subject)
	w.quote(r.Text)
	if s.Contact == "" {
		w.say("Answers to this letter are not read. To go on, write to staff again and name the number %d.", r.Number)
	}
	return w
}

// Notice is a notification by mail.
type Notice struct {
	Name   string // the member's
	Title  string
	Text   string // lines, each a paragraph; "" where the title says all
	Quote  string // somebody else's words; "" for none
	Button string // "" is "Read more"
	Link   string // "" for none
	// About names the kind of letter, as the settings call it, for one that may be switched off: it ends
	// the sentence "You get this letter because you have letters switched on for: …".
	About string
}

func (Notice) kind() string { return "notice" }

func (n Notice) words(s Site) words {
	w := words{Subject: fmt.Sprintf("%s: %s", s.Name, n.Title), Why: why(n.Name, s)}
	if n.About != "" {
		w.Why = fmt.Sprintf("You get this letter because you are %s on %s and have letters switched on for: %s.", n.Name, s.Name, n.About)
	}
	w.button(orElse(n.Button, "Read more"), n.Link)
	w.say("Hello %s,", n.Name)
	for line := range strings.Lines(orElse(n.Text, n.Title)) {
		w.say("%s", line)
	}
	w.quote(n.Quote)
	return w
}

// Test is what the command mail test sends.
type Test struct {
	By string // who asked for it
	At time.Time
}

func (Test) kind() string { return "test" }

func (t Test) words(s Site) words {
	w := words{Subject: "A test letter from " + s.Name, Button: "Go to " + s.Name, Link: s.URL,
		Why: fmt.Sprintf("You get this letter because staff of %s wanted to see whether mail reaches you.", s.Name)}
	w.say("Mail from %s has reached you.", s.Name)
	w.say("%s asked for this letter on %s.", orElse(t.By, "The shell"), text.Instant(t.At))
	return w
}

func (w *words) say(format string, args ...any) {
	w.Parts = append(w.Parts, part{Text: fmt.Sprintf(format, args...)})
}

func (w *words) quote(s string) { w.Parts = append(w.Parts, part{Text: s, Quote: true}) }

func (w *words) button(label, link string) {
	if link != "" {
		w.Button, w.Link = label, link
	}
}

// help says how staff are reached, where there is a way by mail.
func (w *words) help(s Site) {
	if s.Contact != "" {
		w.say("If you think that this is wrong, answer this letter or write to %s.", s.Contact)
	}
}

func why(name string, s Site) string {
	return fmt.Sprintf("You get this letter because it concerns your account %s on %s.", name, s.Name)
}

func whyApplied(s Site) string {
	return fmt.Sprintf("You get this letter because somebody applied to %s with this address. If that wasn't you, do nothing.", s.Name)
}

func until(t time.Time) string {
	if t.IsZero() {
		return "holds until staff lift it"
	}
	return "ends on " + text.Instant(t)
}

func orElse(s, other string) string {
	if strings.TrimSpace(s) == "" {
		return other
	}
	return s
}
