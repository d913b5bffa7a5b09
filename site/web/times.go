package web

import (
	"bytes"
	"strconv"
	"time"
)

// An instant is told in the zone of the visitor, but a template does not know who
// that is: it is executed for everybody alike. So it writes a mark, and inZone puts the
// time in its place once the page is made. Somebody who types a mark into a text gets a
// time, and nothing else.
const (
	markStart = "\uE000"
	markEnd   = "\uE001"
)

// How instants are written, by the letter in their mark.
const (
	asInstant = 'i'
	asDay     = 'd'
)

const maxMark = 24 // of the text between the ends of a mark

func instant(t time.Time) string { return timeMark(asInstant, t) }

func day(t time.Time) string { return timeMark(asDay, t) }

func timeMark(as byte, t time.Time) string {
	return markStart + string(as) + strconv.FormatInt(t.Unix(), 10) + markEnd
}

// Instant writes a moment as pages do: "30 Nov 2026, 12:00 CET".
func Instant(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2 Jan 2006, 15:04 MST")
}

// Day writes a day as pages do: "30 November 2026".
func Day(t time.Time, zone *time.Location) string { return t.In(zone).Format("2 January 2006") }

// inZone returns a copy of a page with its times in a zone.
func inZone(page []byte, zone *time.Location) []byte {
	start := bytes.Index(page, []byte(markStart))
	out := make([]byte, 0, len(page)+len(page)/16)
	for start >= 0 {
		out = append(out, page[:start]...)
		page = page[start+len(markStart):]
		if text, rest, ok := readMark(page, zone); ok {
			out, page = append(out, text...), rest
		}
		start = bytes.Index(page, []byte(markStart))
	}
	return append(out, page...)
}

// readMark reads a mark after its start.
func readMark(page []byte, zone *time.Location) (text string, rest []byte, ok bool) {
	end := bytes.Index(page[:min(len(page), maxMark)], []byte(markEnd))
	if end < 1 {
		return "", nil, false
	}
	seconds, err := strconv.ParseInt(string(page[1:end]), 10, 64)
	if err != nil {
		return "", nil, false
	}
	t, rest := time.Unix(seconds, 0), page[end+len(markEnd):]
	switch page[0] {
	case asInstant:
		return Instant(t, zone), rest, true
	case asDay:
		return Day(t, zone), rest, true
	}
	return "", nil, false
}

// Zone is where the visitor's times are told in.
func (v *Visit) Zone() *time.Location { return v.Me.Appearance.Location() }

// theme is the visitor's choice of light or dark, "" for the browser's.
func (v *Visit) theme() string { return string(v.Me.Appearance.Theme) }

// zoneName names a zone as it is called at a moment, such as "CET".
func zoneName(zone *time.Location, now time.Time) string { return now.In(zone).Format("MST") }
