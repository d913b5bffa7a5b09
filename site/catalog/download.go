package catalog

import (
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// download answers with the member's own .torrent.
func (h handlers) download(v *web.Visit) error { return h.Personal.Send(v, v.Param("id")) }

// downloadClassic is download under the address that announce lines lead to.
func (h handlers) downloadClassic(v *web.Visit) error { return h.Personal.Send(v, v.Query("id")) }

// torrentsClassic serves the addresses that announce lines and old links use.
func (h handlers) torrentsClassic(v *web.Visit) error {
	if id := web.Number(v.Query("torrentid")); id > 0 {
		t, err := h.Catalog.Torrent(v.Context(), v.Viewer(), core.TorrentID(id))
		if err != nil {
			return err
		}
		return web.RedirectTo(web.TorrentAddress(t.Group, t.ID))
	}
	if id := web.Number(v.Query("id")); id > 0 {
		return web.RedirectTo(fmt.Sprintf("/groups/%d", id))
	}
	if v.Query("id") != "" || v.Query("torrentid") != "" {
		return web.NotFound("there is no such dataset")
	}
	return web.RedirectTo("/browse")
}
