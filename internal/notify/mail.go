package notify

import (
	"context"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/mail"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// ByMail carries notifications by mail, to the address that a member has confirmed.
type ByMail struct {
	Queue   *mail.Queue
	Members *member.Store
	// Address is where letters to a member go, as a transaction sees it; "" for nowhere: no
	// address is confirmed, or letters to it come back.
	Address func(ctx context.Context, tx *db.Tx, m core.MemberID) (string, error)
}

// Ready implements Carrier.
func (b ByMail) Ready() bool { return b.Queue.Configured() }

// Carry implements Carrier. The letter is put into the queue in tx, so there is one
// exactly when the delivery is done.
func (b ByMail) Carry(ctx context.Context, tx *db.Tx, d Delivery) (bool, error) {
	m, err := b.Members.In(tx).ByID(ctx, d.Member)
	if core.CodeOf(err) == core.NotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	to, err := b.Address(ctx, tx, d.Member)
	if err != nil || to == "" {
		return false, err
	}
	_, err = b.Queue.In(tx).Put(ctx, letter(m.Name, to, d))
	return true, err
}

// letter words a notification.
func letter(name, to string, d Delivery) mail.Letter {
	n := mail.Notice{Name: name, Title: strings.TrimSuffix(d.Title, "."), Text: d.Text, Link: d.Link, Button: "Look on the site"}
	info, _ := KindNamed(d.Kind)
	if info.Said { // somebody's own words
		n.Text, n.Quote = d.Title, d.Text
	} else if n.Text != "" {
		n.Text = d.Title + " " + d.Text
	}
	l := mail.Letter{To: to, Member: d.Member, Kind: string(d.Kind), Once: d.Once}
	if d.Off != "" {
		l.Unsubscribe, n.About = "/unsubscribe/"+d.Off, info.Words
	}
	l.Content = n
	return l
}
