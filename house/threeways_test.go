package house

import (
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/PuerkitoBio/goquery"
)

// talker is one of the staff on the IRC network.
type talker struct {
	*chatter
	lines chan string
}

// talks logs one of the staff in, and listens from then on.
func (o *open) talks(p person) *talker {
	o.t.Helper()
	t := &talker{o.chatterOf(p.name, p.ircKey), make(chan string, 1000)}
	go func() {
		defer close(t.lines)
		for {
			line, err := t.in.ReadString('\n')
			if err != nil {
				return // the test has ended, or waits in vain and says what was heard
			}
			t.lines <- strings.TrimRight(line, "\r\n")
		}
	}()
	return t
}

// toConfirm is the code that Hermes asks for.
var toConfirm = regexp.MustCompile(`:Hermes!\S+ PRIVMSG \S+ :.*\bconfirm ([0-9A-F]{4})$`)

// asks says a command to Hermes, confirms it where Hermes asks for that, and returns once it
// is done.
func (t *talker) asks(line string, done func() bool) {
	t.t.Helper()
	t.send("PRIVMSG Hermes :" + line)
	var heard []string
	patience := time.NewTimer(10 * time.Second)
	defer patience.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case line, there := <-t.lines:
			if !there {
				t.t.Fatalf("%s: the connection has ended; heard %q", line, heard)
			}
			heard = append(heard, line)
			if token, asks := strings.CutPrefix(line, "PING "); asks {
				t.send("PONG " + token)
			}
			if m := toConfirm.FindStringSubmatch(line); m != nil {
				t.send("PRIVMSG Hermes :confirm " + m[1])
			}
		case <-tick.C:
		case <-patience.C:
			t.t.Fatalf("%s is not done; heard %q", line, heard)
		}
	}
}

// onPage does an act with the form that a page of the site offers for it, and goes ahead
// where it asks.
func (f *face) onPage(b *browser, a staffAct, given url.Values) {
	f.t.Helper()
	action := "/commands/" + strings.ReplaceAll(a.name, " ", "-")
	var form *goquery.Selection
	if a.name == "undo" { // beside what was done
		form = f.shown.Find(`.flash form[action="/commands/undo"]`)
	} else {
		form = b.formOn(a.page, action, given)
	}
	if info, err := f.Commands.Lookup(a.name); err == nil && !info.Changes && form.Length() == 0 && len(given) == 0 {
		return // the page itself asks
	}
	if form.Length() != 1 {
		f.t.Fatalf("%s offers %s with %v %d times", cmp.Or(a.page, "what was shown"), a.name, given, form.Length())
	}
	all := url.Values{}
	form.Find("input[name], select[name], textarea[name]").Each(func(_ int, in *goquery.Selection) {
		all.Set(in.AttrOr("name", ""), in.AttrOr("value", in.Find("option[selected]").AttrOr("value", "")))
	})
	for name, values := range given {
		field := form.Find(`[name="` + name + `"]`)
		if field.Length() != 1 {
			f.t.Fatalf("%s: the form for %s has no field %s", a.page, a.name, name)
		}
		if field.Is("select") && field.Find(`option[value="`+values[0]+`"]`).Length() != 1 {
			f.t.Fatalf("%s: %s can't be chosen as %s of %s", a.page, values[0], name, a.name)
		}
		all[name] = values
	}
	page := b.post(form.AttrOr("action", ""), all)
	if asked := page.Find(`form[action="/commands/confirm"]`); asked.Length() == 1 {
		page = b.submit(asked, nil)
	}
	f.shown = page
}

// formOn finds the form of a command on a page, or behind a link that stands there: of several
// the one that is about what is given.
func (b *browser) formOn(path, action string, given url.Values) *goquery.Selection {
	b.t.Helper()
	about := func(page *goquery.Document) *goquery.Selection {
		return page.Find(`form[method="post"][action="` + action + `"]`).FilterFunction(func(_ int, form *goquery.Selection) bool {
			fits := true
			form.Find(`input[type="hidden"][name]`).Each(func(_ int, in *goquery.Selection) {
				name := in.AttrOr("name", "")
				fits = fits && (name == "back" || given.Get(name) == in.AttrOr("value", ""))
			})
			return fits
		})
	}
	page := b.get(path)
	form := about(page)
	if exact := form.FilterFunction(func(_ int, form *goquery.Selection) bool { // a button, beside a form for any of its kind
		return form.Find(`input[type="hidden"][name]`).Length() == len(given)+1
	}); exact.Length() == 1 {
		return exact
	}
	if form.Length() == 0 {
		if link := page.Find(`a[href^="` + action + `"]`).First(); link.Length() == 1 {
			form = about(b.get(link.AttrOr("href", "")))
		}
	}
	return form
}

// post sends a form.
func (b *browser) post(path string, form url.Values) *goquery.Document {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, b.Settings.Site.URL+path, strings.NewReader(form.Encode()))
	b.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.page(req)
}
