package metainfo

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
)

var testOptions = Options{Source: "BioTorrents-0123456789abcdef", CreatedBy: "Caduceus", Comment: "https://example.org/t/1",
	WebSeeds: []string{"https://mirror.example/data/"}}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".torrent"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func sanitize(t testing.TB, data []byte) *Torrent {
	t.Helper()
	got, err := Sanitize(data, testOptions)
	if err != nil {
		t.Fatalf("Sanitize: %v", err)
	}
	return got
}

func TestSanitizeKeepsWhatLibtorrentMakes(t *testing.T) {
	lambda := []File{{"README", 6}, {"genome.fa", 70001}, {"reads/a_1.fastq", 32768}, {"reads/a_2.fastq", 200000}, {"reads/empty.txt", 0}}
	linked := append(append([]File{}, lambda[:2]...), append([]File{{"latest.fa", 0}}, lambda[2:]...)...)
	v1order := []File{lambda[1], lambda[0], lambda[3], lambda[4], lambda[2]}
	one := []File{{"one.fa", 100000}}
	for _, c := range []struct {
		name   string
		v1, v2 bool
		layers int
		files  []File
	}{
		{"lt-v1-lambda", true, false, 0, v1order},
		{"lt-v1-one", true, false, 0, one},
		{"lt-v2-lambda", false, true, 2, lambda},
		{"lt-v2-one", false, true, 1, one},
		{"lt-v2-symlink", false, true, 2, linked},
		{"lt-hybrid-lambda", true, true, 2, lambda},
		{"lt-hybrid-one", true, true, 1, one},
		{"lt-hybrid-symlink", true, true, 2, linked},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := fixture(t, c.name)
			got := sanitize(t, data)
			if got.HasV1() != c.v1 || got.HasV2() != c.v2 {
				t.Errorf("v1 %t, v2 %t; want %t, %t", got.HasV1(), got.HasV2(), c.v1, c.v2)
			}
			if diff := cmp.Diff(c.files, got.Files); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			in, out := mustParse(t, data), mustParse(t, got.Data)
			for _, key := range []string{"pieces", "file tree", "files", "length", "name", "piece length", "meta version"} {
				a, b := in.get("info").get(key), out.get("info").get(key)
				if strings.Contains(c.name, "symlink") && (key == "file tree" || key == "files") {
					continue // attributes are written in another order
				}
				if a.ok() != b.ok() || a.ok() && !bytes.Equal(a.raw(), b.raw()) {
					t.Errorf("info.%s changed", key)
				}
			}
			if c.v2 {
				if !bytes.Equal(in.get("piece layers").raw(), out.get("piece layers").raw()) {
					t.Error("piece layers changed")
				}
				if n := out.get("piece layers").len(); n != c.layers {
					t.Errorf("%d piece layers, want %d", n, c.layers)
				}
			}
			checkClean(t, got)
			if len(got.Contents()) != b2i(c.v1)+b2i(c.v2) {
				t.Errorf("%d content hashes", len(got.Contents()))
			}
		})
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mustParse reads what is written as BEP 3 prescribes.
func mustParse(t testing.TB, data []byte) node {
	t.Helper()
	n, end, err := parse(data, 1_000_000)
	if err != nil || end != len(data) || n.marks() != 0 {
		t.Fatalf("not canonical: %v, %d bytes of %d, marks %b", err, end, len(data), n.marks())
	}
	return n
}

