package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/e2e/clients"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// TestFiveRoomsWithTheirGrants does whatever members and staff can do, on the site
// and by IRC, while each room runs as a database user with only the grants of
// deploy/. A missing grant shows as a failure here or in a room's log.
func TestFiveRoomsWithTheirGrants(t *testing.T) {
	t.Parallel()
	h := build(t, inFive)
	boss, ann := h.member("boss", "Sysop"), h.member("ann", "Power User")
	irc := boss.listen()
	staff := []*reader{irc}
	for i := range 26 {
		staff = append(staff, h.member("boss"+strconv.Itoa(i), "Sysop").listen())
	}
	var ups []uploaded
	for _, name := range []string{"first", "second", "third"} {
		made := must[clients.Made](t)(clients.Make(t.Context(), clients.V1, named(t, name), t.TempDir()))
		ups = append(ups, ann.upload(made.File, "The dataset called "+name))
		irc.isAnnounce(irc.next(), "The dataset called "+name, ups[len(ups)-1])
	}
	onTheSite(t, boss, ann, ups)
	asOperator(t, boss, irc)
	waitWholeMinute(t, h)
	byIRC(t, staff, ups)
	tornEvents(t, h)
	h.waitRead("hermes:notices")
}

// waitWholeMinute waits until the tracker has told of a minute that it has served from
// the beginning: before, it may be taken for silent.
func waitWholeMinute(t *testing.T, h *house) {
	t.Helper()
	store, began := transfer.NewStore(dbtest.Reopen(t, h.admin)), time.Now()
	waitFor(t, time.Minute+patience, "the tracker has told of no whole minute", func() (bool, string) {
		list := must[[]transfer.Minute](t)(store.Minutes(t.Context(), began))
		return len(list) > 0, ""
	})
}

// tornEvents lets each consumer of the event log set something aside, and handle it
// again once it can be read.
func tornEvents(t *testing.T, h *house) {
	t.Helper()
	d, ctx := dbtest.Reopen(t, h.admin), t.Context()
	log := eventlog.New(d, time.Now)
	tx := func(f func(tx *db.Tx) error) {
		t.Helper()
		if err := d.Tx(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	aside := func(what string, ok func(consumers []string) bool) (list []eventlog.Skipped) {
		t.Helper()
		h.wait(what, func() (bool, string) {
			var names []string
			list = must[[]eventlog.Skipped](t)(log.Skipped(ctx, 100))
			for _, k := range list {
				names = append(names, k.Consumer)
			}
			slices.Sort(names)
			return ok(names), fmt.Sprintf("%+v", list)
		})
		return list
	}
	tx(func(tx *db.Tx) error {
		for _, b := range []eventlog.Body{eventlog.TorrentAdded{}, eventlog.MemberChanged{}, eventlog.JobRequested{}, eventlog.JobFailed{}, eventlog.SecretChanged{}} {
			id, err := log.Append(ctx, tx, b)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "UPDATE event SET body = 'torn' WHERE id = ?", id); err != nil {
				return err
			}
		}
		return nil
	})
	all := []string{"hermes", "hermes:notices", "ircd", "jobs", "jobs:notify", "tracker", "tracker"}
	list := aside("torn events are set aside", func(names []string) bool { return slices.Equal(names, all) })
	tx(func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE event_skipped SET body = '{}'"); err != nil {
			return err
		}
		for _, k := range list {
			if _, err := log.RunAgain(ctx, tx, k.ID); err != nil {
				return err
			}
		}
		return nil
	})
	aside("they are handled again", func(names []string) bool { return len(names) == 0 })
}

