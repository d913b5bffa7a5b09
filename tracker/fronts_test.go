package tracker

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/member/membertest"
	"github.com/caduceus-bio/caduceus/tracker/udp"
	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// udpClient is a client that announces over UDP.
type udpClient struct {
	*btClient
	conn net.Conn
	id   []byte // of the connection
	port uint16
}

func (w *world) udpClient(announceKey string, n int) *udpClient {
	w.t.Helper()
	conn, err := net.Dial("udp", w.room.UDPAddrs()[0].String())
	w.must(err)
	w.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := &udpClient{btClient: w.client(announceKey, n), conn: conn, port: 50000 + uint16(n)}
	c.id = c.ask([]byte("\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00abcd"))[8:]
	return c
}

func (c *udpClient) ask(b []byte) []byte {
	c.w.t.Helper()
	_, err := c.conn.Write(b)
	c.w.must(err)
	answer := make([]byte, 2048)
	n, err := c.conn.Read(answer)
	c.w.must(err)
	return answer[:n]
}

// tell announces, and returns the answer without its head and whether it is a refusal.
func (c *udpClient) tell(h core.InfoHash, event uint32, up, down, left uint64) (answer string, failed bool) {
	c.w.t.Helper()
	b := append([]byte(nil), c.id...)
	b = append(b, "\x00\x00\x00\x01wxyz"...)
	b = append(append(b, h[:]...), c.btClient.id...)
	for _, n := range []uint64{down, left, up} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	for _, n := range []uint32{event, 0, 0, 0xffffffff} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	b = binary.BigEndian.AppendUint16(b, c.port)
	if c.announceKey != "" {
		url := "/" + c.announceKey + "/announce?x"
		b = append(append(b, 2, byte(len(url))), url...)
	}
	got := c.ask(b)
	if string(got[4:8]) != "wxyz" {
		c.w.t.Fatalf("another's answer: %q", got)
	}
	return string(got[8:]), got[3] == 3
}

// TestOverUDP announces over UDP, and checks the result over HTTP and in the books.
func TestOverUDP(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := testConfig()
		c.UDPListen, c.AllowPrivateAddresses = []string{"127.0.0.1:0"}, true
		w := newWorld(t, d, c)
		alice, bob := w.member("alice"), w.member("bob")
		w.torrent(core.LeechNormal, 1)
		w.open()
		seeder, leecher := w.udpClient(alice.AnnounceKey, 1), w.udpClient(bob.AnnounceKey, 2)
		const started, completed, stopped = 2, 1, 3
		if got, failed := seeder.tell(hash(1), started, 0, 0, 0); failed || len(got) != 12 || got[4:] != "\x00\x00\x00\x00\x00\x00\x00\x01" {
			t.Errorf("the first: %q", got)
		}
		if got, failed := leecher.tell(hash(1), started, 0, 0, 100); failed || got[4:] != "\x00\x00\x00\x01\x00\x00\x00\x01\x7f\x00\x00\x01\xc3\x51" {
			t.Errorf("the second: %q", got)
		}
		leecher.tell(hash(1), completed, 30, 100, 0)
		seeder.tell(hash(1), 0, 100, 0, 0)
		if got := leecher.scrape(hash(1)); !strings.HasPrefix(got, "2/0/") {
			t.Errorf("over HTTP there are %s", got)
		}
		leecher.tell(hash(1), stopped, 40, 100, 0)
		for _, tt := range []struct {
			change func(c *udpClient)
			hash   byte
			want   string
		}{
			{func(c *udpClient) { c.announceKey = "" }, 1, "does not send the announce key"},
			{func(c *udpClient) { c.announceKey += "x" }, 1, "announce key in this announce address is not known"},
			{func(c *udpClient) { c.btClient.id = "-XX1000-aaaaaaaaaaaa" }, 1, "your client (-XX1000-) is not on the list"},
			{func(c *udpClient) { c.port = 0 }, 1, "port must be from 1"},
			{func(*udpClient) {}, 9, "not registered here"},
		} {
			wrong := w.udpClient(alice.AnnounceKey, 3)
			tt.change(wrong)
			if got, failed := wrong.tell(hash(tt.hash), 0, 0, 0, 0); !failed || !strings.Contains(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		}
		w.must(membertest.Disable(t.Context(), w.members, alice.Member.ID, "shared it"))
		w.followed()
		if got, failed := seeder.tell(hash(1), 0, 200, 0, 0); !failed || got != "your account is disabled: shared it" {
			t.Errorf("disabled: %q", got)
		}
		w.stop()
		want := [][]int64{{int64(alice.Member.ID), 100, 0}, {int64(bob.Member.ID), 40, 100}}
		if diff := cmp.Diff(want, w.rows(3, "SELECT member_id, uploaded, downloaded FROM transfer_member ORDER BY member_id")); diff != "" {
			t.Error(diff)
		}
	})
}

