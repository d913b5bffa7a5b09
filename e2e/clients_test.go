package e2e

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/anacrolix/torrent/metainfo"

	"github.com/caduceus-bio/caduceus/e2e/clients"
	"github.com/caduceus-bio/caduceus/e2e/netns"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// starter starts a client that keeps its own files in dir and data in downloads.
type starter func(ctx context.Context, h *netns.Host, dir, downloads string) (clients.Client, error)

func plain[C clients.Client](start func(ctx context.Context, h *netns.Host, dir, downloads string) (C, error)) starter {
	return func(ctx context.Context, h *netns.Host, dir, downloads string) (clients.Client, error) {
		return start(ctx, h, dir, downloads)
	}
}

func startLibTorrent(ctx context.Context, h *netns.Host, dir, downloads string) (clients.Client, error) {
	return clients.StartLibTorrent(ctx, h, dir, downloads, "")
}

func startAria2(ctx context.Context, h *netns.Host, dir, downloads string) (clients.Client, error) {
	return clients.StartAria2(ctx, h, dir, downloads)
}

// realClient is a program that members use.
type realClient struct {
	name        string
	start       starter
	undercounts bool // says less than it has sent
}

var realClients = []realClient{
	{name: "transmission", start: plain(clients.StartTransmission)},
	{name: "qbittorrent", start: plain(clients.StartQBittorrent)},
	{name: "rtorrent", start: plain(clients.StartRTorrent)},
	{name: "deluge", start: plain(clients.StartDeluge)},
	{name: "ktorrent", start: plain(clients.StartKTorrent), undercounts: true},
	{name: "aria2", start: startAria2},
	{name: "libtorrent", start: startLibTorrent},
}

// TestRealClients lets each client fetch a dataset, seed it to somebody else and
// stop, with a tracker that has an IPv4 address, an IPv6 address, and both. What
// the database holds in the end is what the client itself says.
func TestRealClients(t *testing.T) {
	t.Parallel()
	h := build(t, onMariaDB)
	c := &company{
		house: h, books: dbtest.Reopen(t, h.admin),
		ann: h.member("ann", "Power User"), ben: h.member("ben", "User"), cy: h.member("cy", "User"),
	}
	for _, client := range realClients {
		t.Run(client.name, func(t *testing.T) {
			t.Parallel()
			downloads := t.TempDir()
			subject := begin(t, client.start, downloads)
			for _, family := range []struct{ name, host string }{
				{"IPv4", lab.Gateway.String()}, {"IPv6", lab.Gateway6.String()}, {"both", netns.Name},
			} {
				t.Run(family.name, func(t *testing.T) {
					t.Parallel()
					c.entertain(t, client, subject, downloads, family.name, family.host)
				})
			}
		})
	}
}

// company holds who takes part: ann seeds, ben runs the client under test, and cy
// fetches from him.
type company struct {
	house        *house
	books        *db.DB
	ann, ben, cy *account
}

// begin starts a client that ends with the test.
func begin(t *testing.T, start starter, downloads string) clients.Client {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // it has to live until the clean-up below
	c := must[clients.Client](t)(start(ctx, host(t), t.TempDir(), downloads))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return c
}

