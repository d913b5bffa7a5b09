package site

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/web"
)

// apiUploadAnswer tells a program what became of its upload. The info-hash is a
// new one, so it must fetch the finished file before it seeds.
type apiUploadAnswer struct {
	Group       core.GroupID   `json:"group_id"`
	Torrent     core.TorrentID `json:"torrent_id"`
	Name        string         `json:"name"`
	InfoHash    string         `json:"info_hash"`
	InfoHashV2  string         `json:"info_hash_v2"`
	Source      string         `json:"source"`
	URL         string         `json:"url"`
	DownloadURL string         `json:"download_url"`
	Changes     []apiChange    `json:"changes"`
}

type apiChange struct {
	Key    string          `json:"key"`
	Action metainfo.Action `json:"action"`
	Count  int             `json:"count"`
}

func (s *server) apiUpload(v *web.Visit) error {
	u, _, err := s.uploads.Read(v)
	if err != nil {
		return err
	}
	added, err := s.Catalog.Add(v.Context(), u)
	if err != nil {
		return err
	}
	s.meters.Uploads.Inc()
	answer := apiUploadAnswer{Group: added.Group, Torrent: added.Torrent, Name: added.Name, InfoHash: hashText(added.InfoHash),
		InfoHashV2: hashText2(added.InfoHashV2), Source: added.Source, URL: s.Catalog.Permalink(added.Torrent),
		DownloadURL: s.apiDownloadURL(added.Torrent), Changes: make([]apiChange, len(added.Changes))}
	for i, c := range added.Changes {
		answer.Changes[i] = apiChange{Key: c.Key, Action: c.Action, Count: c.Count}
	}
	v.SetHeader("Location", answer.URL)
	return v.JSON(http.StatusCreated, answer)
}