// checkClean checks what must hold for every result.
func checkClean(t testing.TB, got *Torrent) {
	t.Helper()
	root := mustParse(t, got.Data)
	for key := range root.entries() {
		switch string(key) {
		case "comment", "created by", "creation date", "info", "piece layers", "url-list":
		default:
			t.Errorf("key %q was kept", key)
		}
	}
	info := root.get("info")
	if p, _ := info.get("private").num(); p != 1 {
		t.Error("not private")
	}
	if s := info.get("source"); string(s.str()) != testOptions.Source {
		t.Error("source is not ours")
	}
	h1, h2 := hashes(info.raw(), got.HasV1(), got.HasV2())
	if h1 != got.InfoHash || h2 != got.InfoHashV2 {
		t.Error("the info-hashes are not those of the result")
	}
	again, err := Sanitize(got.Data, testOptions)
	if err != nil {
		t.Fatalf("the result is refused: %v", err)
	}
	if !bytes.Equal(again.Data, got.Data) {
		t.Errorf("sanitizing again changes the result:\n%q\n%q", got.Data, again.Data)
	}
	if len(again.Changes) > 0 {
		t.Errorf("sanitizing again reports changes: %v", again.Changes)
	}
	if again.UploadedInfoHash != got.InfoHash || again.UploadedInfoHashV2 != got.InfoHashV2 {
		t.Error("the uploaded hashes of the result are not its own")
	}
	if diff := cmp.Diff(got.Contents(), again.Contents()); diff != "" {
		t.Errorf("content hashes differ:\n%s", diff)
	}
	personal, err := Personal(got.Data, Download{Announce: [][]string{{"http://localhost/k/announce"}}})
	if err != nil {
		t.Fatalf("Personal: %v", err)
	}
	if !bytes.Equal(mustParse(t, personal).get("info").raw(), info.raw()) {
		t.Error("Personal changes the info dictionary")
	}
}

