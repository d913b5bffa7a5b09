package account_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/caduceus-bio/caduceus/internal/ban"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

const fresh = "a passphrase that is new"

// post is a site with the jobs that write its letters.
type post struct {
	*sitetest.World
	t   *testing.T
	pos int64
}

// jobs handles the events since it was last called, and returns the links of the letters that
// go to an address.
func (p *post) jobs(to string) (links []string) {
	p.t.Helper()
	ctx := p.t.Context()
	events, err := p.Deps.Events.Read(ctx, p.pos, 1000)
	p.Must(err)
	for _, e := range events {
		p.pos = e.ID
		for _, h := range p.Deps.Recovery.Handlers() {
			if h.Kind == e.Kind {
				p.Must(p.DB.Tx(ctx, func(tx *db.Tx) error { return h.Do(ctx, tx, e) }))
			}
		}
	}
	boxes, err := db.All(ctx, p.DB, db.Value[[]byte], "SELECT box FROM mail ORDER BY id")
	p.Must(err)
	for _, box := range boxes {
		plain, err := p.Deps.Keys.Open(box, "mail")
		p.Must(err)
		var l struct{ To, Link string }
		p.Must(json.Unmarshal(plain, &l))
		if l.To == to {
			links = append(links, strings.TrimPrefix(l.Link, p.Config.URL))
		}
	}
	return links
}

// last is the newest link that was mailed to an address.
func (p *post) last(to string) string {
	p.t.Helper()
	links := p.jobs(to)
	if len(links) == 0 {
		p.t.Fatalf("nothing was mailed to %s", to)
	}
	return links[len(links)-1]
}

// confirmed gives "user" a confirmed address.
func (p *post) confirmed(address string) {
	p.t.Helper()
	id := p.People["user"].Member.ID
	kept, err := p.Deps.Members.AskEmail(p.t.Context(), id, address)
	p.Must(err)
	p.Must(p.Deps.Members.ConfirmEmail(p.t.Context(), id, kept))
}

// TestAMemberComesBackByMail goes the whole way.
func TestAMemberComesBackByMail(t *testing.T) {
	sitetest.Each(t, func(t *testing.T, w *sitetest.World) {
		p := &post{World: w, t: t}
		old, b := w.As("user"), w.As("anonymous")
		a := old.Post("/settings/recovery/mail", url.Values{"email": {"user@lab.example"}, "current": {"wrong"}})
		if a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("[name=current][aria-invalid]").Length() != 1 || a.Page(t).Find("[name=email]").AttrOr("value", "") != "user@lab.example" {
			t.Errorf("without the passphrase: status %d", a.StatusCode)
		}
		a = old.Post("/settings/recovery/mail", url.Values{"email": {"nonsense"}, "current": {w.People["user"].Password}})
		if a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("[name=email][aria-invalid]").Length() != 1 {
			t.Errorf("no address: status %d", a.StatusCode)
		}
		shown := sitetest.Words(old.Follow(old.Post("/settings/recovery/mail", url.Values{"email": {"user@lab.example"}, "current": {w.People["user"].Password}})).Page(t).Find("main"))
		if !strings.Contains(shown, "A letter is on its way") && !strings.Contains(shown, "user@lab.example, until 2026-03-04") {
			t.Errorf("the page says %q", shown)
		}
		link := p.last("user@lab.example")
		for range 3 {
			if a := b.Get(link); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "user@lab.example") {
				t.Fatalf("GET %s: status %d", link, a.StatusCode)
			}
		}
		if e, _ := w.Deps.Members.Email(t.Context(), w.People["user"].Member.ID); e.Reachable() {
			t.Fatal("looking at the link confirmed the address")
		}
		if a := b.Post(link, url.Values{}); a.StatusCode != http.StatusOK || !strings.Contains(a.Text, "The address is confirmed.") {
			t.Errorf("confirmed: status %d", a.StatusCode)
		}
		if a := b.Post(link, url.Values{}); a.StatusCode != http.StatusConflict || !strings.Contains(a.Text, "was used") {
			t.Errorf("confirmed twice: status %d", a.StatusCode)
		}

		b.Post("/recover", url.Values{"who": {" User "}})
		link = p.last("user@lab.example")
		if !strings.HasPrefix(link, "/recover/") {
			t.Fatalf("link %s", link)
		}
		for range 3 {
			if a := b.Get(link); a.StatusCode != http.StatusOK || a.Page(t).Find("[name=password]").Length() != 1 {
				t.Fatalf("GET %s: status %d", link, a.StatusCode)
			}
		}
		for field, form := range map[string]url.Values{"again": {"password": {fresh}, "again": {fresh + "x"}}, "password": {"password": {"short"}, "again": {"short"}}} {
			if a := b.Post(link, form); a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("[name="+field+"][aria-invalid]").Length() != 1 || strings.Contains(a.Text, fresh) {
				t.Errorf("%s: status %d", field, a.StatusCode)
			}
		}
		done := b.Post(link, url.Values{"password": {fresh}, "again": {fresh}})
		if !strings.Contains(done.Text, "You have a new passphrase") || done.Page(t).Find(`main a[href="/login"]`).Length() != 1 {
			t.Errorf("afterwards: %s", sitetest.Words(done.Page(t).Find("main")))
		}
		if a := b.Get(link); a.StatusCode != http.StatusConflict || !strings.Contains(a.Text, "was used") || a.Page(t).Find(`a[href="/recover"]`).Length() == 0 {
			t.Errorf("used twice: status %d", a.StatusCode)
		}
		if a := old.Get("/settings"); a.StatusCode != http.StatusSeeOther {
			t.Errorf("the old browser: status %d", a.StatusCode)
		}
		if a := b.Post("/login", url.Values{"name": {"user"}, "password": {fresh}}); a.StatusCode != http.StatusSeeOther {
			t.Errorf("log in: status %d", a.StatusCode)
		}
		if a := w.As("anonymous").Post("/login", url.Values{"name": {"user"}, "password": {w.People["user"].Password}}); a.StatusCode != http.StatusForbidden {
			t.Errorf("the old passphrase: status %d", a.StatusCode)
		}
	})
}

