package catalog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// TestFaultsQuoteNames reads files that are refused for a path, for a key, and for
// bytes that are no bencode.
func TestFaultsQuoteNames(t *testing.T) {
	t.Parallel()
	files := func(paths ...string) string {
		var b strings.Builder
		for _, p := range paths {
			b.WriteString("d6:lengthi1e4:pathl")
			for part := range strings.SplitSeq(p, "/") {
				fmt.Fprintf(&b, "%d:%s", len(part), part)
			}
			b.WriteString("ee")
		}
		return "d4:infod5:filesl" + b.String() + "e4:name1:x12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee"
	}
	for file, want := range map[string]string{
		files("écoli.fa", "écoli.fa"): `"écoli.fa": two files have this path`,
		files("aux/../x.fa"):          `"aux/../x.fa": `,
		"d4:infod4:name1:xee":         `"info.piece length": `,
		"d4:infoi1ee":                 `"info": `,
		"d1:x":                        "Byte 4: not a valid .torrent file",
	} {
		f := ReadFile([]byte(file), metainfo.Limits{})
		if got := core.Sentence(f.Fault); f.Fault == nil || !strings.HasPrefix(got, want) {
			t.Errorf("%q: %s, want %s", file, got, want)
		}
	}
}