func TestSanitizeTellsChanges(t *testing.T) {
	got := sanitize(t, fixture(t, "lt-hybrid-lambda"))
	want := []Change{
		{"announce", Dropped, 1}, {"comment", Replaced, 1}, {"created by", Replaced, 1}, {"info.private", Added, 1},
		{"info.source", Added, 1}, {"nodes", Dropped, 1}, {"url-list", Added, 1},
	}
	if diff := cmp.Diff(want, got.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if bytes.Contains(got.Data, []byte("0123456789abcdef/announce")) {
		t.Error("the uploader's announce URL is still there")
	}
}

// TestContentHash tests how duplicates are found: by the data, regardless of
// everything around it.
func TestContentHash(t *testing.T) {
	hybrid, v2, v1 := sanitize(t, fixture(t, "lt-hybrid-lambda")), sanitize(t, fixture(t, "lt-v2-lambda")), sanitize(t, fixture(t, "lt-v1-lambda"))
	if hybrid.ContentV2 != v2.ContentV2 {
		t.Error("hybrid and v2 of the same data differ")
	}
	if one, v1one := sanitize(t, fixture(t, "lt-hybrid-one")), sanitize(t, fixture(t, "lt-v1-one")); one.ContentV1 != v1one.ContentV1 {
		t.Error("hybrid and v1 of the same file differ")
	}
	if v1.ContentV1 == hybrid.ContentV1 {
		t.Error("other piece hashes have the same content hash")
	}
	renamed := bytes.Replace(fixture(t, "lt-v1-lambda"), []byte("6:lambda"), []byte("6:LAMBDA"), 1)
	if sanitize(t, renamed).ContentV1 != v1.ContentV1 {
		t.Error("a new name changes the content hash")
	}
}

// torrent writes a torrent with the given text as its info dictionary, in which <P>
// stands for the hash of one piece.
func torrent(info string) []byte {
	return []byte("d4:info" + strings.ReplaceAll(info, "<P>", "20:aaaaaaaaaaaaaaaaaaaa") + "e")
}

func oneFile(path string) []byte {
	return torrent("d5:filesld6:lengthi5e4:path" + path + "ee4:name1:n12:piece lengthi16384e6:pieces<P>e")
}

func files(paths ...string) []byte {
	var b strings.Builder
	for _, p := range paths {
		b.WriteString("d6:lengthi5e4:path" + p + "e")
	}
	return torrent("d5:filesl" + b.String() + "e4:name1:n12:piece lengthi16384e6:pieces<P>e")
}

func comp(names ...string) string {
	w := &writer{}
	w.strs(names)
	return string(w.buf)
}

func TestSanitizeRefuses(t *testing.T) {
	long := strings.Repeat("x", 256)
	deep := make([]string, 6)
	for i := range deep {
		deep[i] = strings.Repeat("d", 200)
	}
	for name, c := range map[string]struct {
		data  []byte
		field string
		text  string
	}{
		"empty":              {nil, "torrent", "not a .torrent"},
		"html":               {[]byte("<html>"), "torrent", "not a .torrent"},
		"trailing":           {append(fixture(t, "lt-v1-one"), 'x'), "torrent", "1 bytes follow the end"},
		"trailing torrent":   {append(fixture(t, "lt-v1-one"), fixture(t, "lt-v1-one")...), "torrent", "follow the end"},
		"info twice":         {bytes.Replace(fixture(t, "lt-v1-one"), []byte("4:info"), []byte("4:infode4:info"), 1), "", `"info" stands twice`},
		"twice in info":      {torrent("d6:lengthi5e6:lengthi6e4:name1:n12:piece lengthi16384e6:pieces<P>e"), "byte 7", `"length" stands twice`},
		"twice, far apart":   {torrent("d6:lengthi5e4:name1:n12:piece lengthi16384e6:pieces<P>6:lengthi6ee"), "byte 7", `"length" stands twice`},
		"length too large":   {torrent("d6:lengthi9223372036854775808e4:name1:n12:piece lengthi16384e6:pieces<P>e"), "info.length", "limit"},
		"no digits":          {[]byte("d1:aiee"), "", "integer"},
		"minus alone":        {[]byte("d1:ai-ee"), "", "integer"},
		"truncated":          {fixture(t, "lt-v1-one")[:200], "", "string is longer than the file"},
		"plus":               {[]byte("d1:ai+1ee"), "", "integer"},
		"huge string":        {[]byte("d1:a99999999999:xe"), "", "string"},
		"bad key":            {[]byte("di1ei1ee"), "", "key is not a string"},
		"deep":               {[]byte("d1:a" + strings.Repeat("l", 1000)), "", "nested"},
		"no info":            {[]byte("d8:announce3:urle"), "info", "no info"},
		"info not a dict":    {[]byte("d4:infoi1ee"), "info", "no info"},
		"no name":            {torrent("d6:lengthi5e12:piece lengthi16384e6:pieces<P>e"), "info.name", "no name"},
		"no pieces":          {torrent("d6:lengthi5e4:name1:n12:piece lengthi16384ee"), "info.pieces", "no piece hashes"},
		"short pieces":       {torrent("d6:lengthi99999e4:name1:n12:piece lengthi16384e6:pieces<P>e"), "info.pieces", "need 140"},
		"no piece length":    {torrent("d6:lengthi5e4:name1:n6:pieces<P>e"), "info.piece length", "no piece length"},
		"tiny pieces":        {torrent("d6:lengthi5e4:name1:n12:piece lengthi2047e6:pieces<P>e"), "info.piece length", "at least 2048"},
		"negative pieces":    {torrent("d6:lengthi5e4:name1:n12:piece lengthi-16384e6:pieces<P>e"), "info.piece length", "at least 2048"},
		"huge pieces":        {torrent("d6:lengthi5e4:name1:n12:piece lengthi1073741824e6:pieces<P>e"), "info.piece length", "at most 256.00 MiB"},
		"no files":           {torrent("d4:name1:n12:piece lengthi16384e6:pieces<P>e"), "info.files", "no files"},
		"empty files":        {torrent("d5:filesle4:name1:n12:piece lengthi16384e6:pieces<P>e"), "info.files", "no data"},
		"zero bytes":         {torrent("d6:lengthi0e4:name1:n12:piece lengthi16384e6:pieces0:e"), "info.files", "no data"},
		"negative length":    {torrent("d6:lengthi-5e4:name1:n12:piece lengthi16384e6:pieces<P>e"), "info.length", "negative"},
		"length and files":   {torrent("d5:filesle6:lengthi5e4:name1:n12:piece lengthi16384e6:pieces<P>e"), "info.files", "either"},
		"file over limit":    {torrent("d6:lengthi900000000000000000e4:name1:n12:piece lengthi16384e6:pieces<P>e"), "info.length", "limit"},
		"encrypted":          {torrent("d15:encrypted_files1:x6:lengthi5e4:name1:n12:piece lengthi16384e6:pieces<P>e"), "info.encrypted_files", "encrypted"},
		"version 3":          {torrent("d6:lengthi5e12:meta versioni3e4:name1:n12:piece lengthi16384e6:pieces<P>e"), "info.meta version", "v1 and v2"},
		"v2 without tree":    {torrent("d12:meta versioni2e4:name1:n12:piece lengthi16384ee"), "info.file tree", "file tree"},
		"tree without v2":    {torrent("d9:file treede6:lengthi5e4:name1:n12:piece lengthi16384e6:pieces<P>e"), "info.meta version", "no meta version"},
		"name with slash":    {torrent("d6:lengthi5e4:name3:a/b12:piece lengthi16384e6:pieces<P>e"), "info.name", "slash"},
		"empty path":         {oneFile("le"), "path", "empty path"},
		"path not a list":    {oneFile("1:a"), "info.files.path", "list"},
		"path of numbers":    {oneFile("li1ee"), "info.files.path", "list of names"},
		"no name in path":    {oneFile(comp("a", "")), "a/", "no name"},
		"traversal":          {oneFile(comp("..", "etc", "passwd")), "../etc/passwd", "leaves its folder"},
		"dot":                {oneFile(comp("a", ".", "b")), "a/./b", "leaves its folder"},
		"absolute":           {oneFile(comp("/etc/passwd")), "/etc/passwd", "slash"},
		"drive":              {oneFile(comp("C:", "x")), "C:/x", "drive"},
		"up by backslash":    {oneFile(comp(`a\..\b`)), `a\\..\\b`, "leaves its folder"},
		"root by backslash":  {oneFile(comp(`\b`)), `\\b`, "leaves its folder"},
		"drive by backslash": {oneFile(comp(`a\c:x`)), `a\\c:x`, "leaves its folder"},
		"NUL byte":           {oneFile(comp("a\x00b")), `a\x00b`, "control character"},
		"control":            {oneFile(comp("a\x1bb")), `a\x1bb`, "control character"},
		"direction":          {oneFile(comp("a\u202egpj.exe")), `a\u202egpj.exe`, "control character"},
		"invalid UTF-8":      {oneFile(comp("a\xff")), `a\xff`, "UTF-8"},
		"long name":          {oneFile(comp(long)), "", "longer than 255"},
		"long path":          {oneFile(comp(deep...)), "", "longer than 1024"},
		"duplicate":          {files(comp("a"), comp("a")), "a", "two files"},
		"file is folder":     {files(comp("a"), comp("a", "b")), "a/b", "folder"},
		"folder is file":     {files(comp("a", "b"), comp("c"), comp("a")), "a/b", "folder"},
		"big padding":        {torrent("d5:filesld6:lengthi5e4:pathl1:aeed4:attr1:p6:lengthi16384e4:pathl1:beee4:name1:n12:piece lengthi16384e6:pieces<P>e"), "b", "padding"},
		"link outside":       {torrent("d5:filesld6:lengthi5e4:pathl1:aeed4:attr1:l6:lengthi0e4:pathl1:be12:symlink pathl2:..6:passwdeee4:name1:n12:piece lengthi16384e6:pieces<P>e"), "b", "symbolic link"},
		"link to itself":     {torrent("d5:filesld6:lengthi5e4:pathl1:aeed4:attr1:l6:lengthi0e4:pathl1:be12:symlink pathl1:beee4:name1:n12:piece lengthi16384e6:pieces<P>e"), "b", "symbolic link"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Sanitize(c.data, testOptions)
			if err == nil {
				t.Fatalf("accepted as %+v", got)
			}
			checkRefusal(t, err, c.field, c.text)
		})
	}
}

