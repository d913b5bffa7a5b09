package web

import (
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// TheTorrent finds the torrent of the address, by its part id.
func TheTorrent(store *catalog.Store) Guard {
	return Guard{"the torrent exists", func(v *Visit) (err error) {
		v.Found.Torrent, err = store.Torrent(v.Context(), v.Viewer(), core.TorrentID(Number(v.Param("id"))))
		return err
	}}
}

// TheGroup finds the group of the address, by its part id.
func TheGroup(store *catalog.Store) Guard {
	return Guard{"the group exists", func(v *Visit) (err error) {
		v.Found.Group, err = store.Group(v.Context(), v.Viewer(), core.GroupID(Number(v.Param("id"))))
		return err
	}}
}

// TheMember finds the member of the address, by its part name.
func TheMember(store *member.Store) Guard {
	return Guard{"the member exists", func(v *Visit) (err error) {
		v.Found.Member, err = store.ByName(v.Context(), v.Param("name"))
		return err
	}}
}

// And lets pass whom g and then check let pass. words take the place of g's.
func (g Guard) And(words string, check Handler) Guard {
	return Guard{words, func(v *Visit) error {
		if err := g.Check(v); err != nil {
			return err
		}
		return check(v)
	}}
}
