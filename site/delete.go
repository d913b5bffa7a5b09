package site

import (
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
)

// deletePage asks why, and says what will happen.
type deletePage struct {
	Torrent catalog.Torrent
	Reason  string
	Errors  formErrors
}

func (s *server) deleteForm(v *visit) error {
	return okPage(s, v, deleteView, deletePage{Torrent: v.found.torrent})
}

func (s *server) deleteTorrent(v *visit) error {
	t, reason := v.found.torrent, v.PostForm("reason")
	err := s.audited(v, act{command: "torrent delete", arguments: fmt.Sprintf("%d %s", t.ID, reason)}, func() error {
		return s.Catalog.Delete(v, v.me.ID, t.ID, reason)
	})
	if err == nil {
		return s.seeOther(v, "/browse", fmt.Sprintf("Torrent %d is deleted. The tracker refuses it from now on.", t.ID))
	}
	m, ok := mistakes(err)
	if !ok {
		return err
	}
	return render(s, v, statusOf(err), deleteView, deletePage{Torrent: t, Reason: reason, Errors: m})
}

// setLeech sets the torrent's own leech state. Freeleech windows lie over it and
// are not touched.
func (s *server) setLeech(v *visit) error {
	t, reason := v.found.torrent, strings.TrimSpace(v.PostForm("reason"))
	state := core.Leech(v.PostForm("state"))
	if !state.Valid() {
		return core.FieldErrorf("state", "choose normal, neutral or free")
	}
	did := act{command: "torrent leech", arguments: fmt.Sprintf("%d %s %s", t.ID, state, reason)}
	if err := s.audited(v, did, func() error { return s.Catalog.SetLeech(v, t.ID, state, reason) }); err != nil {
		return err
	}
	return s.seeOther(v, torrentAddress(t.Group, t.ID), fmt.Sprintf("Torrent %d now counts as %s.", t.ID, state))
}
