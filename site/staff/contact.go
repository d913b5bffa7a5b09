package staff

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/support"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// contactListPage lists what people wrote to staff.
type contactListPage struct {
	Head   part.Head
	Ranges []part.Link // the states
	State  support.State
	Rows   []support.Ticket
	First  string
	Next   string
}

var contactListView = web.NewView[contactListPage]("staff_contact")

const (
	contactAddress = "/staff/contact"
	contactRows    = 50
)

// stateWords are the states as the page calls them.
var stateWords = []web.Choice{{Value: string(support.Open), Text: "Waiting"}, {Value: string(support.Answered), Text: "Answered"}, {Value: string(support.Closed), Text: "Closed"}}

// contactList shows what waits for an answer, or what is answered or closed.
func (h handlers) contactList(v *web.Visit) error {
	p := contactListPage{State: support.State(oneOf(stateWords, v.Query("state"))), Head: part.Head{Title: "Inbox of the staff", Lead: "What people wrote to staff, members and strangers. Whoever answers first is shown to the others.",
		Action: part.Link{Text: "The form", Address: "/contact"}}}
	if p.State == "" {
		p.State = support.Open
	}
	from := web.Number(v.Query("from"))
	list, err := h.Support.List(v.Context(), support.Filter{State: p.State, From: from}, contactRows+1)
	if err != nil {
		return err
	}
	p.Rows = list[:min(len(list), contactRows)]
	for _, s := range stateWords {
		p.Ranges = append(p.Ranges, part.Link{Text: s.Text, Address: contactPart(s.Value, 0), Current: s.Value == string(p.State)})
	}
	if from > 0 {
		p.First = contactPart(string(p.State), 0)
	}
	if len(list) > contactRows {
		p.Next = contactPart(string(p.State), p.Rows[contactRows-1].ID)
	}
	return contactListView.OK(v, p)
}

// contactPart is the address of a part of the list.
func contactPart(state string, from int64) string {
	q := url.Values{}
	if state != string(support.Open) {
		q.Set("state", state)
	}
	if from > 0 {
		q.Set("from", strconv.FormatInt(from, 10))
	}
	if len(q) == 0 {
		return contactAddress
	}
	return contactAddress + "?" + q.Encode()
}

// contactDetailPage is one message with its answers, and what the visitor may do about it.
type contactDetailPage struct {
	support.Detail
	ByHand bool              // the site sends no mail: staff write to the stranger by hand
	Answer []web.CommandForm // one at most
	Acts   []web.CommandForm
}

var contactDetailView = web.NewView[contactDetailPage]("staff_contact_message")

// contactDetail shows one message. That somebody looked at it is in the audit log, as it is
// by the command "contact show".
func (h handlers) contactDetail(v *web.Visit) error {
	id := web.Number(v.Param("number"))
	if err := h.look(v, "contact show", id); err != nil {
		return err
	}
	p := contactDetailPage{}
	var err error
	if p.Detail, err = h.Support.Detail(v.Context(), id); err != nil {
		return err
	}
	p.ByHand = p.Member == 0 && !h.Support.Mails()
	var names []string
	switch {
	case p.State == support.Closed:
		names = []string{"contact reopen"}
	case p.Assignee != 0:
		names = []string{"contact release", "contact close"}
	default:
		names = []string{"contact claim", "contact close"}
	}
	back, known := fmt.Sprintf("%s/%d", contactAddress, id), map[string]string{"id": strconv.FormatInt(id, 10)}
	if p.State != support.Closed {
		if p.Answer, err = h.forms(v, back, known, "contact answer"); err != nil {
			return err
		}
	}
	if p.Acts, err = h.forms(v, back, known, names...); err != nil {
		return err
	}
	return contactDetailView.OK(v, p)
}

// look runs a question about the thing with a number for its row in the audit log alone.
func (h handlers) look(v *web.Visit, name string, id int64) error {
	_, err := h.Commands.Execute(v.Context(), command.Request{Actor: v.Actor(), Command: name, Given: map[string]string{"id": strconv.FormatInt(id, 10)}})
	return err
}

// forms draws the forms of some commands, with arguments that are known.
func (h handlers) forms(v *web.Visit, back string, known map[string]string, names ...string) (out []web.CommandForm, err error) {
	for _, name := range names {
		info, err := h.Commands.Named(v.Actor(), name)
		if err != nil {
			return nil, err
		}
		f, err := web.NewCommandForm(v, h.Commands, info, known, nil, back)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}
