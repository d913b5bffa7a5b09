package catalog

import (
	"iter"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	plain "github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/text"
)

// The names by which errors point to form fields.
const (
	FieldCategory           = "category"
	FieldTitle              = "title"
	FieldSubject            = "subject"
	FieldObject             = "object"
	FieldCreators           = "creators"
	FieldWorkgroup          = "workgroup"
	FieldLocation           = "location"
	FieldYear               = "year"
	FieldIdentifier         = "identifier"
	FieldTags               = "tags"
	FieldPicture            = "picture"
	FieldLiterature         = "literature"
	FieldDescription        = "description"
	FieldPlatform           = "platform"
	FieldFormat             = "format"
	FieldArchive            = "archive"
	FieldScope              = "scope"
	FieldLicense            = "license"
	FieldVersion            = "version"
	FieldMirrors            = "mirrors"
	FieldSeqhash            = "seqhash"
	FieldTorrentDescription = "torrent_description"
	FieldTorrent            = "torrent"
	FieldReason             = "reason"
)

// Limits that are the same for every site, in characters or items.
const (
	maxTitle      = 255
	maxShort      = 128
	maxIdentifier = 64
	maxURL        = 512
	maxPicture    = 255
	maxMirrors    = 2
	maxCreators   = 500
	maxNames      = 20_000 // of all authors of a group together: a page lists those of a hundred
	maxTags       = 50
	maxTag        = 64
	maxLiterature = 10
	minReason     = 5
	maxReason     = 255
)

// FieldErrors are all faults of a form at once. Each has code Invalid.
type FieldErrors []*core.Error

// Error joins the texts.
func (f FieldErrors) Error() string {
	texts := make([]string, len(f))
	for i, e := range f {
		texts[i] = e.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap lets errors.As and core.CodeOf find the faults.
func (f FieldErrors) Unwrap() []error {
	out := make([]error, len(f))
	for i, e := range f {
		out[i] = e
	}
	return out
}

// Get returns the text of the first fault of a field, or "".
func (f FieldErrors) Get(field string) string {
	for _, e := range f {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

// orNil keeps an empty list from becoming a non-nil error.
func (f FieldErrors) orNil() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

func (f *FieldErrors) add(field, format string, args ...any) {
	*f = append(*f, core.FieldErrorf(field, format, args...))
}

// line checks a field of one line. What must be there must have letters that can be seen.
func (f *FieldErrors) line(field string, s *string, least, most int) {
	*s = plain.Line(*s)
	switch n, total := plain.Chars(*s), utf8.RuneCountInString(*s); {
	case n == 0 && least > 0:
		f.add(field, "must not be empty")
	case least > 0 && !plain.HasLetters(*s):
		f.add(field, "must have letters or digits")
	case n < least:
		f.add(field, "must have at least %d characters; it has %d", least, n)
	case total > most:
		f.add(field, "must have at most %d characters; it has %d", most, total)
	}
}

// text checks a field of many lines. What it may cost is for render.
func (f *FieldErrors) text(field string, s *string, least int, k text.Kind) {
	*s = plain.Body(*s)
	switch n, total, most := plain.Chars(*s), utf8.RuneCountInString(*s), k.Limits().Chars; {
	case n < least:
		f.add(field, "must have at least %d characters; it has %d", least, n)
	case total > most:
		f.add(field, "must have at most %d characters; it has %d", most, total)
	}
}

// mostItems is more than any list may have. Nobody reads a form that has more of them.
const mostItems = 2 * maxCreators

// items returns what read makes of the items of a list, each once and in its order,
// without those of which it makes nothing. It stops at mostItems.
func items(list iter.Seq[string], read func(string) string) []string {
	var out []string
	seen := map[string]bool{}
	for one := range list {
		if one = read(one); one == "" || seen[one] {
			continue
		}
		seen[one] = true
		if out = append(out, one); len(out) == mostItems {
			break
		}
	}
	return out
}

// Lines splits what was written into a text area, one item a line. It returns at most
// twice as many as any list of a dataset may have.
func Lines(text string) []string { return items(strings.Lines(text), plain.Line) }

// ParseTags splits tags at commas and white space and normalizes them. It returns at
// most as many as Lines.
func ParseTags(text string) []string {
	return items(strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }), normalTag)
}

// normalTags normalizes tags.
func normalTags(tags []string) []string { return items(slices.Values(tags), normalTag) }

// normalTag lower-cases a tag and keeps letters, digits and dots, with a dot for whatever
// else stands between them.
func normalTag(tag string) string {
	tag = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '.'
	}, plain.FoldSearch(tag))
	return strings.Join(strings.FieldsFunc(tag, func(r rune) bool { return r == '.' }), ".")
}

