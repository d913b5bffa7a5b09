package conn

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// TestInlet reads lines that come in pieces, with every kind of end, and one that is
// too long.
func TestInlet(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 3*MaxRead+5)
	text := "a\r\nb\n\r\n\nc\rd\r\r\n" + strings.Repeat("z", MaxRead-2) + "\r\n" + long + "\r\nlast\r\nhalf"
	want := []string{"a", "b", "", "", "c\rd\r", strings.Repeat("z", MaxRead-2), "!", "last"}
	for _, plain := range []bool{true, false} {
		for _, piece := range []int{1, 3, 700, len(text)} {
			var got []string
			for _, l := range readPieces(t, text, piece, plain) {
				if len(got) > 0 && got[len(got)-1] == "!" && (l == "!" || strings.HasPrefix(l, "y")) {
					continue // more of the line that is too long
				}
				got = append(got, l)
			}
			if strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("plain %v, pieces of %d: %.100q", plain, piece, got)
			}
		}
	}
}

func readPieces(t *testing.T, text string, piece int, plain bool) (got []string) {
	t.Helper()
	client, conn := loopback(t)
	go func() {
		defer client.Close()
		for rest := text; rest != ""; {
			k := min(piece, len(rest))
			if _, err := io.WriteString(client, rest[:k]); err != nil {
				return
			}
			rest = rest[k:]
		}
	}()
	c := New(conn, 1<<20)
	if plain {
		c.direct = directOf(conn)
	}
	if err := conn.SetReadDeadline(time.Now().Add(3 * patience)); err != nil {
		t.Fatal(err)
	}
	for {
		b, err := c.Next()
		switch {
		case errors.Is(err, ErrLongLine):
			got = append(got, "!")
		case errors.Is(err, io.EOF):
			return got
		case err != nil:
			t.Fatal(err)
		default:
			got = append(got, string(b))
		}
	}
}