// TestAMemberComesBackByCode makes codes, is shown them once, and uses one.
func TestAMemberComesBackByCode(t *testing.T) {
	w := sitetest.OnSQLite(t)
	user, b := w.As("user"), w.As("anonymous")
	if a := user.Post("/settings/recovery/codes", url.Values{"current": {"wrong"}}); a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find(".codes").Length() != 0 {
		t.Errorf("without the passphrase: status %d", a.StatusCode)
	}
	made := user.Post("/settings/recovery/codes", url.Values{"current": {w.People["user"].Password}})
	var codes []string
	made.Page(t).Find(".codes code").Each(func(_ int, s *goquery.Selection) { codes = append(codes, s.Text()) })
	if len(codes) != 8 || made.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("codes %q, Cache-Control %q", codes, made.Header.Get("Cache-Control"))
	}
	if a := user.Get("/settings/recovery"); strings.Contains(a.Text, codes[0]) || !strings.Contains(a.Text, "8 codes left") {
		t.Error("they are shown twice, or not counted")
	}
	form := func(name, code, password, again string) url.Values {
		return url.Values{"name": {name}, "code": {code}, "password": {password}, "again": {again}}
	}
	for field, f := range map[string]url.Values{"name": form("", codes[0], fresh, fresh), "code": form("user", "", fresh, fresh), "again": form("user", codes[0], fresh, "x"), "password": form("user", codes[0], "short", "short")} {
		if a := b.Post("/recover/code", f); a.StatusCode != http.StatusUnprocessableEntity || a.Page(t).Find("[name="+field+"][aria-invalid]").Length() != 1 || strings.Contains(a.Text, codes[0]) {
			t.Errorf("%s: status %d", field, a.StatusCode)
		}
	}
	known, unknown := b.Post("/recover/code", form("user", "AAAA", fresh, fresh)), b.Post("/recover/code", form("zoe", "AAAA", fresh, fresh))
	if known.StatusCode != http.StatusForbidden || strings.ReplaceAll(unknown.Text, "zoe", "user") != known.Text {
		t.Errorf("known %d, unknown %d, or they differ", known.StatusCode, unknown.StatusCode)
	}
	w.Pass(time.Hour) // the wrong ones are forgotten
	if done := b.Post("/recover/code", form("user", strings.ToLower(codes[0]), fresh, fresh)); !strings.Contains(done.Text, "You have a new passphrase") {
		t.Errorf("%s", sitetest.Words(done.Page(t).Find("main")))
	}
	if _, err := w.Deps.Members.Login(t.Context(), "user", fresh); err != nil {
		t.Error(err)
	}
	if a := b.Post("/recover/code", form("user", codes[0], fresh, fresh)); a.StatusCode != http.StatusForbidden {
		t.Errorf("used twice: status %d", a.StatusCode)
	}
}

