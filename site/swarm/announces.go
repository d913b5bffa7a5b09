package swarm

import (
	"fmt"
	"net/url"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
)

// announcesPage is what came of announces: of a member, of one torrent of a
// member, or of all members of a torrent.
type announcesPage struct {
	Own     bool
	Member  member.Member   // the zero Member: of all
	Torrent core.TorrentID  // 0: of all
	About   catalog.Torrent // what Torrent is; zero when it is gone
	Reach   transfer.Record // the newest that says whether others can connect; zero when none does
	Records []transfer.Record
	// Groups are the torrents of all announces of a member: Trouble first, and Quiet, of
	// which there is nothing to read.
	Trouble, Groups, Quiet []transfer.AnnounceGroup
	Next                   string
	First                  string
}

var announcesView = web.NewView[announcesPage]("announces")

const announcesPerPage = 50

// ownAnnounces answers "why is my upload missing?" and "why can't I connect?".
func (h handlers) ownAnnounces(v *web.Visit) error {
	return h.memberAnnounces(v, announcesPage{Own: true, Member: v.Me}, "/announces")
}

// staffAnnounces shows the same of any member.
func (h handlers) staffAnnounces(v *web.Visit) error {
	m := v.Found.Member
	if err := h.Members.Look(v.Context(), v.Me.Viewer(), []core.MemberID{m.ID}); err != nil {
		return err
	}
	return h.memberAnnounces(v, announcesPage{Member: m}, web.StaffAddress(m.Name)+"/announces")
}

func (h handlers) memberAnnounces(v *web.Visit, p announcesPage, address string) error {
	p.Torrent = core.TorrentID(web.Number(v.Query("torrent")))
	query := url.Values{}
	if p.Torrent != 0 {
		query.Set("torrent", fmt.Sprint(int64(p.Torrent)))
		t, err := h.Catalog.Torrent(v.Context(), v.Viewer(), p.Torrent)
		if err != nil && core.CodeOf(err) != core.NotFound { // its announces may be there still
			return err
		}
		p.About = t
	}
	if p.Torrent == 0 {
		groups, next, err := h.Transfer.Groups(v.Context(), p.Member.ID, announcesFrom(v), announcesPerPage)
		if err != nil {
			return err
		}
		return h.showAnnounces(v, p, p.group(groups), next, address, query)
	}
	records, next, err := h.Transfer.OfMember(v.Context(), p.Member.ID, p.Torrent, announcesFrom(v), announcesPerPage)
	if err != nil {
		return err
	}
	p.Records = records
	return h.showAnnounces(v, p, records, next, address, query)
}

// torrentAnnounces shows staff who takes part in a torrent and how that goes.
func (h handlers) torrentAnnounces(v *web.Visit) error {
	t := v.Found.Torrent
	records, next, err := h.Transfer.OfTorrent(v.Context(), t.ID, announcesFrom(v), announcesPerPage)
	if err != nil {
		return err
	}
	ids := make([]core.MemberID, len(records))
	for i, r := range records {
		ids[i] = r.Member
	}
	if err := h.Members.Look(v.Context(), v.Me.Viewer(), ids); err != nil {
		return err
	}
	return h.showAnnounces(v, announcesPage{Torrent: t.ID, About: t, Records: records}, records, next, fmt.Sprintf("/torrents/%d/announces", t.ID), url.Values{})
}

func announcesFrom(v *web.Visit) transfer.Cursor { return transfer.Cursor(v.Query("from")) }

// group sorts groups, and returns the newest records of all.
func (p *announcesPage) group(groups []transfer.AnnounceGroup) (newest []transfer.Record) {
	for _, g := range groups {
		switch newest = append(newest, g.Last); {
		case g.Trouble:
			p.Trouble = append(p.Trouble, g)
		case g.Silent():
			p.Quiet = append(p.Quiet, g)
		default:
			p.Groups = append(p.Groups, g)
		}
	}
	slices.SortStableFunc(newest, func(a, b transfer.Record) int { return b.At.Compare(a.At) })
	return newest
}

// Any reports whether there is anything to show.
func (p announcesPage) Any() bool {
	return len(p.Records)+len(p.Trouble)+len(p.Groups)+len(p.Quiet) > 0
}

// groupLine is a line of the page.
type groupLine struct {
	Group transfer.AnnounceGroup
	Of    string // where all announces of the torrent are
}

// Line is the line of a group.
func (p announcesPage) Line(g transfer.AnnounceGroup) groupLine {
	return groupLine{g, p.of(g.Last.Torrent)}
}

// of is the address of the announces of one torrent of the page's member.
func (p announcesPage) of(t core.TorrentID) string {
	address := "/announces"
	if !p.Own {
		address = web.StaffAddress(p.Member.Name) + address
	}
	return withQuery(address, url.Values{"torrent": {fmt.Sprint(int64(t))}})
}

func (h handlers) showAnnounces(v *web.Visit, p announcesPage, records []transfer.Record, next transfer.Cursor, address string, query url.Values) error {
	if v.Query("from") != "" {
		p.First = withQuery(address, query)
	} else {
		p.Reach = newestReach(records)
	}
	if next != "" {
		query.Set("from", string(next))
		p.Next = withQuery(address, query)
	}
	return announcesView.OK(v, p)
}

func withQuery(address string, query url.Values) string {
	if len(query) == 0 {
		return address
	}
	return address + "?" + query.Encode()
}

// newestReach is the newest record from which it is known whether others can
// connect to the client.
func newestReach(records []transfer.Record) transfer.Record {
	for _, r := range records {
		if !r.Refused() && (r.Reach != transfer.ReachUnknown || !r.Public) {
			return r
		}
	}
	return transfer.Record{}
}

// Reachable reports whether others can connect to the client.
func (p announcesPage) Reachable() bool {
	return p.Reach.Public && p.Reach.Reach == transfer.ReachOpen
}

// Unreachable reports whether the client's port did not answer.
func (p announcesPage) Unreachable() bool {
	return p.Reach.Public && p.Reach.Reach == transfer.ReachClosed
}

// Hidden reports whether the client's address is not public.
func (p announcesPage) Hidden() bool { return p.Reach.Member != 0 && !p.Reach.Public }
