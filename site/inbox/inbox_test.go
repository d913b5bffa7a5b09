package inbox_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/notify"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// note is something to tell.
func note(i int) notify.Note {
	return notify.Note{Kind: notify.UploadEdited, Title: fmt.Sprintf("Number %d was edited.", i), Text: "Look at it.", Link: "/browse", Once: fmt.Sprint(i), Event: int64(i + 1)}
}

// bell is what the frame says of the inbox.
func bell(t *testing.T, a sitetest.Answer) string {
	t.Helper()
	return strings.TrimSpace(a.Page(t).Find("a.bell .unseen").Text())
}

func shown(t *testing.T, a sitetest.Answer) (titles []string) {
	t.Helper()
	if a.StatusCode != http.StatusOK {
		t.Fatalf("status %d", a.StatusCode)
	}
	a.Page(t).Find("article.told h2").Each(func(_ int, s *goquery.Selection) {
		titles = append(titles, strings.Join(strings.Fields(s.Text()), " "))
	})
	return titles
}

func TestInbox(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("user")
	if page := b.Get("/inbox"); !strings.Contains(page.Text, "Nothing is here yet") || bell(t, page) != "Inbox" {
		t.Errorf("an empty inbox says %q and the bell %q", page.Page(t).Find("main").Text(), bell(t, page))
	}
	for i := range 3 {
		w.Tell("user", note(i))
	}
	w.Tell("other", note(9))
	page := b.Get("/inbox")
	if got := strings.Join(shown(t, page), "|"); got != "Number 2 was edited. new|Number 1 was edited. new|Number 0 was edited. new" {
		t.Errorf("shows %s", got)
	}
	if bell(t, page) != "Inbox, 3 notifications unread" || page.Page(t).Find("a.bell .unread").Text() != "3" {
		t.Errorf("the bell says %q", bell(t, page))
	}
	opened := b.Post("/inbox/2/read", url.Values{"then": {"open"}})
	if opened.StatusCode != http.StatusSeeOther || opened.Header.Get("Location") != "/browse" {
		t.Errorf("opening leads with %d to %s", opened.StatusCode, opened.Header.Get("Location"))
	}
	if got := bell(t, b.Follow(opened)); got != "Inbox, 2 notifications unread" {
		t.Errorf("after it the bell says %q", got)
	}
	kept := b.Post("/inbox/1/read", url.Values{"then": {"stay"}, "show": {"new"}, "before": {"3"}})
	if got := kept.Header.Get("Location"); got != "/inbox?before=3&show=new" {
		t.Errorf("marking leads to %s", got)
	}
	if got := strings.Join(shown(t, b.Get("/inbox?show=new")), "|"); got != "Number 2 was edited. new" {
		t.Errorf("unread are %s", got)
	}
	for path, want := range map[string]int{"/inbox/4/read": 404, "/inbox/99/read": 404, "/inbox/x/read": 404} { // somebody else's, nobody's, none
		if a := b.Post(path, nil); a.StatusCode != want {
			t.Errorf("%s: status %d", path, a.StatusCode)
		}
	}
	w.Tell("user", note(10)) // after the page was shown
	a := b.Follow(b.Post("/inbox/read", url.Values{"upto": {"3"}}))
	if bell(t, a) != "Inbox, 1 notification unread" || !strings.Contains(a.Text, "1 notification marked as read.") {
		t.Errorf("after all were marked the bell says %q", bell(t, a))
	}
	if n, err := w.Deps.Notices.Unread(t.Context(), w.People["other"].Member.ID); n != 1 || err != nil {
		t.Errorf("somebody else has %d unread, %v", n, err)
	}
	if page := b.Follow(b.Post("/inbox/read", nil)); bell(t, page) != "Inbox" || !strings.Contains(b.Get("/inbox?show=new").Text, "You have read everything") {
		t.Error("something is left unread")
	}
}

func TestManyInTheInbox(t *testing.T) {
	w := sitetest.OnSQLite(t)
	for i := range 130 {
		n := note(i)
		n.Kind, n.Text = notify.StaffMessage, strings.Repeat("A long text. ", 50)
		w.Tell("user", n)
		w.Pass(4 * time.Minute)
	}
	b, seen := w.As("user"), 0
	if got := b.Get("/").Page(t).Find("a.bell .unread").Text(); got != "99+" {
		t.Errorf("the bell counts %q", got)
	}
	for path := "/inbox"; path != ""; {
		page := b.Get(path)
		seen += len(shown(t, page))
		path = page.Page(t).Find("nav.pages a[rel=next]").AttrOr("href", "")
	}
	if seen != 130 {
		t.Errorf("saw %d", seen)
	}
	if page := b.Get("/inbox?before=1"); !strings.Contains(page.Text, "Nothing is older") {
		t.Error("behind the end nothing is said")
	}
}

