package web

import (
	"testing"
	"time"
)

func TestInZone(t *testing.T) {
	at := time.Date(2026, 7, 1, 22, 30, 0, 0, time.UTC)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for in, want := range map[string]string{
		"":                          "",
		"no time":                   "no time",
		"at " + instant(at) + ".":   "at 2 Jul 2026, 00:30 CEST.",
		day(at) + instant(at):       "2 July 20262 Jul 2026, 00:30 CEST",
		markStart + markEnd:         "" + markEnd,
		markStart + "i12":           "i12",
		markStart + "ix" + markEnd:  "ix" + markEnd,
		markStart + "q12" + markEnd: "q12" + markEnd,
		markStart + "i" + markStart + "i0" + markEnd:        "i1 Jan 1970, 01:00 CET",
		markStart + "i99999999999999999999999999" + markEnd: "i99999999999999999999999999" + markEnd,
	} {
		if got := string(inZone([]byte(in), berlin)); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := string(inZone([]byte(instant(at)), time.UTC)); got != "1 Jul 2026, 22:30 UTC" {
		t.Errorf("in UTC: %q", got)
	}
}
