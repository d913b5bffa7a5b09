package e2e

import (
	"net/http"
	"testing"

	"github.com/caduceus-bio/caduceus/e2e/clients"
)

// TestARestartIsInvisible kills the program while real clients are in the middle
// of a torrent, and starts it again: at the end the figures are those that the
// clients have told, to the byte, and the download counts once.
func TestARestartIsInvisible(t *testing.T) {
	t.Parallel()
	for _, s := range []shape{onSQLite, onMariaDB} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h := build(t, s)
			ctx := whileClient(t)
			ann, ben := h.member("ann", "Power User"), h.member("ben", "User")
			seeds, fetched := t.TempDir(), t.TempDir()
			data := dataset(t, seeds, halfIndex)
			made := must[clients.Made](t)(clients.Make(ctx, clients.V1, data, t.TempDir()))
			up := ann.upload(made.File, lambdaFields["title"])

			seeder := must[*clients.LibTorrent](t)(clients.StartLibTorrent(ctx, host(t), t.TempDir(), seeds, ""))
			sown := must[string](t)(seeder.AddSlow(ctx, ann.download(up.TorrentID), 100_000))
			if err := seeder.WaitSeeding(ctx, sown); err != nil {
				t.Fatal(err)
			}
			fetcher := must[*clients.LibTorrent](t)(clients.StartLibTorrent(ctx, host(t), t.TempDir(), fetched, ""))
			got := must[string](t)(fetcher.Add(ctx, ben.download(up.TorrentID)))
			h.wait("nothing is on its way", func() (bool, string) {
				f := must[clients.Figures](t)(fetcher.Figures(ctx, got))
				return f.Downloaded > 0, "nothing yet"
			})
			ben.waitLeeching()

			h.kill("serve")
			h.open("serve")
			if err := seeder.Hurry(sown); err != nil {
				t.Fatal(err)
			}
			if err := fetcher.WaitSeeding(ctx, got); err != nil {
				t.Fatal(err)
			}
			ben.waitFigures(figures{Downloaded: made.Size, Snatched: 1, Seeding: 1})
			for c, id := range map[*clients.LibTorrent]string{fetcher: got, seeder: sown} {
				must[clients.Figures](t)(c.Stop(ctx, id))
				if err := c.Close(ctx); err != nil {
					t.Error(err)
				}
			}
			sameFiles(t, data, fetched)
			ben.waitFigures(figures{Downloaded: made.Size, Snatched: 1})
			ann.waitFigures(figures{Uploaded: made.Size})
			ann.waitSnatches(up.TorrentID, 1)
		})
	}
}

// waitLeeching waits until the site shows the member as one who downloads.
func (a *account) waitLeeching() {
	a.h.t.Helper()
	a.h.wait(a.name+" should be leeching", func() (bool, string) {
		var got figures
		a.call(http.MethodGet, "/api/v1/me", "", nil, http.StatusOK, &got)
		return got.Leeching == 1, "is not"
	})
}