func checkRefusal(t *testing.T, err error, field, text string) {
	t.Helper()
	if core.CodeOf(err) != core.Invalid {
		t.Errorf("code %q of %v", core.CodeOf(err), err)
	}
	if field != "" && core.FieldOf(err) != field {
		t.Errorf("field %q, want %q", core.FieldOf(err), field)
	}
	if !strings.Contains(core.SafeText(err), text) {
		t.Errorf("text %q lacks %q", core.SafeText(err), text)
	}
}

func TestSanitizeLimits(t *testing.T) {
	for name, c := range map[string]struct {
		limits Limits
		field  string
		text   string
	}{
		"torrent": {Limits{TorrentBytes: 600}, "torrent", "larger than 600 B"},
		"files":   {Limits{Files: 4}, "info.files", "more than 4 files"},
		"file":    {Limits{FileSize: 100 * core.KiB}, "reads/a_2.fastq", "limit of 100.00 KiB"},
		"total":   {Limits{TotalSize: 100 * core.KiB}, "", "limit of 100.00 KiB together"},
		"piece":   {Limits{PieceLength: 16 * core.KiB}, "info.piece length", "16.00 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			o := testOptions
			o.Limits = c.limits
			for _, f := range []string{"lt-v1-lambda", "lt-v2-lambda", "lt-hybrid-lambda"} {
				_, err := Sanitize(fixture(t, f), o)
				checkRefusal(t, err, c.field, c.text)
			}
		})
	}
}

