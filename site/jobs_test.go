package site_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"github.com/caduceus-bio/caduceus/internal/metainfo"
	"github.com/caduceus-bio/caduceus/internal/transfer"
	"github.com/caduceus-bio/caduceus/site/sitetest"
)

// worker does a job in a browser by what is seen, and counts the steps.
type worker struct {
	*looker
	dir   string // where downloads go
	steps int
}

// job is one of the checklist of docs/jobs.md.
type job struct {
	role string
	do   func(p *worker)
}

var jobs = map[string]job{
	"Find a dataset by words and a facet, and download its .torrent": {"user", func(p *worker) {
		p.fill("Search datasets", "chromosomes")
		p.enter()
		p.click("Sequences")
		p.sees("Saccharomyces cerevisiae S288C")
		p.is(p.download("Download the .torrent of Saccharomyces"), "/torrents/2/download")
	}},
	"See what is wrong with one's client, and how to mend it": {"user", func(p *worker) {
		p.sees("Your client is refused.")
		p.sees("Take a client from the list of allowed ones")
		p.click("Which clients are allowed")
		p.sees("Peer-id begins with")
	}},
	"Get all that IRC asks for: a recipe and the key": {"user", func(p *worker) {
		p.click("How to connect")
		p.sees("/server add")
		p.click("your settings")
		p.unfold("Show it")
		p.sees(p.w.People["user"].IRCKey)
	}},
	"Upload a dataset, and get the finished .torrent": {"user", func(p *worker) {
		file := filepath.Join(p.dir, "mine.torrent")
		p.w.Must(os.WriteFile(file, p.w.Torrent("mine", metainfo.Hybrid, map[string]string{"reads.fasta": ">mine\nACGT\n"}), 0o600))
		p.click("Upload a dataset")
		p.attach("The .torrent file", file)
		p.choose("Sequences")
		p.click("Check the file")
		for _, f := range [][2]string{{"Title", "Danio rerio, reads of the fin"}, {"Year", "2025"}, {"Tags", "zebrafish, reads, fin, dna, genome"}, {"Description", "Reads of the fin of a zebrafish, in one file."},
			{"Authors", "A. Nonymous"}, {"Department or lab", "Fins"}, {"Instrument or tool", "Sanger"}, {"Licence", "CC0"}, {"File format", "FASTA"}, {"Packing", "None"}, {"Resolution", "Genome"}} {
			p.fill(f[0], f[1])
		}
		p.click("Upload")
		p.sees("Now seed it")
		p.is(p.download("Download the finished .torrent"), "/torrents/4/download")
	}},
	"Read the rules, and say so": {"newcomer", func(p *worker) {
		p.click("The rules")
		p.sees("It is yours alone.")
		p.click(p.w.Config.Name)
		p.click("I have read them")
		p.sees("Your first steps")
		p.lacks("I have read them")
	}},
	"Change the time zone": {"user", func(p *worker) {
		p.unfold("user")
		p.click("Settings")
		p.click("Appearance")
		p.fill("Time zone", "Asia/Tokyo")
		p.click("Save")
		p.sees("Times are in JST")
	}},
	"Find a member by part of a name, switch their downloads off, with a reason, and take that back": {"moderator", func(p *worker) {
		p.click("Members")
		p.fill("Part of a name", "the")
		p.click("Find")
		p.click("other")
		p.unfold("Switch off downloads, uploads, invites or IRC")
		p.fill("What", "download")
		p.fill("Reason", "shared an account")
		p.click("Switch off downloads, uploads, invites or IRC")
		p.sees("downloads off")
		p.click("Undo")
		p.sees("Lifted for other")
	}},
	"See whether the tracker is well, and why announces are refused": {"moderator", func(p *worker) {
		p.click("Tracker")
		p.sees("running")
		p.sees("Why announces were refused")
		p.sees(transfer.Meaning("disabled"))
	}},
	"Look up what somebody on the staff did": {"sysop", func(p *worker) {
		p.click("Audit")
		p.fill("By", "moderator")
		p.click("Show")
		p.sees("member restrict")
	}},
	"Run a job": {"sysop", func(p *worker) {
		p.click("Jobs")
		p.unfold("Run a job now")
		p.fill("Name", "prune-events")
		p.click("Run a job now")
		p.sees("runs as soon as the jobs room sees it")
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
			p := &worker{looker: &looker{T: t, w: w, page: page}, dir: dir}
			p.become(j.role)
			p.open(l.start, 1280, 900)
			j.do(p)
			if p.steps != l.steps {
				t.Errorf("it takes %d steps; docs/jobs.md says %d", p.steps, l.steps)
			}
		})
	}
}

