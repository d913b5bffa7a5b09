package v1

import (
	"net/http"
	"time"

	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/site/web"
)

// NotificationsAnswer is a part of the token's owner's inbox, newest first.
type NotificationsAnswer struct {
	Unread        int            `json:"unread"` // in the whole inbox
	Notifications []Notification `json:"notifications"`
	Before        int64          `json:"before,omitempty"` // give it as before to get older ones; missing at the end
}

// Notification is something that the owner was told.
type Notification struct {
	ID    int64     `json:"id"`
	Kind  string    `json:"kind"`
	Title string    `json:"title"`
	Text  string    `json:"text"`
	Link  string    `json:"link,omitempty"` // an address on the site
	Times int       `json:"times"`          // how many alike it stands for
	At    time.Time `json:"at"`
	Read  bool      `json:"read"`
}

const notificationsAtOnce = 50

func (h handlers) notifications(v *web.Visit) error {
	list, err := h.Notices.Page(v.Context(), v.Me.ID, web.Number(v.Query("before")), false, notificationsAtOnce+1)
	if err != nil {
		return err
	}
	out := NotificationsAnswer{Notifications: []Notification{}}
	if out.Unread, err = h.Notices.Unread(v.Context(), v.Me.ID); err != nil {
		return err
	}
	for _, i := range list[:min(len(list), notificationsAtOnce)] {
		out.Notifications = append(out.Notifications, h.notification(i))
	}
	if len(list) > notificationsAtOnce {
		out.Before = list[notificationsAtOnce-1].ID
	}
	return v.JSON(http.StatusOK, out)
}

func (h handlers) notification(i notify.Item) Notification {
	n := Notification{ID: i.ID, Kind: string(i.Kind), Title: i.Title, Text: i.Text, Times: i.Times, At: i.At, Read: i.Read}
	if i.Link != "" {
		n.Link = h.Base + i.Link
	}
	return n
}
