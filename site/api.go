package site

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/site/web"
)

// apiTorrentAnswer is one torrent.
type apiTorrentAnswer struct {
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
	Leech       apiLeech       `json:"leech"`
	CreatedAt   time.Time      `json:"created_at"`
	URL         string         `json:"url"`
	DownloadURL string         `json:"download_url"`
}

type apiLeech struct {
	State  core.Leech `json:"state"`
	Until  *time.Time `json:"until"`
	Reason string     `json:"reason"`
}

// apiGroupAnswer is what the torrents of a dataset share.
type apiGroupAnswer struct {
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

func (s *server) apiTorrentOf(v *web.Visit, schedule economy.Schedule, t catalog.Torrent) apiTorrentAnswer {
	state := web.LeechOf(schedule, t.Leech, t.LeechReason, t.ID, v.Me.ID, s.Clock())
	leech := apiLeech{State: state.State, Reason: state.Reason}
	if !state.Until.IsZero() {
		until := state.Until.UTC()
		leech.Until = &until
	}
	return apiTorrentAnswer{
		Torrent: t.ID, Group: t.Group, Platform: t.Platform, Format: t.Format, Archive: t.Archive, Scope: t.Scope,
		License: t.License, Version: t.Version, Annotated: t.Annotated, Uploader: t.Uploader.String(), Name: t.Name, Size: t.Size,
		FileCount: t.FileCount, PieceLength: t.PieceLength, InfoHash: hashText(t.InfoHash), InfoHashV2: hashText2(t.InfoHashV2),
		Mirrors: filled(t.Mirrors), Seeders: t.Seeders, Leechers: t.Leechers, Snatches: t.Snatches, Leech: leech,
		CreatedAt: t.CreatedAt.UTC(), URL: s.Catalog.Permalink(t.ID), DownloadURL: s.apiDownloadURL(t.ID),
	}
}

func apiGroupOf(g catalog.Group) apiGroupAnswer {
	return apiGroupAnswer{Title: g.Title, Category: g.CategoryName, CategoryID: g.Category, Subject: g.Subject, Object: g.Object,
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

func (s *server) apiDownloadURL(id core.TorrentID) string {
	return fmt.Sprintf("%s/api/v1/torrents/%d/download", s.config.Base(), id)
}

func (s *server) apiTorrent(v *web.Visit) error {
	t := v.Found.Torrent
	g, err := s.Catalog.Group(v.Context(), v.Viewer(), t.Group)
	if err != nil {
		return err
	}
	schedule, err := s.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	v.JSON(http.StatusOK, struct {
		apiTorrentAnswer
		apiGroupAnswer
	}{s.apiTorrentOf(v, schedule, t), apiGroupOf(g)})
	return nil
}
