package site_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"github.com/caduceus-bio/caduceus/internal/browsertest"
	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// worker does a job in a browser by what is seen, and counts the steps.
type worker struct {
	*browsertest.Person
	w   *sitetest.World
	dir string // where downloads go
}

// job is one of the checklist of docs/jobs.md.
type job struct {
	role string
	do   func(p *worker)
}

var jobs = map[string]job{
	"Find a dataset by words and a facet, and download its .torrent": {"user", func(p *worker) {
		p.Fill("Search datasets", "chromosomes")
		p.Enter()
		p.Click("Sequences")
		p.Sees("Saccharomyces cerevisiae S288C")
		p.is(p.download("Download the .torrent of Saccharomyces"), "/torrents/2/download")
	}},
	"See what is wrong with one's client, and how to mend it": {"user", func(p *worker) {
		p.Sees("Your client is refused.")
		p.Sees("Take a client from the list of allowed ones")
		p.Click("Which clients are allowed")
		p.Sees("Peer-id begins with")
	}},
	"Get all that IRC asks for: a recipe and the key": {"user", func(p *worker) {
		p.Click("How to connect")
		p.Sees("/server add")
		p.Click("your settings")
		p.Unfold("Show it")
		p.Sees(p.w.People["user"].IRCKey)
	}},
	"Upload a dataset, and get the finished .torrent": {"user", func(p *worker) {
		file := filepath.Join(p.dir, "mine.torrent")
		p.w.Must(os.WriteFile(file, p.w.Torrent("mine", metainfo.Hybrid, map[string]string{"reads.fasta": ">mine\nACGT\n"}), 0o600))
		p.Click("Upload a dataset")
		p.Attach("The .torrent file", file)
		p.Choose("Sequences")
		p.Click("Check the file")
		for _, f := range [][2]string{{"Title", "Danio rerio, reads of the fin"}, {"Year", "2025"}, {"Tags", "zebrafish, reads, fin, dna, genome"}, {"Description", "Reads of the fin of a zebrafish, in one file."},
			{"Authors", "A. Nonymous"}, {"Department or lab", "Fins"}, {"Instrument or tool", "Sanger"}, {"Licence", "CC0"}, {"File format", "FASTA"}, {"Packing", "None"}, {"Resolution", "Genome"}} {
			p.Fill(f[0], f[1])
		}
		p.Click("Upload")
		p.Sees("Now seed it")
		p.is(p.download("Download the finished .torrent"), "/torrents/4/download")
	}},
	"Read the rules, and say so": {"newcomer", func(p *worker) {
		p.Click("The rules")
		p.Sees("It is yours alone.")
		p.Click(p.w.Config.Name)
		p.Click("I have read them")
		p.Sees("Your first steps")
		p.Lacks("I have read them")
	}},
	"Change the time zone": {"user", func(p *worker) {
		p.Unfold("user")
		p.Click("Settings")
		p.Click("Appearance")
		p.Fill("Time zone", "Asia/Tokyo")
		p.Click("Save")
		p.Sees("Times are in JST")
	}},
	"Find a member by part of a name, switch their downloads off, with a reason, and take that back": {"moderator", func(p *worker) {
		p.Click("Members")
		p.Fill("Name or #number", "the")
		p.Click("Find")
		p.Click("other")
		p.Unfold("Switch off downloads, uploads, invites or IRC")
		p.Fill("What", "download")
		p.Fill("Reason", "shared an account")
		p.Click("Switch off downloads, uploads, invites or IRC")
		p.Sees("downloads off")
		p.Click("Undo")
		p.Sees("Lifted for other")
	}},
	"See whether the tracker is well, and why announces are refused": {"moderator", func(p *worker) {
		p.Click("Tracker")
		p.Sees("running")
		p.Sees("Why announces were refused")
		p.Sees(transfer.Meaning("disabled"))
	}},
	"Look up what somebody on the staff did": {"sysop", func(p *worker) {
		p.Click("Audit")
		p.Fill("By", "moderator")
		p.Click("Show")
		p.Sees("member restrict")
	}},
	"Run a job": {"sysop", func(p *worker) {
		p.Click("Jobs")
		p.Unfold("Run a job now")
		p.Fill("Name", "prune-events")
		p.Click("Run a job now")
		p.Sees("runs as soon as the jobs room sees it")
	}},
}

// limit is a row of docs/jobs.md.
type limit struct {
	name, start string
	steps       int
}

var limitRow = regexp.MustCompile("(?m)^\\| ([^|]+) \\| `([^`]+)` \\| ([0-9]+) \\|$")

func limits(t *testing.T) (out []limit) {
	t.Helper()
	text, err := os.ReadFile("../docs/jobs.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range limitRow.FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.Atoi(m[3])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, limit{m[1], m[2], n})
	}
	return out
}

// TestTenJobs does each job of docs/jobs.md in a browser, by clicking what is seen, in no
// more steps than it may take. They are done in their order: one looks up what another did.
func TestTenJobs(t *testing.T) {
	list := limits(t)
	if len(list) != len(jobs) || len(list) != 10 {
		t.Fatalf("docs/jobs.md lists %d jobs, and %d are done here", len(list), len(jobs))
	}
	w := sitetest.OnSQLite(t)
	page := tab(t)
	for _, title := range []string{"Enterobacteria phage lambda, complete genome", "Saccharomyces cerevisiae S288C, reads of all chromosomes", "Caenorhabditis elegans, single-cell atlas"} {
		w.Upload("other", title, nil)
	}
	w.Tracked()
	w.Must(transfer.NewStore(w.DB).Write(t.Context(), []transfer.Record{{Member: w.People["user"].Member.ID, At: w.Now().Add(-time.Minute), Announces: 1, Client: "Old 0.1", Outcome: "client_refused"}}))
	w.Join("newcomer", "")
	dir := t.TempDir()
	if _, err := chromedp.Call(page, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllowAndName, DownloadPath: dir, EventsEnabled: new(true)}); err != nil {
		t.Fatal(err)
	}
	for _, l := range list {
		t.Run(l.name, func(t *testing.T) {
			j, ok := jobs[l.name]
			if !ok {
				t.Fatal("docs/jobs.md lists it, and it is not done here")
			}
			look := &looker{T: t, w: w, page: page}
			look.become(j.role)
			look.open(l.start, 1280, 900)
			p := &worker{&browsertest.Person{T: t, Page: page}, w, dir}
			j.do(p)
			if p.Steps != l.steps {
				t.Errorf("it takes %d steps; docs/jobs.md says %d", p.Steps, l.steps)
			}
		})
	}
}

// download follows a link to a file and returns what came.
func (p *worker) download(text string) (raw []byte) {
	p.Helper()
	p.Seek("a[href]", text)
	p.Act(text, func(ctx context.Context) error {
		done := func(e browser.EventDownloadProgress) bool { return e.State == browser.DownloadProgressStateCompleted }
		e, err := chromedp.Run(ctx, chromedp.WaitEvent(browser.DownloadProgress, done, chromedp.Click(browsertest.Marked, chromedp.NodeVisible)))
		if err != nil {
			return err
		}
		raw, err = os.ReadFile(filepath.Join(p.dir, e.GUID))
		return err
	})
	return raw
}

// is checks that a file that was downloaded is what its address has for the member.
func (p *worker) is(raw []byte, address string) {
	p.Helper()
	if want := p.w.As("user").Get(address); want.StatusCode != http.StatusOK || want.Text != string(raw) {
		p.Errorf("what was downloaded is not what %s has (status %d)", address, want.StatusCode)
	}
}
