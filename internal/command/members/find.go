package members

import (
	"context"
	"fmt"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/client"
	"github.com/caduceus-bio/caduceus/internal/command"
	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/member"
)

const findLines = 15

type findArgs struct {
	Part    string         `arg:"part,optional" hint:"Part of a name, or # and a number."`
	Class   string         `arg:"class,flag,optional" hint:"Their class, or a duty beside it."`
	Held    string         `arg:"held,flag,optional" hint:"What concerns them, such as warned; or enabled."`
	Client  string         `arg:"client,flag,optional" hint:"The beginning of a client's name, such as Transmission 4.0: who announced with it lately."`
	Inviter *member.Member `arg:"inviter,flag" hint:"Who invited them."`
	After   string         `arg:"after,flag,optional" hint:"Names after this one."`
}

// find looks for accounts. What a member may hide is looked for by those alone who may see
// it: clients with the announces, inviters with the tree.
func (d Deps) find() command.Command {
	return command.Question[findArgs]{
		Spec: command.Spec{Name: "member find", Summary: "members by a part of the name, a number, class, client, inviter, or what concerns them", Permission: core.MemberSeePrivate, Secret: true},
		Run: func(ctx context.Context, c command.Call, a findArgs) (command.Reply, error) {
			f, again, err := d.filter(ctx, c, a)
			if err != nil {
				return command.Reply{}, err
			}
			list, count, err := d.Members.Find(ctx, f, findLines+1)
			if err != nil {
				return command.Reply{}, err
			}
			t := command.Table{Columns: []string{"Member", "Number", "Class", "State"}, Empty: "Nobody fits."}
			if len(list) > findLines {
				list = list[:findLines]
				many := fmt.Sprint(count)
				if count > member.MostCounted {
					many = fmt.Sprintf("more than %d", member.MostCounted)
				}
				again += " --after " + list[findLines-1].Name
				if a.Part != "" {
					again += " " + command.Join([]string{a.Part})
				}
				t.More = fmt.Sprintf("There are %s. More: %s", many, again)
			}
			for _, m := range list {
				t.Rows = append(t.Rows, command.Row{Cells: []string{m.Name, fmt.Sprint(m.ID), classesOf(m), stateOf(m)}, Link: d.card(m),
					Text: fmt.Sprintf("%s, id %d, %s, %s", m.Name, m.ID, classesOf(m), stateOf(m))})
			}
			r := command.Reply{Blocks: []command.Block{t}}
			if f.Client != "" {
				common, err := d.Members.ClientIsCommon(ctx, f.Client)
				if err != nil {
					return command.Reply{}, err
				}
				if common {
					r.Blocks = append(r.Blocks, command.Line{Text: "These are only some of those who use it: more announces are with this client than are looked through. Write its version, too."})
				}
			}
			return r, nil
		},
	}
}

// filter is what the arguments choose, and the line that asks for the same again.
func (d Deps) filter(ctx context.Context, c command.Call, a findArgs) (f member.Filter, again string, err error) {
	f = member.Filter{Part: a.Part, State: strings.ToLower(a.Held), Client: client.Spelled(a.Client), After: a.After}
	words := []string{"member", "find"}
	if strings.ContainsRune(a.Part, '@') {
		return f, "", core.FieldErrorf("part", "a mail address is looked for with member at; write the whole of it")
	}
	if a.Class != "" {
		if f.Class, err = d.Members.ClassNamed(ctx, a.Class); err != nil {
			return f, "", err
		}
		words = append(words, "--class", f.Class.Name)
	}
	if f.State != "" {
		if f.State != "enabled" && member.Effect(f.State).Info().Effect == "" {
			return f, "", core.FieldErrorf("held", "there is nothing of that kind; there are enabled, %s", effectNames())
		}
		words = append(words, "--held", f.State)
	}
	if f.Client != "" {
		if !c.Actor.Can(core.TrackerRead) {
			return f, "", core.Errorf(core.Forbidden, "to look for a client takes the permission %s", core.TrackerRead)
		}
		words = append(words, "--client", f.Client)
	}
	if a.Inviter != nil {
		if !c.Actor.Can(core.InviteManage) {
			return f, "", core.Errorf(core.Forbidden, "to look for those whom somebody invited takes the permission %s", core.InviteManage)
		}
		f.Inviter = a.Inviter.ID
		words = append(words, "--inviter", a.Inviter.Name)
		err = d.Members.LookAtInvites(ctx, c.Actor.Sees(), f.Inviter)
	}
	return f, command.Join(words), err
}

// classesOf are the class of a member and their duties.
func classesOf(m member.Member) string {
	names := []string{m.Class.Name}
	for _, c := range m.Secondary {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}
