package inbox

import (
	"net/url"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// inboxPage is a part of what the visitor was told.
type inboxPage struct {
	Items  []item
	Unread int
	Newest int64  // of all that is shown; 0 for nothing
	Before int64  // of the part that is shown; 0 for the newest
	Show   string // showNew, or "" for everything
	Ranges []part.Link
	Next   string // the address of older ones, "" where there are none
	Empty  part.Notice
}

// item is a notification as the page shows it.
type item struct {
	notify.Item
	About string // what the settings call its kind
}

var inboxView = web.NewView[inboxPage]("inbox")

const (
	itemsPerPage = 25
	showNew      = "new"
)

func (h handlers) inbox(v *web.Visit) error {
	p := inboxPage{Before: web.Number(v.Query("before")), Unread: v.Session.Unread}
	if v.Query("show") == showNew {
		p.Show = showNew
	}
	list, err := h.Notices.Page(v.Context(), v.Me.ID, p.Before, p.Show != "", itemsPerPage+1)
	if err != nil {
		return err
	}
	for _, i := range list[:min(len(list), itemsPerPage)] {
		info, _ := notify.KindNamed(i.Kind)
		p.Items = append(p.Items, item{i, info.Words})
	}
	if len(list) > itemsPerPage {
		p.Next = address(p.Show, p.Items[itemsPerPage-1].ID)
	}
	if len(p.Items) > 0 {
		p.Newest = p.Items[0].ID
	}
	p.Ranges = []part.Link{{Text: "All", Address: address("", 0), Current: p.Show == ""}, {Text: "Unread", Address: address(showNew, 0), Current: p.Show != ""}}
	p.Empty = emptiness(p)
	return inboxView.OK(v, p)
}

// emptiness says why nothing is shown.
func emptiness(p inboxPage) part.Notice {
	switch {
	case p.Before > 0:
		return part.Notice{Title: "Nothing is older", Action: part.Link{Text: "To the newest", Address: address(p.Show, 0)}}
	case p.Show != "":
		return part.Notice{Title: "You have read everything", Action: part.Link{Text: "See what you were told", Address: "/inbox"}}
	}
	return part.Notice{Title: "Nothing is here yet", Text: "What concerns your account and what you uploaded is told here.",
		Action: part.Link{Text: "Choose what you are told, and how", Address: "/settings/notifications"}}
}

// address is that of a part of the inbox.
func address(show string, before int64) string {
	q := url.Values{}
	if show != "" {
		q.Set("show", show)
	}
	if before > 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	if len(q) == 0 {
		return "/inbox"
	}
	return "/inbox?" + q.Encode()
}

// back is the part of the inbox from which a form was sent.
func back(v *web.Visit) string {
	show := ""
	if v.Form("show") == showNew {
		show = showNew
	}
	return address(show, web.Number(v.Form("before")))
}

// read marks one notification as read, and leads to what it is about if that is asked.
func (h handlers) read(v *web.Visit) error {
	n, err := h.Notices.MarkRead(v.Context(), v.Me.ID, web.Number(v.Param("id")))
	if err != nil {
		return err
	}
	if v.Form("then") == "open" && n.Link != "" {
		return v.SeeOther(n.Link, "")
	}
	return v.SeeOther(back(v), "")
}

// readAll marks as read what was there when the page was shown.
func (h handlers) readAll(v *web.Visit) error {
	n, err := h.Notices.MarkAllRead(v.Context(), v.Me.ID, web.Number(v.Form("upto")))
	if err != nil {
		return err
	}
	return v.SeeOther(back(v), text.Plural(int(n), "notification")+" marked as read.")
}
