package catalog

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// TorrentFile is an uploaded .torrent that was read once: what was found out about
// it, or why it is refused. Pages show it and Add stores it.
type TorrentFile struct {
	*metainfo.Checked             // nil where Fault is set
	Fault             *core.Error // its Field is FieldTorrent
}

// ReadFile reads an uploaded .torrent. No data at all is the fault that no file was
// chosen.
func ReadFile(data []byte, l metainfo.Limits) TorrentFile {
	if len(data) == 0 {
		return TorrentFile{Fault: &core.Error{Code: core.Invalid, Field: FieldTorrent, Text: "choose the .torrent file"}}
	}
	c, err := metainfo.Check(data, l)
	if err != nil {
		return TorrentFile{Fault: &core.Error{Code: core.Invalid, Field: FieldTorrent, Text: faultText(err), Cause: err}}
	}
	return TorrentFile{Checked: c}
}

// faultText words a fault of a file for a person: where it is, then what is wrong.
// Paths and keys stand in quotes, as they are; a position in the file needs none.
func faultText(err error) string {
	text := core.SafeText(err)
	switch field := core.FieldOf(err); {
	case field == "" || field == FieldTorrent:
		return text
	case metainfo.IsPosition(field):
		return field + ": " + text
	default:
		return `"` + field + `": ` + text
	}
}

// SameData returns the live torrent that holds the same data as a file, or nil, so
// that nobody describes it for nothing. Add checks it again.
func (s *Store) SameData(ctx context.Context, f metainfo.Findings) (*DuplicateError, error) {
	return s.duplicate(ctx, "t.id IN (SELECT torrent_id FROM torrent_content WHERE content_hash = ? OR content_hash = ?)",
		f.ContentV1[:], f.ContentV2[:])
}
