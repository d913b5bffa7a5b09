package metainfo

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWhatClientsLoad writes torrents as clients load them though BEP 3 does not: the
// result is that of the same torrent in the prescribed form.
func TestWhatClientsLoad(t *testing.T) {
	const info = "d6:lengthi5e4:name1:n12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae"
	want := sanitize(t, []byte("d8:announce3:url13:creation datei1700000000e4:info"+info+"e"))
	file, hash := Change{"file", Normalized, 1}, Change{"info", Normalized, 1}
	for name, c := range map[string]struct {
		data   string
		change Change
	}{
		"a newline at the end":         {"d8:announce3:url13:creation datei1700000000e4:info" + info + "e\n", file},
		"the newline of Windows":       {"d8:announce3:url13:creation datei1700000000e4:info" + info + "e\r\n", file},
		"blanks and NUL at the end":    {"d8:announce3:url13:creation datei1700000000e4:info" + info + "e \x00\x00\t", file},
		"keys out of order":            {"d4:info" + info + "13:creation datei1700000000e8:announce3:urle", file},
		"a key twice that is not ours": {"d8:announce3:url8:announce3:two13:creation datei1700000000e4:info" + info + "e", file},
		"the same, far apart":          {"d8:announce3:url13:creation datei1700000000e4:info" + info + "8:announce3:urle", file},
		"leading zeros":                {"d08:announce3:url13:creation datei01700000000e4:info" + info + "e", file},
		"an integer of many digits":    {"d8:announcei99999999999999999999999999999e13:creation datei1700000000e4:info" + info + "e", Change{"announce", Dropped, 1}},
		"minus zero":                   {"d8:announcei-0e13:creation datei1700000000e4:info" + info + "e", file},
		"out of order below":           {"d8:announced1:b0:1:a0:e13:creation datei1700000000e4:info" + info + "e", file},
		"out of order in info":         {"d8:announce3:url13:creation datei1700000000e4:infod4:name1:n6:lengthi5e6:pieces20:aaaaaaaaaaaaaaaaaaaa12:piece lengthi16384eee", hash},
		"leading zeros in info":        {"d8:announce3:url13:creation datei1700000000e4:infod6:lengthi0005e04:name1:n12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee", hash},
	} {
		t.Run(name, func(t *testing.T) {
			got := sanitize(t, []byte(c.data))
			if !bytes.Equal(got.Data, want.Data) || got.InfoHash != want.InfoHash {
				t.Errorf("the result is\n%q, want\n%q", got.Data, want.Data)
			}
			if !slices.Contains(got.Changes, c.change) {
				t.Errorf("changes %v, want %v", got.Changes, c.change)
			}
			for _, other := range []Change{file, hash} {
				if other != c.change && slices.Contains(got.Changes, other) {
					t.Errorf("it tells %v", other)
				}
			}
			checkClean(t, got)
		})
	}
}

// TestPreview tells what Sanitize does, before it does it.
func TestPreview(t *testing.T) {
	for _, name := range []string{"lt-v1-lambda", "lt-hybrid-symlink", "lt-v2-one"} {
		c, err := Check(fixture(t, name), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		preview := c.Preview(testOptions)
		if diff := cmp.Diff(c.Sanitize(testOptions).Changes, preview); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		for _, change := range preview {
			if want := strings.HasPrefix(change.Key, "info"); change.ChangesHash() != want {
				t.Errorf("%s: %v changes the hash: %t", name, change, !want)
			}
		}
	}
}

// TestPieceLengths accepts what clients do: any length in v1, powers of two in v2.
func TestPieceLengths(t *testing.T) {
	for _, c := range []struct {
		length, pieces string
		size           string
	}{{"270544", strings.Repeat("a", 40), "300000"}, {"2048", strings.Repeat("a", 60), "5000"}, {"20000", strings.Repeat("a", 20), "20000"}} {
		raw := "d6:lengthi" + c.size + "e4:name1:n12:piece lengthi" + c.length + "e6:pieces" + comp(c.pieces)[1:len(comp(c.pieces))-1] + "e"
		got := sanitize(t, torrent(raw))
		if !bytes.Contains(got.Data, []byte("12:piece lengthi"+c.length+"e")) {
			t.Errorf("%s: %q", c.length, got.Data)
		}
		checkClean(t, got)
	}
}

// TestOldEncodings takes names from where clients take them.
func TestOldEncodings(t *testing.T) {
	data := torrent("d5:filesld6:lengthi5e4:pathl3:\xe9.ae10:path.utf-8l4:é.aeee4:name1:\xe910:name.utf-82:é12:piece lengthi16384e6:pieces<P>e")
	got := sanitize(t, data)
	if got.Name != "é" || got.Files[0].Path != "é.a" {
		t.Errorf("%q, %q", got.Name, got.Files)
	}
	for _, want := range []Change{{"info.name", Replaced, 1}, {"info.files.path", Replaced, 1}} {
		if !slices.Contains(got.Changes, want) {
			t.Errorf("changes %v lack %v", got.Changes, want)
		}
	}
	checkClean(t, got)
}
