package text

import (
	"fmt"
	"maps"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPatternsThatParsersFear renders texts as long as they may be of patterns that
// take quadratic time or worse in some parser of Markdown: those of cmark's test suite,
// of reports against goldmark and others, and those that a search found. Each is
// refused, or costs little.
func TestPatternsThatParsersFear(t *testing.T) {
	most := Description.Limits()
	for name, source := range patterns(most.Chars) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := cpu(t)
		s, _ := Description.Render(source)
		took := cpu(t) - began
		runtime.ReadMemStats(&after)
		// A tenth of a second and 40 MB are what the worst of them take.
		if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 2*time.Second || mb > 150 {
			t.Errorf("%s: %v of CPU and %d MB", name, took, mb)
		}
		if len(s.HTML) > most.HTML || strings.Contains(s.HTML, "<script") {
			t.Errorf("%s: %d bytes of HTML", name, len(s.HTML))
		}
	}
}

// cpu is how much time on a core this process has taken.
func cpu(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// rep repeats s to about n bytes.
func rep(s string, n int) string { return strings.Repeat(s, n/len(s)) }

func growing(c string, n int) string {
	var b strings.Builder
	for i := 1; b.Len() < n; i++ {
		b.WriteString("e" + strings.Repeat(c, i))
	}
	return b.String()
}

func deepList(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		b.WriteString(strings.Repeat(" ", 2*i) + "- a\n")
	}
	return b.String()
}

// patterns are texts of about n characters.
func patterns(n int) map[string]string {
	all := map[string]string{}
	for _, of := range []func(int) map[string]string{emphasis, links, blocks, codeAndHTML, tables, addresses, characters} {
		maps.Copy(all, of(n))
	}
	return all
}

func emphasis(n int) map[string]string {
	return map[string]string{
		"nested strong":         rep("*a **a ", n/2) + "b" + rep(" a** a*", n/2),
		"emph closers no open":  rep("a_ ", n),
		"emph openers no close": rep("_a ", n),
		"open close mixed":      rep("_a ", n/2) + rep("b* ", n/2),
		"open close mixed2":     rep("**a ", n/2) + rep("b_ ", n/2),
		"a**b c*":               rep("a**b", n/2) + rep("c* ", n/2),
		"*a_ ":                  rep("*a_ ", n),
		"~~a* ":                 rep("~~a* ", n),
		"mismatched":            rep("*a_ **b ", n),
		"triple":                rep("***a ", n/2) + rep("b** ", n/2),
		"strike":                rep("~~a~~ ", n),
		"strike open":           rep("~~a ", n),
		"em each":               rep("*a* ", n),
		"em long":               rep("*a*b", n),
		"**a*":                  rep("**a*", n),
		"links in em":           rep("*[a](b)* ", n),
		"tildes":                strings.Repeat("~", n),
		"tildes after text":     strings.Repeat("a ", n/10) + strings.Repeat("~", n*8/10),
		"nested em links":       rep("*a [", n/2) + rep("](b) c*", n/2),
	}
}

