package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/caduceus-bio/caduceus/e2e/clients"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/db/dbtest"
)

// TestBackupWipeRestore backs the program up while it serves, destroys everything that it
// has, and restores it: every table has the digest that it had, and the tracker credits on.
func TestBackupWipeRestore(t *testing.T) {
	t.Parallel()
	for _, s := range []shape{onSQLite, onMariaDB, inFive} {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			h := build(t, s)
			ann, ben := h.member("ann", "Power User"), h.member("ben", "User")
			made := must[clients.Made](t)(clients.Make(t.Context(), clients.V1, named(t, "kept"), t.TempDir()))
			up := ann.upload(made.File, lambdaFields["title"])
			seed, leech := h.counted(ann, up, "0"), h.counted(ben, up, "1")
			h.wait("the tracker does not know the torrent yet", func() (bool, string) {
				answer := seed(0, "started")
				return strings.Contains(answer, "5:peers"), answer
			})
			leech(0, "started")
			seed(100_000, "")
			ann.waitFigures(figures{Uploaded: 100_000, Seeding: 1})
			key := h.identity()
			seed(130_000, "") // it may be in the journal alone
			first := h.backup(key)
			seed(150_000, "") // it is lost with the database, and the client tells it again
			ann.waitFigures(figures{Uploaded: 150_000, Seeding: 1})

			for process := range h.procs {
				h.kill(process)
			}
			h.fails("is not empty", "restore", first, "--identity", key)
			h.wipe()
			h.fails("--identity", "restore", first)
			config := must[[]byte](t)(os.ReadFile(h.config))
			if err := os.Remove(h.config); err != nil {
				t.Fatal(err)
			}
			said := h.run("restore", first, "--identity", key)
			if got := must[[]byte](t)(os.ReadFile(h.config)); string(got) != string(config) {
				t.Errorf("the configuration is\n%s\nand was\n%s", got, config)
			}
			if strings.Contains(said, "swarms start empty") {
				t.Errorf("the journal is lost:\n%s", said)
			}
			h.sameDigests(first, h.backup(key), key)

			processes := s.rooms
			if len(processes) == 0 {
				processes = []string{"serve"}
			}
			for _, process := range processes {
				h.open(process)
			}
			seed(200_000, "")
			ann.waitFigures(figures{Uploaded: 200_000, Seeding: 1}) // still logged in, and every byte once
			if answer := leech(0, ""); !strings.Contains(answer, "8:completei1e") {
				t.Errorf("the swarm is lost: %s", answer)
			}
			ann.get("/settings")
			ann.download(up.TorrentID)
			if s.engine == db.MariaDB { // as the timer does it
				h.runs(h.asBackup("backup"), "CADUCEUS_BACKUP_DIRECTORY="+t.TempDir())
				if said := h.do("job", "history", "backup"); !strings.Contains(said, "schedule") {
					t.Errorf("the history of jobs does not tell of it:\n%s", said)
				}
			}
		})
	}
}

// counted returns a client that says how much it has uploaded.
func (h *house) counted(a *account, up uploaded, left string) func(sum int, event string) string {
	return func(sum int, event string) string {
		h.t.Helper()
		hash := regexp.MustCompile("..").ReplaceAllString(up.InfoHash, "%$0")
		query := url.Values{"peer_id": {"-TR3000-" + strings.Repeat(a.name[:1], 12)}, "port": {"6881"}, "uploaded": {fmt.Sprint(sum)}, "downloaded": {"0"},
			"left": {left}, "compact": {"1"}, "event": {event}, "key": {a.name}}
		req, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.tracker+"/"+a.announceKey+"/announce?info_hash="+hash+"&"+query.Encode(), nil)
		if err != nil {
			h.t.Fatal(err)
		}
		req.Header.Set("User-Agent", "Transmission/3.00")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			h.t.Fatal(err)
		}
		answer := must[[]byte](h.t)(io.ReadAll(resp.Body))
		_ = resp.Body.Close()
		return string(answer)
	}
}

