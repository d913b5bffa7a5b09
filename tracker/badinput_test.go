package tracker

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/tracker/wire"
)

// badQueries are announces that must be refused: how a valid query is changed, and a part
// of what the user reads.
var badQueries = []struct {
	name, from, to, want string
}{
	{"no hash", "&info_hash=", "&x=", "info_hash is missing"},
	{"no peer-id", "&peer_id=", "&x=", "peer_id is missing"},
	{"no port", "&port=", "&x=", "port is missing"},
	{"no upload", "&uploaded=", "&x=", "uploaded is missing"},
	{"no download", "&downloaded=", "&x=", "downloaded is missing"},
	{"nothing left", "&left=", "&x=", "left is missing"},
	{"name in capitals", "&left=", "&LEFT=", "left is missing"},
	{"hash twice", "&left=", "&info_hash=aaaaaaaaaaaaaaaaaaaa&left=", "info_hash is there twice"},
	{"peer-id twice", "&left=", "&peer_id=-TR3000-000000000000&left=", "peer_id is there twice"},
	{"port twice", "&left=", "&port=1&left=", "port is there twice"},
	{"upload twice", "&left=", "&uploaded=0&left=", "uploaded is there twice"},
	{"download twice", "&left=", "&downloaded=0&left=", "downloaded is there twice"},
	{"left twice", "&left=", "&left=1&left=", "left is there twice"},
	{"event twice", "&left=", "&event=stopped&event=stopped&left=", "event is there twice"},
	{"numwant twice", "&left=", "&numwant=1&numwant=1&left=", "numwant is there twice"},
	{"key twice", "&left=", "&key=1&key=1&left=", "key is there twice"},
	{"hash a byte short", "&info_hash=%01", "&info_hash=", "info_hash must have 20 bytes"},
	{"hash a byte long", "&info_hash=", "&info_hash=%00", "info_hash must have 20 bytes"},
	{"hash in hexadecimal", "&info_hash=%01", "&info_hash=0123456789012345678901234567890123456789", "info_hash must have 20 bytes"},
	{"peer-id short", "&peer_id=-", "&peer_id=", "peer_id must have 20 bytes"},
	{"peer-id long", "&peer_id=-", "&peer_id=--", "peer_id must have 20 bytes"},
	{"broken escape in the hash", "&info_hash=%01", "&info_hash=%0g", "info_hash has a broken percent-escape"},
	{"half an escape", "&peer_id=-", "&peer_id=%&y=-", "peer_id has a broken percent-escape"},
	{"broken escape in the key", "&left=", "&key=%zz&left=", "key has a broken percent-escape"},
	{"long key", "&left=", "&key=" + strings.Repeat("k", 65) + "&left=", "key has over 64 bytes"},
	{"port 0", "&port=51413", "&port=0", "port must be from 1 to 65535"},
	{"port 65536", "&port=51413", "&port=65536", "port must be from 1 to 65535"},
	{"port beyond 64 bits", "&port=51413", "&port=99999999999999999999", "port must be from 1 to 65535"},
	{"negative port", "&port=51413", "&port=-1", "port must be from 1 to 65535"},
	{"empty port", "&port=51413", "&port=", "port must be from 1 to 65535"},
	{"negative upload", "&uploaded=", "&uploaded=-", "uploaded can't be negative"},
	{"negative download", "&downloaded=", "&downloaded=-", "downloaded can't be negative"},
	{"negative left", "&left=", "&left=-", "left can't be negative"},
	{"upload of 2^63", "&uploaded=900", "&uploaded=9223372036854775808", "uploaded is too large a number"},
	{"download beyond 64 bits", "&downloaded=900", "&downloaded=" + strings.Repeat("9", 30), "downloaded is too large a number"},
	{"left beyond 64 bits", "&left=9", "&left=" + strings.Repeat("9", 30), "left is too large a number"},
	{"upload in hexadecimal", "&uploaded=", "&uploaded=0x", "uploaded must be a whole number"},
	{"upload with a point", "&uploaded=900", "&uploaded=9e2", "uploaded must be a whole number"},
	{"upload with a sign", "&uploaded=", "&uploaded=%2B", "uploaded must be a whole number"},
	{"unknown event", "&left=", "&event=exploded&left=", "event must be started, stopped"},
	{"event in capitals", "&left=", "&event=Started&left=", "event must be started, stopped"},
	{"numwant is a word", "&left=", "&numwant=many&left=", "numwant must be a whole number"},
	{"overlong", "&left=", "&pad=" + strings.Repeat("x", wire.MaxAnnounceQuery) + "&left=", "at most 2048 are read"},
}

// badRequests are not valid HTTP, or are several requests that look like one. PATH is
// replaced by the path and query of a valid announce.
var badRequests = []struct {
	name, text, want string
}{
	{"root", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"no passkey", "GET /announce HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"empty passkey", "GET //announce HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"deeper", "GET /a/b/announce HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"deeper than it", "GET /aPATH HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"other action", "GET /KEY/update?action=add_user HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"capitals", "GET /KEY/Announce?QUERY HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"escaped slash", "GET /KEY%2Fannounce?QUERY HTTP/1.1\r\nHost: x\r\n\r\n", "404 Not found"},
	{"no query", "GET /KEY/announce HTTP/1.1\r\nHost: x\r\n\r\n", "200 d14:failure reason"},
	{"other passkey", "GET /yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy/announce?QUERY HTTP/1.1\r\nHost: x\r\n\r\n", "200 d14:failure reason"},
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
		got := c.get("/"+c.passkey+"/announce", bad)
		if why, _ := got["failure reason"].(string); !strings.Contains(why, tt.want) || got["interval"] != int64(1800) || len(got) != 3 {
			t.Errorf("%s: %v, want %q", tt.name, got, tt.want)
		}
		untouched(tt.name)
	}
	replace := strings.NewReplacer("PATH", "/"+c.passkey+"/announce?"+good, "KEY", c.passkey, "QUERY", good)
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
	whole := "GET /" + c.passkey + "/announce?" + good + " HTTP/1.1\r\nHost: x\r\n\r\n"
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

// TestSlowSenders opens connections that never end their requests: others are
// served, and the room ends in time.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	w, c := frontWorld(t, nil)
	for range 20 {
		if _, err := io.WriteString(w.dial(), "GET /"+c.passkey+"/announce?info_"); err != nil {
			t.Fatal(err)
		}
	}
	trickle := w.dial() // a byte at a time, as long as the tracker has patience
	go func() {
		for _, b := range []byte("GET /" + c.passkey + "/announce?" + c.query(hash(1), "", 0, 0, 5)) {
			if _, err := trickle.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	c.announce(hash(1), "started", 0, 0, 5)
	w.stop() // it measures how long this takes
}