// gazelleWorld is a tracker that a Gazelle controls.
type gazelleWorld struct {
	*world
	site, report string // passwords
}

func newGazelleWorld(t *testing.T, d *db.DB) *gazelleWorld {
	t.Helper()
	g := &gazelleWorld{site: "0123456789abcdef0123456789abcdef", report: "fedcba9876543210fedcba9876543210"}
	c := testConfig()
	c.OcelotListen, c.OcelotReportPassword = "127.0.0.1:0", g.report
	c.OcelotSitePasswordFile = filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(c.OcelotSitePasswordFile, []byte(g.site+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.world = newWorld(t, d, c)
	return g
}

// say sends a request as Gazelle does, and returns the body of the answer.
func (g *gazelleWorld) say(path string) string {
	g.t.Helper()
	conn, err := net.Dial("tcp", g.room.OcelotAddr().String())
	g.must(err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET /"+path+" HTTP/1.1\r\nConnection: Close\r\n\r\n")
	g.must(err)
	raw, err := io.ReadAll(conn)
	g.must(err)
	_, body, _ := strings.Cut(string(raw), "\r\n\r\n")
	return body
}

func (g *gazelleWorld) update(query string) {
	g.t.Helper()
	if got := g.say(g.site + "/update?action=" + query); got != "success" {
		g.t.Fatalf("%s: %q", query, got)
	}
}

// TestGazelleDrives lets an old Gazelle say who may announce what, and announces:
// each change is in force when it is answered, and after a restart.
func TestGazelleDrives(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newGazelleWorld(t, d)
		house := w.member("housemate") // Gazelle does not know this member
		w.torrent(core.LeechNormal, 9)
		w.open()
		h1, h2 := percent(hash(1)), percent(hash(2))
		ann, ben := strings.Repeat("a", 32), strings.Repeat("b", 32)
		w.update("add_whitelist&peer_id=-TR3")
		w.update("add_user&id=4001&passkey=" + ann)
		w.update("add_user&id=4002&passkey=" + ben)
		w.update("add_torrent&id=501&freetorrent=0&info_hash=" + h1)
		w.update("add_torrent&id=502&freetorrent=2&info_hash=" + h2)
		a, b := w.client(ann, 1), w.client(ben, 2)
		for _, h := range []byte{1, 2} {
			a.announce(hash(h), "started", 0, 0, 0)
			b.announce(hash(h), "started", 0, 0, 100)
		}
		b.announce(hash(1), "", 0, 10, 90) // counts
		b.announce(hash(2), "", 0, 10, 90) // is neutral
		w.update("add_token&userid=4002&info_hash=" + h1)
		b.announce(hash(1), "", 7, 30, 70) // is free
		w.update("remove_token&userid=4002&info_hash=" + h1)
		b.announce(hash(1), "", 7, 31, 69)
		w.update("update_torrent&freetorrent=1&info_hash=" + h1)
		b.announce(hash(1), "", 7, 51, 49)
		w.update("update_torrents&freetorrent=0&info_hashes=" + h1 + h2)
		b.announce(hash(2), "", 0, 15, 85)
		w.update("update_user&passkey=" + ben + "&can_leech=0")
		if got := b.refused(hash(1), "", 49); !strings.Contains(got, "may not download") {
			t.Errorf("leeching forbidden: %q", got)
		}
		w.update("update_user&passkey=" + ben + "&can_leech=1")
		w.update("change_passkey&oldpasskey=" + ben + "&newpasskey=" + strings.Repeat("c", 32))
		if got := b.refused(hash(1), "", 49); !strings.Contains(got, "announce key") {
			t.Errorf("the old announce key: %q", got)
		}
		w.update("delete_torrent&reason=14&info_hash=" + h2)
		if got := a.refused(hash(2), "", 0); got != "this torrent was deleted: banned" {
			t.Errorf("deleted: %q", got)
		}
		w.update("remove_whitelist&peer_id=-TR3")
		if got := a.refused(hash(1), "", 0); !strings.Contains(got, "list of allowed clients") {
			t.Errorf("no client allowed: %q", got)
		}
		w.update("edit_whitelist&old_peer_id=-XX&new_peer_id=-TR3")
		a.announce(hash(1), "", 0, 0, 0)
		w.update("update_announce_interval&new_announce_interval=2700")
		w.update("remove_users&passkeys=" + strings.Repeat("c", 32))

		w.stop()
		w.open()
		if got := w.client(house.AnnounceKey, 3).refused(hash(9), "", 0); !strings.Contains(got, "announce key") {
			t.Errorf("a member of the house: %q", got)
		}
		if got := a.announce(hash(1), "", 0, 0, 0)["interval"].(int64); got < 2700 || got > 2970 {
			t.Errorf("after a restart the interval is %d", got)
		}
		if got := a.refused(hash(2), "", 0); got != "this torrent was deleted: banned" {
			t.Errorf("deleted, after a restart: %q", got)
		}
		if got := w.say(w.report + "/report?get=stats"); !strings.Contains(got, "\n1 seeders tracked\n") || !strings.HasSuffix(got, "\nsuccess") {
			t.Errorf("report: %q", got)
		}
		w.stop()
		if diff := cmp.Diff([][]int64{{4002, 7, 16}}, w.rows(3, "SELECT member_id, uploaded, downloaded FROM transfer_member WHERE downloaded > 0")); diff != "" {
			t.Error(diff)
		}
	})
}

// TestFrontsOpenTogether occupies the address of one front: none of the others may stay
// open.
func TestFrontsOpenTogether(t *testing.T) {
	t.Parallel()
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	c := testConfig()
	c.UDPListen = []string{"127.0.0.1:0", taken.LocalAddr().String()}
	w := newWorld(t, dbtest.SQLite(t), c)
	if err := w.room.Run(t.Context(), func() { t.Error("it is ready") }); err == nil || !strings.Contains(err.Error(), "udp_listen") {
		t.Errorf("got %v", err)
	}
	c = testConfig()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	free := taken.LocalAddr().String()
	_ = taken.Close()
	c.UDPListen, c.Listen = []string{free}, []string{l.Addr().String()}
	w = newWorld(t, dbtest.SQLite(t), c)
	if err := w.room.Run(t.Context(), func() { t.Error("it is ready") }); err == nil || !strings.Contains(err.Error(), "listen") {
		t.Errorf("got %v", err)
	}
	c.Listen, c.OcelotListen, c.OcelotSitePassword = []string{"127.0.0.1:0"}, l.Addr().String(), strings.Repeat("a", 32)
	w = newWorld(t, dbtest.SQLite(t), c)
	if err := w.room.Run(t.Context(), func() { t.Error("it is ready") }); err == nil || !strings.Contains(err.Error(), "ocelot_listen") {
		t.Errorf("got %v", err)
	}
	again, err := net.ListenPacket("udp", free)
	if err != nil {
		t.Fatalf("the UDP front was left open: %v", err)
	}
	_ = again.Close()
}

// TestPacketsThatPanic makes sure that clients learn no details of a fault.
func TestPacketsThatPanic(t *testing.T) {
	t.Parallel()
	broken := &brokenLedger{panic: true}
	s, announceKeys := newService(t, broken)
	d := udpHandler{s}
	r := &udp.Request{URL: "/" + announceKeys[0] + "/announce", From: netip.MustParseAddr("44.0.0.1"),
		Announce: wire.Announce{InfoHash: hash(1), PeerID: wire.PeerID([]byte("-TR3000-000000000001")), Port: 1, Left: 5}}
	got := d.Announce([]byte("head"), r)
	if text := string(got.Body); !got.Refused || !strings.HasPrefix(text, "head") || strings.Contains(text, "torn") || len(text) < 10 {
		t.Errorf("%q, %+v", text, got)
	}
	broken.panic = false
	if got := d.Announce([]byte("head"), r); got.Refused || len(got.Body) != 4+12 || got.Promise == 0 {
		t.Errorf("%q, %+v", got.Body, got)
	}
	s.slots = 0 // it is another tracker's
	if got := d.Announce([]byte("head"), r); !got.Refused || !strings.Contains(string(got.Body), "another part of the tracker; announce over HTTP") {
		t.Errorf("%q, %+v", got.Body, got)
	}
	if text := d.Failed(core.Errorf(core.Unavailable, "the journal is full")); text != "the journal is full" {
		t.Errorf("got %q", text)
	}
	if text := d.Failed(errors.New("a secret of ours")); strings.Contains(text, "secret") {
		t.Errorf("got %q", text)
	}
}
