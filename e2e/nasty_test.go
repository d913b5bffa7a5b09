package e2e

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What one request of a member may make the program take, at most.
const (
	mostMemory = 200 << 20
	mostCPU    = 5 * time.Second
)

// TestNothingCostsTooMuch sends the nastiest requests that it knows to every address of
// the site, to every command that members may run, to the IRC network and to the tracker,
// and measures what the program takes for each: memory above what it takes idle, and time
// of a core. So a busy machine makes no difference. An address of site/routes.txt without
// a line in nastyRoutes fails it.
func TestNothingCostsTooMuch(t *testing.T) {
	t.Parallel()
	n := newNastyHouse(t)
	routes := siteRoutes(t)
	for _, r := range routes {
		if nastyRoutes[r.key()] == nil {
			t.Errorf("%s has no nasty inputs: add a line to nastyRoutes", r.key())
		}
	}
	for key := range nastyRoutes {
		if !slices.ContainsFunc(routes, func(r siteRoute) bool { return r.key() == key }) {
			t.Errorf("nastyRoutes has %s, which is no address of the site", key)
		}
	}
	for _, r := range slices.SortedStableFunc(slices.Values(routes), func(a, b siteRoute) int { return strings.Compare(a.last(), b.last()) }) {
		if t.Failed() && nastyRoutes[r.key()] == nil {
			continue
		}
		n.part(r.key(), func() {
			for _, q := range slices.Concat(n.general(r), nastyRoutes[r.key()](n, r)) {
				n.try(r.key()+": "+q.name, func() int { return n.send(r, q) })
			}
		})
	}
	n.part("commands on the site", n.commands)
	n.part("the tracker", n.onTracker)
	n.part("IRC", n.onIRC)
	n.sayWorst()
}

// part says how much a part of the test has done, and how long that took.
func (n *nastyHouse) part(what string, f func()) {
	n.t.Helper()
	before, began := len(n.costs), time.Now()
	f()
	var used time.Duration
	for _, c := range n.costs[before:] {
		used += c.cpu
	}
	n.t.Logf("%s: %d requests in %.1f s, %.1f s of a core", what, len(n.costs)-before, time.Since(began).Seconds(), used.Seconds())
}

// siteRoute is a line of site/routes.txt.
type siteRoute struct {
	method, path, action, kind, need string
	body                             int64
}

func (r siteRoute) key() string {
	return strings.TrimSuffix(r.method+" "+r.path+" "+strings.Trim(r.action, "-"), " ")
}

// last sorts what ends a session behind all others.
func (r siteRoute) last() string {
	switch {
	case r.path == "/logout":
		return "c"
	case strings.HasSuffix(r.path, "/end"):
		return "b"
	}
	return "a"
}

// siteRoutes reads the list of all addresses.
func siteRoutes(t *testing.T) (out []siteRoute) {
	t.Helper()
	raw := must[[]byte](t)(os.ReadFile("../site/routes.txt"))
	columns := regexp.MustCompile(`\s{2,}`)
	for line := range strings.Lines(string(raw)) {
		c := columns.Split(strings.TrimSpace(line), -1)
		if strings.HasPrefix(line, "#") || len(c) != 7 || c[0] == "METHOD" {
			continue
		}
		r := siteRoute{method: c[0], path: c[1], action: c[2], kind: c[3], need: c[6]}
		var unit string
		var size float64
		if c[5] != "-" {
			if _, err := fmt.Sscan(c[5], &size, &unit); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			r.body = int64(size * map[string]float64{"KiB": 1 << 10, "MiB": 1 << 20}[unit])
		}
		out = append(out, r)
	}
	if len(out) < 50 {
		t.Fatalf("read only %d addresses", len(out))
	}
	return out
}

// cost is what a request took.
type cost struct {
	what   string
	status int
	cpu    time.Duration
	memory int64 // above what the program takes idle
}

func (c cost) tooMuch() bool { return c.memory > mostMemory || c.cpu > mostCPU }

func (c cost) String() string {
	return fmt.Sprintf("%.2f s of a core, %d MB, status %d: %s", c.cpu.Seconds(), c.memory>>20, c.status, c.what)
}

// try measures what a request takes. What is too much is tried again on a program that has
// just started: the garbage of the request before is none of this one's.
func (n *nastyHouse) try(what string, send func() int) {
	n.t.Helper()
	c := n.measure(what, send)
	if c.tooMuch() {
		n.restart()
		if again := n.measure(what, send); again.tooMuch() {
			n.t.Errorf("takes too much: %v", again)
			n.restart()
		} else {
			n.t.Logf("took more after others: %v", c)
			c = again
		}
	}
	guesses := slices.ContainsFunc([]string{"POST /login", "POST /settings/passphrase", "POST /settings/recovery", "POST /recover", "GET /torrents.php download"}, // only some are looked at
		func(route string) bool { return strings.HasPrefix(what, route) })
	if c.status >= 500 && c.status != http.StatusServiceUnavailable || c.status == http.StatusTooManyRequests && !guesses {
		n.t.Errorf("status %d: %s", c.status, what)
	}
	n.statuses[c.status]++
	n.costs = append(n.costs, c)
}

