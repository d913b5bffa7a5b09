package core_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

func TestBytesAreWrittenAsConsumersReadThem(t *testing.T) {
	t.Parallel()
	for b, want := range map[core.Bytes]string{
		0: "0 B", 1: "1 B", 1023: "1023 B", core.KiB: "1.00 KiB", 1536: "1.50 KiB",
		12 * core.MiB: "12.00 MiB", 3 * core.GiB / 2: "1.50 GiB", core.TiB: "1.00 TiB", 5 * core.PiB: "5.00 PiB",
		-512: "-512 B", -2 * core.MiB: "-2.00 MiB", math.MaxInt64: "8192.00 PiB",
	} {
		if got := b.String(); got != want {
			t.Errorf("%d: %q, want %q", int64(b), got, want)
		}
	}
}

func TestParseBytes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]core.Bytes{
		"0": 0, "1024": 1024, "500 B": 500, "12 MiB": 12 * core.MiB, "1.5GiB": 3 * core.GiB / 2,
		" 2 tib ": 2 * core.TiB, "1PIB": core.PiB, "0.5 KiB": 512, "1.00 KiB": core.KiB,
	} {
		if got, err := core.ParseBytes(text); got != want || err != nil {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", " ", "B", "MiB", "-1", "-1 MiB", "1 MB", "1 GB", "1 k", "one", "NaN", "Inf", "1e300", "9999999 PiB", "1 MiB KiB", "1 2"} {
		if got, err := core.ParseBytes(text); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused at 10.0.0.1")
	wrapped := fmt.Errorf("list: %w", core.Wrap(cause, core.Unavailable, "try again"))
	for _, tt := range []struct {
		err   error
		code  core.Code
		safe  string
		field string
		full  string
	}{
		{nil, "", "", "", ""},
		{core.Errorf(core.NotFound, "no torrent %d", 7), core.NotFound, "no torrent 7", "", "no torrent 7"},
		{core.FieldErrorf("title", "is %s", "empty"), core.Invalid, "is empty", "title", "title: is empty"},
		{wrapped, core.Unavailable, "try again", "", "list: try again: connection refused at 10.0.0.1"},
		{cause, core.Internal, "something went wrong on our side; it has been logged", "", cause.Error()},
		{core.Wrap(cause, core.Internal, "the announce key is abc"), core.Internal, "something went wrong on our side; it has been logged", "", "the announce key is abc: " + cause.Error()},
	} {
		if core.CodeOf(tt.err) != tt.code || core.SafeText(tt.err) != tt.safe || core.FieldOf(tt.err) != tt.field {
			t.Errorf("%v: %q, %q, %q", tt.err, core.CodeOf(tt.err), core.SafeText(tt.err), core.FieldOf(tt.err))
		}
		if tt.err != nil && tt.err.Error() != tt.full {
			t.Errorf("%q, want %q", tt.err.Error(), tt.full)
		}
	}
	if !errors.Is(wrapped, cause) {
		t.Error("the cause is lost")
	}
	if core.Wrap(nil, core.Internal, "x") != nil {
		t.Error("nothing was wrapped into something")
	}
}

func TestInfoHash(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("0a", 19) + "FF"
	h, err := core.ParseInfoHash(text)
	if err != nil || h.String() != strings.ToLower(text) || h.IsZero() || h[19] != 0xff {
		t.Errorf("%v, %v", h, err)
	}
	for _, bad := range []string{"", "0a", strings.Repeat("0", 39), strings.Repeat("0", 41), strings.Repeat("0g", 20), strings.Repeat("é", 20)} {
		if h, err := core.ParseInfoHash(bad); core.CodeOf(err) != core.Invalid || !h.IsZero() {
			t.Errorf("%q: %v, %v", bad, h, err)
		}
	}
	var v2 core.InfoHashV2
	if !v2.IsZero() {
		t.Error("not zero")
	}
	for i := range v2 {
		v2[i] = byte(i + 1)
	}
	if got := v2.Truncated(); v2.IsZero() || got[0] != 1 || got[19] != 20 || !strings.HasPrefix(v2.String(), got.String()) || len(v2.String()) != 64 {
		t.Errorf("%v, truncated %v", v2, got)
	}
}

func TestLeech(t *testing.T) {
	t.Parallel()
	order := []core.Leech{core.LeechNormal, core.LeechNeutral, core.LeechFree}
	for i, a := range order {
		for j, b := range order {
			if got := a.Better(b); got != order[max(i, j)] {
				t.Errorf("%s or %s: %s", a, b, got)
			}
		}
		if !a.Valid() {
			t.Errorf("%s is valid", a)
		}
	}
	if core.Leech("").Valid() || core.Leech("FREE").Valid() {
		t.Error("an unknown state is valid")
	}
	for l, want := range map[core.Leech][2]core.Bytes{core.LeechNormal: {5, 7}, core.LeechNeutral: {0, 0}, core.LeechFree: {5, 0}} {
		if up, down := l.Counts(5, 7); [2]core.Bytes{up, down} != want {
			t.Errorf("%s counts %d, %d", l, up, down)
		}
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	set := core.NewPermissions(core.TorrentUpload, core.AuditRead, core.AuditRead)
	if !set.Has(core.AuditRead) || set.Has(core.MemberCreate) || !set.Has("") || core.Permissions(nil).Has(core.AuditRead) {
		t.Errorf("set %v", set)
	}
	if diff := cmp.Diff([]core.Permission{core.AuditRead, core.TorrentUpload}, set.Sorted()); diff != "" {
		t.Error(diff)
	}
	var names []core.Permission
	for _, p := range core.AllPermissions() {
		if p.Description == "" || slices.Contains(names, p.Name) || !core.ValidPermission(p.Name) {
			t.Errorf("permission %+v", p)
		}
		names = append(names, p.Name)
	}
	if core.ValidPermission("torrent.fly") || core.ValidPermission("") {
		t.Error("an unknown permission is valid")
	}
}

func TestSentence(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"":                              nil,
		"There is no such page.":        core.Errorf(core.NotFound, "there is no such page"),
		"Élan is missing.":              core.Errorf(core.Invalid, "élan is missing"),
		"Is that all?":                  core.Errorf(core.Invalid, "is that all?"),
		"alice is disabled already.":    core.Errorf(core.Conflict, "%s is disabled already", "alice"),
		"écoli is too much like ecoli.": fmt.Errorf("act: %w", core.FieldErrorf("nick", "%s is too much like %s", "écoli", "ecoli")),
		"\"aux/x.fa\": rename it.":      core.Errorf(core.Invalid, "%q: rename it", "aux/x.fa"),
		"The text of another error.":    core.Errorf(core.Invalid, "%s", "the text of another error"),
		core.Sentence(errors.New("x")):  core.Errorf(core.Internal, "%s broke", "alice"),
	} {
		if got := core.Sentence(err); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
