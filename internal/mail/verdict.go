package mail

import (
	"errors"
	"regexp"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// verdict is what came of trying to send a letter.
type verdict int

const (
	sent      verdict = iota
	later             // the server does not take this letter now
	away              // the server takes no letter now, or none of ours: it isn't this letter's fault
	refused           // the server will never take this letter
	noAddress         // the server will never take a letter to this address
	dropped           // it was not to be sent
)

func (v verdict) state() State {
	switch v {
	case sent:
		return Sent
	case later, away:
		return Queued
	case dropped:
		return Dropped
	}
	return Failed
}

// judge says what an error of the server means for the letter to this address, in words
// without the address. The codes are those of RFC 5321 4.2, and of RFC 3463 where the server gives
// them.
func judge(err error, to string) (verdict, string) {
	var e *gomail.SendError
	if errors.Is(err, errNotASCII) {
		return refused, err.Error()
	}
	if !errors.As(err, &e) {
		return away, redact(err.Error(), to)
	}
	full, _, _ := strings.Cut(e.Error(), ", affected ")
	code, why := e.ErrorCode(), redact(full, to)
	switch {
	case e.Reason == gomail.ErrGetSender, e.Reason == gomail.ErrGetRcpts:
		return refused, why // a fault of ours: it never gets better
	case code < 400 || code == 421: // the connection broke, or is being closed
		return away, why
	case e.Reason == gomail.ErrSMTPMailFrom || code == 454 || code == 530 || code == 535 || code == 538: // it refuses us
		return away, why
	case code < 500:
		return later, why
	case e.Reason == gomail.ErrSMTPRcptTo && blamesAddress(code, enhanced.FindString(full)):
		return noAddress, why
	}
	return refused, why
}

var enhanced = regexp.MustCompile(`\b5\.\d{1,3}\.\d{1,3}\b`)

// blamesAddress reports whether a refusal says that there is no such address: not that it is
// full, or that we may not write to it.
func blamesAddress(code int, status string) bool {
	switch {
	case status == "5.1.7" || status == "5.1.8": // of the sender
		return false
	case strings.HasPrefix(status, "5.1."), status == "5.2.1": // no mailbox, or one that is disabled
		return true
	case status != "" && status != "5.0.0":
		return false
	}
	return code == 550 || code == 551 || code == 553
}

var (
	anyAddress = regexp.MustCompile(`<?[^\s<>"]*@[^\s<>"]*>?`)
	unquote    = strings.NewReplacer(`\"`, "", `"`, "", `\r`, " ", `\n`, " ", `\t`, " ") // errors quote what a server said
	manyBlanks = regexp.MustCompile(`\s+`)
)

// redact makes one short line of what a server said, without addresses and what is in them.
func redact(s, to string) string {
	s = anyAddress.ReplaceAllString(unquote.Replace(s), "(address)")
	for part := range strings.SplitSeq(to, "@") {
		if len(part) > 2 {
			s = regexp.MustCompile(`(?i)`+regexp.QuoteMeta(part)).ReplaceAllString(s, "(address)")
		}
	}
	return text.Cut(text.Clean(manyBlanks.ReplaceAllString(s, " ")), maxError)
}
