package site

import (
	"strconv"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
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

func readGroupValues(v *web.Visit) groupValues {
	return groupValues{
		Category: v.Form(catalog.FieldCategory), Title: v.Form(catalog.FieldTitle), Subject: v.Form(catalog.FieldSubject),
		Object: v.Form(catalog.FieldObject), Creators: v.FormLines(catalog.FieldCreators), Workgroup: v.Form(catalog.FieldWorkgroup),
		Location: v.Form(catalog.FieldLocation), Year: strings.TrimSpace(v.Form(catalog.FieldYear)),
		Identifier: v.Form(catalog.FieldIdentifier), Tags: v.FormLines(catalog.FieldTags), Picture: v.Form(catalog.FieldPicture),
		Literature: v.FormLines(catalog.FieldLiterature), Description: v.Form(catalog.FieldDescription),
	}
}

func readTorrentValues(v *web.Visit) torrentValues {
	return torrentValues{
		Platform: v.Form(catalog.FieldPlatform), Format: v.Form(catalog.FieldFormat), Archive: v.Form(catalog.FieldArchive),
		Scope: v.Form(catalog.FieldScope), License: v.Form(catalog.FieldLicense), Version: v.Form(catalog.FieldVersion),
		Annotated: v.Ticked(formAnnotated), Anonymous: v.Ticked(formAnonymous),
		Description: v.Form(catalog.FieldTorrentDescription), Seqhash: v.Form(catalog.FieldSeqhash), Mirrors: v.FormLines(catalog.FieldMirrors),
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
func groupID(v *web.Visit) core.GroupID { return core.GroupID(web.Number(v.Form(formGroup))) }
