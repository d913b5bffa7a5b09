package command

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Kind says what an argument is and how it is read.
type Kind int

// The kinds.
const (
	Word       Kind = iota // one word, or several in quotes
	Text                   // all words to the end of the line
	ID                     // a positive number
	Duration               // such as 24h, 3d or 2w
	Choice                 // one of Choices
	MemberName             // an account, by name
	ClassName              // a primary class, by name
	TorrentID              // a torrent that is there, by id
)

// Arg is one argument of a command.
type Arg struct {
	Name     string // lower case
	Kind     Kind
	Optional bool
	Flag     bool // given by name, "--class NAME", anywhere in the line
	Choices  []string
	// Other is needed when the member is somebody else than the actor, or the
	// torrent somebody else's.
	Other core.Permission
	// Below wants a member, or a class, below the actor's own.
	Below bool
	// Redact keeps the value out of the audit log.
	Redact bool
}

// usage is how an argument is written in help.
func (a Arg) usage() string {
	text := strings.ToUpper(a.Name)
	if a.Kind == Choice {
		text = strings.Join(a.Choices, "|")
	}
	if a.Flag {
		text = "--" + a.Name + " " + text
	}
	if a.Optional {
		text = "[" + text + "]"
	}
	return text
}

// Usage is the command with its arguments, as help shows it.
func (s *Spec) Usage() string {
	parts := []string{s.Name}
	for _, a := range s.Args {
		parts = append(parts, a.usage())
	}
	return strings.Join(parts, " ")
}

// Call is a command that was understood and may run: what it is given is
// parsed, found in the database and allowed.
type Call struct {
	Actor  Actor
	Place  Place
	Zone   *time.Location // nil when unknown
	Now    time.Time
	given  map[string]string // as text
	values map[string]any    // as what it means
}

// Has reports whether an optional argument was given.
func (c Call) Has(name string) bool { _, ok := c.values[name]; return ok }

// Text returns a Word, Text or Choice, "" when it was not given.
func (c Call) Text(name string) string { return value[string](c, name) }

// ID returns an ID, 0 when it was not given.
func (c Call) ID(name string) int64 { return value[int64](c, name) }

// Duration returns a Duration, 0 when it was not given.
func (c Call) Duration(name string) time.Duration { return value[time.Duration](c, name) }

// Member returns a MemberName.
func (c Call) Member(name string) member.Member { return value[member.Member](c, name) }

// Class returns a ClassName.
func (c Call) Class(name string) member.Class { return value[member.Class](c, name) }

// Torrent returns a TorrentID.
func (c Call) Torrent(name string) catalog.Torrent { return value[catalog.Torrent](c, name) }

func value[T any](c Call, name string) T {
	v, _ := c.values[name].(T) // absent: the zero value
	return v
}

// bind sorts words to the arguments of s, as text. Flags may stand anywhere
// before a Text argument has begun.
func bind(s *Spec, words []string) (map[string]string, error) {
	given := map[string]string{}
	wrong := func(format string, args ...any) error {
		e := core.Errorf(core.Invalid, format, args...)
		e.Text += "; usage: " + s.Usage()
		return e
	}
	hasFlags := slices.ContainsFunc(s.Args, func(a Arg) bool { return a.Flag })
	position := slices.DeleteFunc(slices.Clone(s.Args), func(a Arg) bool { return a.Flag })
	for len(words) > 0 {
		word := words[0]
		if hasFlags && strings.HasPrefix(word, "--") {
			name, val, inline := strings.Cut(word[2:], "=")
			i := slices.IndexFunc(s.Args, func(a Arg) bool { return a.Flag && a.Name == name })
			if i < 0 {
				return nil, wrong("there is no option --%s", name)
			}
			words = words[1:]
			if !inline {
				if len(words) == 0 {
					return nil, wrong("--%s needs a value", name)
				}
				val, words = words[0], words[1:]
			}
			given[name] = val
			continue
		}
		if len(position) == 0 {
			return nil, wrong("%q is too much", word)
		}
		arg := position[0]
		position = position[1:]
		if arg.Kind == Text {
			given[arg.Name] = strings.Join(words, " ")
			break
		}
		given[arg.Name] = word
		words = words[1:]
	}
	for _, a := range s.Args {
		if !a.Optional && strings.TrimSpace(given[a.Name]) == "" {
			return nil, wrong("%s is missing", a.Name)
		}
	}
	return given, nil
}

