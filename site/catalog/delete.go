package catalog

import (
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// deletePage asks why, and says what will happen.
type deletePage struct {
	Torrent catalog.Torrent
	Reason  string
	Errors  web.FormErrors
}

var deleteView = web.NewView[deletePage]("delete")

func (h handlers) deleteForm(v *web.Visit) error {
	return deleteView.OK(v, deletePage{Torrent: v.Found.Torrent})
}

func (h handlers) deleteTorrent(v *web.Visit) error {
	t, reason := v.Found.Torrent, v.Form("reason")
	err := h.Audit.Do(v, web.Act{Command: "torrent delete", Arguments: fmt.Sprintf("%d %s", t.ID, reason)}, func() error {
		return h.Catalog.Delete(v.Context(), v.Me.ID, t.ID, reason)
	})
	if err == nil {
		return v.SeeOther("/browse", fmt.Sprintf("Torrent %d is deleted. The tracker refuses it from now on.", t.ID))
	}
	m, ok := web.Mistakes(err)
	if !ok {
		return err
	}
	return deleteView.Render(v, web.StatusOf(err), deletePage{Torrent: t, Reason: reason, Errors: m})
}

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
