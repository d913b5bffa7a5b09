package catalog

import (
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// setLeech sets the torrent's own leech state. Freeleech windows lie over it and
// are not touched.
func (h handlers) setLeech(v *web.Visit) error {
	t, reason := v.Found.Torrent, strings.TrimSpace(v.Form("reason"))
	state := core.Leech(v.Form("state"))
	if !state.Valid() {
		return core.FieldErrorf("state", "choose normal, neutral or free")
	}
	did := web.Act{Command: "torrent leech", Arguments: fmt.Sprintf("%d %s %s", t.ID, state, reason)}
	if err := h.Audit.Do(v, did, func() error { return h.Catalog.SetLeech(v.Context(), t.ID, state, reason) }); err != nil {
		return err
	}
	return v.SeeOther(web.TorrentAddress(t.Group, t.ID), fmt.Sprintf("Torrent %d now counts as %s.", t.ID, state))
}
