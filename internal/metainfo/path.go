package metainfo

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// Names says what becomes of a torrent with names that Windows can't store as they are.
type Names string

// The policies.
const (
	NamesWarn   Names = "warn"   // it is accepted, and the uploader is told
	NamesRefuse Names = "refuse" // it is refused
)

// Unfriendly is a reason why Windows can't store some of a torrent's files as they are,
// with examples. Clients there rename them, each in its own way, or fail.
type Unfriendly struct {
	Reason   string   // such as "a name ends with a space or a dot"
	Examples []string // paths as they are, made safe to show; at most maxExamples
	Count    int      // files and folders
}

// More is how many there are besides the examples.
func (u Unfriendly) More() int { return u.Count - len(u.Examples) }

// The reasons, in the order in which they are told.
const (
	reasonEnd      = "a name ends with a space or a dot"
	reasonReserved = "a name is reserved on Windows"
	reasonSigns    = `a name holds one of the characters < > : " | ? * \`
	reasonCase     = "names differ only in case, or in how letters are composed"
	reasonLong     = "a path is longer than Windows takes in most folders"
)

const (
	maxExamples = 3
	// longPath is how long a path may be, in UTF-16 units: Windows takes 260 with the
	// folder in which the torrent lies.
	longPath = 220
)

// checkName refuses a file or folder name that is not safe everywhere, whatever the
// policy: clients could write outside of their folder, or people be deceived. path is
// the whole path, up to the name.
func checkName(s, path string) error {
	switch {
	case s == "":
		return pathErrorf(path, "a file or folder has no name")
	case s == "." || s == "..":
		return pathErrorf(path, "the path leaves its folder (%q)", s)
	case len(s) > maxComponentBytes:
		return pathErrorf(path, "a file or folder name is longer than %d bytes", maxComponentBytes)
	case !utf8.ValidString(s):
		return pathErrorf(path, "a name is not valid UTF-8; make the torrent again with a current client")
	case strings.Contains(s, "/"):
		return pathErrorf(path, "a name holds a slash")
	case hasDriveLetter(s):
		return pathErrorf(path, "a name begins like a Windows drive; rename it")
	case leavesByBackslash(s):
		return pathErrorf(path, "on Windows the path leaves its folder; rename it")
	case strings.ContainsFunc(s, unsafeRune):
		return pathErrorf(path, "a name holds a control character")
	}
	return nil
}

func hasDriveLetter(s string) bool {
	return len(s) >= 2 && s[1] == ':' && (s[0]|0x20) >= 'a' && (s[0]|0x20) <= 'z'
}

// leavesByBackslash reports whether a name leads elsewhere where a backslash separates
// folders.
func leavesByBackslash(s string) bool {
	if !strings.Contains(s, `\`) {
		return false
	}
	return s[0] == '\\' || slices.ContainsFunc(strings.Split(s, `\`), func(part string) bool {
		return strings.Trim(part, " .") == "" || hasDriveLetter(part)
	})
}

// unsafeRune finds control characters, line separators, and the characters that
// change the direction of writing and so can disguise a name.
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || r == 0x2028 || r == 0x2029 ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// unfriendly returns why Windows can't store a name as it is, or "".
func unfriendly(s string) string {
	switch {
	case strings.HasSuffix(s, " ") || strings.HasSuffix(s, "."):
		return reasonEnd
	case reservedOnWindows(s):
		return reasonReserved
	case strings.ContainsAny(s, `<>:"|?*\`):
		return reasonSigns
	}
	return ""
}

// reservedOnWindows finds the device names, which Windows reserves in any case and
// with any extension.
func reservedOnWindows(s string) bool {
	base, _, _ := strings.Cut(s, ".")
	base = strings.TrimRight(base, " ")
	if len(base) < 3 || len(base) > 7 {
		return false
	}
	base = strings.ToUpper(base)
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	for _, device := range []string{"COM", "LPT"} {
		if rest, ok := strings.CutPrefix(base, device); ok {
			switch rest {
			case "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "¹", "²", "³":
				return true
			}
		}
	}
	return false
}

