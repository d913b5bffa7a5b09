package home

import (
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// startFacts are what the first steps of a newcomer are judged by.
type startFacts struct {
	announced bool // a client of theirs
	fetched   bool // they completed a download, or uploaded something themselves
	seeded    bool
	rules     bool // they say that they read them
	mayIRC    bool
	onIRC     bool
}

// startStep is one of the first steps.
type startStep struct {
	Done   bool
	Title  string
	Text   string
	Action part.Link
	Post   string // where a button says that it is done; "" where the site sees that itself
}

// startSteps are the first steps in their order. all reports whether nothing is left.
func startSteps(f startFacts) (steps []startStep, all bool) {
	steps = []startStep{
		{Title: "Read the rules", Text: "They are short.", Done: f.rules, Action: part.Link{Text: "The rules", Address: "/rules"}, Post: "/start/rules"},
		{Title: "Set up a BitTorrent client", Text: "Most are welcome. It is done when your client has talked to the tracker.", Done: f.announced, Action: part.Link{Text: "Start in five minutes", Address: "/help"}},
		{Title: "Fetch your first dataset", Text: "Take a small one to begin with: download its .torrent, and open it in your client.", Done: f.fetched, Action: part.Link{Text: "Browse", Address: "/browse"}},
		{Title: "Seed it", Text: "Let the client run on: what you send to others is your credit.", Done: f.seeded, Action: part.Link{Text: "My torrents", Address: "/me/torrents"}},
	}
	if f.mayIRC {
		steps = append(steps, startStep{Title: "Say hello on IRC", Text: "New datasets are told there first, and staff can be asked.", Done: f.onIRC, Action: part.Link{Text: "How to connect", Address: "/help/irc"}})
	}
	all = true
	for _, s := range steps {
		all = all && s.Done
	}
	return steps, all
}

// start is the first steps of the visitor, none where they are done or put away.
func (h handlers) start(v *web.Visit, p member.View) ([]startStep, error) {
	marks, err := h.Members.Marks(v.Context(), v.Me.ID)
	if err != nil || !marks[member.StartDone].IsZero() {
		return nil, err
	}
	f := startFacts{rules: !marks[member.RulesRead].IsZero(), mayIRC: v.Me.Can(core.IRCConnect) && h.IRC.Host != "",
		fetched: p.Snatched().Value > 0 || p.Uploads().Value > 0, seeded: p.Seeding().Value > 0 || p.Uploaded().Value > 0}
	records, _, err := h.Transfer.OfMember(v.Context(), v.Me.ID, 0, "", 1)
	if err != nil {
		return nil, err
	}
	f.announced = len(records) > 0 || p.Downloaded().Value > 0 || p.Uploaded().Value > 0
	if f.mayIRC {
		if f.onIRC, err = h.Members.Security().Happened(v.Context(), v.Me.ID, security.LoggedIn, security.IRC); err != nil {
			return nil, err
		}
	}
	steps, all := startSteps(f)
	if all {
		return nil, h.Members.SetMark(v.Context(), v.Me.ID, member.StartDone)
	}
	return steps, nil
}

func (h handlers) rulesRead(v *web.Visit) error {
	if err := h.Members.SetMark(v.Context(), v.Me.ID, member.RulesRead); err != nil {
		return err
	}
	return v.SeeOther("/", "")
}

func (h handlers) putAway(v *web.Visit) error {
	if err := h.Members.SetMark(v.Context(), v.Me.ID, member.StartDone); err != nil {
		return err
	}
	return v.SeeOther("/", "The first steps are put away. The help has them all.")
}
