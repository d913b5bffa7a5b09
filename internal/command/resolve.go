package command

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/audit"
	"github.com/caduceus-bio/caduceus/internal/catalog"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
	"github.com/caduceus-bio/caduceus/internal/db"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// resolver turns texts into what they mean, as one transaction or the database
// sees it.
type resolver struct {
	actor   Actor
	members *member.Store
	catalog *catalog.Store
}

// resolver returns one for the actor that reads in tx, or outside of any when tx
// is nil.
func (r *Registry) resolver(tx *db.Tx, a Actor) resolver {
	if tx == nil {
		return resolver{a, r.deps.Members, r.deps.Catalog}
	}
	return resolver{a, r.deps.Members.In(tx), r.deps.Catalog.In(tx)}
}

// fill puts what was given into the struct that args points to, and checks what
// the table asks of it. It writes names into given as the accounts are spelled, and
// returns what the command is about, for the audit log.
func (r resolver) fill(ctx context.Context, c *command, given map[string]string, args any) (subject string, err error) {
	into := reflect.ValueOf(args).Elem()
	for _, a := range c.Args {
		value, ok := given[a.Name]
		if !ok {
			continue
		}
		v, about, err := r.one(ctx, a, value)
		if err != nil {
			return "", inArgument(err, a)
		}
		if m, ok := v.(member.Member); ok {
			given[a.Name] = m.Name
		}
		if subject == "" {
			subject = about
		}
		set(into.Field(a.field), reflect.ValueOf(v))
	}
	return subject, nil
}

// inArgument is err with the argument at fault, where it names none yet. What is no fault
// of what was given is left as it is.
func inArgument(err error, a Arg) error {
	var e *core.Error
	if !errors.As(err, &e) || e.Field != "" || e.Code == core.Internal || e.Code == core.Unavailable {
		return err
	}
	named := *e
	named.Field = a.Name
	return &named
}

func set(field, v reflect.Value) {
	if field.Kind() == reflect.Pointer {
		p := reflect.New(field.Type().Elem())
		p.Elem().Set(v.Convert(p.Elem().Type()))
		field.Set(p)
		return
	}
	field.Set(v.Convert(field.Type()))
}

// one reads one argument. Its value converts to the type of the field.
func (r resolver) one(ctx context.Context, a Arg, value string) (v any, subject string, err error) {
	switch a.Type {
	case TypeID:
		v, err = parseID(value)
	case TypeDuration:
		v, err = text.ParseDuration(value)
	case TypeChoice:
		i := slices.IndexFunc(a.Choices, func(c string) bool { return strings.EqualFold(c, value) })
		if i < 0 {
			return nil, "", core.FieldErrorf(a.Name, "%s must be one of %s", a.Name, strings.Join(a.Choices, ", "))
		}
		v = a.Choices[i]
	case TypeMember:
		var m member.Member
		m, err = r.member(ctx, a, value)
		v, subject = m, audit.MemberSubject(m.ID)
	case TypeClass:
		v, err = r.class(ctx, a, value)
	case TypeTorrent:
		var t catalog.Torrent
		t, err = r.torrent(ctx, a, value)
		v, subject = t, audit.TorrentSubject(t.ID)
	case TypeChannel:
		v, subject = strings.TrimSpace(value), audit.ChannelSubject(strings.TrimSpace(value))
	default:
		v = strings.TrimSpace(value)
	}
	return v, subject, err
}

func (r resolver) member(ctx context.Context, a Arg, name string) (member.Member, error) {
	m, err := r.members.ByName(ctx, name)
	if core.CodeOf(err) == core.NotFound {
		return m, core.Errorf(core.NotFound, "there is no member %q", name)
	}
	if err != nil {
		return m, err
	}
	return m, a.allowsMember(r.actor, m)
}

// allowsMember reports whether the actor may name m as this argument: the rule of
// rank, and of what is private.
func (a Arg) allowsMember(actor Actor, m member.Member) error {
	switch {
	case a.Other != "" && m.ID != actor.Member.ID && !actor.Can(a.Other):
		return core.Errorf(core.Forbidden, "you may ask this about yourself only")
	case a.Below:
		return actor.MayActOn(m)
	}
	return nil
}

func (r resolver) class(ctx context.Context, a Arg, name string) (member.Class, error) {
	classes, err := r.members.Classes(ctx)
	if err != nil {
		return member.Class{}, err
	}
	var names []string
	for _, c := range classes {
		switch {
		case c.Secondary:
		case !strings.EqualFold(c.Name, name):
			names = append(names, c.Name)
		case c.Name == member.BotClass:
			return c, core.Errorf(core.Forbidden, "the class %s belongs to the program's own account", c.Name)
		case a.Below && !r.actor.mayGive(c):
			return c, core.Errorf(core.Forbidden, "you can give only classes below your own")
		default:
			return c, nil
		}
	}
	return member.Class{}, core.FieldErrorf(a.Name, "there is no class %q; there are %s", text.Cut(name, 40), strings.Join(names, ", "))
}

func (r resolver) torrent(ctx context.Context, a Arg, number string) (catalog.Torrent, error) {
	id, err := parseTorrent(number)
	if err != nil {
		return catalog.Torrent{}, err
	}
	t, err := r.catalog.Torrent(ctx, Viewer(r.actor), core.TorrentID(id))
	if err != nil {
		return t, err
	}
	return t, a.allowsTorrent(r.actor, t)
}

// allowsTorrent reports whether the actor may name t, as they see it, as this
// argument.
func (a Arg) allowsTorrent(actor Actor, t catalog.Torrent) error {
	if a.Other == "" || actor.Can(a.Other) || t.Mine {
		return nil
	}
	return core.Errorf(core.Forbidden, "torrent %d is not yours", t.ID)
}

// Viewer is the actor as the catalogue knows who looks at it.
func Viewer(a Actor) catalog.Viewer {
	return catalog.Viewer{ID: a.Member.ID, SeeHidden: a.Can(core.TorrentSeeHidden)}
}