func links(n int) map[string]string {
	return map[string]string{
		"link closers no open":  rep("a]", n),
		"link openers no close": rep("[a", n),
		"[a](b":                 rep("[a](b", n),
		"[a](<b":                rep("[a](<b", n),
		"[a](b \"":              rep("[a](b \"c", n),
		"[a](b '":               rep("[a](b 'c\n", n),
		"[a](b (":               rep("[a](b (c", n),
		"[a][":                  rep("[a][", n),
		"[a][b]":                rep("[a][b]", n),
		"[a](b) ":               rep("[a](b) ", n),
		"[a](b)[":               rep("[a](b) [", n),
		"![[]()":                rep("![[]()", n),
		"nested brackets":       strings.Repeat("[", n/2) + "a" + strings.Repeat("]", n/2),
		"nested brackets ()":    strings.Repeat("[", n/4) + "a" + rep("](b)", 3*n/4),
		"nested images":         rep("![", n/4) + "a" + rep("](b)", 3*n/4),
		"brackets line":         rep("[ (](", n),
		"pattern [ (]( ":        rep("[ (](", n),
		"definitions":           rep("[a]: b\n", n),
		"definitions blank":     rep("[a]: b\n\n", n),
		"definitions title":     rep("[a]: b 'c\n", n),
		"definitions title2":    rep("[a]: b \"\n", n),
		"definitions many":      manyDefs(n),
		"def use":               "[a]: b\n\n" + rep("[a]", n),
		"def use long":          "[a]: " + strings.Repeat("b", n/20) + "\n\n" + rep("[a]", n),
		"def label open":        rep("[a\n", n),
		"[foo]: unfinished":     rep("[\\", n),
		"!":                     rep("!", n),
		"![":                    rep("![", n),
		"!]":                    rep("!]", n),
		"^[":                    rep("^[", n),
		"paren":                 "[a](" + rep("(", n/2) + rep(")", n/2) + ")",
		"paren many":            rep("[a]((((((((((", n),
		"paren esc":             "[a](" + rep("\\(", n),
		"titles":                rep("[a](b \"c\" ", n),
		"long definition":       "[a]: b" + strings.Repeat("b", n/2) + "\n\n" + rep("[a]", n/10),
	}
}

func blocks(n int) map[string]string {
	return map[string]string{
		"lines":               rep("a\n", n),
		"blank lines":         rep("\n", n),
		"quotes":              rep("> ", n) + "a",
		"quotes lines":        strings.Repeat(strings.Repeat(">", 200)+"a\n", n/202),
		"quotes then blank":   strings.Repeat(">", 2000) + "a\n" + strings.Repeat("\n", n-2000),
		"list line":           rep("- ", n) + "a",
		"list then blank":     rep("- ", 2000) + "a\n" + strings.Repeat("\n", n-2000),
		"list then blank 80":  rep("- ", 80) + "a\n" + strings.Repeat("\n", n-80),
		"ordered line":        rep("1. ", n) + "a",
		"mixed containers":    rep("- > 1. ", n) + "a",
		"deep list":           deepList(n),
		"bullets":             rep("- a\n", n),
		"bullets empty":       rep("-\n", n),
		"bullets alternating": rep("- a\n+ b\n", n),
		"ordered":             rep("1. a\n", n),
		"headings":            rep("# a\n", n),
		"heading spaces":      "# a" + strings.Repeat(" ", n) + "b",
		"heading ##":          "# a " + strings.Repeat("#", n) + "b",
		"heading # #":         "# a " + rep("# ", n) + "b",
		"setext":              rep("a\n=\n", n),
		"setext2":             rep("a\n-\n", n),
		"hr":                  rep("***\n", n),
		"hr long":             rep("- ", n),
		"hr long2":            rep("* ", n) + "a",
		"task":                rep("- [ ] a\n", n),
		"hard breaks":         rep("a  \n", n),
		"backslash lines":     rep("\\\n", n),
		"tabs":                rep("\t", n) + "a",
		"tab lines":           rep("\ta\n", n),
		"tab quote":           rep(">\ta\n", n),
		"tab quotes":          rep(">\t", n) + "a",
		"list tab":            "-" + rep("\t-", n),
		"spaces":              rep(" ", n) + "a",
		"space lines":         rep(" \n", n),
		"list spaces":         "- a\n" + rep("  \n", n),
		"list indented":       "- a\n" + rep("  b\n", n),
		"lazy":                rep("> ", 50) + "a\n" + rep("b\n", n),
		"crlf":                rep("a\r\n", n),
		"cr":                  rep("a\r", n),
		"rule in quotes":      strings.Repeat(">", n/2) + "---\n" + rep("a ", n/2),
	}
}

