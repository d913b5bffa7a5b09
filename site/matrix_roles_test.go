package site_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/web"
)

// cookie says what session a role's browser holds.
type cookie int

const (
	noCookie cookie = iota
	running
	withdrawn // it was logged out elsewhere
	expired
)

// role is somebody who may come to an address of the site. Everybody with an account has one
// of their own, and everybody comes from a network of their own.
type role struct {
	name     string
	class    string // of the account; "" for who has none
	duty     string // a secondary class besides
	effects  []member.Effect
	single   core.Permission // of the effects that concern one
	cookie   cookie
	token    string // the API token's scope, or one of the words below; "" for none
	link     bool   // the keys of a personal download link are in the address
	banned   bool   // the address is banned
	code     bool   // they hold the code of an application
	victim   bool   // it is they whose secrets are planted
	asked    bool   // staff have asked everybody to accept the rules anew, and they have not
	asker    bool   // what they asked for waits for the approval of somebody else
	id       core.MemberID
	origin   netip.AddrPort
	secret   string // the token, as it is sent
	session  string
	keys     url.Values // the link's
	password string
}

// What a role's API token may be besides one of a scope.
const (
	noScope = "no scope" // none that there is
	revoked = "revoked"
	unknown = "unknown"
)

// in reports whether the site knows on a route of a kind who asks.
func (r *role) in(k web.Kind) bool {
	if r.shut() {
		return false
	}
	switch k {
	case web.API:
		return r.token != "" && r.token != revoked && r.token != unknown
	case web.Download:
		return r.link || r.cookie == running
	}
	return r.cookie == running
}

// led reports whether a browser is led to the rules first.
func (r *role) led() bool { return r.asked && r.cookie == running }

func (r *role) shut() bool  { return r.any(func(e effect) bool { return e.shuts }) }
func (r *role) waits() bool { return r.any(func(e effect) bool { return e.waits }) }

func (r *role) any(is func(effect) bool) bool {
	for _, e := range r.effects {
		if is(effects[e]) {
			return true
		}
	}
	return false
}

// roles are all who may come. Classes and effects are the program's own lists: one that is
// new there comes here as well.
func roles(t *testing.T, w *sitetest.World) []*role {
	t.Helper()
	out := []*role{
		{name: "visitor"},
		{name: "visitor from a banned address", banned: true},
		{name: "applicant", code: true},
		{name: "member who logged out", class: "User", cookie: withdrawn},
		{name: "member whose session expired", class: "User", cookie: expired},
		{name: "member from a banned address", class: "User", cookie: running, token: "upload", banned: true},
		{name: "Moderator from a banned address", class: "Moderator", cookie: running, banned: true},
		{name: "Moderator whose act waits", class: "Moderator", cookie: running, asker: true},
		{name: "disabled Moderator", class: "Moderator", cookie: running, effects: []member.Effect{member.Disabled}},
		{name: "unconfirmed Sysop", class: "Sysop", cookie: running, effects: []member.Effect{member.Unconfirmed}},
		{name: "User who must accept the rules", class: "User", cookie: running, asked: true},
		{name: "Sysop who must accept the rules", class: "Sysop", cookie: running, asked: true},
		{name: "token of one who must accept the rules", class: "User", token: "upload", asked: true},
		{name: "token of no scope", class: "User", token: noScope},
		{name: "token that was revoked", class: "User", token: revoked},
		{name: "token that nobody has", token: unknown},
		{name: "token of a disabled member", class: "User", token: "upload", effects: []member.Effect{member.Disabled}},
		{name: "token of an unconfirmed member", class: "User", token: "upload", effects: []member.Effect{member.Unconfirmed}},
		{name: "token of a parked member", class: "User", token: "upload", effects: []member.Effect{member.Parked}},
		{name: "token of one who may not upload", class: "User", token: "upload", effects: []member.Effect{member.NoUpload}},
		{name: "token of a Sysop", class: "Sysop", token: "upload"},
		{name: "link of a member", class: "User", link: true},
		{name: "link of a disabled member", class: "User", link: true, effects: []member.Effect{member.Disabled}},
		{name: "link of an unconfirmed member", class: "User", link: true, effects: []member.Effect{member.Unconfirmed}},
	}
	for _, scope := range []member.Scope{member.ScopeRead, member.ScopeUpload} {
		out = append(out, &role{name: "token to " + string(scope), class: "User", token: string(scope)})
	}
	classes, err := w.Deps.Members.Classes(t.Context())
	w.Must(err)
	for _, c := range classes {
		if _, known := classMay[c.Name]; !known {
			t.Errorf("matrix_rules_test.go doesn't say what the class %s may do", c.Name)
		}
		if c.Secondary {
			out = append(out, &role{name: c.Name, class: "User", duty: c.Name, cookie: running})
		} else {
			out = append(out, &role{name: c.Name, class: c.Name, cookie: running})
		}
	}
	for _, i := range member.Effects() {
		e, known := effects[i.Effect]
		if !known {
			t.Errorf("matrix_rules_test.go doesn't say what the effect %s does", i.Effect)
		}
		r := &role{name: "User, " + string(i.Effect), class: "User", cookie: running, effects: []member.Effect{i.Effect}}
		if i.Single {
			r.single = e.single()
		}
		out = append(out, r)
	}
	return out
}

