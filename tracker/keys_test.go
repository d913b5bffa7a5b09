package tracker

import (
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// TestWrongKeysLearnNothing asks with all kinds of wrong keys about torrents that are
// registered, deleted, or were never there. The answers must not tell them apart.
func TestWrongKeysLearnNothing(t *testing.T) {
	t.Parallel()
	c := testConfig()
	c.UDPListen = []string{"127.0.0.1:0"}
	w := newWorld(t, dbtest.SQLite(t), c)
	alice, bob := w.member("alice"), w.member("bob")
	one := w.torrent(core.LeechNormal, 1)
	w.torrent(core.LeechNormal, 2)
	w.deleteTorrent(w.torrent(core.LeechNormal, 3), "mislabelled")
	w.open()
	keys := map[string]string{
		"none that was ever given":          strings.Repeat("y", member.TorrentKeyLen),
		"no base64":                         strings.Repeat("!", member.TorrentKeyLen),
		"of another torrent":                member.TorrentKey(alice.AnnounceKey, alice.Member.ID, one),
		"of another announce key":           member.TorrentKey(bob.AnnounceKey, alice.Member.ID, 2),
		"of nobody":                         member.TorrentKey(alice.AnnounceKey, 999, 2),
		"of no torrent":                     member.TorrentKey(alice.AnnounceKey, alice.Member.ID, 0),
		"an announce key that is not known": strings.Repeat("y", member.AnnounceKeyLen),
		"short":                             "y",
	}
	for name, key := range keys {
		client := w.client(key, 1)
		over := w.udpClient(key, 2)
		for _, event := range []struct {
			word   string
			number uint32
		}{{"", 0}, {"started", 2}, {"completed", 1}, {"stopped", 3}} {
			var announces, packets, scrapes []string
			for _, h := range []byte{2, 3, 9} {
				announces = append(announces, client.raw("/announce?"+client.query(hash(h), event.word, 0, 0, 5)))
				scrapes = append(scrapes, client.raw("/scrape?info_hash="+percent(hash(h))))
				packet, failed := over.tell(hash(h), event.number, 0, 0, 5)
				if packets = append(packets, packet); !failed {
					t.Errorf("%s over UDP: %q", name, packet)
				}
			}
			for _, answers := range [][]string{announces, packets, scrapes} {
				if answers[0] != answers[1] || answers[0] != answers[2] || !strings.Contains(answers[0], "announce key") {
					t.Errorf("%s, event %q: %q", name, event.word, answers)
				}
			}
		}
	}
	if got := w.client(alice.AnnounceKey, 1).scrape(hash(2)); !strings.HasPrefix(got, "0/0/") {
		t.Errorf("somebody got in: %s", got)
	}
}

// raw returns the body of an answer as it is.
func (c *btClient) raw(path string) string {
	c.w.t.Helper()
	return exchange(c.w.t, c.w.dial(), "GET /"+c.announceKey+path+" HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: "+c.ip+"\r\n\r\n", 1)[0]
}
