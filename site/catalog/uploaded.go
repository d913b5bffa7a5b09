package catalog

import (
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/site/web"
)

// uploadedPage tells the uploader what became of the upload and what to do next.
type uploadedPage struct{ Row web.TorrentRow }

var uploadedView = web.NewView[uploadedPage]("uploaded")

func (h handlers) uploaded(v *web.Visit) error {
	schedule, err := h.Economy.Schedule(v.Context())
	if err != nil {
		return err
	}
	return uploadedView.OK(v, uploadedPage{Row: web.Row(v, schedule, v.Found.Torrent, h.Clock())})
}

// changeText says in plain words what is done to one part of a .torrent; verb is "was"
// or "will be".
func changeText(c metainfo.Change, verb string) string {
	what := c.Key
	if c.Action == metainfo.Normalized {
		what = "the " + what // the file or the info dictionary as a whole
	}
	text := fmt.Sprintf("%s %s %s", what, verb, c.Action)
	if c.Count > 1 {
		text += fmt.Sprintf(" in %d places", c.Count)
	}
	return text
}

// titleFrom proposes a title from the name of a file or folder.
func titleFrom(name string) string {
	for _, ext := range []string{".gz", ".bz2", ".xz", ".zip", ".tar"} {
		name = strings.TrimSuffix(name, ext)
	}
	return strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '_' || r == ' ' }), " ")
}