func codeAndHTML(n int) map[string]string {
	return map[string]string{
		"backticks growing": growing("`", n),
		"backticks":         rep("`", n),
		"backtick pairs":    rep("`a``b", n),
		"backtick lines":    growing("`\n", n),
		"fences":            rep("```\n", n),
		"fences text":       rep("```a\nb\n~~~\n", n),
		"<!--":              rep("<!-- a", n),
		"a<!--":             rep("a <!-- b\n", n),
		"<?":                "a " + rep("<?b", n),
		"<!A":               "a " + rep("<!A b ", n),
		"cdata":             "a " + rep("<![CDATA[ ", n),
		"tag open":          "a " + rep("<a b=\"", n),
		"tag attrs":         "a " + rep("<a b c d ", n),
		"tag attrs one":     "a <a " + rep("b ", n),
		"tag quotes":        "a " + rep("<a b=' c=\"", n),
		"tag lines":         "a " + rep("<a\n", n),
		"tag attr newlines": "a <a" + rep("\n b", n),
		"</a ":              "a " + rep("</a ", n),
		"<a>":               "x " + rep("<a>", n),
		"html blocks":       rep("<div>\n", n),
		"html blocks2":      rep("<div>\n\n", n),
		"html 7":            rep("<x>\n\n", n),
		"<script>":          rep("<script>\n", n),
		"<":                 rep("<", n),
		"a<":                rep("a <", n),
		"long code":         "    " + rep("x", n),
		"escaped backticks": rep("``# \\", n*9/10) + rep("+ .```\n[a](b", n/10),
	}
}

func tables(n int) map[string]string {
	return map[string]string{
		"table wide":         rep("|a", n/3) + "\n" + rep("|-", n/3) + "\n" + strings.Repeat("a\n", n/6),
		"table wide2":        rep("|", n/3) + "\n" + rep("-|", n/3) + "\n" + strings.Repeat("|\n", n/6),
		"table rows":         "|a|b|\n|-|-|\n" + rep("|a|b|\n", n),
		"table pipes":        "|a|\n|-|\n" + rep("|", n),
		"table escaped":      "|a|\n|-|\n" + rep("`\\|`|\n", n),
		"table escaped wide": rep("|a", n/4) + "\n" + rep("|-", n/4) + "\n" + rep("|`\\|`", n/2),
		"table delims":       rep("-|-\n", n),
		"table delims bad":   "a|b\n" + rep("-|-|-\n", n),
		"a\\n- |":            rep("a|b\n-|-\n", n),
	}
}

func addresses(n int) map[string]string {
	return map[string]string{
		"email":          rep("a@", n),
		"email _":        rep("a_", n) + "@b.c",
		"email _ none":   rep("a_", n),
		"email *":        rep("a*b.", n),
		"email . ":       rep("a.b@c.d ", n),
		"email (":        rep("(a@b.c", n),
		"www":            rep("www.", n),
		"www ":           rep("www. ", n),
		"(www.a":         rep("(www.a", n),
		"_www.a":         rep("_www.a", n),
		"_www":           rep("_www.a_", n),
		"_http":          rep("_http://a", n),
		"*http":          rep("*http://a", n),
		"(http":          rep("(http://a", n),
		"http ":          rep("http://a.b ", n),
		"http ) ":        "http://a.b/" + rep(")", n),
		"http ;":         "http://a.b/" + rep("&a;", n),
		"www.a.b ":       rep("www.a.b ", n),
		"autolink":       rep("<a:b>", n),
		"autolink open":  rep("<aa:b", n),
		"autolink mail":  rep("<a@b", n),
		"autolink mail.": rep("<a@b.", n),
	}
}

func characters(n int) map[string]string {
	return map[string]string{
		"plain":         rep("lorem ipsum dolor sit amet ", n),
		"&":             rep("&", n),
		"\"":            rep("\"", n),
		"entities":      rep("&amp;", n),
		"entities open": rep("&ampx", n),
		"entities num":  rep("&#x10ffff;", n),
		"entities nul":  rep("&#0;", n),
		"backslash":     rep("\\", n),
		"nul":           rep("\x00", n),
		"fffd":          rep("\ufffd", n),
		"emoji":         rep("\U0001f600", 4*n),
		"emoji*":        rep("*\U0001f600", 4*n),
		"cjk":           rep("\u4e2d", 3*n),
		"long emoji":    rep("\U0001f600", n) + rep("[a](\U0001f600", n/2),
	}
}

func manyDefs(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "[%d]: b\n", i)
	}
	return b.String()
}
