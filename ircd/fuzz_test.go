package ircd

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/caduceus-bio/caduceus/ircd/conn"
)

// deaf is a client without goroutines: lines are handed to the network, and what
// it answers is taken from the queue.
func (in *interior) deaf(t testing.TB, name string) *session {
	t.Helper()
	near, other := net.Pipe()
	t.Cleanup(func() { near.Close(); other.Close() })
	s := newSession(conn.New(near, 8<<20), conn.Origin{})
	if err := in.n.add(s); err != nil {
		t.Fatal(err)
	}
	if m, err := in.people.ByName(t.Context(), name); err == nil {
		in.n.locked(func() {
			if err := in.n.attach(s, m, memory{}); err != nil {
				t.Error(err)
			}
		})
	}
	in.n.handle(t.Context(), s, "CAP REQ :labeled-response batch echo-message message-tags server-time sasl account-tag")
	in.n.handle(t.Context(), s, "CAP END")
	in.n.handle(t.Context(), s, "USER u 0 * :Real")
	in.n.handle(t.Context(), s, "NICK "+name)
	if !s.registered() {
		t.Fatalf("%s is not registered", name)
	}
	return s
}

// sane finds faults in what a client was sent.
func sane(t *testing.T, s *session) {
	t.Helper()
	for _, l := range s.conn.Take() {
		text, ok := bytes.CutSuffix(l, []byte("\r\n"))
		switch {
		case !ok || bytes.ContainsAny(text, "\r\n\x00") || len(text) == 0:
			t.Errorf("not one line: %q", l)
		case !utf8.Valid(text):
			t.Errorf("not UTF-8: %q", l)
		}
		if text[0] == '@' {
			tags, body, found := bytes.Cut(text, []byte(" "))
			if !found || len(tags) > 8190 {
				t.Errorf("bad tags: %q", l)
			}
			text = body
		}
		if len(text)+2 > maxLine {
			t.Errorf("%d bytes: %q", len(text)+2, l)
		}
	}
}

// FuzzLines gives lines to clients of every kind, each of which may end.
func FuzzLines(f *testing.F) {
	for _, seed := range []string{
		"JOIN #general,#support,0 key\nMODE #general +ovbkl-imnstu mod alice *!*@* key 5\nKICK #general alice,mod :reason",
		"NICK Hermes\nNICK alice|x\nNICK [\nWHO * %tcuihsnfdlaor,12\nWHOIS a,b\nWHOWAS mod -1\nUSERHOST a b c d e f",
		"@label=x;+a=b\\s\\:;time=1 PRIVMSG @+#general,mod,NickServ :identify mod key-mod\nTAGMSG #free\nNOTICE alice :\x01A\x01",
		"JOIN #free,#\x01\nMODE #free b\nMODE #free +b a!b@c\nTOPIC #free :\nINVITE alice #free\nNAMES #free\nLIST #free,#general\nPART #free,#free :x",
		"CAP LS 302\nCAP REQ :-sasl echo-message\nAUTHENTICATE PLAIN\nAUTHENTICATE AGEAYg==\nPASS a:b\nUSER a b c d\nQUIT :bye\nPING\n:x PING :y",
		"MONITOR + mod,x\nMONITOR S\nMONITOR C\nSETNAME :x\nLINKS\nINVITE\nLIST >1,C<5,!#a*\nMODE #free +eICMRS a b\nMODE #free beI\nAWAY *",
		"JOIN #free\nMODE #free +S\nPRIVMSG #free :\x0304,05a\x02\x1f\x04ff0000\x16\x1d\x03\nSETNAME :\nMONITOR L\nMONITOR - x",
		"AWAY :gone\nMODE mod +iB-r\nSTATS u\nHELP JOIN\nVERSION x\nTIME\nADMIN\nINFO\nLUSERS\nMOTD\nISON :a b c\nFROB \xff\n\x00",
	} {
		f.Add(seed)
	}
	f.Add(strings.Repeat("SAJOIN guest #general,#free\nSAMODE #general +ovbk alice mod x y\nSANICK guest x\nSAPART alice #general :x\nCHGHOST mod a.b\nKLINE 5 a@b.c :d\n"+
		"DLINE 10.0.0.0/8 :x\nSTATS k\nSTATS l\nTRACE\nWALLOPS :x\nREHASH\nUNKLINE a@b.c\nMODE boss -o+sw\nOPER boss key-boss\nKILL mod :x\n", 3))
	f.Fuzz(func(t *testing.T, text string) {
		in := inside(t, func(c *Config) { c.FreeChannels = true })
		who := []*session{in.deaf(t, "mod"), in.deaf(t, "alice"), in.deaf(t, "guest"), in.deaf(t, "alice"), in.deaf(t, "boss")}
		in.n.handle(t.Context(), who[4], "OPER boss key-boss")
		for i, l := range strings.Split(text, "\n") {
			if i == 60 {
				break
			}
			c := who[(i+len(text))%len(who)]
			if !c.gone {
				in.n.handle(t.Context(), c, l)
			}
		}
		if err := in.n.check(); err != nil {
			t.Error(err)
		}
		for _, c := range who {
			sane(t, c)
		}
		if strings.Contains(in.logged.String(), "panicked") {
			t.Error(in.logged.String())
		}
	})
}