func onTheSite(t *testing.T, boss, ann *account, ups []uploaded) {
	t.Helper()
	group, torrent := strconv.FormatInt(ups[0].GroupID, 10), strconv.FormatInt(ups[0].TorrentID, 10)
	for _, path := range []string{"/", "/browse", "/browse?q=dataset&tag=phage&category=1", "/groups/" + group, "/torrents/" + torrent,
		"/torrents/" + torrent + "/files", "/torrents/" + torrent + "/uploaded", "/upload", "/members/ann", "/settings", "/settings/keys", "/settings/recovery", "/recover", "/apply", "/application", "/settings/irc", "/settings/appearance", "/settings/privacy", "/settings/notifications", "/inbox", "/freeleech", "/about", "/contact", "/contact/takedown",
		"/settings/invites", "/rules/accept", // of those who invite
		"/torrents/" + torrent + "/files?q=a", "/browse?sort=seeders&seeded=1&free=1", "/browse?sort=snatches&order=up", "/me/torrents", "/me/torrents?list=leeching", "/me/torrents?list=taken", "/me/torrents?list=uploaded",
		"/rules/clients", "/help", "/help/irc", "/help/staff", "/help/clients", "/rules", "/terms", "/news", "/pages/rules/history", "/announces", "/announces?torrent=" + torrent, "/endangered", "/torrents.php?id=" + group, "/swarm?t=" + torrent} {
		ann.get(path)
	}
	for _, path := range []string{"/staff/members", "/staff/contact", "/staff/applications", "/staff/applications/questions", "/staff/members/ann/tree", "/commands/member-create", "/staff/members/ann", "/staff/causes", "/staff/members/ann/announces", "/torrents/" + torrent + "/announces", "/staff/tracker", "/staff/settings", "/staff/mail", "/staff/limits", "/pages", "/pages/new", "/pages/news", "/pages/rules/edit", "/pages/rules/diff"} {
		boss.get(path)
	}
	ann.submit("/groups/"+group+"/edit", url.Values{"description": {"The genome of phage lambda, edited."}, "tags": {"edited, lambda, phage, genome, virus"}, "creators": {"Somebody New"}})
	ann.submit("/torrents/"+torrent+"/edit", url.Values{"torrent_description": {"The first version, edited."}, "mirrors": {"https://mirror.example.org/first.fa"}})
	boss.command("freeleech-torrent", url.Values{"id": {torrent}, "state": {"free"}, "reason": {"for the test"}})
	ann.command("torrent-delete", url.Values{"id": {torrent}, "reason": {"for the test"}})

	boss.submit("/pages/rules/edit", url.Values{"title": {"Our rules"}, "text": {"Be kind."}})
	boss.submit("/pages/news", url.Values{"title": {"We are there"}, "text": {"Come in."}})
	boss.get("/pages/rules/diff")
	ann.get("/news/1")
	boss.command("page-reset", url.Values{"page": {"rules"}})

	boss.command("member-create", url.Values{"name": {"newcomer"}, "email": {"newcomer@example.org"}, "class": {"User"}})
	boss.command("member-class", url.Values{"name": {"newcomer"}, "class": {"Member"}})
	boss.command("member-restrict", url.Values{"name": {"newcomer"}, "what": {"download"}, "reason": {"for the test"}})
	boss.command("member-disable", url.Values{"name": {"newcomer"}, "reason": {"for the test"}})
	boss.command("member-enable", url.Values{"name": {"newcomer"}})

	ann.agree("/settings/irc-key", nil)
	ann.agree("/settings/announce-key", nil)
	ann.post("/settings/tokens", url.Values{"name": {"another"}, "scope": {"read"}})
	ann.get("/settings/keys").Find("form[action^='/settings/tokens/']").Each(func(_ int, form *goquery.Selection) {
		ann.agree(form.AttrOr("action", ""), nil)
	})
	ann.agree("/settings/end", url.Values{"sessions": {"yes"}, "tokens": {"yes"}, "irckey": {"yes"}, "certificates": {"yes"}, "announcekey": {"yes"}})
	ann.post("/settings/privacy", url.Values{"preset": {"nothing"}})
	ann.post("/settings/appearance", url.Values{"zone": {"Europe/London"}, "theme": {"dark"}})
	ann.post("/settings/notifications", url.Values{"asked": {"inbox/upload.edited"}})
	ann.post("/settings/notifications", url.Values{"asked": {"inbox/upload.edited"}, "inbox/upload.edited": {"yes"}})
	ann.post("/inbox/read", nil)
	ann.post("/settings/invites", url.Values{"note": {"for the test"}}).Find("form[action^='/settings/invites/']").Each(func(_ int, form *goquery.Selection) {
		ann.agree(form.AttrOr("action", ""), nil)
	})
	ann.get("/settings/security")
	ann.post("/logout", nil)
}

// agree sends a form of the settings, and goes ahead where it says what breaks.
func (a *account) agree(path string, form url.Values) {
	a.h.t.Helper()
	ask := a.post(path, form).Find("main form").Has("input[name=sure]")
	if ask.Length() != 1 {
		a.h.t.Fatalf("%s does not ask", path)
	}
	values := url.Values{}
	ask.Find("input[name]").Each(func(_ int, in *goquery.Selection) { values.Add(in.AttrOr("name", ""), in.AttrOr("value", "")) })
	a.post(ask.AttrOr("action", ""), values)
}

// submit opens a page with a form and sends it with some changes.
func (a *account) submit(path string, changes url.Values) {
	a.h.t.Helper()
	form := a.get(path).Find("form[action='" + path + "']")
	if form.Length() != 1 {
		a.h.t.Fatalf("%s has no form for itself", path)
	}
	values := url.Values{}
	form.Find("input[name], textarea[name], select[name]").Each(func(_ int, in *goquery.Selection) {
		name := in.AttrOr("name", "")
		switch {
		case in.Is("textarea"):
			values.Add(name, in.Text())
		case in.Is("select"):
			values.Add(name, in.Find("option[selected]").AttrOr("value", in.Find("option[selected]").Text()))
		case in.AttrOr("type", "") != "checkbox":
			values.Add(name, in.AttrOr("value", ""))
		}
	})
	for key, value := range changes {
		values[key] = value
	}
	a.post(path, values)
}

