package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// shape is a way to run the program.
type shape struct {
	name   string
	engine db.Engine
	rooms  []string // each a process of its own, "tracker:a" a tracker of that name; none: all in one
}

var (
	onSQLite  = shape{"sqlite", db.SQLite, nil}
	onMariaDB = shape{"mariadb", db.MariaDB, nil}
	inFive    = shape{"five processes", db.MariaDB, []string{"tracker", "site", "ircd", "hermes", "jobs"}}
)

// patience is how long a wait may take that does not depend on a client's own clock.
// It is long because the machine may be busy.
const patience = time.Minute

// house is the program under test.
type house struct {
	t       *testing.T
	shape   shape
	dir     string
	config  string // the file
	site    string // its address
	tracker string
	irc     string
	proxy   string               // where announces go, when that is not the tracker itself
	more    string               // sections of the file, besides
	alone   string               // where the last of several trackers listens, when nobody is to find it
	opsPort map[string]int       // by process
	admin   db.Config            // MariaDB as its root; empty on SQLite
	user    map[string]db.Config // by room, where each has its own
	env     map[string][]string  // of a process, besides
	procs   map[string]*program
}

var houses atomic.Int32

// build starts the program in a given shape and waits until it is ready.
func build(t *testing.T, s shape, change ...func(*house)) *house {
	t.Helper()
	base := 20000 + 20*int(houses.Add(1)) // the namespace is ours: every port is free
	ip := lab.Gateway.String()
	h := &house{
		t: t, shape: s, dir: t.TempDir(), opsPort: map[string]int{}, procs: map[string]*program{}, user: map[string]db.Config{}, env: map[string][]string{},
		site: fmt.Sprintf("http://%s:%d", ip, base), tracker: fmt.Sprintf("http://%s:%d", ip, base+1), irc: fmt.Sprintf("127.0.0.1:%d", base+2),
	}
	for _, c := range change {
		c(h)
	}
	h.config = filepath.Join(h.dir, "caduceus.toml")
	database := `engine = "sqlite"`
	if s.engine == db.MariaDB {
		h.admin = dbtest.MariaDBConfig(t)
		database = fmt.Sprintf("engine = %q\naddress = %q\nname = %q\nuser = %q", h.admin.Engine, h.admin.Address, h.admin.Name, h.admin.User)
	}
	text := fmt.Sprintf(`
[house]
data_dir = %q
[database]
%s
[site]
name = "BioTest"
url = %q
listen = %q
api_requests = 6000
trusted_proxies = ["10.77.0.1"]
[freeleech]
calendar = false
[tracker]
udp_listen = [%q]
listen = [%[5]q, "[%s]:%d"]
announce_url = %q
interval = "3s"
min_interval = "1s"
peer_timeout = "60s"
flush_every = "200ms"
allow_private_addresses = true
trusted_proxies = ["10.77.0.1"]
[irc]
listen_tls = ""
listen_plain = %q
lines_per_minute = 6000
lines_burst = 1000
[hermes]
lines_per_minute = 6000
lines_burst = 500
server = %q
[ops]
listen = "127.0.0.1:%d"
`, filepath.Join(h.dir, "var"), database, h.site, strings.TrimPrefix(h.site, "http://"),
		strings.TrimPrefix(h.tracker, "http://"), lab.Gateway6, base+1, h.announceURL(), h.irc, h.irc, base+3) + h.more
	if err := os.WriteFile(h.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if len(s.rooms) == 0 {
		h.opsPort["serve"] = base + 3
		h.open("serve")
		return h
	}
	h.run("init")
	h.user = dbtest.GrantUsers(t, h.admin, "../deploy/mariadb/grants.sql")
	if len(h.user) != len(inFive.rooms)+1 { // and one for backups
		t.Fatalf("grants for %d users", len(h.user))
	}
	for i, room := range s.rooms {
		h.opsPort[room] = base + 4 + i
	}
	for _, room := range s.rooms {
		h.start(room)
	}
	for _, room := range s.rooms {
		h.waitReady(room)
	}
	return h
}

// announceURL is where clients are sent.
func (h *house) announceURL() string {
	if h.proxy != "" {
		return h.proxy
	}
	return h.tracker
}

// open starts a process of the program ("serve", or the room it serves) and
// waits until it is ready.
func (h *house) open(process string) {
	h.t.Helper()
	h.start(process)
	h.waitReady(process)
}

func (h *house) start(process string) {
	h.t.Helper()
	args := []string{"serve"}
	room, _, _ := strings.Cut(process, ":")
	if room != "serve" {
		args = append(args, room)
	}
	env := append([]string{fmt.Sprintf("CADUCEUS_OPS_LISTEN=127.0.0.1:%d", h.opsPort[process])}, h.env[process]...)
	if u, ok := h.user[room]; ok {
		env = append(env, "CADUCEUS_DATABASE_USER="+u.User, "CADUCEUS_DATABASE_PASSWORD="+u.Password)
	}
	p := h.command(args, env...)
	p.done = make(chan struct{})
	if err := p.cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	go func() { p.err = p.cmd.Wait(); close(p.done) }()
	h.procs[process] = p
	h.t.Cleanup(func() {
		if !p.ended() {
			p.stop(h.t, syscall.SIGTERM)
		}
		if p.err != nil && !p.killed {
			h.t.Errorf("%s ended badly: %v", process, p.err)
		}
		if strings.Contains(p.out.String(), "denied to user") {
			h.t.Errorf("the grants of deploy/ are too few for %s", process)
		}
		if h.t.Failed() {
			h.t.Logf("%s said:\n%s", process, p.out.String())
		}
	})
}

// kill ends a process as a crash would.
func (h *house) kill(process string) {
	h.t.Helper()
	h.procs[process].stop(h.t, syscall.SIGKILL)
}

// waitReady waits until the process says that all its rooms are ready.
func (h *house) waitReady(process string) {
	h.t.Helper()
	p := h.procs[process]
	url := fmt.Sprintf("http://127.0.0.1:%d/healthz", h.opsPort[process])
	h.wait(process+" is not ready", func() (bool, string) {
		if p.ended() {
			h.t.Fatalf("%s ended: %v", process, p.err)
		}
		req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, url, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false, err.Error()
		}
		var said json.RawMessage
		err = json.NewDecoder(resp.Body).Decode(&said)
		_ = resp.Body.Close()
		return err == nil && resp.StatusCode == http.StatusOK, string(said)
	})
}

