package staff_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/site/sitetest"
	"github.com/caduceus-bio/caduceus/site/web"
)

// TestFormOfACommandComesBack sends forms in which an argument names nothing, or is none:
// each is shown again with what was typed and the fault beside its field, and the way
// from the list of faults leads there. Nothing is done.
func TestFormOfACommandComesBack(t *testing.T) {
	w := sitetest.OnSQLite(t)
	b := w.As("sysop")
	audited := func() (n int) {
		w.Must(w.DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM audit WHERE outcome = 'done'").Scan(&n))
		return n
	}
	before := audited()
	for _, c := range []struct {
		command, given, field, says string
	}{
		{"job run", "name=refresh-everything", "name", `There is no job "refresh-everything"`},
		{"job history", "name=nothing", "name", "There is no job"},
		{"member disable", "name=nobody&reason=none", "name", `There is no member "nobody"`}, // asks first
		{"member disable", "name=user&reason=+", "reason", "reason is missing"},
		{"member restrict", "name=nobody&what=download&reason=none", "name", `There is no member "nobody"`},
		{"channel set", "channel=%23nowhere&what=join&value=everyone", "channel", "There is no channel #nowhere"},
		{"channel delete", "channel=%23nowhere", "channel", "There is no channel #nowhere"},
		{"client remove", "prefix=-XX", "prefix", `"-XX" is not on the list`},
		{"torrent delete", "id=4711&reason=none", "id", "There is no such torrent"},
		{"torrent delete", "id=x&reason=none", "id", `"x" is no id`},
		{"freeleech member", "name=user&duration=1h&torrent=4711&reason=none", "torrent", "There is no such torrent"}, // not the first argument
		{"freeleech off", "id=4711", "id", "There is no freeleech window 4711"},
		{"page revert", "page=rules&revision=9", "revision", "has no revision 9"},
		{"page revert", "page=nothing&revision=0", "page", "There is no such page"},
		{"undo", "id=4711", "id", "There is no entry 4711"},
	} {
		form, err := url.ParseQuery(c.given)
		w.Must(err)
		form.Set("back", "/staff/jobs")
		a := b.Post(web.CommandAddress(c.command), form)
		page := a.Page(t)
		field := page.Find("main form [name=" + c.field + "][aria-invalid=true]")
		if a.StatusCode != http.StatusUnprocessableEntity || field.Length() != 1 || page.Find("main [aria-invalid=true]").Length() != 1 ||
			!strings.Contains(page.Find(".field.wrong .error").Text(), c.says) {
			t.Errorf("%s %s: status %d, %s", c.command, c.given, a.StatusCode, page.Find("main").Text())
			continue
		}
		if to := page.Find("#problems a").AttrOr("href", ""); to != "#"+field.AttrOr("id", "none") {
			t.Errorf("%s: the list of faults leads to %q, not to the field", c.command, to)
		}
		for name := range form {
			if at := page.Find("main form [name=" + name + "]"); at.AttrOr("value", at.Find("[selected]").AttrOr("value", "")) != form.Get(name) {
				t.Errorf("%s: what was typed as %s is lost", c.command, name)
			}
		}
	}
	if n := audited(); n != before {
		t.Errorf("%d acts were done", n-before)
	}
	if a := b.Post("/commands/nothing", url.Values{"name": {"user"}}); a.StatusCode != http.StatusNotFound {
		t.Errorf("a command that is not there: status %d", a.StatusCode)
	}
}
