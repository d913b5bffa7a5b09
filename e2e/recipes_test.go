package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// keyMark is where a recipe has the member's own key.
const keyMark = "YOUR_IRC_KEY"

// TestRecipesOnThePages does what the pages say, letter by letter, with the clients that
// they speak of: irssi and WeeChat are typed into, HexChat begins with the configuration
// that stands there, and the fields of the others are what a login by SASL needs.
func TestRecipesOnThePages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		try  func(who *account, t *testing.T)
	}{{"irssi", (*account).followIrssi}, {"weechat", (*account).followWeeChat}, {"hexchat", (*account).followHexChat}, {"fields", (*account).followFields}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := build(t, onSQLite, overTLSAtTheSite)
			who := h.member("ann", "Power User")
			h.wait("the page lacks the fingerprint", func() (bool, string) {
				facts := who.get("/help/irc").Find("#irc-facts").Text()
				return strings.Contains(facts, fmt.Sprintf("%x", sha256.Sum256(h.ircCertificate().Raw))), facts
			})
			c.try(who, t)
			if c.name != "fields" {
				h.wait("no login by SASL is in the security log", func() (bool, string) {
					said := h.do("member", "security", "ann")
					return strings.Contains(said, "IRC"), said
				})
			}
		})
	}
}

// overTLSAtTheSite lets the network listen for TLS at the host of the site, which is where
// the pages send people.
func overTLSAtTheSite(h *house) {
	u, err := url.Parse(h.site)
	if err != nil {
		h.t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(h.irc)
	if err != nil {
		h.t.Fatal(err)
	}
	h.env["serve"] = append(h.env["serve"], "CADUCEUS_IRC_LISTEN_TLS="+net.JoinHostPort(u.Hostname(), strconv.Itoa(must[int](h.t)(strconv.Atoi(port))+12)))
}

// recipe is the place of a client on a page.
func (a *account) recipe(page, slug string) *goquery.Selection {
	a.h.t.Helper()
	found := a.get(page).Find("[data-recipe='" + slug + "']")
	if found.Length() != 1 {
		a.h.t.Fatalf("%s has %d recipes for %s", page, found.Length(), slug)
	}
	return found
}

// lines are what a recipe says is to be typed or written, with the member's own key.
func (a *account) lines(page, slug string) []string {
	a.h.t.Helper()
	lines := strings.Split(strings.TrimSpace(a.recipe(page, slug).Find("pre code").Text()), "\n")
	for i, line := range lines {
		if strings.Contains(line, a.ircKey) {
			a.h.t.Errorf("%s shows the key", page)
		}
		lines[i] = strings.ReplaceAll(line, keyMark, a.ircKey)
	}
	return lines
}

// label is what the recipes call the network.
const label = "biotest"

// followIrssi begins with an irssi that knows nothing.
func (a *account) followIrssi(t *testing.T) {
	open := func(dir string) *terminal {
		x := openTerminal(t, dir, "irssi", "--home="+filepath.Join(dir, ".irssi"))
		x.sees(`\[1[:\]]`)
		return x
	}
	loggedIn := func(x *terminal, how string) {
		t.Helper()
		x.seesAfter("/window 1", `\[1[:\]]`)
		x.sees(how)
		x.seesAfter("/whois ann", ` account +: ann\b`)
		x.seesAfter("/window goto #general", `\[\d+:`+label+`/#general`) // nobody joined it: the network did
		x.say("/quit")
	}
	dir := t.TempDir()
	x := open(dir)
	for _, line := range a.lines("/help/irc", "irssi") {
		x.say(line)
	}
	loggedIn(x, `SASL authentication succeeded`)
	x = open(dir) // and from now on by itself
	loggedIn(x, `SASL authentication succeeded`)

	// By a certificate, in an irssi without the key.
	dir = t.TempDir()
	a.makeCertificate(t, dir)
	x = open(dir)
	for _, line := range a.lines("/settings/irc", "irssi-certificate") {
		x.say(line)
	}
	loggedIn(x, `SASL authentication succeeded`)
	a.usedCertificate(t)
	knowsNot(t, dir, a.ircKey)
}

// makeCertificate types what the page says into a shell, and gives the page what it shows.
func (a *account) makeCertificate(t *testing.T, dir string) {
	t.Helper()
	var shown string
	for _, line := range a.lines("/settings/irc", "certificate") {
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
		if _, fingerprint, ok := strings.Cut(string(out), "Fingerprint="); ok {
			shown = strings.TrimSpace(fingerprint)
		}
	}
	a.post("/settings/irc/certificates", url.Values{"certificate": {shown}, "label": {"by the recipe"}})
	if said := a.h.do("certfp", "list", "--member", a.name); !strings.Contains(said, "never used") {
		t.Fatalf("the certificate is not registered: %s", said)
	}
}

func (a *account) usedCertificate(t *testing.T) {
	t.Helper()
	a.h.wait("nobody logged in by the certificate", func() (bool, string) {
		said := a.h.do("certfp", "list", "--member", a.name)
		return strings.Contains(said, "last used"), said
	})
}

// followWeeChat begins with a WeeChat that knows nothing, and then changes to a certificate.
func (a *account) followWeeChat(t *testing.T) {
	version := strings.TrimSpace(string(must[[]byte](t)(exec.Command("weechat", "--version").Output())))
	as := func(line string) string {
		if major, _, _ := strings.Cut(version, "."); len(major) == 1 && major < "4" { // as the page says
			return strings.ReplaceAll(line, "tls", "ssl")
		}
		return line
	}
	dir := t.TempDir()
	// Lines that come as fast as these would be taken for one that is pasted.
	x := openTerminal(t, dir, "weechat", "-d", filepath.Join(dir, ".weechat"), "-r", "/set weechat.look.paste_max_lines -1")
	x.sees(`WeeChat`)
	for _, line := range a.lines("/help/irc", "weechat") {
		x.say(as(line))
	}
	server := "/buffer irc.server." + label
	x.seesAfter(server, `You are now logged in as ann`)
	x.seesAfter("/buffer #general", `\d+:#general[({]`)
	x.seesAfter(server, `server\[`+label+`\]`)

	a.makeCertificate(t, dir)
	for _, line := range a.lines("/settings/irc", "weechat-certificate") {
		x.say(as(line))
	}
	a.usedCertificate(t)
	x.say("/quit")
}

// followHexChat starts HexChat with the configuration of the page.
func (a *account) followHexChat(t *testing.T) {
	dir := t.TempDir()
	file := strings.TrimSpace(a.recipe("/help/irc", "hexchat").Find("p code").First().Text())
	path := filepath.Join(dir, strings.TrimPrefix(file, "~/"))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("v=2.16.1\n\n"+strings.Join(a.lines("/help/irc", "hexchat"), "\n")+"\n\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	display := virtualDisplay(t)
	argv := []string{"hexchat"}
	if os.Getuid() == 0 { // to whom it shows a warning that waits for a click
		argv = []string{"unshare", "--user", "--map-user=1000", "--map-group=1000", "hexchat"}
	}
	background(t, dir, []string{"DISPLAY=" + display}, argv...)
	a.h.wait("HexChat has not logged in", func() (bool, string) {
		said := a.h.do("member", "security", a.name)
		return regexp.MustCompile(`(?i)logged in[^\n]*IRC`).MatchString(said), said
	})
}

// virtualDisplay is a display that nobody sees.
func virtualDisplay(t *testing.T) string {
	t.Helper()
	out := background(t, t.TempDir(), nil, "Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "800x600x24")
	var number string
	wait(t, "no display", func() (bool, string) {
		raw := must[[]byte](t)(os.ReadFile(out))
		for line := range strings.Lines(string(raw)) {
			if _, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && strings.HasSuffix(line, "\n") {
				number = strings.TrimSpace(line)
			}
		}
		return number != "", string(raw)
	})
	return ":" + number
}

// background runs a program with a home of its own until the test ends, and returns the
// file of what it says.
func background(t *testing.T, home string, env []string, argv ...string) string {
	t.Helper()
	out := must[*os.File](t)(os.Create(filepath.Join(t.TempDir(), "out")))
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME="+filepath.Join(home, ".config"), "XDG_RUNTIME_DIR="+home, "DBUS_SESSION_BUS_ADDRESS=disabled:"), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended already when it could not go on
		_ = cmd.Wait()
		if raw, err := os.ReadFile(out.Name()); t.Failed() && err == nil {
			t.Logf("%s says\n%s", argv[0], raw)
		}
		_ = out.Close()
	})
	return out.Name()
}

// followFields logs in with what the page names for clients with forms.
func (a *account) followFields(t *testing.T) {
	page := a.get("/help/irc")
	for _, slug := range []string{"thelounge", "android", "ios"} {
		field := map[string]string{}
		page.Find("[data-recipe='" + slug + "'] [data-field]").Each(func(_ int, s *goquery.Selection) {
			field[s.AttrOr("data-field", "")] = strings.TrimSpace(s.Text())
		})
		if field["tls"] != "yes" || field["key"] != keyMark || field["nick"] != a.name {
			t.Errorf("%s: %v", slug, field)
		}
		roots := x509.NewCertPool()
		roots.AddCert(a.h.ircCertificate())
		conn := must[*tls.Conn](t)(tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", net.JoinHostPort(field["host"], field["port"]), &tls.Config{RootCAs: roots, ServerName: "irc.localhost"}))
		b := (&account{h: a.h, name: field["account"], ircKey: strings.ReplaceAll(field["key"], keyMark, a.ircKey)}).robot(conn)
		b.hears(` 900 \S+ \S+ ann `)
		b.hears(`^:ann!\S+ JOIN (:?)#general`)
		b.raw("QUIT")
	}
}
