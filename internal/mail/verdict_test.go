package mail

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestBlamesAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code   int
		status string
		want   bool
	}{
		{550, "", true}, {550, "5.1.1", true}, {550, "5.0.0", true}, {553, "", true}, {501, "5.1.3", true}, {550, "5.2.1", true}, {556, "5.1.10", true},
		{550, "5.7.1", false}, {552, "5.2.2", false}, {552, "", false}, {554, "", false}, {550, "5.1.8", false}, {503, "5.5.1", false}, {502, "", false},
	} {
		if got := blamesAddress(c.code, c.status); got != c.want {
			t.Errorf("%d %s blames the address: %v", c.code, c.status, got)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"550 5.1.1 <Bob.Smith@lab.example>: no such user":      "550 5.1.1 (address): no such user",
		`550 "Invalid \"user\": <bob.smith@lab.example>\nbye"`: "550 Invalid user: (address) bye",
		"550 mailbox BOB.SMITH at lab.example\r\nis unknown":   "550 mailbox (address) at (address) is unknown",
		"451 try later":  "451 try later",
		"x\x00\x1b[31my": "x [31my",
	} {
		if got := redact(in, "bob.smith@lab.example"); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := redact(strings.Repeat("long ", 100), ""); len([]rune(got)) > maxError {
		t.Errorf("%d characters", len(got))
	}
}

func TestJudgeOfAConnection(t *testing.T) {
	t.Parallel()
	if v, why := judge(errors.New("read tcp: connection reset by bob@lab.example"), "bob@lab.example"); v != away || strings.Contains(why, "bob") {
		t.Errorf("%v, %q", v, why)
	}
	if v, _ := judge(errNotASCII, "jörg@lab.example"); v != refused {
		t.Errorf("%v", v)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	sum := time.Duration(0)
	for tries := int64(1); tries <= maxTries; tries++ {
		least, most := pause(tries, 0), pause(tries, 1)
		if least < firstWait/2 || most > lastWait || least >= most {
			t.Errorf("after %d tries from %s to %s", tries, least, most)
		}
		sum += most
	}
	if pause(1, 1) != firstWait || pause(maxTries, 1) != lastWait || sum > longest {
		t.Errorf("first %s, last %s, together %s", pause(1, 1), pause(maxTries, 1), sum)
	}
}

func TestOverdue(t *testing.T) {
	t.Parallel()
	old := Entry{ID: 1, Created: noon, LastError: "451 later"}
	for _, c := range []struct {
		oldest   Entry
		sent     time.Time
		after    time.Duration
		off      bool
		contains string
	}{
		{Entry{}, time.Time{}, 100 * time.Hour, false, ""},
		{old, time.Time{}, 59 * time.Minute, false, ""},
		{old, time.Time{}, 61 * time.Minute, false, "for 1h 1min: 451 later; mail queue"},
		{old, noon.Add(30 * time.Minute), 61 * time.Minute, false, ""},
		{old, time.Time{}, 61 * time.Minute, true, "[mail] names no host"},
	} {
		got := overdue(c.oldest, c.sent, noon.Add(c.after), !c.off)
		if (got == "") != (c.contains == "") || !strings.Contains(got, c.contains) {
			t.Errorf("after %s: %q, want %q", c.after, got, c.contains)
		}
	}
}
