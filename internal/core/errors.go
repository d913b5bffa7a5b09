package core

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Code says what kind of failure an Error is. Each room turns it into its own
// kind of answer: an HTTP status, an IRC reply, a bencoded failure reason.
type Code string

// The error codes of the house.
const (
	Invalid     Code = "invalid"     // the input is wrong; the text says what to change
	NotFound    Code = "not_found"   // there is no such thing, or the asker may not know of it
	Conflict    Code = "conflict"    // it clashes with what is there
	Forbidden   Code = "forbidden"   // the asker may not do this
	Unavailable Code = "unavailable" // not now; trying again later may help
	Internal    Code = "internal"    // a fault of ours; the text never tells more than that
)

// Error is a failure with a text that is safe to show to whoever asked. The
// cause is for the log and is never shown.
type Error struct {
	Code  Code
	Text  string
	Field string // the form field, config key or path at fault; may be empty
	Cause error
	// Named says that Text begins with a name or a key, which Sentence leaves as it is.
	Named bool
	Retry time.Duration // when trying again makes sense; 0 is unknown
}

// Error returns the safe text, and the cause behind it for the log.
func (e *Error) Error() string {
	text := e.Text
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Cause != nil {
		return text + ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error whose text is formatted like fmt.Sprintf. Everything in
// it is shown to people, so pass nothing secret. A format that begins with a value
// makes a text that begins with a name.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...), Named: beginsWithValue(format)}
}

// FieldErrorf is Errorf with code Invalid for one named field.
func FieldErrorf(field, format string, args ...any) *Error {
	return &Error{Code: Invalid, Field: field, Text: fmt.Sprintf(format, args...), Named: beginsWithValue(format)}
}

// beginsWithValue is false for "%s" alone, by which a whole text is passed on.
func beginsWithValue(format string) bool {
	return strings.HasPrefix(format, "%") && format != "%s"
}

// Wrap hides cause behind a safe text. It returns nil when cause is nil.
func Wrap(cause error, code Code, text string) error {
	if cause == nil {
		return nil
	}
	return &Error{Code: code, Text: text, Cause: cause}
}

// RetryOf returns when trying again makes sense, by the first Error in err's chain; 0 is
// unknown.
func RetryOf(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.Retry
	}
	return 0
}

// CodeOf returns the code of the first Error in err's chain, Internal for any
// other error and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// SafeText returns the text that may be shown for err: that of the first Error
// in its chain, or a general sentence that gives nothing away.
func SafeText(err error) string {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) && e.Code != Internal {
		return e.Text
	}
	return "something went wrong on our side; it has been logged"
}

// Sentence is SafeText as a sentence for a page: with a capital letter and a full stop.
// A name or a key at its beginning stays as it is.
func Sentence(err error) string {
	s := SafeText(err)
	if s == "" {
		return ""
	}
	var e *Error
	if first, size := utf8.DecodeRuneInString(s); !errors.As(err, &e) || e.Code == Internal || !e.Named {
		s = string(unicode.ToUpper(first)) + s[size:]
	}
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// FieldOf returns the field of the first Error in err's chain, or "".
func FieldOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Field
	}
	return ""
}