func TestHostileTextInTheInbox(t *testing.T) {
	w := sitetest.OnSQLite(t)
	n := note(1)
	n.Title, n.Text = `<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`
	w.Tell("user", n)
	if page := w.As("user").Get("/inbox"); page.Page(t).Find("article.told script, article.told img").Length() != 0 {
		t.Error("a text became a part of the page")
	}
}

// TestUploadsThatOthersChange has staff edit and delete what a member uploaded.
func TestUploadsThatOthersChange(t *testing.T) {
	w := sitetest.OnSQLite(t)
	group, torrent := w.Upload("other", "The genome of a phage", nil)
	told := func(who string) (titles []string) {
		t.Helper()
		for _, title := range w.Told(who) {
			if strings.HasPrefix(title, "“") {
				titles = append(titles, title)
			}
		}
		return titles
	}
	edit := func(who, path string, changes url.Values) {
		t.Helper()
		b := w.As(who)
		form := url.Values{}
		b.Get(path).Page(t).Find(`main form[method="post"] [name]`).Each(func(_ int, s *goquery.Selection) {
			value := s.AttrOr("value", "")
			switch {
			case s.Is("textarea"):
				value = s.Text()
			case s.Is("select"):
				value = s.Find("option[selected]").AttrOr("value", s.Find("option[selected]").Text())
			case s.AttrOr("type", "") == "checkbox":
				return
			}
			form.Set(s.AttrOr("name", ""), value)
		})
		for k, v := range changes {
			form[k] = v
		}
		if a := b.Post(path, form); a.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s as %s: status %d\n%s", path, who, a.StatusCode, a.Page(t).Find("main").Text())
		}
	}
	edit("other", fmt.Sprintf("/groups/%d/edit", group), url.Values{"description": {"Edited by who uploaded it, with some more words."}})
	if got := told("other"); len(got) != 0 {
		t.Errorf("of their own edit they are told %q", got)
	}
	edit("moderator", fmt.Sprintf("/groups/%d/edit", group), url.Values{"description": {"Edited by staff, with some more words than before."}})
	edit("moderator", fmt.Sprintf("/torrents/%d/edit", torrent), url.Values{"torrent_description": {"Edited by staff."}})
	told("other")
	w.Must(w.Deps.Catalog.Delete(t.Context(), w.People["moderator"].Member.ID, torrent, "it is a duplicate"))
	got := told("other")
	want := []string{"“The genome of a phage” was deleted.", "“The genome of a phage” was edited.", "“The genome of a phage” was edited."}
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("told %q", got)
	}
	if page := w.As("other").Get("/inbox"); !strings.Contains(page.Text, "it is a duplicate") {
		t.Error("the reason is not told")
	}
	if got := told("moderator"); len(got) != 0 {
		t.Errorf("who did it is told %q", got)
	}
}

