package command

import (
	"context"
	"strings"

	"github.com/caduceus-bio/caduceus/internal/core"
	"github.com/caduceus-bio/caduceus/internal/core/text"
)

type helpArgs struct {
	Command Text `arg:"command,optional"`
}

// help lists what the asker may run, and nothing else: it does not tell who has
// which power.
func (r *Registry) help() Command {
	return Question[helpArgs]{
		Spec: Spec{Name: "help", Summary: "what you can ask for; with a command, how to write it", Guest: true, Public: true},
		Run: func(_ context.Context, c Call, a helpArgs) (Reply, error) {
			if topic := strings.ToLower(strings.TrimLeft(string(a.Command), "!")); topic != "" {
				return r.helpOn(c.Actor, topic)
			}
			blocks := usages(r.List(c.Actor))
			if c.Actor.IsGuest() {
				blocks = append(blocks, Line{Text: "Members can ask for more: log in to IRC with your account (SASL)."})
			}
			return Reply{Blocks: blocks}, nil
		},
	}
}

func usages(list []Info) []Block {
	t := Table{Columns: []string{"Command", "What it does"}}
	for _, i := range list {
		t.Rows = append(t.Rows, Row{Cells: []string{i.Usage(), i.Summary}, Text: i.Usage() + " - " + i.Summary})
	}
	return []Block{t}
}

func (r *Registry) helpOn(a Actor, topic string) (Reply, error) {
	if c, rest, ok := r.find(strings.Fields(topic)); ok && len(rest) == 0 && may(a, c) == nil {
		lines := []string{c.Usage(), "  " + c.Summary}
		if len(c.Aliases) > 0 {
			lines = append(lines, "  also: "+strings.Join(c.Aliases, ", "))
		}
		if c.Confirms {
			lines = append(lines, "  shows first what it would do, and does it once you confirm")
		}
		return Reply{Blocks: Lines(lines...)}, nil
	}
	var family []Info
	for _, i := range r.List(a) { // "help member": the commands of a family
		if strings.HasPrefix(i.Name, topic+" ") {
			family = append(family, i)
		}
	}
	if len(family) == 0 {
		return Reply{}, core.Errorf(core.NotFound, "there is no command %q for you; help lists them", text.Cut(topic, 40))
	}
	return Reply{Blocks: usages(family)}, nil
}
