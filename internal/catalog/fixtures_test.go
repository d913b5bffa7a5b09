package catalog

import (
	"crypto/sha1"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
)

// house is a seeded store on an empty database.
type house struct {
	*Store
	d     *db.DB
	log   *eventlog.Log
	clock *dbtest.Clock
}

func open(t *testing.T, d *db.DB) house {
	t.Helper()
	c := dbtest.NewClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	log := eventlog.New(d, c.Now)
	s := NewStore(d, log, c.Now, Options{SiteName: "BioTorrents", SiteURL: "https://example.org/"})
	if err := s.Seed(t.Context()); err != nil {
		t.Fatalf("seed: %v", err)
	}
	return house{Store: s, d: d, log: log, clock: c}
}

// member puts an account's row where joins find its name.
func (h house) member(t *testing.T, name string) core.MemberID {
	t.Helper()
	mac := [32]byte{}
	copy(mac[:], name)
	var id int64
	err := h.d.Tx(t.Context(), func(tx *db.Tx) error {
		var err error
		id, err = tx.Insert(t.Context(), "member", db.Row{"name", name, "class_id", 1, "password_hash", "", "passkey_mac", mac[:], "passkey_box", []byte{}, "irc_key_box", []byte{},
			"email_box", []byte{}, "key_epoch", 1, "created_at", 1, "seen_at", 1})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return core.MemberID(id)
}

// makeTorrent writes a one-file v1 torrent. Different data makes a different torrent.
func makeTorrent(name, data string) []byte {
	h := sha1.Sum([]byte(data))
	return fmt.Appendf(nil, "d8:announce22:http://old.example/ann4:infod6:lengthi%de4:name%d:%s12:piece lengthi16384e6:pieces20:%see",
		len(data), len(name), name, h[:])
}

// buildTorrent makes a torrent of two files in a folder.
func buildTorrent(t *testing.T, f metainfo.Format, data string) []byte {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "set")
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.fastq": data, "sub/b.txt": "second"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := metainfo.Build(t.Context(), dir, metainfo.BuildOptions{Format: f})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func groupForm() GroupForm {
	return GroupForm{
		Category: 1, Title: "Enterobacteria phage lambda, complete genome", Subject: "Escherichia virus Lambda", Object: "cI857 Sam7",
		Creators: []string{"Sanger, F.", "Coulson, A. R."}, Workgroup: "MRC Laboratory of Molecular Biology", Location: "Cambridge",
		Year: 1982, Identifier: "NC_001416.1", Tags: []string{"phage", "genome", "lambda", "virus", "dsdna"},
		Literature: []string{"10.1016/0022-2836(82)90546-0"}, Description: "The sequence of the genome of bacteriophage lambda.",
	}
}

func torrentForm() TorrentForm {
	return TorrentForm{Platform: "Sanger", Format: "FASTA", Archive: "None", Scope: "Genome", License: "CC0", Version: "1.0.0",
		Mirrors: []string{"https://mirror.example/lambda/"}}
}

func upload(by core.MemberID, title string, file []byte) Upload {
	g := groupForm()
	g.Title = title
	return Upload{Uploader: by, GroupForm: g, Torrent: torrentForm(), File: ReadFile(file, metainfo.Limits{})}
}

// add uploads a dataset of its own.
func (h house) add(t *testing.T, by core.MemberID, title string) Added {
	t.Helper()
	a, err := h.Add(t.Context(), upload(by, title, makeTorrent(strings.ReplaceAll(title, " ", "_")+".fa", title)))
	if err != nil {
		t.Fatalf("add %q: %v", title, err)
	}
	return a
}

// events returns the kinds of all events so far with their bodies.
func (h house) events(t *testing.T) []string {
	t.Helper()
	list, err := h.log.Read(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(list))
	for i, e := range list {
		out[i] = e.Kind + string(e.Body)
	}
	return out
}

func titles(groups []Group) []string {
	out := make([]string, len(groups))
	for i, g := range groups {
		out[i] = g.Title
	}
	return out
}

func wantCode(t *testing.T, err error, code core.Code) {
	t.Helper()
	if core.CodeOf(err) != code {
		t.Errorf("error %v has code %q, want %q", err, core.CodeOf(err), code)
	}
}
