package swarm

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
)

// endangeredPage lists the torrents that one client seeds, or none.
type endangeredPage struct {
	None, One int
	After     time.Duration // the rule's patience
	Torrents  []transfer.Endangered
	Next      string
	First     string
}

var endangeredView = web.NewView[endangeredPage]("endangered")

const endangeredPerPage = 50

// Amount writes a number that EndangeredCounts returned.
func (endangeredPage) Amount(n int) string {
	if n > transfer.Many {
		return "more than " + web.Grouped(transfer.Many)
	}
	return web.Grouped(int64(n))
}

func (h handlers) endangered(v *web.Visit) error {
	now := h.Clock()
	p := endangeredPage{After: transfer.Patience}
	var err error
	if p.None, p.One, err = h.Transfer.EndangeredCounts(v.Context(), now); err != nil {
		return err
	}
	from := readDanger(v.Query("from"))
	var next *transfer.Danger
	if p.Torrents, next, err = h.Transfer.Endangered(v.Context(), now, v.Me.ID, from, endangeredPerPage); err != nil {
		return err
	}
	if next != nil {
		p.Next = fmt.Sprintf("/endangered?from=%d.%d.%d", next.Seeders, next.Since, next.Torrent)
	}
	if from != (transfer.Danger{}) {
		p.First = "/endangered"
	}
	return endangeredView.OK(v, p)
}

// readDanger reads where the list goes on. What makes no sense is its beginning.
func readDanger(text string) transfer.Danger {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return transfer.Danger{}
	}
	var n [3]int64
	for i, p := range parts {
		var err error
		if n[i], err = strconv.ParseInt(p, 10, 64); err != nil {
			return transfer.Danger{}
		}
	}
	return transfer.Danger{Seeders: int(n[0]), Since: n[1], Torrent: core.TorrentID(n[2])}
}