// TestSanitizeRefusesV2 breaks good v2 and hybrid torrents in one place each.
func TestSanitizeRefusesV2(t *testing.T) {
	for name, c := range map[string]struct {
		from  string
		edit  func(d map[string]any)
		field string
		text  string
	}{
		"no layers":     {"lt-v2-one", func(d map[string]any) { delete(d, "piece layers") }, "one.fa", "missing"},
		"layer changed": {"lt-v2-one", func(d map[string]any) { eachLayer(d, func(l []byte) []byte { l[3] ^= 1; return l }) }, "one.fa", "does not belong"},
		"layer short":   {"lt-v2-one", func(d map[string]any) { eachLayer(d, func(l []byte) []byte { return l[:32] }) }, "one.fa", "32 bytes instead of 128"},
		"layer a list":  {"lt-v2-one", func(d map[string]any) { d["piece layers"] = []any{} }, "piece layers", "dictionary"},
		"layer of ints": {"lt-v2-one", func(d map[string]any) { d["piece layers"] = map[string]any{"a": int64(1)} }, "piece layers", "string"},
		"odd pieces":    {"lt-v2-one", func(d map[string]any) { at(d, "info")["piece length"] = int64(48 * 1024) }, "info.piece length", "power of two"},
		"no root":       {"lt-v2-one", func(d map[string]any) { delete(at(d, "info", "file tree", "one.fa", ""), "pieces root") }, "one.fa", "pieces root"},
		"short root":    {"lt-v2-one", func(d map[string]any) { at(d, "info", "file tree", "one.fa", "")["pieces root"] = []byte("x") }, "one.fa", "pieces root"},
		"no length":     {"lt-v2-one", func(d map[string]any) { delete(at(d, "info", "file tree", "one.fa", ""), "length") }, "one.fa", "no length"},
		"leaf a list":   {"lt-v2-one", func(d map[string]any) { at(d, "info", "file tree", "one.fa")[""] = []any{} }, "one.fa", "dictionary"},
		"entry a list":  {"lt-v2-one", func(d map[string]any) { at(d, "info", "file tree")["one.fa"] = []any{} }, "one.fa", "dictionary"},
		"tree a list":   {"lt-v2-one", func(d map[string]any) { at(d, "info")["file tree"] = []any{} }, "info.file tree", "dictionary"},
		"empty tree":    {"lt-v2-one", func(d map[string]any) { at(d, "info")["file tree"] = map[string]any{} }, "info.file tree", "empty"},
		"empty folder":  {"lt-v2-lambda", func(d map[string]any) { at(d, "info", "file tree")["zoo"] = map[string]any{} }, "info.file tree", "empty"},
		"leaf on top":   {"lt-v2-one", func(d map[string]any) { at(d, "info", "file tree")[""] = map[string]any{} }, "", "no name"},
		"file, folder":  {"lt-v2-one", func(d map[string]any) { at(d, "info", "file tree", "one.fa")["x"] = map[string]any{} }, "one.fa", "folder"},
		"traversal":     {"lt-v2-lambda", func(d map[string]any) { tree := at(d, "info", "file tree"); tree[".."] = tree["README"] }, "..", "leaves"},
		"hybrid renamed": {"lt-hybrid-lambda", func(d map[string]any) {
			tree := at(d, "info", "file tree")
			tree["READYOU"] = tree["README"]
			delete(tree, "README")
		}, "README", "same files"},
		"hybrid resized": {"lt-hybrid-one", func(d map[string]any) { at(d, "info")["length"] = int64(99999) }, "one.fa", "same files"},
		"hybrid more": {"lt-hybrid-lambda", func(d map[string]any) {
			at(d, "info", "file tree")["zero"] = map[string]any{"": map[string]any{"length": int64(0)}}
		}, "info.file tree", "same files"},
		"hybrid unpadded": {"lt-hybrid-lambda", func(d map[string]any) {
			info := at(d, "info")
			list := info["files"].([]any)
			info["files"] = append(list[:1:1], list[2:]...)
		}, "genome.fa", "padding is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			d := toAny(mustParse(t, fixture(t, c.from))).(map[string]any)
			c.edit(d)
			got, err := Sanitize(encode(d), testOptions)
			if err == nil {
				t.Fatalf("accepted with %v", got.Files)
			}
			checkRefusal(t, err, c.field, c.text)
		})
	}
}

