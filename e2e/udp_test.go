package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/e2e/clients"
)

// TestOverUDP lets clients that know BEP 41 seed and fetch with a tracker over
// UDP alone, and refuses one that is not on the list.
func TestOverUDP(t *testing.T) {
	t.Parallel()
	h := build(t, onSQLite)
	ctx := whileClient(t)
	ann, ben := h.member("ann", "Power User"), h.member("ben", "User")
	seeds := t.TempDir()
	data := dataset(t, seeds, halfIndex)
	made := must[clients.Made](t)(clients.Make(ctx, clients.V1, data, t.TempDir()))
	up := ann.upload(made.File, lambdaFields["title"])

	start := func(folder string, who *account, fingerprint string) (c *clients.LibTorrent, id string) {
		c = must[*clients.LibTorrent](t)(clients.StartLibTorrent(ctx, host(t), t.TempDir(), folder, fingerprint))
		return c, must[string](t)(c.Add(ctx, overUDP(t, who.download(up.TorrentID))))
	}
	seeder, sown := start(seeds, ann, "")
	if err := seeder.WaitSeeding(ctx, sown); err != nil {
		t.Fatal(err)
	}
	fetched := t.TempDir()
	fetcher, got := start(fetched, ben, "")
	if err := fetcher.WaitSeeding(ctx, got); err != nil {
		t.Fatal(err)
	}
	ben.waitFigures(figures{Downloaded: made.Size, Snatched: 1, Seeding: 1})
	if st := must[clients.Figures](t)(fetcher.Stop(ctx, got)); st.Downloaded != made.Size {
		t.Errorf("libtorrent says it downloaded %d bytes, want %d", st.Downloaded, made.Size)
	}
	sameFiles(t, data, fetched)
	ben.waitFigures(figures{Downloaded: made.Size, Snatched: 1})
	if st := must[clients.Figures](t)(seeder.Stop(ctx, sown)); st.Uploaded != made.Size {
		t.Errorf("libtorrent says it uploaded %d bytes, want %d", st.Uploaded, made.Size)
	}
	ann.waitFigures(figures{Uploaded: made.Size})

	other, id := start(t.TempDir(), ben, "-YY2000-")
	// This release of libtorrent loses the text of a refusal over UDP.
	wantText(t, must[string](t)(other.WaitTrackerError(ctx, id)), "tracker sent a failure message")
	for _, c := range []*clients.LibTorrent{seeder, fetcher, other} {
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	}
}

var announceURL = regexp.MustCompile(`8:announce(\d+):http://`)

// overUDP makes the announce address of a torrent one over UDP.
func overUDP(t *testing.T, torrent []byte) []byte {
	t.Helper()
	m := announceURL.FindSubmatchIndex(torrent)
	if m == nil {
		t.Fatal("the torrent has no announce address")
	}
	n := must[int](t)(strconv.Atoi(string(torrent[m[2]:m[3]])))
	url := string(torrent[m[3]+1 : m[3]+1+n])
	udp := "udp" + strings.TrimPrefix(url, "http")
	return fmt.Appendf(nil, "%s8:announce%d:%s%s", torrent[:m[0]], len(udp), udp, torrent[m[3]+1+n:])
}
