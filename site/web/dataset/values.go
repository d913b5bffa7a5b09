// Package dataset reads what forms and programs say of a dataset, for the pages of
// the catalogue and for the APIs: its fields, an upload, a search, and the
// personal .torrent that answers a download.
//
// Concurrency: everything here may be used from many goroutines at once; what is
// read belongs to its visit.
package dataset

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
	// FormRevision is the state of the dataset that an edit began with.
	FormRevision = "revision"
)

// GroupValues are the fields of a group as they were typed.
type GroupValues struct {
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

// TorrentValues are the fields of a torrent as they were typed.
type TorrentValues struct {
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

// ReadGroup reads the fields of a group from a form.
func ReadGroup(v *web.Visit) GroupValues {
	return GroupValues{
		Category: v.Form(catalog.FieldCategory), Title: v.Form(catalog.FieldTitle), Subject: v.Form(catalog.FieldSubject),
		Object: v.Form(catalog.FieldObject), Creators: v.FormLines(catalog.FieldCreators), Workgroup: v.Form(catalog.FieldWorkgroup),
		Location: v.Form(catalog.FieldLocation), Year: strings.TrimSpace(v.Form(catalog.FieldYear)),
		Identifier: v.Form(catalog.FieldIdentifier), Tags: v.FormLines(catalog.FieldTags), Picture: v.Form(catalog.FieldPicture),
		Literature: v.FormLines(catalog.FieldLiterature), Description: v.Form(catalog.FieldDescription),
	}
}

// ReadTorrent reads the fields of a torrent from a form.
func ReadTorrent(v *web.Visit) TorrentValues {
	return TorrentValues{
		Platform: v.Form(catalog.FieldPlatform), Format: v.Form(catalog.FieldFormat), Archive: v.Form(catalog.FieldArchive),
		Scope: v.Form(catalog.FieldScope), License: v.Form(catalog.FieldLicense), Version: v.Form(catalog.FieldVersion),
		Annotated: v.Ticked(formAnnotated), Anonymous: v.Ticked(formAnonymous),
		Description: v.Form(catalog.FieldTorrentDescription), Seqhash: v.Form(catalog.FieldSeqhash), Mirrors: v.FormLines(catalog.FieldMirrors),
	}
}

// Form turns what was typed into the catalogue's form, which checks it. A year
// that is no number becomes 0, which no dataset has.
func (g GroupValues) Form(category int64) catalog.GroupForm {
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

// Form turns what was typed into the catalogue's form, which checks it.
func (t TorrentValues) Form() catalog.TorrentForm {
	return catalog.TorrentForm{
		Platform: t.Platform, Format: t.Format, Archive: t.Archive, Scope: t.Scope, License: t.License, Version: t.Version,
		Annotated: t.Annotated, Anonymous: t.Anonymous, Description: t.Description, Seqhash: t.Seqhash, Mirrors: catalog.Lines(t.Mirrors),
	}
}

// GroupValuesOf fills the form that edits a group.
func GroupValuesOf(g catalog.GroupForm) GroupValues {
	return GroupValues{
		Category: strconv.FormatInt(g.Category, 10), Title: g.Title, Subject: g.Subject, Object: g.Object,
		Creators: strings.Join(g.Creators, "\n"), Workgroup: g.Workgroup, Location: g.Location, Year: strconv.Itoa(g.Year),
		Identifier: g.Identifier, Tags: strings.Join(g.Tags, ", "), Picture: g.Picture,
		Literature: strings.Join(g.Literature, "\n"), Description: g.Description,
	}
}

// TorrentValuesOf fills the form that edits a torrent.
func TorrentValuesOf(t catalog.TorrentForm) TorrentValues {
	return TorrentValues{
		Platform: t.Platform, Format: t.Format, Archive: t.Archive, Scope: t.Scope, License: t.License, Version: t.Version,
		Annotated: t.Annotated, Anonymous: t.Anonymous, Description: t.Description, Seqhash: t.Seqhash,
		Mirrors: strings.Join(t.Mirrors, "\n"),
	}
}

// GroupID reads the hidden field that adds a torrent to a group.
func GroupID(v *web.Visit) core.GroupID { return core.GroupID(web.Number(v.Form(formGroup))) }
