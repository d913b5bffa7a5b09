package ircd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lrstanley/girc"

	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
)

func TestRoomRunsAgain(t *testing.T) {
	h := newHouse(t, nil)
	for range 3 {
		h.start(t)
		p := h.join(t, "alice")
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		if last := p.ended(); last != "ERROR :Closing link: The server is restarting, please come back" {
			t.Errorf("the last line was %q", last)
		}
		_, addr := h.Addrs()
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Error("the port is still open after the run")
		}
	}
	for _, m := range gathered(t, h) {
		if strings.HasPrefix(m, "caduceus_irc_connections 0") {
			return
		}
	}
	t.Errorf("connections are not back at 0: %q", gathered(t, h))
}

func TestPortThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	h := newHouse(t, func(c *Config) { c.ListenTLS, c.ListenPlain = "127.0.0.1:0", taken.Addr().String() })
	err = h.Run(t.Context(), func() { t.Error("ready without its port") })
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Errorf("got %v", err)
	}
}

// TestRealClient logs in as most bots do: girc over TLS with SASL, which checks
// the certificate that the room made.
func TestRealClient(t *testing.T) {
	h := open(t, func(c *Config) { c.ListenTLS = "127.0.0.1:0" })
	addr, _ := h.Addrs()
	_, port, _ := net.SplitHostPort(addr)
	pem, err := os.ReadFile(filepath.Join(h.deps.DataDir, "irc", "certificate.pem"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	bot := girc.New(girc.Config{Server: "127.0.0.1", Port: atoi(t, port), Nick: "Hermes", User: "hermes", Name: "Hermes", SSL: true,
		TLSConfig: &tls.Config{RootCAs: roots, ServerName: "irc.test"}, SASL: &girc.SASLPlain{User: "Hermes", Pass: "key-hermes"}, AllowFlood: true})
	inside, asked := make(chan struct{}, 1), make(chan string, 1)
	bot.Handlers.Add(girc.RPL_ENDOFNAMES, func(c *girc.Client, e girc.Event) {
		if e.Params[1] == "#general" {
			inside <- struct{}{}
		}
	})
	bot.Handlers.Add(girc.PRIVMSG, func(c *girc.Client, e girc.Event) {
		account, _ := e.Tags.Get("account")
		asked <- account + " " + e.Last()
		c.Cmd.Reply(e, "pong")
	})
	ended := make(chan error, 1)
	go func() { ended <- bot.Connect() }()
	defer func() {
		bot.Close()
		<-ended
	}()
	await(t, inside)
	if u := bot.LookupUser("Hermes"); u == nil || u.Host != "5.bot.bio-test" {
		t.Errorf("girc knows itself as %+v", u)
	}
	if c := bot.LookupChannel("#general"); c == nil || c.Topic != "The usual chit-chat" {
		t.Errorf("girc knows #general as %+v", c)
	}

	alice := h.join(t, "alice")
	alice.send("PRIVMSG #general :ping")
	if got := await(t, asked); got != "alice ping" {
		t.Errorf("Hermes heard %q", got)
	}
	alice.expect(":Hermes!hermes@5.bot.bio-test PRIVMSG #general :*pong")
	bot.Cmd.Message("#announce", "A dataset")
	alice.expect(":Hermes!hermes@5.bot.bio-test PRIVMSG #announce :A dataset")
	alice.send("WHOIS Hermes")
	alice.expect("* 671 alice Hermes *")
}

func TestPlainTextAtTheTLSPort(t *testing.T) {
	h := open(t, func(c *Config) { c.ListenTLS = "127.0.0.1:0" })
	addr, _ := h.Addrs()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	p := newPeer(t, "x", conn)
	p.send("NICK x", "USER x 0 * :X")
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection stays open")
	}
	h.talk(t, "alice is")
}

func TestConnectionLimits(t *testing.T) {
	h := open(t, func(c *Config) { c.ExemptAddresses, c.MaxPerAddress = nil, 2 })
	a, b := h.dial(t, "a"), h.dial(t, "b")
	a.sync()
	b.sync()
	if last := h.dial(t, "c").ended(); last != "ERROR :Too many connections from your address" {
		t.Errorf("the third got %q", last)
	}
	a.send("QUIT")
	a.ended()
	h.dial(t, "d").sync()

	h = open(t, func(c *Config) { c.MaxClients = 1 })
	h.dial(t, "a").sync()
	if last := h.dial(t, "b").ended(); last != "ERROR :The server is full, try again later" {
		t.Errorf("the second got %q", last)
	}
}

func TestSlowReaderIsCutOffAndHoldsNobodyUp(t *testing.T) {
	h := open(t, func(c *Config) { c.SendQueue = 64 << 10 })
	slow, alice, bob := h.join(t, "carol"), h.join(t, "alice"), h.join(t, "bob")
	if err := slow.conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	alice.sync()
	bob.sync()
	text := "PRIVMSG #general :" + long(400)
	start := time.Now()
	for range 60000 { // far more than the kernel's buffers and the queue hold
		alice.send(text)
		l, err := bob.read()
		if err != nil {
			t.Fatal(err)
		}
		if like(":carol!* QUIT :SendQ exceeded", l) {
			t.Logf("cut off after %s", time.Since(start))
			return
		}
	}
	t.Error("the slow reader was never cut off")
}

func TestFloodIsSlowedDown(t *testing.T) {
	h := open(t, func(c *Config) { c.GuestLinesBurst, c.GuestLinesPerMinute = 10, 600 })
	guest, alice := h.join(t, "guest"), h.join(t, "alice")
	elapsed := func(p *peer) time.Duration {
		start := time.Now()
		for range 15 {
			p.send("PING x")
		}
		p.sync()
		p.pending = nil
		return time.Since(start)
	}
	if d := elapsed(alice); d > time.Second {
		t.Errorf("a member waited %s", d)
	}
	if d := elapsed(guest); d < 500*time.Millisecond {
		t.Errorf("a guest's 16 lines took only %s", d)
	}
}

func TestEndlessLineEndsTheConnection(t *testing.T) {
	h := open(t, nil)
	p := h.dial(t, "x")
	go func() {
		junk := []byte(long(8 << 10))
		for {
			if _, err := p.conn.Write(junk); err != nil {
				return
			}
		}
	}()
	if last := p.ended(); last != "" && last != "ERROR :Closing link: Line is far too long" {
		t.Errorf("the last line was %q", last)
	}
}

func TestSilentConnections(t *testing.T) {
	in := inside(t, func(c *Config) {
		c.RegistrationTimeout, c.PingInterval, c.PingTimeout = config.D(30*time.Second), config.D(90*time.Second), config.D(60*time.Second)
	})
	stranger := in.dial(t, "stranger")
	silent, lively := in.join(t, "alice"), in.join(t, "bob")
	in.sweepAfter(31 * time.Second)
	if last := stranger.ended(); last != "ERROR :Closing link: Registration timed out" {
		t.Errorf("the stranger's last line was %q", last)
	}
	in.sweepAfter(60 * time.Second)
	silent.expect("PING :irc.test")
	lively.expect("PING :irc.test")
	lively.send("PONG irc.test")
	lively.sync()
	in.sweepAfter(59 * time.Second)
	in.sweepAfter(2 * time.Second)
	if last := silent.ended(); last != "ERROR :Closing link: Ping timeout: 152 seconds" {
		t.Errorf("the silent one's last line was %q", last)
	}
	lively.expect(":alice!* QUIT :Ping timeout: 152 seconds")
	lively.sync()
}

func TestNothingPersonalIsLogged(t *testing.T) {
	h := open(t, nil)
	h.people.put(9, "broken", "User", core.IRCConnect)
	h.join(t, "alice").send("PRIVMSG #general :private words", "QUIT")
	h.people.fail(os.ErrPermission)
	p := h.dial(t, "x")
	p.send("PASS alice:key-alice", "NICK alice", "USER u 0 * :Alice Real")
	p.ended()
	if err := h.stop(); err != nil {
		t.Fatal(err)
	}
	logged := h.logged.String()
	if !strings.Contains(logged, "login") {
		t.Fatal("the failure was not logged")
	}
	for _, personal := range []string{"127.0.0.1:", "key-alice", "private words", "Alice Real"} {
		if strings.Contains(logged, personal) {
			t.Errorf("%q is in the log:\n%s", personal, logged)
		}
	}
}

func TestConfigMistakes(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	for key, change := range map[string]func(*Config){
		"server_name":          func(c *Config) { c.ServerName = "irc" },
		"network":              func(c *Config) { c.Network = "a\nb" },
		"listen_tls":           func(c *Config) { c.ListenTLS, c.ListenPlain = "", "" },
		"listen_plain":         func(c *Config) { c.ListenPlain = "6667" },
		"cert_file":            func(c *Config) { c.CertFile = "a.pem" },
		"max_clients":          func(c *Config) { c.MaxClients = 0 },
		"sendq_bytes":          func(c *Config) { c.SendQueue = 100 },
		"proxy_from":           func(c *Config) { c.ProxyFrom = []string{"here"} },
		"webirc_from":          func(c *Config) { c.WebIRCFrom = []string{"here"} },
		"webirc_hash":          func(c *Config) { c.WebIRCFrom = []string{"192.0.2.0/24"} },
		"websocket_proxies":    func(c *Config) { c.WebProxies = []string{"here"} },
		"websocket_origins":    func(c *Config) { c.WebOrigins = []string{"["} },
		"listen_websocket":     func(c *Config) { c.ListenWeb = "6680" },
		"sts_duration":         func(c *Config) { c.STSDuration.Duration = -1 },
		"sts_port":             func(c *Config) { c.STSPort = 0 },
		"max_per_network":      func(c *Config) { c.MaxPerNetwork = 0 },
		"connects_per_minute":  func(c *Config) { c.ConnectsPerMinute = 0 },
		"exempt_addresses":     func(c *Config) { c.ExemptAddresses = []string{"here"} },
		"registration_timeout": func(c *Config) { c.RegistrationTimeout = config.D(0) },
		"ping_timeout":         func(c *Config) { c.PingTimeout = config.D(48 * time.Hour) },
	} {
		c := DefaultConfig()
		change(&c)
		if err := c.Validate(); core.FieldOf(err) != key {
			t.Errorf("a mistake in %s gives %v", key, err)
		}
	}
}
