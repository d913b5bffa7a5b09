package e2e

import (
	"testing"

	"github.com/anacrolix/torrent/bencode"
	"github.com/google/go-cmp/cmp"

	"github.com/caduceus-bio/caduceus/e2e/clients"
)

// TestHybridAndV2Travel uploads torrents as a current libtorrent makes them (BEP 52),
// checks what the site has kept of them, and fetches the data with libtorrent, and
// the v1 half of the hybrid with rTorrent. (Transmission 3.00 and aria2 1.36 can't
// read a hybrid; see clients.)
func TestHybridAndV2Travel(t *testing.T) {
	t.Parallel()
	for _, kind := range []clients.Kind{clients.Hybrid, clients.V2} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			h := build(t, onSQLite)
			ctx := whileClient(t)
			ann, ben, cy := h.member("ann", "Power User"), h.member("ben", "User"), h.member("cy", "User")
			seeds := t.TempDir()
			data := dataset(t, seeds, halfIndex)
			made := must[clients.Made](t)(clients.Make(ctx, kind, data, t.TempDir()))
			up := ann.upload(made.File, lambdaFields["title"])
			if (up.InfoHash == "") != (kind == clients.V2) || up.InfoHashV2 == "" {
				t.Errorf("info-hashes %q and %q", up.InfoHash, up.InfoHashV2)
			}
			torrent := ann.download(up.TorrentID)
			keepsItsLayers(t, made.File, torrent)

			seeder := must[*clients.LibTorrent](t)(clients.StartLibTorrent(ctx, host(t), t.TempDir(), seeds, ""))
			sown := must[string](t)(seeder.Add(ctx, torrent))
			if err := seeder.WaitSeeding(ctx, sown); err != nil {
				t.Fatal(err)
			}
			fetched := t.TempDir()
			fetcher := must[*clients.LibTorrent](t)(clients.StartLibTorrent(ctx, host(t), t.TempDir(), fetched, ""))
			got := must[string](t)(fetcher.Add(ctx, ben.download(up.TorrentID)))
			if err := fetcher.WaitSeeding(ctx, got); err != nil {
				t.Fatal(err)
			}
			// If they were asked to end now, clients would not wait for the answer to
			// their "completed", and their "stopped" could overtake it.
			ben.waitFigures(figures{Downloaded: made.Size, Snatched: 1, Seeding: 1})
			st := must[clients.Figures](t)(fetcher.Stop(ctx, got))
			if err := fetcher.Close(ctx); err != nil {
				t.Error(err)
			}
			sameFiles(t, data, fetched)
			// A client announces a hybrid twice, by both of its info-hashes, and the
			// tracker counts it once.
			if st.Downloaded != made.Size {
				t.Errorf("libtorrent says it downloaded %d bytes, want %d", st.Downloaded, made.Size)
			}
			ben.waitFigures(figures{Downloaded: made.Size, Snatched: 1})
			ann.waitSnatches(up.TorrentID, 1)
			want := figures{Uploaded: made.Size}
			if kind == clients.Hybrid {
				fetched := t.TempDir()
				r := must[*clients.RTorrent](t)(clients.StartRTorrent(ctx, host(t), t.TempDir(), fetched))
				id := must[string](t)(r.Add(ctx, cy.download(up.TorrentID)))
				if err := clients.WaitComplete(ctx, r, id); err != nil {
					t.Fatal(err)
				}
				cy.waitFigures(figures{Downloaded: made.Size, Snatched: 1, Seeding: 1})
				if err := r.Close(ctx); err != nil {
					t.Error(err)
				}
				sameFiles(t, data, fetched)
				cy.waitFigures(figures{Downloaded: made.Size, Snatched: 1})
				want.Uploaded *= 2
			}
			st = must[clients.Figures](t)(seeder.Stop(ctx, sown))
			if err := seeder.Close(ctx); err != nil {
				t.Error(err)
			}
			if st.Uploaded != want.Uploaded {
				t.Errorf("libtorrent says it uploaded %d bytes, want %d", st.Uploaded, want.Uploaded)
			}
			ann.waitFigures(want)
		})
	}
}

// keepsItsLayers compares what must survive the site: the piece layers, the file
// tree and the v1 pieces.
func keepsItsLayers(t *testing.T, before, after []byte) {
	t.Helper()
	type torrent struct {
		Layers map[string]string `bencode:"piece layers"`
		Info   struct {
			Version int           `bencode:"meta version"`
			Tree    bencode.Bytes `bencode:"file tree"`
			Pieces  string        `bencode:"pieces,omitempty"`
			Private int           `bencode:"private"`
			Source  string        `bencode:"source"`
		} `bencode:"info"`
	}
	var a, b torrent
	if err := bencode.Unmarshal(before, &a); err != nil {
		t.Fatal(err)
	}
	if err := bencode.Unmarshal(after, &b); err != nil {
		t.Fatal(err)
	}
	if b.Info.Private != 1 || b.Info.Source == "" {
		t.Errorf("private %d, source %q", b.Info.Private, b.Info.Source)
	}
	b.Info.Private, b.Info.Source = a.Info.Private, a.Info.Source
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("- uploaded, + downloaded:\n%s", diff)
	}
	if len(a.Layers) == 0 || a.Info.Version != 2 {
		t.Errorf("libtorrent made a torrent without layers: %+v", a)
	}
}
