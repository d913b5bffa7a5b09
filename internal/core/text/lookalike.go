package text

import "strings"

// alike maps characters to others that look like them in most fonts, and removes
// those that readers overlook. A letter that a digit or sign stands for is written large
// until Skeleton is done.
var alike = strings.NewReplacer("3", "E", "5", "S", "0", "O", "1", "L", "4", "A", "7", "T", "8", "B", "9", "G", "2", "Z", "|", "L", "$", "S",
	"i", "l", "rn", "m", "vv", "w",
	"_", "", "-", "", "`", "", "^", "", "[", "", "]", "", "{", "", "}", "", "\\", "")

// Skeleton maps names that look alike to one string: "Herrnes", "herm3s_" and "Hermes"
// become "hermes". What is repeated counts once, but for the digits at the end: "user1"
// and "user11" are two people. It is for comparisons only. Some are stored: who changes
// the rule has them made anew.
func Skeleton(name string) string {
	s := alike.Replace(strings.ToLower(name))
	head := strings.TrimRight(s, digits+"ABEGLOSTZ")
	return squeeze(strings.ToLower(head)) + strings.ToLower(s[len(head):])
}

// squeeze leaves out what repeats the byte before.
func squeeze(s string) string {
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
	look := func(s string) string { return squeeze(Skeleton(s)) }
	bare := strings.TrimRight(name, digits+"|_-`^[]{}\\")
	forms := [...]string{look(name), look(bare), look(strings.ReplaceAll(bare, "|", ""))}
	for _, other := range others {
		want := look(other)
		for _, form := range forms {
			if form == want || strings.TrimRight(form, digits) == want {
				return true
			}
		}
	}
	return false
}
