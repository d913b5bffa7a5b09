package backup

import (
	"encoding/json"
	"io/fs"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// format is the version of the archive's format.
const format = 1

// The files of a backup.
const (
	labelName   = "manifest.json"
	plainName   = "backup.tar"
	lockedName  = "backup.tar.age"
	contentName = "contents.json" // in the archive, at its end
)

// Label lies beside the archive, for everybody who may read the folder: it tells nothing
// of the members.
type Label struct {
	Format     int       `json:"format"`
	Program    string    `json:"program"` // its version
	Schema     int64     `json:"schema"`
	Engine     string    `json:"engine"`
	Made       time.Time `json:"made"` // the moment that the database is of
	Finished   time.Time `json:"finished"`
	File       string    `json:"file"`
	Size       int64     `json:"size"` // of the archive, in bytes
	SHA256     string    `json:"sha256"`
	Recipients []string  `json:"recipients,omitempty"`
}

// Contents is the last file of the archive: what else is in it.
type Contents struct {
	Format  int       `json:"format"`
	Program string    `json:"program"`
	Schema  int64     `json:"schema"`
	Engine  string    `json:"engine"`
	Made    time.Time `json:"made"`
	Tables  []Table   `json:"tables"`
	Roots   []Place   `json:"roots"`
	Files   []Entry   `json:"files"` // in the order in which they lie in the archive
}

// Table is a table of the database.
type Table struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Next    int64    `json:"next,omitempty"` // the id of the next new row
	Rows    int64    `json:"rows"`
	Digest  string   `json:"digest"`
}

// Place is a folder, or a file, that was copied.
type Place struct {
	Name string `json:"name"` // see Root
	Path string `json:"path"` // where it was
}

// Entry is one file of the archive.
type Entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // in bytes
	SHA256 string `json:"sha256"`
}

const (
	tablePrefix = "database/"
	filePrefix  = "files/"
	rowsSuffix  = ".rows.zst"
)

// tableOf is the table whose rows an entry holds.
func tableOf(name string) (table string, ok bool) {
	rest, ok := strings.CutPrefix(name, tablePrefix)
	if !ok || !strings.HasSuffix(rest, rowsSuffix) {
		return "", false
	}
	table, _, ok = strings.Cut(rest, "/")
	return table, ok
}

// fileOf is the root and the path below it of an entry that is a file. The path is "." if
// the root itself is a file.
func fileOf(name string) (root, path string, ok bool) {
	rest, ok := strings.CutPrefix(name, filePrefix)
	if !ok || !fs.ValidPath(rest) {
		return "", "", false
	}
	root, path, found := strings.Cut(rest, "/")
	if !found {
		path = "."
	}
	return root, path, true
}

func readLabel(raw []byte) (Label, error) {
	var l Label
	if err := json.Unmarshal(raw, &l); err != nil {
		return l, core.Wrap(err, core.Invalid, labelName+" can't be read")
	}
	switch {
	case l.Format != format:
		return l, core.Errorf(core.Invalid, "the backup has format %d and this program reads format %d; use the program that made it (%s)", l.Format, format, l.Program)
	case l.File != plainName && l.File != lockedName:
		return l, core.Errorf(core.Invalid, "%s names the archive %q, which no backup has", labelName, l.File)
	}
	return l, nil
}