// checkPath refuses a path that is not safe everywhere.
func checkPath(name, path string) error {
	if path == "" {
		return core.FieldErrorf("path", "a file has an empty path")
	}
	if strings.Count(path, "/") >= maxPathDepth {
		return pathErrorf(path, "a path is more than %d folders deep", maxPathDepth)
	}
	for c := range strings.SplitSeq(path, "/") {
		if err := checkName(c, path); err != nil {
			return err
		}
	}
	if len(name)+1+len(path) > maxPathBytes {
		return pathErrorf(path, "a path is longer than %d bytes", maxPathBytes)
	}
	return nil
}

// pathErrorf is an error about what is at a path.
func pathErrorf(path, format string, args ...any) error {
	return core.FieldErrorf(printable([]byte(path)), format, args...)
}

// separator stands between names while paths are sorted. It is less than all characters
// that names may have, so that a folder lies beside what is in it.
const separator = "\x01"

// checkPaths looks at all paths of a torrent together, each of which is safe by itself.
// It refuses one that is in the place of another, and returns those that Windows can't
// store as they are. name is the torrent's; single says that it is the file itself.
func checkPaths(name string, single bool, paths []string) ([]Unfriendly, error) {
	found := unfriendlyPaths{}
	if !single {
		found.name(name, name)
	}
	sorted := make([]string, len(paths))
	long := longPath - utf16Len(name) - 1
	for i, p := range paths {
		if utf16Len(p) > long {
			found.add(reasonLong, p)
		}
		sorted[i] = strings.ReplaceAll(p, "/", separator)
	}
	slices.Sort(sorted)
	before := ""
	for _, p := range sorted {
		switch clash(before, p) {
		case sameFile:
			return nil, pathErrorf(withSlashes(p), "two files have this path")
		case fileIsFolder:
			return nil, pathErrorf(withSlashes(p), "a file has the name of a folder")
		}
		found.newNames(before, p)
		before = p
	}
	for i, p := range sorted {
		sorted[i] = text.FoldPath(p)
	}
	slices.Sort(sorted)
	before = ""
	for _, p := range sorted {
		if clash(before, p) != apart {
			found.add(reasonCase, withSlashes(p))
		}
		before = p
	}
	return found.list(), nil
}

// How two paths that follow each other in their order stand to each other.
const (
	apart = iota
	sameFile
	fileIsFolder
)

func clash(before, p string) int {
	switch {
	case before == "" || !strings.HasPrefix(p, before):
		return apart
	case len(p) == len(before):
		return sameFile
	case strings.HasPrefix(p[len(before):], separator):
		return fileIsFolder
	}
	return apart
}

func withSlashes(p string) string { return strings.ReplaceAll(p, separator, "/") }

func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// unfriendlyPaths gathers what Windows can't store, by reason.
type unfriendlyPaths map[string]*Unfriendly

func (u unfriendlyPaths) add(reason, path string) {
	if u[reason] == nil {
		u[reason] = &Unfriendly{Reason: reason}
	}
	one := u[reason]
	if one.Count++; len(one.Examples) < maxExamples {
		one.Examples = append(one.Examples, printable([]byte(path)))
	}
}

// name looks at the last name of a path.
func (u unfriendlyPaths) name(name, path string) {
	if reason := unfriendly(name); reason != "" {
		u.add(reason, withSlashes(path))
	}
}

// newNames looks at those names of a path that the one before it does not share.
func (u unfriendlyPaths) newNames(before, p string) {
	from := 0
	for i := range min(len(before), len(p)) {
		if before[i] != p[i] {
			break
		}
		if p[i] == separator[0] {
			from = i + 1
		}
	}
	for from <= len(p) {
		end := len(p)
		if i := strings.Index(p[from:], separator); i >= 0 {
			end = from + i
		}
		u.name(p[from:end], p[:end])
		from = end + 1
	}
}

func (u unfriendlyPaths) list() (out []Unfriendly) {
	for _, reason := range []string{reasonEnd, reasonReserved, reasonSigns, reasonCase, reasonLong} {
		if one := u[reason]; one != nil {
			out = append(out, *one)
		}
	}
	return out
}
