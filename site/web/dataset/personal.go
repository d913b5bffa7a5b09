package dataset

import (
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// Personal makes the .torrent files that members download, each with a key of
// its own.
type Personal struct {
	Catalog  *catalog.Store
	Members  *member.Store
	Trackers web.Trackers
	// TorrentKeys puts a key for that one torrent into the file, instead of the
	// announce key.
	TorrentKeys bool
}

// Send answers with the visitor's own .torrent of the torrent whose id text is.
// Whoever asks wrongly gets a status and a line of text and never a page: programs
// retry on 404 and 503 and give up on 403.
func (p Personal) Send(v *web.Visit, text string) error {
	id := core.TorrentID(web.Number(text))
	key, err := p.Members.AnnounceKey(v.Context(), v.Me.ID)
	if err != nil {
		return err
	}
	if p.TorrentKeys {
		key = member.TorrentKey(key, v.Me.ID, id)
	}
	d, err := p.Catalog.Personal(v.Context(), id, p.Trackers.For(key))
	if err != nil {
		return err
	}
	v.SetHeader("Content-Disposition", attachment(d.FileName))
	v.SetHeader("Cache-Control", "private, no-store")
	return v.Data(http.StatusOK, "application/x-bittorrent", d.Data)
}

// attachment names a file to save. Names beyond ASCII are written twice, since
// some programs read only the plain one (RFC 6266).
func attachment(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`"\/;%`, r) {
			return '_'
		}
		return r
	}, name)
	value := mime.FormatMediaType("attachment", map[string]string{"filename": plain})
	if plain != name {
		value += "; filename*=UTF-8''" + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
	}
	return value
}