// identity makes a key of age and returns the file that it is in.
func (h *house) identity() string {
	h.t.Helper()
	id := must[*age.X25519Identity](h.t)(age.GenerateX25519Identity())
	path := filepath.Join(h.t.TempDir(), "identity")
	if err := os.WriteFile(path, []byte("# public key: "+id.Recipient().String()+"\n"+id.String()+"\n"), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

// backup makes a backup, by the database user for that where there is one, and checks it.
func (h *house) backup(identity string) (folder string) {
	h.t.Helper()
	recipient := regexp.MustCompile(`age1\w+`).FindString(string(must[[]byte](h.t)(os.ReadFile(identity))))
	folder, _, _ = strings.Cut(h.runs(h.asBackup("backup", h.t.TempDir(), "--recipient", recipient)), "\n")
	if said := h.run("backup", "verify", folder, "--identity", identity); !strings.Contains(said, "is whole") {
		h.t.Errorf("verify says %s", said)
	}
	return folder
}

// asBackup is a command that is run by the database user for backups, where there is one.
func (h *house) asBackup(args ...string) *program {
	var env []string
	if u, ok := h.user["backup"]; ok {
		env = []string{"CADUCEUS_DATABASE_USER=" + u.User, "CADUCEUS_DATABASE_PASSWORD=" + u.Password}
	}
	return h.command(args, env...)
}

// runs runs a command to its end, and returns what it printed.
func (h *house) runs(p *program, env ...string) string {
	h.t.Helper()
	p.cmd.Env = append(p.cmd.Env, env...)
	if err := p.cmd.Run(); err != nil {
		h.t.Fatalf("%q: %v\n%s", p.cmd.Args, err, p.out.String())
	}
	return p.out.String()
}

// fails runs a command that must fail and say why.
func (h *house) fails(says string, args ...string) {
	h.t.Helper()
	p := h.command(args)
	if err := p.cmd.Run(); err == nil || !strings.Contains(p.out.String(), says) {
		h.t.Errorf("%q should say %q: %v\n%s", args, says, err, p.out.String())
	}
}

// wipe destroys all data but the configuration.
func (h *house) wipe() {
	h.t.Helper()
	if err := os.RemoveAll(filepath.Join(h.dir, "var")); err != nil {
		h.t.Fatal(err)
	}
	if h.shape.engine != db.MariaDB {
		return
	}
	d := dbtest.Reopen(h.t, h.admin)
	err := d.Tx(h.t.Context(), func(tx *db.Tx) error {
		for _, statement := range []string{"DROP DATABASE " + h.admin.Name, "CREATE DATABASE " + h.admin.Name + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"} {
			if _, err := tx.Exec(h.t.Context(), statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// sameDigests compares the tables of two backups.
func (h *house) sameDigests(a, b, identity string) {
	h.t.Helper()
	digests := func(folder string) map[string]string {
		ids := must[[]age.Identity](h.t)(age.ParseIdentities(strings.NewReader(string(must[[]byte](h.t)(os.ReadFile(identity))))))
		f := must[*os.File](h.t)(os.Open(filepath.Join(folder, "backup.tar.age")))
		defer func() { _ = f.Close() }()
		cmd := exec.CommandContext(h.t.Context(), "tar", "--extract", "--to-stdout", "--file=-", "contents.json")
		cmd.Stdin = must[io.Reader](h.t)(age.Decrypt(f, ids...))
		var contents struct {
			Tables []struct{ Name, Digest string }
		}
		if err := json.Unmarshal(must[[]byte](h.t)(cmd.Output()), &contents); err != nil {
			h.t.Fatal(err)
		}
		all := map[string]string{}
		for _, t := range contents.Tables {
			all[t.Name] = t.Digest
		}
		return all
	}
	before, after := digests(a), digests(b)
	for name, digest := range before {
		if after[name] != digest {
			h.t.Errorf("the table %s is another one", name)
		}
	}
	if len(before) < 50 || len(after) != len(before) {
		h.t.Errorf("%d tables were %d", len(after), len(before))
	}
}
