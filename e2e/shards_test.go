package e2e

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/anacrolix/torrent/bencode"

	"github.com/caduceus-bio/caduceus/e2e/clients"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// inShards is production with three trackers that share the torrents.
var inShards = shape{"three trackers", db.MariaDB, []string{"tracker:a", "tracker:b", "tracker:c", "site", "ircd", "hermes", "jobs"}}

// shares says which slots each of them serves.
var shares = map[string]string{"a": "01234", "b": "56789", "c": "abcdef"}

func shareOf(infoHash string) string {
	for name, slots := range shares {
		if strings.Contains(slots, infoHash[:1]) {
			return name
		}
	}
	return ""
}

// buildShards starts three trackers behind the nginx of deploy/.
func buildShards(t *testing.T) *house {
	t.Helper()
	var maps, upstreams, listen strings.Builder
	h := build(t, inShards, func(h *house) {
		tracker := must[*url.URL](t)(url.Parse(h.tracker))
		at := func(n int) string { return fmt.Sprintf("%s:%d", tracker.Hostname(), 15000+n) }
		h.proxy, h.alone = "http://"+at(0), at(9)
		fmt.Fprintf(&listen, "listen %s;", at(0))
		for i, name := range []string{"a", "b", "c"} {
			h.env["tracker:"+name] = []string{"CADUCEUS_TRACKER_NAME=" + name, "CADUCEUS_TRACKER_SLOTS=" + shares[name],
				"CADUCEUS_TRACKER_LISTEN=" + at(1+i), "CADUCEUS_TRACKER_UDP_LISTEN=" + at(1+i), "CADUCEUS_HOUSE_DATA_DIR=" + h.dir + "/tracker-" + name,
				"CADUCEUS_HOUSE_SECRETS_DIR=" + h.dir + "/var/secrets"}
			fmt.Fprintf(&upstreams, "upstream caduceus_tracker_%s { server %s; keepalive 16; }\n", name, at(1+i))
			fmt.Fprintf(&maps, "~[%s] caduceus_tracker_%s; ", shares[name], name)
		}
	})
	startNginx(t, h, "default caduceus_tracker;", maps.String(),
		"upstream caduceus_tracker {", upstreams.String()+"upstream caduceus_tracker {",
		"server_name tracker.biotorrents.example;", "server_name tracker.biotorrents.example; "+listen.String())
	return h
}

