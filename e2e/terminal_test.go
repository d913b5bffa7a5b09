package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// terminal is a program that runs in a terminal of its own, which a test types into
// and looks at as a person does (tmux).
type terminal struct {
	t      *testing.T
	socket string
}

// openTerminal runs a program in dir, which is its home too.
func openTerminal(t *testing.T, dir string, argv ...string) *terminal {
	t.Helper()
	short, err := os.MkdirTemp("", "tmux-") // the path of a socket has 107 bytes at most
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, socket: filepath.Join(short, "s")}
	args := append([]string{"new-session", "-d", "-x", "200", "-y", "50", "env", "HOME=" + dir, "LANG=C.UTF-8", "TERM=screen-256color"}, argv...)
	if out, err := x.tmux(args...); err != nil {
		t.Fatalf("tmux: %v: %s", err, out)
	}
	pid, err := x.tmux("display-message", "-p", "#{pane_pid}")
	if err != nil {
		t.Fatalf("tmux: %v: %s", err, pid)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the terminal of %s shows\n%s", argv[0], x.screen(false))
		}
		_, _ = x.tmux("kill-server") // it has ended already when the program has
		wait(t, argv[0]+" goes on without a terminal", func() (bool, string) { return hasEnded(strings.TrimSpace(pid)), pid })
		_ = os.RemoveAll(short)
	})
	return x
}