// entertain takes subject through the life of a torrent, whose tracker is at the
// given host.
func (c *company) entertain(t *testing.T, kind realClient, subject clients.Client, downloads, family, at string) {
	ctx, title := whileClient(t), kind.name+" by "+family
	seeds, fetched := t.TempDir(), t.TempDir()
	data := sequences(t, seeds, title)
	made := must[clients.Made](t)(clients.Make(ctx, clients.V1, data, t.TempDir()))
	up := c.ann.upload(made.File, title)
	torrentOf := func(a *account) []byte { return announcing(t, a.download(up.TorrentID), at) }

	// Slow enough that the subject is still busy when the test looks at it.
	seeder, _ := begin(t, startLibTorrent, seeds).(*clients.LibTorrent)
	sown := must[string](t)(seeder.AddSlow(ctx, torrentOf(c.ann), 20_000))
	if err := seeder.WaitSeeding(ctx, sown); err != nil {
		t.Fatal(err)
	}
	c.waitSwarm(t, up.TorrentID, swarm{Seeders: 1})

	id := must[string](t)(subject.Add(ctx, torrentOf(c.ben)))
	c.waitSwarm(t, up.TorrentID, swarm{Seeders: 1, Leechers: 1})
	if err := seeder.Hurry(sown); err != nil {
		t.Fatal(err)
	}
	if err := clients.WaitComplete(ctx, subject, id); err != nil {
		t.Fatal(err)
	}
	c.waitSwarm(t, up.TorrentID, swarm{Seeders: 2, Snatches: 1})
	c.waitBooks(t, c.ann, up.TorrentID, must[clients.Figures](t)(seeder.Stop(ctx, sown)))
	c.waitSwarm(t, up.TorrentID, swarm{Seeders: 1, Snatches: 1})

	fetcher := begin(t, startLibTorrent, fetched)
	got := must[string](t)(fetcher.Add(ctx, torrentOf(c.cy)))
	if err := clients.WaitComplete(ctx, fetcher, got); err != nil {
		t.Fatal(err)
	}
	c.waitSwarm(t, up.TorrentID, swarm{Seeders: 2, Snatches: 2})
	sameFiles(t, data, fetched)
	c.waitBooks(t, c.cy, up.TorrentID, must[clients.Figures](t)(fetcher.Stop(ctx, got)))

	last := must[clients.Figures](t)(subject.Stop(ctx, id))
	if !last.Complete || last.Downloaded < made.Size || last.Uploaded == 0 || last.Uploaded < made.Size && !kind.undercounts {
		t.Errorf("it says %+v of %d bytes", last, made.Size)
	}
	c.waitSwarm(t, up.TorrentID, swarm{Snatches: 2})
	c.waitBooks(t, c.ben, up.TorrentID, last)
	sameFiles(t, data, downloads) // now, as some write late
}

// sequences writes a dataset of files whose sizes are not multiples of the piece
// length.
func sequences(t *testing.T, folder, name string) string {
	t.Helper()
	dir := filepath.Join(folder, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, size := range []int{500_001, 123_457, 17, 40_960, 16_385} {
		text := make([]byte, size)
		for j := range text {
			text[j] = "ACGT"[rand.IntN(4)]
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("chromosome%d.fa", i+1)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// announcing gives the tracker in a .torrent another host.
func announcing(t *testing.T, torrent []byte, at string) []byte {
	t.Helper()
	mi := must[*metainfo.MetaInfo](t)(metainfo.Load(bytes.NewReader(torrent)))
	u := must[*url.URL](t)(url.Parse(mi.Announce))
	u.Host = net.JoinHostPort(at, u.Port())
	mi.Announce, mi.AnnounceList = u.String(), nil
	var out bytes.Buffer
	if err := mi.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// swarm is what the API tells of a torrent.
type swarm struct{ Seeders, Leechers, Snatches int }

func (c *company) waitSwarm(t *testing.T, id int64, want swarm) {
	t.Helper()
	wait(t, fmt.Sprintf("the swarm should be %+v", want), func() (bool, string) {
		var got swarm
		c.ann.call("GET", fmt.Sprintf("/api/v1/torrents/%d", id), "", nil, 200, &got)
		return got == want, fmt.Sprintf("is %+v", got)
	})
}

// waitBooks waits until the database credits a member with what their client reported
// when it stopped.
func (c *company) waitBooks(t *testing.T, who *account, id int64, f clients.Figures) {
	t.Helper()
	type row struct {
		Up, Down, Left, Active int64
		Snatched               bool
	}
	want := row{Up: f.Uploaded, Down: f.Downloaded, Snatched: f.Downloaded > 0}
	wait(t, fmt.Sprintf("%s should have %+v", who.name, want), func() (bool, string) {
		got, ok, err := db.One(t.Context(), c.books, func(s db.Scanner) (r row, err error) {
			var at int64
			err = s.Scan(&r.Up, &r.Down, &r.Left, &r.Active, &at)
			r.Snatched = at > 0
			return r, err
		}, `SELECT b.uploaded, b.downloaded, b.bytes_left, b.active, b.snatched_at FROM transfer_member_torrent b
			JOIN member m ON m.id = b.member_id WHERE m.name = ? AND b.torrent_id = ?`, who.name, id)
		if err != nil {
			t.Fatal(err)
		}
		return ok && got == want, fmt.Sprintf("has %+v", got)
	})
}
