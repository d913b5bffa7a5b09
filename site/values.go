package site

import (
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// The form's names besides those of the catalogue's fields.
const (
	formAnnotated = "annotated"
	formAnonymous = "anonymous"
	formGroup     = "group"
	formRevision  = "revision"
)

// groupValues are the fields of a group as they were typed.
type groupValues struct {
	Category    string // id or slug
	Title       string
	Subject     string
	Object      string
	Creators    string // one on each line
	Workgroup   string
	Location    string
	Year        string
	Identifier  string
	Tags        string
	Picture     string
	Literature  string // one on each line
	Description string
}

// torrentValues are the fields of a torrent as they were typed.
type torrentValues struct {
	Platform    string
	Format      string
	Archive     string
	Scope       string
	License     string
	Version     string
	Annotated   bool
	Anonymous   bool
	Description string
	Seqhash     string
	Mirrors     string // one on each line
}

// all joins what was given under one name, as lines: a form sends one text area,
// a program may repeat the field.
func all(v *visit, name string) string { return strings.Join(v.PostFormArray(name), "\n") }

func ticked(v *visit, name string) bool {
	switch strings.ToLower(v.PostForm(name)) {
	case "1", "true", "on", "yes":
		return true
	}
	return false
}

func readGroupValues(v *visit) groupValues {
	return groupValues{
		Category: v.PostForm(catalog.FieldCategory), Title: v.PostForm(catalog.FieldTitle), Subject: v.PostForm(catalog.FieldSubject),
		Object: v.PostForm(catalog.FieldObject), Creators: all(v, catalog.FieldCreators), Workgroup: v.PostForm(catalog.FieldWorkgroup),
		Location: v.PostForm(catalog.FieldLocation), Year: strings.TrimSpace(v.PostForm(catalog.FieldYear)),
		Identifier: v.PostForm(catalog.FieldIdentifier), Tags: all(v, catalog.FieldTags), Picture: v.PostForm(catalog.FieldPicture),
		Literature: all(v, catalog.FieldLiterature), Description: v.PostForm(catalog.FieldDescription),
	}
}

func readTorrentValues(v *visit) torrentValues {
	return torrentValues{
		Platform: v.PostForm(catalog.FieldPlatform), Format: v.PostForm(catalog.FieldFormat), Archive: v.PostForm(catalog.FieldArchive),
		Scope: v.PostForm(catalog.FieldScope), License: v.PostForm(catalog.FieldLicense), Version: v.PostForm(catalog.FieldVersion),
		Annotated: ticked(v, formAnnotated), Anonymous: ticked(v, formAnonymous),
		Description: v.PostForm(catalog.FieldTorrentDescription), Seqhash: v.PostForm(catalog.FieldSeqhash), Mirrors: all(v, catalog.FieldMirrors),
	}
}

// form turns what was typed into the catalogue's form, which checks it. A year
// that is no number becomes 0, which no dataset has.
func (g groupValues) form(category int64) catalog.GroupForm {
	year, err := strconv.Atoi(g.Year)
	if err != nil {
		year = 0
	}
	return catalog.GroupForm{
		Category: category, Title: g.Title, Subject: g.Subject, Object: g.Object, Creators: catalog.Lines(g.Creators),
		Workgroup: g.Workgroup, Location: g.Location, Year: year, Identifier: g.Identifier, Tags: catalog.ParseTags(g.Tags),
		Picture: g.Picture, Literature: catalog.Lines(g.Literature), Description: g.Description,
	}
}

func (t torrentValues) form() catalog.TorrentForm {
	return catalog.TorrentForm{
		Platform: t.Platform, Format: t.Format, Archive: t.Archive, Scope: t.Scope, License: t.License, Version: t.Version,
		Annotated: t.Annotated, Anonymous: t.Anonymous, Description: t.Description, Seqhash: t.Seqhash, Mirrors: catalog.Lines(t.Mirrors),
	}
}

// groupValuesOf fills the form that edits a group.
func groupValuesOf(g catalog.GroupForm) groupValues {
	return groupValues{
		Category: strconv.FormatInt(g.Category, 10), Title: g.Title, Subject: g.Subject, Object: g.Object,
		Creators: strings.Join(g.Creators, "\n"), Workgroup: g.Workgroup, Location: g.Location, Year: strconv.Itoa(g.Year),
		Identifier: g.Identifier, Tags: strings.Join(g.Tags, ", "), Picture: g.Picture,
		Literature: strings.Join(g.Literature, "\n"), Description: g.Description,
	}
}

// torrentValuesOf fills the form that edits a torrent.
func torrentValuesOf(t catalog.TorrentForm) torrentValues {
	return torrentValues{
		Platform: t.Platform, Format: t.Format, Archive: t.Archive, Scope: t.Scope, License: t.License, Version: t.Version,
		Annotated: t.Annotated, Anonymous: t.Anonymous, Description: t.Description, Seqhash: t.Seqhash,
		Mirrors: strings.Join(t.Mirrors, "\n"),
	}
}

// groupID reads the hidden field that adds a torrent to a group.
func groupID(v *visit) core.GroupID { return core.GroupID(number(v.PostForm(formGroup))) }
