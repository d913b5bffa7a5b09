package staff

import (
	"math"
	"time"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/pages"
	"github.com/caduceus-bio/caduceus/site/web"
	"github.com/caduceus-bio/caduceus/site/web/part"
)

// componentsPage shows every part of the pages in each of its states, for who builds
// pages and for the tests that look at them. Nothing on it is true.
type componentsPage struct {
	Head     part.Head
	States   []part.Notice
	Notices  []part.Notice
	Empties  []part.Empty
	Crumbs   []part.Link
	Columns  []part.Column
	Rows     []sampleRow
	Chips    []part.Chip
	Facets   []part.FacetGroup
	Steps    part.Steps
	Errors   web.FormErrors
	Fields   []web.Field
	Confirm  part.Confirm
	Keys     []part.Key
	Record   part.Record
	Timeline []part.Event
	Progress []part.Progress
	Ranges   []part.Link
	Plots    []part.Plot
	Diff     []pages.Line
	NoDiff   []pages.Line
	Blocks   []web.Block
	Commands []web.CommandForm
}

type sampleRow struct {
	Title, Size string
	Seeders     int
	At          time.Time
}

var componentsView = web.NewView[componentsPage]("components")

const longName = "A dataset with a name that is as long as names may become, from the Institute for the Study of Very Long Names and Their Effects on Tables, measured in the autumn of the year and again in the spring after it"

func (h handlers) components(v *web.Visit) error {
	now := h.Clock()
	p := componentsPage{
		Head: part.Head{Title: "Parts of the pages",
			Lead: "What the pages are put together from, in each of its states. Nothing here is true.", Action: part.Link{Text: "Main action", Address: "#buttons"}},
		States: []part.Notice{{Kind: part.Good, Text: "running"}, {Kind: part.Warn, Text: "slow"}, {Kind: part.Bad, Text: "silent"}},
		Notices: []part.Notice{
			{Kind: part.Info, Title: "A piece of news.", Text: "It is neither good nor bad.", Action: part.Link{Text: "Read more", Address: "#notices"}},
			{Kind: part.Good, Title: "Done.", Text: "What was asked for has happened."},
			{Kind: part.Warn, Title: "Others can't connect to you.", Text: "Open the client's port in your firewall."},
			{Kind: part.Bad, Title: "Your client is refused.", Text: "It is not on the list of clients.", Action: part.Link{Text: "Which clients are", Address: "#notices"}},
		},
		Empties: []part.Empty{{Title: "Nothing here yet", Text: "What you upload stands here.", Action: part.Link{Text: "Upload a dataset", Address: "#empty"}}, {Text: "None was."}},
		Crumbs:  []part.Link{{Text: "Browse", Address: "#crumbs"}, {Text: longName, Address: "#crumbs"}, {Text: "Files", Current: true}},
		Columns: []part.Column{{Label: "Dataset"}, {Label: "Size", Address: "#table", Num: true}, {Label: "Seeders", Short: "Seed", Address: "#table", Sorted: "descending", Num: true}, {Label: "Added", Address: "#table"}},
		Rows: []sampleRow{{"Yeast", "12.1 MiB", 12, now.Add(-time.Minute)}, {longName, "1.20 TiB", 1, now.Add(-30 * time.Hour)},
			{"X", "0 B", 0, now.Add(-400 * 24 * time.Hour)}},
		Chips: []part.Chip{{Text: "Format: FASTA", Address: "#facets"}, {Text: longName, Address: "#facets"}},
		Facets: []part.FacetGroup{
			{Title: "Category", Facets: []part.Facet{{Text: "Sequences", Count: "312", Address: "#facets", On: true}, {Text: "Images", Count: "41", Address: "#facets"}}},
			{Title: "Format", Shown: 2, Facets: []part.Facet{{Text: "FASTA", Count: "200", Address: "#facets"}, {Text: "BAM", Count: "90", Address: "#facets"}, {Text: "VCF", Count: "12", Address: "#facets"}, {Text: "SBML", Address: "#facets"}}},
		},
		Steps:  part.Steps{Names: []string{"The file", "The description", "The finished torrent"}, Now: 1},
		Errors: web.FormErrors{{Field: "scope-year", Text: "give the year in four digits"}},
		Fields: []web.Field{
			{Scope: "scope-", Name: "title", Label: "Title", Type: "text", Required: true, Hint: "What a colleague would call it."},
			{Scope: "scope-", Name: "year", Label: "Year", Type: "text", Value: "20226", Error: "Give the year in four digits."},
			{Scope: "scope-", Name: "class", Label: "Class", Value: "User", Choices: []web.Choice{{Value: "User", Text: "User"}, {Value: "Elite", Text: "Elite"}}},
			{Scope: "scope-", Name: "about", Label: "About", Type: "textarea", Rows: 3},
		},
		Confirm: part.Confirm{Preview: []string{"This would delete one torrent, which two members seed."}, Action: "/staff/components", Button: "Do it", Back: "#confirm", Ends: "a minute"},
		Keys: []part.Key{
			{Name: "Announce key", What: "Your clients prove by it who they are.", Made: now.Add(-400 * 24 * time.Hour), LastUsed: now.Add(-time.Hour), Renew: part.Post{Address: "/staff/components", Button: "Make another …"},
				Values: []part.KeyValue{{Label: "Announce key", Value: "0123456789abcdef0123456789abcdef"}, {Label: "Announce address", Value: "https://tracker.example/0123456789abcdef0123456789abcdef/announce"}}},
			{Name: "Link key", What: "It stands in download links.", UsedOn: now.Add(-50 * time.Hour), Values: []part.KeyValue{{Label: "Link key", Value: "0123456789abcdef"}}},
			{Name: "API token", What: "Shown once, when it was made."},
		},
		Record: part.Record{Title: "Record", Facts: []part.Fact{{Label: "Accession", Text: "GCF_000146045.2", Copy: true}, {Label: "Year", Text: "2026"}, {Label: "Literature", Text: "doi:10.1038/nature12373", Address: "#record"}}},
		Timeline: []part.Event{{At: now.Add(-time.Hour), Kind: part.Bad, Title: "Disabled", Text: "by sysop: two accounts"}, {At: now.Add(-50 * time.Hour), Kind: part.Warn, Title: "Warned", Text: "for a week"},
			{At: now.Add(-100 * 24 * time.Hour), Kind: part.Good, Title: "Joined", Address: "#timeline"}},
		Progress: []part.Progress{{ID: "p1", Label: "Looking at files", Done: 41_200, Total: 100_000, Text: "About two minutes are left."}, {ID: "p2", Label: "Reading", Done: 3_000}, {ID: "p3", Label: "Copying", Done: 10, Total: 90, Kind: part.Bad, Text: "The disk is full."}},
		Ranges:   []part.Link{{Text: "1h", Address: "#plots"}, {Text: "24h", Address: "#plots", Current: true}, {Text: "7d", Address: "#plots"}, {Text: "30d", Address: "#plots"}},
		Plots:    samplePlots(now, v.Zone()),
		Diff: []pages.Line{{Op: pages.Skipped}, {Op: pages.Same, Text: "Be kind."}, {Op: pages.Removed, Text: "Seed for a day."}, {Op: pages.Added, Text: "Seed for a week."},
			{Op: pages.Same, Text: longName}, {Op: pages.Cut}},
		Blocks: web.Blocks([]command.Block{command.Line{Text: "Two members seed it."}, command.Fields{List: []command.Field{{Label: "Uploaded", Value: "3.20 TiB"}, {Label: "Ratio", Value: "1.40"}}},
			command.Table{Columns: []string{"Name", "Class"}, Rows: []command.Row{{Cells: []string{"ann", "Elite"}}, {Cells: []string{"ben", "User"}}}, More: "And 12 more."}, command.Table{Empty: "There are none."}}),
		Commands: []web.CommandForm{{Slug: "help", Label: "Say what there is", Back: "/staff/components"},
			{Slug: "help", Label: "Delete", Note: "asks first", Asks: true, Back: "/staff/components", Fields: []web.Field{{Scope: "cmd-", Name: "reason", Label: "Reason", Type: "text", Required: true}}}},
	}
	return componentsView.OK(v, p)
}