// settle gives a role its account, its place and its secrets.
func (m *matrix) settle(n int, r *role) {
	w, ctx := m.w, m.t.Context()
	r.origin = netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, 64, byte(n + 1), 9}), 4000)
	if r.banned {
		r.origin = netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(n + 1)}), 4000)
	}
	if r.token == unknown {
		r.secret = secret.Token(43)
	}
	if r.class == "" {
		return
	}
	account := fmt.Sprintf("role%d", n)
	class := r.class
	if class == member.BotClass { // nobody joins as the program itself
		class = ""
	}
	w.Join(account, class)
	p := w.People[account]
	r.id, r.password = p.Member.ID, p.Password
	if r.class == member.BotClass {
		m.exec("UPDATE member SET class_id = (SELECT id FROM class WHERE name = ?) WHERE id = ?", r.class, r.id)
	}
	if r.duty != "" {
		w.Must(w.Deps.Members.SetSecondary(ctx, r.id, r.duty, true))
	}
	switch r.token {
	case "upload", noScope:
		r.secret = p.Token
	case "read", revoked:
		r.secret = p.Read
	}
	for _, e := range r.effects {
		c := member.NewCause{Member: r.id, Effect: e, Reason: "so that there is one", Permission: r.single}
		if e.Info().MustEnd {
			c.For = 24 * time.Hour
		}
		_, err := w.Deps.Members.BeginCause(ctx, c)
		w.Must(err)
	}
	if r.token == noScope {
		m.exec("UPDATE api_token SET scope = '' WHERE member_id = ?", r.id)
	}
	if r.token == revoked {
		list, err := w.Deps.Members.Tokens(ctx, r.id)
		w.Must(err)
		for _, t := range list {
			w.Must(w.Deps.Members.RevokeToken(ctx, r.id, t.ID))
		}
	}
	if r.link {
		m.linkOf(r)
	}
	if !r.asked {
		w.Must(w.Deps.Invites.Accept(ctx, r.id, m.rules))
	}
}

// linkOf reads the keys of a role's download links.
func (m *matrix) linkOf(r *role) {
	auth, err := m.w.Deps.Members.AuthKey(m.t.Context(), r.id)
	m.w.Must(err)
	key, err := m.w.Deps.Members.AnnounceKey(m.t.Context(), r.id)
	m.w.Must(err)
	r.keys = url.Values{"authkey": {auth}, "torrent_pass": {key}}
}

// login gives a role's browser the session that it is to have, where it has none yet. It
// is written as it is kept, so that it neither wakes a parked account nor is refused to a
// disabled one: it may have been there before.
func (m *matrix) login(r *role) {
	if r.cookie == noCookie || r.session != "" {
		return
	}
	r.session = secret.Token(43)
	now := m.w.Now()
	row := db.Row{"token_mac", m.w.Deps.Keys.MAC("session", r.session), "member_id", r.id, "agent", "Matrix/1.0",
		"created_at", now.Unix(), "seen_at", now.Unix(), "expires_at", now.Add(24 * time.Hour).Unix()}
	switch r.cookie {
	case withdrawn:
		return
	case expired:
		row[11], row[9], row[7] = now.Add(-time.Minute).Unix(), now.Add(-time.Hour).Unix(), now.Add(-24*time.Hour).Unix()
	}
	m.w.Must(m.w.DB.Tx(m.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Insert(m.t.Context(), "session", row)
		return err
	}))
	m.exec("UPDATE member SET seen_at = ? WHERE id = ?", now.Unix(), r.id)
}

// browser is what a role comes with.
func (m *matrix) browser(r *role) *sitetest.Browser {
	b := m.w.With(nil)
	b.Client.Transport = direct{handler: m.handler, from: r}
	return b
}

// direct answers requests without a network, as coming from a role.
type direct struct {
	handler http.Handler
	from    *role
}

// ban bans the networks from which the banned roles come.
func (m *matrix) ban() {
	for _, value := range []string{"203.0.113.0/24", canaryBan} {
		b, err := ban.New(ban.Draft{Value: value, Reach: ban.Site, Reason: "it floods us", Note: "canary note of a ban", By: "banning moderator"}, m.w.Now())
		m.w.Must(err)
		_, err = m.w.Bans.Add(m.t.Context(), b)
		m.w.Must(err)
	}
	m.w.Must(m.w.Deps.Bans.Load(m.t.Context()))
}
