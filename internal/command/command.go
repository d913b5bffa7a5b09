// Package command is the engine that runs every action a person can ask for. IRC,
// the shell and the site are faces of one table: they hand over what somebody asked
// and show the answer. What the commands do stands in the families below this
// folder; the engine knows none of them.
//
// A command is a Question, which only reads, or an Action, which changes something.
// Its name, permission and places are data (Spec), its arguments a struct that the
// engine fills by type. What must hold before it runs (who asks, from where, with
// which arguments, on whom) is checked here from that data, never in the command.
//
// What needs the word of a second member of staff (Spec.Approve) is kept once it is
// confirmed, and done in the asker's name when somebody approves it who could do it as well.
// Where fewer than two others could, the shell may approve it, or after a while the asker.
//
// An Action is one transaction: the code that confirms it is consumed, it acts
// through stores bound to the transaction, and its row in the audit log is written.
// So a kill leaves all of it or nothing. Run may be repeated, since the transaction
// may be, and has no effect outside it.
//
// Concurrency: a Registry is safe for concurrent use.
package command

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/eventlog"
	"github.com/caduceus-bio/caduceus/internal/member"
	"github.com/caduceus-bio/caduceus/internal/secret"
)

// Place says who else reads the answer.
type Place int

// The places. The shell and the site are private.
const (
	Private Place = iota // only the asker
	Staff                // the staff's own channel
	Channel              // anyone
)

// Request is what somebody asks for: one line that they typed, or a command by name
// with its arguments as a form has them.
type Request struct {
	Actor Actor
	Line  string // the command without any "!" before it; read when Command is ""
	// Prefix is what the asker must write before a command, such as "!" in a channel.
	// Answers that say what to write have it.
	Prefix string
	// Command and Given are a command by its full name, and its arguments by
	// their names, as text. An argument that is "" was not given.
	Command string
	Given   map[string]string
	Place   Place
	// Exposed says that others than the asker may read the answer on its way: it goes over
	// a connection that isn't encrypted, or to more than the one that asked.
	Exposed bool
	Zone    *time.Location // the asker's time zone; nil when unknown
}

// Call is a command that was understood and may run.
type Call struct {
	Actor Actor
	Place Place
	Zone  *time.Location // nil when unknown
	Now   time.Time

	prefix string // of the request
}

// Deps are what the engine itself works on.
type Deps struct {
	DB      *db.DB
	Members *member.Store
	Catalog *catalog.Store
	Audit   *audit.Log
	Events  *eventlog.Log
	Keys    *secret.Keyring // seals secret arguments while an act waits; needed where there are any
	Clock   core.Clock
	Log     *slog.Logger
	At      func(Point) // called at the points of each transaction; nil but in tests, which stop it there
}

// Registry is the table of commands and what runs them.
type Registry struct {
	deps     Deps
	commands []*command // by name
	byName   map[string]*command
	at       func(Point) // never nil
}

// New returns the table of the given commands and of the engine's own (help,
// confirm, undo, approve). It fails when a command is not well made or a name is used twice.
func New(d Deps, families ...[]Command) (*Registry, error) {
	r := &Registry{deps: d, byName: map[string]*command{confirmWord: nil}, at: d.At}
	if r.at == nil {
		r.at = func(Point) {}
	}
	for _, family := range families {
		if err := r.addAll(family); err != nil {
			return nil, err
		}
	}
	if err := r.addAll(r.own()); err != nil {
		return nil, err
	}
	slices.SortFunc(r.commands, func(a, b *command) int { return strings.Compare(a.Name, b.Name) })
	return r, nil
}

func (r *Registry) addAll(family []Command) error {
	for _, c := range family {
		if err := r.add(c); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registry) add(c Command) error {
	made, err := c.compile()
	if err != nil {
		return err
	}
	if made.asksWithSecret() && r.deps.Keys == nil {
		return fmt.Errorf("command %q waits for a confirmation with a secret argument, which there are no keys to seal", made.Name)
	}
	for _, name := range append([]string{made.Name}, made.Aliases...) {
		if n := len(strings.Fields(name)); n < 1 || n > 2 || name != strings.ToLower(name) {
			return fmt.Errorf("command %q: a name is one or two words in lower case", name)
		}
		if _, taken := r.byName[name]; taken {
			return fmt.Errorf("command %q is registered twice", name)
		}
		r.byName[name] = made
	}
	r.commands = append(r.commands, made)
	return nil
}

// own are the commands that belong to the engine. Where no command of the families waits
// for approval, there is none that gives it.
func (r *Registry) own() []Command {
	own := []Command{r.help(), r.undoCommand()}
	if len(r.Approving()) > 0 {
		own = append(append(own, r.approveCommand()), r.waitingCommands()...)
	}
	return own
}

// List returns the commands that the actor may run, by name. Arguments may still
// ask for more.
func (r *Registry) List(a Actor) []Info {
	var out []Info
	for _, c := range r.commands {
		if may(a, c) == nil {
			out = append(out, c.Info)
		}
	}
	return out
}

// All returns every command by name, whoever may run it.
func (r *Registry) All() []Info {
	out := make([]Info, len(r.commands))
	for i, c := range r.commands {
		out[i] = c.Info
	}
	return out
}

// Lookup returns a command by its full name, whoever may run it, or an error with code
// NotFound.
func (r *Registry) Lookup(name string) (Info, error) {
	c := r.byName[name]
	if c == nil || c.Name != name {
		return Info{}, core.Errorf(core.NotFound, "there is no such command for you")
	}
	return c.Info, nil
}

// Named is Lookup for a command that the actor may run: others are not told of it.
func (r *Registry) Named(a Actor, name string) (Info, error) {
	info, err := r.Lookup(name)
	if err == nil && may(a, r.byName[name]) != nil {
		return Info{}, core.Errorf(core.NotFound, "there is no such command for you")
	}
	return info, err
}

// Options are what may be chosen for an argument, when that is a list: its choices,
// or the classes that the actor may name.
func (r *Registry) Options(ctx context.Context, a Actor, arg Arg) ([]string, error) {
	if arg.Type != TypeClass {
		return arg.Choices, nil
	}
	classes, err := r.deps.Members.Classes(ctx)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range slices.Backward(classes) { // lowest first
		if !c.Secondary && c.Name != member.BotClass && (!arg.Below || a.mayGive(c)) {
			out = append(out, c.Name)
		}
	}
	return out, nil
}
