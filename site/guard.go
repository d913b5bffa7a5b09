package site

import (
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// found is what a guard read of the thing that the address names.
type found struct {
	torrent catalog.Torrent
	group   catalog.Group
	member  member.Member
}

// viewer is how the catalogue knows the visitor.
func (v *visit) viewer() catalog.Viewer {
	return catalog.Viewer{ID: v.me.ID, SeeHidden: v.me.Can(core.TorrentSeeHidden)}
}

// number reads an id from the address or the query; what is no id is 0, which
// nothing has.
func number(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// theTorrent finds the torrent of the address.
func (s *server) theTorrent(v *visit) error {
	t, err := s.Catalog.Torrent(v, v.viewer(), core.TorrentID(number(v.Param("id"))))
	v.found.torrent = t
	return err
}

// theGroup finds the group of the address.
func (s *server) theGroup(v *visit) error {
	g, err := s.Catalog.Group(v, v.viewer(), core.GroupID(number(v.Param("id"))))
	v.found.group = g
	return err
}

// theMember finds the member of the address.
func (s *server) theMember(v *visit) error {
	m, err := s.Members.ByName(v, v.Param("name"))
	v.found.member = m
	return err
}

// ownTorrent lets the uploader with the permission own and everyone with the
// permission any change the torrent of the address.
func ownTorrent(own, any core.Permission) func(*server, *visit) error {
	return func(s *server, v *visit) error {
		if err := s.theTorrent(v); err != nil {
			return err
		}
		if v.me.Can(any) || v.found.torrent.Mine && v.me.Can(own) {
			return nil
		}
		return core.Errorf(core.Forbidden, "only the uploader and staff may do this")
	}
}

// ownGroup lets those edit a group who uploaded all of its torrents, and staff:
// what others describe with the group is not one member's to change.
func (s *server) ownGroup(v *visit) error {
	if err := s.theGroup(v); err != nil {
		return err
	}
	if v.mayEditGroup(v.found.group) {
		return nil
	}
	return core.Errorf(core.Forbidden, "only staff, or whoever uploaded all torrents of a dataset, may edit its description")
}

func (v *visit) mayEditGroup(g catalog.Group) bool {
	if v.me.Can(core.TorrentEditAny) {
		return true
	}
	mine := len(g.Torrents) > 0
	for _, t := range g.Torrents {
		mine = mine && t.Mine
	}
	return mine && v.me.Can(core.TorrentEditOwn)
}

// subordinate finds the member of the address and refuses unless the visitor
// stands above them: nobody acts on themselves, their equals or their superiors.
func (s *server) subordinate(v *visit) error {
	if err := s.theMember(v); err != nil {
		return err
	}
	if v.me.ID != v.found.member.ID && v.me.Outranks(v.found.member) {
		return nil
	}
	return core.Errorf(core.Forbidden, "you may only do this to members below your own class")
}
