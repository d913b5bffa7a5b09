package backup

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
)

func parseIdentity(t *testing.T, text string) []age.Identity {
	t.Helper()
	ids, err := ParseIdentities(strings.NewReader("# created: today\n" + text + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestRows(t *testing.T) {
	t.Parallel()
	rows := [][]any{
		{nil, int64(0), "", []byte{}},
		{int64(math.MinInt64), int64(math.MaxInt64), math.Inf(-1), 0.1},
		{"text", []byte("text"), "\x00\xff not UTF-8", strings.Repeat("x", 1<<20)},
	}
	var c rowCoder
	var b []byte
	for _, row := range rows {
		var err error
		if b, err = c.append(b, row); err != nil {
			t.Fatal(err)
		}
	}
	in := bufio.NewReader(bytes.NewReader(b))
	for _, want := range rows {
		got, err := readRow(in, len(want))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v:\n%s", err, diff)
		}
	}
	if _, err := readRow(in, 4); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %v", err)
	}
	if _, err := c.append(nil, []any{true}); err == nil {
		t.Error("a bool was written")
	}
}

// TestDigest is the same in any order, and another one after any change.
func TestDigest(t *testing.T) {
	t.Parallel()
	digest := func(rows ...[]any) string {
		var c rowCoder
		for _, row := range rows {
			if _, err := c.append(nil, row); err != nil {
				t.Fatal(err)
			}
		}
		return fmt.Sprint(c.Rows, c.String())
	}
	a, b := []any{int64(1), "a"}, []any{int64(2), "b"}
	want := digest(a, b)
	if got := digest(b, a); got != want {
		t.Errorf("in another order %s, was %s", got, want)
	}
	if got := digest([]any{int64(1), []byte("a")}, b); got != want {
		t.Errorf("bytes for text: %s, was %s", got, want)
	}
	for _, rows := range [][][]any{{a}, {a, b, b}, {a, a}, {}, {a, {int64(2), "c"}}, {a, {int64(2), nil}}, {{int64(1), "b"}, {int64(2), "a"}}} {
		if got := digest(rows...); got == want {
			t.Errorf("%v has the digest of %v and %v", rows, a, b)
		}
	}
}

// FuzzReadRow reads anything: it ends, with rows that are written the same way again or with an
// error.
func FuzzReadRow(f *testing.F) {
	var c rowCoder
	for _, row := range [][]any{{nil, int64(-3), 1.5, "text", []byte("bytes")}, {nil, nil, nil, nil, nil}} {
		b, err := c.append(nil, row)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("t\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add([]byte("t\x80\x80\x80\x80\x03"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bufio.NewReader(bytes.NewReader(b))
		for {
			row, err := readRow(in, 5)
			if err != nil {
				return
			}
			var c rowCoder
			again, err := c.append(nil, row)
			if err != nil {
				t.Fatal(err)
			}
			second, err := readRow(bufio.NewReader(bytes.NewReader(again)), 5)
			if diff := cmp.Diff(fmt.Sprintf("%#v", row), fmt.Sprintf("%#v", second)); diff != "" || err != nil {
				t.Fatalf("%v: %s", err, diff)
			}
		}
	})
}