// TestGuessesOfCodesAreCounted tries many, with those of passphrases.
func TestGuessesOfCodesAreCounted(t *testing.T) {
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	try := func(from string) int {
		return w.As("anonymous").Post("/recover/code", url.Values{"name": {"user"}, "code": {"AAAA"}, "password": {fresh}, "again": {fresh}}, "X-Forwarded-For", from).StatusCode
	}
	for range 3 {
		if got := try("192.0.2.1"); got != http.StatusForbidden {
			t.Fatalf("status %d", got)
		}
	}
	if got := try("198.51.100.1"); got != http.StatusTooManyRequests {
		t.Errorf("by account: status %d", got)
	}
	if a := w.As("anonymous").Post("/login", url.Values{"name": {"user"}, "password": {"x"}}, "X-Forwarded-For", "198.51.100.2"); a.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the login: status %d", a.StatusCode)
	}
}

// TestLinksAreBounded asks for many: by one network, for one account however it is written.
func TestLinksAreBounded(t *testing.T) {
	w := sitetest.OnSQLite(t, func(c *sitetest.Config) { c.TrustedProxies = []string{"127.0.0.1"} })
	ask := func(who, from string) int {
		return w.As("anonymous").Post("/recover", url.Values{"who": {who}}, "X-Forwarded-For", from).StatusCode
	}
	for _, one := range [][]string{{"user", "User", " USER "}, {"u@lab.example", "U@lab.example", "u@LAB.example "}, {"nobody", "Nobody", "NOBODY"}} {
		for i, who := range one {
			if got := ask(who, fmt.Sprintf("192.0.2.%d", i)); got != http.StatusOK {
				t.Fatalf("%s: status %d", who, got)
			}
		}
		if got := ask(one[0], "198.51.100.1"); got != http.StatusTooManyRequests {
			t.Errorf("%s once more: status %d", one[0], got)
		}
	}
	for i := range 8 {
		ask(fmt.Sprintf("somebody%d", i), "203.0.113.9")
	}
	ask("a", "203.0.113.9")
	ask("b", "203.0.113.9")
	if got := ask("c", "203.0.113.9"); got != http.StatusTooManyRequests {
		t.Errorf("one network: status %d", got)
	}
	w.Pass(time.Hour)
	if got := ask("user", "203.0.113.9"); got != http.StatusOK {
		t.Errorf("later: status %d", got)
	}
}

// took returns how many statements the answers of a route took so far, and how many there
// were.
func took(t *testing.T, w *sitetest.World, route string) (sum float64, answers uint64) {
	t.Helper()
	families, err := w.Deps.Metrics.(prometheus.Gatherer).Gather()
	w.Must(err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "caduceus_site_request_statements" && m.GetLabel()[0].GetValue() == route {
				return m.GetHistogram().GetSampleSum(), m.GetHistogram().GetSampleCount()
			}
		}
	}
	return 0, 0
}

// TestNobodyLearnsWhoIsKnown compares the answers to names and addresses that are known, and
// that are not: page, status, headers, statements, hashes, and letters once jobs have run.
func TestNobodyLearnsWhoIsKnown(t *testing.T) {
	w := sitetest.OnSQLite(t)
	p := &post{World: w, t: t}
	p.confirmed("user@lab.example")
	b := w.As("anonymous")
	answers := map[string]string{}
	// The first two are for what a process does only at first.
	for i, who := range []string{"warm", "warmer", "user", "zoe", "user@lab.example", "zoe@lab.example", "other", "disabled", "a b"} {
		for _, one := range []struct { // in this order: who was counted once is counted by another statement
			route string
			form  url.Values
		}{{"/recover", url.Values{"who": {who}}}, {"/recover/code", url.Values{"name": {who}, "code": {"AAAA-BBBB-CCCC-DDDD"}, "password": {fresh}, "again": {fresh}}},
			{"/login", url.Values{"name": {who}, "password": {fresh}}}} {
			route, form := one.route, one.form
			w.Pass(3 * time.Hour) // no limit in the way
			p.jobs("")
			hashes, letters := w.Deps.Keys.Hashing().Done, len(p.jobs(""))+len(p.jobs("user@lab.example"))
			before, n := took(t, w, route)
			a := b.Post(route, form)
			sum, after := took(t, w, route)
			for deadline := time.Now().Add(10 * time.Second); after == n && time.Now().Before(deadline); time.Sleep(time.Millisecond) { // it is counted once it is sent
				sum, after = took(t, w, route)
			}
			got := fmt.Sprintf("%d, %.0f statements, %d hashes, %d letters: %s", a.StatusCode, sum-before, w.Deps.Keys.Hashing().Done-hashes,
				len(p.jobs(""))+len(p.jobs("user@lab.example"))-letters, strings.ReplaceAll(a.Text, `value="`+who+`"`, `value="WHO"`))
			if first, ok := answers[route]; ok && first != got {
				t.Errorf("%s as %s answers otherwise than the first (-first +now):\n%s", route, who, cmp.Diff(first, got))
			} else if i > 1 {
				answers[route] = got
			}
		}
	}
	for route, want := range map[string]string{"/recover": "0 hashes, 1 letters", "/recover/code": "1 hashes, 0 letters", "/login": "1 hashes, 0 letters"} {
		if !strings.Contains(answers[route], want) {
			t.Errorf("%s: %.200s", route, answers[route])
		}
	}
}

