package front

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/caduceus-bio/caduceus/tracker/promise"
)

// answer lets the handler answer the request in l.head, and returns the promise to
// be kept before the answer is sent.
func (l *loop) answer(c *conn) promise.Promise {
	h := &l.head
	h.Remote = c.remote
	c.closing = !h.keep || l.draining
	c.unread = h.body
	l.answered++
	return l.respond(c.closing, h.http10, h.Method == http.MethodHead, func(dst []byte) Answer { return l.s.o.Handler.Answer(dst, &h.Request) })
}

// refuse answers an invalid request and closes the connection.
func (l *loop) refuse(c *conn, why *refusal) {
	l.s.refused.Add(1)
	c.closing, c.unread = true, true
	l.respond(true, false, false, func(dst []byte) Answer { return Answer{Status: why.status, Body: append(dst, why.text...)} })
}

// guessedLength is a body length with as many digits as most bodies' lengths. The head
// is written after the body. If the head has the guessed length, the body need not be
// moved.
const guessedLength = 500

// respond appends a response to l.answers, and returns the promise of its answer.
func (l *loop) respond(closing, http10, headOnly bool, answer func(dst []byte) Answer) promise.Promise {
	at := len(l.answers)
	guess := len(l.responseHead(http.StatusOK, guessedLength, closing, http10, nil))
	l.answers = slices.Grow(l.answers, guess)[:at+guess]
	a := answer(l.answers)
	out := a.Body
	n := len(out) - at - guess
	line := l.responseHead(a.Status, n, closing, http10, out[len(out)-n:])
	if headOnly {
		out = out[:at+guess]
	}
	if more := len(line) - guess; more > 0 {
		out = slices.Grow(out, more)[:len(out)+more]
		copy(out[at+len(line):], out[at+guess:len(out)-more])
	} else if more < 0 {
		copy(out[at+len(line):], out[at+guess:])
		out = out[:len(out)+more]
	}
	copy(out[at:], line)
	l.answers = out
	return a.Promise
}

// responseHead writes a head into l.line. The body of a redirect is its location.
func (l *loop) responseHead(status, length int, closing, http10 bool, body []byte) []byte {
	b := l.line[:0]
	if status == http.StatusOK {
		b = append(b, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "...)
	} else {
		b = append(b, "HTTP/1.1 "...)
		b = strconv.AppendInt(b, int64(status), 10)
		b = append(append(b, ' '), http.StatusText(status)...)
		switch status {
		case http.StatusMethodNotAllowed:
			b = append(b, "\r\nAllow: GET"...)
		case http.StatusFound:
			b = append(append(b, "\r\nLocation: "...), body...)
		}
		b = append(b, "\r\nContent-Type: text/plain\r\nContent-Length: "...)
	}
	b = strconv.AppendInt(b, int64(length), 10)
	b = append(append(b, "\r\nDate: "...), l.dateNow()...)
	switch {
	case closing:
		b = append(b, "\r\nConnection: close\r\n\r\n"...)
	case http10:
		b = append(b, "\r\nConnection: keep-alive\r\n\r\n"...)
	default:
		b = append(b, "\r\n\r\n"...)
	}
	l.line = b
	return b
}

// dateNow is the Date header's value, made once a second (RFC 9110, 6.6.1).
func (l *loop) dateNow() []byte {
	if s := l.now.Unix(); s != l.dateUnix || l.date == nil {
		l.date, l.dateUnix = l.now.UTC().AppendFormat(l.date[:0], http.TimeFormat), s
	}
	return l.date
}

// uncommitted replaces the answers of this turn whose promise could not be kept by
// failures.
func (l *loop) uncommitted(err error) {
	made := l.answers
	l.answers = l.spareAnswers[:0]
	for i := range l.sends {
		s := &l.sends[i]
		from := len(l.answers)
		if s.promise == 0 {
			l.answers = append(l.answers, made[s.from:s.to]...)
		} else {
			s.c.closing, s.c.unread = true, true
			l.respond(true, false, false, func(dst []byte) Answer {
				status, body := l.s.o.Handler.Failed(dst, err)
				return Answer{Status: status, Body: body}
			})
		}
		s.from, s.to = from, len(l.answers)
	}
	l.spareAnswers = made[:0]
}
