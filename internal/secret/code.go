package secret

import (
	"encoding/base32"
	"strings"
)

const codeBytes = 10 // 80 bits

// Code returns a random code for people to write down, of 16 capital letters and digits in
// four groups: "ABCD-EFGH-IJKL-MNO2". Neither 0 nor 1 is in it, nor 8 and 9.
func Code() string {
	plain := base32.StdEncoding.EncodeToString(randomBytes(codeBytes))
	var groups []string
	for i := 0; i < len(plain); i += 4 {
		groups = append(groups, plain[i:i+4])
	}
	return strings.Join(groups, "-")
}

// FoldCode is a code as it is compared: in capital letters, without blanks and hyphens, and
// with the digits that are in none taken for the letters that they look like.
func FoldCode(code string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ' ', '-', '\t':
			return -1
		case '0':
			return 'O'
		case '1':
			return 'I'
		case '8':
			return 'B'
		}
		return r
	}, strings.ToUpper(code))
}
