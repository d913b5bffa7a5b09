package sitetest

import (
	"context"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/notify"
)

// Post is a way of mail that keeps what it carries.
type Post struct {
	Sends   bool // the site has mail
	Carried []notify.Delivery
}

// Ready implements notify.Carrier.
func (p *Post) Ready() bool { return p.Sends }

// Carry implements notify.Carrier.
func (p *Post) Carry(_ context.Context, _ *db.Tx, d notify.Delivery) (bool, error) {
	p.Carried = append(p.Carried, d)
	return true, nil
}

// Tell tells somebody something.
func (w *World) Tell(who string, n notify.Note) {
	w.t.Helper()
	n.Member = w.People[who].Member.ID
	_, err := w.Deps.Notices.Write(w.t.Context(), n)
	w.Must(err)
}

// Told lets everything be told of which there are events. It returns the titles of what
// stands in somebody's inbox, newest first.
func (w *World) Told(who string) (titles []string) {
	w.t.Helper()
	ctx := w.t.Context()
	consumer := notify.Consumer{Store: w.Deps.Notices, Members: w.Deps.Members, Catalog: w.Deps.Catalog}
	events, err := w.Deps.Events.Read(ctx, w.told, 10_000)
	w.Must(err)
	for _, e := range events {
		for _, h := range consumer.Handlers(func() {}) {
			if h.Kind == e.Kind {
				w.Must(w.DB.Tx(ctx, func(tx *db.Tx) error { return h.Do(ctx, tx, e) }))
			}
		}
		w.told = e.ID
	}
	list, err := w.Deps.Notices.Page(ctx, w.People[who].Member.ID, 0, false, notify.MaxPage)
	w.Must(err)
	for _, i := range list {
		titles = append(titles, i.Title)
	}
	return titles
}
