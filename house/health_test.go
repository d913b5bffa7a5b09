package house

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/supervise"
)

func TestExamine(t *testing.T) {
	t.Parallel()
	rooms := map[string]supervise.State{
		"tracker": {Ready: true, Complaint: "the tracker can't write its journal"},
		"site":    {LastErr: "listen tcp 127.0.0.1:8080: bind: address already in use\nand a stack", Restarts: 3},
		"ircd":    {},
		"hermes":  {Ready: true},
	}
	want := health{Database: true, Rooms: map[string]roomHealth{
		"tracker": {Ready: true, Problem: "the tracker can't write its journal"},
		"site":    {Restarts: 3, Problem: "it failed and is being started again: listen tcp 127.0.0.1:8080: bind: address already in use"},
		"ircd":    {Problem: "it is being started, or stopped"},
		"hermes":  {Ready: true},
	}}
	if diff := cmp.Diff(want, examine(nil, rooms)); diff != "" {
		t.Errorf("with a sound database (-want +got):\n%s", diff)
	}
	sound := map[string]supervise.State{}
	for _, name := range allRooms {
		sound[name] = supervise.State{Ready: true}
	}
	if h := examine(nil, sound); !h.OK || !h.Database {
		t.Errorf("all is well, and it says %+v", h)
	}
	for says, err := range map[string]error{
		"until the database takes changes": syscall.ENOSPC,
		"until the database answers":       &core.Error{Code: core.Unavailable, Cause: io.ErrUnexpectedEOF},
	} {
		h := examine(err, sound)
		if h.OK || h.Database || h.Problem != db.Diagnose(err) {
			t.Errorf("%v: %+v", err, h)
		}
		for _, name := range allRooms {
			if r := h.Rooms[name]; !r.Ready || !strings.HasSuffix(r.Problem, says) {
				t.Errorf("%v: %s: %+v", err, name, r)
			}
		}
	}
	if h := examine(errors.New("INSERT command denied\nmore"), sound); h.Problem != "the database refuses: INSERT command denied" {
		t.Errorf("a missing grant: %q", h.Problem)
	}
}

// TestDatabaseThatTakesNoChanges looks at every face of a site whose database has become
// read-only.
func TestDatabaseThatTakesNoChanges(t *testing.T) {
	t.Parallel()
	o := openHouse(t)
	c := o.chatter()
	o.says(func(h health) bool { return h.OK && h.Database })
	o.must(o.DB.Tx(o.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(o.ctx, "PRAGMA query_only = 1") // of the one connection that writes
		return err
	}))
	h := o.says(func(h health) bool { return !h.Database })
	if h.OK || !strings.HasPrefix(h.Problem, "the database takes no changes (read-only): ") {
		t.Errorf("the database: %+v", h)
	}
	for _, name := range allRooms {
		if r := h.Rooms[name]; !strings.Contains(r.Problem, withoutChanges[name]) {
			t.Errorf("%s: %q", name, r.Problem)
		}
	}
	const words = "nothing can be saved at the moment; try again in a few minutes"
	c.send("PRIVMSG Hermes :freeleech on 2h thanks")
	c.hears(`:Hermes!\S+ PRIVMSG sysop :(` + words + `)$`)
	shell, err := command.Dial(o.ctx, o.Settings.House.Socket())
	o.must(err)
	r, err := shell.Do(o.ctx, command.ControlRequest{Line: "freeleech on 2h thanks"})
	o.must(err)
	if want := words + "; the database takes no changes (read-only): look at"; core.CodeOf(r.Err()) != core.Unavailable || !strings.HasPrefix(r.Error, want) {
		t.Errorf("in the shell: %+v", r)
	}
	o.loginIsUnavailable("Nothing can be saved at the moment; try again in a few minutes.")
}

// says waits until /healthz says what is wanted.
func (o *open) says(wanted func(health) bool) (h health) {
	o.t.Helper()
	for {
		req, err := http.NewRequestWithContext(o.ctx, http.MethodGet, "http://"+o.Settings.Ops.Listen+"/healthz", nil)
		o.must(err)
		resp, err := http.DefaultClient.Do(req)
		o.must(err)
		h = health{}
		o.must(json.NewDecoder(resp.Body).Decode(&h))
		o.must(resp.Body.Close())
		if status := map[bool]int{true: http.StatusOK, false: http.StatusServiceUnavailable}[h.OK]; resp.StatusCode != status {
			o.t.Errorf("status %d, want %d: %+v", resp.StatusCode, status, h)
		}
		if wanted(h) {
			return h
		}
		if !core.Sleep(o.ctx, 20*time.Millisecond) {
			o.t.Fatalf("it still says %+v", h)
		}
	}
}

// loginIsUnavailable logs in on the site, which must answer with 503 and words.
func (o *open) loginIsUnavailable(words string) {
	o.t.Helper()
	form := url.Values{"name": {o.first.Name}, "password": {o.first.Password}}
	req, err := http.NewRequestWithContext(o.ctx, http.MethodPost, o.Settings.Site.URL+"/login", strings.NewReader(form.Encode()))
	o.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	o.must(err)
	page, err := goquery.NewDocumentFromReader(resp.Body)
	o.must(err)
	o.must(resp.Body.Close())
	if text := page.Find("main").Text(); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || !strings.Contains(text, words) {
		o.t.Errorf("%s, come again after %q: %s", resp.Status, resp.Header.Get("Retry-After"), text)
	}
}
