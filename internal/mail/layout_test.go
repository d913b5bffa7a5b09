package mail

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden letters anew")

// hostile is what a member may write into a field that letters quote.
const hostile = "Hi <b>there</b> & \"you\",\r\n\r\nBcc: all@lab.example\r\n.\r\n<script>alert(1)</script>\x00\u202e"

func letters() map[string]Letter {
	until, off := noon.Add(72*time.Hour), "https://bio.example/letters/off?kind=reports&token=abc"
	return map[string]Letter{
		"invite":             {Content: Invitation{Inviter: "ann", Note: "We spoke at the congress.\n\nYour data would fit here.", Link: "/join/abc", Until: until}},
		"invite-bare":        {Content: Invitation{Inviter: "ann", Link: "/join/abc", Until: until}},
		"confirm-address":    {Content: Confirmation{Name: "bob", Link: "/me/address/abc", Until: until}},
		"recover":            {Content: Recovery{Name: "bob", Link: "/recover/abc", Until: noon.Add(time.Hour)}},
		"passphrase-changed": {Content: PassphraseChanged{Name: "bob", At: noon, Link: "/settings/security"}},
		"recovered":          {Content: PassphraseChanged{Name: "bob", How: "with a recovery code", At: noon, Link: "/settings/security"}},
		"warned":             {Content: Warning{Name: "bob", Reason: "Uploaded the same dataset twice.", Until: until, Link: "/me"}},
		"restricted":         {Content: Restriction{Name: "bob", What: "your downloads are off", Reason: hostile, Until: until, Link: "/me"}},
		"disabled":           {Content: Restriction{Name: "bob", What: "your account is disabled", Reason: "Sold invites."}},
		"lifted":             {Content: Lifting{Name: "bob", What: "your downloads are on again", Reason: "It was a mistake of ours.", Link: "/me"}},
		"lifted-by-time":     {Content: Lifting{Name: "bob", What: "your warning has ended", Link: "/me"}},
		"application":        {Content: ApplicationReceived{Code: "tobilu-kasemo", Link: "/apply/abc"}},
		"accepted":           {Content: ApplicationVerdict{Accepted: true, Text: "Welcome.", Link: "/join/abc", Until: until}},
		"refused":            {Content: ApplicationVerdict{Text: "Please say more about your data.", Link: "/apply/abc", Again: until}},
		"reply":              {Content: Reply{Number: 17, Subject: "A dataset of ours", Text: "We took it down.\nThank you for telling us.", Again: "/contact"}},
		"refused-for-good":   {Content: ApplicationVerdict{Link: "/apply/abc"}},
		"notice": {Content: Notice{Name: "bob", Title: "Your report was resolved", Text: "Staff have resolved your report of a dataset that " +
			strings.Repeat("could not be read ", 6) + ".", Quote: "Thank you.", Link: "/reports/7", About: "What became of your reports"}, Unsubscribe: off},
		"notice-bare": {Content: Notice{Name: "bob", Title: "The site is back"}},
		"test":        {Content: Test{By: "ann", At: noon}},
	}
}

func TestLetters(t *testing.T) {
	t.Parallel()
	for name, l := range letters() {
		l.To = "bob@lab.example"
		_, content, err := l.check(testSite)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := render(content.words, testSite)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		compare(t, name+".txt", "Subject: "+got.Subject+"\n\n"+got.Text)
		compare(t, name+".html", got.HTML)
		inspect(t, name, got, content)
	}
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (go test -update writes it anew; -want +got):\n%s", name, diff)
	}
}

// inspect looks for what must hold of every letter.
func inspect(t *testing.T, name string, got rendered, content sealed) {
	t.Helper()
	if strings.ContainsAny(got.Subject, "\r\n\x00") || utf8.RuneCountInString(got.Subject) > maxSubject {
		t.Errorf("%s: subject %q", name, got.Subject)
	}
	page, err := goquery.NewDocumentFromReader(strings.NewReader(got.HTML))
	if err != nil {
		t.Fatal(err)
	}
	if n := page.Find("script, form, img, link, iframe").Length(); n > 0 {
		t.Errorf("%s: %d elements that a letter must not have", name, n)
	}
	buttons := 0
	page.Find("a").Each(func(_ int, a *goquery.Selection) {
		if href := a.AttrOr("href", ""); href == content.Link && a.Text() == content.Button {
			buttons++
		} else if href != content.Link && href != content.Off && href != testSite.URL {
			t.Errorf("%s: a link to %q", name, href)
		}
	})
	if content.Link != "" && (buttons != 1 || !strings.Contains(got.Text, "\n"+content.Link+"\n")) {
		t.Errorf("%s: %d buttons, or the link isn't written out in the text", name, buttons)
	}
	for _, part := range []string{got.Text, got.HTML} {
		if !strings.Contains(strings.Join(strings.Fields(part), " "), "You get this letter because") {
			t.Errorf("%s: it doesn't say why one gets it", name)
		}
	}
	for line := range strings.Lines(got.Text) {
		if utf8.RuneCountInString(line) > lineLength+1 && strings.Contains(strings.TrimSpace(strings.TrimPrefix(line, "> ")), " ") {
			t.Errorf("%s: the line %q is too long", name, line)
		}
	}
}

// TestQuotesStayQuotes lets nothing that somebody wrote look like a line of the letter.
func TestQuotesStayQuotes(t *testing.T) {
	t.Parallel()
	w, err := Warning{Name: "bob", Reason: "one\nhttps://evil.example/button\n\n" + strings.Repeat("word ", 40), Link: "/me"}.words(testSite).tidy(testSite)
	if err != nil {
		t.Fatal(err)
	}
	got, err := render(w, testSite)
	if err != nil {
		t.Fatal(err)
	}
	quoted := regexp.MustCompile(`(?m)^> ?(one|https://evil\.example/button|word( word)*)?$`)
	if n := len(quoted.FindAllString(got.Text, -1)); n != 6 {
		t.Errorf("%d lines are quoted:\n%s", n, got.Text)
	}
}

// TestTheLongestLetter has the longest of everything.
func TestTheLongestLetter(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ö", 5000)
	w, err := Notice{Name: long, Title: long, Text: long, Quote: long, Link: "/me", About: long}.words(testSite).tidy(testSite)
	if err != nil {
		t.Fatal(err)
	}
	got, err := render(w, testSite)
	if err != nil || len(got.HTML) > 32<<10 || len(got.Text) > 32<<10 {
		t.Errorf("%d bytes of HTML, %d of text, %v", len(got.HTML), len(got.Text), err)
	}
}
