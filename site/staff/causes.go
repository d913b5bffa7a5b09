package staff

import (
	"net/url"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/site/web"
)

// causesPage lists what is in force, of all members.
type causesPage struct {
	Effect  string
	Choices []web.Choice
	Causes  []heldCause
	Next    string
	First   string
}

var causesView = web.NewView[causesPage]("staff_causes")

const causesPerPage = 50

func (h handlers) causes(v *web.Visit) error {
	p := causesPage{Effect: v.Query("effect"), Choices: memberStates[1:]}
	before := web.Number(v.Query("before"))
	list, next, err := h.Members.Running(v.Context(), member.Effect(p.Effect), before, causesPerPage)
	if err != nil {
		return err
	}
	ids := make([]core.MemberID, len(list))
	for i, c := range list {
		ids[i] = c.Member
	}
	known, err := h.Members.ByIDs(v.Context(), ids)
	if err != nil {
		return err
	}
	here := p.address(before)
	for _, c := range list {
		if m, there := known[c.Member]; there {
			p.Causes = append(p.Causes, h.held(v, m, c, here))
		}
	}
	if next > 0 {
		p.Next = p.address(next)
	}
	if before > 0 {
		p.First = p.address(0)
	}
	return causesView.OK(v, p)
}

// address is the page from another cause on.
func (p causesPage) address(before int64) string {
	q := url.Values{}
	if p.Effect != "" {
		q.Set("effect", p.Effect)
	}
	if before > 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	if len(q) == 0 {
		return "/staff/causes"
	}
	return "/staff/causes?" + q.Encode()
}
