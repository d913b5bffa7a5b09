package staff

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/invite"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// staffMemberPage is the card of a member, with what the visitor may see of them and do.
type staffMemberPage struct {
	View    member.View
	Links   []part.Link
	Held    []heldCause
	Acts    []web.CommandForm
	History []part.Event // what they did and what was done to them

	SeesNotes bool
	Notes     []member.Note
	NoteForm  *web.CommandForm
	AllNotes  string // the address of all, where these are not

	Came    *invite.Origin // nil where the visitor may not know
	Invited string         // the address of the tree of those whom they invited

	SeesClients bool
	Clients     []transfer.ClientUse

	SeesFigures bool // what the member may hide from others
	Uploads     []catalog.Torrent
	Snatches    []transfer.Snatch
}

// heldCause is a cause with the address of its lifting, "" where the visitor may not.
type heldCause struct {
	member.Cause
	Name string // of the member
	Lift string
}

var staffMemberView = web.NewView[staffMemberPage]("staff_member")

const (
	cardNotes   = 5
	cardClients = 6
	cardLatest  = 5 // of uploads and of snatches
)

func (h handlers) staffMember(v *web.Visit) error {
	m := v.Found.Member
	var p staffMemberPage
	var err error
	if p.View, err = h.Members.See(v.Context(), v.Me.Viewer(), m); err != nil {
		return err
	}
	p.Links = h.cardLinks(v, m)
	for _, c := range m.Holding {
		p.Held = append(p.Held, h.held(v, m, c, web.StaffAddress(m.Name)))
	}
	if p.Acts, err = web.CommandForms(v, h.Commands, command.Subject{Member: &m}, web.StaffAddress(m.Name)); err != nil {
		return err
	}
	if err := h.addLinks(v, m, &p.Acts); err != nil {
		return err
	}
	for _, fill := range []func(*web.Visit, member.Member, *staffMemberPage) error{h.cardNotes, h.cardOrigin, h.cardTransfer} {
		if err := fill(v, m, &p); err != nil {
			return err
		}
	}
	if p.History, err = h.history(v, m); err != nil {
		return err
	}
	return staffMemberView.OK(v, p)
}

// addLinks offers what can be done with links by which a member may choose a new
// passphrase, where there are any.
func (h handlers) addLinks(v *web.Visit, m member.Member, acts *[]web.CommandForm) error {
	subject := command.Subject{Member: &m}
	if !h.Commands.Allows(v.Actor(), "member unrecover", subject) {
		return nil
	}
	open, waits, err := h.Recovery.Open(v.Context(), m.ID, v.Me.ID)
	if err != nil {
		return err
	}
	for name, is := range map[string]bool{"member recoverlink": waits, "member unrecover": open} {
		if !is {
			continue
		}
		info, err := h.Commands.Named(v.Actor(), name)
		if err != nil {
			return err
		}
		f, err := web.NewCommandForm(v, h.Commands, info, map[string]string{info.First().Name: m.Name}, nil, web.StaffAddress(m.Name))
		if err != nil {
			return err
		}
		*acts = append(*acts, f)
	}
	slices.SortStableFunc(*acts, func(a, b web.CommandForm) int { return cmp.Compare(a.Slug, b.Slug) })
	return nil
}

// cardLinks lead to what is a page of its own, so that a look at it is meant.
func (h handlers) cardLinks(v *web.Visit, m member.Member) []part.Link {
	out := []part.Link{{Text: "Profile", Address: web.MemberAddress(m.Name)}}
	if v.Me.Can(core.TrackerRead) {
		out = append(out, part.Link{Text: "Announces", Address: web.StaffAddress(m.Name) + "/announces"})
	}
	if v.Me.Can(core.InviteManage) {
		out = append(out, part.Link{Text: "Invite tree", Address: treeAddress(m.Name)})
	}
	for _, l := range []struct{ text, command string }{{"All causes", "member causes"}, {"Security log", "member security"}, {"Addresses", "member addresses"}, {"At the same addresses", "member near"}} {
		if h.Commands.Allows(v.Actor(), l.command, command.Subject{Member: &m}) {
			out = append(out, part.Link{Text: l.text, Address: commandOn(l.command, m.Name, web.StaffAddress(m.Name), nil)})
		}
	}
	return out
}

// commandOn is the address of a command's form with its arguments filled in.
func commandOn(name, about, back string, more url.Values) string {
	q := url.Values{"name": {about}, "back": {back}}
	for key, values := range more {
		q[key] = values
	}
	return web.CommandAddress(name) + "?" + q.Encode()
}

// held is a cause with the way to lift it.
func (h handlers) held(v *web.Visit, m member.Member, c member.Cause, back string) heldCause {
	out := heldCause{Cause: c, Name: m.Name}
	if v.Me.Can(c.Effect.Info().Need) && h.Commands.Allows(v.Actor(), "member lift", command.Subject{Member: &m}) {
		out.Lift = commandOn("member lift", m.Name, back, url.Values{"cause": {strconv.FormatInt(c.ID, 10)}})
	}
	return out
}

// cardNotes reads the newest notes, and takes the form for a new one out of the acts.
func (h handlers) cardNotes(v *web.Visit, m member.Member, p *staffMemberPage) error {
	if !h.Commands.Allows(v.Actor(), "note add", command.Subject{Member: &m}) {
		return nil
	}
	p.SeesNotes = true
	if i := slices.IndexFunc(p.Acts, func(f web.CommandForm) bool { return f.Slug == "note-add" }); i >= 0 {
		form := p.Acts[i]
		p.Acts = slices.Delete(p.Acts, i, i+1)
		form.Fields[0].Label, form.Fields[0].Rows = "A new note", 3
		p.NoteForm = &form
	}
	list, err := h.Members.Notes(v.Context(), m.ID, 0, cardNotes+1)
	if err != nil {
		return err
	}
	if len(list) > cardNotes {
		list, p.AllNotes = list[:cardNotes], commandOn("note list", m.Name, web.StaffAddress(m.Name), nil)
	}
	p.Notes = list
	return nil
}

// cardOrigin reads who invited the member.
func (h handlers) cardOrigin(v *web.Visit, m member.Member, p *staffMemberPage) error {
	if !v.Me.Can(core.InviteManage) {
		return nil
	}
	if err := h.Members.LookAtInvites(v.Context(), v.Me.Viewer(), m.ID); err != nil {
		return err
	}
	p.Invited = treeAddress(m.Name)
	o, err := h.Invites.Origin(v.Context(), m.ID)
	p.Came = &o
	return err
}

// cardTransfer reads clients, uploads and downloads.
func (h handlers) cardTransfer(v *web.Visit, m member.Member, p *staffMemberPage) (err error) {
	if p.SeesClients = v.Me.Can(core.TrackerRead); p.SeesClients {
		if p.Clients, err = h.Transfer.Clients(v.Context(), m.ID, cardClients); err != nil {
			return err
		}
	}
	if p.SeesFigures = v.Me.Can(core.MemberSeePrivate); !p.SeesFigures {
		return nil
	}
	if p.Uploads, err = h.Catalog.Uploads(v.Context(), v.Viewer(), m.ID, 0, cardLatest); err != nil {
		return err
	}
	p.Snatches, err = h.Transfer.Snatches(v.Context(), m.ID, cardLatest)
	return err
}
