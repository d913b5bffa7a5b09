// Package mailtest runs a real OpenSMTPD for tests, which delivers to the test itself.
//
// Each server has a mount namespace of its own, since OpenSMTPD knows one folder for its
// queue and one socket for the whole machine: so several run beside each other, and none touches the
// machine's mail. That needs root, as OpenSMTPD itself does; without root a test
// fails and says so. Only go test -short leaves it out, which CI=true in the environment refuses.
//
// Debian 12's OpenSMTPD can't encrypt as a server: OpenSSL 3 does not ask it for its key
// (OpenSMTPD/OpenSMTPD issue 1171), and it offers AUTH only where there is encryption. So these two, and
// nothing else, are done before it by this package; see front.go.
//
// Concurrency: a Server is safe for concurrent use, apart from what restarts it.
package mailtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is an OpenSMTPD on this machine. It takes letters to every address at lab.example and
// at bio.example, apart from those that it was told to refuse, and to no others.
type Server struct {
	Host      string // 127.0.0.1
	Port      int    // STARTTLS, with or without AUTH
	TLSPort   int    // TLS from the first byte on, and only with AUTH
	PlainPort int    // OpenSMTPD itself
	CAFile    string // has signed the certificate of the first two

	User, Password, PasswordFile string

	t        testing.TB
	dir      string
	lmtp     int
	relay    string // where letters go, for a server that delivers none; "" for one that does
	gone     []string
	slow     []string
	received received

	mu   sync.Mutex
	stop func() // ends OpenSMTPD; nil while it is away
}

// patience is how long anything may take, on a machine that is busy with other tests.
const patience = 30 * time.Second

// Start runs a server until the test ends.
func Start(t testing.TB) *Server {
	t.Helper()
	if testing.Short() {
		if os.Getenv("CI") == "true" {
			t.Fatal("-short leaves OpenSMTPD out, and CI=true")
		}
		t.Skip("-short leaves OpenSMTPD out")
	}
	if _, err := exec.LookPath("smtpd"); err != nil {
		t.Fatalf("OpenSMTPD for tests: %v (apt-get install opensmtpd)", err)
	}
	if os.Geteuid() != 0 {
		t.Fatal("OpenSMTPD must be started as root: run this test as root, or with -short to leave it out")
	}
	s := &Server{Host: "127.0.0.1", User: "caduceus", Password: "only for this test", t: t, dir: t.TempDir()}
	s.begin()
	return s
}

// StartRelay runs a server that takes every letter and hands it on to another one. What that refuses
// goes back to bounces, an address that takes LMTP, if it comes from NAME+bID-MAC@bio.example. Its
// configuration is the one of deploy/.
func StartRelay(t testing.TB, to *Server, bounces string) *Server {
	t.Helper()
	s := &Server{Host: "127.0.0.1", User: "caduceus", Password: "only for this test", t: t, dir: t.TempDir()}
	raw, err := os.ReadFile(filepath.Join(deployed(t), "opensmtpd", "smtpd.conf"))
	if err != nil {
		t.Fatal(err)
	}
	for was, is := range map[string]string{"\nlisten on lo port 25\n": "\nlisten on 127.0.0.1 port %d\n", "biotorrents[.]example": "bio[.]example", "127.0.0.1:2526": bounces,
		"\naction \"out\" relay\n": fmt.Sprintf("\naction \"out\" relay host smtp://127.0.0.1:%d\n", to.PlainPort)} {
		if strings.Count(string(raw), was) != 1 {
			t.Fatalf("deploy/opensmtpd/smtpd.conf has %q not once", was)
		}
		raw = bytes.Replace(raw, []byte(was), []byte(is), 1)
	}
	s.relay = string(raw)
	s.begin()
	return s
}

// deployed is the folder deploy of the module.
func deployed(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "deploy")
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	t.Fatalf("no module above the test: %v", err)
	return ""
}