// firstYear is before any data: works of that age are dated by the year of a later copy.
const firstYear = 1000

// lastYear is the last year that a dataset may be of: what is in press is dated by next year.
func lastYear(now time.Time) int { return now.UTC().Year() + 1 }

// ValidateGroup normalizes the form in place and returns every fault at once.
func ValidateGroup(g *GroupForm, v Vocabulary, r Rules, now time.Time) FieldErrors {
	r = r.withDefaults()
	var f FieldErrors
	if g.Category != v.Category.ID || g.Category == 0 {
		f.add(FieldCategory, "choose a category")
	}
	f.line(FieldTitle, &g.Title, max(r.MinTitle, 1), maxTitle)
	f.line(FieldSubject, &g.Subject, 0, maxTitle)
	f.line(FieldObject, &g.Object, 0, maxTitle)
	f.line(FieldWorkgroup, &g.Workgroup, 1, maxShort)
	f.line(FieldLocation, &g.Location, 0, maxShort)
	f.line(FieldIdentifier, &g.Identifier, 0, maxIdentifier)
	if last := lastYear(now); g.Year < firstYear || g.Year > last {
		f.add(FieldYear, "must be a year of four digits, from %d to %d", firstYear, last)
	}
	f.creators(g)
	f.tags(g, r)
	f.literature(g)
	f.line(FieldPicture, &g.Picture, 0, maxPicture)
	if g.Picture != "" && !validURL(g.Picture, "https") {
		f.add(FieldPicture, "must be an address that begins with https://")
	}
	f.text(FieldDescription, &g.Description, r.MinDescription, text.Description)
	return f
}

func (f *FieldErrors) creators(g *GroupForm) {
	g.Creators = Lines(strings.Join(g.Creators, "\n"))
	if len(g.Creators) == 0 {
		f.add(FieldCreators, "name at least one author, one on each line")
	}
	if len(g.Creators) > maxCreators {
		f.add(FieldCreators, "at most %d authors", maxCreators)
		return
	}
	if n := utf8.RuneCountInString(strings.Join(g.Creators, "")); n > maxNames {
		f.add(FieldCreators, "the names of all authors have at most %d characters together; they have %d", maxNames, n)
		return
	}
	for _, c := range g.Creators {
		if utf8.RuneCountInString(c) > maxTitle {
			f.add(FieldCreators, "an author's name has at most %d characters", maxTitle)
			return
		}
		if !plain.HasLetters(c) {
			f.add(FieldCreators, "%q is no author's name; write it in letters", shorten(c))
			return
		}
	}
}

func (f *FieldErrors) tags(g *GroupForm, r Rules) {
	g.Tags = normalTags(g.Tags)
	if len(g.Tags) < r.MinTags {
		f.add(FieldTags, "give at least %d different tags; there are %d", r.MinTags, len(g.Tags))
	}
	if len(g.Tags) > maxTags {
		f.add(FieldTags, "at most %d tags", maxTags)
	}
	for _, t := range g.Tags {
		if len(t) > maxTag {
			f.add(FieldTags, "a tag has at most %d characters", maxTag)
			return
		}
	}
}

// A DOI is the prefix of a registrant and a suffix of any printable characters (ISO
// 26324).
var doi = regexp.MustCompile(`^10\.[0-9]{4,9}(\.[0-9]+)*/[!-~]+$`)

