package command

import (
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// MaxLine is the longest command line in bytes.
const MaxLine = 2000

// word is one word of a line.
type word struct {
	text   string
	quoted bool // it stood in quotation marks, so it is meant as it is
	open   bool // it begins with a quotation mark that nothing closes
	at     int  // where it begins in the line
}

// typed is a line that somebody wrote, cut into words.
type typed struct {
	line  string
	words []word
}

// read cuts a line into words at blanks. A word that begins with a quotation mark, be it
// of a keyboard or of a phone, goes on to the closing one; inside plain ones, a backslash
// makes a mark or a backslash literal. The value of an option may be quoted as well. An
// apostrophe is nothing special, so that reasons can be typed as they are spoken.
func read(line string) (typed, error) {
	if len(line) > MaxLine {
		return typed{}, core.Errorf(core.Invalid, "this is too long; keep it within %d bytes", MaxLine)
	}
	if !utf8.ValidString(line) {
		return typed{}, core.Errorf(core.Invalid, "this is not valid UTF-8")
	}
	t := typed{line: text.Clean(line)}
	for at := 0; at < len(t.line); {
		if t.line[at] == ' ' {
			at++
			continue
		}
		w, end := readWord(t.line, at)
		t.words = append(t.words, w)
		at = end
	}
	return t, nil
}

// readWord reads the word that begins at a place of the line, and returns where it ends.
func readWord(line string, at int) (w word, end int) {
	rest := line[at:]
	w.at = at
	var after string
	if w.text, after, w.quoted = text.Unquote(rest); w.quoted {
		return w, len(line) - len(after)
	}
	w.open = strings.HasPrefix(rest, `"`)
	w.text, _, _ = strings.Cut(rest, " ")
	if name, value, ok := strings.Cut(w.text, "="); ok && text.OpensQuote(value) {
		if count, _, _ := text.Dashes(name); count > 0 {
			inside, after, closed := text.Unquote(rest[len(name)+1:])
			if closed {
				w.text = name + "=" + inside
				return w, len(line) - len(after)
			}
			w.open = w.open || value[0] == '"'
		}
	}
	return w, at + len(w.text)
}

// split is the words of a line as plain texts.
func split(line string) ([]string, error) {
	t, err := read(line)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, w := range t.words {
		if w.open {
			return nil, errOpen()
		}
		out = append(out, w.text)
	}
	return out, nil
}

func errOpen() error { return core.Errorf(core.Invalid, "a quotation mark is not closed") }

// Join makes one line of separate words, such as a program's arguments, so that
// Execute reads the same words again.
func Join(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = text.Quote(w)
	}
	return strings.Join(out, " ")
}

// parseID reads "34" or "#34".
func parseID(s string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(s, "#"), 10, 64)
	if err != nil || n <= 0 {
		return 0, core.Errorf(core.Invalid, "%q is no id; write its number", text.Clean(text.Cut(s, maxQuoted)))
	}
	return n, nil
}

// maxQuoted bounds what a fault repeats of what was typed.
const maxQuoted = 100

// parseTorrent reads the id of a torrent, or a link of ours to one: to its place in a
// dataset, to its file, or a permalink.
func parseTorrent(s string) (int64, error) {
	if !strings.Contains(s, "/") {
		return parseID(s)
	}
	number := ""
	if u, err := url.Parse(s); err == nil {
		q := u.Query()
		switch anchor, anchored := strings.CutPrefix(u.Fragment, "t"); {
		case anchored:
			number = anchor
		case q.Has("torrentid"):
			number = q.Get("torrentid")
		case q.Get("action") == "download":
			number = q.Get("id")
		default:
			_, number, _ = strings.Cut(u.Path, "/torrents/")
			number, _, _ = strings.Cut(number, "/")
		}
	}
	id, err := parseID(number)
	if err != nil {
		return 0, core.Errorf(core.Invalid, "%q leads to no torrent; write its number, or the link to it", text.Clean(text.Cut(s, maxQuoted)))
	}
	return id, nil
}
