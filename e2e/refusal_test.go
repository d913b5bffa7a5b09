package e2e

import (
	"bytes"
	"strings"
	"testing"

	"github.com/caduceus-bio/caduceus/e2e/clients"
)

// TestRefusalsAsTheClientShowsThem checks what a member reads in their client when
// the tracker refuses an announce. Each reason has a text of its own.
func TestRefusalsAsTheClientShowsThem(t *testing.T) {
	t.Parallel()
	h := build(t, onSQLite)
	ann, dee := h.member("ann", "Power User"), h.member("dee", "User")
	seeds := t.TempDir()
	data := dataset(t, seeds, wholeIndex)
	made := must[clients.Made](t)(clients.Make(t.Context(), clients.V1, data, t.TempDir()))
	up := ann.upload(made.File, lambdaFields["title"])

	t.Run("client that is not on the list", func(t *testing.T) {
		t.Parallel()
		ctx := whileClient(t)
		aria := must[*clients.Aria2](t)(clients.StartAria2(ctx, host(t), t.TempDir(), t.TempDir(), "--peer-id-prefix=-XX1000-"))
		must[string](t)(aria.Add(ctx, ann.download(up.TorrentID)))
		line := must[string](t)(aria.WaitLog(ctx, "failure reason"))
		wantText(t, line, "your client (-XX1000-) is not on the list of allowed clients", "/rules/clients")
		if err := aria.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("another client that is not on the list", func(t *testing.T) {
		t.Parallel()
		ctx := whileClient(t)
		lt := must[*clients.LibTorrent](t)(clients.StartLibTorrent(ctx, host(t), t.TempDir(), t.TempDir(), "-YY2000-"))
		id := must[string](t)(lt.Add(ctx, ann.download(up.TorrentID)))
		wantText(t, must[string](t)(lt.WaitTrackerError(ctx, id)), "your client (-YY2000-) is not on the list of allowed clients")
		if err := lt.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("wrong announce key", func(t *testing.T) {
		t.Parallel()
		ctx := whileClient(t)
		torrent := ann.download(up.TorrentID)
		key := announceKey(torrent)
		wrong := strings.Repeat("x", len(key))
		torrent = bytes.ReplaceAll(torrent, key, []byte(wrong))
		aria := must[*clients.Aria2](t)(clients.StartAria2(ctx, host(t), t.TempDir(), t.TempDir()))
		must[string](t)(aria.Add(ctx, torrent))
		line := must[string](t)(aria.WaitLog(ctx, "failure reason"))
		wantText(t, line, "announce key", "download the .torrent file again from the site")
		if strings.Contains(line, wrong) {
			t.Errorf("the refusal repeats the announce key: %s", line)
		}
		if err := aria.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Run("disabled member and deleted torrent", func(t *testing.T) {
		t.Parallel()
		ctx := whileClient(t)
		gone := ann.upload(otherData(t).File, "Another dataset, soon deleted")
		seeder := must[*clients.Transmission](t)(clients.StartTransmission(ctx, host(t), t.TempDir(), seeds))
		id := must[string](t)(seeder.Add(ctx, dee.download(up.TorrentID)))
		if err := seeder.WaitSeeding(ctx, id); err != nil {
			t.Fatal(err)
		}
		fetcher := must[*clients.Transmission](t)(clients.StartTransmission(ctx, host(t), t.TempDir(), t.TempDir()))
		goneID := must[string](t)(fetcher.Add(ctx, ann.download(gone.TorrentID)))
		if err := fetcher.WaitAnnounced(ctx, goneID); err != nil {
			t.Fatal(err)
		}
		h.do("member", "disable", "dee", "shared the announce key")
		h.do("torrent", "delete", "2", "withdrawn by its authors")
		wantText(t, must[string](t)(seeder.WaitTrackerError(ctx, id)), "your account is disabled: shared the announce key")
		wantText(t, must[string](t)(fetcher.WaitTrackerError(ctx, goneID)), "this torrent was deleted: withdrawn by its authors")
		for _, c := range []*clients.Transmission{seeder, fetcher} {
			if err := c.Close(ctx); err != nil {
				t.Error(err)
			}
		}
	})
}

// otherData makes a torrent of other data than the shared dataset.
func otherData(t *testing.T) clients.Made {
	t.Helper()
	return must[clients.Made](t)(clients.Make(t.Context(), clients.V1, named(t, "another"), t.TempDir()))
}

func wantText(t *testing.T, got string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(got, part) {
			t.Errorf("the client shows %q, want %q in it", got, part)
		}
	}
}
