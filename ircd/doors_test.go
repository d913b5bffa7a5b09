package ircd

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// dialRaw connects and sends what comes before IRC.
func (h *house) dialRaw(t testing.TB, name, header string) *peer {
	t.Helper()
	p := h.dial(t, name)
	if _, err := p.conn.Write([]byte(header)); err != nil {
		t.Fatal(err)
	}
	return p
}

// hostFor is the cloaked host of a nick, as its owner sees it.
func hostFor(p *peer, nick string) string {
	p.t.Helper()
	p.send("USERHOST " + nick)
	l, err := p.read()
	if err != nil {
		p.t.Fatal(err)
	}
	return l[strings.LastIndex(l, "@")+1:]
}

// The header of a trusted proxy is required and believed. Anybody else's is a mere wrong
// command.
func TestProxyHeader(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) {
		c.ProxyFrom, c.ListenTLS = []string{"127.0.0.0/8"}, "127.0.0.1:0"
		c.MaxPerAddress, c.STSDuration.Duration = 2, 300*time.Second
	})
	const one, two = "PROXY TCP4 192.0.2.7 10.0.0.1 5555 6667\r\n", "PROXY TCP4 198.51.100.7 10.0.0.1 5555 6667\r\n"
	v2 := "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\xc0\x00\x02\x07\x0a\x00\x00\x01\x00\x01\x00\x02"
	a := joinBy(t, h, h.dialRaw(t, "guesta", one))
	b := joinBy(t, h, h.dialRaw(t, "guestb", v2))
	c := joinBy(t, h, h.dialRaw(t, "guestc", two))
	if ha, hb, hc := hostFor(a, "guesta|guest"), hostFor(b, "guestb|guest"), hostFor(c, "guestc|guest"); ha != hb || ha == hc {
		t.Errorf("the hosts are %s, %s and %s; the first two have one address", ha, hb, hc)
	}
	if last := h.dialRaw(t, "third", one).ended(); last != "ERROR :Too many connections from your address" {
		t.Errorf("a third from one address is told %q", last)
	}
	if last := h.dialRaw(t, "bare", "NICK bare\r\nUSER a 0 * :b\r\n").ended(); last != "" {
		t.Errorf("a connection of the proxy without header got %q", last)
	}
	c.send("CAP LS 302")
	c.expect("* CAP * LS :* sts=port=7000*")
	// The header comes before TLS.
	secure, _ := h.Addrs()
	raw, err := net.Dial("tcp", secure)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Write([]byte("PROXY TCP4 203.0.113.5 10.0.0.1 5555 7000\r\n")); err != nil {
		t.Fatal(err)
	}
	d := newPeer(t, "guestd", tls.Client(raw, &tls.Config{InsecureSkipVerify: true}))
	d.send("CAP LS 302")
	d.expect("* CAP * LS :* sts=duration=300*")
	d.send("CAP REQ :sts")
	d.expect("* CAP * NAK *sts")
}

func TestProxyHeaderOfStrangers(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) { c.ProxyFrom, c.STSDuration.Duration = []string{"192.0.2.0/24"}, 0 })
	p := h.dialRaw(t, "guest", "PROXY TCP4 192.0.2.7 10.0.0.1 5555 6667\r\n")
	p.expect(":irc.test 451 * *")
	p.send("CAP LS 302")
	l, err := p.read()
	if err != nil || strings.Contains(l, "sts") {
		t.Errorf("without the setting: %q, %v", l, err)
	}
}

