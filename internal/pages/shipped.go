package pages

import (
	"embed"
	"fmt"
	"strings"
	"sync"

	"github.com/caduceus-bio/caduceus/internal/text"
)

//go:embed shipped/*.md
var shippedFiles embed.FS

// shipped is a page as it comes with the program.
type shipped struct {
	Title  string
	Source string
	text   text.Stored
}

// shippedPages are the pages that come with the program, by slug. They are rendered when
// they are asked for first; a test holds the files to be right.
var shippedPages = sync.OnceValue(func() map[string]shipped {
	all, err := readShipped()
	if err != nil {
		panic(err)
	}
	return all
})

// readShipped reads the files: Markdown whose first line is the title.

func readShipped() (map[string]shipped, error) {
	files, err := shippedFiles.ReadDir("shipped")
	if err != nil {
		return nil, err
	}
	out := make(map[string]shipped, len(files))
	for _, f := range files {
		raw, err := shippedFiles.ReadFile("shipped/" + f.Name())
		if err != nil {
			return nil, err
		}
		title, source, ok := strings.Cut(strings.TrimPrefix(string(raw), "# "), "\n")
		if !ok {
			return nil, fmt.Errorf("%s has no text", f.Name())
		}
		rendered, err := Render(source)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name(), err)
		}
		out[strings.TrimSuffix(f.Name(), ".md")] = shipped{Title: title, Source: rendered.Source, text: rendered}
	}
	return out, nil
}

// IsShipped reports whether a page comes with the program.
func IsShipped(slug string) bool {
	_, ok := shippedPages()[slug]
	return ok
}
