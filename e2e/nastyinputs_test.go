package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
)

// bomb is a text of a given size, in bytes, that could cost a reader more than its size.
type bomb struct {
	name string
	make func(size int) string
}

func repeated(what string) func(int) string {
	return func(size int) string { return strings.Repeat(what, size/len(what)) }
}

// counting repeats different items: what, a number and an end.
func counting(what, end string) func(int) string {
	return func(size int) string {
		var b strings.Builder
		for i := 0; b.Len()+len(what)+len(end)+8 < size; i++ {
			fmt.Fprintf(&b, "%s%x%s", what, i, end)
		}
		return b.String()
	}
}

func after(head string, rest func(int) string) func(int) string {
	return func(size int) string { return head + rest(size-len(head)) }
}

// textBombs are for every field of every form.
var textBombs = []bomb{
	{"letters", repeated("a")},
	{"different words", counting("", " ")},
	{"different lines", counting("", "\n")},
	{"different tags", counting("", ",")},
	{"combining marks", after("a", repeated("\u0301"))},
	{"joiners after Arabic", after("\u0627", repeated("\u200c"))},
	{"joined emoji", repeated("\U0001f469\u200d")},
	{"what is not seen", repeated("\u200b\u202e\u2066\ufeff")},
	{"what grows when folded", repeated("\ufdfa")},
	{"what grows when composed", repeated("\u0958")},
	{"broken bytes", repeated("\xff\xc3")},
	{"signs of HTML", repeated("'\"<&>")},
	{"quotation marks", repeated(`"a \"`)},
	{"options", counting("--", "=a ")},
	{"joker signs", repeated("%_*?")},
	{"slashes", repeated("/../")},
	{"digits", repeated("9")},
	{"zeros and a letter", after("a", repeated("\x00"))},
}

// markdownBombs are for texts in Markdown.
var markdownBombs = []bomb{
	{"brackets", repeated("[")},
	{"links in links", repeated("[a](b")},
	{"pictures in pictures", repeated("![a](b")},
	{"targets in angles", repeated("[a](<b")},
	{"links by name", after("[a]: b\n\n", repeated("[a]"))},
	{"many names", counting("[", "]: b\n")},
	{"names of names", repeated("[a][b]")},
	{"notes", counting("[^", "]\n\n")},
	{"a wide table", func(size int) string {
		return strings.Repeat("a|", size/6) + "\n" + strings.Repeat("-|", size/6) + "\n" + strings.Repeat("a\n", size/6)
	}},
	{"a long table", after("a|b\n-|-\n", repeated("a|b\n"))},
	{"many tables", repeated("a|b\n-|-\n\n")},
	{"bars in a table", after("a|b\n-|-\n", repeated(`\|`))},
	{"emphasis", repeated("*a_ ")},
	{"strong emphasis", repeated("**a __b ")},
	{"emphasis inside emphasis", func(size int) string { return strings.Repeat("*a ", size/6) + strings.Repeat(" b*", size/6) }},
	{"stars", repeated("*")},
	{"tildes", repeated("~~~ a")},
	{"code that does not end", func(size int) string {
		var b strings.Builder
		for i := 1; b.Len()+i+1 < size; i++ {
			b.WriteString(strings.Repeat("`", i) + " ")
		}
		return b.String()
	}},
	{"escaped code", repeated("\\`")},
	{"quotes", repeated("> ")},
	{"lists", repeated("- ")},
	{"numbers", repeated("1. ")},
	{"indented lists", func(size int) string {
		var b strings.Builder
		for i := 0; b.Len()+2*i+3 < size; i++ {
			b.WriteString(strings.Repeat("  ", i) + "- a\n")
		}
		return b.String()
	}},
	{"quotes of lists", repeated("> - ")},
	{"rules", repeated("- - -\n")},
	{"tags", repeated("<a ")},
	{"remarks", repeated("<!--")},
	{"instructions", repeated("<?")},
	{"data", repeated("<![CDATA[")},
	{"entities", repeated("&amp;")},
	{"long entities", repeated("&CounterClockwiseContourIntegral;")},
	{"broken entities", repeated("&#x1")},
	{"addresses", repeated("http://a.b ")},
	{"mail", repeated("a@b")},
	{"hosts", repeated("www.")},
	{"headings", repeated("# a\n")},
	{"underlined headings", repeated("a\n=\n")},
	{"short lines", repeated("a\n")},
	{"backslashes", repeated("\\")},
	{"blanks", after("a", repeated(" \n"))},
	{"tabs", after("a", repeated("\t"))},
}

