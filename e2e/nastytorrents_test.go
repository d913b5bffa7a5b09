package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
)

// torrentSize is nearly the largest .torrent that the site takes as it is set by default.
const torrentSize = 10<<20 - 100<<10

// fresh is another number each time, so that no two torrents have the same data.
var fresh atomic.Int64

// pieceHashes are n hashes of pieces that no other torrent has.
func pieceHashes(n int) []byte {
	h := sha256.Sum256(fmt.Append(nil, fresh.Add(1)))
	return bytes.Repeat(h[:20], n)
}

func bencoded(s string) string { return fmt.Sprintf("%d:%s", len(s), s) }

// aTorrent writes a .torrent of v1 around a list of files, with further keys of the info and
// of the whole.
func aTorrent(name, files string, total int64, inInfo, behind string) []byte {
	const piece = 1 << 20
	n := int((total + piece - 1) / piece)
	return fmt.Appendf(nil, "d8:announce3:url4:infod5:files%s4:name%s12:piece lengthi%de6:pieces%d:%s%se%se", files, bencoded(name), piece, 20*n, pieceHashes(n), inInfo, behind)
}

// manyFiles is a .torrent of many small files in a folder, each with more at the end of
// its name.
func manyFiles(name string, n int, folder, more string) []byte {
	var b strings.Builder
	b.WriteByte('l')
	path := ""
	for part := range strings.SplitSeq(strings.Trim(folder, "/"), "/") {
		path += bencoded(part)
	}
	for i := range n {
		fmt.Fprintf(&b, "d6:lengthi1e4:pathl%s%see", path, bencoded(fmt.Sprintf("%06d%s", i, more)))
	}
	b.WriteByte('e')
	return aTorrent(name, b.String(), int64(n), "", "")
}

// tree is a .torrent of v2 with a file tree, and with layers of pieces.
func tree(name, files, layers string) []byte {
	return fmt.Appendf(nil, "d4:infod9:file tree%s12:meta versioni2e4:name%s12:piece lengthi16384ee12:piece layersd%see", files, bencoded(name), layers)
}

func leafOf(size int, root string) string {
	return fmt.Sprintf("d0:d6:lengthi%de11:pieces root32:%see", size, root)
}

// flat is a file tree of n files in one folder.
func flat(n int, name func(int) string, leaf func(int) string) string {
	var b strings.Builder
	b.WriteByte('d')
	for i := range n {
		b.WriteString(bencoded(name(i)) + leaf(i))
	}
	b.WriteByte('e')
	return b.String()
}

// oneLayer is a torrent of many large files that all name one layer.
func oneLayer() []byte {
	const hashes = 1 << 17
	layer := strings.Repeat("x", 32*hashes)
	nodes := make([][32]byte, hashes)
	for i := range nodes {
		copy(nodes[i][:], layer[32*i:])
	}
	for len(nodes) > 1 {
		for i := range len(nodes) / 2 {
			nodes[i] = sha256.Sum256(append(append([]byte{}, nodes[2*i][:]...), nodes[2*i+1][:]...))
		}
		nodes = nodes[:len(nodes)/2]
	}
	root := string(nodes[0][:])
	files := flat(15_000, func(i int) string { return fmt.Sprintf("%06d", i) }, func(i int) string { return leafOf((hashes-1)*16384+1+i, root) })
	return tree("one layer", files, bencoded(root)+bencoded(layer))
}

// deepTree is a file tree of few bytes whose paths are long: chains of folders, each with
// many files at its end.
func deepTree(chains, files int) string {
	var b strings.Builder
	b.WriteByte('d')
	for c := range chains {
		depth := 0
		b.WriteString(bencoded(fmt.Sprintf("%04d", c)) + "d")
		for ; depth < 60; depth++ {
			b.WriteString(bencoded("folderfolder") + "d")
		}
		for f := range files {
			b.WriteString(bencoded(fmt.Sprintf("%04d", f)) + leafOf(1, fmt.Sprintf("%032d", c*files+f+int(fresh.Load())*1_000_000)))
		}
		b.WriteString(strings.Repeat("e", depth+1))
	}
	b.WriteByte('e')
	return b.String()
}

