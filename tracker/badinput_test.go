package tracker

import (
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// badQueries are announces that must be refused: how a valid query is changed, and a part
// of what the user reads.
var badQueries = []struct {
	name, from, to, want string
}{
	{"no hash", "&info_hash=", "&x=", "info_hash is missing"},
	{"no peer-id", "&peer_id=", "&x=", "peer_id is missing"},
	{"no port", "&port=", "&x=", "port is missing"},
	{"another hash", "&left=", "&info_hash=aaaaaaaaaaaaaaaaaaaa&left=", "info_hash is there twice"},
	{"another peer-id", "&left=", "&peer_id=-TR3000-aaaaaaaaaaaa&left=", "peer_id is there twice"},
	{"another port", "&left=", "&port=1&left=", "port is there twice"},
	{"hash a byte short", "&info_hash=%01", "&info_hash=", "info_hash must have 20 bytes"},
	{"hash a byte long", "&info_hash=", "&info_hash=%00", "info_hash must have 20 bytes"},
	{"hash in hexadecimal", "&info_hash=%01", "&info_hash=0123456789012345678901234567890123456789", "info_hash must have 20 bytes"},
	{"peer-id short", "&peer_id=-", "&peer_id=", "peer_id must have 20 bytes"},
	{"peer-id long", "&peer_id=-", "&peer_id=--", "peer_id must have 20 bytes"},
	{"broken escape in the hash", "&info_hash=%01", "&info_hash=%0g", "info_hash has a broken percent-escape"},
	{"half an escape", "&peer_id=-", "&peer_id=%&y=-", "peer_id has a broken percent-escape"},
	{"port 0", "&port=51413", "&port=0", "port must be from 1 to 65535"},
	{"port 65536", "&port=51413", "&port=65536", "port must be from 1 to 65535"},
	{"port beyond 64 bits", "&port=51413", "&port=99999999999999999999", "port must be from 1 to 65535"},
	{"negative port", "&port=51413", "&port=-1", "port must be from 1 to 65535"},
	{"empty port", "&port=51413", "&port=", "port must be from 1 to 65535"},
}

// badRequests are not valid HTTP, or are several requests that look like one. PATH is
// replaced by the path and query of a valid announce.
var badRequests = []struct {
	name, text, want string
}{
	{"root", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"no announce key", "GET /announce HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"empty announce key", "GET //announce HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"deeper", "GET /a/b/announce HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"deeper than it", "GET /aPATH HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"other action", "GET /KEY/update?action=add_user HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"capitals", "GET /KEY/Announce?QUERY HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"escaped slash", "GET /KEY%2Fannounce?QUERY HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"no query", "GET /KEY/announce HTTP/1.1\r\nHost: x\r\n\r\n", "200 d14:failure reason"},
	{"other announce key", "GET /yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy/announce?QUERY HTTP/1.1\r\nHost: x\r\n\r\n", "200 d14:failure reason"},
	{"no torrent key", "GET /yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy/announce?QUERY HTTP/1.1\r\nHost: x\r\n\r\n", "200 d14:failure reason"},
	{"post", "POST PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", "405 Only GET"},
	{"put", "PUT PATH HTTP/1.1\r\nHost: x\r\n\r\n", "405 Only GET"},
	{"no host", "GET PATH HTTP/1.1\r\n\r\n", "400 "},
	{"two hosts", "GET PATH HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "400 "},
	{"two lengths", "GET PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n", "400 "},
	{"length and chunks, and an announce behind", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET PATH HTTP/1.1\r\nHost: x\r\n\r\n", "400 "},
	{"an announce as the body of another", "GET PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\nGET PATH HTTP/1.1\r\nHost: x\r\n\r\n", "400 "},
	{"an announce in chunks", "GET PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 "},
	{"odd encoding", "GET PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", "400 "},
	{"length with a sign", "GET PATH HTTP/1.1\r\nHost: x\r\nContent-Length: +0\r\n\r\n", "400 "},
	{"blank before the colon", "GET PATH HTTP/1.1\r\nHost : x\r\n\r\n", "400 "},
	{"folded header", "GET PATH HTTP/1.1\r\nHost: x\r\nX: y\r\n z\r\n\r\n", "400 "},
	{"bare line feeds", "GET PATH HTTP/1.1\nHost: x\n\n", "400 "},
	{"bare carriage return", "GET PATH HTTP/1.1\r\nHost: x\rX: y\r\n\r\n", "400 "},
	{"blank in the target", "GET PATH &x=y HTTP/1.1\r\nHost: x\r\n\r\n", "400 "},
	{"fragment", "GET PATH#x HTTP/1.1\r\nHost: x\r\n\r\n", "400 "},
	{"control bytes", "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", "400 "},
	{"NUL in a header", "GET PATH HTTP/1.1\r\nHost: x\x00\r\n\r\n", "400 "},
	{"no HTTP", "hello\r\n\r\n", "400 "},
	{"HTTP/0.9", "GET PATH HTTP/0.9\r\n\r\n", "505 "},
	{"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 "},
	{"head too large", "GET PATH HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 9<<10) + "\r\n\r\n", "431 "},
	{"query too large", "GET PATH" + strings.Repeat("x", 9<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", "431 "},
	{"too many headers", "GET PATH HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 100) + "\r\n", "431 "},
}

// TestBadInput sends all kinds of invalid announces. If accepted, each would credit 900
// bytes and change the swarm. The test makes sure that nothing has changed.
func TestBadInput(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, nil)
	c.announce(hash(1), "started", 0, 0, 100)
	good := "&" + c.query(hash(1), "", 900, 900, 9)
	untouched := func(name string) {
		t.Helper()
		if got := c.scrape(hash(1)); got != "0/1/0" {
			t.Errorf("%s: the swarm is %s", name, got)
		}
	}
	for _, tt := range badQueries {
		bad := strings.Replace(good, tt.from, tt.to, 1)
		if bad == good {
			t.Fatalf("%s changes nothing in %s", tt.name, good)
		}
		got := c.get("/"+c.announceKey+"/announce", bad)
		if why, _ := got["failure reason"].(string); !strings.Contains(why, tt.want) || got["interval"] != int64(1800) || len(got) != 3 {
			t.Errorf("%s: %v, want %q", tt.name, got, tt.want)
		}
		untouched(tt.name)
	}
	replace := strings.NewReplacer("PATH", "/"+c.announceKey+"/announce?"+good, "KEY", c.announceKey, "QUERY", good)
	for _, tt := range badRequests {
		conn := w.dial()
		if got := exchange(t, conn, replace.Replace(tt.text), 1)[0]; !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %.200s, want %s…", tt.name, got, tt.want)
		}
		if strings.HasPrefix(tt.want, "400") { // nothing after it is read
			if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
				t.Errorf("%s: %q, %v after the answer", tt.name, rest, err)
			}
		}
		untouched(tt.name)
	}
	whole := "GET /" + c.announceKey + "/announce?" + good + " HTTP/1.1\r\nHost: x\r\n\r\n"
	for at := 1; at < len(whole); at += 7 { // unfinished requests
		conn := w.dial()
		if _, err := io.WriteString(conn, whole[:at]); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); err != nil || len(got) > 0 && !strings.HasPrefix(string(got), "HTTP/1.1 400 ") {
			t.Errorf("the first %d bytes of an announce: %.100q, %v", at, got, err)
		}
		_ = conn.Close()
	}
	untouched("half requests")
	c.announce(hash(1), "", 5, 6, 90)
	w.stop()
	if diff := cmp.Diff([][]int64{{5, 6}}, w.rows(2, "SELECT uploaded, downloaded FROM transfer_member")); diff != "" {
		t.Errorf("credit\n%s", diff)
	}
}

// oddQueries are announces of which something can't be used: how a valid query, which tells
// of 7 bytes up and down each time, is changed, and what is left of it.
var oddQueries = []struct {
	name, from, to string
	up, down       int64
	swarm          string // afterwards
}{
	{"nothing odd", "", "", 7, 7, "0/1/"},
	{"upload of -1", "&uploaded=UP", "&uploaded=-1", 0, 7, "0/1/"},
	{"what it did not tell is told later", "", "", 14, 7, "0/1/"},
	{"upload of 2^64-1", "&uploaded=UP", "&uploaded=18446744073709551615", 0, 7, "0/1/"},
	{"no download", "&downloaded=DOWN", "", 14, 0, "0/1/"},
	{"left of 2^64-1", "&left=9", "&left=18446744073709551615", 7, 14, "0/1/"},
	{"left of -1, and it has all", "&left=9", "&left=-1&event=completed", 7, 7, "1/0/"},
	{"left missing: it has all still", "&left=9", "", 7, 7, "1/0/"},
	{"an empty numwant", "&left=", "&numwant=&left=", 7, 7, "0/1/"},
	{"compact twice", "&left=", "&compact=1&compact=1&left=", 7, 7, "0/1/"},
	{"an unknown event", "&left=", "&event=exploded&left=", 7, 7, "0/1/"},
	{"a broken key", "&left=", "&key=%zz&left=", 7, 7, "0/1/"},
	{"a long key", "&left=", "&key=" + strings.Repeat("k", 999) + "&left=", 7, 7, "0/1/"},
	{"a long query", "&left=", "&x=" + strings.Repeat("x", 6000) + "&left=", 7, 7, "0/1/"},
	{"two events, one of them a stop", "&left=", "&event=started&event=stopped&left=", 7, 7, "0/0/"},
	{"back", "", "", 7, 7, "0/1/"},
	{"a stop at port 0", "&port=51413", "&port=0&event=stopped", 7, 7, "0/0/"},
	{"back again", "", "", 7, 7, "0/1/"},
	{"a stop of which little can be used", "&left=9", "&left=&numwant=x&key=%&compact=%&event=Stopped", 7, 7, "0/0/"},
}

// TestOddInput counts what can be used of an announce.
func TestOddInput(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, nil)
	c.announce(hash(1), "started", 0, 0, 100)
	var up, down, wantUp, wantDown int64
	for _, tt := range oddQueries {
		up, down, wantUp, wantDown = up+7, down+7, wantUp+tt.up, wantDown+tt.down
		query := "&" + c.query(hash(1), "", up, down, 9)
		told := strings.NewReplacer("UP", strconv.FormatInt(up, 10), "DOWN", strconv.FormatInt(down, 10))
		odd := strings.Replace(query, told.Replace(tt.from), told.Replace(tt.to), 1)
		if odd == query && tt.from != "" {
			t.Fatalf("%s changes nothing in %s", tt.name, query)
		}
		if got := c.get("/"+c.announceKey+"/announce", odd); got["failure reason"] != nil {
			t.Errorf("%s: %v", tt.name, got)
		}
		if got := c.scrape(hash(1)); !strings.HasPrefix(got, tt.swarm) {
			t.Errorf("%s: the swarm is %s, want %s", tt.name, got, tt.swarm)
		}
	}
	w.stop()
	if diff := cmp.Diff([][]int64{{wantUp, wantDown}}, w.rows(2, "SELECT uploaded, downloaded FROM transfer_member")); diff != "" {
		t.Errorf("credit\n%s", diff)
	}
}

// TestSlowSenders opens connections that never end their requests: others are
// served, and the room ends in time.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, nil)
	for range 20 {
		if _, err := io.WriteString(w.dial(), "GET /"+c.announceKey+"/announce?info_"); err != nil {
			t.Fatal(err)
		}
	}
	trickle := w.dial() // a byte at a time, as long as the tracker has patience
	go func() {
		for _, b := range []byte("GET /" + c.announceKey + "/announce?" + c.query(hash(1), "", 0, 0, 5)) {
			if _, err := trickle.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	c.announce(hash(1), "started", 0, 0, 5)
	w.stop() // it measures how long this takes
}