// command runs a command on the site, and confirms it where it asks for that.
func (a *account) command(slug string, form url.Values) {
	a.h.t.Helper()
	page := a.post("/commands/"+slug, form)
	if ask := page.Find("form[action='/commands/confirm']"); ask.Length() == 1 {
		values := url.Values{}
		ask.Find("input[name]").Each(func(_ int, in *goquery.Selection) { values.Set(in.AttrOr("name", ""), in.AttrOr("value", "")) })
		page = a.post("/commands/confirm", values)
	}
	if page.Find(".flash").Length() != 1 {
		a.h.t.Errorf("%s: nothing says that it was done:\n%s", slug, page.Find("main").Text())
	}
}

// asOperator does what the IRC network writes to the database itself.
func asOperator(t *testing.T, a *account, r *reader) {
	t.Helper()
	told := make(chan string, 100)
	r.girc.Handlers.Add(girc.NOTICE, func(_ *girc.Client, e girc.Event) {
		if strings.HasPrefix(e.Last(), "*** ") {
			told <- e.Last()
		}
	})
	for _, step := range []struct{ line, wants string }{
		{"OPER " + a.name + " " + a.ircKey, "*** boss: oper"},
		{"KLINE 1h *@nowhere.example :for the test", "*** boss: kline add --for=60m *@nowhere.example for the test (this ended 0 connections)"},
		{"UNKLINE *@nowhere.example", "*** boss: kline remove *@nowhere.example"},
		{"KILL nobody :for the test", ""},
		{"SAMODE #general +l 500", "*** boss: samode #general +l 500"},
		{"REHASH", "*** boss: rehash (nothing changed)"},
	} {
		if err := r.girc.Cmd.SendRaw(step.line); err != nil {
			t.Fatal(err)
		}
		if step.wants == "" {
			continue
		}
		select {
		case got := <-told:
			if got != step.wants {
				t.Errorf("%s is told as %q", step.line, got)
			}
		case <-time.After(patience):
			t.Fatalf("no word of %s", step.line)
		}
	}
}

func byIRC(t *testing.T, staff []*reader, ups []uploaded) {
	t.Helper()
	second, third := strconv.FormatInt(ups[1].TorrentID, 10), strconv.FormatInt(ups[2].TorrentID, 10)
	commands := []struct{ command, wants string }{
		{"help", "freeleech on"},
		{"stats", "boss"},
		{"stats ann", "ann"},
		{"search dataset second", "second"},
		{"info " + second, "second"},
		{"member create alice --class User", "IRC key"},
		{"member show alice", "alice, id"},
		{"member class alice Member", "alice is now Member"},
		{"member restrict alice download for the test", "alice is restricted"},
		{"member warn alice 1w for the test", "alice is warned"},
		{"member causes alice", "warned"},
		{"why alice", "warned"},
		{"member lift alice download", "Lifted for alice"},
		{"permission grant alice irc.staff 1d for the test", "alice has irc.staff"},
		{"member announcekey alice", "Announce key: "},
		{"member irckey alice", "IRC key: "},
		{"member recover alice she lost it", "It can be approved until"},
		{"pending list", "asks for: member recover alice"},
		{"member security alice", "The IRC key was replaced, on IRC, by boss"},
		{"member disable alice for the test", "is disabled"},
		{"member enable alice", "Lifted for alice: disabled"},
		{"freeleech on 1h for the test", "window #"},
		{"freeleech status", "for the test"},
		{"freeleech off", "has ended."},
		{"freeleech calendar", "quinox"},
		{"freeleech torrent " + second + " free for the test", second},
		{"client list", "Transmission"},
		{"client add -ZZ9 A client of the test", "-ZZ9"},
		{"client lowest -ZZ9 1.2", "1.2"},
		{"client remove -ZZ9", "are refused."},
		{"class slots User 50", "50 torrents"},
		{"announces ann", "No announces of ann"},
		{"tracker", "announces and"},
		{"tracker unknown", "not registered"},
		{"endangered", "eeder"},
		{"job list", "prune"},
		{"mail queue", "sends no mail"},
		{"channel create #lab Wet work", "#lab is there"},
		{"channel set #lab history 3", "history is now 3"},
		{"channel delete #lab", "#lab is deleted"},
		{"kline add bad@*.example.org for the test", "bad@*.example.org"},
		{"kline remove bad@*.example.org", "bad@*.example.org"},
		{"irclog keep #general 40", "40 days"},
		{"irclog nothing", "othing was found"},
		{"audit", "client remove"},
		{"audit boss", "kline add"},
		{"audit alice", "member"},
		{"torrent delete " + third + " for the test", "is deleted"},
	}
	for _, job := range []string{"freeleech-edges", "expire-sessions", "expire-links", "expire-invites", "prune-events", "prune-job-history", "render-texts", "refresh-words", "refresh-folders", "note-swarms", "refresh-accounts", "prune-security-log", "prune-notes", "backup", "prune-support", "deliver-notifications", "prune-notifications", "tell-ends", "send-mail", "prune-mail"} {
		commands = append(commands, []struct{ command, wants string }{{"job run " + job, "Request"}, {"job history " + job, "asked for by"}}...)
	}
	for i, c := range commands {
		staff[i%len(staff)].ask(c.command, c.wants) // Hermes limits how fast one may send commands
	}
}
