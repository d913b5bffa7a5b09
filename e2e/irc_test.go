package e2e

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/lrstanley/girc"
)

// reader is a member's IRC client (girc) that reads #announce and talks with
// Hermes.
type reader struct {
	h       *house
	girc    *girc.Client
	lines   chan string // of #announce
	answers chan string // of Hermes, to this member alone
}

// listen logs in with SASL and returns once the member is in #announce.
func (a *account) listen() *reader {
	a.h.t.Helper()
	conn, err := net.DialTimeout("tcp", a.h.irc, patience)
	if err != nil {
		a.h.t.Fatal(err)
	}
	r := &reader{h: a.h, lines: make(chan string, 100), answers: make(chan string, 1000)}
	c := girc.New(girc.Config{Server: "ours", Port: 1, Nick: a.name, User: a.name, SASL: &girc.SASLPlain{User: a.name, Pass: a.ircKey}, AllowFlood: true})
	r.girc = c
	joined, once := make(chan struct{}), sync.Once{}
	c.Handlers.Add(girc.CONNECTED, func(c *girc.Client, _ girc.Event) { c.Cmd.Join("#announce") })
	c.Handlers.Add(girc.RPL_ENDOFNAMES, func(*girc.Client, girc.Event) { once.Do(func() { close(joined) }) })
	for _, kind := range []string{girc.PRIVMSG, girc.NOTICE} {
		c.Handlers.Add(kind, func(_ *girc.Client, e girc.Event) {
			switch {
			case len(e.Params) == 0 || e.Source == nil:
			case e.Params[0] == "#announce":
				r.lines <- e.Source.Name + ": " + e.Last()
			case e.Params[0] == a.name && e.Source.Name == "Hermes":
				r.answers <- e.Last()
			}
		})
	}
	ended := make(chan error, 1)
	go func() { ended <- c.DialerConnect(opened{conn}) }()
	a.h.t.Cleanup(func() {
		_ = conn.Close() // girc's Close would leave its reader waiting
		<-ended
	})
	select {
	case <-joined:
	case err := <-ended:
		ended <- err
		a.h.t.Fatalf("%s can't connect to IRC: %v", a.name, err)
	case <-time.After(patience):
		a.h.t.Fatalf("%s does not get into #announce", a.name)
	}
	return r
}

// opened is a dialer that returns a connection which is already open.
type opened struct{ net.Conn }

func (o opened) Dial(string, string) (net.Conn, error) { return o.Conn, nil }

// next returns the next line said in #announce.
func (r *reader) next() string {
	r.h.t.Helper()
	select {
	case line := <-r.lines:
		return line
	case <-time.After(patience):
		r.h.t.Fatal("nothing was said in #announce")
		return ""
	}
}

// ask sends Hermes a command by private message, confirms it where Hermes asks for
// that, and waits for a line of the answer that contains wants.
func (r *reader) ask(command, wants string) {
	r.h.t.Helper()
	confirm := regexp.MustCompile(`confirm [0-9A-F]{4}`)
	r.girc.Cmd.Message("Hermes", command)
	var said []string
	deadline := time.After(patience)
	for {
		select {
		case line := <-r.answers:
			said = append(said, line)
			if code := confirm.FindString(line); code != "" {
				r.girc.Cmd.Message("Hermes", code)
				continue
			}
			if strings.Contains(line, wants) {
				return
			}
		case <-deadline:
			r.h.t.Errorf("asked for %q, Hermes said %q, want %q in it", command, said, wants)
			return
		}
	}
}

// isAnnounce checks that a line announces a torrent of ann's with a title.
func (r *reader) isAnnounce(line, title string, up uploaded) {
	r.h.t.Helper()
	group, torrent := strconv.FormatInt(up.GroupID, 10), strconv.FormatInt(up.TorrentID, 10)
	head := "Hermes: " + title + " [1982] [Sequences] - FASTA / "
	tail := " / Uploader: ann - " + r.h.site + "/torrents.php?id=" + group + " / " + r.h.site + "/torrents.php?action=download&id=" + torrent + " - lambda,phage,genome,reference,virus"
	if !strings.HasPrefix(line, head) || !strings.HasSuffix(line, tail) {
		r.h.t.Errorf("announced:\n%s\nwant:\n%s…%s", line, head, tail)
	}
}