func TestUnsubscribe(t *testing.T) {
	w := sitetest.OnSQLite(t)
	user := w.People["user"].Member.ID
	token := w.Deps.Notices.Token(user, notify.UploadDeleted, notify.Mail)
	anyone := w.As("anonymous")
	wanted := func() bool {
		t.Helper()
		chosen, err := w.Deps.Notices.Choices(t.Context(), user)
		w.Must(err)
		info, _ := notify.KindNamed(notify.UploadDeleted)
		return chosen.Wants(info, notify.Mail)
	}
	page := anyone.Get("/unsubscribe/" + token)
	if page.StatusCode != http.StatusOK || !wanted() || page.Page(t).Find(`main form[action="/unsubscribe/`+token+`"]`).Length() != 1 {
		t.Fatalf("status %d, still wanted: %v", page.StatusCode, wanted())
	}
	// As a mail program does it: no cookie, no Origin, the body of RFC 8058.
	a := anyone.Post("/unsubscribe/"+token, url.Values{"List-Unsubscribe": {"One-Click"}})
	if a.StatusCode != http.StatusOK || wanted() || !strings.Contains(a.Text, "You get no more of these letters") {
		t.Errorf("status %d, still wanted: %v", a.StatusCode, wanted())
	}
	if a := anyone.Send("/unsubscribe/"+token, url.Values{"List-Unsubscribe": {"One-Click"}}, nil); a.StatusCode != http.StatusOK {
		t.Errorf("as a form in parts: status %d", a.StatusCode)
	}
	for _, forged := range []string{"x", token[:len(token)-2] + "AA", strings.Repeat("A", 3000)} {
		for _, a := range []sitetest.Answer{anyone.Get("/unsubscribe/" + forged), anyone.Post("/unsubscribe/"+forged, nil)} {
			if a.StatusCode != http.StatusNotFound || !strings.Contains(a.Text, "not from us") {
				t.Errorf("forged %.20s: status %d", forged, a.StatusCode)
			}
		}
	}
	fixed := w.Deps.Notices.Token(user, notify.SecretChanged, notify.Mail)
	if a := anyone.Post("/unsubscribe/"+fixed, nil); a.StatusCode != http.StatusUnprocessableEntity && a.StatusCode != http.StatusBadRequest {
		t.Errorf("what guards the account: status %d", a.StatusCode)
	}
	w.Pass(notify.LinkLife)
	if a := anyone.Post("/unsubscribe/"+token, nil); a.StatusCode != http.StatusConflict || !strings.Contains(a.Text, "has run out") {
		t.Errorf("expired: status %d", a.StatusCode)
	}
}

func TestSettings(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b, user := w.As("user"), w.People["user"].Member.ID
	page := b.Get("/settings/notifications").Page(t)
	kinds := 0 // that may concern them
	for _, k := range notify.Kinds() {
		if w.People["user"].Member.Permissions.Has(k.Needs) {
			kinds++
		}
	}
	boxes := page.Find(`.choices input[type="checkbox"]`)
	if boxes.Length() != 2*kinds || page.Find(`.choices input:disabled`).Length() == 0 {
		t.Errorf("%d boxes", boxes.Length())
	}
	form := url.Values{"asked": {"mail/upload.edited", "inbox/upload.edited"}, "mail/upload.edited": {"yes"}}
	if a := b.Follow(b.Post("/settings/notifications", form)); !strings.Contains(a.Text, "Saved.") {
		t.Error("it is not saved")
	}
	chosen, err := w.Deps.Notices.Choices(t.Context(), user)
	w.Must(err)
	if len(chosen) != 2 || chosen[notify.Pair{Kind: notify.UploadEdited, Way: notify.Inbox}] || !chosen[notify.Pair{Kind: notify.UploadEdited, Way: notify.Mail}] {
		t.Errorf("chosen %v", chosen)
	}
	for _, bad := range []string{"mail/secret.changed", "mail/nothing", "pigeon/upload.edited", "x"} {
		a := b.Post("/settings/notifications", url.Values{"asked": {bad}})
		if a.StatusCode < 400 || a.StatusCode >= 500 {
			t.Errorf("%s: status %d", bad, a.StatusCode)
		}
	}
	w.Post.Sends = false
	page = b.Get("/settings/notifications").Page(t)
	if !strings.Contains(page.Find("main").Text(), "This site sends no mail.") || page.Find(`.choices input[type="checkbox"]`).Length() != kinds {
		t.Errorf("without mail: %s", page.Find("main").Text())
	}
	w.Must(w.Deps.Members.SetClassPermission(t.Context(), "User", core.TorrentUpload, false))
	if page := b.Get("/settings/notifications"); strings.Contains(page.Text, "what you uploaded") && page.Page(t).Find(`[name="inbox/upload.edited"]`).Length() != 0 {
		t.Error("what can't concern them is shown")
	}
}

func TestNotificationsByTheAPI(t *testing.T) {
	w := sitetest.OnSQLite(t)
	w.Tell("user", note(1))
	b := w.As("anonymous")
	a := b.Get("/api/v1/notifications", "Authorization", "Bearer "+w.People["user"].Read)
	if a.StatusCode != http.StatusOK || !strings.Contains(a.Text, `"unread":1`) || !strings.Contains(a.Text, `"link":"http://site.example/browse"`) {
		t.Errorf("status %d: %s", a.StatusCode, a.Text)
	}
	if a := b.Get("/api/v1/notifications", "Authorization", "Bearer "+w.People["other"].Read); !strings.Contains(a.Text, `"notifications":[]`) {
		t.Errorf("somebody else reads %s", a.Text)
	}
}
