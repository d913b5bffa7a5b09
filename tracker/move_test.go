package tracker

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// runPart runs a part of the tracker until its stop is called.
func runPart(t *testing.T, d *db.DB, p Part) *world {
	t.Helper()
	c := testConfig()
	c.Name, c.Slots, c.JournalDir = p.Name, p.Slots, p.Dir
	w := newWorld(t, d, c)
	w.open()
	return w
}

// moveParts moves clients between parts, and returns for each part how many came and how
// many it has.
func moveParts(w *world, parts ...Part) (text string) {
	w.t.Helper()
	moved, err := Move(w.t.Context(), testConfig(), w.room.d, parts)
	w.must(err)
	for _, m := range moved {
		text += fmt.Sprintf("%s+%d=%d ", m.Name, m.Clients, m.Stays)
	}
	return text
}

// TestMove divides torrents among more trackers, and then among fewer. Clients go on
// announcing as if nothing had happened, and nobody loses a byte.
func TestMove(t *testing.T) {
	t.Parallel()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		dir := t.TempDir()
		whole := Part{"", "0123456789abcdef", filepath.Join(dir, "whole")}
		a, b := Part{"a", "01234567", filepath.Join(dir, "a")}, Part{"b", "89abcdef", filepath.Join(dir, "b")}
		hashes := []core.InfoHash{hash(0x11), hash(0x51), hash(0x91), hash(0xd1)}

		w := newWorld(t, d, testConfig())
		ann, ben := w.member("ann"), w.member("ben")
		for _, h := range hashes {
			w.torrent(core.LeechNormal, h[0])
		}
		// round announces everything once more, each torrent to the part that has it.
		round := func(n int64, parts ...*world) {
			t.Helper()
			for i, h := range hashes {
				of := parts[i*len(parts)/len(hashes)]
				event := ""
				if n == 1 {
					event = "started"
				}
				of.client(ann.AnnounceKey, 2*i).announce(h, event, 1000*n*int64(i+1), 0, 0)
				of.client(ben.AnnounceKey, 2*i+1).announce(h, event, 0, 10*n*int64(i+1), 500-10*n)
				if got := of.client(ben.AnnounceKey, 2*i+1).scrape(h); got != "1/1/0" {
					t.Errorf("round %d, torrent %d: the swarm is %s", n, i, got)
				}
			}
		}
		move := func(parts ...Part) string { return moveParts(w, parts...) }

		one := runPart(t, d, Part{"", "", whole.Dir})
		round(1, one)
		round(2, one)
		one.stop()
		gone := whole
		gone.Slots = ""
		if got := move(gone, a, b); got != "+0=0 a+4=4 b+4=4 " {
			t.Errorf("moved %s", got)
		}
		if got := move(gone, a, b); got != "+0=0 a+0=4 b+0=4 " {
			t.Errorf("and once more: moved %s", got)
		}
		pa, pb := runPart(t, d, a), runPart(t, d, b)
		round(3, pa, pb)
		pa.stop()
		pb.stop()
		// Back to one, which is that of before.
		aGone, bGone := a, b
		aGone.Slots, bGone.Slots = "", ""
		if got := move(whole, aGone, bGone); got != "+8=8 a+0=0 b+0=0 " {
			t.Errorf("moved back %s", got)
		}
		one = runPart(t, d, Part{"", "", whole.Dir})
		round(4, one)
		one.stop()

		sum := int64(1 + 2 + 3 + 4)
		want := fmt.Sprintf("[[%d %d 0] [%d 0 %d]]", ann.Member.ID, 3000*sum, ben.Member.ID, 30*sum)
		if got := fmt.Sprint(w.rows(3, "SELECT member_id, uploaded, downloaded FROM transfer_member ORDER BY member_id")); got != want {
			t.Errorf("credited %s, want %s", got, want)
		}
		if got := w.rows(2, "SELECT seeders, leechers FROM swarm_count"); fmt.Sprint(got) != "[[1 1] [1 1] [1 1] [1 1]]" {
			t.Errorf("the site is told of swarms %v", got)
		}
		if got := w.rows(1, "SELECT COUNT(*) FROM event_cursor WHERE consumer LIKE 'tracker:%'"); got[0][0] != 0 {
			t.Error("uploads would wait for trackers that are no more")
		}
	})
}

func TestMoveRefusals(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a:0", "a:0:", "A:0:/x", "a:0-4:/x", "a:00:/x"} {
		if _, err := ParsePart(text); core.CodeOf(err) != core.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
	w := newWorld(t, dbtest.SQLite(t), testConfig())
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, parts := range map[string][]Part{
		"a slot of nobody": {{"a", "01234567", at("a")}},
		"a slot of two":    {{"a", "012345678", at("a")}, {"b", "89abcdef", at("b")}},
		"a name twice":     {{"a", "01234567", at("a")}, {"a", "89abcdef", at("b")}},
		"a folder twice":   {{"a", "01234567", at("a")}, {"b", "89abcdef", at("a")}},
	} {
		if _, err := Move(t.Context(), testConfig(), w.room.d, parts); core.CodeOf(err) != core.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	running := runPart(t, w.d, Part{"", "", at("run")})
	if _, err := Move(t.Context(), testConfig(), w.room.d, []Part{{"", "", at("run")}, {"a", "0123456789abcdef", at("a")}}); err == nil {
		t.Error("moved under a running tracker")
	}
	running.stop()
}