// longTest is true where the test may take minutes.
var longTest = os.Getenv("CADUCEUS_TEST_LONG") != ""

const (
	formType = "application/x-www-form-urlencoded"
	edge     = "edge"
)

// parts makes a multipart form of fields.
func parts(fields url.Values, files map[string][]byte) []byte {
	var b bytes.Buffer
	for key, values := range fields {
		for _, v := range values {
			fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", edge, key, v)
		}
	}
	for key, data := range files {
		fmt.Fprintf(&b, "--%s\r\nContent-Disposition: form-data; name=%q; filename=\"a.torrent\"\r\n\r\n%s\r\n", edge, key, data)
	}
	b.WriteString("--" + edge + "--\r\n")
	return b.Bytes()
}

// multi is a multipart form as a request.
func multi(name string, fields url.Values) nasty {
	return nasty{name: name, typ: "multipart/form-data; boundary=" + edge}.with(func() []byte { return parts(fields, nil) })
}

// with gives a request a body that is made anew each time.
func (q nasty) with(body func() []byte) nasty {
	q.body = func() io.Reader { return bytes.NewReader(body()) }
	return q
}

// mostHead is nearly the largest head of a request that the site reads.
const mostHead = 30 << 10

// general are requests for any address.
func (n *nastyHouse) general(r siteRoute) []nasty {
	out := []nasty{{name: "as it is"}}
	sep := "?"
	if strings.Contains(n.place(r), "?") {
		sep = "&"
	}
	query := func(name, q string) { out = append(out, nasty{name: name, path: n.place(r) + sep + q}) }
	query("many names in the query", counting("a", "&")(mostHead))
	query("one name in the query", repeated("id=1&")(mostHead))
	query("a broken query", repeated("%")(mostHead))
	query("a query of 1 MB", repeated("a=b&")(1<<20))
	head := func(name, key string, values ...string) {
		out = append(out, nasty{name: name, header: http.Header{key: values}})
	}
	head("many cookies", "Cookie", counting("a", "=b; ")(mostHead-1000))
	head("many lines of cookies", "Cookie", strings.Split(counting("a", "=b|")(8000), "|")...)
	head("many headers of a name", "X-Forwarded-For", strings.Split(counting("10.0.0.", "|")(8000), "|")...)
	head("a long list of addresses", "X-Forwarded-For", repeated("10.0.0.1,")(mostHead-1000))
	head("a program's long name", "User-Agent", repeated("\u0627\u200c")(mostHead-1000))
	if r.path == "/assets/*name" || r.path == "/favicon.ico" {
		head("many ranges", "Range", "bytes="+repeated("0-,")(mostHead)+"0-")
		head("many small ranges", "Range", "bytes="+repeated("0-0,")(mostHead)+"0-0")
		head("many tags", "If-None-Match", repeated(`"a",`)(mostHead))
	}
	if strings.ContainsAny(r.path, ":*") {
		for name, value := range map[string]string{"long": repeated("a")(mostHead), "digits": repeated("9")(mostHead), "no text": repeated("%ff")(mostHead), "zeros": repeated("%00")(mostHead),
			"marks": "a" + repeated("%cc%81")(mostHead), "up": repeated("%2e%2e%2f")(mostHead), "below 0": "-1", "largest": "9223372036854775807"} {
			out = append(out, nasty{name: "in the path: " + name, path: n.placeOf(r, value)})
		}
	}
	if r.method == http.MethodGet {
		return append(out, nasty{name: "only its head", method: http.MethodHead})
	}
	return append(out, n.forms(r)...)
}

