package command

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/db"
)

// Spec is what the table says of a command.
type Spec struct {
	Name       string   // one or two words in lower case, such as "member create"
	Aliases    []string // other names, of one or two words
	Summary    string
	Permission core.Permission   // "" for every member
	Any        []core.Permission // where it isn't nil, one of these is needed besides
	Shell      bool              // for the shell of the machine alone
	Guest      bool              // also for those who are not logged in
	Public     bool              // may be answered in any channel, else only in private and among staff
	Secret     bool              // the answer goes to the asker alone, wherever it was asked
	Button     string            // its label on a page about a subject; "" is the summary, up to a semicolon
	Reveals    bool              // the answer may hold a key or passphrase, so it must not travel in clear
	// Approve says that another member of staff, who could do it as well, has to approve the
	// act before it is done: see Action.ApproveIf. Whoever approves it is given the answer,
	// so that it must hold no secret.
	Approve bool
	Watched bool // a question that shows what is somebody else's: each is in the audit log
	// Form is the address of its form on the site, for a command with a Document: no line
	// and no form that is drawn of its arguments can hold that. It is "" for all others.
	Form string
	// Offer says whether a page about a subject offers the command, which takes one
	// as its first argument; nil is always.
	Offer func(s Subject) bool
}

// Command is one row of the table: a Question or an Action.
type Command interface{ compile() (*command, error) }

// None are the arguments of a command that takes none.
type None struct{}

// Question is a command that changes nothing. A is a struct whose tagged fields are
// its arguments; see Arg.
type Question[A any] struct {
	Spec
	Run func(ctx context.Context, c Call, a A) (Reply, error)
}

// Action is a command that changes something. Its functions are given the running
// transaction and must read and write through stores bound to it (their method In).
type Action[A any] struct {
	Spec
	// Prepare may be nil. It does what takes long and needs no transaction, such as
	// hashing, and keeps what comes of it in fields of A that are no arguments.
	Prepare func(ctx context.Context, c Call, a *A) error
	// Preview is set for commands that destroy or touch many. It says what would
	// happen; the command runs once the asker confirms, and as long as the state
	// is the same then.
	Preview func(ctx context.Context, tx *db.Tx, c Call, a A) ([]string, error)
	// ApproveIf may be nil. It narrows Spec.Approve to calls that ask for approval, by the
	// actor and the arguments.
	ApproveIf func(c Call, a A) bool
	// State is what a decision for this command rests on, in words that differ when
	// it would have to be taken again. Confirming and undoing compare it. Where it
	// is nil, confirming compares the preview.
	State func(ctx context.Context, tx *db.Tx, c Call, a A) (string, error)
	Run   func(ctx context.Context, tx *db.Tx, c Call, a A) (Reply, error)
}

// Invocation is a command with its arguments, such as the one that takes back what
// another did.
type Invocation struct {
	Name string
	Args any // the struct of that command
}

// Info is what the faces may know of a command.
type Info struct {
	Spec
	Args     []Arg
	Changes  bool // it changes something, and is in the audit log
	Confirms bool // it says first what it would do, and asks
}

// Usage is the command with all its arguments.
func (i *Info) Usage() string { return i.UsageFor(Shell()) }

// UsageFor is the command with the arguments that the actor may give: not that another
// member may be named, if it is for staff to name one.
func (i *Info) UsageFor(actor Actor) string {
	parts := []string{i.Name}
	for _, a := range i.Args {
		if !a.Optional || a.Other == "" || actor.Can(a.Other) {
			parts = append(parts, a.usage())
		}
	}
	return strings.Join(parts, " ")
}

// First is the first argument by position: what the command is about. It is the zero Arg
// for a command without one.
func (i *Info) First() Arg {
	for _, a := range i.Args {
		if !a.Flag {
			return a
		}
	}
	return Arg{}
}

// Subject is the type of the first argument, "" for a command without one.
func (i *Info) Subject() Type { return i.First().Type }

// command is a row of the table with its types folded away: args is always a
// pointer to the struct of the command.
type command struct {
	Info
	args    reflect.Type
	ask     func(ctx context.Context, c Call, args any) (Reply, error)
	prepare func(ctx context.Context, c Call, args any) error
	preview func(ctx context.Context, tx *db.Tx, c Call, args any) ([]string, error)
	state   func(ctx context.Context, tx *db.Tx, c Call, args any) (string, error)
	act     func(ctx context.Context, tx *db.Tx, c Call, args any) (Reply, error)

	approveIf func(c Call, args any) bool // nil: always
}

func (q Question[A]) compile() (*command, error) {
	if q.Run == nil {
		return nil, fmt.Errorf("command %q does nothing", q.Name)
	}
	if q.Approve {
		return nil, fmt.Errorf("command %q waits for approval, which a question can't", q.Name)
	}
	c, err := newCommand[A](q.Spec)
	if err != nil {
		return nil, err
	}
	c.ask = func(ctx context.Context, call Call, args any) (Reply, error) { return q.Run(ctx, call, *args.(*A)) }
	return c, nil
}

func (a Action[A]) compile() (*command, error) {
	if a.Run == nil {
		return nil, fmt.Errorf("command %q does nothing", a.Name)
	}
	c, err := newCommand[A](a.Spec)
	if err != nil {
		return nil, err
	}
	c.Changes, c.Confirms = true, a.Preview != nil
	for _, arg := range c.Args {
		if c.Confirms && arg.Type == TypeDocument {
			return nil, fmt.Errorf("command %q waits for a confirmation as a line, which its argument %s can't be in", a.Name, arg.Name)
		}
		if c.Approve && arg.Redact {
			return nil, fmt.Errorf("command %q waits for whoever approves it, so its argument %s can't be secret", a.Name, arg.Name)
		}
	}
	if c.Approve && (!c.Confirms || c.Reveals || c.Permission == "") {
		return nil, fmt.Errorf("command %q waits for approval: it needs a permission, a preview for whoever approves it, and an answer without secrets", a.Name)
	}
	if a.ApproveIf != nil {
		c.approveIf = func(call Call, args any) bool { return a.ApproveIf(call, *args.(*A)) }
	}
	c.act = func(ctx context.Context, tx *db.Tx, call Call, args any) (Reply, error) {
		return a.Run(ctx, tx, call, *args.(*A))
	}
	if a.Prepare != nil {
		c.prepare = func(ctx context.Context, call Call, args any) error { return a.Prepare(ctx, call, args.(*A)) }
	}
	if a.Preview != nil {
		c.preview = func(ctx context.Context, tx *db.Tx, call Call, args any) ([]string, error) {
			return a.Preview(ctx, tx, call, *args.(*A))
		}
	}
	if a.State != nil {
		c.state = func(ctx context.Context, tx *db.Tx, call Call, args any) (string, error) {
			return a.State(ctx, tx, call, *args.(*A))
		}
	}
	return c, nil
}

func newCommand[A any](s Spec) (*command, error) {
	t := reflect.TypeFor[A]()
	args, err := argsOf(t)
	if err != nil {
		return nil, fmt.Errorf("command %q: %w", s.Name, err)
	}
	if s.Permission != "" && !core.ValidPermission(s.Permission) {
		return nil, fmt.Errorf("command %q asks for a permission %q that there is not", s.Name, s.Permission)
	}
	if slices.ContainsFunc(args, func(a Arg) bool { return a.Type == TypeDocument }) != (s.Form != "") {
		return nil, fmt.Errorf("command %q: a command has a form of its own if it takes a document, and only then", s.Name)
	}
	return &command{Info: Info{Spec: s, Args: args}, args: t}, nil
}
