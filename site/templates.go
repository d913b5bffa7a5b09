package site

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

//go:embed templates
var templateFiles embed.FS

// view names a page's template and ties it to the type of what it shows.
type view[T any] string

// The pages. Each is templates/<name>.html.
const (
	errorView        view[errorPage]        = "error"
	landingView      view[landingPage]      = "landing"
	loginView        view[loginPage]        = "login"
	homeView         view[homePage]         = "home"
	browseView       view[browsePage]       = "browse"
	groupView        view[groupPage]        = "group"
	filesView        view[filesPage]        = "files"
	uploadStartView  view[uploadStartPage]  = "upload_start"
	uploadView       view[uploadPage]       = "upload"
	uploadedView     view[uploadedPage]     = "uploaded"
	editGroupView    view[editGroupPage]    = "edit_group"
	editTorrentView  view[editTorrentPage]  = "edit_torrent"
	deleteView       view[deletePage]       = "delete"
	profileView      view[profilePage]      = "profile"
	settingsView     view[settingsPage]     = "settings"
	ircLoginView     view[ircLoginPage]     = "irc_login"
	freeleechView    view[freeleechPage]    = "freeleech"
	clientsView      view[clientsPage]      = "clients"
	staffMembersView view[staffMembersPage] = "staff_members"
	staffMemberView  view[staffMemberPage]  = "staff_member"
	newMemberView    view[newMemberPage]    = "new_member"
	announcesView    view[announcesPage]    = "announces"
	endangeredView   view[endangeredPage]   = "endangered"
	trackerView      view[trackerPage]      = "tracker"
)

// declared is every page with empty data, for the check at start.
func declared() map[string]any {
	return map[string]any{
		string(errorView): errorPage{}, string(landingView): landingPage{}, string(loginView): loginPage{},
		string(homeView): homePage{}, string(browseView): browsePage{}, string(groupView): groupPage{},
		string(filesView): filesPage{}, string(uploadStartView): uploadStartPage{}, string(uploadView): uploadPage{},
		string(uploadedView): uploadedPage{}, string(editGroupView): editGroupPage{}, string(editTorrentView): editTorrentPage{},
		string(deleteView): deletePage{}, string(profileView): profilePage{}, string(settingsView): settingsPage{},
		string(ircLoginView): ircLoginPage{}, string(freeleechView): freeleechPage{}, string(clientsView): clientsPage{}, string(staffMembersView): staffMembersPage{},
		string(staffMemberView): staffMemberPage{}, string(newMemberView): newMemberPage{},
		string(announcesView): announcesPage{}, string(endangeredView): endangeredPage{}, string(trackerView): trackerPage{},
	}
}

// templates are parsed once; executing them is safe for concurrent use.
type templates struct {
	byName map[string]*template.Template
	parts  *template.Template // the layout and the parts alone, for pieces of pages
}

// parseTemplates parses every page with the layout and the parts, and executes
// each once with empty data, so that a mistake shows at start and not to a member.
func parseTemplates(a *assets, clock core.Clock) (*templates, error) {
	base, err := template.New("base").Funcs(functions(a, clock)).ParseFS(templateFiles, "templates/layout.html", "templates/part_*.html")
	if err != nil {
		return nil, fmt.Errorf("parse the layout: %w", err)
	}
	t := &templates{byName: map[string]*template.Template{}}
	if t.parts, err = base.Clone(); err != nil {
		return nil, fmt.Errorf("parse the parts: %w", err)
	}
	if _, err := t.piece("swarm_numbers", []swarmNumbers{{}}); err != nil {
		return nil, err
	}
	for name, empty := range declared() {
		clone, err := base.Clone()
		if err != nil {
			return nil, fmt.Errorf("parse page %s: %w", name, err)
		}
		if t.byName[name], err = clone.ParseFS(templateFiles, "templates/"+name+".html"); err != nil {
			return nil, fmt.Errorf("parse page %s: %w", name, err)
		}
		for _, me := range []member.Member{{}, {ID: 1, State: member.Enabled}} {
			if err := t.execute(&bytes.Buffer{}, name, frame{Me: me, Page: empty}); err != nil {
				return nil, err
			}
		}
	}
	return t, undeclared()
}

func (t *templates) execute(b *bytes.Buffer, name string, f frame) error {
	if err := t.byName[name].ExecuteTemplate(b, "layout", f); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	return nil
}

// piece executes one part alone.
func (t *templates) piece(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := t.parts.ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("part %s: %w", name, err)
	}
	return b.Bytes(), nil
}

// undeclared finds template files that no page uses.
func undeclared() error {
	known := declared()
	files, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return err
	}
	for _, f := range files {
		name := strings.TrimSuffix(path.Base(f), ".html")
		if _, ok := known[name]; !ok && name != "layout" && !strings.HasPrefix(name, "part_") {
			return fmt.Errorf("template %s belongs to no page", f)
		}
	}
	return nil
}

// frame is what every page has around its own data.
type frame struct {
	Site   siteInfo
	Me     member.Member
	Path   string
	Banner banner
	Flash  flash
	Page   any
}

// siteInfo is what pages say about the site itself.
type siteInfo struct {
	Name string
	URL  string
	IRC  IRCInfo
}

// In reports whether somebody is logged in.
func (f frame) In() bool { return f.Me.ID != 0 }

// Can reports whether the visitor has one of some permissions.
func (f frame) Can(any ...core.Permission) bool {
	for _, p := range any {
		if f.In() && f.Me.Can(p) {
			return true
		}
	}
	return false
}

// Staff reports whether the visitor has anything to do on the staff pages.
func (f frame) Staff() bool { return f.Can(core.MemberCreate, core.MemberDisable, core.MemberClass) }

// render answers with a page. It is built in memory first, so that a fault in it
// becomes an error page and never half a page.
func render[T any](s *server, v *visit, status int, which view[T], data T) error {
	f := frame{Site: siteInfo{Name: s.config.Name, URL: s.config.base(), IRC: s.IRC}, Me: v.me,
		Path: v.Request.URL.Path, Flash: v.flash, Page: data}
	if v.in() {
		b, err := s.banner(v)
		if err != nil {
			s.Log.Error("the freeleech banner failed", "err", err) // the page itself is fine
		}
		f.Banner = b
	}
	var b bytes.Buffer
	if err := s.pages.execute(&b, string(which), f); err != nil {
		return err
	}
	if !v.flash.Empty() {
		s.dropCookie(v, flashCookie)
	}
	v.Data(status, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// okPage is render with status 200.
func okPage[T any](s *server, v *visit, which view[T], data T) error {
	return render(s, v, http.StatusOK, which, data)
}

// seeOther ends a form that was acted on, with a sentence for the next page.
func (s *server) seeOther(v *visit, to, good string) error {
	if good != "" {
		if err := s.tell(v, flash{Good: good}); err != nil {
			return err
		}
	}
	return redirectTo(to)
}