func (n *nastyHouse) measure(what string, send func() int) cost {
	n.t.Helper()
	if err := os.WriteFile(n.proc("clear_refs"), []byte("5"), 0); err != nil { // the peak is the present from now on
		n.t.Fatal(err)
	}
	before := n.cpu()
	c := cost{what: what, status: send()}
	for used := n.cpu(); used > before+30*time.Millisecond; { // until what the request left behind is done, too
		time.Sleep(20 * time.Millisecond)
		now := n.cpu()
		if now-used <= 10*time.Millisecond || now-before > 4*mostCPU {
			break
		}
		used = now
	}
	if n.h.procs["serve"].ended() {
		n.t.Fatalf("the program ended: %s", what)
	}
	c.cpu, c.memory = n.cpu()-before, n.memory("VmHWM")-n.idle
	return c
}

func (n *nastyHouse) proc(name string) string {
	return fmt.Sprintf("/proc/%d/%s", n.h.procs["serve"].cmd.Process.Pid, name)
}

// memory reads a figure of the program's status, in bytes (proc_pid_status(5)).
func (n *nastyHouse) memory(name string) int64 {
	n.t.Helper()
	raw := must[[]byte](n.t)(os.ReadFile(n.proc("status")))
	m := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(raw)
	if m == nil {
		n.t.Fatalf("no %s in:\n%s", name, raw)
	}
	return must[int64](n.t)(strconv.ParseInt(string(m[1]), 10, 64)) << 10
}

// cpu is what the program has used of all cores (proc_pid_stat(5)).
func (n *nastyHouse) cpu() time.Duration {
	n.t.Helper()
	raw := must[[]byte](n.t)(os.ReadFile(n.proc("stat")))
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	var ticks int64
	for _, f := range fields[11:13] { // in user mode and in the kernel
		ticks += must[int64](n.t)(strconv.ParseInt(string(f), 10, 64))
	}
	const tick = 10 * time.Millisecond // Linux tells them so on every machine
	return time.Duration(ticks) * tick
}

// restart lets the program begin anew, with what it has stored.
func (n *nastyHouse) restart() {
	n.t.Helper()
	n.h.procs["serve"].stop(n.t, syscall.SIGTERM)
	n.h.open("serve")
	n.send(siteRoute{method: http.MethodGet, path: "/"}, nasty{})
	n.idle = n.memory("VmRSS")
}

func (n *nastyHouse) sayWorst() {
	n.t.Helper()
	const shown = 12
	n.t.Logf("%d requests; statuses %v", len(n.costs), slices.Sorted(maps.Keys(n.statuses)))
	for what, by := range map[string]func(a, b cost) int{
		"time":   func(a, b cost) int { return int(b.cpu - a.cpu) },
		"memory": func(a, b cost) int { return int(b.memory - a.memory) },
	} {
		slices.SortStableFunc(n.costs, by)
		for _, c := range n.costs[:min(shown, len(n.costs))] {
			n.t.Logf("most %s: %v", what, c)
		}
	}
}

// nasty is a request that is meant to cost much.
type nasty struct {
	name   string
	method string      // "" is the route's
	path   string      // with a query; "" is the route's, for the largest thing of its kind
	header http.Header // besides those that let the visitor in
	typ    string      // the body's media type
	body   func() io.Reader
	length int64  // what is claimed of the body's length; 0 tells nothing
	then   string // a page to open afterwards, as a part of the request
}

// send makes a request and reads the answer. It is 0 for one that was cut off, as the
// server does with bodies that are too large.
func (n *nastyHouse) send(r siteRoute, q nasty) int {
	n.t.Helper()
	var body io.Reader
	if q.body != nil {
		body = q.body()
	}
	method, path := q.method, q.path
	if method == "" {
		method = r.method
	}
	if path == "" {
		path = n.place(r)
	}
	req, err := http.NewRequestWithContext(n.t.Context(), method, n.h.site+path, body)
	if err != nil {
		n.t.Fatalf("%s: %v", q.name, err)
	}
	for key, values := range n.as(r) {
		req.Header[key] = values
	}
	for key, values := range q.header {
		req.Header[key] = append(req.Header[key], values...)
	}
	if q.typ != "" {
		req.Header.Set("Content-Type", q.typ)
	}
	if q.length != 0 {
		req.ContentLength = q.length
	}
	resp, err := n.client.Do(req)
	if err != nil {
		return 0
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return 0
	}
	if q.then != "" && resp.StatusCode < 400 {
		if status := n.send(siteRoute{method: http.MethodGet, path: q.then, need: r.need}, nasty{path: q.then}); status != http.StatusOK {
			n.t.Errorf("%s: %s after it has status %d", q.name, q.then, status)
		}
	}
	return resp.StatusCode
}