func TestSanitizeDropsKeysOfFiles(t *testing.T) {
	d := toAny(mustParse(t, fixture(t, "lt-hybrid-lambda"))).(map[string]any)
	for _, f := range at(d, "info")["files"].([]any) {
		f.(map[string]any)["md5sum"] = []byte("0123")
		f.(map[string]any)["path.utf-8"] = []any{[]byte("x")}
	}
	at(d, "info")["publisher"] = []byte("me")
	at(d, "info")["private"] = int64(0)
	at(d, "info", "file tree", "README", "")["mtime"] = int64(1)
	at(d, "piece layers")[strings.Repeat("z", 32)] = []byte("unused")
	d["url-list"] = []any{[]byte("http://evil.example/")}
	d["azureus_properties"] = map[string]any{}
	got := sanitize(t, encode(d))
	checkClean(t, got)
	want := sanitize(t, fixture(t, "lt-hybrid-lambda"))
	if !bytes.Equal(got.Data, want.Data) {
		t.Error("the result is not that of the same torrent without these keys")
	}
	for _, c := range []Change{
		{"info.files.md5sum", Dropped, 8}, {"info.files.path.utf-8", Dropped, 8}, {"info.publisher", Dropped, 1},
		{"info.private", Replaced, 1}, {"info.file tree.mtime", Dropped, 1}, {"piece layers", Dropped, 1},
		{"url-list", Replaced, 1}, {"azureus_properties", Dropped, 1},
	} {
		if !slices.Contains(got.Changes, c) {
			t.Errorf("the changes %v lack %v", got.Changes, c)
		}
	}
}

func TestChangesAreBounded(t *testing.T) {
	d := toAny(mustParse(t, fixture(t, "lt-v1-one"))).(map[string]any)
	for i := range 5000 {
		d["x"+strconv.Itoa(i)] = int64(1)
	}
	d["\x00\xff"] = int64(1)
	got := sanitize(t, encode(d))
	if len(got.Changes) > maxChanges {
		t.Errorf("%d changes", len(got.Changes))
	}
	if got.Changes[0].Key != `\x00\xff` {
		t.Errorf("the key is shown as %q", got.Changes[0].Key)
	}
}

