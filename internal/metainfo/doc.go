// Package metainfo reads, checks, cleans and builds .torrent files: v1 (BEP 3),
// v2 (BEP 52) and hybrids of both. An uploaded file enters the catalogue in one
// way only: Check reads it, and Checked.Sanitize writes it again. Personal makes
// the file that a member downloads; Build makes a torrent from a folder.
//
// Concurrency: all functions are pure, except Build, which reads files. Nothing is
// shared; results belong to the caller.
package metainfo

import (
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
)

// Limits bound what Check accepts. A zero field means the default.
type Limits struct {
	TorrentBytes core.Bytes // size of the .torrent file
	Files        int        // files of a torrent, without padding
	FileSize     core.Bytes // size of one file
	TotalSize    core.Bytes // size of all files
	PieceLength  core.Bytes // largest piece
	Names        Names      // what becomes of names that Windows can't store; "" warns
}

// DefaultLimits are large enough for datasets and small enough for every client and
// for a database packet: 10 MiB of .torrent describe 8 TiB in pieces of 16 MiB, or
// 100,000 files. libtorrent takes no larger ones by default.
func DefaultLimits() Limits {
	return Limits{
		TorrentBytes: 10 * core.MiB, Files: 100_000,
		FileSize: 64 * core.TiB, TotalSize: 64 * core.TiB, PieceLength: 256 * core.MiB,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.TorrentBytes <= 0 {
		l.TorrentBytes = d.TorrentBytes
	}
	if l.Files <= 0 {
		l.Files = d.Files
	}
	if l.FileSize <= 0 || l.FileSize > core.PiB {
		l.FileSize = d.FileSize
	}
	if l.TotalSize <= 0 || l.TotalSize > core.PiB {
		l.TotalSize = d.TotalSize
	}
	if l.PieceLength <= 0 {
		l.PieceLength = d.PieceLength
	}
	return l
}

// Bounds of a path within a torrent, its name included, and of all of them together.
const (
	maxComponentBytes = 255
	maxPathBytes      = 1024
	maxPathDepth      = 64
	pathBytesPerFile  = 200 // times Limits.Files
)

const (
	blockSize      = 16 * 1024 // of BEP 52's hash trees
	minPieceLength = 2 * 1024  // rTorrent takes none of 1 KiB or less
)

// Options say what Sanitize writes in place of what it drops.
type Options struct {
	Source    string   // info.source; unique for each upload, so that its info-hash is
	Comment   string   // "" writes none
	CreatedBy string   // "" writes none; the uploader's client is never kept
	WebSeeds  []string // url-list (BEP 19); the caller has checked the URLs
	Limits    Limits   // for the function Sanitize alone; Check has its own
}

// Findings are what Check finds out about an uploaded file.
type Findings struct {
	Name        string
	PieceLength core.Bytes
	Size        core.Bytes   // without padding
	SingleFile  bool         // Name is the file itself, not a folder
	Files       []File       // in the torrent's order, without padding (BEP 47)
	Unfriendly  []Unfriendly // names that Windows can't store as they are; empty with NamesRefuse

	UploadedInfoHash   core.InfoHash   // SHA-1 of the info dictionary as it was uploaded; zero when v2 only
	UploadedInfoHashV2 core.InfoHashV2 // SHA-256 of it; zero when v1 only

	// What the data is, whatever the files are called: equal for a second upload of
	// the same data. See contentV1 and contentV2 for what is compared.
	ContentV1 [32]byte // zero when v2 only
	ContentV2 [32]byte // zero when v1 only
}

// Torrent is a sanitized file with what was found out about it.
type Torrent struct {
	Findings
	Data       []byte          // canonical, without any announce URL
	InfoHash   core.InfoHash   // SHA-1 of the info dictionary in Data; zero when v2 only
	InfoHashV2 core.InfoHashV2 // SHA-256 of it; zero when v1 only
	Source     string
	Changes    []Change // what was done to the uploaded file, sorted by key
}

// HasV1 reports whether clients of BEP 3 can use the torrent.
func (t *Torrent) HasV1() bool { return !t.InfoHash.IsZero() }

// HasV2 reports whether clients of BEP 52 can use the torrent.
func (t *Torrent) HasV2() bool { return !t.InfoHashV2.IsZero() }

// Contents lists the content hashes the torrent has: one, or two for a hybrid.
// Two torrents that share one hold the same data.
func (f *Findings) Contents() [][32]byte {
	var out [][32]byte
	for _, h := range [][32]byte{f.ContentV1, f.ContentV2} {
		if h != ([32]byte{}) {
			out = append(out, h)
		}
	}
	return out
}

// File is one file of a torrent.
type File struct {
	Path string // with slashes, relative to the folder Name; Name itself in a single-file torrent
	Size core.Bytes
}

// Change is one thing that Sanitize does to an uploaded file.
type Change struct {
	Key    string // such as "announce" or "info.source"; keys that aren't plain text are escaped
	Action Action
	Count  int // how often, if a key occurs in several files
}

// ChangesHash reports whether the change is one of those that change the info-hash.
func (c Change) ChangesHash() bool { return c.Key == "info" || strings.HasPrefix(c.Key, "info.") }

// Action says what happened to a key.
type Action string

// The actions.
const (
	Dropped  Action = "dropped"
	Added    Action = "added"
	Replaced Action = "replaced"
	// Normalized is what was not written in the one way that BEP 3 prescribes.
	Normalized Action = "written in the prescribed form"
)
