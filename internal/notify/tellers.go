package notify

import (
	"context"
	"fmt"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
)

// ifNotYou is what to do where somebody else may be in the account.
const ifNotYou = "If that was not you, change your passphrase and end what a stranger may hold: both are in your settings, under security."

func (c *Consumer) secretChanged(_ context.Context, _ *db.Tx, e eventlog.SecretChanged) ([]Note, error) {
	entry := security.Entry{Kind: security.Kind(e.Kind)}
	text := "It was done with your account. " + ifNotYou
	if e.By != 0 && e.By != e.Member {
		text = "Staff did it. If you don't know why, ask them: the page about staff says how."
	}
	return []Note{{Member: e.Member, Kind: SecretChanged, Title: entry.What() + ".", Text: text, Link: "/settings/security"}}, nil
}

func (c *Consumer) mailReturned(_ context.Context, _ *db.Tx, e eventlog.MemberMailFailed) ([]Note, error) {
	return []Note{{Member: e.Member, Kind: MailReturned, Title: "Letters to your mail address come back.",
		Text: "There is no such address, says the server that is to take them. Nothing more is sent there: give another address, or confirm it once more. Without one, only recovery codes or staff let you back in when you have lost your passphrase.",
		Link: "/settings/recovery"}}, nil
}

func (c *Consumer) newPlace(_ context.Context, _ *db.Tx, e eventlog.NewLoginPlace) ([]Note, error) {
	return []Note{{Member: e.Member, Kind: NewPlace, Title: "Somebody logged in to your account from a network that is new.",
		Text: "It was with your passphrase. Your security log has the address and the browser. " + ifNotYou, Link: "/settings/security"}}, nil
}

func (c *Consumer) keyShown(_ context.Context, _ *db.Tx, e eventlog.KeyShown) ([]Note, error) {
	if e.Member == 0 {
		return nil, nil
	}
	key, where := member.SecretKind(e.Key).String(), "in "+e.Where
	text := "Others may have read it. Replace it now; what you lose by that is said there."
	if !e.Reached {
		text = "It was held back in time, so probably nobody read it. Replace it to be sure."
	}
	return []Note{{Member: e.Member, Kind: KeyShown, Title: fmt.Sprintf("Your %s was written %s.", key, where), Text: text, Link: "/settings/keys"}}, nil
}

// maxOwners bounds whom one edit of a dataset is told.
const maxOwners = 20

func (c *Consumer) torrentChanged(ctx context.Context, tx *db.Tx, e eventlog.TorrentChanged) (notes []Note, err error) {
	if e.By == 0 { // the program itself, or an older release
		return nil, nil
	}
	list, err := c.Catalog.In(tx).Uploaded(ctx, e.Group, e.Torrent, maxOwners)
	if err != nil {
		return nil, err
	}
	told := map[core.MemberID]bool{e.By: true}
	for _, u := range list {
		if told[u.Owner] {
			continue
		}
		told[u.Owner] = true
		notes = append(notes, Note{Member: u.Owner, Kind: UploadEdited, Subject: Subject{"torrent", int64(u.Torrent)}, Link: fmt.Sprintf("/torrents/%d", u.Torrent),
			Title: fmt.Sprintf("“%s” was edited.", short(u.Title, 100)), Text: "Somebody else changed the description of what you uploaded. Look whether it is right."})
	}
	return notes, nil
}

func (c *Consumer) torrentDeleted(ctx context.Context, tx *db.Tx, e eventlog.TorrentDeleted) ([]Note, error) {
	d, found, err := c.Catalog.In(tx).Deletion(ctx, e.Torrent)
	if err != nil || !found || d.By == d.Owner {
		return nil, err
	}
	return []Note{{Member: d.Owner, Kind: UploadDeleted, Subject: Subject{"torrent", int64(e.Torrent)}, Link: "/help/staff",
		Title: fmt.Sprintf("“%s” was deleted.", short(d.Title, 100)),
		Text:  fmt.Sprintf("The reason given is: %s. It is no longer served; ask staff if you think that this is wrong.", d.Reason)}}, nil
}
