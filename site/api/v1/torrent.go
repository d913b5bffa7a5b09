package v1

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/site/web"
)

// TorrentAnswer is one torrent.
type TorrentAnswer struct {
	Torrent     core.TorrentID `json:"torrent_id"`
	Group       core.GroupID   `json:"group_id"`
	Platform    string         `json:"platform"`
	Format      string         `json:"format"`
	Archive     string         `json:"archive"`
	Scope       string         `json:"scope"`
	License     string         `json:"license"`
	Version     string         `json:"version"`
	Annotated   bool           `json:"annotated"`
	Uploader    string         `json:"uploader"`
	Name        string         `json:"name"`
	Size        core.Bytes     `json:"size"`
	FileCount   int            `json:"file_count"`
	PieceLength core.Bytes     `json:"piece_length"`
	InfoHash    string         `json:"info_hash"`
	InfoHashV2  string         `json:"info_hash_v2"`
	Mirrors     []string       `json:"mirrors"`
	Seeders     int            `json:"seeders"`
	Leechers    int            `json:"leechers"`
	Snatches    int            `json:"snatches"`
	Leech       Leech          `json:"leech"`
	CreatedAt   time.Time      `json:"created_at"`
	URL         string         `json:"url"`
	DownloadURL string         `json:"download_url"`
}

// Leech says what counts on a torrent for the token's owner.
type Leech struct {
	State  core.Leech `json:"state"`
	Until  *time.Time `json:"until"`
	Reason string     `json:"reason"`
}

// GroupAnswer is what the torrents of a dataset share.
type GroupAnswer struct {
	Title      string   `json:"title"`
	Category   string   `json:"category"`
	CategoryID int64    `json:"category_id"`
	Subject    string   `json:"subject"`
	Object     string   `json:"object"`
	Creators   []string `json:"creators"`
	Workgroup  string   `json:"workgroup"`
	Location   string   `json:"location"`
	Year       int      `json:"year"`
	Identifier string   `json:"identifier"`
	Tags       []string `json:"tags"`
	Literature []string `json:"literature"`
}

func (h handlers) torrentOf(v *web.Visit, schedule economy.Schedule, t catalog.Torrent) TorrentAnswer {
	state := web.LeechOf(schedule, t.Leech, t.LeechReason, t.ID, v.Me.ID, h.Clock())
	leech := Leech{State: state.State, Reason: state.Reason}
	if !state.Until.IsZero() {
		until := state.Until.UTC()
		leech.Until = &until
	}
	return TorrentAnswer{
		Torrent: t.ID, Group: t.Group, Platform: t.Platform, Format: t.Format, Archive: t.Archive, Scope: t.Scope,
		License: t.License, Version: t.Version, Annotated: t.Annotated, Uploader: t.Uploader.String(), Name: t.Name, Size: t.Size,
		FileCount: t.FileCount, PieceLength: t.PieceLength, InfoHash: hashText(t.InfoHash), InfoHashV2: hashText2(t.InfoHashV2),
		Mirrors: filled(t.Mirrors), Seeders: t.Seeders, Leechers: t.Leechers, Snatches: t.Snatches, Leech: leech,
		CreatedAt: t.CreatedAt.UTC(), URL: h.Catalog.Permalink(t.ID), DownloadURL: h.downloadURL(t.ID),
	}
}

func groupOf(g catalog.Group) GroupAnswer {
	return GroupAnswer{Title: g.Title, Category: g.CategoryName, CategoryID: g.Category, Subject: g.Subject, Object: g.Object,
		Creators: filled(g.Creators), Workgroup: g.Workgroup, Location: g.Location, Year: g.Year, Identifier: g.Identifier,
		Tags: filled(g.Tags), Literature: filled(g.Literature)}
}

// filled makes an empty list [] in JSON instead of null.
func filled(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func hashText(h core.InfoHash) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}

func hashText2(h core.InfoHashV2) string {
	if h.IsZero() {
		return ""
	}
	return h.String()
}

func (h handlers) downloadURL(id core.TorrentID) string {
	return fmt.Sprintf("%s/api/v1/torrents/%d/download", h.Base, id)
}

func (h handlers) torrent(v *web.Visit) error {
	t := v.Found.Torrent
	g, err := h.Catalog.Group(v.Context(), v.Viewer(), t.Group)
	if err != nil {
		return err
	}
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	return v.JSON(http.StatusOK, struct {
		TorrentAnswer
		GroupAnswer
	}{h.torrentOf(v, schedule, t), groupOf(g)})
}
