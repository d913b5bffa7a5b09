// Package part has the types of what the pages of the site are put together from.
// Each is drawn by the template of its name in site/web/part_*.html, and stands with
// all its states on /staff/components.
//
// Concurrency: plain values and pure functions.
package part

import "time"

// Link leads somewhere. The zero link is none.
type Link struct {
	Text    string
	Address string
	Current bool // it leads to where the visitor is
}

// Head is the head of a page: its title, the way to it, and its one main action.
type Head struct {
	Crumbs []Link // where the page lies in something
	Title  string
	Lead   string
	Action Link
}

// Kind says how good a piece of news is. It is drawn as a colour and a shape, and the
// text beside it says the same.
type Kind string

// The kinds.
const (
	Info Kind = "info"
	Good Kind = "good"
	Warn Kind = "warn"
	Bad  Kind = "bad"
)

// Notice is something to be known, in the column of the page.
type Notice struct {
	Kind   Kind
	Title  string
	Text   string
	Action Link
}

// Empty stands where there is nothing, and says what to do about it.
type Empty struct {
	Title  string
	Text   string
	Action Link
}

// Column is the head of a column. Where rows can be sorted by it, Address is the same
// list sorted by it, the other way around if it is sorted so already.
type Column struct {
	Label   string
	Short   string // shown in place of Label, which explains it then
	Address string
	Sorted  string // "ascending", "descending" or "" (aria-sort)
	Num     bool
	Unseen  bool   // for screen readers alone
	Class   string // which gives it a width
}

// Facet is a filter that narrows a list, or is taken away if it is On.
type Facet struct {
	Text    string
	Count   string // how many it leaves, as written; "" where that is not known
	Address string
	On      bool
}

// FacetGroup is the facets of one property. Those beyond Shown are folded.
type FacetGroup struct {
	Title  string
	Facets []Facet
	Shown  int // 0: all
}

// First are the facets that are shown at once: the chosen ones are always among them.
func (g FacetGroup) First() []Facet {
	first, _ := g.split()
	return first
}

// Folded are the others.
func (g FacetGroup) Folded() []Facet {
	_, folded := g.split()
	return folded
}

func (g FacetGroup) split() (first, folded []Facet) {
	for i, f := range g.Facets {
		if g.Shown == 0 || i < g.Shown || f.On {
			first = append(first, f)
		} else {
			folded = append(folded, f)
		}
	}
	return first, folded
}

// Chip is a filter that is on; its address is the list without it.
type Chip struct{ Text, Address string }

// Steps shows how far a visitor is in a form of several pages.
type Steps struct {
	Names []string
	Now   int // from 0
}

// Event is one entry of a timeline.
type Event struct {
	At      time.Time
	Kind    Kind
	Title   string
	Text    string
	Address string // of what it is about
}

// Progress is how far long work is.
type Progress struct {
	ID          string // unique on its page
	Label       string
	Done, Total int64 // Total 0: it is not known how much there is
	Text        string
	Kind        Kind // Bad when it stopped
}

// Key is a secret of a member. Its values are shown when the visitor unfolds it. Times
// that are not known are zero, and left out.
type Key struct {
	ID       string // by which links lead to it; "" for none
	Name     string
	What     string     // what it opens
	Values   []KeyValue // none when they are not shown here
	Made     time.Time
	LastUsed time.Time
	UsedOn   time.Time // the day when it was last used, where no more is known
	Renew    Post      // makes another
}

// KeyValue is a key, or an address that holds it.
type KeyValue struct{ Label, Value string }

// Post is a form with nothing but a button. The zero Post is none.
type Post struct{ Address, Button string }

// Fact is a line of a record.
type Fact struct {
	Label   string
	Text    string
	Address string
	Copy    bool // the text is code that people copy
}

// Record is what is known of a dataset, for the card beside it.
type Record struct {
	Title string
	Facts []Fact
}

// Confirm says what an act will do before it is done.
type Confirm struct {
	Title   string // of the page; the part leaves it to that
	Preview []string
	Action  string // where the form is posted
	Button  string
	Known   map[string][]string // hidden fields
	Back    string
	Ends    string // how long it can be confirmed
}
