package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/caduceus-bio/caduceus/e2e/clients"
	"github.com/caduceus-bio/caduceus/e2e/netns"
)

// wholeIndex and halfIndex are what a dataset holds besides the genome. In the
// whole one pairs of files have the same size, and a hybrid torrent of it has
// padding files of the same name, which rTorrent refuses.
const (
	wholeIndex = "lambda_virus.*"
	halfIndex  = "lambda_virus.[1-4].*"
)

// dataset lays the lambda phage genome and its Bowtie 2 index, as Debian's
// bowtie2-examples has them, into folder/lambda and returns that.
func dataset(t *testing.T, folder, index string) string {
	t.Helper()
	const source = "/usr/share/doc/bowtie2/examples"
	dir := filepath.Join(folder, "lambda")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(source + "/index/" + index)
	if err != nil || len(files) < 4 {
		t.Fatalf("the index of lambda phage: %v, %v (apt-get install bowtie2-examples)", files, err)
	}
	for _, file := range append(files, source+"/reference/lambda_virus.fa.gz") {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		if filepath.Ext(name) == ".gz" {
			name, raw = name[:len(name)-len(".gz")], gunzip(t, raw)
		}
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func gunzip(t *testing.T, raw []byte) []byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// sameFiles compares every file of the dataset with its copy in folder.
func sameFiles(t *testing.T, dataset, folder string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dataset, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		n++
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		got, err := os.ReadFile(filepath.Join(folder, filepath.Base(dataset), e.Name()))
		if err == nil && !bytes.Equal(got, want) {
			t.Errorf("%s differs: %d bytes, want %d", e.Name(), len(got), len(want))
		}
		return err
	})
	if err != nil || n < 5 {
		t.Errorf("compared %d files: %v", n, err)
	}
}

func host(t *testing.T) *netns.Host {
	t.Helper()
	h, err := lab.Host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// whileClient is the context of what waits for a client, which may have its own
// slow clock: Transmission thinks of unchoking every ten seconds.
func whileClient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 4*patience)
	t.Cleanup(cancel)
	return ctx
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// transmissionCounts is what Transmission 3.00 calls uploaded when it has sent n
// bytes of data: it adds the 13 bytes of header of each message, which carries
// 16 KiB at most. Others count the data alone.
func transmissionCounts(n int64) int64 { return n + (n+16383)/16384*13 }

// fetchWithAria2 lets aria2 fetch a torrent of the given size and returns how many
// bytes it reports as downloaded: the size, and what it had to request twice on a
// busy machine.
func fetchWithAria2(ctx context.Context, t *testing.T, folder string, torrent []byte, size int64) (downloaded int64) {
	t.Helper()
	aria := must[*clients.Aria2](t)(clients.StartAria2(ctx, host(t), t.TempDir(), folder))
	id := must[string](t)(aria.Add(ctx, torrent))
	if err := clients.WaitComplete(ctx, aria, id); err != nil {
		t.Fatal(err)
	}
	last := must[clients.Figures](t)(aria.Stop(ctx, id))
	if last.Uploaded != 0 || last.Downloaded < size {
		t.Errorf("aria2 announced %+v at last, of %d bytes", last, size)
	}
	if err := aria.Close(ctx); err != nil {
		t.Error(err)
	}
	if last.Downloaded != size {
		t.Logf("aria2 asked for %d bytes twice", last.Downloaded-size)
	}
	return last.Downloaded
}

// TestADatasetTravels tests the whole way: one member uploads and seeds, #announce
// tells of it, others fetch, and everything that is counted is counted exactly.
func TestADatasetTravels(t *testing.T) {
	t.Parallel()
	for _, s := range []shape{onSQLite, onMariaDB, inFive} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			travel(t, build(t, s))
		})
	}
}

func travel(t *testing.T, h *house) {
	ctx := whileClient(t)
	ann, ben, cy := h.member("ann", "Power User"), h.member("ben", "User"), h.member("cy", "User")
	irc := ben.listen()

	seeds := t.TempDir()
	data := dataset(t, seeds, wholeIndex)
	made := must[clients.Made](t)(clients.Make(ctx, clients.V1, data, t.TempDir()))
	up := ann.upload(made.File, lambdaFields["title"])
	irc.isAnnounce(irc.next(), lambdaFields["title"], up)

	seeder := must[*clients.Transmission](t)(clients.StartTransmission(ctx, host(t), t.TempDir(), seeds))
	id := must[string](t)(seeder.Add(ctx, ann.download(up.TorrentID)))
	if err := seeder.WaitSeeding(ctx, id); err != nil {
		t.Fatal(err)
	}
	ann.waitFigures(figures{Seeding: 1})

	fetched := t.TempDir()
	downloaded := fetchWithAria2(ctx, t, fetched, ben.download(up.TorrentID), made.Size)
	sameFiles(t, data, fetched)
	ben.waitFigures(figures{Downloaded: downloaded, Snatched: 1})
	ann.waitSnatches(up.TorrentID, 1)
	st := must[clients.Figures](t)(seeder.Figures(ctx, id))
	if downloaded == made.Size && st.Uploaded != transmissionCounts(made.Size) {
		t.Errorf("Transmission says it uploaded %d bytes, want %d", st.Uploaded, transmissionCounts(made.Size))
	}
	ann.waitFigures(figures{Uploaded: st.Uploaded, Seeding: 1})

	fetched = t.TempDir()
	third := must[*clients.Anacrolix](t)(clients.StartAnacrolix(lab.Gateway, fetched))
	err := third.Fetch(ctx, cy.download(up.TorrentID))
	if cerr := third.Close(); err != nil || cerr != nil {
		t.Fatal(err, cerr)
	}
	sameFiles(t, data, fetched)
	cy.waitFigures(figures{Downloaded: made.Size, Snatched: 1})
	ann.waitSnatches(up.TorrentID, 2)

	last := must[clients.Figures](t)(seeder.Stop(ctx, id))
	if least := 2 * transmissionCounts(made.Size); last.Uploaded < least {
		t.Errorf("Transmission says it uploaded %d bytes, want at least %d", last.Uploaded, least)
	}
	ann.waitFigures(figures{Uploaded: last.Uploaded})
	if err := seeder.Close(ctx); err != nil {
		t.Error(err)
	}
	stats := h.do("stats", "ann")
	if len(stats) == 0 {
		t.Error("the shell knows no figures of ann")
	}
}

// TestSomeRoomsAloneNeedMariaDB checks that a combination of rooms which can't work
// is refused with a clear message.
func TestSomeRoomsAloneNeedMariaDB(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Getenv(binaryVariable), "serve", "tracker")
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err == nil || !bytes.Contains(out, []byte("SQLite")) || !bytes.Contains(out, []byte("mariadb")) {
		t.Errorf("%v: %s", err, out)
	}
}
