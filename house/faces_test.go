package house

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

type waveArgs struct {
	Member member.Member `arg:"name,below"`
	Text   command.Text  `arg:"text"`
}

type unwaveArgs struct {
	Member member.Member `arg:"name,below"`
}

// waves counts the rows of a member in the table of the test's own commands.
func waves(ctx context.Context, tx *db.Tx, m member.Member) (string, error) {
	n, _, err := db.One(ctx, tx, db.Value[int64], "SELECT COUNT(*) FROM wave WHERE member_id = ?", m.ID)
	return fmt.Sprint(n), err
}

// waving are the commands of the test, which no family has.
func waving() []command.Command {
	wave := command.Action[waveArgs]{
		Spec: command.Spec{Name: "wave at", Summary: "greet a member; they see who it was", Permission: core.MemberDisable},
		Preview: func(_ context.Context, _ *db.Tx, _ command.Call, a waveArgs) ([]string, error) {
			return []string{fmt.Sprintf("This would wave at %s: %s", a.Member.Name, a.Text)}, nil
		},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a waveArgs) (string, error) {
			return waves(ctx, tx, a.Member)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a waveArgs) (command.Reply, error) {
			_, err := tx.Insert(ctx, "wave", db.Row{"member_id", a.Member.ID, "text", string(a.Text)})
			return command.Say("%s was waved at.", a.Member.Name).With("wave back", unwaveArgs{a.Member}), err
		},
	}
	unwave := command.Action[unwaveArgs]{
		Spec: command.Spec{Name: "wave back", Summary: "take back the last greeting", Permission: core.MemberDisable},
		State: func(ctx context.Context, tx *db.Tx, _ command.Call, a unwaveArgs) (string, error) {
			return waves(ctx, tx, a.Member)
		},
		Run: func(ctx context.Context, tx *db.Tx, _ command.Call, a unwaveArgs) (command.Reply, error) {
			_, err := tx.Exec(ctx, "DELETE FROM wave WHERE id = (SELECT MAX(id) FROM wave WHERE member_id = ?)", a.Member.ID)
			return command.Say("%s was not waved at.", a.Member.Name), err
		},
	}
	return []command.Command{wave, unwave}
}

// open is a house with all its rooms.
type open struct {
	*House
	t     *testing.T
	ctx   context.Context // ends before the test's patience does
	first *FirstAccount
	irc   string // where clients come without TLS
}

// openHouse serves all rooms with some commands of the test's own, and returns when
// they are ready.
func openHouse(t *testing.T, extra ...command.Command) *open {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	t.Cleanup(cancel)
	host := anyHost()
	o := &open{t: t, ctx: ctx, irc: host + ":6667"}
	s := DefaultSettings()
	s.House.DataDir, s.House.LogLevel, s.Ops.Listen = t.TempDir(), "error", host+":9180"
	s.Site.Listen, s.Site.URL = host+":8080", "http://"+host+":8080"
	s.Tracker.Listen, s.Tracker.AnnounceURL = []string{host + ":34000"}, "http://"+host+":34000"
	s.IRC.ListenTLS, s.IRC.ListenPlain, s.Hermes.Server = "", o.irc, o.irc
	s.Derive()
	var err error
	if o.House, err = Open(ctx, s, true, extra...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	if o.first, err = o.SetUp(ctx); err != nil {
		t.Fatal(err)
	}
	o.serve(allRooms)
	return o
}

// anyHost is an address of this machine, as all of 127.0.0.0/8 are. On one of its own every
// port is free.
func anyHost() string {
	return fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(250), rand.IntN(256), 1+rand.IntN(250))
}

// serve runs some rooms until the test ends, and returns when they are ready.
func (o *open) serve(rooms []string) {
	o.t.Helper()
	ready, ended := make(chan struct{}), make(chan error, 1)
	p := Process{Settings: o.Settings, Rooms: rooms, Version: "test", Out: io.Discard,
		Beside: func(context.Context, *House) error { close(ready); return nil }}
	serving, stop := context.WithCancel(o.ctx)
	go func() { ended <- p.run(serving, o.House, o.Settings.isWhole(rooms)) }()
	o.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			o.t.Errorf("the rooms ended: %v", err)
		}
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- nil
		o.t.Fatalf("the rooms ended: %v", err)
	case <-o.ctx.Done():
		o.t.Fatal("the rooms are not ready")
	}
}