// TestWithoutMailTheSiteSaysSo looks at the pages of a site that sends none.
func TestWithoutMailTheSiteSaysSo(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.WithoutMail()
	b := w.As("anonymous")
	if a := b.Get("/recover"); a.Page(t).Find(`form[action="/recover"]`).Length() != 0 || a.Page(t).Find(`form[action="/recover/code"]`).Length() != 1 || !strings.Contains(a.Text, "This site sends no mail") {
		t.Error("the page of recovery")
	}
	if a := b.Post("/recover", url.Values{"who": {"user"}}); a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(a.Text, "sends no mail") {
		t.Errorf("asked all the same: status %d", a.StatusCode)
	}
	if a := w.As("user").Get("/settings/recovery"); a.Page(t).Find(`form[action="/settings/recovery/mail"]`).Length() != 0 || !strings.Contains(a.Text, "This site sends no mail") {
		t.Error("the settings")
	}
	if a := w.As("user").Post("/settings/recovery/mail", url.Values{"email": {"a@lab.example"}, "current": {w.People["user"].Password}}); a.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("an address all the same: status %d", a.StatusCode)
	}
}

// TestLettersThatComeBackAreTold marks an address as failed.
func TestLettersThatComeBackAreTold(t *testing.T) {
	w := sitetest.OnSQLite(t)
	p := &post{World: w, t: t}
	p.confirmed("user@lab.example")
	w.Must(w.Deps.Members.MarkEmailFailed(t.Context(), w.People["user"].Member.ID, "there is no such address", func(string) (bool, error) { return true, nil }))
	text := sitetest.Words(w.As("user").Get("/settings/recovery").Page(t).Find("main"))
	if !strings.Contains(text, "Letters to you come back.") || !strings.Contains(text, "there is no such address") {
		t.Errorf("the settings say %q", text)
	}
	if a := w.As("user").Get("/settings/mail"); a.Header.Get("Location") != "/settings/recovery#mail" {
		t.Errorf("leads to %q", a.Header.Get("Location"))
	}
}

// TestBadLinks follows links that are nobody's.
func TestBadLinks(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("anonymous")
	for _, path := range []string{"/recover/", "/confirm/"} {
		for _, token := range []string{"x", strings.Repeat("x", 32), strings.Repeat("%20", 20), strings.Repeat("y", 2000), "%00"} {
			for _, a := range []sitetest.Answer{b.Get(path + token), b.Post(path+token, url.Values{"password": {fresh}, "again": {fresh}})} {
				if a.StatusCode != http.StatusNotFound || !strings.Contains(a.Text, "is not known here") {
					t.Errorf("%s %s%.20s: status %d", a.Request.Method, path, token, a.StatusCode)
				}
			}
		}
	}
	if core.CodeOf(w.Deps.Recovery.Ask(t.Context(), strings.Repeat("x", 300))) != core.Invalid {
		t.Error("a text without end is kept")
	}
}

// TestBannedAddressesAreNotTaken gives one that staff have banned.
func TestBannedAddressesAreNotTaken(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b, err := ban.New(ban.Draft{Value: "*@throwaway.example", Reach: ban.Joining, Reason: "throw-away addresses", By: "moderator"}, w.Now())
	w.Must(err)
	_, err = w.Bans.Add(t.Context(), b)
	w.Must(err)
	w.Must(w.Deps.Bans.Load(t.Context()))
	a := w.As("user").Post("/settings/recovery/mail", url.Values{"email": {"u@Throwaway.example"}, "current": {w.People["user"].Password}})
	if a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.Text, "throw-away addresses") {
		t.Errorf("status %d", a.StatusCode)
	}
}