func (f *FieldErrors) literature(g *GroupForm) {
	g.Literature = items(slices.Values(g.Literature), func(d string) string {
		d = plain.Line(d)
		for _, prefix := range []string{"https://doi.org/", "http://doi.org/", "https://dx.doi.org/", "http://dx.doi.org/", "doi:"} {
			if len(d) >= len(prefix) && strings.EqualFold(d[:len(prefix)], prefix) {
				d = strings.TrimSpace(d[len(prefix):])
			}
		}
		return d
	})
	if len(g.Literature) > maxLiterature {
		f.add(FieldLiterature, "at most %d DOIs", maxLiterature)
		return
	}
	for _, d := range g.Literature {
		if len(d) > 255 || !doi.MatchString(d) {
			f.add(FieldLiterature, "%q is not a DOI such as 10.1038/nature12373", shorten(d))
		}
	}
}

func shorten(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

// version is the grammar of semver.org 2.0.0.
var version = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)` +
	`(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?` +
	`(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`)

// seqhash names a sequence (Timothy Stiles' poly, version 1): type, shape,
// strands, and a BLAKE3 sum.
var seqhash = regexp.MustCompile(`^v1_[DRP][LC][SD]_[0-9a-f]{64}$`)

// ValidateTorrent normalizes the form in place and returns every fault at once.
func ValidateTorrent(t *TorrentForm, v Vocabulary) FieldErrors {
	var f FieldErrors
	f.term(FieldPlatform, &t.Platform, v, KindPlatform, "choose the instrument or tool")
	f.term(FieldFormat, &t.Format, v, KindFormat, "choose a file format")
	f.term(FieldArchive, &t.Archive, v, KindArchive, "choose how the files are packed")
	f.term(FieldLicense, &t.License, v, KindLicense, "choose a licence")
	f.line(FieldScope, &t.Scope, 1, 64)
	f.line(FieldVersion, &t.Version, 0, 32)
	if t.Version != "" && !version.MatchString(t.Version) {
		f.add(FieldVersion, "must be a semantic version such as 1.0.0")
	}
	f.text(FieldTorrentDescription, &t.Description, 0, text.Note)
	t.Seqhash = plain.Line(t.Seqhash)
	if t.Seqhash != "" {
		switch {
		case !v.HasField(FieldSeqhash):
			f.add(FieldSeqhash, "this category has no seqhash")
		case !seqhash.MatchString(t.Seqhash):
			f.add(FieldSeqhash, "must look like v1_DLD_ and 64 hexadecimal digits")
		}
	}
	f.mirrors(t)
	return f
}

func (f *FieldErrors) term(field string, s *string, v Vocabulary, k Kind, text string) {
	*s = plain.Line(*s)
	switch {
	case *s == "":
		f.add(field, "%s", text)
	case !v.Has(k, *s):
		f.add(field, "%s; %q is not one that this category offers", text, shorten(*s))
	}
}

func (f *FieldErrors) mirrors(t *TorrentForm) {
	t.Mirrors = items(slices.Values(t.Mirrors), plain.Line)
	if len(t.Mirrors) > maxMirrors {
		f.add(FieldMirrors, "at most %d mirrors", maxMirrors)
		return
	}
	for _, m := range t.Mirrors {
		if len(m) > maxURL || !validURL(m, "http", "https", "ftp") {
			f.add(FieldMirrors, "%q is not an http, https or ftp address of at most %d characters", shorten(m), maxURL)
		}
	}
}

// validURL reports whether s is a whole address. One with a password in it is
// refused, since every member would see that.
func validURL(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Hostname() != "" && u.User == nil && !strings.Contains(s, " ")
}

// CheckReason checks the reason for a deletion or another act of staff.
func CheckReason(reason string) error { return validReason(&reason) }

// validReason is CheckReason that tidies the reason.
func validReason(reason *string) error {
	*reason = plain.Line(*reason)
	if n := plain.Chars(*reason); n < minReason || utf8.RuneCountInString(*reason) > maxReason || !plain.HasLetters(*reason) {
		return core.FieldErrorf(FieldReason, "give a reason of %d to %d characters", minReason, maxReason)
	}
	return nil
}
