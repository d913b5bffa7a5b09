package pages

import (
	"fmt"
	"html/template"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// TestShippedFiles are pages that staff could have written.
func TestShippedFiles(t *testing.T) {
	t.Parallel()
	all, err := readShipped()
	if err != nil {
		t.Fatal(err)
	}
	for _, slug := range []string{"help", "rules", "terms", "clients", "irc", "freeleech", "staff", "bans", "privacy"} {
		if all[slug].Title == "" || all[slug].Source == "" {
			t.Errorf("%s is missing", slug)
		}
	}
	for slug, p := range all {
		d := Draft{Title: p.Title, Source: p.Source}
		if _, err := d.tidied(); err != nil || !slugPattern.MatchString(slug) {
			t.Errorf("%s: %v", slug, err)
		}
	}
}

func TestSegments(t *testing.T) {
	t.Parallel()
	value := func(name string) string { return "<" + name + ">" }
	for in, want := range map[string][]Segment{
		"":                                  nil,
		"<p>On {{site}}, {{ name }}.</p>\n": {{HTML: "<p>On &lt;site&gt;, &lt;name&gt;.</p>\n"}},
		"<pre><code>/join {{irc-host}}</code></pre>":     {{HTML: "<pre><code>/join &lt;irc-host&gt;</code></pre>"}},
		"<p>a</p>\n<p>{{staff-list}}</p>\n<p>b</p>":      {{HTML: "<p>a</p>\n"}, {Block: "staff-list"}, {HTML: "\n<p>b</p>"}},
		"<p>{{staff-list}} and more</p>":                 {{HTML: "<p>{{staff-list}} and more</p>"}},
		"<p>{{nothing}} {{}} {{Site}} {site}</p>":        {{HTML: "<p>{{nothing}} {{}} {{Site}} {site}</p>"}},
		"<a href=\"/{{name}}\">{{name}}</a>":             {{HTML: "<a href=\"/{{name}}\">&lt;name&gt;</a>"}},
		"<p>{{irc-facts}}</p><p>{{irc-recipes}}</p>":     {{Block: "irc-facts"}, {Block: "irc-recipes"}},
		"<p>{{site}}</p>":                                {{HTML: "<p>&lt;site&gt;</p>"}},
		"an end <":                                       {{HTML: "an end <"}},
		"<p>{{staff-list}}":                              {{HTML: "<p>{{staff-list}}"}},
		"<blockquote><p>{{staff-list}}</p></blockquote>": {{HTML: "<blockquote>"}, {Block: "staff-list"}, {HTML: "</blockquote>"}},
	} {
		if diff := cmp.Diff(want, Segments(template.HTML(in), value)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", in, diff)
		}
	}
}

// TestPlaceholdersAreChecked when a text is saved.
func TestPlaceholdersAreChecked(t *testing.T) {
	t.Parallel()
	for in, says := range map[string]string{
		"Here: {{irc-hots}}.":                   "there is no placeholder {{irc-hots}}; there are {{site}}",
		"`{{announce-key}}`":                    "no placeholder {{announce-key}}",
		"Ask {{staff-list}} first.":             "a paragraph of its own",
		"- {{staff-list}}":                      "a paragraph of its own",
		"{{site}} at {{irc-host}}:{{irc-port}}": "",
		"Ask:\n\n{{staff-list}}\n\nThere.":      "",
		"{{announce}} {{address}} {{name}}":     "",
	} {
		_, err := Render(in)
		if (err == nil) != (says == "") || err != nil && (core.FieldOf(err) != "text" || !strings.Contains(core.SafeText(err), says)) {
			t.Errorf("%q: %v, want %q", in, err, says)
		}
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	numbered := func(from, to int, change map[int]string) string {
		var out []string
		for i := from; i <= to; i++ {
			if s, ok := change[i]; ok {
				out = append(out, s)
			} else {
				out = append(out, fmt.Sprint("line ", i))
			}
		}
		return strings.Join(out, "\n")
	}
	got := Compare(numbered(1, 20, nil), numbered(1, 20, map[int]string{10: "another", 20: "line 20\nand one more"}))
	want := []Line{{Op: Skipped}, {Same, "line 7"}, {Same, "line 8"}, {Same, "line 9"}, {Removed, "line 10"}, {Added, "another"},
		{Same, "line 11"}, {Same, "line 12"}, {Same, "line 13"}, {Op: Skipped},
		{Same, "line 18"}, {Same, "line 19"}, {Same, "line 20"}, {Added, "and one more"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, same := range []string{"", "a", "a\nb\n"} {
		if got := Compare(same, same); got != nil {
			t.Errorf("%q and itself: %v", same, got)
		}
	}
	if diff := cmp.Diff([]Line{{Added, "a"}}, Compare("", "a")); diff != "" {
		t.Errorf("from nothing (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Line{{Removed, "a"}}, Compare("a", "")); diff != "" {
		t.Errorf("to nothing (-want +got):\n%s", diff)
	}
	// As much as two pages may hold, with nothing in common.
	long := Compare(strings.Repeat("a\n", 20_000), strings.Repeat("b\n", 20_000))
	if len(long) != mostLines+1 || long[mostLines].Op != Cut {
		t.Errorf("%d lines", len(long))
	}
}
