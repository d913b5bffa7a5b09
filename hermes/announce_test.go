package hermes

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Patterns of the two kinds that consumers use: one that names every part, and
// one of the loose shape that the definitions of older trackers have.
var (
	exactPattern = regexp.MustCompile(`^(.+) \[(\d{4})\] \[([^\]]+)\] - (\S.*?) / (\S.*?) / (\S.*?) / (\d+ B|[\d.]+ [KMGTP]iB) / Uploader: (\S+)(?: / (Freeleech!))? - (https?://[^ ]+/)torrents\.php\?id=(\d+) / https?://[^ ]+/torrents\.php\?action=download&id=(\d+) - ([a-z0-9.]+(?:,[a-z0-9.]+)*)$`)
	loosePattern = regexp.MustCompile(`^(.*) \[(\d+)\] \[(.*)\] - (.*) - https?:.*[&?]id=\d+ / (https?:.*)torrents\.php\?action=download&id=(\d+) - ?(.*)$`)
)

func yeast() Announce {
	return Announce{
		Title: "Saccharomyces cerevisiae S288C R64-4-1 assembly", Year: 2023, Category: "Sequences", Format: "FASTA", Archive: "gzip",
		License: "CC0-1.0", Size: 12 * core.MiB, Uploader: "alice", Group: 12, Torrent: 34, Tags: []string{"yeast", "genome", "s288c"},
		SiteURL: "https://biotorrents.example",
	}
}

func TestAnnounceLine(t *testing.T) {
	t.Parallel()
	const tail = " [2023] [Sequences] - FASTA / gzip / CC0-1.0 / 12.00 MiB / Uploader: alice - https://biotorrents.example/torrents.php?id=12 / https://biotorrents.example/torrents.php?action=download&id=34 - yeast,genome,s288c"
	evil := "evil [2020] [Sequences] - FASTA / gzip / CC0-1.0 / 1 B / Uploader: mallory / Freeleech! - https://evil.example/torrents.php?id=1 / https://evil.example/torrents.php?action=download&id=999 - x"
	tests := []struct {
		name   string
		change func(*Announce)
		want   string
	}{
		{"plain", func(*Announce) {}, "Saccharomyces cerevisiae S288C R64-4-1 assembly" + tail},
		{"freeleech", func(a *Announce) { a.Freeleech = true },
			"Saccharomyces cerevisiae S288C R64-4-1 assembly" + strings.Replace(tail, "alice", "alice / Freeleech!", 1)},
		{"anonymous", func(a *Announce) { a.Uploader = "" },
			"Saccharomyces cerevisiae S288C R64-4-1 assembly" + strings.Replace(tail, "alice", "Anonymous", 1)},
		{"title that imitates a line", func(a *Announce) { a.Title = evil }, evil + tail},
		{"control characters", func(a *Announce) { a.Title = "a\r\nPRIVMSG #x :b\x00\x0304red\x02 c\u202e" }, "a PRIVMSG #x :b 04red c" + tail},
		{"joiners that a script needs", func(a *Announce) { a.Title = "می\u200cخواهم क्\u200dष ge\u200dnome" }, "می\u200cخواهم क्\u200dष genome" + tail},
		{"title that can't be seen", func(a *Announce) { a.Title = "\u200b\u3164\u2800\u200d" }, "Untitled" + tail},
		{"empty title", func(a *Announce) { a.Title = " \t" }, "Untitled" + tail},
		{"small size", func(a *Announce) { a.Size = 999 }, "Saccharomyces cerevisiae S288C R64-4-1 assembly" + strings.Replace(tail, "12.00 MiB", "999 B", 1)},
		{"year 0", func(a *Announce) { a.Year = 0 }, "Saccharomyces cerevisiae S288C R64-4-1 assembly" + strings.Replace(tail, "[2023]", "[0000]", 1)},
		{"no tags", func(a *Announce) { a.Tags = nil }, "Saccharomyces cerevisiae S288C R64-4-1 assembly" + strings.Replace(tail, "yeast,genome,s288c", "untagged", 1)},
		{"strange tags", func(a *Announce) { a.Tags = []string{"S. cerevisiae", "…", "a,b"} },
			"Saccharomyces cerevisiae S288C R64-4-1 assembly" + strings.Replace(tail, "yeast,genome,s288c", "s.cerevisiae,a.b", 1)},
		{"fields that hold marks", func(a *Announce) { a.Category, a.Format, a.Archive, a.License = "Seq [x]", "A / B", "x - y", "" },
			"Saccharomyces cerevisiae S288C R64-4-1 assembly" + strings.NewReplacer("[Sequences]", "[Seq (x)]", "FASTA / gzip / CC0-1.0", "A/B / x-y / Other").Replace(tail)},
		{"fields that can't be seen", func(a *Announce) { a.Category, a.Format, a.License = "Seq\u202e\x03", "\u200b\u2800", "C\u200dC0" },
			"Saccharomyces cerevisiae S288C R64-4-1 assembly" + strings.NewReplacer("[Sequences]", "[Seq]", "FASTA / gzip / CC0-1.0", "Other / gzip / CC0").Replace(tail)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := yeast()
			tt.change(&a)
			got := AnnounceLine(a, testLimit)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
			checkLine(t, a, got)
		})
	}
}

