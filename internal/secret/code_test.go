package secret

import (
	"regexp"
	"strings"
	"testing"
)

func TestCode(t *testing.T) {
	t.Parallel()
	form, seen := regexp.MustCompile(`^[A-Z2-7]{4}(-[A-Z2-7]{4}){3}$`), map[string]bool{}
	for range 1000 {
		c := Code()
		if !form.MatchString(c) || seen[c] {
			t.Fatalf("the code %q has another form, or came twice", c)
		}
		seen[c] = true
		typed := " " + strings.ToLower(strings.ReplaceAll(c, "-", " ")) + "\t"
		if FoldCode(typed) != strings.ReplaceAll(c, "-", "") {
			t.Errorf("%q as typed is %q", c, FoldCode(typed))
		}
	}
	if FoldCode("0l18-") != "OLIB" {
		t.Errorf("look-alikes: %q", FoldCode("0l18-"))
	}
}
