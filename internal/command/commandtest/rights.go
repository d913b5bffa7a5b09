// Package commandtest lets the tests of a face ask the engine itself who may run what, so
// that no test repeats the rules. Only tests import it.
//
// Concurrency: nothing is shared.
package commandtest

import (
	"context"
	"maps"
	"slices"

	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

// Order is a command with arguments that are right in form.
type Order struct {
	command.Info
	Given map[string]string
}

// Names are what orders are about: a member, a torrent's number, and a class.
type Names struct{ Member, Torrent, Class string }

// Orders returns each command of the registry with all the arguments that it must have,
// and once more with those that name somebody else where they may be left out.
func Orders(r *command.Registry, n Names) []Order {
	var out []Order
	for _, info := range r.All() {
		least := Order{Info: info, Given: map[string]string{}}
		other := Order{Info: info, Given: map[string]string{}}
		for _, a := range info.Args {
			switch {
			case !a.Optional:
				least.Given[a.Name], other.Given[a.Name] = n.value(a), n.value(a)
			case a.Other != "":
				other.Given[a.Name] = n.value(a)
			}
		}
		out = append(out, least)
		if len(other.Given) > len(least.Given) {
			out = append(out, other)
		}
	}
	return out
}

// value is one that fits an argument.
func (n Names) value(a command.Arg) string {
	if a.Name == "cause" {
		return string(member.Disabled)
	}
	switch a.Type {
	case command.TypeMember:
		return n.Member
	case command.TypeTorrent:
		return n.Torrent
	case command.TypeClass:
		return n.Class
	case command.TypeID:
		return "4711"
	case command.TypeDuration:
		return "1h"
	case command.TypeChoice:
		return a.Choices[0]
	case command.TypeChannel:
		return "#nowhere"
	case command.TypeText:
		return "a good reason"
	}
	return "something"
}

// Line writes the order as people do. What it would change is only rehearsed.
func (o Order) Line() string {
	line := o.Name
	if o.Changes {
		line += " --dry-run"
	}
	var rest []string
	for _, a := range o.Args {
		value, ok := o.Given[a.Name]
		switch {
		case !ok:
		case a.Flag:
			line += " " + command.Join([]string{"--" + a.Name, value})
		default:
			rest = append(rest, value)
		}
	}
	if len(rest) > 0 {
		line += " " + command.Join(rest)
	}
	return line
}

// Ask lets the engine decide on a request. It changes nothing but the audit log.
func (o Order) Ask(ctx context.Context, r *command.Registry, a command.Actor, p command.Place) error {
	_, err := r.Execute(ctx, command.Request{Actor: a, Line: o.Line(), Place: p})
	return err
}

// Denied reports whether an error of the engine says that somebody may not do something.
func Denied(err error) bool { return core.CodeOf(err) == core.Forbidden }

// RunsOn reports whether a command would succeed with a subject as its first argument, for
// some choice of the others.
func RunsOn(ctx context.Context, r *command.Registry, a command.Actor, info command.Info, s command.Subject) (bool, error) {
	orders := []Order{{Info: info, Given: map[string]string{}}}
	first := true
	for _, arg := range info.Args {
		var values []string
		switch {
		case !arg.Flag && first:
			first, values = false, []string{s.Value()}
		case arg.Optional && arg.Type == command.TypeText: // it may have to be given after all
			orders = append(orders, with(orders, arg.Name, []string{Names{}.value(arg)})...)
			continue
		case arg.Optional:
			continue
		default:
			var err error
			if values, err = r.Options(ctx, a, arg); err != nil {
				return false, err
			}
			if len(values) == 0 {
				values = []string{Names{}.value(arg)}
			}
		}
		orders = with(orders, arg.Name, values)
	}
	return slices.ContainsFunc(orders, func(o Order) bool { return o.Ask(ctx, r, a, command.Private) == nil }), nil
}

// with gives each order each of some values.
func with(orders []Order, name string, values []string) []Order {
	var out []Order
	for _, o := range orders {
		for _, v := range values {
			given := maps.Clone(o.Given)
			given[name] = v
			out = append(out, Order{Info: o.Info, Given: given})
		}
	}
	return out
}

// Promote gives a member a secondary class that permits what moderators may do, and that
// alone makes them outrank users.
func Promote(ctx context.Context, store *member.Store, id core.MemberID) error {
	const duty = "First-line Support"
	classes, err := store.Classes(ctx)
	if err != nil {
		return err
	}
	for _, c := range classes {
		if c.Name != "Moderator" {
			continue
		}
		for p := range c.Permissions {
			if err := store.SetClassPermission(ctx, duty, p, true); err != nil {
				return err
			}
		}
	}
	return store.SetSecondary(ctx, id, duty, true)
}
