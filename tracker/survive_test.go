package tracker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/config"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/rates"
	"github.com/caduceus-bio/caduceus/internal/secret"
	"github.com/caduceus-bio/caduceus/tracker/wire/wiretest"
)

// childVariable makes this program a tracker; its value is the settings.
const childVariable = "CADUCEUS_TEST_TRACKER"

func TestMain(m *testing.M) {
	text := os.Getenv(childVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	if err := serveAsChild(text); err != nil {
		fmt.Fprintln(os.Stderr, "tracker:", err)
		os.Exit(1)
	}
}

// childSettings are the settings of a child.
type childSettings struct {
	Tracker Config
	DB      db.Config
}

func serveAsChild(text string) error {
	var s childSettings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	d, err := db.Open(ctx, s.DB, log)
	if err != nil {
		return err
	}
	keys, err := secret.NewKeyring(make([]byte, 32))
	if err != nil {
		return err
	}
	keys = keys.Cheaply()
	if err := limitOnSignal(); err != nil {
		return err
	}
	events := eventlog.New(d, time.Now)
	r := New(s.Tracker, Deps{DB: d, Rates: rates.New(time.Now), Events: events, Members: member.NewStore(d, events, keys, time.Now),
		Torrents: catalog.NewStore(d, events, time.Now, catalog.Options{SiteName: "Test", SiteURL: "https://site.example"}),
		Clients:  client.NewStore(d, events, time.Now), Economy: economy.NewStore(d, events, time.Now, economy.Config{}), Clock: time.Now, Log: log})
	err = r.Run(ctx, func() { fmt.Println(r.Addrs()[0]) })
	return errors.Join(err, d.Close())
}

// limitOnSignal makes the kernel refuse to let files grow from a SIGUSR1 to a
// SIGUSR2, as a full disk does.
func limitOnSignal() error {
	signal.Ignore(syscall.SIGXFSZ)
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2)
	go func() {
		for sig := range signals {
			limit := old
			if sig == syscall.SIGUSR1 {
				limit.Cur = 1
			}
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
				panic(err)
			}
		}
	}()
	return nil
}

// survivor is a tracker in a process of its own that is killed and started again under
// load, with a model of what its clients know.
type survivor struct {
	t        *testing.T
	d        *db.DB // the test's own view
	settings childSettings
	rng      *rand.Rand
	members  []member.Created
	torrents []core.TorrentID
	clients  []*modelled

	cmd      *exec.Cmd
	log      *lockedBuffer
	addr     string
	answered atomic.Int64
	refused  atomic.Int64 // answers with a failure reason
	broken   atomic.Int64 // connections that ended before the answer
	stop     chan struct{}
	load     sync.WaitGroup
}

// modelled is a client: the only one of its member in its torrent.
type modelled struct {
	member, torrent int
	id              string
	base            totals // of sessions before this one, all acknowledged
	sent, told      standing
	completed       bool
	known           bool // it was answered once
	unsure          bool // the last announce was not answered
	event           string
}

type totals struct{ up, down int64 }

type standing struct {
	totals
	left   int64
	listed bool
}

const survivorWorkers = 6

func newSurvivor(t *testing.T, c db.Config) *survivor {
	t.Helper()
	tc := testConfig()
	tc.JournalDir = t.TempDir()
	tc.FlushEvery, tc.CheckpointEvery = config.D(150*time.Millisecond), config.D(time.Second)
	tc.MaxLineMbit = 100_000 // what a quick machine reports for a member is more than ten gigabits carry
	w := newWorld(t, openDB(t, c), tc)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &survivor{t: t, d: w.d, settings: childSettings{tc, c}, rng: rand.New(rand.NewPCG(seed, 1))}
	for m := range 12 {
		s.members = append(s.members, w.member(fmt.Sprintf("member%d", m)))
	}
	for n := range 10 {
		s.torrents = append(s.torrents, w.torrent(core.LeechNormal, byte(n+1)))
	}
	// So large that everything the clients report is possible: all of it is credited.
	w.tx(func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), "UPDATE torrent SET size = ?", int64(1)<<40)
		return err
	})
	for m := range s.members {
		for n := range s.torrents {
			cl := &modelled{member: m, torrent: n, id: fmt.Sprintf("-TR3000-%06d%06d", m, n)}
			if (m+n)%2 == 0 {
				cl.sent.left = 1 << 30
			}
			s.clients = append(s.clients, cl)
		}
	}
	t.Cleanup(func() {
		if s.cmd != nil {
			s.kill()
		}
		s.stopLoad()
	})
	return s
}

// openDB opens a database with the current schema for the test's own view.
func openDB(t *testing.T, c db.Config) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err == nil {
		_, err = d.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // its server may be gone
	return d
}

// start starts the tracker and waits until it answers.
func (s *survivor) start() {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := json.Marshal(s.settings)
	if err != nil {
		s.t.Fatal(err)
	}
	s.log = &lockedBuffer{}
	s.cmd = exec.Command(self)
	s.cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.t.Fatalf("the tracker did not start: %v\n%s", err, s.log)
	}
	s.addr = strings.TrimSpace(line)
}