// TestFaces finds a command that no face knows of in the shell, on the site and in
// IRC, with its preview, its confirmation and its answer.
func TestFaces(t *testing.T) {
	t.Parallel()
	o := openHouse(t, waving()...)
	o.must(o.DB.Tx(o.ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(o.ctx, "CREATE TABLE wave (id INTEGER PRIMARY KEY, member_id INTEGER NOT NULL, text TEXT NOT NULL)")
		return err
	}))
	_, err := o.Members.Create(o.ctx, member.New{Name: "bob", Class: "User"})
	o.must(err)
	o.inTheShell()
	o.onTheSite()
	o.onIRC()
	rows, err := o.audit.Recent(o.ctx, 100)
	o.must(err)
	var ways []audit.Via
	for _, e := range rows {
		if e.Command != "wave at" {
			continue
		}
		ways = append(ways, e.Via)
		if e.Arguments != "bob hello" || e.Detail != "bob was waved at." || e.Outcome != audit.Done || e.UndoWith != "wave back bob" {
			t.Errorf("the entry of %s: %+v", e.Via, e)
		}
	}
	if want := []audit.Via{audit.ViaIRC, audit.ViaSite, audit.ViaShell}; !slices.Equal(ways, want) {
		t.Errorf("acts via %v, want %v", ways, want)
	}
}

func (o *open) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// isWaved checks how often bob was waved at.
func (o *open) isWaved(want string) {
	o.t.Helper()
	bob, err := o.Members.ByName(o.ctx, "bob")
	o.must(err)
	var got string
	o.must(o.DB.Tx(o.ctx, func(tx *db.Tx) (err error) {
		got, err = waves(o.ctx, tx, bob)
		return err
	}))
	if got != want {
		o.t.Errorf("bob was waved at %s times, want %s", got, want)
	}
}

func (o *open) inTheShell() {
	o.t.Helper()
	c, err := command.Dial(o.ctx, o.Settings.House.Socket())
	o.must(err)
	do := func(line string) command.ControlResponse {
		o.t.Helper()
		r, err := c.Do(o.ctx, command.ControlRequest{Line: line})
		o.must(err)
		o.must(r.Err())
		return r
	}
	if help := do("help wave"); !slices.Contains(help.Lines, "wave at NAME TEXT - greet a member; they see who it was") {
		o.t.Errorf("help in the shell: %q", help.Lines)
	}
	asked := do("wave at bob hello")
	if !slices.Equal(asked.Confirm, []string{"This would wave at bob: hello"}) {
		o.t.Errorf("the shell is asked %q", asked.Confirm)
	}
	o.isWaved("0")
	if done := do(asked.Agree); !slices.Equal(done.Lines, []string{"bob was waved at."}) {
		o.t.Errorf("the shell is told %q", done.Lines)
	}
	o.isWaved("1")
}

func (o *open) onTheSite() {
	o.t.Helper()
	jar, err := cookiejar.New(nil)
	o.must(err)
	b := &browser{o, &http.Client{Jar: jar}}
	b.submit(b.get("/login").Find("form[action='/login']"), url.Values{"name": {o.first.Name}, "password": {o.first.Password}})
	form := b.get("/staff/members/bob").Find("form[action='/commands/wave-at']")
	asked := b.submit(form, url.Values{"text": {"hello"}})
	if !strings.Contains(asked.Find("main").Text(), "This would wave at bob: hello") {
		o.t.Errorf("the site asks %q", asked.Find("main").Text())
	}
	o.isWaved("1")
	done := b.submit(asked.Find("form[action='/commands/confirm']"), nil)
	if got := strings.TrimSpace(done.Find(".flash p").Text()); got != "bob was waved at." || done.Find("h1").Text() != "bob" {
		o.t.Errorf("the site says %q on the page %q", got, done.Find("h1").Text())
	}
	o.isWaved("2")
	undone := b.submit(done.Find(".flash form[action='/commands/undo']"), nil)
	if got := strings.TrimSpace(undone.Find(".flash p").Text()); got != "bob was not waved at." {
		o.t.Errorf("after undo the site says %q", got)
	}
	o.isWaved("1")
}

// browser keeps its cookies and follows redirects.
type browser struct {
	*open
	client *http.Client
}

func (b *browser) get(path string) *goquery.Document {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.ctx, http.MethodGet, b.Settings.Site.URL+path, nil)
	b.must(err)
	return b.page(req)
}