func TestWebIRC(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256([]byte("gate"))
	trust := func(c *Config) {
		c.WebIRCFrom, c.WebIRCHash = []string{"127.0.0.0/8"}, hex.EncodeToString(sum[:])
		c.MaxPerAddress = 2
	}
	h := open(t, trust)
	const client = "WEBIRC gate web host.example 192.0.2.7\r\n"
	a := joinBy(t, h, h.dialRaw(t, "guesta", client))
	b := joinBy(t, h, h.dialRaw(t, "guestb", client))
	c := joinBy(t, h, h.dialRaw(t, "guestc", ""))
	if ha, hb, hc := hostFor(a, "guesta|guest"), hostFor(b, "guestb|guest"), hostFor(c, "guestc|guest"); ha != hb || ha == hc {
		t.Errorf("the hosts are %s, %s and %s; the first two have one address", ha, hb, hc)
	}
	for header, want := range map[string]string{
		client: "ERROR :Closing link: Too many connections from your address",
		"WEBIRC wrong web host.example 192.0.2.7\r\n":                     "ERROR :Closing link: WEBIRC is not for you",
		"WEBIRC gate web host.example nowhere\r\n":                        "ERROR :Closing link: WEBIRC needs the client's address",
		"NICK early\r\nWEBIRC gate web host.example 192.0.2.8\r\n":        "ERROR :Closing link: WEBIRC must come first, and once",
		"WEBIRC gate web host 192.0.2.9\r\nWEBIRC gate web h 1.2.3.4\r\n": "ERROR :Closing link: WEBIRC must come first, and once",
	} {
		if last := h.dialRaw(t, "x", header).ended(); last != want {
			t.Errorf("%q is told %q", header, last)
		}
	}
	stranger := open(t, func(c *Config) {
		trust(c)
		c.WebIRCFrom = []string{"192.0.2.0/24"}
	})
	if last := stranger.dialRaw(t, "x", client).ended(); last != "ERROR :Closing link: WEBIRC is not for you" {
		t.Errorf("a stranger is told %q", last)
	}
}

// Connections are limited by address, by network and in how fast they come.
func TestAddressLimits(t *testing.T) {
	t.Parallel()
	const from = "PROXY TCP4 192.0.2.%s 10.0.0.1 5555 6667\r\n"
	for name, tt := range map[string]struct {
		change func(*Config)
		hosts  []string
		want   string
	}{
		"address": {func(c *Config) { c.MaxPerAddress = 2 }, []string{"1", "1", "1"}, "ERROR :Too many connections from your address"},
		"network": {func(c *Config) { c.MaxPerNetwork = 2 }, []string{"1", "2", "3"}, "ERROR :Too many connections from your network"},
		"pace":    {func(c *Config) { c.ConnectsBurst, c.ConnectsPerMinute = 2, 1 }, []string{"1", "1", "1"}, "ERROR :You connect too often, wait a minute"},
	} {
		h := open(t, func(c *Config) {
			c.ProxyFrom = []string{"127.0.0.1/32"}
			tt.change(c)
		})
		for i, host := range tt.hosts {
			p := h.dialRaw(t, "x", strings.Replace(from, "%s", host, 1))
			if i < len(tt.hosts)-1 {
				p.send("CAP LS")
				p.expect("* CAP * LS *")
			} else if last := p.ended(); last != tt.want {
				t.Errorf("%s: the last is told %q", name, last)
			}
		}
	}
}

// A client may show a certificate, old TLS is refused, and a silent client
// doesn't hold up the others.
func TestTLSConnections(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) { c.ListenTLS = "127.0.0.1:0" })
	secure, _ := h.Addrs()
	silent, err := net.Dial("tcp", secure)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dir := t.TempDir()
	cert, _, err := conn.LoadCertificate(filepath.Join(dir, "c"), filepath.Join(dir, "k"), "client.test", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, certs := range [][]tls.Certificate{nil, {cert}} {
		conn, err := tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true, Certificates: certs})
		if err != nil {
			t.Fatal(err)
		}
		guest := joinBy(t, h, newPeer(t, "guest", conn))
		guest.send("QUIT")
		guest.expect("ERROR *") // the next guest takes the same nick
		conn.Close()
	}
	if conn, err := tls.Dial("tcp", secure, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		conn.Close()
		t.Error("TLS 1.1 is accepted")
	}
}

// The subprotocols of WebSocket clients.
const (
	webText   = "text.ircv3.net"
	webBinary = "binary.ircv3.net"
)

