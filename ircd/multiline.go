package ircd

import (
	"strconv"
	"strings"
)

// Limits of a message of several lines, which CAP LS shows.
const (
	maxLines = 32
	maxBytes = 4096
)

const concatTag = "draft/multiline-concat"

// compound is a message of several lines (IRCv3 draft/multiline) that a client is
// about to send.
type compound struct {
	ref, target string
	command     string // PRIVMSG or NOTICE, as the first line has it
	label       string
	tags        map[string]string
	text        strings.Builder // lines after \n, or \r where they continue the one before
	lines       int
	bytes       int
	spoilt      bool // it was answered with FAIL; the rest of it is skipped
}

// cmdBatch is BATCH: it begins a message of several lines, or ends and sends it.
func cmdBatch(r *request) {
	if !r.wants(capMultiline) {
		return
	}
	sign, ref := r.param(0)[:min(1, len(r.param(0)))], strings.TrimLeft(r.param(0), "+-")
	switch {
	case sign == "+" && ref != "" && len(ref) <= 64:
		r.locked(func() { r.beginCompound(ref) })
	case sign == "-":
		r.endCompound(ref)
	default:
		r.refuse(refusal{"MULTILINE_INVALID", "Write BATCH +name draft/multiline target, and BATCH -name"})
	}
}

func (r *request) beginCompound(ref string) {
	switch {
	case r.s.compound != nil && !r.s.compound.spoilt:
		r.spoil("MULTILINE_INVALID", "There is a batch already")
	case r.param(1) != "draft/multiline":
		r.n.sendLine(r.s, "FAIL", "BATCH", "UNKNOWN_TYPE", clip(orStar(r.param(1)), 64), "There is only draft/multiline")
	case r.param(2) == "" || len(targets(r.param(2))) != 1:
		r.n.sendLine(r.s, "FAIL", "BATCH", "MULTILINE_INVALID_TARGET", clip(orStar(r.param(2)), maxChannel), "Name one target")
	default:
		r.s.compound = &compound{ref: ref, target: r.param(2), label: r.label, tags: r.msg.ClientOnlyTags()}
		r.silent = true // the label is for the answer to the whole
	}
}

// spoil gives the message up. Call it under the lock.
func (r *request) spoil(code string, params ...string) {
	if c := r.s.compound; c != nil {
		c.spoilt = true
		if r.label == "" {
			r.label = c.label
		}
	}
	r.n.sendLine(r.s, "FAIL", append([]string{"BATCH", code}, params...)...)
}

// collect takes a line that belongs to a batch. Call it under the lock.
func (r *request) collect(ref string) {
	c := r.s.compound
	command, text := r.msg.Command, r.param(1)
	concat, _ := r.msg.GetTag(concatTag)
	switch {
	case c == nil || c.ref != ref:
		r.spoil("MULTILINE_INVALID", "There is no such batch")
		return
	case c.spoilt:
		return
	case command != "PRIVMSG" && command != "NOTICE" || c.command != "" && c.command != command:
		r.spoil("MULTILINE_INVALID", "A batch has only lines of one kind, PRIVMSG or NOTICE")
		return
	case fold(r.param(0)) != fold(c.target):
		r.spoil("MULTILINE_INVALID_TARGET", clip(c.target, maxChannel), clip(orStar(r.param(0)), maxChannel), "All lines of a batch go to its target")
		return
	case concat && (text == "" || c.lines == 0):
		r.spoil("MULTILINE_INVALID", "There is nothing to concatenate")
		return
	}
	c.command = command
	if c.lines > 0 {
		if concat {
			c.text.WriteByte('\r')
		} else {
			c.text.WriteByte('\n')
			c.bytes++
		}
	}
	c.text.WriteString(text)
	c.bytes += len(text)
	if c.lines++; c.lines > maxLines {
		r.spoil("MULTILINE_MAX_LINES", strconv.Itoa(maxLines), "There are too many lines")
	} else if c.bytes > maxBytes {
		r.spoil("MULTILINE_MAX_BYTES", strconv.Itoa(maxBytes), "The text is too long")
	}
}

// endCompound sends the message.
func (r *request) endCompound(ref string) {
	kept := false
	if c := r.s.compound; c != nil && c.ref == ref && !c.spoilt { // nobody but this goroutine changes it
		r.label = c.label
		kept = r.keepsBack(c.target, c.text.String())
	}
	r.locked(func() {
		c := r.s.compound
		r.s.compound = nil
		if kept {
			return
		}
		switch {
		case c == nil || c.ref != ref:
			r.spoil("MULTILINE_INVALID", "There is no such batch")
			return
		case c.spoilt:
			r.silent = true
			return
		}
		r.label = c.label
		if strings.Trim(c.text.String(), "\r\n") == "" {
			r.spoil("MULTILINE_INVALID", "There is no text in it")
			return
		}
		l := r.n.lineFrom(r.user(), c.command, c.target, c.text.String())
		l.tags, l.several = c.tags, c.lines > 1
		r.sendTo(l, c.target)
	})
}

// split makes the two forms of a message of several lines, once.
func (l *line) split() {
	if l.whole != nil {
		return
	}
	id := "m" + l.id.String()
	opening := *l
	opening.command, opening.params = "BATCH", []string{"+" + id, "draft/multiline", l.params[0]}
	l.whole = append(l.whole, &opening)
	text := l.params[1]
	for begin, concat := 0, false; begin <= len(text); {
		end := len(text)
		if i := strings.IndexAny(text[begin:], "\r\n"); i >= 0 {
			end = begin + i
		}
		part := text[begin:end]
		one := &line{source: l.source, command: l.command, params: []string{l.params[0], part}, at: l.at, account: l.account, bot: l.bot}
		inside, alone := *one, *one
		inside.batch, inside.concat, inside.part = id, concat, true
		l.whole = append(l.whole, &inside)
		if part != "" {
			alone.batch, alone.tags = l.batch, l.tags
			if len(l.plain) == 0 {
				alone.id = l.id
			}
			l.plain = append(l.plain, &alone)
		}
		concat = end < len(text) && text[end] == '\r'
		begin = end + 1
	}
	l.whole = append(l.whole, &line{source: l.source, command: "BATCH", params: []string{"-" + id}, at: l.at, part: true})
}