// resolve turns the given texts into what they mean and checks what the table
// asks of them.
func (r *Registry) resolve(ctx context.Context, actor Actor, s *Spec, given map[string]string) (map[string]any, error) {
	values := map[string]any{}
	for _, a := range s.Args {
		text, ok := given[a.Name]
		if !ok {
			continue
		}
		v, err := r.resolveOne(ctx, actor, a, text)
		if err != nil {
			return nil, err
		}
		values[a.Name] = v
	}
	return values, nil
}

func (r *Registry) resolveOne(ctx context.Context, actor Actor, a Arg, text string) (any, error) {
	switch a.Kind {
	case ID:
		return parseID(text)
	case Duration:
		return ParseDuration(text)
	case Choice:
		if i := slices.IndexFunc(a.Choices, func(c string) bool { return strings.EqualFold(c, text) }); i >= 0 {
			return a.Choices[i], nil
		}
		return nil, core.Errorf(core.Invalid, "%s must be one of %s", a.Name, strings.Join(a.Choices, ", "))
	case MemberName:
		return r.memberArg(ctx, actor, a, text)
	case ClassName:
		return r.classArg(ctx, actor, a, text)
	case TorrentID:
		return r.torrentArg(ctx, actor, a, text)
	default:
		return strings.TrimSpace(text), nil
	}
}

func (r *Registry) memberArg(ctx context.Context, actor Actor, a Arg, text string) (any, error) {
	m, err := r.deps.Members.ByName(ctx, text)
	if core.CodeOf(err) == core.NotFound {
		return nil, core.Errorf(core.NotFound, "there is no member %q", text)
	}
	if err != nil {
		return nil, err
	}
	if a.Other != "" && m.ID != actor.Member.ID && !actor.can(a.Other) {
		return nil, core.Errorf(core.Forbidden, "you may ask this about yourself only")
	}
	if a.Below && m.Class.Name == member.BotClass {
		return nil, core.Errorf(core.Forbidden, "%s is the program's own account", m.Name)
	}
	if a.Below && !actor.above(m) {
		return nil, core.Errorf(core.Forbidden, "you can't do this to %s: only to members whose class is below yours, and not to yourself", m.Name)
	}
	return m, nil
}

func (r *Registry) classArg(ctx context.Context, actor Actor, a Arg, text string) (any, error) {
	classes, err := r.deps.Members.Classes(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range classes {
		if c.Secondary {
			continue
		}
		if !strings.EqualFold(c.Name, text) {
			names = append(names, c.Name)
			continue
		}
		if c.Name == member.BotClass {
			return nil, core.Errorf(core.Forbidden, "the class %s belongs to the program's own account", c.Name)
		}
		if a.Below && !actor.isShell() && c.Level >= actor.Member.Class.Level {
			return nil, core.Errorf(core.Forbidden, "you can give only classes below your own")
		}
		return c, nil
	}
	return nil, core.Errorf(core.Invalid, "there is no class %q; there are %s", text, strings.Join(names, ", "))
}

func (r *Registry) torrentArg(ctx context.Context, actor Actor, a Arg, text string) (any, error) {
	id, err := parseID(text)
	if err != nil {
		return nil, err
	}
	t, err := r.deps.Catalog.Torrent(ctx, viewer(actor), core.TorrentID(id))
	if err != nil {
		return nil, err
	}
	if a.Other == "" || actor.can(a.Other) {
		return t, nil
	}
	owner, err := r.deps.Catalog.Owner(ctx, t.ID)
	if err != nil {
		return nil, err
	}
	if actor.Member.ID == 0 || owner != actor.Member.ID {
		return nil, core.Errorf(core.Forbidden, "torrent %d is not yours", id)
	}
	return t, nil
}
