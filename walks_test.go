package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages are read for paths that must exist. The first also has the walks.
var pages = []string{tableFile, "CONTRIBUTING.md"}

var goPath = regexp.MustCompile(`^[a-z0-9_/]+(/[A-Za-z0-9_.]+)?\.(go|txt|md|sql|toml)$|^[a-z0-9_]+(/[a-z0-9_]+)+/?$`)

// TestPagesNameWhatIsThere fails when a page names a file or folder that is not there.
func TestPagesNameWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inBackquotes.FindAllStringSubmatch(string(text), -1) {
			path := m[1]
			if !goPath.MatchString(path) || !strings.Contains(path, "/") {
				continue
			}
			_, err := os.Stat(path)
			_, inside := os.Stat(filepath.Join("internal", path)) // of the table of storeys
			if err != nil && inside != nil {
				t.Errorf("%s names %s, which is not there", page, path)
			}
		}
	}
}

// nameIn is how the pages say where something is: `name` in `path`, or `name` (`path`).
var nameIn = regexp.MustCompile("`([A-Za-z]+)`(?:\\s+and\\s+`([A-Za-z]+)`)?(?:\\s+in|\\s+at the top of)?\\s+\\(?`([a-z0-9_/]+(?:\\.go)?)`")

// TestPagesKnowWhereNamesAre fails when a page says that a name is in a file or folder
// that does not have it.
func TestPagesKnowWhereNamesAre(t *testing.T) {
	t.Parallel()
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, m := range nameIn.FindAllStringSubmatch(string(text), -1) {
			source := ""
			if strings.Contains(m[3], "/") {
				source = goSource(t, m[3])
			}
			if source == "" {
				continue
			}
			found++
			for _, name := range m[1:3] {
				if !strings.Contains(source, name) {
					t.Errorf("%s says that %s is in %s, which says nothing of it", page, name, m[3])
				}
			}
		}
		if page == "CONTRIBUTING.md" && found < 30 {
			t.Errorf("%s: only %d names were found", page, found)
		}
	}
}

// goSource is the code of a file, or of all files of a folder; "" if it is neither.
func goSource(t *testing.T, path string) string {
	t.Helper()
	if strings.HasSuffix(path, ".go") {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
		}
		return string(raw)
	}
	if i, err := os.Stat(path); err != nil || !i.IsDir() {
		return ""
	}
	return code(t, filepath.Join(path, "doc.go"))
}

const longestWalk = 8 // files

var (
	walkHead = regexp.MustCompile(`(?m)^### (.+)$`)
	step     = regexp.MustCompile("(?m)^([0-9]+)\\. `([^`]+\\.go)`")
	goName   = regexp.MustCompile("`(?:[A-Za-z]+\\.)?([A-Za-z]+)`")
)

// TestWalks reads the five walks: each has at most eight files, and what it says of a
// file is about functions of its package.
func TestWalks(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	_, text, found := strings.Cut(string(raw), "\n## Five walks\n")
	text, _, more := strings.Cut(text, "\n## ")
	heads := walkHead.FindAllStringSubmatchIndex(text, -1)
	if !found || !more || len(heads) != 5 {
		t.Fatalf("%d walks", len(heads))
	}
	for i, h := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		checkWalk(t, text[h[2]:h[3]], text[h[1]:end])
	}
}

func checkWalk(t *testing.T, name, walk string) {
	t.Helper()
	steps := step.FindAllStringSubmatchIndex(walk, -1)
	if len(steps) == 0 || len(steps) > longestWalk {
		t.Errorf("%s: %d files, want 1 to %d", name, len(steps), longestWalk)
	}
	for i, s := range steps {
		end := len(walk)
		if i+1 < len(steps) {
			end = steps[i+1][0]
		}
		if number := walk[s[2]:s[3]]; number != fmt.Sprint(i+1) {
			t.Errorf("%s: file %d has the number %s", name, i+1, number)
		}
		if _, err := os.Stat(walk[s[4]:s[5]]); err != nil {
			t.Error(err)
			continue
		}
		words, _, _ := strings.Cut(walk[s[5]:end], "\n\n")
		source := code(t, walk[s[4]:s[5]])
		for _, m := range goName.FindAllStringSubmatch(words, -1) {
			if !strings.Contains(source, m[1]) {
				t.Errorf("%s: %s says nothing of %s", name, walk[s[4]:s[5]], m[1])
			}
		}
	}
}

// code is all code of the package that a file belongs to.
func code(t *testing.T, file string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(raw)
	}
	return all.String()
}
