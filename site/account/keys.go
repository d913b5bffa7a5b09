package account

import (
	"net/http"

	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/security"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// keysPage holds the announce key and the tokens of programs.
type keysPage struct {
	settings
	Keys   []part.Key
	Tokens []member.Token
	Name   string // of a token, as typed
	Scope  string
}

var keysView = web.NewView[keysPage]("keys")

func (h handlers) keys(v *web.Visit) error {
	return h.showKeys(v, http.StatusOK, keysPage{settings: settingsOf(v, keysSection)})
}

func (h handlers) showKeys(v *web.Visit, status int, p keysPage) error {
	known, err := h.Members.Security().Keys(v.Context(), v.Me.ID)
	if err != nil {
		return err
	}
	announce, err := h.announceKey(v, known)
	if err != nil {
		return err
	}
	link, err := h.Members.AuthKey(v.Context(), v.Me.ID)
	if err != nil {
		return err
	}
	p.Keys = []part.Key{announce, {ID: "link-key", Name: "Key for download links", What: "It stands beside the announce key in the links by which programs download .torrent files for you, and is replaced with it.",
		Made: known.AnnounceMade, UsedOn: known.LinkUsed, Values: []part.KeyValue{{Label: "Key for download links", Value: link}}}}
	if p.Tokens, err = h.Members.Tokens(v.Context(), v.Me.ID); err != nil {
		return err
	}
	return keysView.Render(v, status, p)
}

// announceKey is the visitor's announce key, with the addresses in which it stands.
func (h handlers) announceKey(v *web.Visit, known security.Keys) (part.Key, error) {
	key, err := h.Members.AnnounceKey(v.Context(), v.Me.ID)
	if err != nil {
		return part.Key{}, err
	}
	used, err := h.Transfer.LastAnnounce(v.Context(), v.Me.ID)
	if err != nil {
		return part.Key{}, err
	}
	k := part.Key{ID: "announce-key", Name: "Announce key", What: "It tells the tracker who you are, and stands in the address to which your clients announce. Show it to nobody.",
		Made: known.AnnounceMade, LastUsed: security.UsedSince(known.AnnounceMade, used), Renew: part.Post{Address: "/settings/announce-key", Button: "Make another …"},
		Values: []part.KeyValue{{Label: "Announce key", Value: key}}}
	label := "Announce address"
	for _, address := range h.Trackers.For(key) {
		k.Values = append(k.Values, part.KeyValue{Label: label, Value: address})
		label = "Another, for when that one fails"
	}
	return k, nil
}

// ircKey is the visitor's IRC key.
func (h handlers) ircKey(v *web.Visit) (part.Key, error) {
	key, err := h.Members.IRCKey(v.Context(), v.Me.ID)
	if err != nil {
		return part.Key{}, err
	}
	known, err := h.Members.Security().Keys(v.Context(), v.Me.ID)
	return part.Key{ID: "irc-key", Name: "IRC key", What: "With it you log in to the IRC network. Show it to nobody.", Made: known.IRCMade, LastUsed: known.IRCUsed,
		Renew: part.Post{Address: "/settings/irc-key", Button: "Make another …"}, Values: []part.KeyValue{{Label: "IRC key", Value: key}}}, err
}

func (h handlers) newAnnounceKey(v *web.Visit) error {
	if _, err := h.Members.NewAnnounceKey(v.Context(), v.Me.ID); err != nil {
		return err
	}
	return v.SeeOther("/settings/keys#announce-key", "You have a new announce key. Download your .torrent files again: the old ones no longer announce.")
}

func (h handlers) newIRCKey(v *web.Visit) error {
	if _, err := h.Members.NewIRCKey(v.Context(), v.Me.ID); err != nil {
		return err
	}
	return v.SeeOther("/settings/irc#irc-key", "You have a new IRC key. Put it into your IRC client.")
}
