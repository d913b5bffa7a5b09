package v1

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/web"
)

// UploadAnswer tells a program what became of its upload. The info-hash is a
// new one, so it must fetch the finished file before it seeds.
type UploadAnswer struct {
	Group       core.GroupID   `json:"group_id"`
	Torrent     core.TorrentID `json:"torrent_id"`
	Name        string         `json:"name"`
	InfoHash    string         `json:"info_hash"`
	InfoHashV2  string         `json:"info_hash_v2"`
	Source      string         `json:"source"`
	URL         string         `json:"url"`
	DownloadURL string         `json:"download_url"`
	Changes     []Change       `json:"changes"`
}

// Change is something that was changed in the .torrent.
type Change struct {
	Key    string          `json:"key"`
	Action metainfo.Action `json:"action"`
	Count  int             `json:"count"`
}

func (h handlers) upload(v *web.Visit) error {
	u, _, err := h.Uploads.Read(v)
	if err != nil {
		return err
	}
	added, err := h.Catalog.Add(v.Context(), u)
	if err != nil {
		return err
	}
	h.Uploaded.Inc()
	answer := UploadAnswer{Group: added.Group, Torrent: added.Torrent, Name: added.Name, InfoHash: hashText(added.InfoHash),
		InfoHashV2: hashText2(added.InfoHashV2), Source: added.Source, URL: h.Catalog.Permalink(added.Torrent),
		DownloadURL: h.downloadURL(added.Torrent), Changes: make([]Change, len(added.Changes))}
	for i, c := range added.Changes {
		answer.Changes[i] = Change{Key: c.Key, Action: c.Action, Count: c.Count}
	}
	v.SetHeader("Location", answer.URL)
	return v.JSON(http.StatusCreated, answer)
}