// testLimit is how much of a line a usual prefix leaves free.
const testLimit = 470

// checkLine checks everything in a line that consumers rely on.
func checkLine(t *testing.T, a Announce, line string) {
	t.Helper()
	if len(line) > testLimit {
		t.Errorf("%d bytes, more than %d: %q", len(line), testLimit, line)
	}
	if !utf8.ValidString(line) || strings.ContainsAny(line, "\r\n\x00") || strings.HasSuffix(line, " ") {
		t.Errorf("not one clean line: %q", line)
	}
	m := exactPattern.FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("the exact pattern does not match %q", line)
	}
	if m[10] != a.SiteURL+"/" || m[11] != "12" || m[12] != "34" {
		t.Errorf("exact pattern: site %q, group %q, torrent %q in %q", m[10], m[11], m[12], line)
	}
	if (m[9] != "") != a.Freeleech {
		t.Errorf("exact pattern: freeleech %q in %q", m[9], line)
	}
	l := loosePattern.FindStringSubmatch(line)
	if l == nil || l[6] != "34" || l[5] != a.SiteURL+"/" {
		t.Errorf("the loose pattern reads %q from %q", l, line)
	}
}

func TestAnnounceLineCutsTheTitleOnly(t *testing.T) {
	t.Parallel()
	for _, letter := range []string{"x", "é", "菌", "𝛂"} {
		for n := range 40 {
			a := yeast()
			a.Title = strings.Repeat("y", n) + strings.Repeat(letter, 300)
			line := AnnounceLine(a, testLimit)
			checkLine(t, a, line)
			if !strings.Contains(line, "… [2023] [Sequences] - FASTA / ") {
				t.Errorf("no cut title in %q", line)
			}
			if len(line) < 460 {
				t.Errorf("%d bytes: the room is not used", len(line))
			}
		}
	}
}

func TestAnnounceLineWithEverythingLong(t *testing.T) {
	t.Parallel()
	a := yeast()
	long := strings.Repeat("long ", 100)
	a.Title, a.Category, a.Format, a.Archive, a.License = long, long, long, long, long
	a.Uploader, a.Freeleech = strings.Repeat("u", 32), true
	a.SiteURL = "https://" + strings.Repeat("s", 40) + ".example"
	for range 60 {
		a.Tags = append(a.Tags, "averylongtagindeed")
	}
	checkLine(t, a, AnnounceLine(a, testLimit))
}

func FuzzAnnounceLine(f *testing.F) {
	f.Add("Saccharomyces cerevisiae", "Sequences", "FASTA", "alice", "yeast", 2023, int64(12345), true)
	f.Add("evil\r\nQUIT [2020] [x] - a / b", "] [", " / ", "", "", -5, int64(-1), false)
	f.Fuzz(func(t *testing.T, title, category, format, uploader, tag string, year int, size int64, free bool) {
		a := yeast()
		a.Title, a.Category, a.Format, a.Archive, a.License = title, category, format, format, category
		a.Year, a.Freeleech, a.Tags = year, free, []string{tag, title}
		a.Size = core.Bytes(max(size, 0))
		if len(uploader) <= 32 { // as long as names of members are
			a.Uploader = uploader
		}
		checkLine(t, a, AnnounceLine(a, testLimit))
	})
}
