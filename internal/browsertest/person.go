package browsertest

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// Person uses a page by what is seen on it. Each thing that they do is a step; what can't be done
// fails the test with the text of the page.
type Person struct {
	*testing.T
	Page  context.Context
	Steps int
	Under string // the heading of the section that they look at; "" for the whole page
}

// stepTime is how long one step may take, on a machine that is busy with other tests.
const stepTime = time.Minute

// OnAPhone opens a page that is as narrow as a phone and runs no script of a site.
func OnAPhone(t *testing.T) *Person {
	t.Helper()
	p := &Person{T: t, Page: Tab(t)}
	if _, err := chromedp.Call(p.Page, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(p.Page, chromedp.EmulateViewport(390, 844)); err != nil {
		t.Fatal(err)
	}
	return p
}

// seek marks the first element of some kinds that is seen and is called text, or begins
// with it; what is in the page itself goes before the menus, and what is not below the heading
// is not seen. It tells whether there is one.
const seek = `((kinds, text, under) => {
	document.querySelectorAll("[data-step]").forEach(e => e.removeAttribute("data-step"));
	const words = e => {
		let text = e.placeholder || e.getAttribute("aria-label") || e.innerText;
		e.querySelectorAll("[aria-hidden=true]").forEach(h => text = text.replace(h.innerText || "", ""));
		return text.replace(/\s+/g, " ").trim();
	};
	const all = [...document.querySelectorAll("main :is(" + kinds + ")"), ...document.querySelectorAll(under ? "none" : kinds)], seen = all.filter(e =>
		(!under || [...e.closest("section, main").querySelectorAll("h2")].some(h => words(h) === under)) && e.checkVisibility({visibilityProperty: true, opacityProperty: true}) && e.getBoundingClientRect().width > 1);
	let found = seen.find(e => words(e) === text) || seen.find(e => words(e).startsWith(text));
	if (found && found.tagName === "LABEL") found = found.control || found;
	if (found) found.setAttribute("data-step", "");
	return !!found;
})`

// Marked selects what Seek has found.
const Marked = "[data-step]"

// Seek finds what the next step is done with.
func (p *Person) Seek(kinds, text string) {
	p.Helper()
	if !Ask[bool](p.T, p.Page, seek+"("+strconv.Quote(kinds)+","+strconv.Quote(text)+","+strconv.Quote(p.Under)+")") {
		p.Fatalf("step %d: nothing that is seen is called %q:\n%s", p.Steps+1, text, Ask[string](p.T, p.Page, "location.pathname + '\\n' + document.body.innerText"))
	}
	p.Steps++
}

// Act does one step within a minute.
func (p *Person) Act(what string, do func(ctx context.Context) error) {
	p.Helper()
	ctx, stop := context.WithTimeout(p.Page, stepTime)
	defer stop()
	if err := do(ctx); err != nil {
		p.Fatalf("step %d, %s: %v", p.Steps, what, err)
	}
}

// Open writes an address into the address bar.
func (p *Person) Open(address string) {
	p.Helper()
	p.Act(address, func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Navigate(address)) })
}

// Click follows a link or presses a button, and waits for the page that comes.
func (p *Person) Click(text string) {
	p.Helper()
	p.Seek("a[href], button", text)
	p.Act(text, func(ctx context.Context) error {
		_, err := chromedp.RunResponse(ctx, chromedp.Click(Marked, chromedp.NodeVisible))
		return err
	})
}

// Unfold opens a menu, or what is folded.
func (p *Person) Unfold(text string) {
	p.Helper()
	p.Seek("details:not([open]) > summary", text)
	p.Act(text, func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Click(Marked, chromedp.NodeVisible)) })
}

// Choose ticks what a label belongs to.
func (p *Person) Choose(label string) {
	p.Helper()
	p.Seek("label.pick strong, label.check", label)
	p.Act(label, func(ctx context.Context) error { return chromedp.Do(ctx, chromedp.Click(Marked, chromedp.NodeVisible)) })
}

// Fill types into a field, or chooses from a list.
func (p *Person) Fill(label, value string) {
	p.Helper()
	p.Seek("label, input[placeholder]", label)
	p.Act(label, func(ctx context.Context) error {
		if Ask[string](p.T, p.Page, `document.querySelector("[data-step]").tagName`) != "SELECT" {
			Ask[bool](p.T, p.Page, `document.querySelector("[data-step]").select(), true`) // what is typed takes the place of what is there
			return chromedp.Do(ctx, chromedp.SendKeys(Marked, value, chromedp.NodeVisible))
		}
		return chromedp.Do(ctx, chromedp.WaitVisible(Marked), chromedp.SetValue(Marked, value))
	})
	if got := Ask[string](p.T, p.Page, `document.querySelector("[data-step]").value`); got != value {
		p.Fatalf("the field %s holds %q, not %q", label, got, value)
	}
}

// Attach chooses a file.
func (p *Person) Attach(label, file string) {
	p.Helper()
	p.Seek("label", label)
	p.Act(label, func(ctx context.Context) error {
		return chromedp.Do(ctx, chromedp.SetUploadFiles(Marked, []string{file}))
	})
}

// Enter presses the Enter key, which sends the form.
func (p *Person) Enter() {
	p.Helper()
	p.Steps++
	p.Act("Enter", func(ctx context.Context) error {
		_, err := chromedp.RunResponse(ctx, chromedp.KeyEvent("\r"))
		return err
	})
}

// Shown is the text of the page that is seen.
func (p *Person) Shown() string {
	p.Helper()
	return Ask[string](p.T, p.Page, "document.body.innerText")
}

// Sees fails the test unless the text is seen.
func (p *Person) Sees(text string) {
	p.Helper()
	if got := p.Shown(); !strings.Contains(got, text) {
		p.Fatalf("after step %d %q is not seen:\n%s", p.Steps, text, got)
	}
}

// Lacks fails the test if the text is seen.
func (p *Person) Lacks(text string) {
	p.Helper()
	if strings.Contains(p.Shown(), text) {
		p.Fatalf("after step %d %q is still seen", p.Steps, text)
	}
}

// Fits fails the test if the page is wider than the window.
func (p *Person) Fits() {
	p.Helper()
	if Ask[bool](p.T, p.Page, "document.documentElement.scrollWidth > window.innerWidth") {
		p.Errorf("after step %d %s sticks out sideways", p.Steps, Ask[string](p.T, p.Page, "location.pathname"))
	}
}