// torrentBombs are files that the site takes for a .torrent, or should refuse. Each is
// made when it is sent.
var torrentBombs = []struct {
	name     string
	accepted bool // so it is stored, and its page and files are there
	make     func() []byte
}{
	{"nothing but lists", false, func() []byte { return []byte("d1:a" + strings.Repeat("l", torrentSize)) }},
	{"lists in lists", false, func() []byte {
		return []byte("d1:a" + strings.Repeat("l", torrentSize/2) + strings.Repeat("e", torrentSize/2) + "e")
	}},
	{"dictionaries in dictionaries", false, func() []byte { return []byte(strings.Repeat("d1:a", torrentSize/4)) }},
	{"empty texts", false, func() []byte { return []byte("d1:al" + strings.Repeat("0:", torrentSize/2) + "ee") }},
	{"as many values as are read", false, func() []byte {
		return fmt.Appendf(nil, "d1:al%see", strings.Repeat("0:", 2_400_000))
	}},
	{"lists of nothing", false, func() []byte { return []byte("d1:al" + strings.Repeat("le", torrentSize/2) + "ee") }},
	{"many keys", false, func() []byte { return []byte("d" + keys(1_000_000, true) + "e") }},
	{"many keys in no order", false, func() []byte { return []byte("d" + keys(1_000_000, false) + "e") }},
	{"many keys in the info", true, func() []byte {
		return aTorrent("keys", "ld6:lengthi1e4:pathl1:aeee", 1, "1:z"+"d"+keys(900_000, false)+"e", "")
	}},
	{"many unknown keys in the info", true, func() []byte { return aTorrent("more keys", "ld6:lengthi1e4:pathl1:aeee", 1, keys(900_000, true), "") }},
	{"many small dictionaries in no order", false, func() []byte {
		return []byte("d1:al" + strings.Repeat("d1:b0:1:a0:e", torrentSize/12) + "ee")
	}},
	{"a number of millions of digits", false, func() []byte {
		return aTorrent("digits", "ld6:lengthi"+strings.Repeat("0", torrentSize-1000)+"1e4:pathl1:aeee", 1, "", "")
	}},
	{"a text as long as the file", false, func() []byte {
		return []byte("d1:a" + strings.Repeat("0", 17) + "1:" + strings.Repeat("9", torrentSize))
	}},
	{"web seeds", true, func() []byte {
		return aTorrent("seeds", "ld6:lengthi1e4:pathl1:aeee", 1, "", "8:url-listl"+strings.Repeat("1:a", torrentSize/3)+"e")
	}},
	{"many files with long names", true, func() []byte { return manyFiles("long", 60_000, "a/b", strings.Repeat("x", 120)) }},
	{"as many files as may be", true, func() []byte { return manyFiles("most", 100_000, "a/b/c", "\u0130\u0149.\ufb03") }},
	{"more files than may be", false, func() []byte { return manyFiles("more", 150_000, "a", "") }},
	{"deep files", false, func() []byte { return manyFiles("deep", 40_000, strings.Repeat("d/", 60), "") }},
	{"names for nobody", false, func() []byte { return manyFiles("aux", 90_000, "CON/aux. /a:b", " .") }},
	{"long paths of few bytes", true, func() []byte { return tree("deep tree", deepTree(24, 1000), "") }},
	{"longer paths of few bytes", false, func() []byte { return tree("deeper tree", deepTree(2, 45_000), "") }},
	{"one layer for all", true, oneLayer},
	{"many layers", false, func() []byte {
		layers := strings.Builder{}
		for i := range 100_000 {
			fmt.Fprintf(&layers, "32:%032d64:%064d", i, i)
		}
		return tree("layers", flat(10, func(i int) string { return fmt.Sprint(i) }, func(i int) string { return leafOf(20_000, fmt.Sprintf("%032d", i)) }), layers.String())
	}},
	{"many pieces", true, func() []byte {
		const n = torrentSize / 20
		return fmt.Appendf(nil, "d4:infod6:lengthi%de4:name6:pieces12:piece lengthi16384e6:pieces%d:%see", n*16384, 20*n, pieceHashes(n))
	}},
	{"noise", false, func() []byte { return bytes.Repeat([]byte{0xff, 'd', 'e', 0}, torrentSize/4) }},
	{"too large", false, func() []byte { return []byte("d4:infod5:files" + strings.Repeat("l", 11<<20)) }},
}

// keys are many keys of a dictionary with small values, in their order or not.
func keys(n int, sorted bool) string {
	var b strings.Builder
	for i := range n {
		if !sorted {
			i ^= 1
		}
		fmt.Fprintf(&b, "7:z%06d0:", i)
	}
	return b.String()
}

// uploads are forms with nasty files, of fields that are right: all of them, or those
// that the site accepts.
func uploads(right url.Values, all bool) (out []nasty) {
	for _, b := range torrentBombs {
		if !all && !b.accepted {
			continue
		}
		out = append(out, nasty{name: "a .torrent: " + b.name, typ: "multipart/form-data; boundary=" + edge}.with(func() []byte {
			return parts(changed(right, "title", fmt.Sprintf("A dataset that is nasty, %d", fresh.Add(1))), map[string][]byte{"torrent": b.make()})
		}))
	}
	return append(out,
		nasty{name: "what travels with the form", typ: "multipart/form-data; boundary=" + edge}.with(func() []byte {
			return parts(right, map[string][]byte{"kept": []byte(strings.Repeat("\r\n", torrentSize/2))})
		}),
		nasty{name: "what travels with the form, of letters", typ: "multipart/form-data; boundary=" + edge}.with(func() []byte {
			return parts(right, map[string][]byte{"kept": []byte(strings.Repeat("bGxs", torrentSize/4))})
		}))
}
