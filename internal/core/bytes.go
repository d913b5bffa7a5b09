package core

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a size or an amount of transfer in bytes.
type Bytes int64

// Binary multiples of a byte (IEC 80000-13).
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
	TiB Bytes = 1 << 40
	PiB Bytes = 1 << 50
)

var byteUnits = []struct {
	name string
	size Bytes
}{{"PiB", PiB}, {"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}}

// String formats b with two decimals and the largest fitting binary unit, such
// as "12.00 MiB", and amounts under 1 KiB as "n B". Announce consumers parse it.
func (b Bytes) String() string {
	abs := b
	if abs < 0 {
		abs = -abs
	}
	for _, u := range byteUnits {
		if abs >= u.size {
			return fmt.Sprintf("%.2f %s", float64(b)/float64(u.size), u.name)
		}
	}
	return strconv.FormatInt(int64(b), 10) + " B"
}

// ParseBytes reads an amount as people write it: "1024", "12 MiB", "1.5GiB",
// "500 B". Decimal prefixes (MB) are refused, since people mean different
// things by them. The result is never negative.
func ParseBytes(s string) (Bytes, error) {
	text := strings.TrimSpace(s)
	unit := Bytes(1)
	for _, u := range append(byteUnits, struct {
		name string
		size Bytes
	}{"B", 1}) {
		if rest, ok := cutSuffixFold(text, u.name); ok {
			text, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || math.IsNaN(n) || n*float64(unit) >= math.MaxInt64 {
		return 0, Errorf(Invalid, "%q is not a size; write for example 500 MiB or 1.5 GiB", s)
	}
	return Bytes(n * float64(unit)), nil
}

func cutSuffixFold(s, suffix string) (string, bool) {
	if len(s) < len(suffix) || !strings.EqualFold(s[len(s)-len(suffix):], suffix) {
		return s, false
	}
	return s[:len(s)-len(suffix)], true
}
