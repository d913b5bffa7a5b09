package metainfo

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

// checkComponent refuses a file or folder name that is unsafe on any system on
// which a member may run a client. field names the whole path.
func checkComponent(name []byte, field string) error {
	s := string(name)
	switch {
	case s == "":
		return core.FieldErrorf(field, "a file or folder has no name")
	case s == "." || s == "..":
		return core.FieldErrorf(field, "the path leaves its folder (%q)", s)
	case len(s) > maxComponentBytes:
		return core.FieldErrorf(field, "a file or folder name is longer than %d bytes", maxComponentBytes)
	case !utf8.ValidString(s):
		return core.FieldErrorf(field, "a name is not valid UTF-8; make the torrent again with a current client")
	case strings.ContainsAny(s, `/\`):
		return core.FieldErrorf(field, "a name holds a slash or backslash")
	case hasDriveLetter(s):
		return core.FieldErrorf(field, "a name begins like a Windows drive")
	case strings.HasSuffix(s, " ") || strings.HasSuffix(s, "."):
		return core.FieldErrorf(field, "a name ends with a space or a dot, which Windows can't store; rename it")
	case reservedOnWindows(s):
		return core.FieldErrorf(field, "%q is a reserved name on Windows; rename it", s)
	}
	if strings.ContainsFunc(s, unsafeRune) {
		return core.FieldErrorf(field, "a name holds a control character")
	}
	return nil
}

func hasDriveLetter(s string) bool {
	return len(s) >= 2 && s[1] == ':' && (s[0]|0x20) >= 'a' && (s[0]|0x20) <= 'z'
}

// unsafeRune finds control characters, line separators, and the characters that
// change the direction of writing and so can disguise a name.
func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || r == 0x2028 || r == 0x2029 ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// reservedOnWindows finds the device names, which Windows reserves in any case and
// with any extension.
func reservedOnWindows(s string) bool {
	base, _, _ := strings.Cut(s, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
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

// checkPath checks every component of a path, and its length together with the
// torrent's name.
func checkPath(name string, path []string) error {
	field := printable([]byte(strings.Join(path, "/")))
	if len(path) == 0 {
		return core.FieldErrorf("path", "a file has an empty path")
	}
	if len(path) > maxPathDepth {
		return core.FieldErrorf(field, "a path is more than %d folders deep", maxPathDepth)
	}
	total := len(name)
	for _, c := range path {
		if err := checkComponent([]byte(c), field); err != nil {
			return err
		}
		total += 1 + len(c)
	}
	if total > maxPathBytes {
		return core.FieldErrorf(field, "a path is longer than %d bytes", maxPathBytes)
	}
	return nil
}

// paths finds files that would overwrite each other on a system that ignores
// case or normalizes Unicode, and files that are folders as well.
type paths struct{ seen map[string]bool } // folded path -> is a file

func newPaths(n int) *paths { return &paths{seen: make(map[string]bool, 2*n)} }

func (p *paths) add(path []string) error {
	field := printable([]byte(strings.Join(path, "/")))
	folded := text.FoldPath(strings.Join(path, "/"))
	for i := range len(folded) {
		if folded[i] != '/' {
			continue
		}
		if file, ok := p.seen[folded[:i]]; ok && file {
			return core.FieldErrorf(field, "a file has the name of a folder")
		}
		p.seen[folded[:i]] = false
	}
	if file, ok := p.seen[folded]; ok && file {
		return core.FieldErrorf(field, "two files have this path; names that differ only in case or in how letters are composed count as the same")
	} else if ok {
		return core.FieldErrorf(field, "a file has the name of a folder")
	}
	p.seen[folded] = true
	return nil
}
