package catalog

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// noArchive is the term of archives that says that files aren't packed. The data file
// uses the same name; a site that has renamed the term gets no proposal.
const noArchive = "None"

// Detect proposes format and archive from the names of the 20 biggest files: each
// file votes with its size. "reads.fastq.gz" is a FASTQ packed by gzip. What the
// names do not tell is "".
func (v Vocabulary) Detect(files []metainfo.File) (format, archive string) {
	biggest := slices.Clone(files)
	slices.SortStableFunc(biggest, func(a, b metainfo.File) int { return cmp.Compare(b.Size, a.Size) })
	biggest = biggest[:min(20, len(biggest))]
	formats, archives := extensions(v.Formats), extensions(v.Archives)
	var formatVotes, archiveVotes votes
	for _, f := range biggest {
		name := strings.ToLower(path.Base(f.Path))
		if term, ext := longest(archives, name); term != "" {
			archiveVotes.add(term, f.Size)
			name = strings.TrimSuffix(name, "."+ext)
		} else {
			archiveVotes.add(noArchive, f.Size)
		}
		if term, _ := longest(formats, name); term != "" {
			formatVotes.add(term, f.Size)
		}
	}
	if archive = archiveVotes.winner(); !v.Has(KindArchive, archive) {
		archive = ""
	}
	return formatVotes.winner(), archive
}

// extensions maps each extension to the first term that claims it.
func extensions(families []Family) map[string]string {
	out := map[string]string{}
	for _, f := range families {
		for _, t := range f.Terms {
			for _, e := range t.Extensions {
				if _, taken := out[e]; !taken {
					out[e] = t.Name
				}
			}
		}
	}
	return out
}

// longest finds the term with the longest extension of a file name: of
// "brain.tar.gz" that is "tar.gz", not "gz".
func longest(byExt map[string]string, name string) (term, ext string) {
	for rest := name; ; {
		_, after, ok := strings.Cut(rest, ".")
		if !ok {
			return "", ""
		}
		if t, ok := byExt[after]; ok {
			return t, after
		}
		rest = after
	}
}

// votes counts bytes for each term, and keeps the order of the first votes so
// that a draw has one winner.
type votes struct {
	names []string
	sizes []core.Bytes
}

func (v *votes) add(name string, size core.Bytes) {
	i := slices.Index(v.names, name)
	if i < 0 {
		i = len(v.names)
		v.names, v.sizes = append(v.names, name), append(v.sizes, 0)
	}
	v.sizes[i] += size + 1 // an empty file has a vote too
}

func (v *votes) winner() string {
	best := ""
	var most core.Bytes
	for i, name := range v.names {
		if v.sizes[i] > most {
			best, most = name, v.sizes[i]
		}
	}
	return best
}