// begin makes what the server needs, and starts it.
func (s *Server) begin() {
	t := s.t
	t.Helper()
	for _, dir := range []string{"spool", "run"} {
		if err := os.Mkdir(filepath.Join(s.dir, dir), 0o755); err != nil { //nolint:gosec // its users are others
			t.Fatal(err)
		}
	}
	s.lmtp = s.serve("LMTP", s.receive)
	s.encrypt()
	for try := 0; ; try++ {
		s.PlainPort = freePort(t)
		err := s.start()
		if err == nil {
			break
		}
		if try == 3 { // somebody else may have taken the port
			t.Fatal(err)
		}
	}
	t.Cleanup(s.Stop)
}

// Refuse makes the server say of these addresses, for good, that there are none.
func (s *Server) Refuse(addresses ...string) { s.gone = addresses; s.restart() }

// Defer makes the server ask for these addresses that one comes again later; none: it takes all.
func (s *Server) Defer(addresses ...string) { s.slow = addresses; s.restart() }

func (s *Server) restart() {
	s.t.Helper()
	s.Stop()
	s.Again()
}

// Stop ends the server in order; its ports answer no more until Again.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
}

// Again starts a server that was stopped, on the same ports.
func (s *Server) Again() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}

// start runs OpenSMTPD and returns when it answers.
func (s *Server) start() error {
	file := filepath.Join(s.dir, "smtpd.conf")
	if err := os.WriteFile(file, []byte(s.settings()), 0o600); err != nil {
		return err
	}
	// What it mounts is seen by it alone.
	script := fmt.Sprintf("mount --bind %[1]s/run /run && mount --bind %[1]s/spool /var/spool && exec smtpd -d -f %[2]s", s.dir, file)
	cmd := exec.CommandContext(context.WithoutCancel(s.t.Context()), "sh", "-c", script) //nolint:gosec // of paths that we have made
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // the server gets a signal when the thread that started it ends
		err := cmd.Start()
		began <- err
		if err == nil {
			_ = cmd.Wait() // it ends by our signal, or with what it has written
		}
	}()
	if err := <-began; err != nil {
		return fmt.Errorf("start OpenSMTPD: %w", err)
	}
	stop := func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	}
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if s.greets() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.stop = stop
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("OpenSMTPD ended: %s", out.String())
		default:
		}
		if time.Now().After(end) {
			stop()
			return fmt.Errorf("OpenSMTPD does not answer: %s", out.String())
		}
	}
}

// settings are its configuration.
func (s *Server) settings() string {
	if s.relay != "" {
		return fmt.Sprintf(s.relay, s.PlainPort)
	}
	list := func(addresses []string) string {
		quoted := []string{`"nobody.at.all@lab.example"`} // a table can't be empty
		for _, a := range addresses {
			quoted = append(quoted, strconv.Quote(a))
		}
		return "{ " + strings.Join(quoted, ", ") + " }"
	}
	return fmt.Sprintf(`table gone %s
table slow %s
table all { "@" = nobody }
filter "slow" phase rcpt-to match rcpt-to <slow> reject "450 4.2.1 come again later"
listen on 127.0.0.1 port %d filter "slow"
action "in" lmtp "127.0.0.1:%d" rcpt-to virtual <all>
match from any for rcpt-to <gone> reject
match from any for domain { "lab.example", "bio.example" } action "in"
`, list(s.gone), list(s.slow), s.PlainPort, s.lmtp)
}

// greets reports whether OpenSMTPD answers.
func (s *Server) greets() bool {
	d := net.Dialer{Timeout: time.Second}
	conn, err := d.DialContext(s.t.Context(), "tcp", fmt.Sprintf("127.0.0.1:%d", s.PlainPort))
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	code := make([]byte, 4)
	_, err = conn.Read(code)
	return err == nil && string(code) == "220 "
}

func freePort(t testing.TB) int {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

// serve hands each connection to a port of its own to handle, until the test ends, and returns the port.
func (s *Server) serve(what string, handle func(net.Conn) error) int {
	s.t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(s.t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // it is closed
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			wg.Go(func() {
				if err := handle(conn); err != nil && !errors.Is(err, net.ErrClosed) {
					s.t.Logf("%s: %v", what, err)
				}
				_ = conn.Close()
				mu.Lock()
				delete(open, conn)
				mu.Unlock()
			})
		}
	})
	s.t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for conn := range open {
			_ = conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().(*net.TCPAddr).Port
}
