package catalog

import (
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// Viewer says who asks. The zero Viewer sees what every member sees.
type Viewer struct {
	ID        core.MemberID
	SeeHidden bool // has core.TorrentSeeHidden
}

// GroupForm is what people write about a group. Validate checks it.
type GroupForm struct {
	Category    int64
	Title       string
	Subject     string // organism
	Object      string // strain or variety
	Creators    []string
	Workgroup   string
	Location    string
	Year        int
	Identifier  string // accession number
	Tags        []string
	Picture     string   // URL
	Literature  []string // DOIs
	Description string   // Markdown; listings leave it out
}

// TorrentForm is what people write about a torrent. Validate checks it.
type TorrentForm struct {
	Platform    string
	Format      string
	Archive     string
	Scope       string // of the vocabulary, or free text
	License     string
	Version     string // SemVer, or empty
	Annotated   bool
	Anonymous   bool
	Description string // notes, in Markdown; Store.Torrent reads them, listings leave them out
	Seqhash     string
	Mirrors     []string // HTTP, HTTPS or FTP URLs; they become web seeds
}

// Group is a group with its live torrents, newest first.
type Group struct {
	ID core.GroupID
	GroupForm
	CategoryName string
	CategorySlug string
	Revision     int64 // grows with each edit of the group or one of its torrents
	CreatedAt    time.Time
	UpdatedAt    time.Time
	Torrents     []Torrent
}

// Torrent is one torrent with what the lists show of its group and swarm.
type Torrent struct {
	ID    core.TorrentID
	Group core.GroupID
	TorrentForm
	Uploader Uploader
	Mine     bool // the viewer uploaded it

	Title        string // the group's
	Subject      string
	CategoryName string
	CategorySlug string
	Revision     int64 // the group's; pass it back to Edit

	Leech       core.Leech // the torrent's own state, without freeleech windows
	LeechReason string
	Name        string // of the file or folder that clients write
	InfoHash    core.InfoHash
	InfoHashV2  core.InfoHashV2
	Source      string
	Size        core.Bytes
	FileCount   int
	PieceLength core.Bytes
	CreatedAt   time.Time
	UpdatedAt   time.Time

	Seeders  int
	Leechers int
	Snatches int
}

// Uploader says who uploaded a torrent. Of an anonymous upload, ID and Name are set
// only for the uploader and for those who may see hidden names.
type Uploader struct {
	ID        core.MemberID
	Name      string
	Anonymous bool
}

// String returns the name, or "Anonymous".
func (u Uploader) String() string {
	if u.Name == "" {
		return "Anonymous"
	}
	return u.Name
}

// Upload is a new torrent, in a new group or in one that exists.
type Upload struct {
	Uploader core.MemberID
	Group    core.GroupID // 0 makes a new group of GroupForm
	GroupForm
	Torrent    TorrentForm
	File       TorrentFile // of ReadFile
	Vocabulary Vocabulary  // of the category, of Group's if that is set; Add reads it where it is left out
}

// Added tells what became of an upload.
type Added struct {
	Torrent    core.TorrentID
	Group      core.GroupID
	Name       string
	InfoHash   core.InfoHash   // zero when v2 only
	InfoHashV2 core.InfoHashV2 // zero when v1 only
	Source     string
	Changes    []metainfo.Change // what was changed in the .torrent, for the uploader
}

// Edit changes the description of a torrent, its group, or both: a nil form
// leaves its part as it is.
type Edit struct {
	Group       core.GroupID
	Torrent     core.TorrentID // needed when TorrentForm is set
	Revision    int64          // of the group, as it was read
	GroupForm   *GroupForm
	TorrentForm *TorrentForm
	By          core.MemberID // who edits
}

// DuplicateError says that an upload's data is there already. Its code is
// core.Conflict.
type DuplicateError struct {
	Torrent core.TorrentID
	Group   core.GroupID
	Title   string
}

// Error returns the text for the log.
func (e *DuplicateError) Error() string { return e.Unwrap().Error() }

// Unwrap returns the core.Error with the text to show.
func (e *DuplicateError) Unwrap() error {
	return &core.Error{
		Code: core.Conflict, Field: FieldTorrent,
		Text: "this data is already here, as \"" + e.Title + "\"",
	}
}

// TrackerTorrent is what the tracker must know of a torrent.
type TrackerTorrent struct {
	ID           core.TorrentID
	Hashes       []core.InfoHash // v1, truncated v2, or both
	Size         core.Bytes
	Leech        core.Leech
	Deleted      bool
	DeleteReason string
	CreatedAt    time.Time
}

// Filter narrows a listing. Zero fields do not.
type Filter struct {
	Words    string // all must occur; the last may be the beginning of a word
	Category int64
	Tags     []string
	Creator  string
	Platform string
	Format   string
	Archive  string
	Scope    string
	License  string
	Year     int
	Leech    core.Leech // the torrent's own state
	Subject  string     // exactly
	Seeded   bool       // a torrent that somebody seeds
	Free     bool       // a torrent that is free now, by its own state or by FreeNow
	FreeNow  FreeNow
}

// FreeNow is what is free for who looks, beside the torrents whose own state is.
type FreeNow struct {
	All      bool
	Torrents []core.TorrentID // at most 1000 count
}

// Page is a part of a listing of groups.
type Page struct {
	Groups []Group
	Next   core.TorrentID // the cursor of the page after it, 0 when there is none
	// Unfinished is true where nothing rare is looked for, and only so many of the newest
	// datasets were looked at: the page is not full, and what is older may hold more.
	Unfinished bool
}

// FileRow is one file of a torrent; Position counts from 0.
type FileRow struct {
	Position int
	metainfo.File
}

// Name is the file's own name, without its folders.
func (f FileRow) Name() string { return f.Path[strings.LastIndexByte(f.Path, '/')+1:] }

// Download is a member's own .torrent.
type Download struct {
	FileName string
	Data     []byte
}
