package cli

import (
	"testing"

	"github.com/alecthomas/kong"
)

// TestOldWords makes sure that what scripts have in them goes on working.
func TestOldWords(t *testing.T) {
	t.Parallel()
	for old, now := range map[string]string{"share": "reshard"} {
		var c cli
		parser, err := kong.New(&c)
		if err != nil {
			t.Fatal(err)
		}
		k, err := parser.Parse([]string{old, "a:0:/a"})
		if err != nil || k.Selected() == nil || k.Selected().Name != now || len(c.Reshard.Parts) != 1 {
			t.Errorf("%s: %v, %+v", old, err, c.Reshard)
		}
	}
}
