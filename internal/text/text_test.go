package text

import (
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
)

func TestRender(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ in, want string }{
		"empty":        {"", ""},
		"paragraphs":   {"One.\n\nTwo *three* **four** ~~five~~ `six`.", "<p>One.</p>\n<p>Two <em>three</em> <strong>four</strong> <del>five</del> <code>six</code>.</p>\n"},
		"heading":      {"# Methods & data", "<h1>Methods &amp; data</h1>\n"},
		"list":         {"- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"},
		"code":         {"```\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>\n"},
		"quote":        {"> a", "<blockquote>\n<p>a</p>\n</blockquote>\n"},
		"link":         {"[a](https://b.example/?c=d)", `<p><a href="https://b.example/?c=d" rel="nofollow noreferrer">a</a></p>` + "\n"},
		"bare address": {"see www.b.example", `<p>see <a href="http://www.b.example" rel="nofollow noreferrer">www.b.example</a></p>` + "\n"},
		"script":       {"a <script>alert(1)</script> b", "<p>a alert(1) b</p>\n"},
		"javascript":   {"[a](javascript:alert(1))", "<p>a</p>\n"},
		"data":         {"[a](data:text/html;base64,AAAA)", "<p>a</p>\n"},
		"picture":      {"![a](https://b.example/c.png)", "<p></p>\n"},
		"HTML":         {"H<sub>2</sub>O<br onclick=x>", "<p>H2O</p>\n"},
		"HTML block":   {"<div onclick=x>\na\n</div>", "\n"},
		"reference":    {"[a]\n\n[a]: https://b.example", `<p><a href="https://b.example" rel="nofollow noreferrer">a</a></p>` + "\n"},
		"table": {"|a|b|\n|:-|-:|\n|c|", "<table>\n<thead>\n<tr>\n<th align=\"left\">a</th>\n<th align=\"right\">b</th>\n</tr>\n</thead>\n" +
			"<tbody>\n<tr>\n<td align=\"left\">c</td>\n<td></td>\n</tr>\n</tbody>\n</table>\n"},
	} {
		s, err := Description.Render(tt.in)
		if err != nil || s.HTML != tt.want || s.Source != tt.in || s.Renderer != Version {
			t.Errorf("%s: %q, %v\nwant %q", name, s.HTML, err, tt.want)
		}
		if string(s.Page()) != s.HTML {
			t.Errorf("%s: the page shows %q", name, s.Page())
		}
	}
}

// TestLimits goes up to each limit and one step over it.
func TestLimits(t *testing.T) {
	t.Parallel()
	row := strings.Repeat("|a", 100) + "\n"
	table := row + strings.Repeat("|-", 100) + "\n"
	for name, tt := range map[string]struct{ good, bad, says string }{
		"characters":  {strings.Repeat("ä", 100_000), strings.Repeat("ä", 100_001), "at most 100000 characters; it has 100001"},
		"lines":       {strings.Repeat("a\n", 20_000), strings.Repeat("a\n", 20_001), "20001 lines"},
		"quotes":      {strings.Repeat(">", 40) + "a", strings.Repeat(">", 41) + "a", "41 quotes and lists inside each other"},
		"quoted rule": {strings.Repeat(">", 40) + "---", strings.Repeat(">", 41) + "---", "41 quotes and lists"},
		"lists":       {strings.Repeat("- ", 40) + "a", strings.Repeat("1. ", 41) + "a", "41 quotes and lists"},
		"deep lists":  {stairs(40), stairs(41), "41 quotes and lists"},
		"emphasis":    {strings.Repeat("*a **a ", 40) + strings.Repeat("a** a*", 40), strings.Repeat("*a **a ", 60) + strings.Repeat("a** a*", 60), "nested more than 100 deep"},
		"cells":       {table + strings.Repeat("a\n", 198), table + strings.Repeat("a\n", 199), "table cells"},
		"brackets":    {strings.Repeat("[a](b) ", 4_000), strings.Repeat("[a](b) ", 4_001), "4001 opening brackets"},
		"pictures":    {strings.Repeat("![a](b) ", 4_000), strings.Repeat("![a](b) ", 4_001), "4001 opening brackets"},
		"addresses":   {strings.Repeat("www.a.b ", 4_000), strings.Repeat("www.a.b ", 4_001), "4001 addresses"},
		"tags":        {strings.Repeat("<b>", 4_000), strings.Repeat("<b>", 4_001), "4001 HTML tags"},
		"bars":        {"|a|\n|-|\n" + strings.Repeat("`\\|`|\n", 1_000), "|a|\n|-|\n" + strings.Repeat("`\\|`|\n", 1_001), "1001 bars"},
		"targets":     {strings.Repeat("[a](b c ", 4_000), strings.Repeat("[a](b", 4_000), "unfinished links"},
		"backticks":   {strings.Repeat("`` \\``\n\n", 5_000), strings.Repeat("`` \\``", 5_000), "backslashes before backticks"},
		"marks":       {strings.Repeat("*a* ", 5_000), strings.Repeat("*a* ", 6_000), "in one paragraph"},
		"tildes":      {strings.Repeat("~", 5_000), "a " + strings.Repeat("~", 50_000), "in one paragraph"},
		"output":      {strings.Repeat("www.a.b ", 4_000) + strings.Repeat("&", 60_000), "[a]: b" + strings.Repeat("b", 9_000) + "\n\n" + strings.Repeat("[a] ", 3_000), "more than 1.00 MiB"},
	} {
		if s, err := Note.Render(tt.good); err != nil || len(s.HTML) > Note.Limits().HTML {
			t.Errorf("%s: up to the limit: %v, %d bytes", name, err, len(s.HTML))
		}
		if _, err := Note.Render(tt.bad); core.CodeOf(err) != core.Invalid || !strings.Contains(core.SafeText(err), tt.says) {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
	}
}

// stairs is a list whose items stand ever deeper.
func stairs(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat("  ", i) + "- a\n")
	}
	return b.String()
}