// submit sends the only form of a selection with what it holds, and with values.
func (b *browser) submit(form *goquery.Selection, values url.Values) *goquery.Document {
	b.t.Helper()
	if form.Length() != 1 {
		b.t.Fatalf("the page has %d such forms", form.Length())
	}
	all := url.Values{}
	form.Find("input[name]").Each(func(_ int, in *goquery.Selection) { all.Set(in.AttrOr("name", ""), in.AttrOr("value", "")) })
	for name, v := range values {
		if !all.Has(name) {
			b.t.Errorf("the form has no field %s", name)
		}
		all[name] = v
	}
	req, err := http.NewRequestWithContext(b.ctx, http.MethodPost, b.Settings.Site.URL+form.AttrOr("action", ""), strings.NewReader(all.Encode()))
	b.must(err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.page(req)
}

func (b *browser) page(req *http.Request) *goquery.Document {
	b.t.Helper()
	resp, err := b.client.Do(req)
	b.must(err)
	raw, err := io.ReadAll(resp.Body)
	b.must(err)
	b.must(resp.Body.Close())
	page, err := goquery.NewDocumentFromReader(bytes.NewReader(raw))
	b.must(err)
	if resp.StatusCode != http.StatusOK {
		b.t.Fatalf("%s %s: %s: %s", req.Method, req.URL.Path, resp.Status, page.Find("main").Text())
	}
	return page
}

func (o *open) onIRC() {
	o.t.Helper()
	c := o.chatter()
	c.send("PRIVMSG Hermes :help wave")
	c.hears(`:Hermes!\S+ PRIVMSG sysop :(wave at NAME TEXT) - greet`)
	c.send("PRIVMSG Hermes :wave at bob hello")
	c.hears(`:Hermes!\S+ PRIVMSG sysop :(This would wave at bob: hello)$`)
	code := c.hears(`:Hermes!\S+ PRIVMSG sysop :.*\b(confirm [0-9A-F]{4})$`)
	o.isWaved("1")
	c.send("PRIVMSG Hermes :" + code)
	c.hears(`:Hermes!\S+ PRIVMSG sysop :(bob was waved at\.)$`)
	o.isWaved("2")
}

// chatter is a connection to the IRC network.
type chatter struct {
	*open
	conn net.Conn
	in   *bufio.Reader
}

// chatter logs the first account in.
func (o *open) chatter() *chatter {
	o.t.Helper()
	return o.chatterOf(o.first.Name, o.first.IRCKey)
}

// chatterOf logs somebody in by SASL PLAIN (RFC 4616).
func (o *open) chatterOf(name, key string) *chatter {
	o.t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(o.ctx, "tcp", o.irc)
	o.must(err)
	o.t.Cleanup(func() { _ = conn.Close() })
	deadline, _ := o.ctx.Deadline()
	o.must(conn.SetDeadline(deadline))
	c := &chatter{o, conn, bufio.NewReader(conn)}
	c.send("CAP REQ sasl", "NICK "+name, "USER "+name+" 0 * "+name)
	c.hears(`CAP \S+ ACK :?(sasl)`)
	c.send("AUTHENTICATE PLAIN")
	c.hears(`^AUTHENTICATE (\+)`)
	plain := name + "\x00" + name + "\x00" + key
	c.send("AUTHENTICATE "+base64.StdEncoding.EncodeToString([]byte(plain)), "CAP END")
	c.hears(` (001) ` + name + ` `)
	return c
}

func (c *chatter) send(lines ...string) {
	c.t.Helper()
	_, err := io.WriteString(c.conn, strings.Join(lines, "\r\n")+"\r\n")
	c.must(err)
}

// hears reads lines up to one that fits a pattern, and returns the pattern's group.
func (c *chatter) hears(pattern string) string {
	c.t.Helper()
	re := regexp.MustCompile(pattern)
	var said []string
	for {
		line, err := c.in.ReadString('\n')
		if err != nil {
			c.t.Fatalf("waits for %q and heard %q: %v", pattern, said, err)
		}
		line = strings.TrimRight(line, "\r\n")
		if token, asks := strings.CutPrefix(line, "PING "); asks {
			c.send("PONG " + token)
		}
		if m := re.FindStringSubmatch(line); m != nil {
			return m[1]
		}
		said = append(said, line)
	}
}