// hasEnded reports whether a process that isn't our child has ended, collected by its
// parent or not.
func hasEnded(pid string) bool {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func (x *terminal) tmux(args ...string) (string, error) {
	cmd := exec.Command("tmux", append([]string{"-S", x.socket, "-f", "/dev/null"}, args...)...)
	cmd.Env = append(os.Environ(), "LANG=C.UTF-8")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// screen is what the terminal shows, with the colours as escape sequences if asked
// for; it is an error once the program has ended.
func (x *terminal) screen(colours bool) string {
	args := []string{"capture-pane", "-p", "-J"}
	if colours {
		args = append(args, "-e")
	}
	out, err := x.tmux(args...)
	if err != nil {
		return "tmux: " + out
	}
	return out
}

// say types a line.
func (x *terminal) say(text string) {
	x.t.Helper()
	for _, args := range [][]string{{"send-keys", "-l", text}, {"send-keys", "Enter"}} {
		if out, err := x.tmux(args...); err != nil {
			x.t.Fatalf("type %q: %v: %s", text, err, out)
		}
	}
}

// sees waits for something on the screen.
func (x *terminal) sees(pattern string) { x.t.Helper(); x.seesAfter("", pattern) }

// seesColoured is sees for what only colours show.
func (x *terminal) seesColoured(pattern string) {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	wait(x.t, "not on the screen: "+pattern, func() (bool, string) {
		shown := x.screen(true)
		return re.MatchString(shown), shown
	})
}

// seesAfter types a line, repeated from time to time, until something is on the
// screen: for questions whose answer may not be known yet.
func (x *terminal) seesAfter(line, pattern string) {
	x.t.Helper()
	re := regexp.MustCompile(pattern)
	var asked time.Time
	wait(x.t, "not on the screen: "+pattern, func() (bool, string) {
		if line != "" && time.Since(asked) > 3*time.Second {
			x.say(line)
			asked = time.Now()
		}
		shown := x.screen(false)
		return re.MatchString(shown), shown
	})
}

// chatClient is a client for terminals that people use.
type chatClient struct {
	*terminal
	dir   string // where it keeps its files
	start func() *terminal
	sent  func(line string) // waits until it has sent that to the server, as its own log of the protocol tells
	// What this client needs for going to a channel or to the server's own lines, and
	// what it then shows.
	channel, where string // with #… where the channel belongs
	server, atHome string
	clear          string
}

// again restarts a client that was quit.
func (c *chatClient) again() { c.terminal = c.start() }

// goTo switches to a channel that the client is in.
func (c *chatClient) goTo(channel string) {
	c.t.Helper()
	c.seesAfter(strings.ReplaceAll(c.channel, "#…", channel), strings.ReplaceAll(c.where, "#…", channel))
}

// goHome switches to the server's own lines.
func (c *chatClient) goHome() { c.t.Helper(); c.seesAfter(c.server, c.atHome) }

// quit leaves the network and ends the client.
func (c *chatClient) quit() {
	c.t.Helper()
	c.say("/quit")
	wait(c.t, "does not end", func() (bool, string) {
		shown := c.screen(false)
		return strings.HasPrefix(shown, "tmux: "), shown
	})
}

// login says how a client logs in by SASL.
type login struct {
	mechanism   string
	key         string // of the account; none is told to the client when it is empty
	certificate string // a file to show over TLS, likewise
}

// byKey logs in with account and IRC key.
func (a *account) byKey() login { return login{mechanism: "PLAIN", key: a.ircKey} }

// irssi prepares irssi for a member: TLS with the server's certificate pinned, SASL.
func (a *account) irssi(port string, fingerprint []byte, by login) *chatClient {
	a.h.t.Helper()
	dir := a.h.t.TempDir()
	pin := strings.ReplaceAll(fmt.Sprintf("% X", fingerprint), " ", ":")
	server, network := "", ""
	if by.certificate != "" {
		server = fmt.Sprintf("tls_cert = %q;", by.certificate)
	}
	if by.key != "" {
		network = fmt.Sprintf("sasl_username = %q; sasl_password = %q;", a.name, by.key)
	}
	config := fmt.Sprintf(`
servers = ( { address = "127.0.0.1"; chatnet = "site"; port = "%[1]s"; use_tls = "yes"; tls_verify = "no"; tls_pinned_cert = "%[2]s"; autoconnect = "yes"; %[4]s } );
chatnets = { site = { type = "IRC"; nick = "%[3]s"; sasl_mechanism = "%[5]s"; %[6]s }; };
settings = { core = { real_name = "%[3]s"; user_name = "%[3]s"; nick = "%[3]s"; }; };
`, port, pin, a.name, server, by.mechanism, network)
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		a.h.t.Fatal(err)
	}
	c := &chatClient{dir: dir, channel: "/window goto #…", where: `\[\d+:site/#…`, server: "/window 1", atHome: `\[1:`, clear: "/clear"}
	c.start = func() *terminal {
		x := openTerminal(a.h.t, dir, "irssi", "--home="+dir)
		x.sees(`Your host is irc\.localhost`)
		x.seesAfter("/set show_account_notify ON", `show_account_notify ON`)
		return x
	}
	c.sent = func(line string) {
		c.t.Helper()
		log := filepath.Join(dir, "raw.log")
		c.say("/rawlog save " + log)
		wait(c.t, "was not sent: "+line, func() (bool, string) {
			raw, err := os.ReadFile(log)
			return err == nil && strings.Contains(string(raw), "<< "+line+"\n"), fmt.Sprintf("%s (%v)", raw, err)
		})
	}
	c.again()
	return c
}

// weechat prepares WeeChat for a member in the same way. From version 4 on the
// settings of TLS have other names; a version refuses those that it doesn't know.
func (a *account) weechat(port string, fingerprint []byte, by login) *chatClient {
	a.h.t.Helper()
	dir := a.h.t.TempDir()
	argv := []string{"weechat", "-d", dir}
	for _, line := range []string{
		"/set weechat.look.paste_max_lines -1", "/server add site 127.0.0.1/" + port,
		"/set irc.server.site.ssl on", "/set irc.server.site.tls on",
		fmt.Sprintf("/set irc.server.site.ssl_fingerprint %x", fingerprint), fmt.Sprintf("/set irc.server.site.tls_fingerprint %x", fingerprint),
		"/set irc.server.site.sasl_mechanism " + strings.ToLower(by.mechanism),
		"/set irc.server.site.nicks " + a.name, "/set irc.look.smart_filter off",
	} {
		argv = append(argv, "-r", line)
	}
	if by.certificate != "" {
		argv = append(argv, "-r", "/set irc.server.site.ssl_cert "+by.certificate, "-r", "/set irc.server.site.tls_cert "+by.certificate)
	}
	if by.key != "" {
		argv = append(argv, "-r", "/set irc.server.site.sasl_username "+a.name, "-r", "/set irc.server.site.sasl_password "+by.key)
	}
	argv = append(argv, "-r", "/connect site")
	c := &chatClient{dir: dir, channel: "/buffer #…", where: `\d+:#…[({]`, server: "/buffer irc.server.site", atHome: `server\[site\]`, clear: "/buffer clear"}
	c.start = func() *terminal {
		x := openTerminal(a.h.t, dir, argv...)
		x.seesAfter(c.server, `Your host is irc\.localhost`)
		return x
	}
	c.sent = func(line string) {
		c.t.Helper()
		command, _, _ := strings.Cut(line, " ")
		c.seesAfter("/server raw m:"+command, `<-- site \| `+regexp.QuoteMeta(line)+`\s`)
	}
	c.again()
	return c
}