// webPeer is a WebSocket client whose messages are shown as lines.
func webPeer(t *testing.T, h *house, name, protocol string, header http.Header) (*peer, *websocket.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	offers := strings.Fields(protocol)
	protocol = offers[0]
	ws, res, err := websocket.Dial(ctx, "ws://"+h.WebAddr(), &websocket.DialOptions{Subprotocols: offers, HTTPHeader: header})
	if err != nil {
		if res != nil && res.Body != nil {
			res.Body.Close()
		}
		return nil, nil, err
	}
	if ws.Subprotocol() != protocol {
		t.Errorf("the subprotocol is %q", ws.Subprotocol())
	}
	kind := websocket.MessageText
	if protocol == webBinary {
		kind = websocket.MessageBinary
	}
	stream, far := net.Pipe()
	go func() {
		defer far.Close()
		for {
			got, b, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			if got != kind || strings.ContainsAny(string(b), "\r\n") {
				t.Errorf("a message of kind %v: %q", got, b)
			}
			if _, err := far.Write(append(b, '\r', '\n')); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { ws.CloseNow() })
	p := newPeer(t, name, &webStream{stream, ws, kind})
	return p, ws, nil
}

type webStream struct {
	net.Conn
	ws   *websocket.Conn
	kind websocket.MessageType
}

func (w *webStream) Write(p []byte) (int, error) {
	return len(p), w.ws.Write(context.Background(), w.kind, []byte(strings.TrimRight(string(p), "\r\n")))
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	h := open(t, func(c *Config) {
		c.ListenWeb, c.WebOrigins = "127.0.0.1:0", []string{"*.example.org"}
	})
	alice := h.join(t, "alice")
	// Only a trusted proxy is believed about its clients' addresses.
	for _, trusting := range []bool{false, true} {
		other := open(t, func(c *Config) {
			c.ListenWeb, c.MaxPerAddress = "127.0.0.1:0", 1
			if trusting {
				c.WebProxies = []string{"127.0.0.0/8"}
			}
		})
		header := http.Header{"X-Real-Ip": {"192.0.2.7"}, "X-Forwarded-Proto": {"https"}}
		if _, _, err := webPeer(t, other, "first", webText, header); err != nil {
			t.Fatal(err)
		}
		if _, _, err := webPeer(t, other, "second", webText, header); (err != nil) != trusting {
			t.Errorf("with a proxy that is trusted (%v), the second from one address: %v", trusting, err)
		}
	}
	for name, protocol := range map[string]string{"bob": webText + " " + webBinary, "carol": webBinary + " " + webText} {
		p, ws, err := webPeer(t, h, name, protocol, http.Header{"Origin": {"https://www.example.org"}})
		if err != nil {
			t.Fatal(err)
		}
		joinBy(t, h, p)
		p.send("PRIVMSG alice :grüße")
		alice.expect(":" + name + "!* PRIVMSG alice :grüße")
		alice.send("PRIVMSG " + name + " :back")
		p.expect(":alice!* PRIVMSG " + name + " :back")
		// A message is one line, whatever is in it; one that isn't UTF-8 is refused.
		p.send("PRIVMSG alice :one\r\nPRIVMSG alice :two")
		p.expect("*characters that IRC doesn't allow")
		if name == "carol" {
			p.send("PRIVMSG alice :\xff")
			p.expect(":irc.test FAIL PRIVMSG INVALID_UTF8 *")
		}
		p.send("QUIT")
		if last := p.ended(); !strings.HasPrefix(last, "ERROR ") {
			t.Errorf("the last line is %q", last)
		}
		_ = ws.CloseNow()
		alice.sync()
		alice.none("*PRIVMSG alice :*two")
	}
	if _, _, err := webPeer(t, h, "x", webText, http.Header{"Origin": {"https://evil.example.com"}}); err == nil {
		t.Error("a page from elsewhere may connect")
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+h.WebAddr(), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("a plain request gets %d", res.StatusCode)
	}
}
