package staff

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/setting"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

const (
	applicationsAddress = "/staff/applications"
	questionsAddress    = applicationsAddress + "/questions"
	applicationRows     = 50
)

// applicationsPage is the queue of applications, or those of one stage.
type applicationsPage struct {
	Head   part.Head
	Closed part.Notice // says that nobody can apply at present; it has no title where one can
	Ranges []part.Link
	Show   string // the stage; "" is what waits
	Rows   []invite.Application
	First  string
	Next   string
}

var applicationsView = web.NewView[applicationsPage]("staff_applications")

// stageWords are what the page shows, besides what waits.
var stageWords = []web.Choice{{Value: string(invite.Passed), Text: "Let in"}, {Value: string(invite.Refused), Text: "Refused"}, {Value: string(invite.Withdrawn), Text: "Withdrawn"}}

// applications shows what waits, the longest first, or what was decided, the newest first.
func (h handlers) applications(v *web.Visit) error {
	p := applicationsPage{Show: oneOf(stageWords, v.Query("show")), Head: part.Head{Title: "Applications", Lead: "Who would like to join. Claim one before you decide, so that nobody else does meanwhile.",
		Action: part.Link{Text: "What they are asked", Address: questionsAddress}}}
	door, err := h.Invites.Door(v.Context())
	if err != nil {
		return err
	}
	if door.Mode != setting.ModeApplication {
		p.Closed = part.Notice{Kind: part.Info, Title: "Nobody can apply at present.", Text: "The setting " + setting.RegistrationMode.Name + " is " + door.Mode + ". What waits can still be decided."}
		if v.Me.Can(core.SettingManage) {
			p.Closed.Action = part.Link{Text: "Change how people join", Address: settingsAddress}
		}
	}
	from := web.Number(v.Query("from"))
	var list []invite.Application
	if p.Show == "" {
		list, err = h.Invites.Applications(v.Context(), from, applicationRows+1)
	} else {
		list, err = h.Invites.Decided(v.Context(), from, applicationRows+1, invite.Stage(p.Show))
	}
	if err != nil {
		return err
	}
	p.Rows = list[:min(len(list), applicationRows)]
	p.Ranges = []part.Link{{Text: "Waiting", Address: applicationsPart("", 0), Current: p.Show == ""}}
	for _, s := range stageWords {
		p.Ranges = append(p.Ranges, part.Link{Text: s.Text, Address: applicationsPart(s.Value, 0), Current: p.Show == s.Value})
	}
	if from > 0 {
		p.First = applicationsPart(p.Show, 0)
	}
	if len(list) > applicationRows {
		p.Next = applicationsPart(p.Show, p.Rows[applicationRows-1].ID)
	}
	return applicationsView.OK(v, p)
}

// applicationsPart is the address of a part of the list.
func applicationsPart(show string, from int64) string {
	q := url.Values{}
	if show != "" {
		q.Set("show", show)
	}
	if from > 0 {
		q.Set("from", strconv.FormatInt(from, 10))
	}
	if len(q) == 0 {
		return applicationsAddress
	}
	return applicationsAddress + "?" + q.Encode()
}

// applicationPage is one application, and what the visitor may do about it.
type applicationPage struct {
	invite.Detail
	Mine    bool   // the visitor has claimed it
	Invite  string // what became of the invite of one who was let in
	Verdict []web.CommandForm
	Acts    []web.CommandForm
	Note    []web.CommandForm // one
}

var applicationView = web.NewView[applicationPage]("staff_application")

// application shows one application. That somebody looked at it is in the audit log, as it is
// by the command "application show".
func (h handlers) application(v *web.Visit) (err error) {
	id := web.Number(v.Param("number"))
	if err := h.look(v, "application show", id); err != nil {
		return err
	}
	p := applicationPage{}
	if p.Detail, err = h.Invites.Detail(v.Context(), id); err != nil {
		return err
	}
	p.Mine = p.Stage == invite.Claimed && p.ClaimedBy == v.Me.ID
	var acts, verdict []string
	switch {
	case p.Mine:
		acts, verdict = []string{"application release"}, []string{"application pass", "application refuse"}
	case p.Stage == invite.Claimed:
		acts = []string{"application release"}
	case p.Stage == invite.Fresh:
		acts = []string{"application claim"}
	default:
		acts = []string{"application reopen"}
	}
	back, known := fmt.Sprintf("%s/%d", applicationsAddress, id), map[string]string{"id": strconv.FormatInt(id, 10)}
	if p.Verdict, err = h.forms(v, back, known, verdict...); err != nil {
		return err
	}
	if p.Acts, err = h.forms(v, back, known, acts...); err != nil {
		return err
	}
	if p.Note, err = h.forms(v, back, known, "application note"); err != nil {
		return err
	}
	if p.Stage == invite.Passed {
		if p.Invite, err = h.became(v, p.Application); err != nil {
			return err
		}
	}
	return applicationView.OK(v, p)
}

// became says what became of the invite of one who was let in.
func (h handlers) became(v *web.Visit, a invite.Application) (string, error) {
	i, err := h.Invites.ByID(v.Context(), a.Invite)
	if core.CodeOf(err) == core.NotFound {
		return "it expired unused", nil
	}
	if err != nil {
		return "", err
	}
	switch i.State(h.Clock()) {
	case invite.Used:
		return i.UsedName + " joined by it", nil
	case invite.Open:
		return "it waits to be used", nil
	case invite.Revoked:
		return "it was taken back", nil
	}
	return "it expired unused", nil
}

// questionsPage is what applicants are asked, with the forms that change it.
type questionsPage struct {
	Rows []questionRow
	Add  []web.CommandForm // one at most
	Most int
}

type questionRow struct {
	invite.Question
	Place int
	Acts  []web.CommandForm
}

var questionsView = web.NewView[questionsPage]("staff_questions")

func (h handlers) questions(v *web.Visit) error {
	list, err := h.Invites.Questions(v.Context())
	if err != nil {
		return err
	}
	p := questionsPage{Most: invite.MaxQuestions}
	for i, q := range list {
		row := questionRow{Question: q, Place: i + 1}
		names := []string{"question move", "question remove"}
		if len(list) < 2 {
			names = names[1:]
		}
		if row.Acts, err = h.forms(v, questionsAddress, map[string]string{"id": strconv.FormatInt(q.ID, 10)}, names...); err != nil {
			return err
		}
		p.Rows = append(p.Rows, row)
	}
	if len(list) < invite.MaxQuestions {
		if p.Add, err = h.forms(v, questionsAddress, nil, "question add"); err != nil {
			return err
		}
	}
	return questionsView.OK(v, p)
}
