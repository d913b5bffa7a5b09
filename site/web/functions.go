package web

import (
	"fmt"
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// functions are what templates may call besides the methods of their data.
func functions(a *assets, clock core.Clock) template.FuncMap {
	return template.FuncMap{
		"asset":   a.url,
		"ago":     func(t time.Time) string { return ago(clock(), t) },
		"instant": instant,
		"day":     day,
		"rfc3339": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"until":   func(t time.Time) string { return InWords(t.Sub(clock())) },
		"exact":   func(b core.Bytes) string { return Grouped(int64(b)) + " bytes" },
		"count":   func(n int) string { return Grouped(int64(n)) },
		"plural":  plural,
		"ratio":   ratioText,
		"share":   share,
		"within":  within,
		"query":   url.QueryEscape,
		"host":    HostOf,
		"join":    strings.Join,
		"perm":    func(p string) core.Permission { return core.Permission(p) },
		"initial": initial,
		"field":   newField,
		"list":    func(items ...string) []string { return items },
		"add":     func(x, y int) int { return x + y },
		"grouped": Grouped,
		"rate":    UpTo3,
		"took":    Short,
		"span":    InWords,
		"notice": func(kind part.Kind, title, text string) part.Notice {
			return part.Notice{Kind: kind, Title: title, Text: text}
		},
		"empty":     newEmpty,
		"state":     func(kind part.Kind, text string) part.Notice { return part.Notice{Kind: kind, Text: text} },
		"head":      newHead,
		"crumbs":    newCrumbs,
		"causeWord": causeWord,
		"causeTone": causeTone,
		"steps":     func(now int, names ...string) part.Steps { return part.Steps{Names: names, Now: now} },
	}
}

// ago tells roughly how long ago t was; the zero time was never.
func ago(now, t time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < time.Minute:
		return "just now"
	case d < 60*24*time.Hour:
		return InWords(d) + " ago"
	default:
		return "on " + day(t)
	}
}

// InWords tells a duration by its largest unit: "3 hours".
func InWords(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return plural(int(max(math.Ceil(d.Seconds()), 1)), "second")
	case d < 2*time.Hour:
		return plural(int(d.Minutes()), "minute")
	case d < 48*time.Hour:
		return plural(int(d.Hours()), "hour")
	default:
		return plural(int(d.Hours()/24), "day")
	}
}

// plural counts things whose plural ends in s.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return Grouped(int64(n)) + " " + thing + "s"
}

// Grouped writes a number with thin spaces between thousands.
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, r := range s {
		if i > 0 && r != '-' && (len(s)-i)%3 == 0 && s[i-1] != '-' {
			b.WriteRune('\u202f')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// ratioText writes uploaded divided by downloaded; ∞ when only uploaded.
func ratioText(up, down core.Bytes) string {
	switch {
	case down > 0:
		return fmt.Sprintf("%.2f", math.Floor(float64(up)/float64(down)*100)/100)
	case up > 0:
		return "∞"
	default:
		return "–"
	}
}

// share is uploaded as a part of all transfer, in whole per cent.
func share(up, down core.Bytes) int {
	all := float64(up) + float64(down)
	if all <= 0 {
		return 50
	}
	return int(100 * float64(up) / all)
}

// within reports whether a page lies under a section of the site.
func within(page, section string) bool {
	return page == section || strings.HasPrefix(page, section+"/")
}

// HostOf is the host of an address, or the address where it has none.
func HostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return address
	}
	return u.Host
}

// initial is the letter on a member's badge.
func initial(name string) string {
	for _, r := range name {
		return strings.ToUpper(string(r))
	}
	return "?"
}

// UpTo3 writes a number with as many digits as tell something.
func UpTo3(v float64) string {
	switch {
	case v >= 100 || v == 0:
		return Grouped(int64(math.Round(v)))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// Short writes a duration of less than minutes with up to three digits.
func Short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return UpTo3(d.Seconds()) + " s"
	case d >= time.Millisecond:
		return UpTo3(float64(d)/float64(time.Millisecond)) + " ms"
	default:
		return UpTo3(float64(d)/float64(time.Microsecond)) + " µs"
	}
}

// newEmpty is an empty state; what to do about it is a text and an address.
func newEmpty(title, text string, action ...string) (part.Empty, error) {
	e := part.Empty{Title: title, Text: text}
	var err error
	e.Action, err = newLink(action)
	return e, err
}

// newHead is the head of a page; its main action is a text and an address.
func newHead(crumbs []part.Link, title, lead string, action ...string) (part.Head, error) {
	h := part.Head{Crumbs: crumbs, Title: title, Lead: lead}
	var err error
	h.Action, err = newLink(action)
	return h, err
}

func newLink(parts []string) (part.Link, error) {
	switch len(parts) {
	case 0:
		return part.Link{}, nil
	case 2:
		return part.Link{Text: parts[0], Address: parts[1]}, nil
	default:
		return part.Link{}, fmt.Errorf("a link is a text and an address, not %d things", len(parts))
	}
}

// newCrumbs makes the way to a page: texts, each followed by its address.
func newCrumbs(pairs ...string) ([]part.Link, error) {
	var out []part.Link
	for ; len(pairs) > 0; pairs = pairs[2:] {
		if len(pairs) == 1 {
			return nil, fmt.Errorf("the crumb %q has no address", pairs[0])
		}
		out = append(out, part.Link{Text: pairs[0], Address: pairs[1]})
	}
	return out, nil
}