// run runs a command of the program to its end and returns what it printed.
func (h *house) run(args ...string) string {
	h.t.Helper()
	p := h.command(args)
	if err := p.cmd.Run(); err != nil {
		h.t.Fatalf("caduceus %s: %v\n%s", strings.Join(args, " "), err, p.out.String())
	}
	return p.out.String()
}

// do runs a staff command from the shell.
func (h *house) do(words ...string) string {
	h.t.Helper()
	return h.run(append([]string{"do", "--yes"}, words...)...)
}

func (h *house) command(args []string, env ...string) *program {
	p := &program{}
	p.cmd = exec.CommandContext(context.WithoutCancel(h.t.Context()), os.Getenv(binaryVariable), append([]string{"--config", h.config}, args...)...)
	p.cmd.Dir = h.dir
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return p
}

// wait calls done again and again until it reports true, for as long as patience.
func (h *house) wait(what string, done func() (ok bool, state string)) {
	h.t.Helper()
	wait(h.t, what, done)
}

func wait(t *testing.T, what string, done func() (ok bool, state string)) {
	t.Helper()
	waitFor(t, patience, what, done)
}

func waitFor(t *testing.T, limit time.Duration, what string, done func() (ok bool, state string)) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, state := done()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %s", what, state)
		}
		<-tick.C
	}
}

// program is a process of the program under test.
type program struct {
	cmd    *exec.Cmd
	out    lines
	done   chan struct{} // closed when it has ended
	err    error         // how
	killed bool
}

func (p *program) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// stop ends the process by a signal. It has five seconds to drain.
func (p *program) stop(t *testing.T, sig syscall.Signal) {
	t.Helper()
	p.killed = sig == syscall.SIGKILL
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Errorf("signal: %v", err)
	}
	began := time.Now()
	select {
	case <-p.done:
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("took %v to drain", took)
		}
	case <-time.After(patience):
		t.Error("does not end")
		p.killed = true
		_ = p.cmd.Process.Kill() // it has just ended otherwise
		<-p.done
	}
}

// lines is what a process wrote.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
