package v1

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/dataset"
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
	Unfriendly  []Unfriendly   `json:"windows_unfriendly"`
}

// CheckAnswer tells a program what would become of an upload with check=true, which is
// not stored.
type CheckAnswer struct {
	Name       string       `json:"name"`
	Size       core.Bytes   `json:"size"`
	FileCount  int          `json:"file_count"`
	NewHash    bool         `json:"info_hash_changes"`
	Changes    []Change     `json:"changes"`
	Unfriendly []Unfriendly `json:"windows_unfriendly"`
}

// Change is something that is changed in the .torrent.
type Change struct {
	Key     string          `json:"key"`
	Action  metainfo.Action `json:"action"`
	Count   int             `json:"count"`
	NewHash bool            `json:"changes_info_hash"`
}

// Unfriendly is a reason why Windows can't store some files under their names.
type Unfriendly struct {
	Reason   string   `json:"reason"`
	Examples []string `json:"examples"`
	Count    int      `json:"count"`
}

// formCheck asks what would become of an upload.
const formCheck = "check"

func (h handlers) upload(v *web.Visit) error {
	u, form, err := h.Uploads.Read(v)
	if err != nil {
		return err
	}
	if v.Ticked(formCheck) {
		return h.check(v, u, form)
	}
	added, err := h.Catalog.Add(v.Context(), u)
	if err != nil {
		return err
	}
	h.Uploaded.Inc()
	answer := UploadAnswer{Group: added.Group, Torrent: added.Torrent, Name: added.Name, InfoHash: hashText(added.InfoHash),
		InfoHashV2: hashText2(added.InfoHashV2), Source: added.Source, URL: h.Catalog.Permalink(added.Torrent),
		DownloadURL: h.downloadURL(added.Torrent), Unfriendly: unfriendly(form)}
	answer.Changes, _ = changes(added.Changes)
	v.SetHeader("Location", answer.URL)
	return v.JSON(http.StatusCreated, answer)
}

// check answers what upload would do.
func (h handlers) check(v *web.Visit, u catalog.Upload, form dataset.UploadForm) error {
	list, err := h.Catalog.Check(v.Context(), u)
	if err != nil {
		return err
	}
	answer := CheckAnswer{Name: form.File.Name, Size: form.File.Size, FileCount: form.File.FileCount, Unfriendly: unfriendly(form)}
	answer.Changes, answer.NewHash = changes(list)
	return v.JSON(http.StatusOK, answer)
}

// changes reports also whether any of them changes the info-hash.
func changes(list []metainfo.Change) (out []Change, newHash bool) {
	out = make([]Change, len(list))
	for i, c := range list {
		out[i] = Change{Key: c.Key, Action: c.Action, Count: c.Count, NewHash: c.ChangesHash()}
		newHash = newHash || c.ChangesHash()
	}
	return out, newHash
}

func unfriendly(form dataset.UploadForm) []Unfriendly {
	out := make([]Unfriendly, len(form.File.Unfriendly))
	for i, u := range form.File.Unfriendly {
		out[i] = Unfriendly{Reason: u.Reason, Examples: u.Examples, Count: u.Count}
	}
	return out
}