// seek marks the first element of some kinds that is seen and is called text, or begins
// with it; what is in the page itself goes before the menus. It tells whether there is one.
const seek = `((kinds, text) => {
	document.querySelectorAll("[data-step]").forEach(e => e.removeAttribute("data-step"));
	const words = e => {
		let text = e.placeholder || e.getAttribute("aria-label") || e.innerText;
		e.querySelectorAll("[aria-hidden=true]").forEach(h => text = text.replace(h.innerText || "", ""));
		return text.replace(/\s+/g, " ").trim();
	};
	const seen = [...document.querySelectorAll("main :is(" + kinds + ")"), ...document.querySelectorAll(kinds)].filter(e =>
		e.checkVisibility({visibilityProperty: true, opacityProperty: true}) && e.getBoundingClientRect().width > 1);
	let found = seen.find(e => words(e) === text) || seen.find(e => words(e).startsWith(text));
	if (found && found.tagName === "LABEL") found = found.control || found;
	if (found) found.setAttribute("data-step", "");
	return !!found;
})`

const marked = "[data-step]"

// seek finds what the next step is done with.
func (p *worker) seek(kinds, text string) {
	p.Helper()
	if !ask[bool](p.T, p.page, seek+"("+strconv.Quote(kinds)+","+strconv.Quote(text)+")") {
		p.Fatalf("step %d: nothing that is seen is called %q:\n%s", p.steps+1, text, ask[string](p.T, p.page, "location.pathname + '\\n' + document.body.innerText"))
	}
	p.steps++
}

// act does one step within a minute.
func (p *worker) act(what string, do func(ctx context.Context) error) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.page, time.Minute)
	defer stop()
	if err := do(ctx); err != nil {
		p.Fatalf("step %d, %s: %v", p.steps, what, err)
	}
}

// click follows a link or presses a button, and waits for the page that comes.
func (p *worker) click(text string) {
	p.Helper()
	p.seek("a[href], button", text)
	p.act(text, func(ctx context.Context) error {
		_, err := chromedp.RunResponse(ctx, chromedp.Click(marked, chromedp.NodeVisible))
		return err
	})
}

// unfold opens a menu, or what is folded.
func (p *worker) unfold(text string) {
	p.Helper()
	p.seek("details:not([open]) > summary", text)
	p.act(text, func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Click(marked, chromedp.NodeVisible)) })
}

// choose ticks what a label belongs to.
func (p *worker) choose(label string) {
	p.Helper()
	p.seek("label.pick strong, label.check", label)
	p.act(label, func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Click(marked, chromedp.NodeVisible)) })
}

// fill types into a field, or chooses from a list.
func (p *worker) fill(label, value string) {
	p.Helper()
	p.seek("label, input[placeholder]", label)
	p.act(label, func(ctx context.Context) error {
		if ask[string](p.T, p.page, `document.querySelector("[data-step]").tagName`) != "SELECT" {
			ask[bool](p.T, p.page, `document.querySelector("[data-step]").select(), true`) // what is typed takes the place of what is there
			return chromedp.Do(ctx, chromedp.SendKeys(marked, value, chromedp.NodeVisible))
		}
		return chromedp.Do(ctx, chromedp.WaitVisible(marked), chromedp.SetValue(marked, value))
	})
	if got := ask[string](p.T, p.page, `document.querySelector("[data-step]").value`); got != value {
		p.Fatalf("the field %s holds %q, not %q", label, got, value)
	}
}

// attach chooses a file.
func (p *worker) attach(label, file string) {
	p.Helper()
	p.seek("label", label)
	p.act(label, func(ctx context.Context) error {
		return chromedp.Do(ctx, chromedp.SetUploadFiles(marked, []string{file}))
	})
}

// enter presses the Enter key, which sends the form.
func (p *worker) enter() {
	p.Helper()
	p.steps++
	p.act("Enter", func(ctx context.Context) error {
		_, err := chromedp.RunResponse(ctx, chromedp.KeyEvent("\r"))
		return err
	})
}

// download follows a link to a file and returns what came.
func (p *worker) download(text string) (raw []byte) {
	p.Helper()
	p.seek("a[href]", text)
	p.act(text, func(ctx context.Context) error {
		done := func(e browser.EventDownloadProgress) bool { return e.State == browser.DownloadProgressStateCompleted }
		e, err := chromedp.Run(ctx, chromedp.WaitEvent(browser.DownloadProgress, done, chromedp.Click(marked, chromedp.NodeVisible)))
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

// shown is the text of the page that is seen.
func (p *worker) shown() string {
	p.Helper()
	return ask[string](p.T, p.page, "document.body.innerText")
}

func (p *worker) sees(text string) {
	p.Helper()
	if got := p.shown(); !strings.Contains(got, text) {
		p.Fatalf("after step %d %q is not seen:\n%s", p.steps, text, got)
	}
}

func (p *worker) lacks(text string) {
	p.Helper()
	if strings.Contains(p.shown(), text) {
		p.Fatalf("after step %d %q is still seen", p.steps, text)
	}
}
