package mail

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Letter is one letter to one address.
type Letter struct {
	// To is the address; "" makes a decoy, which costs what a letter costs and is dropped
	// when its turn comes: for answers that must not tell whether an address is known.
	To string
	// Member is whose letter it is: who has the address, or who asked for it to be sent to
	// somebody else. 0 for nobody. MailFailed names them.
	Member core.MemberID
	// Kind says for the record and for MailFailed what the letter is about, in up to 32 small letters,
	// digits, hyphens and full stops; "" is the content's own.
	Kind string
	// Content is what it says: one of the types of this package, such as Invitation.
	Content Content
	// Once names what the letter is about, such as "warning:17": of several with the same
	// one, the first is sent. "" is for a letter that may be sent again and again.
	Once string
	// Unsubscribe is an address that switches this kind of letter off, for a kind that may be: a POST
	// to it with the body "List-Unsubscribe=One-Click" does so without logging in, as mail
	// programs send it (RFC 8058), and a GET asks. Such letters give way to others. "" for a kind that
	// may not be switched off.
	Unsubscribe string
}

// Content is what a letter says. The types of this package implement it.
type Content interface {
	// kind is what the letter is about, where its sender doesn't say so.
	kind() string
	// words are what it says on a site.
	words(s Site) words
}

// Site is what letters tell of the site.
type Site struct {
	Name    string
	URL     string // without a slash at its end
	Contact string // an address at which people reach staff; "" for none
}

// words are a letter without its layout. Every text is one line, apart from what is quoted.
type words struct {
	Subject string `json:"subject"`
	Parts   []part `json:"parts"`
	Button  string `json:"button,omitempty"` // what it says; "" for no button
	Link    string `json:"link,omitempty"`   // where it leads
	Why     string `json:"why"`              // why one gets the letter
	Off     string `json:"off,omitempty"`    // where such letters are switched off
}

// part is a paragraph.
type part struct {
	Text  string `json:"text"`
	Quote bool   `json:"quote,omitempty"` // somebody else's words, which may have several lines
}

// sealed is what lies in the box of a letter's row.
type sealed struct {
	To string `json:"to"`
	words
}

// The bounds of a letter.
const (
	maxSubject = 150  // bytes; what is longer is cut
	maxQuote   = 2000 // bytes; the same
	maxText    = 1000 // bytes of a paragraph; the same
	maxButton  = 60   // bytes; the same
	maxWhy     = 400  // bytes; the same
	maxParts   = 20   // paragraphs
	maxLink    = 2000 // bytes
	maxOnce    = 200  // bytes
)

var kindPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,31}$`)

// check makes a letter fit to be sealed: worded, with one line where one line must be, and nothing
// in it that could end a header.
func (l Letter) check(s Site) (kind string, out sealed, err error) {
	if l.Content == nil {
		return "", out, core.FieldErrorf("content", "say what the letter is to say")
	}
	if kind = l.Kind; kind == "" {
		kind = l.Content.kind()
	}
	if !kindPattern.MatchString(kind) {
		return "", out, core.FieldErrorf("kind", "a kind of letter has 1 to 32 small letters, digits, hyphens and full stops")
	}
	if len(l.Once) > maxOnce {
		return "", out, core.FieldErrorf("once", "write at most %d bytes", maxOnce)
	}
	if out.To, err = CheckAddress(l.To); err != nil {
		return "", out, err
	}
	out.words, err = l.Content.words(s).tidy(s)
	if err == nil && l.Unsubscribe != "" {
		out.Off, err = link(s, "unsubscribe", l.Unsubscribe)
	}
	return kind, out, err
}

// tidy makes lines of lines, cuts what is too long, and checks the link.
func (w words) tidy(s Site) (words, error) {
	if w.Subject = text.Cut(text.Line(w.Subject), maxSubject); w.Subject == "" {
		return w, core.FieldErrorf("subject", "a letter needs a subject")
	}
	var parts []part
	for _, p := range w.Parts {
		if p.Quote {
			p.Text = text.Cut(text.Body(p.Text), maxQuote)
		} else {
			p.Text = text.Cut(text.Line(p.Text), maxText)
		}
		if p.Text != "" {
			parts = append(parts, p)
		}
	}
	if len(parts) == 0 || len(parts) > maxParts {
		return w, core.FieldErrorf("text", "a letter has 1 to %d paragraphs", maxParts)
	}
	w.Parts, w.Button, w.Why = parts, text.Cut(text.Line(w.Button), maxButton), text.Cut(text.Line(w.Why), maxWhy)
	if (w.Button == "") != (w.Link == "") {
		return w, core.FieldErrorf("link", "a button needs a link, and a link a button")
	}
	if w.Link == "" {
		return w, nil
	}
	var err error
	w.Link, err = link(s, "link", w.Link)
	return w, err
}

// link is an address for people to follow; one that begins with a slash is the site's.
func link(s Site, field, address string) (string, error) {
	if strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") {
		address = s.URL + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || len(address) > maxLink {
		return "", core.FieldErrorf(field, "a link of a letter is an address of a page, of at most %d bytes", maxLink)
	}
	return u.String(), nil // escaped: no blanks, line ends or brackets
}

// CheckAddress makes a mail address fit to be written to: one without a name, whose host is
// written in ASCII (RFC 5891). "" stays "".
func CheckAddress(address string) (string, error) {
	address = strings.TrimSpace(address)
	if address == "" {
		return "", nil
	}
	if at := strings.LastIndexByte(address, '@'); at > 0 && utf8.ValidString(address) {
		if host, err := idna.Lookup.ToASCII(address[at+1:]); err == nil {
			address = address[:at+1] + host
		}
	}
	if !isAddress(address) {
		return "", core.FieldErrorf("to", "this is not a mail address; write it as name@example.org")
	}
	return address, nil
}

func (s sealed) bytes() ([]byte, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("seal a letter: %w", err)
	}
	return raw, nil
}

func unseal(raw []byte) (s sealed, err error) {
	if err := json.Unmarshal(raw, &s); err != nil {
		return s, fmt.Errorf("read a sealed letter: %w", err)
	}
	return s, nil
}