// TestThreeTrackers lets datasets travel through trackers that share them, also
// while one of them is killed and comes back.
func TestThreeTrackers(t *testing.T) {
	t.Parallel()
	h := buildShards(t)
	ctx := whileClient(t)
	ann, ben, cy := h.member("ann", "Power User"), h.member("ben", "User"), h.member("cy", "User")

	// One dataset for each tracker; its info-hash decides which tracker serves it.
	type shared struct {
		up   uploaded
		data string
		size int64
	}
	seeds, sets := t.TempDir(), map[string]shared{}
	for i := 0; len(sets) < len(shares) && i < 40; i++ {
		name := fmt.Sprintf("set-%d", i)
		data := namedIn(t, seeds, name)
		made := must[clients.Made](t)(clients.Make(ctx, clients.V1, data, t.TempDir()))
		up := ann.upload(made.File, "Dataset "+name)
		if of := shareOf(up.InfoHash); sets[of].size == 0 {
			sets[of] = shared{up, data, made.Size}
		}
	}
	seeder := must[*clients.LibTorrent](t)(clients.StartLibTorrent(ctx, host(t), t.TempDir(), seeds, ""))
	for _, s := range sets {
		id := must[string](t)(seeder.Add(ctx, ann.download(s.up.TorrentID)))
		if err := seeder.WaitSeeding(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	ann.waitFigures(figures{Seeding: len(sets)})

	var down int64
	fetch := func(who *account, name string) {
		t.Helper()
		folder := t.TempDir()
		s := sets[name]
		n := fetchWithAria2(ctx, t, folder, who.download(s.up.TorrentID), s.size)
		sameFile(t, s.data, folder)
		if who == ben {
			down += n
		}
	}
	fetch(ben, "a")
	fetch(ben, "b")
	ben.waitFigures(figures{Downloaded: down, Snatched: 2})

	h.kill("tracker:c")
	reason := h.failure(ben, sets["c"].up)
	if !strings.Contains(reason, "away for a moment") {
		t.Errorf("with its tracker away the client is told %q", reason)
	}
	fetch(cy, "a") // the others go on
	h.open("tracker:c")
	h.wait("tracker c does not answer", func() (bool, string) {
		reason := h.failure(ben, sets["c"].up)
		return reason == "", reason
	})
	fetch(ben, "c")
	ben.waitFigures(figures{Downloaded: down, Snatched: 3})
	ann.waitSnatches(sets["a"].up.TorrentID, 2)
	ann.waitSnatches(sets["c"].up.TorrentID, 1)
	h.reshard(t)
	if got := h.seeders(cy, sets["c"].up); got != 1 {
		t.Errorf("tracker a took over a swarm with %d seeders, want 1", got)
	}
	if err := seeder.Close(ctx); err != nil {
		t.Error(err)
	}
}

// reshard gives all torrents to tracker a, with the command and the database
// user of production. The swarms must be there afterwards as they were before.
func (h *house) reshard(t *testing.T) {
	t.Helper()
	words := []string{"reshard"}
	for name := range shares {
		h.procs["tracker:"+name].stop(t, syscall.SIGTERM)
		slots := ""
		if name == "a" {
			slots = "0123456789abcdef"
		}
		words = append(words, name+":"+slots+":"+h.dir+"/tracker-"+name+"/tracker-"+name)
	}
	u := h.user["tracker"]
	p := h.command(words, "CADUCEUS_DATABASE_USER="+u.User, "CADUCEUS_DATABASE_PASSWORD="+u.Password)
	if err := p.cmd.Run(); err != nil || strings.Count(p.out.String(), "is retired") != 2 {
		t.Errorf("reshard: %v: %s", err, p.out.String())
	}
	h.env["tracker:a"] = append(h.env["tracker:a"], "CADUCEUS_TRACKER_SLOTS=0123456789abcdef")
	// The seeder would announce itself again soon: look before it does.
	h.env["tracker:a"] = append(h.env["tracker:a"], "CADUCEUS_TRACKER_LISTEN="+h.alone)
	h.open("tracker:a")
}

// seeders asks tracker a itself.
func (h *house) seeders(a *account, up uploaded) int {
	h.t.Helper()
	raw := must[[]byte](h.t)(hex.DecodeString(up.InfoHash))
	resp, err := http.Get("http://" + h.alone + "/" + a.announceKey + "/scrape?info_hash=" + url.QueryEscape(string(raw)))
	if err != nil {
		h.t.Fatal(err)
	}
	body := must[[]byte](h.t)(io.ReadAll(resp.Body))
	_ = resp.Body.Close()
	var said struct {
		Files map[string]struct {
			Complete int `bencode:"complete"`
		} `bencode:"files"`
	}
	if err := bencode.Unmarshal(body, &said); err != nil {
		h.t.Fatalf("%s: %q", resp.Status, body)
	}
	return said.Files[string(raw)].Complete
}

// namedIn writes a file of 300 kB whose content follows from its name.
func namedIn(t *testing.T, folder, name string) string {
	t.Helper()
	path := filepath.Join(folder, name+".fa")
	if err := os.WriteFile(path, bytes.Repeat(fmt.Appendf(nil, ">%-19s\nACGTACGTAC\n", name), 300_000/32), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func sameFile(t *testing.T, want, folder string) {
	t.Helper()
	a, b := must[[]byte](t)(os.ReadFile(want)), must[[]byte](t)(os.ReadFile(filepath.Join(folder, filepath.Base(want))))
	if !bytes.Equal(a, b) {
		t.Errorf("%s differs", filepath.Base(want))
	}
}

// failure announces a stop, which changes nothing, and returns the reason why it
// was refused.
func (h *house) failure(a *account, up uploaded) string {
	h.t.Helper()
	raw := must[[]byte](h.t)(hex.DecodeString(up.InfoHash))
	target := fmt.Sprintf("%s/%s/announce?info_hash=%s&peer_id=-TR3000-abcdefghijkl&port=6881&uploaded=0&downloaded=0&left=0&event=stopped",
		h.announceURL(), a.announceKey, url.QueryEscape(string(raw)))
	req := must[*http.Request](h.t)(http.NewRequestWithContext(h.t.Context(), http.MethodGet, target, nil))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	body := must[[]byte](h.t)(io.ReadAll(resp.Body))
	_ = resp.Body.Close()
	var said struct {
		Reason string `bencode:"failure reason"`
	}
	if err := bencode.Unmarshal(body, &said); err != nil {
		return fmt.Sprintf("%s: %q", resp.Status, body)
	}
	return said.Reason
}