// forms are nasty forms of any kind.
func (n *nastyHouse) forms(r siteRoute) []nasty {
	size := int(r.body)
	plain := size
	if size > 4<<20 {
		plain = 512 << 10 // what comes without files may be no larger
	}
	form := func(name string, body func() []byte) nasty { return nasty{name: name, typ: formType}.with(body) }
	bytesOf := func(f func(int) string, size int) func() []byte { return func() []byte { return []byte(f(size)) } }
	multipart := func(name, head string, f func(int) string, tail string) nasty {
		q := nasty{name: name, typ: "multipart/form-data; boundary=" + edge}
		return q.with(func() []byte { return []byte(head + f(size-len(head)-len(tail)-100) + tail) })
	}
	begin := "--" + edge + "\r\n"
	named := "Content-Disposition: form-data; name=\"a\"\r\n\r\n"
	out := []nasty{
		form("many fields", bytesOf(counting("", "&"), plain)),
		form("one field many times", bytesOf(repeated("a&"), plain)),
		form("empty fields", bytesOf(repeated("&"), plain)),
		form("broken fields", bytesOf(repeated("%"), plain)),
		form("semicolons", bytesOf(repeated("a;"), plain)),
		form("one large field", bytesOf(after("a=", repeated("%00")), plain)),
		{name: "a body without an end", typ: formType, body: func() io.Reader { return endless("a=b&") }},
		{name: "many claimed bytes", typ: formType, body: func() io.Reader { return endless("a=b&") }, length: 1 << 40},
		{name: "JSON in JSON", typ: "application/json", body: text(repeated("[")(plain))},
		{name: "many types", typ: formType + counting("; a", "=b")(mostHead-2000), body: text("a=b")},
		{name: "packed", typ: formType, header: http.Header{"Content-Encoding": {"gzip"}}, body: packed},
		{name: "an edge without an end", typ: "multipart/form-data; boundary=" + repeated("a")(mostHead-2000), body: text(repeated("--a")(plain))},
		multipart("many small parts", "", repeated(begin+named+"\r\n"), "--"+edge+"--\r\n"),
		multipart("a part with many headers", begin, counting("A", ": b\r\n"), "\r\n\r\n--"+edge+"--\r\n"),
		multipart("a part with one long header", begin+"A: ", repeated("b"), "\r\n\r\n--"+edge+"--\r\n"),
		multipart("a part with many parameters", begin+"Content-Disposition: form-data", counting("; a", "=b"), "\r\n\r\n--"+edge+"--\r\n"),
		multipart("much before the first part", "", repeated("a\r\n"), "--"+edge+"--\r\n"),
		multipart("nearly edges", begin+named, repeated("\r\n--edg"), "\r\n--"+edge+"--\r\n"),
		multipart("blanks behind edges", begin+named, repeated("\r\n--"+edge+" "), "\r\n--"+edge+"--\r\n"),
		multipart("no edge at all", "", repeated("\r"), ""),
	}
	return out
}

// endless repeats a text until nobody reads it any more.
func endless(s string) io.Reader { return &endlessReader{s} }

type endlessReader struct{ s string }

func (r *endlessReader) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], r.s)
	}
	return n, nil
}

// packedBytes are a form of some megabytes in a few kilobytes, were it unpacked.
var packedBytes = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.CopyN(z, endless("a"), 16<<20); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()[:min(b.Len(), 16<<10)]
})

func packed() io.Reader { return bytes.NewReader(packedBytes()) }

// filled are forms whose fields all hold a bomb, together as large as the form may be.
func filled(size int, fields ...string) (out []nasty) {
	for _, b := range textBombs {
		v := func() url.Values {
			v := url.Values{}
			for _, f := range fields {
				v.Set(f, b.make((size-200*(len(fields)+1))/len(fields)))
			}
			return v
		}
		out = append(out, nasty{name: "all fields: " + b.name, typ: "multipart/form-data; boundary=" + edge}.with(func() []byte { return parts(v(), nil) }))
	}
	return out
}

// one are forms that are right in all fields but one, which holds a bomb: in a short test
// one of those that were costly for lists once.
func one(size int, right url.Values, fields ...string) (out []nasty) {
	bombs := textBombs[1:6]
	if longTest {
		bombs = textBombs
	}
	for _, f := range fields {
		for _, b := range bombs {
			out = append(out, multi(f+": "+b.name, changed(right, f, b.make(size-20<<10))))
		}
	}
	return out
}

// changed are the fields with another value of one.
func changed(fields url.Values, name, value string) url.Values {
	out := url.Values{}
	for key, values := range fields {
		out[key] = values
	}
	out.Set(name, value)
	return out
}
