// Package command holds every action that a person can ask for, once. IRC, the
// shell and the console of the site all run the same table of commands and show
// the same answers.
//
// A command is a Spec: its name, arguments and permission as data, and a
// function that acts. What must hold before it acts (who asks, from where, with
// which arguments, on whom) is checked in one place from that data, never in
// the function. Commands that change something leave a row in the audit log:
// "started" before the effect, the outcome after it.
//
// Concurrency: a Registry is safe for concurrent use. Codes that wait for a
// confirmation live in its memory and die with the program.
package command

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/economy"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/irc"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/schedule"
	"github.com/caduceus-bio/caduceus/internal/transfer"
)

// Via names the way by which a command came.
type Via string

// The ways.
const (
	ViaIRC   Via = "irc"
	ViaShell Via = "shell"
	ViaSite  Via = "site"
)

// Actor is who asks. Make one anew for each command from the account as it is
// now: what a class may do can change at any time.
type Actor struct {
	Member      member.Member // the zero Member for a guest and for the shell
	Name        string
	Via         Via
	Permissions core.Permissions
}

// Shell is whoever may run a program of the operator's account on the machine.
// It may do everything.
func Shell() Actor {
	all := core.Permissions{}
	for _, p := range core.AllPermissions() {
		all[p.Name] = struct{}{}
	}
	return Actor{Name: "shell", Via: ViaShell, Permissions: all}
}

// Of is a member who asks.
func Of(m member.Member, via Via) Actor {
	return Actor{Member: m, Name: m.Name, Via: via, Permissions: m.Permissions}
}

// Guest is somebody who is not logged in. They are answered, but may do nothing.
func Guest(name string, via Via) Actor { return Actor{Name: name, Via: via} }

func (a Actor) isShell() bool { return a.Via == ViaShell }
func (a Actor) isGuest() bool { return !a.isShell() && a.Member.ID == 0 }

// can reports whether the actor has p. Nobody but the shell has anything
// without an enabled account.
func (a Actor) can(p core.Permission) bool {
	if a.isShell() {
		return a.Permissions.Has(p)
	}
	return a.Member.ID != 0 && a.Member.Enabled() && a.Permissions.Has(p)
}

// above reports whether the actor may act on m: not on equals or betters, and
// not on themselves.
func (a Actor) above(m member.Member) bool {
	return a.isShell() || (a.Member.ID != m.ID && a.Member.Outranks(m))
}

// Place says who else reads the answer.
type Place int

// The places. The shell and the console of the site are private.
const (
	Private Place = iota // only the asker
	Staff                // the staff's own channel
	Channel              // anyone
)

// Request is one line that somebody typed.
type Request struct {
	Actor Actor
	Line  string // the command without any "!" before it
	Place Place
	// Confirmed says that the person at the shell was shown the preview and
	// agreed; elsewhere it has no effect and the code must be given.
	Confirmed bool
	Zone      *time.Location // the asker's time zone; nil when unknown
}

// Reply is the answer to a command. All text is one line per entry, without
// control characters once it comes out of Execute.
type Reply struct {
	Lines   []string // to the place where it was asked
	Private []string // to the asker alone
	Undo    string   // the command that takes it back; "" when there is none
	Pending *Pending // set when nothing was done yet and a code is awaited
}

// Pending is a command that waits for its confirmation. The preview and how to
// confirm are in the reply's Lines as well.
type Pending struct {
	Code    string
	Preview []string
	Expires time.Time
}

// Spec is one command of the table.
type Spec struct {
	Name       string   // one or two words, such as "member create"
	Aliases    []string // other names, of one or two words
	Args       []Arg
	Summary    string
	Permission core.Permission // "" for every member
	Guest      bool            // also for those who are not logged in
	Public     bool            // may be answered in any channel, else only in private and among staff
	Secret     bool            // the answer goes to the asker alone, wherever it was asked
	Changes    bool            // it changes something: it is audited
	// Preview is set for commands that destroy or touch many. It tells what
	// would happen; the command runs once the asker confirms and as long as
	// the preview's State is the same then.
	Preview func(ctx context.Context, c Call) (Preview, error)
	Run     func(ctx context.Context, c Call) (Reply, error)
}

// Preview is what a command would do.
type Preview struct {
	Lines []string
	State string // what the asker's decision rests on
}

// Deps are what the commands work on.
type Deps struct {
	DB        *db.DB
	Members   *member.Store
	Catalog   *catalog.Store
	Economy   *economy.Store
	Clients   *client.Store
	Schedule  *schedule.Store
	IRC       *irc.Store
	Events    *eventlog.Log
	Clock     core.Clock
	Log       *slog.Logger
	NickLimit int // how many IRC nicks members may register besides their names
	// SiteName and SiteURL (without a slash at its end) are for texts and links.
	SiteName, SiteURL string
}

// Registry is the table of commands and what runs them.
type Registry struct {
	deps     Deps
	audit    *Audit
	pending  *pendings
	transfer *transfer.Store
	history  *irc.History
	specs    []*Spec
	byName   map[string]*Spec
}

// NewRegistry returns the table of all commands.
func NewRegistry(d Deps) *Registry {
	r := &Registry{deps: d, audit: NewAudit(d.DB, d.Clock), pending: newPendings(d.Clock), transfer: transfer.NewStore(d.DB),
		history: irc.NewHistory(d.DB, d.Events, d.Clock, irc.Retention{}), byName: map[string]*Spec{}}
	families := [][]Spec{
		r.helpCommands(), r.statsCommands(), r.catalogCommands(), r.freeleechCommands(),
		r.memberCommands(), r.clientCommands(), r.jobCommands(), r.auditCommands(), r.trackerCommands(),
		r.irclogCommands(), r.channelCommands(), r.lineCommands(), r.ircLoginCommands(),
	}
	for _, family := range families {
		for _, s := range family {
			r.specs = append(r.specs, &s)
			for _, name := range append([]string{s.Name}, s.Aliases...) {
				r.byName[name] = &s
			}
		}
	}
	slices.SortStableFunc(r.specs, func(a, b *Spec) int { return strings.Compare(a.Name, b.Name) })
	return r
}

// Specs returns the commands that the actor may run, by name. Arguments may
// still ask for more.
func (r *Registry) Specs(a Actor) []Spec {
	var out []Spec
	for _, s := range r.specs {
		if r.may(a, s) == nil {
			out = append(out, *s)
		}
	}
	return out
}

// Knows reports whether a line begins with the name of a command.
func (r *Registry) Knows(line string) bool {
	words := strings.Fields(line)
	if len(words) > 0 && strings.EqualFold(words[0], confirmWord) {
		return true
	}
	_, _, ok := r.find(words)
	return ok
}

// find returns the command that the words begin with and the rest of them. Two
// words go before one.
func (r *Registry) find(words []string) (*Spec, []string, bool) {
	if len(words) >= 2 {
		if s, ok := r.byName[strings.ToLower(words[0]+" "+words[1])]; ok {
			return s, words[2:], true
		}
	}
	if len(words) >= 1 {
		if s, ok := r.byName[strings.ToLower(words[0])]; ok {
			return s, words[1:], true
		}
	}
	return nil, nil, false
}