// toAny and encode turn a torrent into something that tests can edit, and back.
func toAny(n node) any {
	switch n.kind() {
	case 'i':
		num, _ := n.num()
		return num
	case 's':
		return bytes.Clone(n.str())
	case 'l':
		list := []any{}
		for item := range n.items() {
			list = append(list, toAny(item))
		}
		return list
	}
	d := map[string]any{}
	for key, value := range n.entries() {
		d[string(key)] = toAny(value)
	}
	return d
}

func encode(v any) []byte {
	w := &writer{}
	writeAny(w, v)
	return w.buf
}

func writeAny(w *writer, v any) {
	switch v := v.(type) {
	case int64:
		w.int(v)
	case []byte:
		w.bytes(v)
	case []any:
		w.list(func() {
			for _, item := range v {
				writeAny(w, item)
			}
		})
	case map[string]any:
		w.dict(func() {
			for _, key := range slices.Sorted(maps.Keys(v)) {
				w.str(key)
				writeAny(w, v[key])
			}
		})
	default:
		panic(fmt.Sprintf("%T", v))
	}
}

func at(d map[string]any, path ...string) map[string]any {
	for _, key := range path {
		d = d[key].(map[string]any)
	}
	return d
}

func eachLayer(d map[string]any, f func([]byte) []byte) {
	layers := at(d, "piece layers")
	for root, l := range layers {
		layers[root] = f(l.([]byte))
	}
}

func TestPersonal(t *testing.T) {
	for _, name := range []string{"lt-v1-one", "lt-v2-lambda", "lt-hybrid-lambda"} {
		clean := sanitize(t, fixture(t, name))
		const url = "https://tracker.example/0123456789abcdef0123456789abcdef/announce"
		got, err := Personal(clean.Data, Download{Announce: [][]string{{url}}, Comment: "permalink", WebSeeds: []string{"ftp://m.example/"}})
		if err != nil {
			t.Fatal(err)
		}
		root, before := mustParse(t, got), mustParse(t, clean.Data)
		if s := root.get("announce").str(); string(s) != url {
			t.Errorf("%s: announce is %q", name, s)
		}
		date, _ := root.get("creation date").num()
		if string(root.get("comment").str()) != "permalink" || string(root.get("created by").str()) != "Caduceus" ||
			date != 1700000000 || string(root.get("url-list").raw()) != "l16:ftp://m.example/e" {
			t.Errorf("%s: %q", name, got)
		}
		if !bytes.Equal(root.get("info").raw(), before.get("info").raw()) {
			t.Errorf("%s: info changed", name)
		}
		if l := before.get("piece layers"); l.ok() && !bytes.Equal(root.get("piece layers").raw(), l.raw()) {
			t.Errorf("%s: piece layers changed", name)
		}
		two, err := Personal(clean.Data, Download{Announce: [][]string{{url, "https://b.example/announce"}, {"https://c.example/announce"}}, WebSeeds: []string{}})
		if err != nil {
			t.Fatal(err)
		}
		root = mustParse(t, two)
		if list := root.get("announce-list"); list.len() != 2 || toAny(list).([]any)[0].([]any)[1] == nil {
			t.Errorf("%s: announce-list %v", name, toAny(list))
		}
		if root.get("url-list").ok() || string(root.get("comment").str()) != testOptions.Comment {
			t.Errorf("%s: %q", name, two)
		}
	}
	for _, bad := range []string{"", "x", "d", "de", "d4:info", "d4:infoi1e", "d7:comment99:xe"} {
		if _, err := Personal([]byte(bad), Download{}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// TestCheckedIsWrittenMoreThanOnce makes sure that what Check found out serves any
// number of times, each time with its own options.
func TestCheckedIsWrittenMoreThanOnce(t *testing.T) {
	data := fixture(t, "lt-v1-one")
	c, err := Check(data, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{Source: "a"}, {Source: "b", Comment: "c", WebSeeds: []string{"https://mirror.example/"}}, {Source: "a"}} {
		want, err := Sanitize(data, o)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, c.Sanitize(o)); diff != "" {
			t.Errorf("%+v: %s", o, diff)
		}
	}
}