// kill kills the tracker.
func (s *survivor) kill() {
	_ = s.cmd.Process.Kill() // it may have ended
	_ = s.cmd.Wait()
	s.cmd = nil
}

// term stops the tracker as an operator does, and returns how long that took.
func (s *survivor) term() time.Duration {
	s.t.Helper()
	took, err := s.end()
	if err != nil {
		s.t.Errorf("the tracker ended with %v\n%s", err, s.log)
	}
	return took
}

func (s *survivor) end() (took time.Duration, err error) {
	s.t.Helper()
	begun := time.Now()
	s.signal(syscall.SIGTERM)
	err = s.cmd.Wait()
	s.cmd = nil
	return time.Since(begun), err
}

// drive starts to load the tracker; stopLoad ends that.
func (s *survivor) drive() {
	stop := make(chan struct{})
	s.stop = stop
	for w := range survivorWorkers {
		rng := rand.New(rand.NewPCG(s.rng.Uint64(), uint64(w)))
		s.load.Go(func() {
			var conn *wired
			for {
				select {
				case <-stop:
					conn.close()
					return
				default:
				}
				c := s.clients[w+survivorWorkers*rng.IntN(len(s.clients)/survivorWorkers)]
				event := c.step(rng)
				conn = s.announce(conn, c, event)
			}
		})
	}
}

// busy waits until the tracker has answered many more announces.
func (s *survivor) busy() {
	s.t.Helper()
	want := s.answered.Load() + 500
	s.eventually("the tracker answers", func() bool { return s.answered.Load() >= want })
}

func (s *survivor) eventually(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("it never happened: %s\n%s", what, s.log)
		}
	}
}

func (s *survivor) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

func (s *survivor) stopLoad() {
	if s.stop != nil {
		close(s.stop)
		s.stop = nil
	}
	s.load.Wait()
}

// step changes what the client has to report. What was not answered is reported again.
func (c *modelled) step(rng *rand.Rand) string {
	if !c.unsure {
		c.event = c.change(rng)
	} else if c.event == "" {
		c.transfer(rng)
	}
	return c.event
}

func (c *modelled) transfer(rng *rand.Rand) {
	c.sent.up += rng.Int64N(1 << 20)
	if c.sent.left > 0 {
		c.sent.down += rng.Int64N(1 << 20)
	}
}

func (c *modelled) change(rng *rand.Rand) (event string) {
	if !c.known { // counting begins with the first announce
		c.sent.listed = true
		return "started"
	}
	switch n := rng.IntN(100); {
	case n < 4 && c.sent.listed:
		c.sent.listed = false
		return "stopped"
	case n < 7: // it restarts
		c.base.up, c.base.down = c.base.up+c.sent.up, c.base.down+c.sent.down
		c.sent.totals = totals{}
		c.sent.listed = true
		return "started"
	case n < 9 && c.sent.left > 0:
		c.sent.left, c.completed, event = 0, true, "completed"
	}
	c.sent.listed = true
	c.transfer(rng)
	return event
}

// announce sends what the client has to report, and notes the answer.
func (s *survivor) announce(conn *wired, c *modelled, event string) *wired {
	var body []byte
	var err error
	if conn == nil {
		conn, err = connect(s.addr)
	}
	if err == nil {
		body, err = conn.get(s.query(c, event), fmt.Sprintf("44.0.%d.%d", c.member, c.torrent+1))
	}
	if err != nil {
		s.broken.Add(1)
		c.unsure = true
		conn.close()
		return nil
	}
	if bytes.HasPrefix(body, []byte("d14:failure reason")) {
		s.refused.Add(1)
		c.unsure = true
		if bytes.Contains(body, []byte("record your transfer")) {
			return conn.again()
		}
		s.t.Errorf("answered %q", body)
		return conn.again()
	}
	s.answered.Add(1)
	c.told, c.known, c.unsure = c.sent, true, false
	return conn.again()
}

func (s *survivor) query(c *modelled, event string) string {
	q := fmt.Sprintf("/%s/announce?info_hash=%s&peer_id=%s&port=6881&uploaded=%d&downloaded=%d&left=%d&compact=1&numwant=5",
		s.members[c.member].AnnounceKey, percent(hash(byte(c.torrent+1))), c.id, c.sent.up, c.sent.down, c.sent.left)
	if event != "" {
		q += "&event=" + event
	}
	return q
}

// settle makes every client announce until it is answered.
func (s *survivor) settle() {
	s.t.Helper()
	var conn *wired
	for _, c := range s.clients {
		event := ""
		if c.unsure && !c.sent.listed {
			event = "stopped"
		} else {
			c.sent.listed = true
		}
		for end := time.Now().Add(20 * time.Second); ; {
			conn = s.announce(conn, c, event)
			if !c.unsure {
				break
			}
			if time.Now().After(end) {
				s.t.Fatalf("a client is not answered\n%s", s.log)
			}
		}
	}
	conn.close()
}