// TestWhatPeopleWrite holds texts that are large and harmless.
func TestWhatPeopleWrite(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"prose":           strings.Repeat("Reads were trimmed with *fastp* and mapped to **GRCh38** (see [methods](https://a.example/m)). ", 1_000),
		"file names":      strings.Repeat("sample_01_R1_001.fastq.gz\n", 3_800),
		"bullets":         strings.Repeat("- `sample_01`: [NC_001416.1](https://a.example/1), *E. coli*\n", 1_500),
		"wide table":      strings.Repeat("| a_b ", 50) + "|\n" + strings.Repeat("|---", 50) + "|\n" + strings.Repeat(strings.Repeat("| 12 ", 50)+"|\n", 300),
		"long table":      "| gene | p | q |\n|---|---|---|\n" + strings.Repeat("| BRCA1 | 0.05 | 0.1 |\n", 4_000),
		"sequence":        "```\n" + strings.Repeat("ACGTTGCAACGTTGCAACGTTGCAACGTTGCAACGTTGCAACGTTGCAACGTTGCA\n", 1_700) + "```\n",
		"one line":        strings.Repeat("ACGT", 25_000),
		"code, indented":  strings.Repeat(strings.Repeat(" ", 60)+"x - y\n", 1_000),
		"rules":           strings.Repeat("- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - -\n\n", 100),
		"arrows":          strings.Repeat("->>>>>>>>>>>>>>>>>>> a < b, a_b*c ~ d\n", 2_000),
		"Chinese":         strings.Repeat("基因组。", 25_000),
		"tildes and bars": strings.Repeat("~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n\n", 500),
		"references":      strings.Repeat("As shown [1], [2] and [Smith 2020].\n\n", 1_300),
	} {
		if _, err := Description.Render(text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOlderHTMLIsShownAsText(t *testing.T) {
	t.Parallel()
	for _, renderer := range []int64{0, -Version, Version - 1, Version + 1} {
		s := Stored{Source: "a <b>\n*c*", HTML: "<script>alert(1)</script>", Renderer: renderer}
		if got := string(s.Page()); got != `<pre class="typed">a &lt;b&gt;`+"\n*c*</pre>" {
			t.Errorf("renderer %d: %s", renderer, got)
		}
	}
	for renderer, want := range map[int64]bool{0: true, Version: false, -Version: false, Version + 1: false} {
		if Stale(renderer) != want {
			t.Errorf("renderer %d: stale %t", renderer, !want)
		}
	}
	if s := Note.Again("*a*"); s.Renderer != Version || s.HTML != "<p><em>a</em></p>\n" {
		t.Errorf("%+v", s)
	}
	if s := Note.Again(strings.Repeat(">", 99)); s.Renderer != -Version || s.HTML != "" || s.Source == "" {
		t.Errorf("%+v", s)
	}
}

// FuzzRender looks for texts that come out longer than they may, or with an element
// that the policy does not know.
func FuzzRender(f *testing.F) {
	for _, s := range []string{"", "*a*", "[a](b)", "|a|\n|-|\n|b|", "<b onclick=x>", "> - 1. a", "```\na", "www.a.b", "[a]: b\n\n[a]", "\\`` ``"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		s, err := Note.Render(source)
		if err != nil && core.CodeOf(err) != core.Invalid {
			t.Errorf("%q: %v", source, err)
		}
		if len(s.HTML) > Note.Limits().HTML {
			t.Errorf("%q: %d bytes", source, len(s.HTML))
		}
		if again := policy.Sanitize(s.HTML); again != s.HTML {
			t.Errorf("%q: %q, and sanitised again %q", source, s.HTML, again)
		}
	})
}

// TestPages are rendered under their title, and link to other pages of the site.
func TestPages(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"# A\n\n## B\n\n> # C":          "<h2>A</h2>\n<h2>B</h2>\n<blockquote>\n<h2>C</h2>\n</blockquote>\n",
		"[keys](/settings/keys#irc)":    "<p><a href=\"/settings/keys#irc\" rel=\"nofollow noreferrer\">keys</a></p>\n",
		"[a](https://b.example)":        "<p><a href=\"https://b.example\" rel=\"nofollow noreferrer\">a</a></p>\n",
		"[a](javascript:alert(1))":      "<p>a</p>\n",
		"<b onclick=x>a</b>":            "<p>a</p>\n",
		"{{irc-host}} and `{{name}}`":   "<p>{{irc-host}} and <code>{{name}}</code></p>\n",
		"[{{name}}](/members/{{name}})": "<p><a href=\"/members/%7B%7Bname%7D%7D\" rel=\"nofollow noreferrer\">{{name}}</a></p>\n",
	} {
		if s, err := Page.Render(in); err != nil || s.HTML != want {
			t.Errorf("%q: %q, %v\nwant %q", in, s.HTML, err, want)
		}
	}
}
