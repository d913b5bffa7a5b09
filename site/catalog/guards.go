package catalog

import (
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/site/web"
)

// ownTorrent lets the uploader with the permission own and everyone with the
// permission any change the torrent of the address.
func ownTorrent(store *catalog.Store, own, any core.Permission) web.Guard {
	return web.TheTorrent(store).And("with .own only their own torrent", func(v *web.Visit) error {
		if v.Me.Can(any) || v.Found.Torrent.Mine && v.Me.Can(own) {
			return nil
		}
		return core.Errorf(core.Forbidden, "only the uploader and staff may do this")
	})
}

// ownGroup lets those edit a group who uploaded all of its torrents, and staff:
// what others describe with the group is not one member's to change.
func ownGroup(store *catalog.Store) web.Guard {
	return web.TheGroup(store).And("with .own only if all of its torrents are theirs", func(v *web.Visit) error {
		if mayEditGroup(v, v.Found.Group) {
			return nil
		}
		return core.Errorf(core.Forbidden, "only staff, or whoever uploaded all torrents of a dataset, may edit its description")
	})
}

func mayEditGroup(v *web.Visit, g catalog.Group) bool {
	if v.Me.Can(core.TorrentEditAny) {
		return true
	}
	mine := len(g.Torrents) > 0
	for _, t := range g.Torrents {
		mine = mine && t.Mine
	}
	return mine && v.Me.Can(core.TorrentEditOwn)
}