// sums reads what the database has for each member.
func (s *survivor) sums() []totals {
	s.t.Helper()
	out := make([]totals, len(s.members))
	rows, err := db.All(s.t.Context(), s.d, func(sc db.Scanner) (r [3]int64, err error) {
		return r, sc.Scan(&r[0], &r[1], &r[2])
	}, "SELECT member_id, uploaded, downloaded FROM transfer_member")
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range rows {
		for m := range s.members {
			if int64(s.members[m].Member.ID) == r[0] {
				out[m] = totals{r[1], r[2]}
			}
		}
	}
	return out
}

// checkBounds waits until the database has everything that clients were told is recorded,
// and makes sure that it has no more than they have sent.
func (s *survivor) checkBounds() {
	s.t.Helper()
	least, most := make([]totals, len(s.members)), make([]totals, len(s.members))
	for _, c := range s.clients {
		told := c.told.totals
		if c.sent.totals == (totals{}) {
			told = totals{} // it was restarted: what it reported before is in the base
		}
		for _, add := range []struct {
			to *totals
			n  totals
		}{{&least[c.member], told}, {&least[c.member], c.base}, {&most[c.member], c.sent.totals}, {&most[c.member], c.base}} {
			add.to.up += add.n.up
			add.to.down += add.n.down
		}
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		behind := false
		for m, got := range s.sums() {
			if got.up > most[m].up || got.down > most[m].down {
				s.t.Fatalf("member %d has %+v, but has sent no more than %+v\n%s", m, got, most[m], s.log)
			}
			behind = behind || got.up < least[m].up || got.down < least[m].down
		}
		if !behind {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("the database has %+v, but clients were told that %+v are recorded\n%s", s.sums(), least, s.log)
		}
	}
}

// checkSwarms makes sure that every client whose announce was answered is in its swarm.
func (s *survivor) checkSwarms() {
	s.t.Helper()
	conn, err := connect(s.addr)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.log)
	}
	defer conn.close()
	for n := range s.torrents {
		h := hash(byte(n + 1))
		body, err := conn.get("/"+s.members[0].AnnounceKey+"/scrape?info_hash="+percent(h), "44.9.9.9")
		if err != nil {
			s.t.Fatal(err)
		}
		v, err := wiretest.Decode(body)
		if err != nil {
			s.t.Fatal(err)
		}
		files, _ := v.(map[string]any)["files"].(map[string]any)
		file, _ := files[string(h[:])].(map[string]any)
		var low, high [2]int64 // seeders, leechers
		for _, c := range s.clients {
			if c.torrent != n {
				continue
			}
			kind := func(st standing) int {
				if st.left > 0 {
					return 1
				}
				return 0
			}
			was, is := c.told, c.sent
			if !c.unsure {
				was = is
			}
			if was.listed && is.listed && kind(was) == kind(is) {
				low[kind(is)]++
				high[kind(is)]++
				continue
			}
			if was.listed {
				high[kind(was)]++
			}
			if is.listed && (!was.listed || kind(is) != kind(was)) {
				high[kind(is)]++
			}
		}
		for kind, name := range []string{"complete", "incomplete"} {
			if got, _ := file[name].(int64); got < low[kind] || got > high[kind] {
				s.t.Errorf("torrent %d has %d %s, want %d to %d\n%s", n, got, name, low[kind], high[kind], s.log)
			}
		}
	}
}

// checkAll makes sure that everything in the database is as the clients have it. The
// clients must have settled, and the tracker must have ended.
func (s *survivor) checkAll() {
	s.t.Helper()
	want := make([]totals, len(s.members))
	snatches, active := int64(0), int64(0)
	for _, c := range s.clients {
		want[c.member].up += c.base.up + c.sent.up
		want[c.member].down += c.base.down + c.sent.down
		if c.completed {
			snatches++
		}
		if c.sent.listed {
			active++
		}
	}
	for m, got := range s.sums() {
		if got != want[m] {
			s.t.Errorf("member %d has %+v, but the clients count %+v", m, got, want[m])
		}
	}
	for _, check := range []struct {
		want  int64
		query string
	}{
		{snatches, "SELECT COALESCE(SUM(snatches), 0) FROM transfer_torrent"},
		{active, "SELECT COUNT(*) FROM transfer_member_torrent WHERE active > 0"},
		{active, "SELECT COALESCE(SUM(seeders + leechers), 0) FROM swarm_count"},
	} {
		var got int64
		if err := s.d.QueryRowContext(s.t.Context(), check.query).Scan(&got); err != nil || got != check.want {
			s.t.Errorf("%s: %d, %v; want %d", check.query, got, err, check.want)
		}
	}
}

// finish makes the clients announce for the last time, stops the tracker, and compares to
// the byte.
func (s *survivor) finish() {
	s.t.Helper()
	s.settle()
	s.checkSwarms()
	if took := s.term(); took > 5*time.Second {
		s.t.Errorf("the stop took %v", took)
	}
	s.checkAll()
}