// FuzzConnection sends bytes to a connection as they are, in pieces.
func FuzzConnection(f *testing.F) {
	f.Add([]byte("NICK a\r\nUSER a 0 * :a\r\nJOIN #support\r\nPRIVMSG #support :hi\r\nQUIT\r\n"), uint8(7))
	f.Add([]byte("CAP LS 302\r\nCAP REQ :sasl\r\nAUTHENTICATE PLAIN\r\nAUTHENTICATE AG1vZABrZXktbW9k\r\nNICK mod\nUSER m 0 * m\nCAP END\n"), uint8(1))
	f.Add([]byte(strings.Repeat("x", 20000)+"\r\nPING a\r\n\r\n\n\r@ :\n"), uint8(255))
	f.Fuzz(func(t *testing.T, data []byte, piece uint8) {
		in := inside(t, func(c *Config) { c.FreeChannels = true })
		mine, theirs := net.Pipe()
		in.server.Open(theirs, netip.Addr{}, nil)
		answers := make(chan []byte, 1)
		go func() {
			b, _ := io.ReadAll(mine)
			answers <- b
		}()
		if err := mine.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		for len(data) > 0 {
			k := min(len(data), int(piece)+1)
			if _, err := mine.Write(data[:k]); err != nil {
				break // the network ended it
			}
			data = data[k:]
		}
		if err := in.n.check(); err != nil {
			t.Error(err)
		}
		in.n.closeAll("end")
		if err := in.server.Drain(drainTime); err != nil {
			t.Error(err)
		}
		mine.Close()
		if b := <-answers; len(b) > 0 && !bytes.HasSuffix(b, []byte("\r\n")) {
			t.Errorf("the answer ends within a line: %q", b[max(0, len(b)-80):])
		}
	})
}

func FuzzMasks(f *testing.F) {
	f.Add("*!*@*.guest.?io", "a!b@c.guest.bio")
	f.Fuzz(func(t *testing.T, mask, s string) {
		if len(mask) > 100 || len(s) > 100 {
			return
		}
		if got, want := matches(mask, s), slowMatch(fold(mask), fold(s)); got != want {
			t.Errorf("matches(%q, %q) = %v", mask, s, got)
		}
	})
}

// slowMatch is the definition of a mask.
func slowMatch(mask, s string) bool {
	// reach[j]: the mask so far fits the first j bytes.
	reach := make([]bool, len(s)+1)
	reach[0] = true
	for i := range len(mask) {
		next := make([]bool, len(s)+1)
		for j := range reach {
			switch {
			case mask[i] == '*':
				next[j] = reach[j] || j > 0 && next[j-1]
			case j > 0 && (mask[i] == '?' || mask[i] == s[j-1]):
				next[j] = reach[j-1]
			}
		}
		reach = next
	}
	return reach[len(s)]
}
