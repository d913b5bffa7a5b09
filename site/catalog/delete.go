package catalog

import (
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/catalog"
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