// samplePlots are one of each kind: with a gap, by the logarithm with a limit that was
// passed, and of nothing.
func samplePlots(now time.Time, zone *time.Location) []part.Plot {
	const steps = 97
	plain := part.Scale{Text: web.UpTo3}
	var times []time.Time
	a, b, nothing := part.Series{Name: "Seeders"}, part.Series{Name: "Leechers"}, part.Series{Name: "Seeders"}
	for i := range steps {
		times = append(times, now.Add(time.Duration(i-steps)*15*time.Minute).In(zone))
		x := float64(i) / 8
		a.Values, b.Values = append(a.Values, 40+20*math.Sin(x)), append(b.Values, 12+8*math.Cos(x*1.7))
		nothing.Values = append(nothing.Values, math.NaN())
		if i > 40 && i < 50 {
			a.Values[i], b.Values[i] = math.NaN(), math.NaN()
		}
	}
	return []part.Plot{
		part.PlotOf{ID: "plot1", Title: "Clients", What: "at once", Scale: plain, Times: times, Series: []part.Series{a, b}}.Plot(),
		part.PlotOf{ID: "plot2", Title: "Time to answer", What: "on a logarithmic scale", Scale: part.Scale{Text: web.UpTo3, Log: true}, Times: times, Series: []part.Series{a}, Limit: 50, LimitText: "slow above 50 ms"}.Plot(),
		part.PlotOf{ID: "plot3", Title: "Refused", What: "each second", Scale: plain, Times: times, Series: []part.Series{nothing}}.Plot(),
	}
}
