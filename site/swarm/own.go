package swarm

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
)

// ownPage is what the visitor seeds, downloads, has taken or has uploaded: one of the four
// lists.
type ownPage struct {
	Part transfer.Part
	Tabs []ownTab
	Sums transfer.OwnSums
	// Refused is why all announces of the visitor, or of one client, are refused; nil where
	// they are not.
	Refused *transfer.Trouble
	Rows    []ownRow
	Next    string
	First   string
}

var ownView = web.NewView[ownPage]("own")

// ownTab leads to one of the lists.
type ownTab struct {
	Name    string
	Address string
	On      bool
}

// ownRow is a torrent with what is credited for it and why, and what is wrong.
type ownRow struct {
	transfer.Own
	Why     []string
	Trouble transfer.Trouble
	Wrong   bool // there is trouble
}

const ownPerPage = 50

var partNames = map[transfer.Part]string{
	transfer.Seeding: "Seeding", transfer.Leeching: "Leeching", transfer.Taken: "Taken", transfer.Uploaded: "Uploaded",
}

func (h handlers) own(v *web.Visit) error {
	p := ownPage{Part: transfer.Part(v.Query("list"))}
	if !slices.Contains(transfer.Parts(), p.Part) {
		p.Part = transfer.Seeding
	}
	for _, part := range transfer.Parts() {
		p.Tabs = append(p.Tabs, ownTab{partNames[part], ownAddress(part, 0), part == p.Part})
	}
	facts, err := h.facts(v)
	if err != nil {
		return err
	}
	if p.Sums, err = h.Transfer.OwnSums(v.Context(), v.Me.ID, facts); err != nil {
		return err
	}
	if refused, ok, err := h.Transfer.Refused(v.Context(), v.Me.ID, facts); err != nil {
		return err
	} else if ok {
		p.Refused = &refused
	}
	before := core.TorrentID(web.Number(v.Query("before")))
	list, next, err := h.Transfer.Own(v.Context(), v.Me.ID, p.Part, before, ownPerPage)
	if err != nil {
		return err
	}
	for _, o := range list {
		row := ownRow{Own: o, Why: o.Credit()}
		row.Trouble, row.Wrong = o.Diagnose(facts)
		p.Rows = append(p.Rows, row)
	}
	if next > 0 {
		p.Next = ownAddress(p.Part, next)
	}
	if before > 0 {
		p.First = ownAddress(p.Part, 0)
	}
	return ownView.OK(v, p)
}

// facts are what a diagnosis of the visitor's torrents rests on.
func (h handlers) facts(v *web.Visit) (transfer.Facts, error) {
	made, err := h.Members.Security().Last(v.Context(), v.Me.ID, security.AnnounceKeyNew)
	return transfer.Facts{Now: h.Clock(), Interval: h.Interval, KeyMade: made}, err
}

func ownAddress(p transfer.Part, before core.TorrentID) string {
	q := url.Values{}
	if p != transfer.Seeding {
		q.Set("list", string(p))
	}
	if before > 0 {
		q.Set("before", strconv.FormatInt(int64(before), 10))
	}
	return withQuery("/me/torrents", q)
}
