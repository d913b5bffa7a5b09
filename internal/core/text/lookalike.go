package text

import "strings"

// alike maps characters to others that look like them in most fonts, and removes
// those that readers overlook.
var alike = strings.NewReplacer("3", "e", "5", "s", "0", "o", "1", "l", "|", "l", "i", "l", "$", "s", "rn", "m", "vv", "v",
	"_", "", "-", "", "`", "", "^", "", "[", "", "]", "", "{", "", "}", "", "\\", "")

// Skeleton maps names that look alike to one string: "H3rmes_", "herrnes" and
// "Hermes" become "hermes". It is for comparisons only.
func Skeleton(name string) string {
	s := alike.Replace(strings.ToLower(name))
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if i == 0 || s[i] != s[i-1] {
			b = append(b, s[i])
		}
	}
	return string(b)
}

const digits = "0123456789"

// LooksLike reports whether a reader could take name for one of the others: because
// it looks like it, or does so once digits and bars are removed, as in "Hermes2" and
// "|Hermes|".
func LooksLike(name string, others ...string) bool {
	bare := strings.TrimRight(name, digits+"|")
	forms := [...]string{Skeleton(name), Skeleton(bare), Skeleton(strings.ReplaceAll(bare, "|", ""))}
	for _, other := range others {
		want := Skeleton(other)
		for _, form := range forms {
			if form == want || strings.TrimRight(form, digits) == want {
				return true
			}
		}
	}
	return false
}
