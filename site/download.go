package site

import (
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// download answers with the member's own .torrent. Whoever asks wrongly gets a
// status and a line of text and never a page: programs retry on 404 and 503 and
// give up on 403.
func (s *server) download(v *web.Visit) error { return s.sendTorrent(v, v.Param("id")) }

// downloadClassic is download under the address that announce lines lead to.
func (s *server) downloadClassic(v *web.Visit) error { return s.sendTorrent(v, v.Query("id")) }

func (s *server) sendTorrent(v *web.Visit, text string) error {
	id := core.TorrentID(web.Number(text))
	key, err := s.Members.Passkey(v.Context(), v.Me.ID)
	if err != nil {
		return err
	}
	if s.torrentKeys {
		key = member.TorrentKey(key, v.Me.ID, id)
	}
	d, err := s.Catalog.Personal(v.Context(), id, s.announceURLs(key))
	if err != nil {
		return err
	}
	v.SetHeader("Content-Disposition", attachment(d.FileName))
	v.SetHeader("Cache-Control", "private, no-store")
	return v.Data(http.StatusOK, "application/x-bittorrent", d.Data)
}

// announceURLs are the tracker's addresses for one member, by passkey or torrent
// key, in the order in which clients are to try them.
func (s *server) announceURLs(key string) []string {
	urls := make([]string, len(s.AnnounceURLs))
	for i, u := range s.AnnounceURLs {
		urls[i] = strings.ReplaceAll(u, "{passkey}", url.PathEscape(key))
	}
	return urls
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
